use pontoon::DomainEvent;
use pontoon::event::UpcastFailure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase")]
#[event(source = "order-service", version = 2, upcast(1 = in_euros))]
pub struct OrderCreated {
    pub order_id: String,
    pub amount: f64,
    pub currency: String,
}

/// Version 1 knew one currency.
fn in_euros(mut payload: Value) -> Result<Value, UpcastFailure> {
    payload["currency"] = "EUR".into();
    Ok(payload)
}
