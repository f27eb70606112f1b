//! The step: one operation being applied by the engine.
//!
//! A service's operation is a plain method on its state that is handed a [`Step`]. The step tells who calls, when, and what the store holds, and
//! collects what should happen: writes, hops to other services, work outside the engine, metrics and trace records. If the operation fails the step
//! is dropped whole, so *an operation must fail before it changes its in-memory state*. If it succeeds the host applies the hops in the same command
//! and writes everything as one atomic batch; replies and work leave only when that batch is durable.

use std::any::Any;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::ApiError;
use crate::ids::Ids;
use crate::metric::Datum;
use crate::policy::{Access, Denial, IdentityPolicies, PolicyMode};
use crate::scope::{Account, Scope};
use crate::shape::{Output, Request};
use crate::store::{Batch, Direction, KeyRange, Space, StoreError, StoreRead};
use crate::time::Timestamp;
use crate::trace::{TraceId, TraceIds, TraceNote, TraceOutcome, TraceRecord, one};
use crate::work::Work;

/// The services of the engine, in the order in which they load and in which timers that are due at the same instant run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// Roles, policies, sessions (IAM and STS).
    Identity,
    /// Buckets and objects.
    S3,
    /// Log groups.
    Logs,
    /// Metrics and alarms.
    CloudWatch,
    /// Queues.
    Sqs,
    /// Topics.
    Sns,
    /// Tables.
    DynamoDb,
    /// Functions and event source mappings.
    Lambda,
    /// Buses and rules.
    Events,
    /// Schedules and their groups.
    Scheduler,
    /// Schema registries.
    Schemas,
    /// Pipes.
    Pipes,
    /// Stacks.
    CloudFormation,
}

impl ServiceId {
    /// All services in order.
    pub const ALL: [Self; 13] = [
        Self::Identity,
        Self::S3,
        Self::Logs,
        Self::CloudWatch,
        Self::Sqs,
        Self::Sns,
        Self::DynamoDb,
        Self::Lambda,
        Self::Events,
        Self::Scheduler,
        Self::Schemas,
        Self::Pipes,
        Self::CloudFormation,
    ];

    /// A short lower-case name, which begins the service's keys in [`Space::Config`] and [`Space::Outbox`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::S3 => "s3",
            Self::Logs => "logs",
            Self::CloudWatch => "cloudwatch",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::DynamoDb => "dynamodb",
            Self::Lambda => "lambda",
            Self::Events => "events",
            Self::Scheduler => "scheduler",
            Self::Schemas => "schemas",
            Self::Pipes => "pipes",
            Self::CloudFormation => "cloudformation",
        }
    }
}

/// In whose name a request is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account itself: any caller whose credentials name no user or role. Allowed everything in its own account.
    Account(Account),
    /// A user, by ARN.
    User(Arc<str>),
    /// An assumed role: the role's ARN and the session's name.
    Role {
        /// `arn:aws:iam::ACCOUNT:role/NAME`.
        arn: Arc<str>,
        /// Session name; the third part of `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
        session: Arc<str>,
    },
    /// An AWS service: `events.amazonaws.com`.
    Service(&'static str),
}

/// Who calls, and on whose behalf.
#[derive(Clone, Debug)]
pub struct Caller {
    /// In whose name.
    pub principal: Principal,
    /// The account that the caller belongs to; for a service, that of the resource it acts for.
    pub account: Account,
    /// `aws:SourceArn`: the resource on whose behalf a service calls (a rule, a topic, an alarm).
    pub source_arn: Option<Arc<str>>,
    /// The identity policies of the user or role, if it is one; `None` for accounts and services, which need none.
    pub identity: Option<Arc<IdentityPolicies>>,
    /// The request's id, also in the answer.
    pub request_id: Arc<str>,
    /// Where the caller reached us (`http://127.0.0.1:4566`), for URLs in answers such as queue URLs.
    pub endpoint: Arc<str>,
    /// The traces that this request continues.
    pub traces: TraceIds,
    /// How many hops led here; bounds loops.
    pub depth: u8,
    /// Where the request came from; `None` if it did not come over the network. Hops keep it, but say nothing of their own origin by it.
    pub origin: Option<Origin>,
}

