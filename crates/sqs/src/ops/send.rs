//! Sending messages, one or a batch.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_api::sqs::*;
use pontoon_core::{Principal, Scope, Space, Step};

use super::{Answer, batch, fifo};
use crate::state::deduplication;
use crate::state::message::{Attribute, AttributeValue, Content, attributes_md5, md5_hex};
use crate::state::queue::{Message, Place};
use crate::{CONTENT_BYTES_MAX, Error, Sqs, records};

/// How many bytes the entries of a batch may have together.
const BATCH_BYTES_MAX: usize = 1_048_576;
/// How many message attributes a message may have.
const ATTRIBUTES_MAX: usize = 10;

/// What one send asks for, from a single call or a batch entry.
struct Draft {
    body: String,
    delay_secs: Option<i32>,
    attributes: BTreeMap<String, MessageAttributeValue>,
    system: BTreeMap<String, MessageSystemAttributeValue>,
    deduplication_id: Option<String>,
    group_id: Option<String>,
    in_batch: bool,
}

/// What a send tells its caller.
struct Sent {
    message_id: String,
    body_md5: String,
    attributes_md5: Option<String>,
    system_md5: Option<String>,
    sequence_number: Option<String>,
}

pub fn send(sqs: &mut Sqs, step: &mut Step<'_>, input: SendMessageInput) -> Answer<SendMessageOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:SendMessage")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    let draft = Draft {
        body: input.message_body,
        delay_secs: input.delay_seconds,
        attributes: input.message_attributes.unwrap_or_default(),
        system: input.message_system_attributes.unwrap_or_default(),
        deduplication_id: input.message_deduplication_id,
        group_id: input.message_group_id,
        in_batch: false,
    };
    let sent = send_one(sqs, step, (scope, &name), draft)?;
    sqs.serve(step, scope, &name);
    Ok(SendMessageOutput {
        message_id: Some(sent.message_id),
        md5_of_message_body: Some(sent.body_md5),
        md5_of_message_attributes: sent.attributes_md5,
        md5_of_message_system_attributes: sent.system_md5,
        sequence_number: sent.sequence_number,
    }
    .into())
}

pub fn send_batch(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: SendMessageBatchInput,
) -> Answer<SendMessageBatchOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:SendMessage")?;
    let (scope, name) = (queue.scope, queue.name.clone());
    let fifo = queue.record.attributes.fifo;
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "SendMessageBatchRequestEntry")?;
    if let Some(fifo) = fifo {
        check_fifo_entries(&input.entries, fifo.content_based)?;
    }
    let total: usize = input.entries.iter().map(entry_bytes).sum();
    if total > BATCH_BYTES_MAX {
        return Err(Error::BatchRequestTooLong(total));
    }
    let mut output = SendMessageBatchOutput::default();
    for entry in input.entries {
        let draft = Draft {
            body: entry.message_body,
            delay_secs: entry.delay_seconds,
            attributes: entry.message_attributes.unwrap_or_default(),
            system: entry.message_system_attributes.unwrap_or_default(),
            deduplication_id: entry.message_deduplication_id,
            group_id: entry.message_group_id,
            in_batch: true,
        };
        match send_one(sqs, step, (scope, &name), draft) {
            Ok(sent) => output.successful.push(SendMessageBatchResultEntry {
                id: entry.id,
                message_id: sent.message_id,
                md5_of_message_body: sent.body_md5,
                md5_of_message_attributes: sent.attributes_md5,
                md5_of_message_system_attributes: sent.system_md5,
                sequence_number: sent.sequence_number,
            }),
            Err(error) => output.failed.push(batch::failed(entry.id, &error)),
        }
    }
    sqs.serve(step, scope, &name);
    Ok(output.into())
}

/// What every entry of a batch for a FIFO queue must have; without it no entry is taken (sqs/test_sqs:
/// test_send_batch_missing_deduplication_id_for_fifo_queue, test_send_batch_missing_message_group_id_for_fifo_queue).
fn check_fifo_entries(entries: &[SendMessageBatchRequestEntry], content_based: bool) -> Result<(), Error> {
    for entry in entries {
        if entry.message_group_id.is_none() {
            let message = Error::MissingParameter("MessageGroupId").message();
            return Err(Error::InvalidParameterValue(message));
        }
        if entry.message_deduplication_id.is_none() && !content_based {
            return Err(fifo::no_deduplication_id());
        }
    }
    Ok(())
}

fn entry_bytes(entry: &SendMessageBatchRequestEntry) -> usize {
    let value = |value: &MessageAttributeValue| {
        let text = value.string_value.as_ref().map_or(0, String::len);
        text + value.binary_value.as_ref().map_or(0, bytes::Bytes::len) + value.data_type.len()
    };
    let attributes = entry.message_attributes.iter().flatten().map(|(name, v)| name.len() + value(v));
    entry.message_body.len() + attributes.sum::<usize>()
}

