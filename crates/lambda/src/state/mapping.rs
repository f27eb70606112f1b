//! Event source mappings from queues: their configuration.

use std::collections::BTreeMap;

use pontoon_source::Pace;
use serde::{Deserialize, Serialize};

/// How many batches a mapping without `MaximumConcurrency` has in functions at once.
///
/// DEVIATION: AWS begins with five and goes up to 1,250 while messages are left over; processes of one machine do not scale like that.
pub(crate) const CONCURRENCY_DEFAULT: u32 = 5;
/// The default of `BatchSize`.
pub(crate) const BATCH_DEFAULT: u32 = 10;
/// The largest batch without a batching window.
pub(crate) const BATCH_WITHOUT_WINDOW_MAX: u32 = 10;
/// How many filters a mapping may have: AWS's quota.
pub(crate) const FILTERS_MAX: usize = 5;

/// What CreateEventSourceMapping and UpdateEventSourceMapping set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MappingConfig {
    pub(crate) uuid: String,
    /// ARN of the queue.
    pub(crate) queue_arn: String,
    /// Name of the function, in the mapping's own account and region.
    pub(crate) function: String,
    /// Version or alias, if the mapping names one.
    pub(crate) qualifier: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) batch_size: u32,
    pub(crate) window_secs: u32,
    /// Whether the function reports the messages that failed.
    pub(crate) reports_failures: bool,
    pub(crate) max_concurrency: Option<u32>,
    /// Patterns, JSON; `None` if filters were never given.
    pub(crate) filters: Option<Vec<String>>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) modified_millis: i64,
    /// What came of the last poll, if it failed.
    pub(crate) problem: Option<String>,
}

impl MappingConfig {
    /// How the mapping polls and batches.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            enabled: self.enabled,
            batch_size: self.batch_size as usize,
            window_secs: self.window_secs,
            concurrency: self.max_concurrency.unwrap_or(CONCURRENCY_DEFAULT),
        }
    }
}
