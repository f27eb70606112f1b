//! Ids, ARNs, the clock, the step, limits, error kinds, and the store and service traits of Pontoon.
//!
//! Everything here is synchronous and deterministic: no I/O beyond the store, no clock reads, no randomness that is not handed in.

pub mod error;
pub mod ids;
pub mod scope;
pub mod shape;
pub mod store;
pub mod time;

pub use error::{ApiError, Fault};
pub use ids::Ids;
pub use scope::{Account, Arn, Region, Scope};
pub use store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};
pub use time::{Clock, Timestamp};
