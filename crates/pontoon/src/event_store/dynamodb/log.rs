//! Reads all events, slot by slot.

use std::time::Duration;

use tokio::time::Instant;

use super::DynamoDbEventStore;
use super::failure::failed;
use super::items::{Entry, STREAM, VERSION, WINDOW, log_partition, number, read_entry, read_number, string};
use crate::event_store::{Filter, Page, Position, StoreError};

pub(super) const READING: &str = "reading all events";

/// Windows of the log that one call goes through if the filter leaves nothing.
const WINDOWS_MAX: u32 = 16;
/// The first pause before looking at a gap again; each is twice as long as the one before.
const GAP_PAUSE: Duration = Duration::from_millis(2);

/// The entries that follow a position without a gap.
struct Run {
    entries: Vec<Entry>,
    /// Whether they end at a gap: the slot behind them is empty, and one behind that is not.
    next_after_gap: Option<Entry>,
}

impl Run {
    /// What comes from `first` on among `entries`, which are in order.
    fn new(first: u64, entries: Vec<Entry>) -> Self {
        let mut run = Self { entries: Vec::with_capacity(entries.len()), next_after_gap: None };
        for (slot, entry) in (first..).zip(entries) {
            if entry.slot != slot {
                run.next_after_gap = Some(entry);
                break;
            }
            run.entries.push(entry);
        }
        run
    }
}

/// An empty slot that a reader waits for, and since when. Slots up to `to` were taken by then.
struct Gap {
    slot: u64,
    to: u64,
    since: Instant,
    pause: Duration,
}

impl DynamoDbEventStore {
    pub(super) async fn read_log(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut next = after;
        let mut gap = None;
        for _ in 0..WINDOWS_MAX {
            let slot = next.next_slot();
            let run = Run::new(slot, self.query_window(slot, limit).await?);
            if run.entries.is_empty() {
                match self.pass_gap(slot, run.next_after_gap, &mut gap).await? {
                    true => continue,
                    false => return Ok(Page { events: Vec::new(), next, is_end: true }),
                }
            }
            let page = self.fetch(next, run.entries, filter, limit).await?;
            if !page.events.is_empty() {
                return Ok(page);
            }
            next = page.next;
        }
        Ok(Page { events: Vec::new(), next, is_end: false })
    }

    /// The entries of the window of `slot`, from there on. An append has at least one event, so `limit` entries are enough.
    async fn query_window(&self, slot: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let last = slot - slot % WINDOW + WINDOW - 1;
        let mut entries = Vec::new();
        let mut first = slot;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&*self.table)
                .key_condition_expression("#stream = :log AND #version BETWEEN :first AND :last")
                .expression_attribute_names("#stream", STREAM)
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":log", string(log_partition(slot)))
                .expression_attribute_values(":first", number(first))
                .expression_attribute_values(":last", number(last))
                // The one behind them tells a gap from the end.
                .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| failed(READING, &error))?;
            let more = answer.last_evaluated_key.as_ref().and_then(|key| read_number(key, VERSION));
            for item in answer.items.unwrap_or_default() {
                entries.push(read_entry(item)?);
            }
            match more {
                Some(read) if entries.len() <= limit => first = read + 1,
                _ => return Ok(entries),
            }
        }
    }

    /// Waits for the empty slot `slot`, or voids it when the wait was long enough; false if there is no gap but the end.
    async fn pass_gap(
        &self,
        slot: u64,
        behind: Option<Entry>,
        known: &mut Option<Gap>,
    ) -> Result<bool, StoreError> {
        let is_known = known.as_ref().is_some_and(|gap| gap.slot == slot);
        if !is_known {
            let taken = match &behind {
                Some(entry) => entry.slot - 1,
                None => self.last_taken_slot().await?,
            };
            if taken < slot {
                return Ok(false);
            }
            *known = Some(Gap { slot, to: taken, since: Instant::now(), pause: GAP_PAUSE });
        }
        let Some(gap) = known else { return Ok(false) };
        let is_old = behind.is_some_and(|entry| entry.is_older_than(self.gap_grace));
        if is_old || gap.since.elapsed() >= self.gap_grace {
            tracing::debug!(slot, "took the writer of an empty slot for crashed");
            self.void_from(slot, gap.to).await?;
            *known = None;
            return Ok(true);
        }
        tokio::time::sleep(gap.pause.min(self.gap_grace.saturating_sub(gap.since.elapsed()))).await;
        gap.pause *= 2;
        Ok(true)
    }

    /// Voids the empty slots from `first` on, up to `last` or the first one that is not empty.
    async fn void_from(&self, first: u64, last: u64) -> Result<(), StoreError> {
        // A slot in the next window may be filled without our knowing; to try it costs a request, and it stays as it is.
        for slot in first..=last.min(first + WINDOW) {
            if self.void(slot).await? == super::append::Slot::HasAppend {
                break;
            }
        }
        Ok(())
    }

    /// The events behind `after` of `entries`, of which there is at least one.
    async fn fetch(
        &self,
        after: Position,
        entries: Vec<Entry>,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut next = after;
        let mut keys = Vec::new();
        for Entry { slot, append, .. } in entries {
            if keys.len() >= limit {
                break;
            }
            next = Position::end_of(slot);
            let Some(append) = append.filter(|append| append.may_match(filter)) else { continue };
            for (index, version) in (append.first..append.first + append.count).enumerate() {
                if Position::new(slot, index) > after {
                    keys.push((append.stream.clone(), version));
                }
            }
        }
        let mut events = self.fetch_events(keys).await?;
        events.retain(|event| filter.wants_type(&event.event.event_type));
        if events.len() > limit {
            events.truncate(limit);
            next = events[limit - 1].position;
        }
        Ok(Page { events, next, is_end: false })
    }
}
