//! The machine's clock, and a virtual one that can be frozen and advanced.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use pontoon_core::{Clock, Timestamp};

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

/// A clock that runs with the machine's until it is frozen, and that can be set forward.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How far ahead of the machine's clock this one is while it runs, milliseconds.
    ahead_millis: i64,
    /// Where it stands while it is frozen.
    frozen_at: Option<Timestamp>,
    last: Timestamp,
}

impl VirtualClock {
    /// A running clock that shows the machine's time.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::new(State { ahead_millis: 0, frozen_at: None, last: wall() }) }
    }

    /// A frozen clock that shows `at`, for tests and simulation.
    #[must_use]
    pub fn frozen_at(at: Timestamp) -> Self {
        Self { state: Mutex::new(State { ahead_millis: 0, frozen_at: Some(at), last: at }) }
    }

    /// Stops it where it is.
    pub fn freeze(&self) {
        let now = self.now();
        self.state.lock().frozen_at = Some(now);
    }

    /// Lets it run on from where it stands.
    pub fn resume(&self) {
        let mut state = self.state.lock();
        if let Some(at) = state.frozen_at.take() {
            state.ahead_millis = at.millis() - wall().millis();
        }
    }

    /// Whether it is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.state.lock().frozen_at.is_some()
    }

    /// Sets a frozen clock forward to `at`; one that shows a later instant, or runs, is left alone.
    pub fn step_to(&self, at: Timestamp) {
        let mut state = self.state.lock();
        if let Some(frozen) = &mut state.frozen_at {
            *frozen = (*frozen).max(at);
        }
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock();
        let shown = state
            .frozen_at
            .unwrap_or_else(|| Timestamp::from_millis(wall().millis().saturating_add(state.ahead_millis)));
        state.last = shown.max(state.last);
        state.last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told_and_never_back() {
        let start = Timestamp::from_secs(1000);
        let clock = VirtualClock::frozen_at(start);
        assert_eq!(clock.now(), start);
        clock.step_to(start.after(Duration::from_secs(5)));
        clock.step_to(start);
        assert_eq!(clock.now(), start.after(Duration::from_secs(5)));
    }

    #[test]
    fn a_resumed_clock_runs_on_from_where_it_stood() {
        let clock = VirtualClock::new();
        clock.freeze();
        let at = clock.now();
        clock.step_to(at.after(Duration::from_secs(3600)));
        clock.resume();
        let now = clock.now();
        assert!(now >= at.after(Duration::from_secs(3600)) && now < at.after(Duration::from_secs(3660)));
    }
}
