//! CloudFormation: stacks of resources, created, updated and deleted as their templates say.

pub mod bridge;
mod deploy;
mod error;
mod records;
pub mod resources;
pub mod schema;
pub mod state;
pub mod template;
