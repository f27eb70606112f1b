//! The order system of event-driven guides, on the `pontoon` crate.
//!
//! ```text
//! commands ─► order::OrderState ─► event store ─► outbox ─► bus ─► rule ─► queue ─► processor ─► orders table, topic
//!                                      └─► projection::CustomerOrders ─► table of orders by customer
//! ```
//!
//! [`order`] is the domain and knows no AWS; [`processor`] handles the events, as a Lambda function (`src/bin/bootstrap.rs`) or as a worker
//! (`src/bin/worker.rs`); [`projection`] keeps a table to be read; [`shop`] puts the parts together. `template.yaml` is the system as CloudFormation
//! reads it, and `schema/order-event.json` is what every event on the bus looks like. The same code runs on AWS and on Pontoon.

pub mod order;
pub mod processor;
pub mod projection;
pub mod shop;

/// The system as CloudFormation reads it.
pub const TEMPLATE: &str = include_str!("../template.yaml");
/// What an order event looks like: JSON Schema, draft 7.
pub const EVENT_SCHEMA: &str = include_str!("../schema/order-event.json");
