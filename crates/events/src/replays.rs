//! Replays at work: a bounded number of events at a turn, turns by the engine's clock, each turn one command with what it reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pontoon_core::ids::parse_uuid;
use pontoon_core::{Arn, HashMap, Scope, Space, Step, Timestamp};

use crate::publish::Published;
use crate::state::archive::{self, Place};
use crate::state::replay::{ReplayRecord, ReplayState};
use crate::{Events, records};
use pontoon_core::json::{JsonPath, unquoted};

/// Events of one turn.
const BATCH_MAX: usize = 500;
/// From turn to turn; a replay starts and is cancelled a turn after it was asked for.
pub(crate) const TURN: Duration = Duration::from_millis(100);

/// The replays of all accounts and regions.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    by_scope: HashMap<Scope, BTreeMap<String, ReplayRecord>>,
    due: BTreeSet<(Timestamp, Scope, String)>,
}

impl Replays {
    pub(crate) fn load(replays: Vec<(Scope, String, ReplayRecord)>) -> Self {
        let mut loaded = Self::default();
        for (scope, name, record) in replays {
            loaded.due.insert((record.due(), scope, name.clone()));
            loaded.by_scope.entry(scope).or_default().insert(name, record);
        }
        loaded
    }

    pub(crate) fn get(&self, scope: Scope, name: &str) -> Option<&ReplayRecord> {
        self.by_scope.get(&scope)?.get(name)
    }

    /// The replays of an account in a region, by name.
    pub(crate) fn of(&self, scope: Scope) -> impl Iterator<Item = (&String, &ReplayRecord)> {
        self.by_scope.get(&scope).into_iter().flatten()
    }

    /// Puts a replay, in place of what is there under its name, and writes it.
    pub(crate) fn put(&mut self, step: &mut Step<'_>, scope: Scope, name: &str, record: ReplayRecord) {
        step.put(Space::Config, records::replay_key(scope, name), records::to_json(&record));
        let due = record.due();
        let before = self.by_scope.entry(scope).or_default().insert(name.to_owned(), record);
        if let Some(before) = before {
            self.due.remove(&(before.due(), scope, name.to_owned()));
        }
        self.due.insert((due, scope, name.to_owned()));
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, ..)| *at)
    }
}

impl Events {
    /// Takes the replay that is due first one turn on, or forgets it.
    pub(crate) fn replay_due(&mut self, step: &mut Step<'_>) {
        let Some((_, scope, name)) = self.replays.due.pop_first() else { return };
        let Some(mut record) = self.replays.get(scope, &name).cloned() else { return };
        step.scope = scope;
        match record.state {
            ReplayState::Starting | ReplayState::Running => self.replay_turn(step, &name, &mut record),
            ReplayState::Cancelling => record.end(step.now, ReplayState::Cancelled, None),
            ReplayState::Completed | ReplayState::Cancelled | ReplayState::Failed => {
                self.replays.by_scope.entry(scope).or_default().remove(&name);
                step.delete(Space::Config, records::replay_key(scope, &name));
                return;
            }
        }
        self.replays.put(step, scope, &name, record);
    }

    fn replay_turn(&mut self, step: &mut Step<'_>, name: &str, record: &mut ReplayRecord) {
        let scope = step.scope;
        let (now, id) = (step.now, record.archive_id);
        let gone = |what: &str| Some(format!("{what} does not exist."));
        if self.archives.get(scope, &record.archive).is_none_or(|archive| archive.record.id != id) {
            record.end(now, ReplayState::Failed, gone(&format!("Archive {}", record.archive)));
            return;
        }
        let bus = Arn::parse(&record.bus_arn).and_then(|arn| arn.resource.strip_prefix("event-bus/"));
        let bus = bus.unwrap_or_default().to_owned();
        if self.bus_mut(now, scope, &bus).is_none() {
            record.end(now, ReplayState::Failed, gone(&format!("Event bus {bus}")));
            return;
        }
        // Both ends belong to the range.
        let until = Timestamp::from_millis(record.until_millis.saturating_add(1));
        let range =
            archive::events_between(id, Timestamp::from_millis(record.from_millis), record.reached, until);
        let found = step.range(Space::Event, &range, BATCH_MAX);
        for (key, event) in &found {
            let (Some(place), Ok(event)) = (archive::place_of(key), std::str::from_utf8(event)) else {
                unreachable!("keys of archives are written by Archives::keep alone");
            };
            self.replay_event(step, (scope, &bus), (name, record), place, event);
            record.reached = Some(place);
        }
        if found.len() < BATCH_MAX {
            record.end(now, ReplayState::Completed, None);
        } else {
            record.state = ReplayState::Running;
            record.due_millis = now.after(TURN).millis();
        }
    }

    fn replay_event(
        &mut self,
        step: &mut Step<'_>,
        bus: (Scope, &str),
        (replay, record): (&str, &ReplayRecord),
        place: Place,
        event: &str,
    ) {
        let text = archive::replayed(event, replay);
        let id = JsonPath::parse("$.id").ok().and_then(|path| parse_uuid(&unquoted(&path.value(event)?)?));
        let Some(id) = id else { unreachable!("what is archived was an event with an id") };
        let published = Published {
            id,
            time: Timestamp::from_millis(place.at_millis),
            event: text.into(),
            from: record.archive_arn.as_str().into(),
            depth: 0,
            trace_header: None,
            is_relayed: true,
            is_managed: false,
            only: record.filter_arns.clone().filter(|arns| !arns.is_empty()),
            caller_account: bus.0.account,
            request_id: None,
        };
        let is_event = self.publish(step, bus, &published).is_ok();
        assert!(is_event, "what is archived was an event");
    }
}
