//! Reads one stream.
//!
//! A query is no snapshot: while a transaction is being committed it may see some of its events and not others. Each event says how many of
//! its append follow it, and versions have no gaps; so a reader knows when it saw a part only, and looks again.

use std::time::Duration;

use tokio::time::Instant;

use super::DynamoDbEventStore;
use super::failure::failed;
use super::items::{Item, STREAM, StoredEvent, VERSION, number, read_event, read_number, string};
use crate::event_store::{Recorded, StoreError, StreamId};

const READING: &str = "reading a stream";

/// How long the rest of an append may take to appear. A commit takes milliseconds; what is missing longer was deleted by somebody else.
pub(super) const COMMIT_MAX: Duration = Duration::from_secs(10);
/// The pause before looking again for the rest of an append.
pub(super) const COMMIT_PAUSE: Duration = Duration::from_millis(5);

/// The highest version that an event can have; numbers above it are not asked for, which keeps sums of versions in range.
pub(super) const VERSION_MAX: u64 = 1 << 53;

/// Which part of a stream a query reads.
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) forward: bool,
    pub(super) limit: usize,
}

/// What a query gave.
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    /// Whether there is nothing more in the part.
    pub(super) is_end: bool,
}

/// Gives up on the rest of an append at last.
struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Pauses, unless nothing came for too long.
    async fn wait(&mut self, stream: &StreamId, version: u64) -> Result<(), StoreError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > COMMIT_MAX {
            return Err(StoreError::Damaged { what: format!("the event {version} of {stream} is missing") });
        }
        tokio::time::sleep(COMMIT_PAUSE).await;
        Ok(())
    }
}

impl DynamoDbEventStore {
    /// The version of the last event of a stream; 0 if it has none.
    pub(super) async fn version_of(&self, stream: &StreamId) -> Result<u64, StoreError> {
        let last = Part { from: 1, to: VERSION_MAX, forward: false, limit: 1 };
        let found = self.query(stream, &last, true).await?;
        let Some(item) = found.items.first() else { return Ok(0) };
        read_number(item, VERSION)
            .ok_or_else(|| StoreError::Damaged { what: format!("the last event of {stream}") })
    }

    pub(super) async fn read_forward(
        &self,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut events: Vec<Recorded> = Vec::new();
        let mut next = from;
        let mut patience = Patience { since: None };
        while events.len() < limit && next <= VERSION_MAX {
            let part = Part { from: next, to: VERSION_MAX, forward: true, limit: limit - events.len() };
            let found = self.query(stream, &part, false).await?;
            let (mut rest, mut is_whole) = (0, true);
            for item in found.items {
                let event = read_event(stream, item)?;
                if event.recorded.version != next {
                    is_whole = false;
                    break;
                }
                rest = event.rest;
                events.push(event.recorded);
                next += 1;
                patience.since = None;
            }
            if is_whole && found.is_end && rest == 0 {
                break;
            }
            if (!is_whole || found.is_end) && events.len() < limit {
                patience.wait(stream, next).await?;
            }
        }
        Ok(events)
    }

    pub(super) async fn read_backward(
        &self,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut events: Vec<Recorded> = Vec::new();
        // The version that the next event must have; nothing before the end of the stream is known.
        let mut next = (from == 0).then_some(0);
        let mut patience = Patience { since: None };
        while events.len() < limit && next != Some(0) {
            let to = next.unwrap_or(from).min(VERSION_MAX);
            let part = Part { from: 1, to, forward: false, limit: limit - events.len() };
            let found = self.query(stream, &part, false).await?;
            if found.items.is_empty() && next.is_none() {
                break;
            }
            let mut is_whole = !found.items.is_empty();
            for item in found.items {
                let StoredEvent { recorded, rest } = read_event(stream, item)?;
                let expected = next.unwrap_or_else(|| match recorded.version < to && rest > 0 {
                    true => recorded.version + 1,
                    false => recorded.version,
                });
                if recorded.version != expected {
                    is_whole = false;
                    break;
                }
                next = Some(recorded.version - 1);
                events.push(recorded);
                patience.since = None;
            }
            if !is_whole {
                patience.wait(stream, next.unwrap_or(to)).await?;
            }
        }
        Ok(events)
    }

    /// One page of a part of a stream.
    pub(super) async fn query(
        &self,
        stream: &StreamId,
        part: &Part,
        only_version: bool,
    ) -> Result<Found, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("#stream = :stream AND #version BETWEEN :from AND :to")
            .expression_attribute_names("#stream", STREAM)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":stream", string(stream.as_str()))
            .expression_attribute_values(":from", number(part.from))
            .expression_attribute_values(":to", number(part.to))
            .set_projection_expression(only_version.then(|| "#version".to_owned()))
            .scan_index_forward(part.forward)
            .limit(i32::try_from(part.limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(READING, &error))?;
        Ok(Found { is_end: answer.last_evaluated_key.is_none(), items: answer.items.unwrap_or_default() })
    }
}
