//! Sending messages, one or a batch.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_api::sqs::*;
use pontoon_core::{Principal, Space, Step};

use super::{Answer, batch, carried, fifo};
use crate::state::deduplication;
use crate::state::md5;
use crate::state::message::{Attribute, AttributeValue, Content, attributes_md5};
use crate::state::queue::{Message, Place};
use crate::{Error, Queue, Sqs, records};

/// How many bytes the entries of a batch may have together.
const BATCH_BYTES_MAX: usize = 1_048_576;

/// What one send asks for, from a single call or a batch entry.
struct Draft {
    body: String,
    /// Of the body, if anybody looks at it.
    body_md5: Option<[u8; 16]>,
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
    carried::check_no_lists(input.message_attributes.as_ref(), "SendMessage")?;
    let draft = Draft {
        body_md5: is_looked_at(step).then(|| md5::digest(input.message_body.as_bytes())),
        body: input.message_body,
        delay_secs: input.delay_seconds,
        attributes: input.message_attributes.unwrap_or_default(),
        system: input.message_system_attributes.unwrap_or_default(),
        deduplication_id: input.message_deduplication_id,
        group_id: input.message_group_id,
        in_batch: false,
    };
    let sent = queue.send(step, draft)?;
    sqs.active(step.now, (scope, &name));
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
    for entry in &input.entries {
        carried::check_no_lists(entry.message_attributes.as_ref(), "SendMessageBatch")?;
    }
    let bodies: Vec<&[u8]> = input.entries.iter().map(|entry| entry.message_body.as_bytes()).collect();
    let digests = if is_looked_at(step) { md5::digests(&bodies) } else { Vec::new() };
    let mut digests = digests.into_iter();
    let mut output = SendMessageBatchOutput::default();
    output.successful.reserve_exact(input.entries.len());
    for entry in input.entries {
        let draft = Draft {
            body_md5: digests.next(),
            body: entry.message_body,
            delay_secs: entry.delay_seconds,
            attributes: entry.message_attributes.unwrap_or_default(),
            system: entry.message_system_attributes.unwrap_or_default(),
            deduplication_id: entry.message_deduplication_id,
            group_id: entry.message_group_id,
            in_batch: true,
        };
        match queue.send(step, draft) {
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
    if !output.successful.is_empty() {
        sqs.active(step.now, (scope, &name));
    }
    sqs.serve(step, scope, &name);
    Ok(output.into())
}

/// Whether the sender looks at MD5s. Nobody does inside the engine, where they would be a tenth of what a delivery costs.
fn is_looked_at(step: &Step<'_>) -> bool {
    step.caller.depth == 0
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

impl Queue {
    /// Takes a message, unless the queue has taken it already: then the sender is told of the first.
    fn send(&mut self, step: &mut Step<'_>, draft: Draft) -> Result<Sent, Error> {
        let (content, mut sent) = self.compose(step, draft)?;
        let keys = (content.deduplication_id.as_deref(), content.group.as_deref());
        if let Some(first) = self.duplicate_of(step, keys.0, keys.1) {
            self.counters.deduplicated();
            sent.message_id = pontoon_core::ids::format_uuid(first.id);
            sent.sequence_number = Some(fifo::sequence_number(first.number));
            return Ok(sent);
        }
        let number = self.accept(step, &content);
        sent.sequence_number = keys.0.map(|_| fifo::sequence_number(number));
        Ok(sent)
    }

    /// Checks a draft and makes it a message's content; nothing is changed yet but the ids drawn.
    fn compose(&self, step: &mut Step<'_>, draft: Draft) -> Result<(Content, Sent), Error> {
        let Draft { body, body_md5, delay_secs, attributes, system, deduplication_id, group_id, in_batch } =
            draft;
        if body.is_empty() {
            return Err(Error::MissingParameter("MessageBody"));
        }
        carried::check_id("MessageGroupId", group_id.as_deref())?;
        carried::check_id("MessageDeduplicationId", deduplication_id.as_deref())?;
        if self.is_fifo() && group_id.is_none() {
            return Err(Error::MissingParameter("MessageGroupId"));
        }
        let deduplication_id = self.deduplication_id(deduplication_id, &body)?;
        if let Some(found) = carried::not_allowed(&body) {
            return Err(Error::InvalidMessageContents(found));
        }
        let delay_secs = match delay_secs {
            None => self.record.attributes.delay_secs,
            // A FIFO queue's messages are delayed alike (sqs/test_sqs: test_fifo_queue_send_message_with_delay_seconds_fails,
            // test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay).
            Some(0) if self.is_fifo() => self.record.attributes.delay_secs,
            Some(secs) if self.is_fifo() => return Err(fifo::wrong_type(&secs.to_string(), "DelaySeconds")),
            Some(secs) => u32::try_from(secs).ok().filter(|secs| *secs <= 900).ok_or_else(|| {
                carried::invalid(&secs.to_string(), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
            })?,
        };
        let attributes = carried::check_attributes(attributes)?;
        let trace_header = carried::check_system(system)?;
        let content = Content {
            id: step.ids.uuid_bytes(),
            body_md5,
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
        let limit = self.record.attributes.message_bytes_max;
        if content.size() > limit as usize {
            return Err(Error::MessageTooLong { limit, in_batch });
        }
        let sent = Sent {
            message_id: pontoon_core::ids::format_uuid(content.id),
            body_md5: content.body_md5.map_or_else(String::new, |_| content.body_md5_hex()),
            attributes_md5: attributes_md5(&content.attributes),
            system_md5: content
                .trace_header
                .as_ref()
                .and_then(|header| attributes_md5([&trace_attribute(header)])),
            sequence_number: None,
        };
        Ok((content, sent))
    }

    /// Stores a message and puts it into the queue; gives its number.
    fn accept(&mut self, step: &mut Step<'_>, content: &Content) -> u64 {
        let number = self.number_message(step);
        let bytes = content.encode();
        step.put(Space::Queue, records::content_key(self.record.number, number), bytes.clone());
        if let (Some(id), Some(group)) = (&content.deduplication_id, &content.group) {
            self.remember_sent(step, id, group, deduplication::Sent { at: step.now, id: content.id, number });
        }
        let message = Message {
            sent_at: content.sent_at,
            arrived_at: content.sent_at,
            due: content.visible_at,
            first_received: None,
            last_received: None,
            receive_count: 0,
            carried_receives: 0,
            place: if content.visible_at > step.now { Place::Delayed } else { Place::Visible },
            group: None,
            content: self.budget.has_room_for_content().then_some(bytes),
        };
        self.enter(step, number, content.group.as_deref(), message);
        self.counters.sent(content.size());
        number
    }
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
