//! Order events of the demo: made, validated against the schema, published.

use orders::order::{Order, OrderEvent, Status};
use pontoon::publish::{EventBus, PublishError, Publisher};

use crate::local::Local;

/// An order of the demo: the last digits of its id, its customer, status and amount.
pub fn order(number: u32, customer: &str, status: Status, amount: f64) -> Order {
    Order {
        order_id: format!("0d0e0000-0000-4000-8000-{number:012}"),
        customer_id: customer.to_owned(),
        status,
        amount,
    }
}

/// A publisher of order events that are valid by the schema onto `bus`.
///
/// # Errors
/// If the schema is not one.
pub fn publisher(local: &Local, bus: &str) -> Result<Publisher<EventBus>, String> {
    let config = pontoon::aws::config_for(local.endpoint());
    orders::shop::publisher(&config, bus).map_err(|error| error.to_string())
}

/// Publishes that an order was created, if the event is valid; gives the event's id.
///
/// # Errors
/// In which ways the event breaks the schema, or AWS's error.
pub async fn publish(publisher: &Publisher<EventBus>, order: &Order) -> Result<String, PublishError> {
    let published = publisher.publish(OrderEvent::Created(order.clone())).await?;
    Ok(published.message_id)
}
