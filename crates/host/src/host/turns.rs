//! Turns with the engine: whoever finds it free applies its own call and then those that were queued meanwhile.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use parking_lot::MutexGuard;
use pontoon_core::{ApiError, Clock as _, Output, ParkId, Seq, Settled, SnapshotRead, StoreRead};
use tokio::sync::oneshot;

use super::{FailStop, Host, stopping};
use crate::engine::{Answer, Applied, Call, Engine, Released};

/// How many calls of others one serves before somebody else goes on; more only if they were queued together.
const SERVED_MAX: usize = 64;

/// A call that found the engine locked, and who waits for what it comes to.
pub(super) struct Queued {
    call: Call,
    tell: oneshot::Sender<Result<Begun, ApiError>>,
}

/// A call that has been applied: what it comes to, and what leaves when the engine is unlocked.
struct Called {
    begun: Result<Begun, ApiError>,
    leaving: Leaving,
}

/// What leaves once `seq` is durable.
#[derive(Default)]
pub(super) struct Leaving {
    pub(super) seq: Seq,
    pub(super) released: Released,
}

/// What a call comes to when the engine has applied it.
pub(super) enum Begun {
    /// Its outcome, once this is durable.
    Settled(Seq, Settled),
    /// Its outcome comes later.
    Parked(Abandon, oneshot::Receiver<Settled>),
    /// It is read from this snapshot.
    Read(Seq, Box<dyn StoreRead>, SnapshotRead<Box<dyn Output>>),
}

/// A parked call, which is abandoned when this is dropped before it was answered.
pub(super) struct Abandon {
    host: Arc<Host>,
    id: Option<ParkId>,
}

impl Abandon {
    /// There is nothing to abandon any more.
    pub(super) fn answered(&mut self) {
        self.id = None;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.host.abandon(id);
        }
    }
}

/// Ends the process if the engine panics while it is locked: its state may be half changed.
pub(super) struct Panicking<'h>(pub(super) &'h FailStop);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)("the engine panicked; its state cannot be trusted any more");
        }
    }
}

impl Host {
    /// Applies a call, or has whoever holds the engine apply it.
    pub(super) async fn begin(self: &Arc<Self>, call: Call) -> Result<Begun, ApiError> {
        let Some(mut engine) = self.engine.try_lock() else {
            let (tell, told) = oneshot::channel();
            self.queued.lock().push(Queued { call, tell });
            self.queued_len.fetch_add(1, Ordering::SeqCst);
            self.help();
            return told.await.unwrap_or_else(|_| Err(stopping()));
        };
        let guard = Panicking(&self.fail_stop);
        let Called { begun, leaving } = self.apply(&mut engine, call);
        self.unlock(engine, guard, std::slice::from_ref(&leaving));
        self.release(leaving);
        self.help();
        begun
    }

    /// Applies the calls that are queued, unless somebody holds the engine: whoever does comes here after unlocking it.
    pub(super) fn help(self: &Arc<Self>) {
        let mut served = 0;
        loop {
            // Who queues raises the length and then tries the lock; who holds the lock unlocks and then reads the length. Of the two, one sees what
            // the other did, so no call is left in the queue.
            fence(Ordering::SeqCst);
            if self.queued_len.load(Ordering::SeqCst) == 0 {
                return;
            }
            if served >= SERVED_MAX {
                // Whoever came with a call of its own has waited long enough for the answer.
                let host = Arc::clone(self);
                self.runtime.spawn(async move { host.help() });
                return;
            }
            let Some(mut engine) = self.engine.try_lock() else { return };
            let guard = Panicking(&self.fail_stop);
            let queued = std::mem::take(&mut *self.queued.lock());
            self.queued_len.fetch_sub(queued.len(), Ordering::SeqCst);
            served += queued.len();
            let (mut leaving, mut told) =
                (Vec::with_capacity(queued.len()), Vec::with_capacity(queued.len()));
            for Queued { call, tell } in queued {
                let called = self.apply(&mut engine, call);
                leaving.push(called.leaving);
                told.push((tell, called.begun));
            }
            self.unlock(engine, guard, &leaving);
            leaving.into_iter().for_each(|leaving| self.release(leaving));
            for (tell, begun) in told {
                // Whoever hung up meanwhile is one whose reply is lost on the way; a parked call is abandoned as it is dropped.
                drop(tell.send(begun));
            }
        }
    }

    /// Applies a call to the engine, which the caller has locked.
    fn apply(self: &Arc<Self>, engine: &mut Engine, call: Call) -> Called {
        let applied = match self.trust(engine.call(self.clock.now(), call)) {
            Ok(applied) => applied,
            Err(error) => return Called { begun: Err(error), leaving: Leaving::default() },
        };
        let Applied { seq, released, value } = applied;
        let begun = match value {
            Answer::Settled(settled) => Begun::Settled(seq, settled),
            Answer::Read(read) => Begun::Read(seq, self.store.snapshot(), read),
            Answer::Parked(id) => {
                let (tell, told) = oneshot::channel();
                self.waiting.lock().insert(id, tell);
                Begun::Parked(Abandon { host: Arc::clone(self), id: Some(id) }, told)
            }
        };
        Called { begun: Ok(begun), leaving: Leaving { seq, released } }
    }

    /// Ends a turn with the engine: wakes the timer if something is due before what it sleeps towards.
    pub(super) fn unlock(&self, engine: MutexGuard<'_, Engine>, guard: Panicking<'_>, leaving: &[Leaving]) {
        let dispatches = leaving.iter().map(|leaving| leaving.released.dispatches.len()).sum();
        self.under_way.fetch_add(dispatches, Ordering::AcqRel);
        let due = engine.next_due();
        drop(guard);
        drop(engine);
        if due.is_some_and(|at| at.millis() < self.timer_at.load(Ordering::Acquire)) {
            self.timer.notify_one();
        }
    }
}
