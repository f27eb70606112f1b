//! A dead letter, and why it is one.

use std::collections::HashMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use jiff::Timestamp;

use super::{Burial, DeadLetterOrigin};
use crate::envelope::Envelope;

/// A message of a dead-letter queue.
///
/// ```
/// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
/// for letter in dead.peek(10).await.unwrap() {
///     println!("{} of {:?}: {}", letter.message_id, letter.event_type, letter.reason);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The message's id.
    pub message_id: String,
    /// What it says.
    pub body: String,
    /// Why it is a dead letter, as far as anything tells.
    pub reason: String,
    /// The type of its event, if it is one.
    pub event_type: Option<String>,
    /// What it did not get to or through, as far as anything tells.
    pub origin: DeadLetterOrigin,
    /// When it was sent, to its first queue where SQS itself moved it.
    pub sent_at: Option<Timestamp>,
    /// How often it was received from this queue and, where SQS itself moved it, from the one before.
    pub receives: u32,
    /// Its message attributes.
    pub attributes: HashMap<String, MessageAttributeValue>,
    /// The FIFO group.
    pub group: Option<String>,
    pub(super) receipt: String,
}

impl DeadLetter {
    pub(super) fn of(message: Message) -> Self {
        let system = message.attributes.unwrap_or_default();
        let attributes = message.message_attributes.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let of = |name: MessageSystemAttributeName| system.get(&name).cloned();
        let number = |name| of(name).and_then(|text| text.parse::<i64>().ok());
        let text = |name: &str| attributes.get(name).and_then(MessageAttributeValue::string_value);
        let burial = text(Burial::ATTRIBUTE).and_then(Burial::from_json);
        let receives = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
        let told = |code: &str, message: &str| {
            let (code, message) = (text(code)?, text(message).unwrap_or_default());
            Some(if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") })
        };
        let queue = of(MessageSystemAttributeName::DeadLetterQueueSourceArn)
            .or_else(|| burial.as_ref().map(|burial| burial.queue.clone()));
        let reason = burial
            .as_ref()
            .map(|burial| burial.reason.clone())
            // EventBridge's attributes, then Lambda's.
            .or_else(|| told("ERROR_CODE", "ERROR_MESSAGE"))
            .or_else(|| told("ErrorCode", "ErrorMessage"))
            .unwrap_or_else(|| "received too often without being deleted".to_owned());
        Self {
            message_id: message.message_id.unwrap_or_default(),
            event_type: Envelope::from_message(&body).ok().map(|event| event.event_type.into_owned()),
            origin: DeadLetterOrigin::new(queue, text, &body),
            sent_at: number(MessageSystemAttributeName::SentTimestamp)
                .and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            receives: u32::try_from(receives).unwrap_or(u32::MAX),
            group: of(MessageSystemAttributeName::MessageGroupId),
            receipt: message.receipt_handle.unwrap_or_default(),
            body,
            reason,
            attributes,
        }
    }
}
