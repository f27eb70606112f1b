//! Ids, ARNs, the clock, the step, limits, error kinds, and the store and service traits of Pontoon.
//!
//! Everything here is synchronous and deterministic: no I/O beyond the store, no clock reads, no randomness that is not handed in.

pub mod delivery;
pub mod destination;
pub mod error;
pub mod ids;
pub mod json;
pub mod log_level;
pub mod metric;
pub mod policy;
pub mod records;
pub mod scope;
pub mod service;
pub mod shape;
pub mod step;
pub mod store;
pub mod tags;
pub mod time;
pub mod trace;
pub mod work;

/// A hash map with a hash that is fast for the short keys of the engine's hot paths and seeded per process, so that nobody outside can make keys collide.
pub type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

pub use delivery::{GivenUp, Outbox, RetryPolicy, Verdict};
pub use destination::{Destination, NoDestination};
pub use error::{ApiError, Fault};
pub use ids::Ids;
pub use log_level::LogLevel;
pub use metric::{Datum, MetricBook, Unit};
pub use policy::{Access, Denial, PolicyMode};
pub use scope::{Account, Arn, Region, Scope};
pub use service::{Inspect, LoadError, Service};
pub use shape::{OperationSchema, Output, Request, ServiceSchema};
pub use step::{
    Caller, Dispatch, Hop, Origin, ParkId, Principal, Reply, ServiceId, Settled, SnapshotRead, Step, Ticket,
};
pub use store::{Batch, Direction, KeyRange, Seq, Space, Store, StoreError, StoreRead};
pub use time::{Clock, Timestamp};
pub use trace::{TraceId, TraceIds, TraceNote, TraceOutcome, TraceRecord};
pub use work::{Work, WorkOutcome};
