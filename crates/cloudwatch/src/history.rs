//! The history of alarms.

use std::ops::Bound;
use std::time::Duration;

use pontoon_core::{KeyRange, Scope, Space, Step};

use crate::CloudWatch;
use crate::records::{self, HistoryRecord};

/// How long history is kept; AWS keeps it two weeks, then 30 days for newer alarms. Two weeks is what its user guide promises.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 3600);
/// How many old items each new one removes at most: more than one, so that the old ones go.
const REMOVED_AT_ONCE: usize = 4;

impl CloudWatch {
    /// Adds an item to an alarm's history, and removes some that are too old.
    pub(crate) fn remember(&mut self, step: &mut Step<'_>, scope: Scope, record: &HistoryRecord) {
        let mut key = records::history_key(scope, step.now, self.history_number);
        // After a restart within the same millisecond the number may be taken.
        while step.get(Space::Metric, &key).is_some() {
            self.history_number = self.history_number.wrapping_add(1);
            key = records::history_key(scope, step.now, self.history_number);
        }
        self.history_number = self.history_number.wrapping_add(1);
        step.put(Space::Metric, key, records::to_json(record));
        let old = KeyRange {
            start: Bound::Included(records::history_prefix(scope)),
            end: Bound::Excluded(records::history_key(scope, step.now.before(KEPT_FOR), 0)),
        };
        for (key, _) in step.range(Space::Metric, &old, REMOVED_AT_ONCE) {
            step.delete(Space::Metric, key);
        }
    }
}
