//! Lambda, as Pontoon runs it.

mod runtimes;

pub use runtimes::runtime_version_arn;
