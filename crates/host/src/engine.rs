//! The engine: one command after another, each one atomic batch.
//!
//! Invariant: nothing here reads a clock, waits, or does I/O beyond the store. Given the same commands, instants and seed it does the same.
//! Invariant: what a command releases (replies, work) leaves only when its sequence number is durable; the shell sees to it.

mod notes;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use pontoon_core::policy::{Denial, PolicyMode};
use pontoon_core::shape::Violations;
use pontoon_core::step::{Effects, Ground, Settings, Withdrawal};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Dispatch, HashMap, Hop, Ids, Inspect, LoadError, OperationSchema, Output,
    ParkId, Reply, Request, Scope, Seq, Service, ServiceId, Settled, SnapshotRead, Step, Store, StoreError,
    StoreRead, Ticket, Timestamp, TraceNote, WorkOutcome,
};

use crate::intercept::{Attempt, Intercept};
use crate::traces::Traces;
use notes::{HopLabel, source_of};

/// How deep hops may lead on from hops; a bus that feeds itself ends here.
pub const HOP_DEPTH_MAX: u8 = 32;
/// How many hops one command may make in all.
pub const HOPS_MAX: usize = 100_000;

/// What a call was answered with.
pub enum Answer {
    /// The output or the error; to be given out once [`Applied::seq`] is durable.
    Settled(Settled),
    /// It comes later, in some command's [`Released::replies`].
    Parked(ParkId),
    /// It is read from a snapshot that holds at least [`Applied::seq`].
    Read(SnapshotRead<Box<dyn Output>>),
}

/// What leaves the engine when a command is durable.
#[derive(Default)]
pub struct Released {
    /// Replies to calls that were parked.
    pub replies: Vec<(ParkId, Settled)>,
    /// Work to carry out.
    pub dispatches: Vec<Dispatch>,
    /// Whether traces have grown, for followers.
    pub traced: bool,
}

/// What a command did.
pub struct Applied<T> {
    /// When this is durable, everything that the command saw and did is.
    pub seq: Seq,
    /// What then leaves.
    pub released: Released,
    /// What the command gives.
    pub value: T,
}

/// A call from outside.
pub struct Call {
    /// Whose state.
    pub scope: Scope,
    /// Who calls.
    pub caller: Caller,
    /// The typed input.
    pub request: Box<dyn Request>,
}

enum Waiter {
    Client,
    Hop(Ticket, HopLabel),
}

enum Next {
    Withdraw(Withdrawal),
    Hop(Hop),
    Settled(Ticket, Settled),
    Measure(Scope, Datum),
}

/// All services and what they share. See the module's text.
pub struct Engine {
    services: Vec<Box<dyn Service>>,
    by_schema: HashMap<&'static str, ServiceId>,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    next_park: u64,
    parked: HashMap<ParkId, Waiter>,
    traces: Traces,
    last_seq: Seq,
    service_caller: Caller,
    intercept: Option<Intercept>,
}

/// An operation that succeeded: its reply, and what policies would have denied.
type Operated = (Reply<Box<dyn Output>>, Vec<Denial>);

/// An operation that failed: its error, and what policies denied on the way.
struct Refused {
    error: ApiError,
    denials: Vec<Denial>,
}

impl From<ApiError> for Box<Refused> {
    fn from(error: ApiError) -> Self {
        Self::new(Refused { error, denials: Vec::new() })
    }
}

/// One command under way.
struct Command {
    now: Timestamp,
    batch: Batch,
    next: VecDeque<Next>,
    hops: usize,
    /// What the request from outside acted on, if it belongs to a trace.
    resource: Option<Arc<str>>,
    released: Released,
}

impl Engine {
    /// Loads every service's state. `services` may come in any order; commands act on them in the order of [`ServiceId`].
    ///
    /// # Errors
    /// If the store holds something that its service cannot read.
    pub fn load(
        mut services: Vec<Box<dyn Service>>,
        store: Arc<dyn Store>,
        settings: Settings,
        ids: Ids,
    ) -> Result<Self, LoadError> {
        services.sort_by_key(|service| service.id());
        let mut by_schema = HashMap::default();
        for service in &mut services {
            service.load(store.as_ref())?;
            by_schema.extend(service.schemas().iter().map(|schema| (schema.id, service.id())));
        }
        let traces = Traces::load(store.as_ref())?;
        let service_caller = Caller::of_account(Scope::default().account, "", Arc::clone(&settings.endpoint));
        Ok(Self {
            services,
            by_schema,
            store,
            settings,
            ids,
            next_park: 0,
            parked: HashMap::default(),
            traces,
            last_seq: Seq(0),
            service_caller,
            intercept: None,
        })
    }

