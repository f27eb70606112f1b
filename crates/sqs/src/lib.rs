//! SQS, as Pontoon runs it: standard and FIFO queues with everything that they promise.
//!
//! What it is: queues whose messages are durable before the send is answered, become visible to the millisecond on the engine's clock, and move to
//! their dead-letter queue when they would next be received. Long polls are parked with their queue and woken by a message, by a visibility timeout
//! or by their deadline. FIFO queues keep the order within each message group, and take no message twice.
//!
//! Invariant: a message is in the store from before its send is answered until its delete is; what is in memory can be rebuilt from the store.
//! Invariant: an operation fails before it changes anything.
//!
//! It follows the API reference and the developer guide of Amazon SQS, and the recordings in `sqs/`.

mod error;
mod inspect;
mod metrics;
mod ops;
mod records;
mod service;
pub mod state;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use pontoon_core::policy::Document;
use pontoon_core::records::to_json;
use pontoon_core::{Access, Arn, HashMap, ParkId, Scope, Space, Step, Timestamp};

pub use error::Error;
use metrics::Counters;
pub use ops::with_trace_header;
use records::QueueRecord;
use state::attempts::Attempts;
use state::budget::Budget;
pub use state::budget::Limits;
use state::deduplication::Deduplication;
use state::fifo::Round;
use state::line::Line;
use state::message::Content;
use state::move_task::MoveTask;
use state::queue::{Message, Messages};
use state::waiters::Waiters;

/// How many message numbers are set aside at once, each time with one more write.
const NUMBERS_SET_ASIDE: u64 = 4096;

/// A queue.
pub(crate) struct Queue {
    scope: Scope,
    name: Arc<str>,
    arn: Arc<str>,
    record: QueueRecord,
    policy: Option<Document>,
    messages: Messages,
    /// Who waits for its messages.
    waiters: Waiters<Arc<Poll>>,
    budget: Budget,
    /// Whether the last receive left messages unseen, having moved as many to the dead-letter queue as one may.
    has_more: bool,
    /// What a FIFO queue remembers of its last five minutes.
    recent: Option<Box<Recent>>,
    /// What `Sqs::due` holds for it.
    due: Option<Timestamp>,
    counters: Counters,
}

/// The sends and receives that a FIFO queue does not do twice.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    sends: Deduplication,
    attempts: Attempts,
}

/// What a receive asked for.
#[derive(Debug)]
pub(crate) struct Poll {
    max: usize,
    visibility: std::time::Duration,
    attributes: Selection,
    message_attributes: Selection,
    with_traces: bool,
    /// What it can be repeated under.
    attempt: Option<String>,
    /// Who polls, for the traces.
    by: String,
}

/// Which attributes a receive gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every one.
    All,
    /// Those whose name is one of these, or begins with what one of these has before `.*`.
    Some(Vec<String>),
}

impl Selection {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|wanted| match wanted.strip_suffix(".*") {
                // `Hel.*` finds `Hello` too (sqs/test_sqs: test_receive_message_message_attribute_names_filters).
                Some(prefix) => name.starts_with(prefix),
                None => wanted == name,
            }),
        }
    }
}

/// What happens of itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Queue(Scope, Arc<str>),
    Task(Scope, String),
    /// What is left in the store of the queue with this number.
    Sweep(u64),
}

/// The queues of all accounts and regions.
#[derive(Default)]
pub struct Sqs {
    regions: HashMap<Scope, HashMap<String, Queue>>,
    deleted: HashMap<(Scope, String), Timestamp>,
    tasks: HashMap<Scope, Vec<MoveTask>>,
    due: BTreeSet<(Timestamp, Wake)>,
    /// When the running minute of metrics ends, while any queue is active.
    minute_ends: Option<Timestamp>,
    budget: Budget,
    /// Which queue each long poll waits at.
    parked: HashMap<ParkId, (Scope, Arc<str>)>,
    /// What is left in the store of purged and deleted queues, by number: records of messages below these numbers.
    sweeps: BTreeMap<u64, u64>,
    /// Dead-letter queues that the running step has moved messages into, and whose waiters it has yet to serve. Empty between steps.
    fed: Vec<(Scope, Arc<str>)>,
}

