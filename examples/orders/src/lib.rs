//! The order system of event-driven guides: its template, its event schema, and the function that processes orders.
//!
//! `template.yaml` is the system. Events that are valid by `schema/order-event.json` go onto its bus; a rule sends them to a queue; the function here
//! takes them from there, writes each order's status to a table and tells the customer by a topic. `cargo run -p orders` builds the function's
//! `bootstrap`, which runs on the runtime `provided.al2023`.

pub mod aws;
pub mod function;
mod runtime;

/// The system as CloudFormation reads it.
pub const TEMPLATE: &str = include_str!("../template.yaml");
/// What an order event looks like: JSON Schema, draft 7.
pub const EVENT_SCHEMA: &str = include_str!("../schema/order-event.json");
