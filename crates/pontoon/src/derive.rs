//! What derived code calls. The event's type is its tag, so an enum's variants are written and read without one: serde's own code for the enum
//! runs, and only the tag is taken off and put on.

mod content;
mod schema;
mod tag;

pub use content::{encode_struct, encode_variant};
pub use schema::{struct_schema, variant_schema};
pub use tag::{decode_struct, decode_variant};

pub use schemars::Schema;
pub use serde_json::Error as JsonError;
pub use serde_json::value::RawValue;
