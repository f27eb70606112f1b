use pontoon::aws;
use pontoon::handler::BoxError;
use pontoon::publish::{EventBus, Publisher};
use pontoon::worker::{Worker, interrupted};

use crate::handler::router;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let config = aws::config().await;
    let bus = EventBus::new(aws_sdk_eventbridge::Client::new(&config), std::env::var("BUS")?);
    let sqs = aws_sdk_sqs::Client::new(&config);
    Worker::new(sqs, std::env::var("QUEUE")?, router(Publisher::new(bus))).run(interrupted()).await?;
    Ok(())
}
