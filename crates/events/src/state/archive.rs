//! Archives: what they hold, and under which keys.
//!
//! All keys are in [`Space::Event`](pontoon_core::Space::Event) and begin with `a`, the archive's own id (so that a later archive of the same name does
//! not see what an earlier one held) and a letter:
//!
//! - `d` + the event's time + number: an event, JSON.
//! - `x` + when it was archived + number: the event's time and its bytes, by which it expires.
//! - `t`: the [`Tally`].

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use pontoon_core::{KeyRange, Scope, Timestamp};
use serde::{Deserialize, Serialize};

/// Letter of all keys of archives.
const PREFIX: u8 = b'a';
const EVENTS: u8 = b'd';
const EXPIRIES: u8 = b'x';
const TALLY: u8 = b't';

/// An archive's own id.
pub type ArchiveId = [u8; 16];

/// An archive as it was configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRecord {
    /// Its own id, other than that of any archive of the same name before it.
    pub id: ArchiveId,
    /// ARN of the bus whose events it keeps.
    pub bus_arn: String,
    /// Description.
    pub description: Option<String>,
    /// Which events it keeps, as it was put; all if there is none.
    pub pattern: Option<String>,
    /// Days that an event is kept; zero is for ever.
    pub retention_days: u32,
    /// Created, milliseconds.
    pub created_millis: i64,
}

/// How much an archive holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of the next event.
    pub next_number: u64,
    /// Events.
    pub events: u64,
    /// Their bytes as JSON.
    pub bytes: u64,
}

/// An archive.
#[derive(Debug, Clone)]
pub struct Archive {
    /// ARN.
    pub arn: Arc<str>,
    /// What is persisted of its configuration.
    pub record: ArchiveRecord,
    /// How much it holds.
    pub tally: Tally,
    /// When the oldest event that it holds was archived.
    pub oldest: Option<Timestamp>,
}

/// A place in the order in which an archive's events are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The event's time, milliseconds.
    pub at_millis: i64,
    /// Its number, from zero.
    pub number: u64,
}

/// An instant whose bytes have its order.
fn ordered(millis: i64) -> [u8; 8] {
    (millis as u64 ^ (1 << 63)).to_be_bytes()
}

fn millis_of(ordered: u64) -> i64 {
    (ordered ^ (1 << 63)) as i64
}

fn key(id: ArchiveId, kind: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(34);
    key.put_u8(PREFIX);
    key.extend_from_slice(&id);
    key.put_u8(kind);
    key
}

/// Every key of an archive.
#[must_use]
pub fn everything(id: ArchiveId) -> KeyRange {
    let mut prefix = vec![PREFIX];
    prefix.extend_from_slice(&id);
    KeyRange::prefix(&prefix)
}

/// Key of an archive's tally.
#[must_use]
pub fn tally_key(id: ArchiveId) -> Vec<u8> {
    key(id, TALLY)
}

/// Key of an event.
#[must_use]
pub fn event_key(id: ArchiveId, place: Place) -> Vec<u8> {
    let mut key = key(id, EVENTS);
    key.extend_from_slice(&ordered(place.at_millis));
    key.put_u64(place.number);
    key
}

/// The events from `from` on (or those behind `after`) up to but without `until`, in the order of their times.
#[must_use]
pub fn events_between(id: ArchiveId, from: Timestamp, after: Option<Place>, until: Timestamp) -> KeyRange {
    let start = match after {
        Some(place) => [event_key(id, place), vec![0]].concat(),
        None => event_key(id, Place { at_millis: from.millis(), number: 0 }),
    };
    KeyRange::between(start, event_key(id, Place { at_millis: until.millis(), number: 0 }))
}

/// The place of an event's key.
#[must_use]
pub fn place_of(key: &[u8]) -> Option<Place> {
    let mut rest = key.get(18..)?;
    let at_millis = millis_of(rest.try_get_u64().ok()?);
    Some(Place { at_millis, number: rest.try_get_u64().ok()? })
}

/// Key by which an event expires.
#[must_use]
pub fn expiry_key(id: ArchiveId, archived: Timestamp, number: u64) -> Vec<u8> {
    let mut key = key(id, EXPIRIES);
    key.extend_from_slice(&ordered(archived.millis()));
    key.put_u64(number);
    key
}

/// What is under an expiry's key: the event's time and its bytes.
#[must_use]
pub fn expiry_value(at_millis: i64, bytes: u64) -> Vec<u8> {
    [at_millis.to_be_bytes(), bytes.to_be_bytes()].concat()
}

/// All expiries, the earliest first.
#[must_use]
pub fn expiries(id: ArchiveId) -> KeyRange {
    KeyRange::prefix(&key(id, EXPIRIES))
}

/// An entry of [`expiries`]: when it was archived, the place of its event, and its bytes.
#[must_use]
pub fn expiry_of(key: &[u8], mut value: &[u8]) -> Option<(Timestamp, Place, u64)> {
    let Place { at_millis: archived, number } = place_of(key)?;
    let at_millis = value.try_get_i64().ok()?;
    let bytes = value.try_get_u64().ok()?;
    Some((Timestamp::from_millis(archived), Place { at_millis, number }, bytes))
}