    /// An engine of fresh services over the store, which was emptied. Ids of parked replies go on from where they were, so that none is confused.
    ///
    /// # Errors
    /// If the store's content cannot be read.
    pub fn emptied(&mut self, services: Vec<Box<dyn Service>>) -> Result<Self, LoadError> {
        let mut fresh =
            Self::load(services, Arc::clone(&self.store), self.settings.clone(), self.ids.clone())?;
        fresh.next_park = self.next_park;
        fresh.last_seq = self.last_seq;
        fresh.intercept = self.intercept.take();
        Ok(fresh)
    }

    /// Has every operation from now on pass `intercept` first.
    pub fn intercept(&mut self, intercept: Intercept) {
        self.intercept = Some(intercept);
    }

    /// Fails if the operation is to fail before it is applied.
    fn pass(
        &self,
        operation: &'static OperationSchema,
        caller: &Caller,
        target: Option<&str>,
    ) -> Result<(), Box<Refused>> {
        let Some(intercept) = &self.intercept else { return Ok(()) };
        match intercept(&Attempt { operation, caller, target }) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Takes up what was under way when the store was last written. The first command after loading.
    ///
    /// # Errors
    /// If the store fails.
    pub fn start(&mut self, now: Timestamp) -> Result<Applied<()>, StoreError> {
        let mut command = Command::new(now);
        for id in ServiceId::ALL {
            let caller = self.service_caller.clone();
            self.step(&mut command, Scope::default(), &caller, id, |service, step| service.start(step));
        }
        self.finish(command, ())
    }

    /// Applies a call from outside.
    ///
    /// # Errors
    /// If the store fails. The call's own error is in the answer.
    pub fn call(&mut self, now: Timestamp, call: Call) -> Result<Applied<Answer>, StoreError> {
        let mut command = Command::new(now);
        let Call { scope, caller, request } = call;
        let operation = request.operation();
        let outcome = self
            .pass(operation, &caller, None)
            .and_then(|()| self.operate(&mut command, scope, &caller, request));
        let answer = match outcome {
            Ok((Reply::Ready(output), denials)) => {
                self.note_call(&mut command, &caller, operation, None, &denials);
                Answer::Settled(Ok(output))
            }
            Ok((Reply::Parked(id), _)) => {
                // It may have been answered within the same step.
                match command.released.replies.iter().position(|(answered, _)| *answered == id) {
                    Some(at) => Answer::Settled(command.released.replies.swap_remove(at).1),
                    None => {
                        self.parked.insert(id, Waiter::Client);
                        Answer::Parked(id)
                    }
                }
            }
            Ok((Reply::Read(read), denials)) => {
                self.note_call(&mut command, &caller, operation, None, &denials);
                Answer::Read(read)
            }
            Err(refused) => {
                let Refused { error, denials } = *refused;
                self.note_call(&mut command, &caller, operation, Some(&error), &denials);
                Answer::Settled(Err(error))
            }
        };
        self.finish(command, answer)
    }

    /// Does the earliest thing that is due at `now` or before; `false` if nothing is.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run_due(&mut self, now: Timestamp) -> Result<Option<Applied<()>>, StoreError> {
        let due = self.services.iter().filter_map(|service| Some((service.next_due()?, service.id())));
        let Some((at, id)) = due.min() else { return Ok(None) };
        if at > now {
            return Ok(None);
        }
        let mut command = Command::new(now);
        let caller = self.service_caller.clone();
        self.step(&mut command, Scope::default(), &caller, id, |service, step| service.run_due(step));
        self.finish(command, ()).map(Some)
    }

