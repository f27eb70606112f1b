//! The engine on a faulty store, with everything around it that the host has: a clock, work under way, crashes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::step::Settings;
use pontoon_core::{
    ApiError, Caller, Direction, Dispatch, Ids, KeyRange, Output, ParkId, PolicyMode, Request, Scope, Seq,
    Settled, Space, Store, StoreError, Timestamp, Work, WorkOutcome,
};
use pontoon_host::engine::{Answer, Applied, Call, Engine, Released};
use pontoon_host::services;
use pontoon_identity::Directory;
use pontoon_sns::Certificates;
use pontoon_store::{Fault, FaultyStore};
use pontoon_wire::protocol::json::{self, writer::JsonWriter};
use serde_json::Value;

/// Where the engine believes to be reached.
pub const ENDPOINT: &str = "http://127.0.0.1:4566";

/// The store failed: the process would stop now.
#[derive(Debug)]
pub struct Down;

/// What a call was answered with: the output, an error's code and message, or nothing yet.
#[derive(Debug)]
pub enum Called {
    /// Answered.
    Done(Result<Value, ApiError>),
    /// The answer comes later.
    Parked(ParkId),
}

/// The engine and its surroundings.
pub struct World {
    store: Arc<FaultyStore>,
    engine: Engine,
    now: Timestamp,
    /// The last batch that was applied.
    seq: Seq,
    /// The last batch that is durable.
    durable: Seq,
    /// Work that left the engine, by the batch that it waits for.
    under_way: Vec<(Seq, Dispatch)>,
    replies: Vec<(ParkId, Result<Value, ApiError>)>,
}

fn load(store: &Arc<FaultyStore>, seed: u64) -> Result<Engine, Down> {
    let settings = Settings { policies: PolicyMode::Warn, endpoint: ENDPOINT.into() };
    let fresh = services::all(&Directory::default(), &Certificates::default());
    Engine::load(fresh, Arc::clone(store) as Arc<dyn Store>, settings, Ids::from_seed(seed)).map_err(|_| Down)
}

fn caller() -> Caller {
    let account = Scope::default().account;
    Caller::of_account(account, "simulated", ENDPOINT)
}

impl World {
    /// An engine on an empty store.
    ///
    /// # Panics
    /// If it cannot load an empty store.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        let store = Arc::new(FaultyStore::new());
        let Ok(engine) = load(&store, seed) else { panic!("an empty store loads") };
        let (seq, durable) = (Seq(0), Seq(0));
        let mut world = Self { store, engine, now, seq, durable, under_way: Vec::new(), replies: Vec::new() };
        assert!(world.command(Engine::start).is_ok(), "no fault was injected yet");
        world
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The last batch that was applied.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Calls an operation with an input in AWS JSON.
    ///
    /// # Errors
    /// If the store failed.
    ///
    /// # Panics
    /// If there is no such operation, or the input is not of its shape.
    pub fn call(&mut self, service: &str, operation: &str, input: &Value) -> Result<Called, Down> {
        let of_service = pontoon_api::SERVICES.iter().filter(|schema| schema.id == service);
        let schema = of_service.flat_map(|schema| schema.operations).find(|schema| schema.name == operation);
        let Some(schema) = schema else { panic!("there is no operation {operation} of {service}") };
        match json::decode(schema, input.to_string().as_bytes()) {
            Ok((request, violations)) => {
                assert!(violations.is_empty(), "{operation} {input}: {violations:?}");
                self.request(request)
            }
            Err(error) => panic!("{operation} {input}: {}", error.message),
        }
    }

    /// Calls an operation with its typed input.
    ///
    /// # Errors
    /// If the store failed.
    pub fn request(&mut self, request: Box<dyn Request>) -> Result<Called, Down> {
        let call = Call { scope: Scope::default(), caller: caller(), request };
        let answer = self.command(|engine, now| engine.call(now, call))?;
        Ok(match answer {
            Answer::Settled(settled) => Called::Done(shown(settled)),
            Answer::Parked(id) => Called::Parked(id),
            Answer::Read(read) => Called::Done(shown(read(self.store.snapshot().as_ref()))),
        })
    }

    /// Does one thing that is due now; whether there was any.
    ///
    /// # Errors
    /// If the store failed.
    pub fn run_due(&mut self) -> Result<bool, Down> {
        self.command(|engine, now| {
            let applied = engine.run_due(now)?;
            Ok(match applied {
                Some(Applied { seq, released, value: () }) => Applied { seq, released, value: true },
                None => Applied { seq: Seq(0), released: Released::default(), value: false },
            })
        })
    }

