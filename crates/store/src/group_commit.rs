//! Replies wait for their batch here: one thread syncs whenever something is unsynced, and what is applied meanwhile shares the next sync.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use pontoon_core::store::{Seq, Store, StoreError};

/// The store could not be made durable: what waited for it must not be acknowledged, now or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDurable {
    /// What failed, for the log.
    pub reason: Arc<str>,
}

impl fmt::Display for NotDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store failed and nothing more can be acknowledged: {}", self.reason)
    }
}

impl std::error::Error for NotDurable {}

/// Calls [`Store::sync`] on a thread of its own, and wakes whoever waits for a batch to be durable.
///
/// A sync starts at once when something is unsynced and none runs; batches that are applied while one runs share the next. So a lone writer waits
/// for one sync, any number of writers for at most two, and an idle store costs nothing. Over a volatile store nobody waits and there is no thread.
///
/// After a failed sync nothing about the files can be trusted: the handler is called once, on the sync thread, before anyone who waits is told, so
/// that a handler which ends the process lets no reply leave. Dropping it syncs what is left and ends the thread.
pub struct GroupCommit {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    store: Arc<dyn Store>,
    /// A copy of [`State::durable`] that can be read without the lock.
    durable: AtomicU64,
    syncs: AtomicU64,
    state: Mutex<State>,
    /// Tells the sync thread that there is something to do.
    work: Condvar,
}

#[derive(Default)]
struct State {
    applied: Seq,
    durable: Seq,
    /// By what they wait for and the order in which they came.
    waiters: BTreeMap<(Seq, u64), Waiter>,
    next_waiter: u64,
    failed: Option<NotDurable>,
    stopping: bool,
}

type Callback = Box<dyn FnOnce(Result<(), NotDurable>) + Send>;

enum Waiter {
    Task(Waker),
    Callback(Callback),
}

impl Waiter {
    fn tell(self, result: Result<(), NotDurable>) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Callback(callback) => callback(result),
        }
    }
}

impl GroupCommit {
    /// Starts the sync thread, unless the store is volatile. `fail_stop` is called when a sync fails; it should end the process.
    ///
    /// # Errors
    /// If the machine gives no thread.
    pub fn start(
        store: Arc<dyn Store>,
        fail_stop: impl FnOnce(StoreError) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let is_volatile = store.is_volatile();
        let shared = Arc::new(Shared {
            store,
            durable: AtomicU64::new(if is_volatile { u64::MAX } else { 0 }),
            syncs: AtomicU64::new(0),
            state: Mutex::default(),
            work: Condvar::new(),
        });
        let thread = if is_volatile {
            None
        } else {
            let shared = Arc::clone(&shared);
            let spawned = thread::Builder::new()
                .name("pontoon-sync".to_owned())
                .spawn(move || shared.sync_until_stopped(fail_stop))
                .map_err(|e| StoreError::new(format!("cannot start the store's sync thread: {e}")))?;
            Some(spawned)
        };
        Ok(Self { shared, thread })
    }

    /// Says that a batch was applied, so that its sync can start before anyone waits for it.
    pub fn applied(&self, seq: Seq) {
        if !self.is_durable(seq) {
            self.shared.raise_applied(&mut self.shared.state.lock(), seq);
        }
    }

    /// Whether a batch is on disk (or the store is volatile).
    #[must_use]
    pub fn is_durable(&self, seq: Seq) -> bool {
        seq.0 <= self.shared.durable.load(Ordering::Acquire)
    }

    /// A future that is ready when the batch is durable. It need not be polled by any particular runtime, and may be dropped.
    pub fn wait(&self, seq: Seq) -> Durable {
        self.applied(seq);
        Durable { shared: Arc::clone(&self.shared), seq, waiter: None }
    }

    /// Calls back when the batch is durable: at once if it is, else on the sync thread, where it must be brief.
    pub fn on_durable(&self, seq: Seq, callback: impl FnOnce(Result<(), NotDurable>) + Send + 'static) {
        if self.is_durable(seq) {
            return callback(Ok(()));
        }
        let mut state = self.shared.state.lock();
        if let Some(settled) = state.settled(seq) {
            drop(state);
            return callback(settled);
        }
        let waiter = state.new_waiter();
        state.waiters.insert((seq, waiter), Waiter::Callback(Box::new(callback)));
        self.shared.raise_applied(&mut state, seq);
    }

    /// Blocks until the batch is durable.
    ///
    /// # Errors
    /// If the store failed.
    pub fn wait_blocking(&self, seq: Seq) -> Result<(), NotDurable> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.on_durable(seq, move |result| {
            // The receiver lives until it has been told.
            let _ = tell.send(result);
        });
        told.recv().unwrap_or_else(|_| Err(NotDurable { reason: "the sync thread has ended".into() }))
    }

    /// How many syncs have been done since the start.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic there came from a callback or the handler and has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl State {
    /// How a wait for `seq` ends, if that is known.
    fn settled(&self, seq: Seq) -> Option<Result<(), NotDurable>> {
        if seq <= self.durable { Some(Ok(())) } else { self.failed.clone().map(Err) }
    }

    fn new_waiter(&mut self) -> u64 {
        self.next_waiter += 1;
        self.next_waiter
    }
}

impl Shared {
    fn raise_applied(&self, state: &mut State, seq: Seq) {
        if seq > state.applied {
            state.applied = seq;
            self.work.notify_one();
        }
    }

    fn sync_until_stopped(&self, fail_stop: impl FnOnce(StoreError)) {
        while self.wait_for_work() {
            match self.store.sync() {
                Ok(durable) => self.synced(durable),
                Err(error) => {
                    let reason = error.message.as_str().into();
                    fail_stop(error);
                    return self.failed(&NotDurable { reason });
                }
            }
        }
    }

