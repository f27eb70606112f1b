//! What happens of itself: events end their retention, and what was deleted leaves the store.
//!
//! Both are invisible to readers, who see neither; so they are done in slices with pauses, and other commands come in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::{Scope, Space, Step, Timestamp};

use crate::records::{self, Event};
use crate::state::position::Position;
use crate::{Group, Logs};

/// How many events one slice removes.
const SLICE: usize = 1_000;
/// How long a slice waits for the next.
const PAUSE: Duration = Duration::from_millis(10);
/// How often a group's expired events are removed.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(3600);

/// Something deleted whose events are still in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// A log group by number.
    Group(Scope, u64),
    /// A log stream by its group's number and its own.
    Stream(u64, u64),
}

impl Logs {
    /// Has what was deleted removed.
    pub(crate) fn sweep(&mut self, now: Timestamp, sweep: Sweep) {
        self.sweeps.push_back(sweep);
        self.sweep_at.get_or_insert_with(|| now.after(PAUSE));
    }

    /// Removes a slice of what was deleted.
    pub(crate) fn run_sweep(&mut self, step: &mut Step<'_>) {
        self.sweep_at = None;
        let Some(sweep) = self.sweeps.pop_front() else { return };
        let done = match sweep {
            Sweep::Group(scope, number) => sweep_group(step, scope, number),
            Sweep::Stream(group, stream) => sweep_stream(step, group, stream),
        };
        if !done {
            self.sweeps.push_front(sweep);
        }
        if !self.sweeps.is_empty() {
            self.sweep_at = Some(step.now.after(PAUSE));
        }
    }

    /// Brings `Logs::expiries` up to date with a group.
    pub(crate) fn reschedule(&mut self, scope: Scope, name: &str) {
        let Ok(group) = self.group_mut(scope, name) else { return };
        let due = group.expiry_due();
        let before = std::mem::replace(&mut group.expiry, due);
        let name = Arc::clone(&group.name);
        self.expiries.extend(due.map(|at| (at, scope, Arc::clone(&name))));
        if before != due {
            self.unschedule(before, scope, name);
        }
    }

    /// Forgets when a group was due.
    pub(crate) fn unschedule(&mut self, due: Option<Timestamp>, scope: Scope, name: Arc<str>) {
        if let Some(at) = due {
            self.expiries.remove(&(at, scope, name));
        }
    }

    /// Removes a slice of the expired events of the group that is due first.
    pub(crate) fn run_expiry(&mut self, step: &mut Step<'_>) {
        let Some((_, scope, name)) = self.expiries.pop_first() else { return };
        step.scope = scope;
        if let Ok(group) = self.group_mut(scope, &name) {
            group.expiry = None;
            group.expire(step);
        }
        self.reschedule(scope, &name);
    }
}

impl Group {
    /// When its oldest event can be removed.
    fn expiry_due(&self) -> Option<Timestamp> {
        let oldest = Timestamp::from_millis(i64::try_from(self.oldest?).unwrap_or(i64::MAX));
        let expires = oldest.after(self.record.retention()?).after(Duration::from_millis(1));
        Some(expires.max(self.expiry_pause))
    }

    fn expire(&mut self, step: &mut Step<'_>) {
        let number = self.record.number;
        let expired =
            records::event_range(number, Position::default(), Position::at(self.kept_from(step.now)));
        let slice = step.range(Space::Log, &expired, SLICE);
        let mut removed: BTreeMap<u64, u64> = BTreeMap::new();
        for (key, value) in &slice {
            step.delete(Space::Log, key.as_slice());
            if let (Some(position), Some(event)) = (records::position_of(key), Event::decode(value)) {
                step.delete(Space::Log, records::index_key(number, event.stream, position));
                *removed.entry(event.stream).or_default() += event.bytes();
            }
        }
        for (stream, bytes) in removed {
            self.shrink(step, stream, bytes);
        }
        let pause = if slice.len() == SLICE { PAUSE } else { EXPIRY_INTERVAL };
        self.expiry_pause = step.now.after(pause);
        let all = records::event_range(number, Position::default(), Position::at(u64::MAX));
        let first = step.range(Space::Log, &all, 1);
        self.oldest = first.first().and_then(|(key, _)| records::position_of(key)).map(|at| at.timestamp);
    }

    /// Notes that `bytes` of a stream's first events are gone.
    fn shrink(&mut self, step: &mut Step<'_>, stream: u64, bytes: u64) {
        let first = step.range(Space::Log, &records::whole_index(self.record.number, stream), 1);
        let first = first.first().and_then(|(key, _)| records::position_of(key));
        let Some(name) = self.names.get(&stream).map(Arc::clone) else { return };
        let Some(stream) = self.streams.get_mut(&name) else { return };
        stream.stored_bytes = stream.stored_bytes.saturating_sub(bytes);
        stream.first_event_millis = first.and_then(|at| i64::try_from(at.timestamp).ok());
        let stream = stream.clone();
        self.write_stream(step, &stream);
    }
}

/// Whether nothing of a deleted group is left.
fn sweep_group(step: &mut Step<'_>, scope: Scope, number: u64) -> bool {
    let slice = step.range(Space::Log, &records::group_range(number), SLICE);
    for (key, _) in &slice {
        step.delete(Space::Log, key.as_slice());
    }
    let done = slice.len() < SLICE;
    if done {
        step.delete(Space::Config, records::deleted_key(scope, number));
    }
    done
}

/// Whether nothing of a deleted stream is left.
fn sweep_stream(step: &mut Step<'_>, group: u64, stream: u64) -> bool {
    let slice = step.range(Space::Log, &records::whole_index(group, stream), SLICE);
    for (key, _) in &slice {
        step.delete(Space::Log, key.as_slice());
        if let Some(position) = records::position_of(key) {
            step.delete(Space::Log, records::event_key(group, position));
        }
    }
    let done = slice.len() < SLICE;
    if done {
        step.delete(Space::Log, records::stream_key(group, stream));
    }
    done
}
