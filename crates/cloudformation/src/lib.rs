//! CloudFormation: stacks of resources, created, updated and deleted as their templates say.

pub mod template;
