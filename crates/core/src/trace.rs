//! Traces: an event's way from service to service, and why it went so.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The id of a trace: that of the event (or, for what did not begin with an event, the message) whose way it is. A UUID's 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceId(pub [u8; 16]);

/// The traces that a request continues: one for most, several for a batch that a function handles, none for a request from outside. Cheap to clone.
pub type TraceIds = Option<Arc<[TraceId]>>;

/// How a hop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceOutcome {
    /// It arrived.
    Delivered,
    /// It failed, and is tried again.
    Retrying,
    /// It failed for good.
    Failed,
    /// It was moved to a dead-letter queue.
    DeadLettered,
    /// Nothing was to be done (a filter did not match, a rule was disabled).
    Skipped,
}

impl TraceOutcome {
    /// All outcomes, in the order of the numbers by which they are stored.
    const ALL: [Self; 5] = [Self::Delivered, Self::Retrying, Self::Failed, Self::DeadLettered, Self::Skipped];
}

/// One record of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// When, milliseconds since the epoch.
    pub at_millis: i64,
    /// What happened, in a word or two: `PutEvents`, `rule matched`, `SendMessage`, `received`, `Invoke`, `UpdateItem`.
    pub what: Cow<'static, str>,
    /// ARN or name of what it came from; empty for the outside.
    pub from: Arc<str>,
    /// ARN or name of what it went to.
    pub to: Arc<str>,
    /// Which attempt, from one.
    pub attempt: u32,
    /// How it went.
    pub outcome: TraceOutcome,
    /// Why, in a sentence; the error's code and message if it failed; what a policy would have denied and the statement that would allow it.
    pub reason: Option<String>,
    /// How long it took, milliseconds, where that is known.
    pub duration_ms: Option<f64>,
}

/// A record and the traces that it belongs to.
#[derive(Clone, Debug)]
pub struct TraceNote {
    /// The traces; nothing is recorded if `None`.
    pub traces: TraceIds,
    /// What happened.
    pub record: TraceRecord,
}

impl TraceRecord {
    /// A record of something that arrived at the first attempt.
    #[must_use]
    pub fn delivered(
        at: Timestamp,
        what: impl Into<Cow<'static, str>>,
        from: impl Into<Arc<str>>,
        to: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            at_millis: at.millis(),
            what: what.into(),
            from: from.into(),
            to: to.into(),
            attempt: 1,
            outcome: TraceOutcome::Delivered,
            reason: None,
            duration_ms: None,
        }
    }

    /// The same record with another outcome and why.
    #[must_use]
    pub fn with_outcome(self, outcome: TraceOutcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: Some(reason.into()), ..self }
    }

    /// Appends the record as it is stored: times, counts and a byte for the outcome, then the texts, each behind its length. Several records follow
    /// one another. An event leaves a handful of these, so they cost a fraction of what JSON would.
    pub fn encode(&self, to: &mut Vec<u8>) {
        to.put_i64(self.at_millis);
        to.put_u32(self.attempt);
        to.put_u8(self.outcome as u8);
        // Every finite time is stored as it is; none is stored as what no time can be.
        to.put_f64(self.duration_ms.unwrap_or(f64::NAN));
        for text in [&*self.what, &*self.from, &*self.to] {
            put_text(to, text);
        }
        to.put_u8(u8::from(self.reason.is_some()));
        self.reason.iter().for_each(|reason| put_text(to, reason));
    }

    /// Takes the next of the records that [`TraceRecord::encode`] appended; `None` if the bytes are none, or cut short.
    #[must_use]
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let at_millis = bytes.try_get_i64().ok()?;
        let attempt = bytes.try_get_u32().ok()?;
        let outcome = TraceOutcome::ALL.get(usize::from(bytes.try_get_u8().ok()?)).copied()?;
        let duration_ms = Some(bytes.try_get_f64().ok()?).filter(|ms| !ms.is_nan());
        let (what, from, to) = (take_text(bytes)?, take_text(bytes)?, take_text(bytes)?);
        let reason = match bytes.try_get_u8().ok()? {
            0 => None,
            _ => Some(take_text(bytes)?.to_owned()),
        };
        let what = what.to_owned().into();
        Some(Self {
            at_millis,
            what,
            from: from.into(),
            to: to.into(),
            attempt,
            outcome,
            reason,
            duration_ms,
        })
    }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.put_u32(text.len() as u32);
    to.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = bytes.try_get_u32().ok()? as usize;
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

/// The traces of one id.
#[must_use]
pub fn one(id: TraceId) -> TraceIds {
    Some(Arc::from([id]))
}

/// The attribute by which SQS tells AWS's own pollers (event source mappings) which traces a message continues: ids joined by commas. Given only to
/// hops that ask for it (calls on behalf of a resource, with a source ARN), never to clients.
pub const TRACES_ATTRIBUTE: &str = "pontoon:traces";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_one_after_another_and_cut_bytes_do_not() {
        let first = TraceRecord::delivered(Timestamp::from_secs(5), "PutEvents", "order-service", "bus");
        let mut second = first.clone().with_outcome(TraceOutcome::Skipped, "höre nicht zu");
        second.duration_ms = Some(1.5);
        let mut bytes = Vec::new();
        first.encode(&mut bytes);
        second.encode(&mut bytes);
        let mut rest = bytes.as_slice();
        assert_eq!(TraceRecord::decode(&mut rest), Some(first));
        assert_eq!(TraceRecord::decode(&mut rest), Some(second));
        assert_eq!(rest, b"");
        for len in 0..bytes.len() {
            let mut cut = &bytes[..len];
            assert!(TraceRecord::decode(&mut cut).is_none() || TraceRecord::decode(&mut cut).is_none());
        }
    }

    #[test]
    fn each_outcome_has_the_place_of_its_number() {
        assert!(TraceOutcome::ALL.iter().enumerate().all(|(place, outcome)| place == *outcome as usize));
    }
}
