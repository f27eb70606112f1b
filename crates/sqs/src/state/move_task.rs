//! Message move tasks: a dead-letter queue emptied into another, at a rate, step by step.

use std::time::Duration;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It moves messages.
    Running,
    /// No visible message is left.
    Completed,
    /// It was cancelled.
    Cancelled,
    /// The destination is gone.
    Failed,
}

impl Status {
    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

/// A task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MoveTask {
    /// Its id, a UUID.
    pub id: String,
    /// ARN of the queue that is emptied.
    pub source_arn: String,
    /// Where everything goes; back to where each message came from if absent.
    pub destination_arn: Option<String>,
    /// Messages per second, 1 to 500; as fast as it goes if absent.
    pub rate: Option<u32>,
    /// When it was started, milliseconds.
    pub started_millis: i64,
    /// How many messages have been moved.
    pub moved: u64,
    /// How many messages were visible at the start.
    pub to_move: u64,
    /// How far it is.
    pub status: Status,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it moves next, milliseconds.
    pub next_millis: i64,
}

/// How many messages a task without a rate moves at once.
pub const UNLIMITED_CHUNK: usize = 100;
/// How many ended tasks of a queue are remembered.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
pub const TASKS_KEPT: usize = 10;

impl MoveTask {
    /// The handle: base64 of a JSON object with the task's id and source, as AWS's is.
    #[must_use]
    pub fn handle(&self) -> String {
        use base64::Engine;
        let json = serde_json::json!({ "taskId": self.id, "sourceArn": self.source_arn });
        base64::engine::general_purpose::STANDARD.encode(json.to_string())
    }

    /// The task id and source ARN that a handle names.
    #[must_use]
    pub fn read_handle(handle: &str) -> Option<(String, String)> {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.decode(handle).ok()?;
        let json: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        Some((json.get("taskId")?.as_str()?.to_owned(), json.get("sourceArn")?.as_str()?.to_owned()))
    }

    /// How many messages it moves at once, and how long it then waits.
    #[must_use]
    pub fn pace(&self) -> (usize, Duration) {
        match self.rate {
            None => (UNLIMITED_CHUNK, Duration::from_millis(1)),
            Some(rate) => (1, Duration::from_millis(1000_u64.div_ceil(u64::from(rate.max(1))))),
        }
    }

    /// Ends it, for this reason in AWS's words.
    pub fn fail(&mut self, reason: &str) {
        self.status = Status::Failed;
        self.failure = Some(reason.to_owned());
    }

    /// When it moves next, if it still runs.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        (self.status == Status::Running).then(|| Timestamp::from_millis(self.next_millis))
    }
}