impl Caller {
    /// The account itself, calling within this process.
    #[must_use]
    pub fn of_account(account: Account, request_id: &str, endpoint: impl Into<Arc<str>>) -> Self {
        Self {
            principal: Principal::Account(account),
            account,
            source_arn: None,
            identity: None,
            request_id: request_id.into(),
            endpoint: endpoint.into(),
            traces: None,
            depth: 0,
            origin: None,
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `aws:SourceIp`.
    pub source_ip: IpAddr,
    /// `aws:UserAgent`: the header, if there is one and it is text.
    pub user_agent: Option<Arc<str>>,
    /// The header `X-Amzn-Trace-Id`.
    pub trace_header: Option<Arc<str>>,
}

/// A call from one service to another: exactly the operation that the public API calls.
pub struct Hop {
    /// Whose state it goes to.
    pub to: Scope,
    /// In whose name: usually a service principal with `source_arn`, made with [`Step::hop_caller`].
    pub caller: Caller,
    /// The typed input.
    pub request: Box<dyn Request>,
    /// ARN (or name) of the resource that is called, for the trace.
    pub resource: Arc<str>,
    /// Which attempt this is, from one, for the trace.
    pub attempt: u32,
    /// Whether the hop is recorded in the traces (a poll that finds nothing is not).
    pub traced: bool,
    /// What the outcome is handed back with ([`crate::service::Service::settled`]); `None` if nobody wants to know.
    pub ticket: Option<Ticket>,
}

/// The return address of a hop.
pub struct Ticket {
    /// The service that hears the outcome.
    pub owner: ServiceId,
    /// The scope that it hears it in.
    pub scope: Scope,
    /// Whatever the owner needs to go on; typed by the owner.
    pub token: Box<dyn Any + Send>,
}

/// Whether a ticket's token is one of those that are meant.
pub type TokenTest = Box<dyn Fn(&dyn Any) -> bool + Send>;

/// Hops that are taken back while their replies are parked, as a client's request is when it hangs up.
pub struct Withdrawal {
    /// The service that made them.
    pub owner: ServiceId,
    /// Which of its hops are meant, by their tickets' tokens.
    pub is_meant: TokenTest,
}

/// How a hop ended: the operation's output, or its error.
pub type Settled = Result<Box<dyn Output>, ApiError>;

/// A parked reply: the operation was accepted and answers later (a long poll, an invocation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParkId(pub u64);

/// What a read that runs off the engine gives.
pub type SnapshotRead<T> = Box<dyn FnOnce(&dyn StoreRead) -> Result<T, ApiError> + Send>;

/// What an operation answers with.
pub enum Reply<T> {
    /// The output, held until the step's writes are durable.
    Ready(T),
    /// It comes later, through [`Step::unpark`].
    Parked(ParkId),
    /// It is read from a snapshot taken right after this step, off the engine's thread; for reads that may be long.
    Read(SnapshotRead<T>),
}

impl<T> From<T> for Reply<T> {
    fn from(output: T) -> Self {
        Self::Ready(output)
    }
}

impl<T: Output> Reply<T> {
    /// The same reply with its output's type erased.
    #[must_use]
    pub fn erase(self) -> Reply<Box<dyn Output>> {
        match self {
            Self::Ready(output) => Reply::Ready(Box::new(output)),
            Self::Parked(id) => Reply::Parked(id),
            Self::Read(read) => Reply::Read(Box::new(move |store| {
                read(store).map(|output| Box::new(output) as Box<dyn Output>)
            })),
        }
    }
}

/// Work that leaves the engine once the step is durable; its outcome comes back through [`crate::service::Service::worked`].
pub struct Dispatch {
    /// The service that hears the outcome.
    pub owner: ServiceId,
    /// The scope that it hears it in.
    pub scope: Scope,
    /// The owner's number for it; unique per owner among work under way.
    pub token: u64,
    /// What to do.
    pub work: Work,
}

/// What a step asks for beside its writes. The host takes it.
#[derive(Default)]
pub struct Effects {
    /// Calls to other services, applied in order within the same command.
    pub hops: Vec<Hop>,
    /// Earlier hops that need no outcome any more.
    pub withdrawals: Vec<Withdrawal>,
    /// Work outside the engine.
    pub dispatches: Vec<Dispatch>,
    /// Parked replies that are now known.
    pub unparked: Vec<(ParkId, Settled)>,
    /// What CloudWatch is told.
    pub metrics: Vec<(Scope, Datum)>,
    /// What the traces are told.
    pub notes: Vec<TraceNote>,
    /// What policies denied, or in [`PolicyMode::Warn`] would have.
    pub denials: Vec<Denial>,
    /// ARN of the first resource that the caller's right was checked for, if the request came from outside and belongs to a trace.
    pub resource: Option<Arc<str>>,
}

/// Engine-wide settings that operations see.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a policy's denial refuses or is only recorded.
    pub policies: PolicyMode,
    /// The endpoint that services without a caller of their own (event source mappings, rules) give out, `http://127.0.0.1:4566`.
    pub endpoint: Arc<str>,
}

/// What the engine lends to every step of one command.
pub struct Ground<'e> {
    /// The store, every applied batch included.
    pub store: &'e dyn StoreRead,
    /// The writes of the steps of this command that have already succeeded.
    pub pending: &'e Batch,
    /// Engine-wide settings.
    pub settings: &'e Settings,
}

