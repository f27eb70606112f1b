use pontoon::aws;
use pontoon::function::Function;
use pontoon::handler::BoxError;
use pontoon::publish::{EventBus, Publisher};

use crate::handler::router;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let config = aws::config().await;
    let bus = EventBus::new(aws_sdk_eventbridge::Client::new(&config), std::env::var("BUS")?);
    let function = Function::new(router(Publisher::new(bus)));
    function.with_sqs(aws_sdk_sqs::Client::new(&config)).run().await
}