impl Sqs {
    /// A service that holds no more in memory than this.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { budget: Budget::new(limits), ..Self::default() }
    }

    fn queue(&self, scope: Scope, name: &str) -> Option<&Queue> {
        self.regions.get(&scope)?.get(name)
    }

    fn queue_mut(&mut self, scope: Scope, name: &str) -> Option<&mut Queue> {
        self.regions.get_mut(&scope)?.get_mut(name)
    }

    /// The queue that an ARN names.
    fn by_arn(&self, arn: &str) -> Option<&Queue> {
        let arn = Arn::parse(arn).filter(|arn| arn.service == "sqs")?;
        self.queue(arn.scope()?, arn.resource)
    }

    /// The queue that a URL names, in the step's region: `…/ACCOUNT/NAME`. AWS takes the bare name of a queue of the caller's too
    /// (sqs/test_sqs: test_posting_to_queue_via_queue_name).
    fn find(&self, step: &Step<'_>, url: &str) -> Result<(Scope, String), Error> {
        if url.is_empty() {
            return Err(Error::MissingParameter("QueueUrl"));
        }
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let name = parts.next().unwrap_or_default();
        let account = match parts.next() {
            None => step.scope.account,
            Some(account) => account.parse().map_err(|()| Error::InvalidAddress(url.to_owned()))?,
        };
        let scope = Scope { account, region: step.scope.region };
        match self.queue(scope, name) {
            Some(_) => Ok((scope, name.to_owned())),
            None => Err(Error::QueueDoesNotExist),
        }
    }

    /// The queue that a URL names, after the caller's right to `action` on it was checked.
    fn open(&mut self, step: &mut Step<'_>, url: &str, action: &'static str) -> Result<&mut Queue, Error> {
        let (scope, name) = self.find(step, url)?;
        let queue = self.queue_mut(scope, &name).ok_or(Error::QueueDoesNotExist)?;
        let access = Access { action, resource: &queue.arn, policy: queue.policy.as_ref(), context: &[] };
        step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
        Ok(queue)
    }

    /// Brings `Sqs::due` up to date with what a queue waits for.
    fn reschedule(&mut self, scope: Scope, name: &str) {
        let Some(queue) = self.regions.get_mut(&scope).and_then(|queues| queues.get_mut(name)) else {
            return;
        };
        let due = queue.next_due();
        if due == queue.due {
            return;
        }
        let wake = |at| (at, Wake::Queue(scope, Arc::clone(&queue.name)));
        if let Some(before) = queue.due {
            self.due.remove(&wake(before));
        }
        self.due.extend(due.map(wake));
        queue.due = due;
    }
}

impl Queue {
    fn new(scope: Scope, name: &str, record: QueueRecord, budget: Budget) -> Self {
        let policy = record.attributes.policy.as_deref().and_then(|text| Document::parse(text).ok());
        let counters = Counters::default();
        let (name, arn) = (Arc::from(name), scope.arn("sqs", name).into());
        let fifo = record.attributes.fifo.is_some();
        Self {
            scope,
            name,
            arn,
            record,
            policy,
            messages: Messages::new(Line::of_type(fifo), budget.clone()),
            budget,
            waiters: Waiters::default(),
            has_more: false,
            recent: fifo.then(Box::default),
            due: None,
            counters,
        }
    }

    fn url(&self, endpoint: &str) -> String {
        format!("{endpoint}/{}/{}", self.scope.account, self.name)
    }

