//! CloudFormation: stacks of resources, created, updated and deleted as their templates say.

pub mod bridge;
pub mod resources;
pub mod schema;
pub mod state;
pub mod template;
