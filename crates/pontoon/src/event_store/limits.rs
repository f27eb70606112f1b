//! What fits into one append. Every implementation has DynamoDB's limits, so that what works in a test works on the table.

use super::StoreError;
use crate::{Envelope, RawPayload};

/// Events in one append: a transaction of DynamoDB has 100 actions, of which the append's entry in the log and the check of the
/// event before it take two.
///
/// ```
/// assert_eq!(pontoon::event_store::EVENTS_PER_APPEND_MAX, 98);
/// ```
pub const EVENTS_PER_APPEND_MAX: usize = 98;

/// Bytes of one event as JSON, its metadata included: an item of DynamoDB has 400 KiB, of which the names and numbers around the event need a few.
///
/// ```
/// assert_eq!(pontoon::event_store::EVENT_BYTES_MAX, 399_360);
/// ```
pub const EVENT_BYTES_MAX: usize = 390 * 1024;

/// Bytes of all events of one append as JSON: the items of a transaction have 4 MiB, of which the names and numbers around the events need some.
///
/// ```
/// assert_eq!(pontoon::event_store::APPEND_BYTES_MAX, 3_932_160);
/// ```
pub const APPEND_BYTES_MAX: usize = 3840 * 1024;

/// Bytes of a stream's name.
///
/// ```
/// assert_eq!(pontoon::event_store::STREAM_ID_BYTES_MAX, 1024);
/// ```
pub const STREAM_ID_BYTES_MAX: usize = 1024;

/// Bytes of an event's type. EventBridge takes 128 characters.
pub(crate) const TYPE_BYTES_MAX: usize = 512;

/// Bytes of a snapshot's state.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = EVENT_BYTES_MAX;

/// The events of an append as JSON, if the store can take them.
pub(crate) fn encode(events: &[Envelope<RawPayload>]) -> Result<Vec<String>, StoreError> {
    match events.len() {
        0 => return Err(StoreError::NothingToAppend),
        count if count > EVENTS_PER_APPEND_MAX => {
            return Err(StoreError::TooManyEvents { count, max: EVENTS_PER_APPEND_MAX });
        }
        _ => {}
    }
    let mut texts = Vec::with_capacity(events.len());
    let mut total = 0;
    for event in events {
        let invalid = |reason: String| StoreError::InvalidEvent { id: event.id.to_string(), reason };
        if event.event_type.is_empty() || event.event_type.len() > TYPE_BYTES_MAX {
            return Err(invalid(format!(
                "has a type of {} bytes, possible are 1 to {TYPE_BYTES_MAX}",
                event.event_type.len()
            )));
        }
        let text = serde_json::to_string(event).map_err(|error| invalid(format!("is no JSON: {error}")))?;
        let too_large = |what: String, bytes: usize, max: usize| match bytes > max {
            true => Err(StoreError::TooLarge { what, bytes, max }),
            false => Ok(()),
        };
        too_large(format!("the event {}", event.id), text.len(), EVENT_BYTES_MAX)?;
        total += text.len();
        too_large("the append".to_owned(), total, APPEND_BYTES_MAX)?;
        texts.push(text);
    }
    Ok(texts)
}