    /// When something is next due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.services.iter().filter_map(|service| service.next_due()).min()
    }

    /// Hands the outcome of a piece of work to its owner.
    ///
    /// # Errors
    /// If the store fails.
    pub fn worked(
        &mut self,
        now: Timestamp,
        (owner, scope, token): (ServiceId, Scope, u64),
        outcome: WorkOutcome,
        note: Option<TraceNote>,
    ) -> Result<Applied<()>, StoreError> {
        let mut command = Command::new(now);
        if let Some(note) = note {
            self.traces.note(note);
        }
        let caller = self.service_caller.clone();
        self.step(&mut command, scope, &caller, owner, |service, step| service.worked(step, token, outcome));
        self.finish(command, ())
    }

    /// Nobody waits for a parked call any more.
    ///
    /// # Errors
    /// If the store fails.
    pub fn abandoned(&mut self, now: Timestamp, id: ParkId) -> Result<Applied<()>, StoreError> {
        let mut command = Command::new(now);
        self.abandon(&mut command, id);
        self.finish(command, ())
    }

    /// How a service words a violated input.
    #[must_use]
    pub fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        let id = self.by_schema.get(operation.service.id)?;
        self.service(*id)?.invalid(operation, violations)
    }

    /// Asks each service; the first that knows answers.
    #[must_use]
    pub fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        self.services.iter().find_map(|service| service.inspect(scope, question))
    }

    /// Every service's own answer to a question that is put to all.
    #[must_use]
    pub fn inspect_all(
        &self,
        scope: Scope,
        question: &Inspect<'_>,
    ) -> Vec<(&'static str, serde_json::Value)> {
        let answers = self.services.iter();
        answers.filter_map(|service| Some((service.id().name(), service.inspect(scope, question)?))).collect()
    }

    /// The traces.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// The store, for reads.
    #[must_use]
    pub fn store(&self) -> &dyn StoreRead {
        self.store.as_ref()
    }

    /// The last sequence number that a command was applied under.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.last_seq
    }

    fn service(&self, id: ServiceId) -> Option<&dyn Service> {
        self.services.iter().find(|service| service.id() == id).map(Box::as_ref)
    }

    /// Runs one step of a service that cannot fail, and takes up its effects.
    fn step(
        &mut self,
        command: &mut Command,
        scope: Scope,
        caller: &Caller,
        id: ServiceId,
        run: impl FnOnce(&mut dyn Service, &mut Step<'_>),
    ) {
        let Some(service) = self.services.iter_mut().find(|service| service.id() == id) else { return };
        let ground = Ground { store: self.store.as_ref(), pending: &command.batch, settings: &self.settings };
        let mut step = Step::new(command.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        run(service.as_mut(), &mut step);
        let (batch, effects) = step.finish();
        command.batch.append(batch);
        self.take_up(command, effects);
    }

    /// Runs an operation, from outside or as a hop. If it fails, nothing of it remains.
    fn operate(
        &mut self,
        command: &mut Command,
        scope: Scope,
        caller: &Caller,
        request: Box<dyn Request>,
    ) -> Result<Operated, Box<Refused>> {
        let schema = request.operation().service.id;
        let id = self.by_schema.get(schema).copied();
        let Some(service) = self.services.iter_mut().find(|service| Some(service.id()) == id) else {
            return Err(ApiError::unsupported(format_args!("the service {schema}")).into());
        };
        let ground = Ground { store: self.store.as_ref(), pending: &command.batch, settings: &self.settings };
        let mut step = Step::new(command.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        let outcome = service.call(&mut step, request);
        let (batch, mut effects) = step.finish();
        let denials = std::mem::take(&mut effects.denials);
        command.resource = command.resource.take().or(effects.resource.take());
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return Err(Box::new(Refused { error, denials })),
        };
        command.batch.append(batch);
        self.take_up(command, effects);
        Ok((reply, denials))
    }

    fn take_up(&mut self, command: &mut Command, effects: Effects) {
        let Effects { hops, withdrawals, dispatches, unparked, metrics, notes, denials: _, resource: _ } =
            effects;
        // First, because what the hops do might give an outcome to what is withdrawn.
        command.next.extend(withdrawals.into_iter().map(Next::Withdraw));
        command.next.extend(hops.into_iter().map(Next::Hop));
        command.released.dispatches.extend(dispatches);
        for (id, outcome) in unparked {
            match self.parked.remove(&id) {
                Some(Waiter::Hop(ticket, label)) => {
                    self.note_hop(command.now, label, outcome.as_ref().err(), &[]);
                    command.next.push_back(Next::Settled(ticket, outcome));
                }
                Some(Waiter::Client) | None => command.released.replies.push((id, outcome)),
            }
        }
        command.next.extend(metrics.into_iter().map(|(scope, datum)| Next::Measure(scope, datum)));
        notes.into_iter().for_each(|note| self.traces.note(note));
    }

    fn drain(&mut self, command: &mut Command) {
        while let Some(next) = command.next.pop_front() {
            match next {
                Next::Withdraw(withdrawal) => self.withdraw(command, &withdrawal),
                Next::Hop(hop) => self.hop(command, hop),
                Next::Settled(ticket, outcome) => self.settle(command, ticket, outcome),
                Next::Measure(scope, datum) => {
                    let caller = self.service_caller.clone();
                    self.step(command, scope, &caller, ServiceId::CloudWatch, |service, step| {
                        service.measured(step, scope, &datum);
                    });
                }
            }
        }
    }

    fn hop(&mut self, command: &mut Command, hop: Hop) {
        let Hop { to, caller, request, resource, attempt, traced, ticket } = hop;
        let label = HopLabel {
            traces: caller.traces.clone(),
            what: request.operation().name,
            from: source_of(&caller),
            to: resource,
            attempt,
            traced,
            made_at: command.now,
        };
        command.hops += 1;
        // What the operation notes comes after the hop that led to it.
        let mark = self.traces.mark();
        let outcome = if caller.depth > HOP_DEPTH_MAX || command.hops > HOPS_MAX {
            Err(Box::<Refused>::from(ApiError::client(
                "LoopDetected",
                format!(
                    "Stopped: more than {HOP_DEPTH_MAX} hops led on from one another; the last came from {}.",
                    label.from
                ),
            )))
        } else {
            self.pass(request.operation(), &caller, Some(&label.to))
                .and_then(|()| self.operate(command, to, &caller, request))
        };
        let settled = match outcome {
            Ok((Reply::Ready(output), denials)) => {
                self.note_hop_at(mark, command.now, label, None, &denials);
                Ok(output)
            }
            Ok((Reply::Parked(id), _)) => {
                self.park_hop(command, id, ticket, label);
                return;
            }
            Ok((Reply::Read(read), _)) => read(self.store.as_ref()),
            Err(refused) => {
                let Refused { error, denials } = *refused;
                self.note_hop_at(mark, command.now, label, Some(&error), &denials);
                Err(error)
            }
        };
        if let Some(ticket) = ticket {
            command.next.push_back(Next::Settled(ticket, settled));
        }
    }

    fn park_hop(&mut self, command: &mut Command, id: ParkId, ticket: Option<Ticket>, label: HopLabel) {
        let Some(ticket) = ticket else { return };
        match command.released.replies.iter().position(|(answered, _)| *answered == id) {
            Some(at) => {
                let outcome = command.released.replies.swap_remove(at).1;
                command.next.push_back(Next::Settled(ticket, outcome));
            }
            None => {
                self.parked.insert(id, Waiter::Hop(ticket, label));
            }
        }
    }

    fn withdraw(&mut self, command: &mut Command, withdrawal: &Withdrawal) {
        let is_meant = |waiter: &Waiter| match waiter {
            Waiter::Hop(ticket, _) => {
                ticket.owner == withdrawal.owner && (withdrawal.is_meant)(ticket.token.as_ref())
            }
            Waiter::Client => false,
        };
        let mut meant: Vec<ParkId> =
            self.parked.iter().filter(|(_, waiter)| is_meant(waiter)).map(|(id, _)| *id).collect();
        // The map has no order that is the same in every run.
        meant.sort_unstable();
        for id in meant {
            self.abandon(command, id);
        }
    }

    fn abandon(&mut self, command: &mut Command, id: ParkId) {
        if self.parked.remove(&id).is_none() {
            return;
        }
        for owner in ServiceId::ALL {
            let caller = self.service_caller.clone();
            self.step(command, Scope::default(), &caller, owner, |service, step| service.abandoned(step, id));
        }
    }

    fn settle(&mut self, command: &mut Command, ticket: Ticket, outcome: Settled) {
        let Ticket { owner, scope, token } = ticket;
        let caller = self.service_caller.clone();
        let token: Box<dyn Any + Send> = token;
        self.step(command, scope, &caller, owner, |service, step| service.settled(step, token, outcome));
    }

    /// Writes everything that the command gathered as one batch.
    fn finish<T>(&mut self, mut command: Command, value: T) -> Result<Applied<T>, StoreError> {
        self.drain(&mut command);
        let Command { now, mut batch, mut released, .. } = command;
        let before = batch.len();
        self.traces.write(now, &mut batch);
        released.traced = batch.len() > before;
        if !batch.is_empty() {
            self.last_seq = self.store.apply(batch)?;
        }
        Ok(Applied { seq: self.last_seq, released, value })
    }

    /// Whether policies refuse or only record.
    #[must_use]
    pub fn policy_mode(&self) -> PolicyMode {
        self.settings.policies
    }
}

impl Command {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            batch: Batch::new(),
            next: VecDeque::new(),
            hops: 0,
            resource: None,
            released: Released::default(),
        }
    }
}
