//! CloudFormation, as Pontoon runs it.
