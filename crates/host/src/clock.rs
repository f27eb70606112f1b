//! The machine's clock, and a virtual one that can be frozen and advanced.
//!
//! Invariant: on one data directory time never goes back, restarts included. Where a virtual clock stands is written before anything happens at an
//! instant that the machine's clock would not give, and a restart goes on from there.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use pontoon_core::{Batch, Clock, LoadError, Space, StoreRead, Timestamp};
use serde::{Deserialize, Serialize};

/// The machine's wall clock, held back so that it never runs backwards.
#[derive(Debug, Default)]
pub struct SystemClock {
    last: Mutex<Timestamp>,
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock();
        *last = wall().max(*last);
        *last
    }
}

/// Where a virtual clock stands, beside the machine's. Persisted, so that a restarted server's goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It runs, so much ahead of the machine's (behind it, if negative), in milliseconds.
    Ahead(i64),
    /// It is frozen at this instant, in milliseconds since the epoch.
    FrozenAt(i64),
}

impl Standing {
    /// Its key in [`Space::Meta`].
    const KEY: &'static [u8] = b"clock";

    /// What a data directory holds; `None` if no virtual clock was ever set on it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(store: &dyn StoreRead) -> Result<Option<Self>, LoadError> {
        let Some(record) = store.get(Space::Meta, Self::KEY)? else { return Ok(None) };
        let standing = serde_json::from_slice(&record);
        standing.map(Some).map_err(|error| {
            LoadError::new(format!("the record of where the clock stood cannot be read: {error}"))
        })
    }

    /// The batch that makes it what the data directory holds.
    #[must_use]
    pub fn write(self) -> Batch {
        let mut batch = Batch::new();
        batch.put(Space::Meta, Self::KEY, serde_json::json!(self).to_string().into_bytes());
        batch
    }

    /// The batch after which a data directory says nothing of a virtual clock.
    #[must_use]
    pub fn forget() -> Batch {
        let mut batch = Batch::new();
        batch.delete(Space::Meta, Self::KEY);
        batch
    }

    /// What such a clock shows now.
    #[must_use]
    pub fn now(self) -> Timestamp {
        match self {
            Self::Ahead(millis) => Timestamp::from_millis(wall().millis().saturating_add(millis)),
            Self::FrozenAt(millis) => Timestamp::from_millis(millis),
        }
    }
}

/// A clock that runs with the machine's until it is frozen, and that can be set forward.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    last: Timestamp,
}

impl VirtualClock {
    /// A clock that stands there.
    #[must_use]
    pub fn at(standing: Standing) -> Self {
        Self { state: Mutex::new(State { standing, last: standing.now() }) }
    }

    /// A frozen clock that shows `at`, for tests and simulation.
    #[must_use]
    pub fn frozen_at(at: Timestamp) -> Self {
        Self::at(Standing::FrozenAt(at.millis()))
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.state.lock().standing
    }

    /// Stops it where it is.
    pub fn freeze(&self) -> Standing {
        let mut state = self.state.lock();
        state.standing = Standing::FrozenAt(state.tell().millis());
        state.standing
    }

    /// Lets it run on from where it stands.
    pub fn resume(&self) -> Standing {
        let mut state = self.state.lock();
        state.standing = Standing::Ahead(state.tell().millis().saturating_sub(wall().millis()));
        state.standing
    }

    /// Sets a frozen clock forward to `at`; one that shows a later instant, or runs, is left alone.
    pub fn step_to(&self, at: Timestamp) -> Standing {
        let mut state = self.state.lock();
        if let Standing::FrozenAt(millis) = &mut state.standing {
            *millis = at.millis().max(*millis);
        }
        state.standing
    }

    /// Whether it is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(self.standing(), Standing::FrozenAt(_))
    }
}

impl Default for VirtualClock {
    /// A running clock that shows the machine's time.
    fn default() -> Self {
        Self::at(Standing::Ahead(0))
    }
}

impl State {
    /// The present instant, never earlier than one that was told before.
    fn tell(&mut self) -> Timestamp {
        self.last = self.standing.now().max(self.last);
        self.last
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().tell()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told_and_never_back() {
        let clock = VirtualClock::frozen_at(Timestamp::from_millis(1000));
        assert_eq!(clock.now().millis(), 1000);
        clock.step_to(Timestamp::from_millis(6000));
        assert_eq!(clock.step_to(Timestamp::from_millis(1000)), Standing::FrozenAt(6000));
        assert_eq!(clock.now().millis(), 6000);
    }

    #[test]
    fn a_resumed_clock_runs_on_from_where_it_stood() {
        let clock = VirtualClock::default();
        let Standing::FrozenAt(stood) = clock.freeze() else { panic!("it is frozen") };
        let at = Timestamp::from_millis(stood).after(Duration::from_secs(3600));
        clock.step_to(at);
        clock.resume();
        let now = clock.now();
        assert!(now >= at && now < at.after(Duration::from_secs(60)));
    }

    #[test]
    fn where_a_clock_stands_is_read_as_it_was_written() {
        let store = pontoon_store::memory();
        assert_eq!(Standing::load(store.as_ref()).unwrap(), None);
        for standing in [Standing::Ahead(-5), Standing::FrozenAt(i64::MAX)] {
            store.apply(standing.write()).unwrap();
            assert_eq!(Standing::load(store.as_ref()).unwrap(), Some(standing));
        }
        store.apply(Standing::forget()).unwrap();
        assert_eq!(Standing::load(store.as_ref()).unwrap(), None);
    }
}
