//! Where traces are kept: in the store, a bounded number of them, beside an index in memory.

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

use pontoon_core::{
    Batch, Direction, HashMap, KeyRange, LoadError, Space, StoreRead, Timestamp, TraceId, TraceNote,
    TraceRecord,
};
use serde::Serialize;

/// How many traces are kept; the oldest make room for new ones.
pub const TRACES_MAX: usize = 10_000;
/// How many records one trace keeps; further ones are dropped, so that a loop cannot fill the disk.
pub const RECORDS_MAX: u32 = 1_000;
/// How many of the latest records are held for followers.
pub const FEED_MAX: usize = 4_096;

/// The records of one command for one trace: one value in the store. Key: begin of the trace, its id, number of the chunk.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    records: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: Timestamp,
    chunks: u32,
    records: u32,
}

/// One record as followers see it.
#[derive(Debug, Clone, Serialize)]
pub struct Followed {
    /// Position in the feed, growing.
    pub cursor: u64,
    /// The trace, as a UUID.
    pub trace: String,
    /// The record.
    #[serde(flatten)]
    pub record: TraceRecord,
}

/// The traces of the engine.
#[derive(Debug, Default)]
pub struct Traces {
    entries: HashMap<TraceId, Entry>,
    order: BTreeSet<(Timestamp, TraceId)>,
    gathered: Vec<(TraceId, TraceRecord)>,
    /// The latest records; the last has the cursor before `next_cursor`.
    feed: VecDeque<(TraceId, TraceRecord)>,
    next_cursor: u64,
}

fn key(begin: Timestamp, id: TraceId, chunk: u32) -> Vec<u8> {
    let mut key = begin.millis().to_be_bytes().to_vec();
    key.extend_from_slice(&id.0);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

impl Traces {
    /// Rebuilds the index from the store.
    ///
    /// # Errors
    /// If the store fails or a key is malformed.
    pub fn load(store: &dyn StoreRead) -> Result<Self, LoadError> {
        let mut traces = Self { next_cursor: 1, ..Self::default() };
        let mut malformed = false;
        store.scan(Space::Trace, &KeyRange::all(), Direction::Ascending, &mut |key, _| {
            let (Some(begin), Some(id)) =
                (key.first_chunk::<8>(), key.get(8..24).and_then(|id| id.try_into().ok()))
            else {
                malformed = true;
                return ControlFlow::Break(());
            };
            let begin = Timestamp::from_millis(i64::from_be_bytes(*begin));
            let entry = traces.entries.entry(TraceId(id)).or_insert(Entry { begin, chunks: 0, records: 0 });
            entry.chunks += 1;
            entry.records += 1;
            traces.order.insert((begin, TraceId(id)));
            ControlFlow::Continue(())
        })?;
        if malformed {
            return Err(LoadError::new("the trace space holds a key that is no trace's"));
        }
        Ok(traces)
    }

    /// Gathers a note; [`Traces::write`] stores what a command gathered.
    pub fn note(&mut self, note: TraceNote) {
        for id in note.traces.iter().flat_map(|ids| ids.iter()) {
            self.gathered.push((*id, note.record.clone()));
        }
    }

    /// Where the next note goes; later notes can be put before it by [`Traces::note_at`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.gathered.len()
    }

    /// Gathers a note in front of those that were gathered since `mark`.
    pub fn note_at(&mut self, mark: usize, note: TraceNote) {
        for id in note.traces.iter().flat_map(|ids| ids.iter()) {
            self.gathered.insert(mark.min(self.gathered.len()), (*id, note.record.clone()));
        }
    }

    /// Adds what was gathered to the command's batch, and removes the oldest traces over the limit.
    pub fn write(&mut self, now: Timestamp, batch: &mut Batch) {
        if self.gathered.is_empty() {
            return;
        }
        let gathered = std::mem::take(&mut self.gathered);
        let mut chunks: Vec<(TraceId, Chunk)> = Vec::new();
        for (id, record) in &gathered {
            let chunk = match chunks.iter_mut().rev().find(|(other, _)| other == id) {
                Some((_, chunk)) => chunk,
                None => &mut chunks.push_mut((*id, Chunk::default())).1,
            };
            record.encode(&mut chunk.bytes);
            chunk.records += 1;
        }
        for (id, chunk) in chunks {
            self.append(now, id, chunk, batch);
        }
        while self.entries.len() > TRACES_MAX {
            self.drop_oldest(batch);
        }
        self.next_cursor += gathered.len() as u64;
        self.feed.extend(gathered);
        let over = self.feed.len().saturating_sub(FEED_MAX);
        self.feed.drain(..over);
    }

    fn append(&mut self, now: Timestamp, id: TraceId, chunk: Chunk, batch: &mut Batch) {
        let order = &mut self.order;
        let entry = self.entries.entry(id).or_insert_with(|| {
            order.insert((now, id));
            Entry { begin: now, chunks: 0, records: 0 }
        });
        if entry.records >= RECORDS_MAX {
            return;
        }
        batch.put(Space::Trace, key(entry.begin, id, entry.chunks), chunk.bytes);
        entry.chunks += 1;
        entry.records += chunk.records;
    }

    fn drop_oldest(&mut self, batch: &mut Batch) {
        let Some((begin, id)) = self.order.pop_first() else { return };
        if let Some(entry) = self.entries.remove(&id) {
            for chunk in 0..entry.chunks {
                batch.delete(Space::Trace, key(begin, id, chunk));
            }
        }
    }

    /// The records of a trace, in the order in which they happened; `None` if it is not known (any more).
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(&self, store: &dyn StoreRead, id: TraceId) -> Result<Option<Vec<TraceRecord>>, LoadError> {
        let Some(entry) = self.entries.get(&id) else { return Ok(None) };
        let mut prefix = key(entry.begin, id, 0);
        prefix.truncate(24);
        let mut records = Vec::new();
        let mut malformed = false;
        store.scan(Space::Trace, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |_, value| {
            let mut rest = &value[..];
            while !rest.is_empty() {
                let Some(record) = TraceRecord::decode(&mut rest) else {
                    malformed = true;
                    return ControlFlow::Break(());
                };
                records.push(record);
            }
            ControlFlow::Continue(())
        })?;
        if malformed {
            return Err(LoadError::new("a trace record cannot be read"));
        }
        Ok(Some(records))
    }

    /// The latest `limit` traces, the newest first.
    pub fn latest(&self, limit: usize) -> impl Iterator<Item = (Timestamp, TraceId)> {
        self.order.iter().rev().take(limit).copied()
    }

    /// The records after `cursor` that are still held, and the cursor to go on from.
    #[must_use]
    pub fn since(&self, cursor: u64) -> (Vec<Followed>, u64) {
        let last = self.next_cursor.saturating_sub(1);
        let skipped = (self.feed.len() as u64).saturating_sub(last.saturating_sub(cursor)) as usize;
        let first = self.next_cursor - self.feed.len() as u64;
        let followed = |(at, (id, record)): (usize, &(TraceId, TraceRecord))| Followed {
            cursor: first + at as u64,
            trace: pontoon_core::ids::format_uuid(id.0),
            record: record.clone(),
        };
        (self.feed.iter().enumerate().skip(skipped).map(followed).collect(), last)
    }
}
