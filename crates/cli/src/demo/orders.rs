//! Order events: made, validated against the schema, published.

use jsonschema::Validator;
use pontoon_api::events;
use serde_json::{Value, json};

use crate::local::Local;

/// Publishes order events that are valid by the schema.
pub struct Publisher<'l> {
    local: &'l Local,
    schema: Validator,
    bus: String,
}

/// An order of the demo.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Last digits of its id.
    pub number: u32,
    /// Its customer.
    pub customer: &'static str,
    /// Its status.
    pub status: &'static str,
    /// What it is worth.
    pub amount: f64,
}

impl Order {
    /// The order's id, a UUID.
    pub fn id(self) -> String {
        format!("0d0e0000-0000-4000-8000-{:012}", self.number)
    }
}

impl<'l> Publisher<'l> {
    /// A publisher onto `bus`.
    ///
    /// # Errors
    /// If the schema is not one.
    pub fn new(local: &'l Local, bus: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(orders::EVENT_SCHEMA).map_err(|error| error.to_string())?;
        let schema = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .map_err(|error| error.to_string())?;
        Ok(Self { local, schema, bus: bus.to_owned() })
    }

    /// Publishes an order, if its event is valid; gives the event's id.
    ///
    /// # Errors
    /// Every way in which the event breaks the schema, or AWS's error.
    pub async fn publish(&self, detail_type: &str, order: Order) -> Result<String, Vec<String>> {
        let detail = json!({
            "orderId": order.id(),
            "customerId": order.customer,
            "status": order.status,
            "amount": order.amount,
        });
        // The envelope as the bus will deliver it; its id is the bus's to give.
        let event = json!({
            "version": "1.0",
            "id": "00000000-0000-4000-8000-000000000000",
            "detail-type": detail_type,
            "source": "order-service",
            "time": self.local.host().now().iso_secs(),
            "detail": detail,
        });
        let broken: Vec<String> = self
            .schema
            .iter_errors(&event)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if !broken.is_empty() {
            return Err(broken);
        }
        let entry = events::PutEventsRequestEntry {
            source: Some("order-service".to_owned()),
            detail_type: Some(detail_type.to_owned()),
            detail: Some(detail.to_string()),
            event_bus_name: Some(self.bus.clone()),
            ..Default::default()
        };
        let put = events::PutEventsInput { entries: vec![entry], ..Default::default() };
        let output: events::PutEventsOutput =
            self.local.call(events::Request::PutEvents(put)).await.map_err(|error| vec![error.message])?;
        let result = output.entries.unwrap_or_default().into_iter().next().unwrap_or_default();
        result.event_id.ok_or_else(|| vec![result.error_message.unwrap_or_default()])
    }
}
