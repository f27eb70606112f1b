//! The nouns: schedules, groups, targets, what targets are given, and the tokens of requests.

pub mod document;
pub mod group;
pub mod input;
pub mod schedule;
pub mod target;
pub mod tokens;
