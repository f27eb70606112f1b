//! Reading all of it at start.
//!
//! Of messages at rest the pages of the index are read, and only of the others their contents, no more than [`READ_AT_ONCE`] of them before they are
//! taken in: a start takes neither time nor memory by the bodies of a backlog.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use pontoon_core::{
    Direction, KeyRange, LoadError, Scope, ServiceId, Space, StoreRead, Timestamp, records as kept,
};

use super::{QueueRecord, Receives, decode_attempt, decode_sent, message, message_key};
use crate::Recent;
use crate::state::index::read_page;
use crate::state::message::Header;
use crate::state::move_task::MoveTask;
use crate::state::queue::Messages;

/// How many messages' records are read at once.
const READ_AT_ONCE: usize = 512;
/// How many pages of the index are read at once.
const PAGES_AT_ONCE: usize = 64;

/// Everything that is persisted but the messages.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Queues by scope and name.
    pub queues: Vec<(Scope, String, QueueRecord)>,
    /// Move tasks.
    pub tasks: Vec<(Scope, MoveTask)>,
    /// Names of deleted queues and when.
    pub deleted: Vec<(Scope, String, Timestamp)>,
    /// What is left of purged and deleted queues: by queue number, the number that its records to be removed are below.
    pub sweeps: BTreeMap<u64, u64>,
}

/// Reads everything but the messages.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    kept::load(store, ServiceId::Sqs, |key, value| load_one(&mut loaded, key, value))?;
    Ok(loaded)
}

fn load_one(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    let whole_number =
        |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| "its number is cut");
    if let Some(queue) = key.strip_prefix(b"s") {
        loaded.sweeps.insert(whole_number(queue)?, whole_number(value)?);
        return Ok(());
    }
    let (kind, scope, name) = kept::split_key(key)?;
    match kind {
        b'q' => loaded.queues.push((scope, name, kept::of_json(value)?)),
        b't' => loaded.tasks.push((scope, kept::of_json(value)?)),
        b'd' => {
            let millis = i64::from_be_bytes(value.try_into().map_err(|_| "its instant is cut")?);
            loaded.deleted.push((scope, name, Timestamp::from_millis(millis)));
        }
        _ => return Err("its key is of no known kind".to_owned()),
    }
    Ok(())
}

/// Reads the messages of a queue with numbers from `from` on, and puts them to rest in `messages` in the order of their numbers.
///
/// # Errors
/// If a record cannot be read.
pub fn load_messages(
    store: &dyn StoreRead,
    queue: u64,
    from: u64,
    messages: &mut Messages,
) -> Result<(), LoadError> {
    let mut next = from;
    loop {
        let copy = |page: &[u8]| Some(Bytes::copy_from_slice(page));
        let pages = read(store, (queue, b'i', next..u64::MAX), PAGES_AT_ONCE, copy)?;
        if pages.is_empty() {
            return load_contents(store, queue, next..u64::MAX, messages);
        }
        for (first, page) in pages {
            load_contents(store, queue, next..first, messages)?;
            let headers = read_page(&page).ok_or_else(|| unreadable(queue))?;
            next = first + headers.len() as u64;
            messages.restore_page(first, headers.len() as u64);
            for (number, header) in (first..next).zip(&headers) {
                messages.restore(number, header.group, message(header, None));
            }
        }
    }
}

/// What a start reads of a message's content.
struct Head {
    sent_at: Timestamp,
    visible_at: Timestamp,
    group: Option<String>,
    carried_receives: u32,
}

impl Head {
    fn decode(content: &[u8]) -> Option<Self> {
        let Header { sent_at, visible_at, group, carried_receives } = Header::decode(content)?;
        Some(Self { sent_at, visible_at, group: group.map(str::to_owned), carried_receives })
    }

    fn header(&self) -> Header<'_> {
        let Self { sent_at, visible_at, group, carried_receives } = self;
        Header {
            sent_at: *sent_at,
            visible_at: *visible_at,
            group: group.as_deref(),
            carried_receives: *carried_receives,
        }
    }
}

/// Reads the messages with these numbers, none of which the index tells of.
fn load_contents(
    store: &dyn StoreRead,
    queue: u64,
    mut numbers: Range<u64>,
    messages: &mut Messages,
) -> Result<(), LoadError> {
    while !numbers.is_empty() {
        let heads = read(store, (queue, b'c', numbers.clone()), READ_AT_ONCE, Head::decode)?;
        let Some((last, _)) = heads.last() else { return Ok(()) };
        let read_so_far = numbers.start..last + 1;
        numbers.start = read_so_far.end;
        let receives = read(store, (queue, b's', read_so_far), usize::MAX, Receives::decode)?;
        let receives: BTreeMap<u64, Receives> = receives.into_iter().collect();
        for (number, head) in heads {
            let header = head.header();
            messages.restore(number, header.group, message(&header, receives.get(&number)));
        }
    }
    Ok(())
}

/// Reads what a FIFO queue remembers of its last five minutes, of sends with numbers from `from` on.
///
/// # Errors
/// If a record cannot be read.
pub fn load_recent(
    store: &dyn StoreRead,
    queue: u64,
    from: u64,
    recent: &mut Recent,
) -> Result<(), LoadError> {
    scan(store, queue, b'd', &mut |key, value| {
        let number = key.try_into().ok().map(u64::from_be_bytes)?;
        let (key, sent) = decode_sent(number, value)?;
        if number >= from {
            recent.sends.remember(key, sent.at, sent.number);
        }
        Some(())
    })?;
    let mut attempts = Vec::new();
    scan(store, queue, b'r', &mut |key, value| {
        attempts.push((std::str::from_utf8(key).ok()?.to_owned(), decode_attempt(value)?));
        Some(())
    })?;
    attempts.sort_by_key(|(_, attempt)| attempt.at);
    attempts.into_iter().for_each(|(id, attempt)| recent.attempts.remember(&id, attempt));
    Ok(())
}

/// Reads up to `max` records of messages of one kind and in a range of numbers.
fn read<T>(
    store: &dyn StoreRead,
    (queue, kind, numbers): (u64, u8, Range<u64>),
    max: usize,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<(u64, T)>, LoadError> {
    let (mut found, mut bad) = (Vec::new(), false);
    let range =
        KeyRange::between(message_key(queue, kind, numbers.start), message_key(queue, kind, numbers.end));
    store.scan(Space::Queue, &range, Direction::Ascending, &mut |key, value| {
        let number = key[9..].try_into().ok().map(u64::from_be_bytes);
        let record = number.and_then(|number| Some((number, decode(value)?)));
        bad = record.is_none();
        found.extend(record);
        if bad || found.len() >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if bad { Err(unreadable(queue)) } else { Ok(found) }
}

/// Reads one record: what follows its kind in the key, and the value; `None` if it cannot.
type ReadRecord<'a> = dyn FnMut(&[u8], &[u8]) -> Option<()> + 'a;

/// Reads the records of one kind of a queue.
fn scan(store: &dyn StoreRead, queue: u64, kind: u8, read: &mut ReadRecord<'_>) -> Result<(), LoadError> {
    let mut prefix = queue.to_be_bytes().to_vec();
    prefix.push(kind);
    let mut bad = false;
    store.scan(Space::Queue, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |key, value| {
        bad = read(&key[9..], value).is_none();
        if bad { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if bad { Err(unreadable(queue)) } else { Ok(()) }
}

fn unreadable(queue: u64) -> LoadError {
    LoadError::new(format!("a message of the queue with number {queue} cannot be read"))
}