    /// Sleeps until something is unsynced; false if nothing is and the owner is gone.
    fn wait_for_work(&self) -> bool {
        let mut state = self.state.lock();
        while state.applied <= state.durable {
            if state.stopping {
                return false;
            }
            self.work.wait(&mut state);
        }
        true
    }

    fn synced(&self, durable: Seq) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let ready = {
            let mut state = self.state.lock();
            assert!(durable >= state.durable, "a sync never takes back what an earlier one made durable");
            state.durable = durable;
            self.durable.store(durable.0, Ordering::Release);
            let later = state.waiters.split_off(&(Seq(durable.0 + 1), 0));
            mem::replace(&mut state.waiters, later)
        };
        for waiter in ready.into_values() {
            waiter.tell(Ok(()));
        }
    }

    fn failed(&self, why: &NotDurable) {
        let waiters = {
            let mut state = self.state.lock();
            state.failed = Some(why.clone());
            mem::take(&mut state.waiters)
        };
        for waiter in waiters.into_values() {
            waiter.tell(Err(why.clone()));
        }
    }
}

/// Ready when a batch is durable, or when it is known that it never will be. See [`GroupCommit::wait`].
#[must_use = "a reply may leave only when this is ready"]
pub struct Durable {
    shared: Arc<Shared>,
    seq: Seq,
    waiter: Option<u64>,
}

impl Future for Durable {
    type Output = Result<(), NotDurable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.seq.0 <= self.shared.durable.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        if let Some(settled) = state.settled(self.seq) {
            return Poll::Ready(settled);
        }
        let waiter = *self.waiter.get_or_insert_with(|| state.new_waiter());
        state.waiters.insert((self.seq, waiter), Waiter::Task(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.shared.state.lock().waiters.remove(&(self.seq, waiter));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::task::Wake;

    use pontoon_core::store::{Batch, Space};

    use super::*;
    use crate::{Fault, FaultyStore};

    fn put(store: &dyn Store, key: u32) -> Seq {
        let mut batch = Batch::new();
        batch.put(Space::Queue, key.to_be_bytes(), vec![0; 600]);
        store.apply(batch).unwrap()
    }

    fn never(error: StoreError) {
        panic!("the store must not fail here: {error}");
    }

    /// Polls a future by parking the thread between its wakes.
    fn block_on<F: Future>(future: F) -> F::Output {
        struct Unpark(thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let mut future = std::pin::pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn a_wait_ends_when_the_batch_is_durable_however_it_is_waited_for() {
        let store = Arc::new(FaultyStore::new());
        let commits = GroupCommit::start(store.clone(), never).unwrap();
        assert_eq!(block_on(commits.wait(put(&*store, 1))), Ok(()));
        assert_eq!(commits.wait_blocking(put(&*store, 2)), Ok(()));
        let (tell, told) = mpsc::channel();
        commits.on_durable(put(&*store, 3), move |result| tell.send(result).unwrap());
        assert_eq!(told.recv().unwrap(), Ok(()));
        assert_eq!(store.unsynced(), 0);
        assert!(commits.is_durable(Seq(3)));
        assert!(!commits.is_durable(Seq(4)));
    }

    #[test]
    fn thousands_of_waiters_share_few_syncs_and_a_dropped_one_leaves_nothing() {
        let store = Arc::new(FaultyStore::new());
        let commits = GroupCommit::start(store.clone(), never).unwrap();
        let (tell, told) = mpsc::channel();
        let last = (0..5_000).fold(Seq(0), |_, key| put(&*store, key));
        for seq in 1..=last.0 {
            let tell = tell.clone();
            commits.on_durable(Seq(seq), move |result| tell.send(result).unwrap());
            let mut abandoned = Box::pin(commits.wait(Seq(seq)));
            let _ = abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        drop(tell);
        assert_eq!(told.iter().filter(Result::is_ok).count(), 5_000);
        assert!(commits.syncs() < 100, "{} syncs", commits.syncs());
        assert!(commits.shared.state.lock().waiters.is_empty());
    }

    #[test]
    fn over_a_volatile_store_nobody_waits() {
        let store = crate::memory();
        let commits = GroupCommit::start(store.clone(), never).unwrap();
        let mut wait = Box::pin(commits.wait(put(&*store, 1)));
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn a_failed_sync_calls_the_handler_before_anyone_who_waits_is_told() {
        let store = Arc::new(FaultyStore::new());
        store.fail_next(Fault::Sync);
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let commits = GroupCommit::start(store.clone(), move |_| stop.store(true, Ordering::SeqCst)).unwrap();
        let seq = put(&*store, 1);
        let seen = Arc::clone(&stopped);
        let (tell, told) = mpsc::channel();
        commits.on_durable(seq, move |result| {
            tell.send((seen.load(Ordering::SeqCst), result.is_err())).unwrap();
        });
        assert_eq!(told.recv().unwrap(), (true, true));
        assert!(block_on(commits.wait(seq)).is_err());
        assert!(commits.wait_blocking(Seq(9)).is_err());
        assert!(!commits.is_durable(seq));
    }

    #[test]
    fn dropping_it_syncs_what_is_left() {
        let store = Arc::new(FaultyStore::new());
        let commits = GroupCommit::start(store.clone(), never).unwrap();
        let seqs: Vec<_> = (0..10).map(|key| put(&*store, key)).collect();
        for seq in seqs {
            commits.applied(seq);
        }
        drop(commits);
        assert_eq!(store.unsynced(), 0);
    }
}
