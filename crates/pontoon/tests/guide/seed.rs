use aws_sdk_dynamodb::types::AttributeValue;
use pontoon::aws::SdkConfig;
use pontoon::event_store::{Appended, Direction, DynamoDbEventStore, EventStore, Expected, StreamId};
use pontoon::handler::{BoxError, HandleError};
use pontoon::metrics::MetricsPublisher;
use pontoon::publish::{EventBus, PublishError, Publisher};
use pontoon::schema::{EventSchemas, SchemaError, Validator};
use pontoon::{DomainEvent, Envelope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub order_id: String,
    pub customer_id: String,
    pub status: String,
    pub amount: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(source = "order-service", prefix = "Order")]
pub enum OrderEvent {
    Created(Order),
    Updated(Order),
    Cancelled(Order),
}

pub fn publisher(config: &SdkConfig, schema_file: &str) -> Result<Publisher<EventBus>, SchemaError> {
    let bus = EventBus::new(aws_sdk_eventbridge::Client::new(config), "my-event-bus");
    Ok(Publisher::new(bus).validate(EventSchemas::of_events(Validator::from_file(schema_file)?)))
}

pub async fn publish(publisher: &Publisher<EventBus>, order: Order) -> Result<String, PublishError> {
    let published = publisher.publish(OrderEvent::Created(order)).await?;
    Ok(published.message_id)
}

#[derive(Clone)]
pub struct Processor {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sns: aws_sdk_sns::Client,
    pub orders_table: String,
    pub notifications_topic: String,
}

impl Processor {
    pub async fn process(&self, event: Envelope<OrderEvent>) -> Result<(), HandleError> {
        let (OrderEvent::Created(order) | OrderEvent::Updated(order) | OrderEvent::Cancelled(order)) =
            event.payload;
        self.dynamodb
            .update_item()
            .table_name(&self.orders_table)
            .key("orderId", AttributeValue::S(order.order_id.clone()))
            .update_expression("SET #status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", AttributeValue::S(order.status.clone()))
            .send()
            .await?;
        let note = json!({
            "orderId": order.order_id,
            "status": order.status,
            "message": format!("Order {} is now {}", order.order_id, order.status),
        });
        self.sns.publish().topic_arn(&self.notifications_topic).message(note.to_string()).send().await?;
        Ok(())
    }
}

pub fn count_order(metrics: &MetricsPublisher, status: &str) -> Result<(), BoxError> {
    metrics.count("OrdersProcessed", 1.0, &[("Status", status)])?;
    Ok(())
}

pub async fn append(
    store: &DynamoDbEventStore,
    stream: &StreamId,
    events: Vec<OrderEvent>,
    expected_version: u64,
) -> Result<Appended, BoxError> {
    let events = events.into_iter().map(|event| Envelope::new(event).encode()).collect::<Result<_, _>>()?;
    Ok(store.append(stream, Expected::Exact(expected_version), events).await?)
}

pub async fn events(
    store: &DynamoDbEventStore,
    stream: &StreamId,
    from_version: u64,
) -> Result<Vec<Envelope<OrderEvent>>, BoxError> {
    let recorded = store.read(stream, from_version, Direction::Forward, 1000).await?;
    Ok(recorded.iter().map(|event| event.decode()).collect::<Result<_, _>>()?)
}
