use pontoon::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all_fields = "camelCase")]
#[event(source = "order-service", prefix = "Order")]
pub enum OrderEvent {
    /// A customer placed it.
    Created {
        order_id: String,
        #[schemars(range(min = 0.0))]
        amount: f64,
    },
    /// The shop will deliver it.
    Confirmed { order_id: String },
}
