//! DynamoDB, as Pontoon runs it.

pub mod state;