impl Tally {
    /// As it is stored.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        [self.next_number.to_be_bytes(), self.events.to_be_bytes(), self.bytes.to_be_bytes()].concat()
    }

    /// As it was stored.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let next_number = bytes.try_get_u64().ok()?;
        let events = bytes.try_get_u64().ok()?;
        Some(Self { next_number, events, bytes: bytes.try_get_u64().ok()? })
    }
}

impl Archive {
    /// An archive that holds nothing yet.
    #[must_use]
    pub fn new(scope: Scope, name: &str, record: ArchiveRecord) -> Self {
        let arn = scope.arn("events", format_args!("archive/{name}")).into();
        Self { arn, record, tally: Tally::default(), oldest: None }
    }

    /// When its oldest event expires, if it has one and lets events expire.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let days = Some(self.record.retention_days).filter(|days| *days > 0)?;
        Some(self.oldest?.after(Duration::from_secs(u64::from(days) * 86_400)))
    }
}

/// The pattern of the rule that AWS puts on an archive's bus, so that what is replayed is not archived again (user guide, "Preventing replayed
/// events from being delivered to an archive"). `pattern` has been checked to be one.
#[must_use]
pub fn rule_pattern(pattern: Option<&str>) -> String {
    const NOT_REPLAYED: &str = r#""replay-name":[{"exists":false}]"#;
    let fields = pattern.and_then(|text| text.trim().strip_prefix('{')?.strip_suffix('}'));
    match fields.map(str::trim).filter(|fields| !fields.is_empty()) {
        Some(fields) => format!("{{{fields},{NOT_REPLAYED}}}"),
        None => format!("{{{NOT_REPLAYED}}}"),
    }
}

/// An event as a replay gives it to rules: with the replay's name between region and resources (test_start_list_describe_canceled_replay).
#[must_use]
pub fn replayed(event: &str, replay: &str) -> String {
    // No text can hold this: its quotes would be escaped.
    match event.split_once(r#","resources":["#) {
        Some((before, after)) => format!(r#"{before},"replay-name":"{replay}","resources":[{after}"#),
        None => event.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_ordered_by_time_and_then_by_number_on_both_sides_of_1970() {
        let id = [7; 16];
        let places = [(-5000, 9), (-1, 3), (0, 0), (0, 1), (1000, 0), (i64::MAX, 2)];
        let keys: Vec<Vec<u8>> =
            places.iter().map(|&(at_millis, number)| event_key(id, Place { at_millis, number })).collect();
        assert!(keys.is_sorted());
        for (key, (at_millis, number)) in keys.iter().zip(places) {
            assert_eq!(place_of(key), Some(Place { at_millis, number }));
        }
        let range = events_between(
            id,
            Timestamp::EPOCH,
            Some(Place { at_millis: 0, number: 0 }),
            Timestamp::from_secs(1),
        );
        let bounds = (range.start, range.end);
        let within: Vec<_> =
            keys.iter().filter(|key| std::ops::RangeBounds::<Vec<u8>>::contains(&bounds, *key)).collect();
        assert_eq!(within, [&keys[3]]);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let tally = Tally { next_number: 3, events: 2, bytes: 700 };
        assert_eq!(Tally::decode(&tally.encode()), Some(tally));
        assert_eq!(Tally::decode(&tally.encode()[1..]), None);
        let (key, value) = (expiry_key([1; 16], Timestamp::from_secs(9), 4), expiry_value(-2000, 350));
        let place = Place { at_millis: -2000, number: 4 };
        assert_eq!(expiry_of(&key, &value), Some((Timestamp::from_secs(9), place, 350)));
        assert_eq!(expiry_of(&key, &value[..9]), None);
        assert_eq!(place_of(b"a"), None);
    }

    #[test]
    fn a_replayed_event_is_no_event_for_an_archive() {
        for (pattern, expected) in [
            (None, r#"{"replay-name":[{"exists":false}]}"#),
            (Some(" {} "), r#"{"replay-name":[{"exists":false}]}"#),
            (Some("{ \"source\": [\"s\"] }\n"), r#"{"source": ["s"],"replay-name":[{"exists":false}]}"#),
        ] {
            let pattern = rule_pattern(pattern);
            assert_eq!(pattern, expected);
            let pattern = pontoon_pattern::Pattern::parse(&pattern).unwrap();
            let event =
                r#"{"source":"s","detail-type":",\"resources\":[","region":"r","resources":[],"detail":{}}"#;
            let matches =
                |event: &str| pattern.matches(&pontoon_pattern::Event::parse(event.as_bytes()).unwrap());
            assert!(matches(event));
            let replayed = replayed(event, "again");
            assert!(replayed.contains(r#""region":"r","replay-name":"again","resources":[],"#), "{replayed}");
            assert!(!matches(&replayed));
        }
    }
}
