//! The nouns of EventBridge and their transitions, without wire types.

pub mod api_destination;
pub mod archive;
pub mod bus;
pub mod connection;
pub mod envelope;
pub mod input;
pub mod kept;
pub mod log;
pub mod replay;
pub mod target;
