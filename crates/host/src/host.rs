//! The shell around the engine: takes calls from the front, waits for durability, tells time, carries work out.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use pontoon_core::step::Settings;
use pontoon_core::{
    ApiError, Clock, Dispatch, HashMap, Ids, LoadError, ParkId, Seq, Service, Settled, Store, StoreError,
    Timestamp, TraceNote, WorkOutcome,
};
use pontoon_store::GroupCommit;
use tokio::runtime::Handle;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

use crate::clock::{Standing, SystemClock, VirtualClock};
use crate::dispatch::Dispatcher;
use crate::engine::{Applied, Call, Engine, Released};

mod turns;

use crate::intercept::Intercept;
use turns::{Begun, Leaving, Panicking, Queued};

/// Which clock the engine runs on.
#[derive(Clone, Debug)]
pub enum HostClock {
    /// The machine's.
    System(Arc<SystemClock>),
    /// One that can be frozen and advanced.
    Virtual(Arc<VirtualClock>),
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::System(clock) => clock.now(),
            Self::Virtual(clock) => clock.now(),
        }
    }
}

impl HostClock {
    /// The clock of a data directory, which goes on from where it stood when the directory was last written.
    ///
    /// # Errors
    /// If the machine's clock is asked for and is behind the virtual one that the directory was used with; if the store fails.
    pub fn open(store: &dyn Store, is_virtual: bool) -> Result<Self, LoadError> {
        let stood = Standing::load(store)?;
        if is_virtual {
            let clock = stood.map_or_else(VirtualClock::default, VirtualClock::at);
            return Ok(Self::Virtual(Arc::new(clock)));
        }
        let clock = SystemClock::default();
        if let Some(stood) = stood {
            let (told, now) = (stood.now(), clock.now());
            if told > now {
                return Err(LoadError::new(format!(
                    "the data is of {told} by its virtual clock, and the machine's is at {now}: start with --virtual-clock, or name another \
                     directory with --data"
                )));
            }
            // From here on the machine's clock counts.
            store.apply(Standing::forget())?;
        }
        Ok(Self::System(Arc::new(clock)))
    }
}

/// Makes fresh, empty services: at start, and again at a reset.
pub type MakeServices = Box<dyn Fn() -> Vec<Box<dyn Service>> + Send + Sync>;

/// What the host does when the store fails or the engine panics: nothing may be acknowledged any more.
pub type FailStop = Arc<dyn Fn(&str) + Send + Sync>;

/// The running engine. Shared by the front, the timer and the dispatcher.
///
/// Calls never block their thread for the engine: a call that finds it locked is queued, and whoever holds the lock applies what is queued before
/// leaving. So a thread that could decode the next request is not put to sleep, and one turn with the engine serves many calls.
pub struct Host {
    engine: Mutex<Engine>,
    queued: Mutex<Vec<Queued>>,
    /// How many calls are queued, to be looked at without the lock.
    queued_len: AtomicUsize,
    store: Arc<dyn Store>,
    durability: GroupCommit,
    clock: HostClock,
    services: MakeServices,
    settings: Settings,
    waiting: Mutex<HashMap<ParkId, oneshot::Sender<Settled>>>,
    timer: Arc<Notify>,
    /// What the timer task sleeps towards, milliseconds; `i64::MAX` while it looks or if nothing is due, `i64::MIN` while it
    /// runs what is.
    timer_at: AtomicI64,
    under_way: AtomicUsize,
    settled: Notify,
    epoch: AtomicU64,
    traced: Notify,
    advancing: tokio::sync::Mutex<()>,
    dispatcher: Dispatcher,
    runtime: Handle,
    fail_stop: FailStop,
    started: std::time::Instant,
}

/// What a host is made of.
pub struct Parts {
    /// The store, open and locked.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: HostClock,
    /// Makes the services.
    pub services: MakeServices,
    /// Engine-wide settings.
    pub settings: Settings,
    /// Carries out work.
    pub dispatcher: Dispatcher,
    /// Decides which operations fail before they are applied; none do without it.
    pub intercept: Option<Intercept>,
    /// What to do when the store fails.
    pub fail_stop: FailStop,
}

