//! The nouns of CloudWatch Logs and their rules: pure, without wire types.

pub mod delivery;
pub mod emf;
pub mod filter;
pub mod position;
pub mod retention;
pub mod verdict;
