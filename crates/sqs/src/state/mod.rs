//! The nouns of SQS and their transitions, without wire types.

pub mod ages;
pub mod attempts;
pub mod attributes;
pub mod budget;
pub mod deduplication;
pub mod fair;
pub mod fifo;
pub mod groups;
pub mod index;
pub mod line;
pub mod md5;
pub mod message;
pub mod move_task;
pub mod numbers;
pub mod queue;
pub mod receipt;
pub mod redrive;
pub mod waiters;
