//! The nouns of SNS and their rules: pure, no wire types.

pub mod attributes;
pub mod delivery_policy;
pub mod filter;
pub mod message;
pub mod notification;
pub mod phone;
pub mod private_key;
pub mod schedule;
pub mod signing;
pub mod subscription;
