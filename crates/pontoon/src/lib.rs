//! Event-driven applications on AWS, in Rust.
//!
//! A domain event is a Rust type; an [`Envelope`] carries it, with who caused it, over EventBridge, SQS, SNS and the event store:
//!
//! ```
//! use pontoon::{DomainEvent, Envelope};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
//! #[serde(rename_all = "camelCase")]
//! #[event(source = "order-service", version = 1)]
//! struct OrderCreated {
//!     order_id: String,
//!     amount: f64,
//! }
//!
//! let event = Envelope::new(OrderCreated { order_id: "123".into(), amount: 99.99 });
//! assert_eq!(event.event_type, "OrderCreated");
//! assert_eq!(event.correlation_id, event.id.as_str());
//! ```
//!
//! The crate knows AWS's public APIs only, through the official SDK: it runs the same on AWS, on Pontoon and in tests. Each service is a
//! feature: `eventbridge`, `sqs`, `sns`, `dynamodb`, `cloudwatch` and `lambda` are on by default; `schemas` (the schema registry),
//! `claim-check` (payloads kept in S3) and `otel` (traces for OpenTelemetry) are not.

// The derive macro names this crate; so do the examples and tests within it.
extern crate self as pontoon;

pub mod aggregate;
#[cfg(feature = "aws")]
pub mod aws;
pub mod claim;
pub mod context;
#[cfg(feature = "sqs")]
pub mod dead_letters;
pub mod envelope;
pub mod event;
pub mod event_store;
pub mod forms;
pub mod function;
#[cfg_attr(
    not(feature = "sqs"),
    allow(dead_code, reason = "only queues have receipts, backoff and dead letters")
)]
pub mod handler;
pub mod idempotency;
pub mod metrics;
pub mod middleware;
#[cfg(feature = "otel")]
pub mod otel;
pub mod outbox;
pub mod projection;
pub mod publish;
#[cfg(feature = "sqs")]
mod queue;
pub mod schema;
#[cfg(feature = "sqs")]
pub mod worker;

pub use pontoon_derive::DomainEvent;

pub use crate::context::Cause;
pub use crate::envelope::{Envelope, EventId, RawPayload};
pub use crate::event::{DecodeError, DomainEvent, EventType, Upcaster};

/// What the derive macro's code uses; not for others.
#[doc(hidden)]
pub mod derive;
