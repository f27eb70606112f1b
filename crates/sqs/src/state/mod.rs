//! The nouns of SQS and their transitions, without wire types.

pub mod attributes;
pub mod message;
pub mod move_task;
pub mod queue;
pub mod receipt;