    /// Lets time pass until something is due, but not beyond `until`.
    pub fn pass_until(&mut self, until: Timestamp) {
        let due = self.engine.next_due().unwrap_or(until).min(until);
        self.now = self.now.max(due);
    }

    /// Work that has not ended, in the order in which it was asked for, and whether it may have begun: whether what asked for it is durable.
    pub fn work(&self) -> impl Iterator<Item = (&Work, bool)> {
        self.under_way.iter().map(|(seq, dispatch)| (&dispatch.work, *seq <= self.durable))
    }

    /// Ends the piece of [`World::work`] at this place.
    ///
    /// # Errors
    /// If the store failed.
    pub fn end_work(&mut self, at: usize, outcome: WorkOutcome) -> Result<(), Down> {
        let (_, Dispatch { owner, scope, token, .. }) = self.under_way.remove(at);
        self.command(|engine, now| engine.worked(now, (owner, scope, token), outcome, None))
    }

    /// Parked calls that were answered since the last look.
    pub fn take_replies(&mut self) -> Vec<(ParkId, Result<Value, ApiError>)> {
        std::mem::take(&mut self.replies)
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// If the store failed.
    pub fn sync(&mut self) -> Result<(), Down> {
        self.durable = self.store.sync().map_err(|_| Down)?;
        Ok(())
    }

    /// Makes the next operation of a kind fail.
    pub fn fail_next(&self, fault: Fault) {
        self.store.fail_next(fault);
    }

    /// Ends the process, and the power: every batch behind `last` is lost. Starts again on what is left, after `downtime`; now and
    /// then the first attempt to load it fails.
    ///
    /// # Panics
    /// If the engine cannot load what it wrote.
    pub fn crash(&mut self, last: Seq, downtime: Duration, seed: u64) {
        self.store.crash_after(last);
        (self.seq, self.durable) = (last, last);
        self.now = self.now.after(downtime);
        self.under_way.clear();
        self.replies.clear();
        if seed.is_multiple_of(4) {
            self.store.fail_next(Fault::Read);
            assert!(load(&self.store, seed).is_err(), "the engine took no notice of a read that failed");
        }
        let Ok(engine) = load(&self.store, seed) else { panic!("the engine cannot load what it wrote") };
        self.engine = engine;
        assert!(self.command(Engine::start).is_ok(), "a crash ends all faults");
    }

    /// A hash of everything that the store holds.
    ///
    /// # Panics
    /// If the store fails.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let snapshot = self.store.snapshot();
        for space in Space::ALL {
            space.hash(&mut hasher);
            let visited = snapshot.scan(space, &KeyRange::all(), Direction::Ascending, &mut |key, value| {
                (key, value).hash(&mut hasher);
                ControlFlow::Continue(())
            });
            assert!(visited.is_ok(), "snapshots never fail");
        }
        hasher.finish()
    }

    /// Runs a command as the host does: if the store fails, or the engine panics because it did, the process is over.
    fn command<T>(
        &mut self,
        run: impl FnOnce(&mut Engine, Timestamp) -> Result<Applied<T>, StoreError>,
    ) -> Result<T, Down> {
        let (engine, now) = (&mut self.engine, self.now);
        let applied = catch_unwind(AssertUnwindSafe(|| run(engine, now)));
        let Applied { seq, released, value } = match applied {
            Ok(applied) => applied.map_err(|_| Down)?,
            Err(panic) => {
                let why = panic.downcast_ref::<String>().map_or("", String::as_str);
                if why.starts_with("the store failed") {
                    return Err(Down);
                }
                std::panic::resume_unwind(panic)
            }
        };
        self.seq = self.seq.max(seq);
        let Released { replies, dispatches, .. } = released;
        self.replies.extend(replies.into_iter().map(|(id, settled)| (id, shown(settled))));
        self.under_way.extend(dispatches.into_iter().map(|dispatch| (self.seq, dispatch)));
        Ok(value)
    }
}

fn shown(settled: Settled) -> Result<Value, ApiError> {
    settled.map(|output| written(output.as_ref()))
}

fn written(output: &dyn Output) -> Value {
    let mut body = Vec::new();
    output.encode(&mut JsonWriter::new(&mut body));
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}