/// One operation being applied. See the module's text.
pub struct Step<'a> {
    /// The present instant.
    pub now: Timestamp,
    /// Whose state is being changed.
    pub scope: Scope,
    /// Who calls.
    pub caller: &'a Caller,
    /// Identifiers and jitter.
    pub ids: &'a mut Ids,
    /// What the operation asks for.
    pub effects: Effects,
    ground: &'a Ground<'a>,
    batch: Batch,
    next_park: &'a mut u64,
}

impl<'a> Step<'a> {
    /// Begins a step; the host (or a test) does.
    pub fn new(
        now: Timestamp,
        scope: Scope,
        caller: &'a Caller,
        ids: &'a mut Ids,
        next_park: &'a mut u64,
        ground: &'a Ground<'a>,
    ) -> Self {
        Self { now, scope, caller, ids, effects: Effects::default(), ground, batch: Batch::new(), next_park }
    }

    /// Ends the step: its writes, and what it asks for.
    #[must_use]
    pub fn finish(self) -> (Batch, Effects) {
        (self.batch, self.effects)
    }

    /// Engine-wide settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.ground.settings
    }

    /// The value of a key as this step sees it: its own writes, those of the command's earlier steps, then the store.
    ///
    /// # Panics
    /// If the machine fails the store: nothing can be trusted then, and the host stops the process.
    #[must_use]
    pub fn get(&self, space: Space, key: &[u8]) -> Option<Bytes> {
        if let Some(written) = self.batch.get(space, key).or_else(|| self.ground.pending.get(space, key)) {
            return written.cloned();
        }
        match self.ground.store.get(space, key) {
            Ok(value) => value,
            Err(error) => store_failed(&error),
        }
    }

    /// Up to `limit` entries of a range in ascending order, as this step sees them.
    ///
    /// # Panics
    /// If the machine fails the store, as [`Step::get`].
    #[must_use]
    pub fn range(&self, space: Space, range: &KeyRange, limit: usize) -> Vec<(Vec<u8>, Bytes)> {
        let mut written = std::collections::BTreeMap::new();
        for batch in [self.ground.pending, &self.batch] {
            written.extend(batch.range(space, range));
        }
        let mut found = Vec::new();
        let mut overlay = written.into_iter().peekable();
        let scanned = self.ground.store.scan(space, range, Direction::Ascending, &mut |key, value| {
            while found.len() < limit
                && let Some((own, change)) = overlay.next_if(|(own, _)| *own < key)
            {
                found.extend(change.map(|value| (own.to_vec(), value.clone())));
            }
            if found.len() >= limit {
                return ControlFlow::Break(());
            }
            match overlay.next_if(|(own, _)| *own == key) {
                Some((own, change)) => found.extend(change.map(|value| (own.to_vec(), value.clone()))),
                None => found.push((key.to_vec(), value.clone())),
            }
            if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(error) = scanned {
            store_failed(&error);
        }
        for (own, change) in overlay {
            if found.len() >= limit {
                break;
            }
            found.extend(change.map(|value| (own.to_vec(), value.clone())));
        }
        found
    }

    /// Writes a key.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.batch.put(space, key, value);
    }

    /// Removes a key.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.batch.delete(space, key);
    }

    /// A caller for hops made by the AWS service `principal` on behalf of `source_arn`, continuing `traces`.
    #[must_use]
    pub fn hop_caller(&mut self, principal: &'static str, source_arn: &str, traces: TraceIds) -> Caller {
        Caller {
            principal: Principal::Service(principal),
            account: self.scope.account,
            source_arn: Some(source_arn.into()),
            identity: None,
            request_id: self.ids.uuid().into(),
            endpoint: Arc::clone(&self.ground.settings.endpoint),
            traces,
            depth: self.caller.depth.saturating_add(1),
            origin: None,
        }
    }

    /// Calls another service, within this command, after the operation has succeeded.
    pub fn hop(&mut self, hop: Hop) {
        self.effects.hops.push(hop);
    }

    /// Takes back those hops of earlier commands by `owner` that have no outcome yet and whose token, a `T`, `is_meant` picks: what they asked for is not
    /// done, and no outcome of theirs is heard. A hop whose outcome is already on its way is not taken back.
    pub fn withdraw<T: Any>(&mut self, owner: ServiceId, is_meant: impl Fn(&T) -> bool + Send + 'static) {
        let is_meant = Box::new(move |token: &dyn Any| token.downcast_ref().is_some_and(&is_meant));
        self.effects.withdrawals.push(Withdrawal { owner, is_meant });
    }

    /// Asks for work outside the engine, once this command is durable.
    pub fn dispatch(&mut self, dispatch: Dispatch) {
        self.effects.dispatches.push(dispatch);
    }

    /// A new id for a reply that comes later.
    pub fn park(&mut self) -> ParkId {
        *self.next_park += 1;
        ParkId(*self.next_park)
    }

    /// Gives a parked reply its outcome.
    pub fn unpark(&mut self, id: ParkId, outcome: Settled) {
        self.effects.unparked.push((id, outcome));
    }

    /// Tells CloudWatch something about this scope.
    pub fn metric(&mut self, datum: Datum) {
        self.effects.metrics.push((self.scope, datum));
    }

    /// Tells the traces something.
    pub fn note(&mut self, note: TraceNote) {
        self.effects.notes.push(note);
    }

    /// Tells a delivery's trace what became of an attempt on behalf of `from` (ARN): what was done, to whom, and which attempt it was, from one.
    pub fn note_attempt(
        &mut self,
        trace: TraceId,
        from: &Arc<str>,
        (what, to, attempt): (&'static str, &str, u32),
        (outcome, reason): (TraceOutcome, String),
    ) {
        let record = TraceRecord {
            attempt,
            ..TraceRecord::delivered(self.now, what, Arc::clone(from), to).with_outcome(outcome, reason)
        };
        self.note(TraceNote { traces: one(trace), record });
    }

    /// Checks the caller against the identity and resource policies that concern `access`. In [`PolicyMode::Warn`] a denial is recorded in the
    /// hop's trace and the operation goes on.
    ///
    /// # Errors
    /// The denial, which the service words as its access error, in [`PolicyMode::Enforce`].
    pub fn authorize(&mut self, access: &Access<'_>) -> Result<(), Denial> {
        let is_told_of = self.caller.traces.is_some() && self.caller.depth == 0;
        if is_told_of && self.effects.resource.is_none() && access.resource.starts_with("arn:") {
            self.effects.resource = Some(access.resource.into());
        }
        let Some(denial) = access.denied(self.caller, self.scope, self.now) else {
            return Ok(());
        };
        match self.ground.settings.policies {
            PolicyMode::Enforce => {
                // The trace says which statement would allow it, though the step is dropped.
                self.effects.denials.push(denial.clone());
                Err(denial)
            }
            PolicyMode::Warn => {
                self.effects.denials.push(denial);
                Ok(())
            }
        }
    }
}

/// Stops everything: what a failed store holds cannot be known.
fn store_failed(error: &StoreError) -> ! {
    panic!("the store failed, and nothing about it can be trusted any more: {error}")
}
