//! Replays: which events of an archive go to their bus again, and how far that has come.

use std::time::Duration;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::{ArchiveId, Place};

/// How long a replay is remembered after its end (user guide, "Deleting replays": 90 days).
pub const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayState {
    /// It begins at the next turn.
    Starting,
    /// Some events have been replayed.
    Running,
    /// It ends at the next turn.
    Cancelling,
    /// Every event has been replayed.
    Completed,
    /// It was cancelled.
    Cancelled,
    /// Its archive or bus went away.
    Failed,
}

impl ReplayState {
    /// AWS's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it may still replay events.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRecord {
    /// Description.
    pub description: Option<String>,
    /// ARN of the archive.
    pub archive_arn: String,
    /// Name of the archive.
    pub archive: String,
    /// The archive's own id.
    pub archive_id: ArchiveId,
    /// ARN of the bus.
    pub bus_arn: String,
    /// ARNs of the rules that get the events, as far as given; all if there are none.
    pub filter_arns: Option<Vec<String>>,
    /// Time of the first event that is replayed, milliseconds.
    pub from_millis: i64,
    /// Time of the last one.
    pub until_millis: i64,
    /// When it was started.
    pub started_millis: i64,
    /// When it ended.
    pub ended_millis: Option<i64>,
    /// Where it stands.
    pub state: ReplayState,
    /// Why it failed.
    pub state_reason: Option<String>,
    /// The last event that was replayed.
    pub reached: Option<Place>,
    /// When it goes on.
    pub due_millis: i64,
}

impl ReplayRecord {
    /// When it goes on, or is forgotten.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        Timestamp::from_millis(self.due_millis)
    }

    /// Ends it.
    pub fn end(&mut self, now: Timestamp, state: ReplayState, reason: Option<String>) {
        self.state = state;
        self.state_reason = reason;
        self.ended_millis = Some(now.millis());
        self.due_millis = now.after(REMEMBERED).millis();
    }
}
