//! What the messages of queues and topics have in common.

use super::{Entry, Refusal};
use crate::aws::failure::is_transient;
use crate::envelope::{Envelope, RawPayload};

/// Names the group of an event.
pub(super) type GroupOf = dyn Fn(&Envelope<RawPayload>) -> String + Send + Sync;

/// The type of every attribute.
pub(super) const DATA_TYPE: &str = "String";

/// The envelope as a message's body, counted with its attributes.
pub(super) fn written(event: Envelope<RawPayload>, group: Option<&GroupOf>) -> Entry {
    // Texts, numbers and JSON that was read before: it can be written.
    let body = serde_json::to_string(&event).unwrap_or_default();
    let group = group.map(|group| group(&event));
    let event = event.map(|_| ());
    let attributes: usize =
        attributes(&event).iter().map(|(name, value)| name.len() + DATA_TYPE.len() + value.len()).sum();
    Entry { bytes: body.len() + attributes, body, group, event }
}

/// The attributes of a message, for filters that do not look into bodies.
pub(super) fn attributes(event: &Envelope<()>) -> [(&'static str, &str); 2] {
    [("eventType", &event.event_type), ("eventSource", &event.source)]
}

/// Outcomes in the order of the entries, whose ids are their places; the services give successes and failures apart.
pub(super) fn by_id(
    count: usize,
    sent: impl Iterator<Item = (String, String)>,
    failed: impl Iterator<Item = (String, String, Option<String>, bool)>,
) -> Vec<Result<String, Refusal>> {
    let missing = || Refusal {
        code: "UnreadableResponse".to_owned(),
        message: "the service said nothing of this message".to_owned(),
        is_transient: true,
    };
    let mut outcomes: Vec<_> = (0..count).map(|_| Err(missing())).collect();
    let mut set = |id: &str, outcome| {
        if let Some(place) = id.parse().ok().and_then(|place: usize| outcomes.get_mut(place)) {
            *place = outcome;
        }
    };
    sent.for_each(|(id, message_id)| set(&id, Ok(message_id)));
    failed.for_each(|(id, code, message, is_senders_fault)| {
        let is_transient = !is_senders_fault || is_transient(&code);
        let message = message.unwrap_or_else(|| "the service gave no reason".to_owned());
        set(&id, Err(Refusal { code, message, is_transient }));
    });
    outcomes
}
