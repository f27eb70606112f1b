//! The order processor as a Lambda function, as `provided.al2023` starts it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), pontoon::handler::BoxError> {
    orders::processor::function().await
}
