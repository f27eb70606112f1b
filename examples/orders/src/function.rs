//! The function: takes orders from the queue, records their status, tells the customer.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;

use crate::aws::Client;
use crate::runtime;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    status: String,
}

/// Runs the function until Lambda ends it.
pub fn main() -> ExitCode {
    let served = Client::from_environment().and_then(|aws| {
        runtime::serve(|invocation| {
            let batch: Batch = serde_json::from_slice(&invocation.payload)
                .map_err(|e| format!("not a batch of a queue: {e}"))?;
            batch
                .records
                .iter()
                .try_for_each(|message| process(&aws, message, invocation.trace.as_deref()))?;
            Ok(b"{}".to_vec())
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Handles one order. An error makes the queue deliver it again.
fn process(aws: &Client, message: &Message, trace: Option<&str>) -> Result<(), String> {
    let order: Order = serde_json::from_str(&message.body).map_err(|e| format!("not an order: {e}"))?;
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    if order.status == "processing" && variable("PAYMENT_GATEWAY")? == "down" {
        return Err(format!("the payment gateway is down; order {} cannot be processed", order.order_id));
    }
    aws.set_status(&variable("ORDERS_TABLE")?, &order.order_id, &order.status, trace)?;
    let note = json!({
        "orderId": order.order_id,
        "status": order.status,
        "message": format!("Order {} is now {}", order.order_id, order.status),
    });
    aws.publish(&variable("ORDER_NOTIFICATIONS_TOPIC")?, &note, trace)?;
    println!("order {} is now {}", order.order_id, order.status);
    Ok(())
}
