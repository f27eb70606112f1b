//! The nouns: pipes and their states, targets, events on their way, and templates.

pub mod event;
pub mod log;
pub mod pipe;
pub mod target;
pub mod template;
