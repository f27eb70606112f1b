//! DynamoDB, as Pontoon runs it.

pub mod records;
pub mod state;
