use std::time::Duration;

use pontoon::handler::{Handling, Router};
use pontoon::idempotency::{DynamoDbIdempotency, Idempotency};
use pontoon::metrics::Emf;
use pontoon::middleware::{Idempotent, IdempotentService, Timeout, TimeoutService};
use tower::ServiceBuilder;

pub fn handling(
    router: Router,
    dynamodb: aws_sdk_dynamodb::Client,
) -> Handling<TimeoutService<IdempotentService<Router>>> {
    let once = Idempotency::new(DynamoDbIdempotency::new(dynamodb, "idempotency"));
    let service = ServiceBuilder::new()
        .layer(Timeout::new(Duration::from_secs(8)))
        .layer(Idempotent::new(once, "confirm"))
        .service(router);
    Handling::new(service).concurrency(4).metrics(Emf::stdout("Shop"))
}