    fn retention(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.record.attributes.retention_secs))
    }

    /// When something happens of itself: the oldest message's end of retention, a waiter's deadline, a message becoming visible to a waiter, or what
    /// the queue remembers no longer counting.
    fn next_due(&self) -> Option<Timestamp> {
        let expiry = self.messages.oldest().map(|(sent_at, _)| sent_at.after(self.retention()));
        let waiting = self.waiters.next_deadline();
        let visible = waiting.and_then(|_| self.messages.next_visible());
        let recent = self.recent.as_ref().map(|recent| (recent.sends.next_due(), recent.attempts.next_due()));
        let (sends, attempts) = recent.unwrap_or_default();
        if waiting.is_some() && self.has_more {
            return Some(Timestamp::EPOCH);
        }
        [expiry, waiting, visible, sends, attempts].into_iter().flatten().min()
    }

    fn is_fifo(&self) -> bool {
        self.recent.is_some()
    }

    /// A message's content, from memory or the store.
    fn content(&self, step: &Step<'_>, number: u64) -> Content {
        let held = self.messages.get(number).and_then(|message| message.content.clone());
        let bytes: Option<Bytes> =
            held.or_else(|| step.get(Space::Queue, &records::content_key(self.record.number, number)));
        let content = bytes.and_then(|bytes| Content::decode(&bytes));
        assert!(content.is_some(), "the store holds the content of every message until it is deleted");
        content.unwrap_or_else(|| unreachable!("asserted above"))
    }

    /// A number for a new message. Receipt handles outlive their messages, so numbers must not come back after a restart: they are set aside in
    /// blocks, each with the message that needs the first of it.
    fn number_message(&mut self, step: &mut Step<'_>) -> u64 {
        let number = self.messages.next_number();
        if number >= self.record.numbers_below {
            self.record.numbers_below = number + NUMBERS_SET_ASIDE;
            self.write(step);
        }
        number
    }

    /// Puts a new message, with the content that the store was given, into the queue.
    fn enter(&mut self, step: &mut Step<'_>, number: u64, group: Option<&str>, message: Message) {
        // What became visible meanwhile did so before this.
        self.messages.advance(step.now);
        if let Some((first, page)) = self.messages.insert(number, group, message) {
            step.put(Space::Queue, records::page_key(self.record.number, first), page);
        }
    }

    /// Holds a message that may be at rest. Only who changes the queue for good may do so: the index forgets the message.
    fn hold(&mut self, step: &mut Step<'_>, number: u64) {
        if !self.messages.is_at_rest(number) {
            return;
        }
        let queue = self.record.number;
        let read = |key: &[u8]| step.get(Space::Queue, key);
        let resting = records::read_resting(queue, number, self.messages.was_received(number), read);
        assert!(resting.is_some(), "the store holds every message as it was written until it is deleted");
        let Some(records::Resting { mut message, group, content }) = resting else { return };
        message.content = self.budget.has_room_for_content().then_some(content);
        if let Some(first) = self.messages.hold(number, group.as_deref(), message) {
            step.delete(Space::Queue, records::page_key(queue, first));
        }
    }

    /// Holds the message that is received next in a round; its number.
    fn hold_next(&mut self, step: &mut Step<'_>, round: Round) -> Option<u64> {
        let number = self.messages.peek(round)?;
        self.hold(step, number);
        Some(number)
    }

    /// When a message came to this queue.
    fn arrived_at(&self, number: u64, read: impl Fn(&[u8]) -> Option<Bytes>) -> Option<Timestamp> {
        match self.messages.get(number) {
            Some(message) => Some(message.arrived_at),
            None => records::read_resting(self.record.number, number, false, read)
                .map(|resting| resting.message.arrived_at),
        }
    }

    /// Removes a message that is held, and what the store has of it.
    fn remove(&mut self, step: &mut Step<'_>, number: u64) {
        let Some(message) = self.messages.remove(step.now, number) else { return };
        step.delete(Space::Queue, records::content_key(self.record.number, number));
        if message.receive_count > 0 {
            step.delete(Space::Queue, records::receives_key(self.record.number, number));
        }
    }

    /// Holds a message that a receipt names, if it is at rest and has been received at all. That changes nothing in the store, so whoever does it may
    /// still fail.
    fn hold_received(&mut self, step: &mut Step<'_>, number: u64) {
        if self.messages.is_at_rest(number) && !self.messages.is_indexed(number) {
            self.hold(step, number);
        }
    }

    /// Stores what the receives of a message changed.
    fn write_receives(&self, step: &mut Step<'_>, number: u64, message: &Message) {
        let receives = records::Receives {
            count: message.receive_count,
            first: message.first_received.unwrap_or(step.now),
            due: message.due,
            last: message.last_received.unwrap_or(step.now),
        };
        step.put(Space::Queue, records::receives_key(self.record.number, number), receives.encode());
    }

    /// As [`Queue::write_receives`], of a message that is held.
    fn write_receives_of(&self, step: &mut Step<'_>, number: u64) {
        if let Some(message) = self.messages.get(number) {
            self.write_receives(step, number, message);
        }
    }

    fn write(&self, step: &mut Step<'_>) {
        step.put(Space::Config, records::queue_key(self.scope, &self.name), to_json(&self.record));
    }
}
