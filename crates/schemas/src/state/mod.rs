//! The nouns: registries, contents, and the shapes of events.

pub mod content;
pub mod effort;
pub mod naming;
pub mod registry;
pub mod render;
pub mod shape;