impl Host {
    /// Loads the state and takes up what was under way. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the store's content cannot be read.
    pub fn start(parts: Parts) -> Result<Arc<Self>, LoadError> {
        let Parts { store, clock, services, settings, dispatcher, intercept, fail_stop } = parts;
        let mut engine = Engine::load(services(), Arc::clone(&store), settings.clone(), machine_ids())?;
        if let Some(intercept) = intercept {
            engine.intercept(intercept);
        }
        let stop = Arc::clone(&fail_stop);
        let durability =
            GroupCommit::start(Arc::clone(&store), move |error: StoreError| stop(&error.message))?;
        let host = Arc::new(Self {
            engine: Mutex::new(engine),
            queued: Mutex::default(),
            queued_len: AtomicUsize::new(0),
            store,
            durability,
            clock,
            services,
            settings,
            waiting: Mutex::default(),
            timer: Arc::new(Notify::new()),
            timer_at: AtomicI64::new(i64::MAX),
            under_way: AtomicUsize::new(0),
            settled: Notify::new(),
            epoch: AtomicU64::new(0),
            traced: Notify::new(),
            advancing: tokio::sync::Mutex::new(()),
            dispatcher,
            runtime: Handle::current(),
            fail_stop,
            started: std::time::Instant::now(),
        });
        host.command(Engine::start);
        tokio::spawn(keep_time(Arc::downgrade(&host), Arc::clone(&host.timer)));
        Ok(host)
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &HostClock {
        &self.clock
    }

    /// The store, for reads outside the engine such as function code.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Engine-wide settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long the host has run, by the machine's clock.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Carries out work, and knows whose credentials and traces functions have.
    #[must_use]
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// Looks at the engine between commands.
    pub fn look<T>(self: &Arc<Self>, look: impl FnOnce(&Engine) -> T) -> T {
        self.hold(|engine| look(engine))
    }

    /// Holds the engine, waiting for it if need be, and then serves the calls that were queued meanwhile.
    fn hold<T>(self: &Arc<Self>, run: impl FnOnce(&mut Engine) -> T) -> T {
        let mut engine = self.engine.lock();
        let value = run(&mut engine);
        drop(engine);
        self.help();
        value
    }

    /// Applies a call and answers it when it is durable.
    ///
    /// # Errors
    /// The operation's error.
    pub async fn call(self: &Arc<Self>, call: Call) -> Settled {
        match self.begin(call).await? {
            Begun::Settled(seq, settled) => {
                self.durable(seq).await?;
                settled
            }
            Begun::Read(seq, snapshot, read) => {
                let output = read(snapshot.as_ref());
                self.durable(seq).await?;
                output
            }
            Begun::Parked(mut parked, answer) => {
                let outcome = answer.await;
                parked.answered();
                outcome.unwrap_or_else(|_| {
                    Err(ApiError::server("ServiceUnavailable", "Pontoon was reset.").with_status(503))
                })
            }
        }
    }

    /// Runs a command of the engine's that nobody waits for.
    fn command<T>(
        self: &Arc<Self>,
        run: impl FnOnce(&mut Engine, Timestamp) -> Result<Applied<T>, StoreError>,
    ) -> Option<T> {
        let mut engine = self.engine.lock();
        let guard = Panicking(&self.fail_stop);
        let applied = run(&mut engine, self.clock.now());
        let Applied { seq, released, value } = self.trust(applied).ok()?;
        let leaving = Leaving { seq, released };
        self.unlock(engine, guard, std::slice::from_ref(&leaving));
        self.release(leaving);
        self.help();
        Some(value)
    }

    /// A store that failed stops the process; where it does not (tests), nothing is acknowledged.
    fn trust<T>(&self, applied: Result<Applied<T>, StoreError>) -> Result<Applied<T>, ApiError> {
        applied.map_err(|error| {
            (self.fail_stop)(&error.message);
            stopping()
        })
    }

    async fn durable(&self, seq: Seq) -> Result<(), ApiError> {
        if self.durability.is_durable(seq) {
            return Ok(());
        }
        let waited = self.durability.wait(seq).await;
        waited.map_err(|_| stopping())
    }

    /// Lets replies and work go once `seq` is durable.
    fn release(self: &Arc<Self>, Leaving { seq, released }: Leaving) {
        if released.traced {
            self.traced.notify_waiters();
        }
        if released.replies.is_empty() && released.dispatches.is_empty() {
            self.durability.applied(seq);
            return;
        }
        let host = Arc::clone(self);
        let epoch = self.epoch.load(Ordering::Acquire);
        self.durability.on_durable(seq, move |durable| {
            if durable.is_ok() {
                host.let_go(released, epoch);
            }
        });
    }

    fn let_go(self: &Arc<Self>, released: Released, epoch: u64) {
        for (id, outcome) in released.replies {
            if let Some(tell) = self.waiting.lock().remove(&id) {
                // A client that hung up meanwhile is one whose reply is lost on the way.
                let _ = tell.send(outcome);
            }
        }
        for dispatch in released.dispatches {
            let host = Arc::clone(self);
            self.runtime.spawn(async move {
                let Dispatch { owner, scope, token, work } = dispatch;
                match host.dispatcher.carry_out(work, || host.now()).await {
                    Some((outcome, note)) => host.worked(epoch, (owner, scope, token), outcome, note),
                    None => host.ended(),
                }
            });
        }
    }

    fn worked(
        self: &Arc<Self>,
        epoch: u64,
        to: (pontoon_core::ServiceId, pontoon_core::Scope, u64),
        outcome: WorkOutcome,
        note: Option<TraceNote>,
    ) {
        if epoch == self.epoch.load(Ordering::Acquire) {
            self.command(|engine, now| engine.worked(now, to, outcome, note));
        }
        self.ended();
    }

    /// A piece of work is no longer under way.
    fn ended(&self) {
        if self.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }

    fn abandon(self: &Arc<Self>, id: ParkId) {
        if self.waiting.lock().remove(&id).is_some() {
            self.command(|engine, now| engine.abandoned(now, id));
        }
    }

    /// Does everything that is due now; how long until something else is, by the machine's clock, unless nothing is or the clock is frozen.
    fn run_all_due(self: &Arc<Self>) -> Option<Duration> {
        // While things are run nobody need wake the timer: it looks again. A command that ends between that look and the second store finds MAX
        // here, and wakes the timer once too often.
        self.timer_at.store(i64::MIN, Ordering::Release);
        while self.run_one_due() {}
        self.timer_at.store(i64::MAX, Ordering::Release);
        let due = self.look(Engine::next_due)?;
        if matches!(&self.clock, HostClock::Virtual(clock) if clock.is_frozen()) {
            return None;
        }
        self.timer_at.store(due.millis(), Ordering::Release);
        Some(due.since(self.clock.now()))
    }

    fn run_one_due(self: &Arc<Self>) -> bool {
        let ran = self.command(|engine, now| {
            let applied = engine.run_due(now)?;
            Ok(match applied {
                Some(applied) => Applied { seq: applied.seq, released: applied.released, value: true },
                None => Applied { seq: engine.last_seq(), released: Released::default(), value: false },
            })
        });
        ran.unwrap_or(false)
    }

    /// Waits until no work is under way.
    async fn settle(&self) {
        loop {
            let notified = self.settled.notified();
            if self.under_way.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Sets a virtual clock forward by `by`, doing everything that falls due on the way in order, and returns when all of it has settled.
    ///
    /// # Errors
    /// If the clock is the machine's.
    pub async fn advance(self: &Arc<Self>, by: Duration) -> Result<Timestamp, NotVirtual> {
        let HostClock::Virtual(clock) = &self.clock else { return Err(NotVirtual) };
        let _alone = self.advancing.lock().await;
        let was_frozen = clock.is_frozen();
        let mut seq = self.set_clock(|| clock.freeze());
        let target = clock.now().after(by);
        loop {
            self.settle().await;
            match self.look(Engine::next_due) {
                Some(at) if at <= target => {
                    seq = self.set_clock(|| clock.step_to(at));
                    self.run_one_due();
                }
                _ if clock.now() < target => seq = self.set_clock(|| clock.step_to(target)),
                _ => break,
            }
        }
        if !was_frozen {
            seq = self.set_clock(|| clock.resume());
            self.timer.notify_one();
        }
        self.kept(seq).await;
        Ok(clock.now())
    }

    /// Freezes a virtual clock, or lets it run on.
    ///
    /// # Errors
    /// If the clock is the machine's.
    pub async fn set_frozen(self: &Arc<Self>, frozen: bool) -> Result<Timestamp, NotVirtual> {
        let HostClock::Virtual(clock) = &self.clock else { return Err(NotVirtual) };
        let _alone = self.advancing.lock().await;
        let seq = self.set_clock(|| if frozen { clock.freeze() } else { clock.resume() });
        self.timer.notify_one();
        self.kept(seq).await;
        Ok(clock.now())
    }

    /// Changes how a virtual clock stands, and writes it down before any command runs at an instant that it then shows.
    fn set_clock(self: &Arc<Self>, change: impl FnOnce() -> Standing) -> Seq {
        let written = self.hold(|_| self.store.apply(change().write()));
        if let Err(error) = &written {
            (self.fail_stop)(&error.message);
        }
        let seq = written.unwrap_or_default();
        self.durability.applied(seq);
        seq
    }

    /// Waits until the clock's standing is durable. Where a store that failed does not stop the process (tests), nothing is to be waited for.
    async fn kept(&self, seq: Seq) {
        let _ = self.durable(seq).await;
    }

    /// Empties everything: every resource of every account, durably.
    ///
    /// # Errors
    /// If the store fails.
    pub fn reset(self: &Arc<Self>) -> Result<(), LoadError> {
        self.hold(|engine| {
            self.epoch.fetch_add(1, Ordering::AcqRel);
            self.store.clear()?;
            if let HostClock::Virtual(clock) = &self.clock {
                self.durability.applied(self.store.apply(clock.standing().write())?);
            }
            *engine = engine.emptied((self.services)())?;
            self.waiting.lock().clear();
            Ok::<_, LoadError>(())
        })?;
        self.command(Engine::start);
        Ok(())
    }

    /// Resolves when traces have grown after this call.
    pub fn traced(&self) -> Notified<'_> {
        self.traced.notified()
    }

    /// Ends every function process; nothing is carried out any more.
    pub async fn close(&self) {
        self.dispatcher.close().await;
    }
}

/// Does what falls due, until the host is dropped.
async fn keep_time(host: Weak<Host>, timer: Arc<Notify>) {
    loop {
        let Some(wait) = host.upgrade().map(|host| host.run_all_due()) else { return };
        match wait {
            // A timer of tokio's may fire a millisecond early; the next look then waits for the rest.
            Some(wait) => {
                drop(tokio::time::timeout(wait.max(Duration::from_millis(1)), timer.notified()).await)
            }
            None => timer.notified().await,
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.timer.notify_one();
    }
}

fn stopping() -> ApiError {
    ApiError::server("InternalFailure", "The server failed and is stopping.")
}

/// The clock is the machine's and cannot be set: the server was not started with `--virtual-clock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotVirtual;

/// A seed from the machine's randomness.
#[must_use]
pub fn machine_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A source of ids and secrets from the machine's randomness.
#[must_use]
pub fn machine_ids() -> Ids {
    // A hash that is keyed with 128 random bits says nothing of one of its values by another.
    let keyed = RandomState::new();
    let mut key = [0; 32];
    for (number, part) in key.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&keyed.hash_one(number).to_le_bytes());
    }
    Ids::new(machine_seed(), key)
}