/// Takes a message, unless its queue has taken it already: then the sender is told of the first.
fn send_one(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    (scope, name): (Scope, &str),
    draft: Draft,
) -> Result<Sent, Error> {
    let (content, mut sent) = compose(sqs, step, (scope, name), draft)?;
    let queue = sqs.queue_mut(scope, name).ok_or(Error::QueueDoesNotExist)?;
    let keys = (content.deduplication_id.as_deref(), content.group.as_deref());
    if let Some(first) = queue.duplicate_of(step.now, keys.0, keys.1) {
        queue.counters.deduplicated();
        sqs.active(step.now, (scope, name));
        sent.message_id = pontoon_core::ids::format_uuid(first.id);
        sent.sequence_number = Some(fifo::sequence_number(first.number));
        return Ok(sent);
    }
    let number = accept(sqs, step, (scope, name), &content)?;
    sent.sequence_number = keys.0.map(|_| fifo::sequence_number(number));
    Ok(sent)
}

/// Checks a draft and makes it a message's content; nothing is changed yet but the ids drawn.
fn compose(
    sqs: &Sqs,
    step: &mut Step<'_>,
    (scope, name): (Scope, &str),
    draft: Draft,
) -> Result<(Content, Sent), Error> {
    let queue = sqs.queue(scope, name).ok_or(Error::QueueDoesNotExist)?;
    let Draft { body, delay_secs, attributes, system, deduplication_id, group_id, in_batch } = draft;
    if body.is_empty() {
        return Err(Error::MissingParameter("MessageBody"));
    }
    check_id("MessageGroupId", group_id.as_deref())?;
    check_id("MessageDeduplicationId", deduplication_id.as_deref())?;
    if queue.is_fifo() && group_id.is_none() {
        return Err(Error::MissingParameter("MessageGroupId"));
    }
    let deduplication_id = queue.deduplication_id(deduplication_id, &body)?;
    if !body.chars().all(is_allowed) {
        return Err(Error::InvalidMessageContents);
    }
    let delay_secs = match delay_secs {
        None => queue.record.attributes.delay_secs,
        // A FIFO queue's messages are delayed alike (sqs/test_sqs: test_fifo_queue_send_message_with_delay_seconds_fails,
        // test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay).
        Some(0) if queue.is_fifo() => queue.record.attributes.delay_secs,
        Some(secs) if queue.is_fifo() => return Err(fifo::wrong_type(&secs.to_string(), "DelaySeconds")),
        Some(secs) => u32::try_from(secs).ok().filter(|secs| *secs <= 900).ok_or_else(|| {
            invalid(&secs.to_string(), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
        })?,
    };
    let attributes = check_attributes(attributes)?;
    let trace_header = check_system(system)?;
    let content = Content {
        id: step.ids.uuid_bytes(),
        body,
        attributes,
        trace_header,
        sender: sender_id(step),
        sent_at: step.now,
        visible_at: step.now.after(Duration::from_secs(u64::from(delay_secs))),
        group: group_id,
        deduplication_id,
        dead_letter_source: None,
        carried_receives: 0,
        traces: step.caller.traces.clone(),
    };
    let limit = queue.record.attributes.message_bytes_max;
    if content.size() > limit as usize {
        return Err(Error::MessageTooLong { limit, in_batch });
    }
    let sent = Sent {
        message_id: pontoon_core::ids::format_uuid(content.id),
        body_md5: md5_hex(content.body.as_bytes()),
        attributes_md5: attributes_md5(&content.attributes),
        system_md5: content
            .trace_header
            .as_ref()
            .and_then(|header| attributes_md5([&trace_attribute(header)])),
        sequence_number: None,
    };
    Ok((content, sent))
}

/// Stores a message and puts it into its queue; gives its number.
fn accept(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    (scope, name): (Scope, &str),
    content: &Content,
) -> Result<u64, Error> {
    let room = sqs.content_bytes < CONTENT_BYTES_MAX;
    let queue = sqs.queue_mut(scope, name).ok_or(Error::QueueDoesNotExist)?;
    let number = queue.number_message(step);
    let bytes = content.encode();
    step.put(Space::Queue, records::content_key(queue.record.number, number), bytes.clone());
    if let (Some(id), Some(group)) = (&content.deduplication_id, &content.group) {
        queue.remember_sent(step, id, group, deduplication::Sent { at: step.now, id: content.id, number });
    }
    let held = if room { bytes.len() } else { 0 };
    queue.messages.insert(
        number,
        content.group.as_deref(),
        None,
        Message {
            sent_at: content.sent_at,
            due: content.visible_at,
            first_received: None,
            last_received: None,
            receive_count: 0,
            carried_receives: 0,
            place: if content.visible_at > step.now { Place::Delayed } else { Place::Visible },
            group: None,
            content: room.then_some(bytes),
        },
    );
    queue.counters.sent(content.size());
    sqs.content_bytes += held;
    sqs.active(step.now, (scope, name));
    Ok(number)
}

fn invalid(value: &str, parameter: &str, reason: &str) -> Error {
    Error::InvalidParameterValue(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

/// Group and deduplication ids: 1 to 128 alphanumeric or punctuation characters (sqs/test_sqs: test_message_deduplication_id_invalid).
pub fn check_id(parameter: &str, id: Option<&str>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    let valid = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    if (1..=128).contains(&id.len()) && id.chars().all(valid) {
        return Ok(());
    }
    let reason =
        format!("{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
    Err(invalid(id, parameter, &reason))
}

/// The characters that XML 1.0 can carry.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn check_attributes(given: BTreeMap<String, MessageAttributeValue>) -> Result<Vec<Attribute>, Error> {
    if given.len() > ATTRIBUTES_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES_MAX}].",
            given.len()
        )));
    }
    given.into_iter().map(|(name, value)| check_attribute(name, value)).collect()
}

