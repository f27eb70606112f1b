//! What functions print, held for whoever follows: a bounded number of the latest lines.

use std::collections::VecDeque;

use parking_lot::Mutex;
use pontoon_core::work::FunctionResult;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How many lines are held.
const LINES_MAX: usize = 4_096;

/// A line that a function printed.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Position in the feed, growing.
    pub cursor: u64,
    /// When it was printed.
    pub at: String,
    /// The function's name.
    pub function: String,
    /// The line without its line break.
    pub text: String,
}

/// The latest lines of all functions.
#[derive(Debug, Default)]
pub struct LogFeed {
    lines: Mutex<(VecDeque<Line>, u64)>,
    grown: Notify,
}

impl LogFeed {
    /// Adds what an invocation printed.
    pub fn add(&self, function: &str, result: &FunctionResult) {
        let mut held = self.lines.lock();
        let (lines, cursor) = &mut *held;
        for line in &result.log {
            *cursor += 1;
            let text = line.text.trim_end_matches(['\r', '\n']).to_owned();
            lines.push_back(Line {
                cursor: *cursor,
                at: line.at.iso_millis(),
                function: function.to_owned(),
                text,
            });
            if lines.len() > LINES_MAX {
                lines.pop_front();
            }
        }
        drop(held);
        self.grown.notify_waiters();
    }

    /// The lines after `cursor` that are still held, and the cursor to go on from.
    #[must_use]
    pub fn since(&self, cursor: u64) -> (Vec<Line>, u64) {
        let held = self.lines.lock();
        (held.0.iter().filter(|line| line.cursor > cursor).cloned().collect(), held.1)
    }

    /// Resolves when the feed has grown after this call.
    pub fn grown(&self) -> Notified<'_> {
        self.grown.notified()
    }
}
