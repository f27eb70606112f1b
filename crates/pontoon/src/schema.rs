//! JSON Schema of events: validation at publish and at receipt, compatibility of versions, and the dialects that others read.
//!
//! A derived type brings the schema of its payload; a file may hold the schema of whole events instead.
//!
//! ```
//! use pontoon::schema::{EventSchemas, Validator};
//! use pontoon::{DomainEvent, Envelope};
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! #[derive(Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
//! #[event(source = "order-service")]
//! struct OrderCreated {
//!     #[schemars(range(min = 0.0))]
//!     amount: f64,
//! }
//!
//! let schemas = EventSchemas::of::<OrderCreated>().unwrap().and_events(
//!     Validator::new(&json!({ "properties": { "source": { "enum": ["order-service"] } } })).unwrap(),
//! );
//! let invalid = Envelope::new(OrderCreated { amount: -1.0 }).encode().unwrap();
//! assert_eq!(
//!     schemas.check(&invalid).unwrap_err().to_string(),
//!     "OrderCreated is invalid: /amount: -1.0 is less than the minimum of 0.0 (/properties/amount/minimum)"
//! );
//! ```

pub mod compatibility;
mod dialect;
#[cfg(feature = "schemas")]
mod registry;
mod validate;

pub use dialect::{draft_04, draft_07};
#[cfg(feature = "schemas")]
pub use registry::{PublishedSchema, RegistryError, SchemaRegistry};
pub use validate::{EventSchemas, Invalid, SchemaError, Validator, Violation};
