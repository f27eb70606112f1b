//! The nouns of Lambda and their transitions: functions, versions, aliases, policies, event source mappings, concurrency.

pub(crate) mod alias;
pub(crate) mod code;
pub(crate) mod concurrency;
pub(crate) mod function;
pub(crate) mod invoke_config;
pub(crate) mod mapping;
pub(crate) mod name;
pub(crate) mod permission;

pub(crate) use permission::POLICY_BYTES_MAX;