fn check_attribute(name: String, given: MessageAttributeValue) -> Result<Attribute, Error> {
    let refuse = |message: String| Err(Error::InvalidParameterValue(message));
    check_attribute_name(&name)?;
    let MessageAttributeValue { string_value, binary_value, data_type, .. } = given;
    let base = data_type.split('.').next().unwrap_or_default().to_owned();
    if data_type.is_empty() {
        return refuse(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        ));
    }
    if data_type.len() > 256 {
        return refuse(format!("Length of message attribute type must be less than 256 bytes for '{name}'."));
    }
    if !matches!(base.as_str(), "String" | "Number" | "Binary") {
        return refuse(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    let empty = || {
        Err(Error::InvalidParameterValue(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        )))
    };
    if base == "Binary" {
        return match binary_value {
            Some(bytes) if !bytes.is_empty() => {
                Ok(Attribute { name, data_type, value: AttributeValue::Binary(bytes) })
            }
            _ => empty(),
        };
    }
    let Some(text) = string_value.filter(|text| !text.is_empty()) else { return empty() };
    if !text.chars().all(is_allowed) {
        return Err(Error::InvalidMessageContents);
    }
    if base == "Number" && !is_number(&text) {
        return refuse(format!("Can't cast the value of message (user) attribute '{name}' to a number."));
    }
    Ok(Attribute { name, data_type, value: AttributeValue::Text(text) })
}

fn check_attribute_name(name: &str) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::InvalidParameterValue(message));
    if name.is_empty() {
        return refuse("The request must contain non-empty message attribute names.".to_owned());
    }
    if name.len() > 256 {
        return refuse("Message (user) attribute name can not be longer than 256 characters.".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return refuse("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.".to_owned());
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.chars().all(valid) || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse(format!("Invalid attribute name '{name}'."));
    }
    Ok(())
}

/// Up to 38 digits with sign, fraction and exponent, as the developer guide has it.
fn is_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits > 0 && text.len() <= 256 && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn check_system(given: BTreeMap<String, MessageSystemAttributeValue>) -> Result<Option<String>, Error> {
    let mut trace_header = None;
    for (name, value) in given {
        if name != "AWSTraceHeader" {
            return Err(Error::InvalidParameterValue(format!(
                "Message system attribute name '{name}' is invalid."
            )));
        }
        if value.data_type != "String" {
            return Err(Error::InvalidParameterValue(
                "Data type of message system attribute 'AWSTraceHeader' must be String.".to_owned(),
            ));
        }
        trace_header = value.string_value.filter(|text| !text.is_empty());
        if trace_header.is_none() {
            return Err(Error::InvalidParameterValue(
                "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'.".to_owned(),
            ));
        }
    }
    Ok(trace_header)
}

fn trace_attribute(header: &str) -> Attribute {
    Attribute {
        name: "AWSTraceHeader".to_owned(),
        data_type: "String".to_owned(),
        value: AttributeValue::Text(header.to_owned()),
    }
}

/// What `SenderId` tells of the caller: an account's id, a user's or role's name, or for services a fixed id of AWS's form.
fn sender_id(step: &Step<'_>) -> String {
    match &step.caller.principal {
        Principal::Account(account) => account.to_string(),
        Principal::User(arn) => arn.rsplit('/').next().unwrap_or_default().to_owned(),
        Principal::Role { arn, session } => {
            format!("{}:{session}", arn.rsplit('/').next().unwrap_or_default())
        }
        Principal::Service(_) => "AIDAIENQZJOLO23YVJ4VO".to_owned(),
    }
}
