//! The processor: takes order events from the queue, records each order's status, tells the customer.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use pontoon::aws::SdkConfig;
use pontoon::function::Function;
use pontoon::handler::{BoxError, HandleError, Handling, Router};
use pontoon::metrics::Emf;
use pontoon::{Envelope, aws};
use serde_json::json;

use crate::order::{Order, OrderEvent, Status};

/// The namespace of its metrics.
const METRICS: &str = "Orders";

/// What the processor works with; each field but the clients is an environment variable of the template's function.
#[derive(Clone, Debug)]
pub struct Processor {
    dynamodb: aws_sdk_dynamodb::Client,
    sns: aws_sdk_sns::Client,
    orders_table: String,
    notifications_topic: String,
    gateway_is_down: bool,
}

impl Processor {
    /// The processor that the environment describes.
    ///
    /// # Errors
    /// If `ORDERS_TABLE` or `ORDER_NOTIFICATIONS_TOPIC` is missing.
    pub fn from_environment(config: &SdkConfig) -> Result<Self, BoxError> {
        Self::from_variables(config, |name| std::env::var(name).ok())
    }

    /// The same, from variables of another place.
    ///
    /// # Errors
    /// As there.
    pub fn from_variables(
        config: &SdkConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BoxError> {
        let required =
            |name: &str| variable(name).ok_or_else(|| BoxError::from(format!("{name} is not set")));
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            orders_table: required("ORDERS_TABLE")?,
            notifications_topic: required("ORDER_NOTIFICATIONS_TOPIC")?,
            gateway_is_down: variable("PAYMENT_GATEWAY").is_some_and(|gateway| gateway == "down"),
        })
    }

    /// What to do with each event, for any host.
    #[must_use]
    pub fn handling(self) -> Handling<Router> {
        let processor = Arc::new(self);
        let router = Router::new().on(move |event: Envelope<OrderEvent>, _context| {
            let processor = Arc::clone(&processor);
            async move { processor.process(event.payload.order()).await }
        });
        Handling::new(router)
    }

    async fn process(&self, order: &Order) -> Result<(), HandleError> {
        if order.status == Status::Processing && self.gateway_is_down {
            let reason = format!("the payment gateway is down; order {} cannot be processed", order.order_id);
            return Err(HandleError::transient(reason));
        }
        self.dynamodb
            .update_item()
            .table_name(&self.orders_table)
            .key("orderId", AttributeValue::S(order.order_id.clone()))
            .update_expression("SET #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", AttributeValue::S(order.status.as_str().into()))
            .send()
            .await?;
        let note = json!({
            "orderId": order.order_id,
            "status": order.status,
            "message": format!("Order {} is now {}", order.order_id, order.status.as_str()),
        });
        self.sns.publish().topic_arn(&self.notifications_topic).message(note.to_string()).send().await?;
        Ok(())
    }
}

/// The processor as a Lambda function, until Lambda ends it.
///
/// # Errors
/// If the environment lacks something, or there is no Lambda around it.
pub async fn function() -> Result<(), BoxError> {
    let processor = Processor::from_environment(&aws::config().await)?;
    // Lambda makes metrics of what it finds in the log.
    Function::with(processor.handling().metrics(Emf::stdout(METRICS))).run().await
}

/// The processor as a worker that polls the queue `ORDER_EVENTS_QUEUE`, a URL, until it is interrupted.
///
/// # Errors
/// If the environment lacks something, or the queue cannot be read.
#[cfg(feature = "worker")]
pub async fn worker() -> Result<(), BoxError> {
    use pontoon::metrics::MetricsPublisher;
    use pontoon::worker::{Worker, interrupted};

    let config = aws::config().await;
    let queue = std::env::var("ORDER_EVENTS_QUEUE").map_err(|_| "ORDER_EVENTS_QUEUE is not set")?;
    let metrics = MetricsPublisher::new(aws_sdk_cloudwatch::Client::new(&config), METRICS);
    let handling = Processor::from_environment(&config)?.handling().metrics(metrics);
    Worker::with(aws_sdk_sqs::Client::new(&config), queue, handling).run(interrupted()).await?;
    Ok(())
}
