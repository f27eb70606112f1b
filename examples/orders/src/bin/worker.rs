//! The order processor as a worker, for containers and bare machines.

#[tokio::main]
async fn main() -> Result<(), pontoon::handler::BoxError> {
    orders::processor::worker().await
}
