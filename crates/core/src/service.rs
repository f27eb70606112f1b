//! What the host needs of a service.

use std::any::Any;
use std::fmt;

use crate::error::ApiError;
use crate::metric::Datum;
use crate::scope::Scope;
use crate::shape::{OperationSchema, Output, Request, ServiceSchema, Violations};
use crate::step::{ParkId, Reply, ServiceId, Settled, Step};
use crate::store::{StoreError, StoreRead};
use crate::time::Timestamp;
use crate::trace::TraceId;
use crate::work::WorkOutcome;

/// What the store holds is not what the service wrote.
#[derive(Debug)]
pub struct LoadError {
    /// Which record, and what is wrong with it.
    pub message: String,
}

impl LoadError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self { message: error.message }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}

/// One of the engine's services, with its state of all accounts and regions.
///
/// Every method that is handed a [`Step`] is called by the engine alone, one at a time. `step.scope` says whose state is meant; in [`Service::start`] and
/// [`Service::run_due`] the service sets it to the scope of what it works on before it emits metrics, hops or work.
pub trait Service: Send {
    /// Which service it is.
    fn id(&self) -> ServiceId;

    /// The APIs that it serves.
    fn schemas(&self) -> &'static [&'static ServiceSchema];

    /// Rebuilds the state from the store, which holds everything that was durable. Called once, on fresh state.
    ///
    /// # Errors
    /// If a record cannot be read.
    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError>;

    /// Called once after every service has loaded: takes up again what was under way (polls, invocations, deliveries).
    fn start(&mut self, _step: &mut Step<'_>) {}

    /// Applies an operation.
    ///
    /// # Errors
    /// AWS's error; the state is as before.
    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError>;

    /// Words what the model found wrong with an input; `None` lets the operation see it all the same (only where AWS does not enforce the model).
    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError>;

    /// When the service next has something to do of itself. Cheap: asked after every command.
    fn next_due(&self) -> Option<Timestamp> {
        None
    }

    /// Does the one earliest thing that is due at `step.now` or before.
    fn run_due(&mut self, _step: &mut Step<'_>) {}

    /// A hop that this service made has ended.
    fn settled(&mut self, _step: &mut Step<'_>, _token: Box<dyn Any + Send>, _outcome: Settled) {}

    /// Work that this service dispatched has ended.
    fn worked(&mut self, _step: &mut Step<'_>, _token: u64, _outcome: WorkOutcome) {}

    /// Nobody waits for a parked reply any more (the client hung up).
    fn abandoned(&mut self, _step: &mut Step<'_>, _id: ParkId) {}

    /// CloudWatch only: services' own metrics.
    fn measured(&mut self, _step: &mut Step<'_>, _scope: Scope, _datum: &Datum) {}

    /// Answers a question of Pontoon's own API about state (`/_pontoon/...`), such as why a rule did not match; `None` if it is not this service's.
    fn inspect(&self, _scope: Scope, _question: &Inspect<'_>) -> Option<serde_json::Value> {
        None
    }
}

/// A question of Pontoon's own API.
pub enum Inspect<'a> {
    /// EventBridge: the kept event of this id (`bus`, `event`) and how each rule of its bus judges it (`rules`: `rule`, `matched`, and for those that
    /// do not match which fields of the pattern failed, what was expected and what was seen). `None` if no such event is kept.
    ExplainEvent {
        /// The event's id.
        id: TraceId,
        /// Where the event is read.
        store: &'a dyn StoreRead,
    },
    /// How many resources of each kind there are (`{"queues": 3}`).
    Counts,
    /// What of the scope's configuration decides where an event goes and what becomes of it there: rules with patterns and targets, schedules, pipes, queues,
    /// functions, mappings, topics and subscriptions with policies, time limits and dead-letter targets, the roles that they act in, and what alarms watch. Each service gives its own part.
    Wiring,
    /// Lambda: where in `Space::Blob` the package is that a link of GetFunction's leads to (a JSON array of the key's bytes). `None` if the link does not
    /// hold.
    Package {
        /// What the link ends with.
        token: &'a str,
        /// The present instant.
        now: Timestamp,
    },
    /// SQS: every queue of the scope with its counts, by name.
    Queues {
        /// The present instant.
        now: Timestamp,
        /// Where messages are read that are not held in memory.
        store: &'a dyn StoreRead,
    },
    /// SQS: a queue of the scope, what it holds and remembers, and its first `max` messages, without receiving them. `None` if there is none.
    Queue {
        /// The queue's name.
        name: &'a str,
        /// How many messages to show.
        max: usize,
        /// The present instant.
        now: Timestamp,
        /// Where contents are read.
        store: &'a dyn StoreRead,
    },
}
