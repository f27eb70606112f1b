//! Messages: what was sent, unchanged from then on.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use pontoon_core::{Timestamp, TraceId, TraceIds};

use super::md5;

/// The value of a message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// `String` and `Number` types, and custom types of these.
    Text(String),
    /// `Binary` and custom types of it.
    Binary(Bytes),
}

/// A message attribute: the sender's own data beside the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// `String`, `Number` or `Binary`, each with an optional `.custom` suffix.
    pub data_type: String,
    /// Its value.
    pub value: AttributeValue,
}

/// What a message carries. Immutable: what changes with receives is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The message id's bytes.
    pub id: [u8; 16],
    /// The body, 1 byte to 1 MiB.
    pub body: String,
    /// The body's MD5, if whoever sent it was told; otherwise each receive computes it.
    pub body_md5: Option<[u8; 16]>,
    /// Message attributes, sorted by name.
    pub attributes: Vec<Attribute>,
    /// The system attribute `AWSTraceHeader`.
    pub trace_header: Option<String>,
    /// Who sent it, as the attribute `SenderId` tells.
    pub sender: String,
    /// When it was accepted; a dead letter keeps its first.
    pub sent_at: Timestamp,
    /// When it became visible first.
    pub visible_at: Timestamp,
    /// Its message group: in FIFO queues what its order is kept in, in fair queues the tenant that it is counted for.
    pub group: Option<String>,
    /// What it was deduplicated by, in FIFO queues.
    pub deduplication_id: Option<String>,
    /// The queue that it was dead-lettered from.
    pub dead_letter_source: Option<String>,
    /// How often it had been received when it was dead-lettered: shown as received, but not counted again by this queue's redrive policy.
    pub carried_receives: u32,
    /// The traces that it continues.
    pub traces: TraceIds,
}

/// Tags of the fields in the store; a reader passes over tags that it does not know, so fields can be added.
mod tag {
    pub const ID: u8 = 1;
    pub const BODY: u8 = 2;
    pub const ATTRIBUTE_TEXT: u8 = 3;
    pub const ATTRIBUTE_BINARY: u8 = 4;
    pub const TRACE_HEADER: u8 = 5;
    pub const SENDER: u8 = 6;
    pub const SENT_AT: u8 = 7;
    pub const VISIBLE_AT: u8 = 8;
    pub const GROUP: u8 = 9;
    pub const DEAD_LETTER_SOURCE: u8 = 10;
    pub const TRACES: u8 = 11;
    pub const CARRIED_RECEIVES: u8 = 12;
    pub const DEDUPLICATION_ID: u8 = 13;
    pub const BODY_MD5: u8 = 14;
}

impl Content {
    /// What counts towards the queue's maximum message size: the body, and names, types and values of the attributes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len() + self.attributes.iter().map(Attribute::size).sum::<usize>()
    }

    /// The form in the store: fields as tag, length (4 bytes, big endian) and bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut to = Vec::with_capacity(self.size() + 160);
        field(&mut to, tag::ID, &[&self.id]);
        field(&mut to, tag::SENT_AT, &[&self.sent_at.millis().to_be_bytes()]);
        if self.visible_at != self.sent_at {
            field(&mut to, tag::VISIBLE_AT, &[&self.visible_at.millis().to_be_bytes()]);
        }
        field(&mut to, tag::SENDER, &[self.sender.as_bytes()]);
        for Attribute { name, data_type, value } in &self.attributes {
            let lengths =
                [(name.len() as u16).to_be_bytes(), (data_type.len() as u16).to_be_bytes()].concat();
            let (tag, value) = match value {
                AttributeValue::Text(text) => (tag::ATTRIBUTE_TEXT, text.as_bytes()),
                AttributeValue::Binary(bytes) => (tag::ATTRIBUTE_BINARY, bytes.as_ref()),
            };
            field(&mut to, tag, &[&lengths, name.as_bytes(), data_type.as_bytes(), value]);
        }
        let texts = [
            (tag::TRACE_HEADER, &self.trace_header),
            (tag::GROUP, &self.group),
            (tag::DEDUPLICATION_ID, &self.deduplication_id),
            (tag::DEAD_LETTER_SOURCE, &self.dead_letter_source),
        ];
        for (tag, text) in texts {
            if let Some(text) = text {
                field(&mut to, tag, &[text.as_bytes()]);
            }
        }
        if self.carried_receives > 0 {
            field(&mut to, tag::CARRIED_RECEIVES, &[&self.carried_receives.to_be_bytes()]);
        }
        if let Some(traces) = &self.traces {
            let ids: Vec<u8> = traces.iter().flat_map(|id| id.0).collect();
            field(&mut to, tag::TRACES, &[&ids]);
        }
        if let Some(md5) = &self.body_md5 {
            field(&mut to, tag::BODY_MD5, &[md5]);
        }
        field(&mut to, tag::BODY, &[self.body.as_bytes()]);
        to.into()
    }

    /// The MD5 of the body, 32 hex digits.
    #[must_use]
    pub fn body_md5_hex(&self) -> String {
        hex(&self.body_md5.unwrap_or_else(|| md5::digest(self.body.as_bytes())))
    }

    /// Reads the form in the store; `None` if it is not one.
    #[must_use]
    pub fn decode(from: &[u8]) -> Option<Self> {
        let mut content = Self {
            id: [0; 16],
            body: String::new(),
            body_md5: None,
            attributes: Vec::new(),
            trace_header: None,
            sender: String::new(),
            sent_at: Timestamp::EPOCH,
            visible_at: Timestamp::EPOCH,
            group: None,
            deduplication_id: None,
            dead_letter_source: None,
            carried_receives: 0,
            traces: None,
        };
        let mut delayed_until = None;
        let mut rest = from;
        while let Some((tag, value)) = next_field(&mut rest)? {
            match tag {
                tag::ID => content.id = value.try_into().ok()?,
                tag::BODY => content.body = text(value)?,
                tag::BODY_MD5 => content.body_md5 = Some(value.try_into().ok()?),
                tag::ATTRIBUTE_TEXT => content.attributes.push(attribute(value, false)?),
                tag::ATTRIBUTE_BINARY => content.attributes.push(attribute(value, true)?),
                tag::TRACE_HEADER => content.trace_header = Some(text(value)?),
                tag::SENDER => content.sender = text(value)?,
                tag::SENT_AT => content.sent_at = instant(value)?,
                tag::VISIBLE_AT => delayed_until = Some(instant(value)?),
                tag::GROUP => content.group = Some(text(value)?),
                tag::DEDUPLICATION_ID => content.deduplication_id = Some(text(value)?),
                tag::DEAD_LETTER_SOURCE => content.dead_letter_source = Some(text(value)?),
                tag::CARRIED_RECEIVES => {
                    content.carried_receives = u32::from_be_bytes(value.try_into().ok()?);
                }
                tag::TRACES => content.traces = Some(traces(value)?),
                _ => {}
            }
        }
        content.visible_at = delayed_until.unwrap_or(content.sent_at);
        Some(content)
    }
}

/// What a queue needs to know of a message when it starts, read without copying the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// [`Content::sent_at`].
    pub sent_at: Timestamp,
    /// [`Content::visible_at`].
    pub visible_at: Timestamp,
    /// [`Content::group`].
    pub group: Option<&'a str>,
    /// [`Content::carried_receives`].
    pub carried_receives: u32,
}

impl<'a> Header<'a> {
    /// Reads it from the form in the store; `None` if it is not one.
    #[must_use]
    pub fn decode(from: &'a [u8]) -> Option<Self> {
        let (mut sent_at, mut delayed_until, mut group, mut carried_receives) = (None, None, None, 0);
        let mut rest = from;
        while let Some((tag, value)) = next_field(&mut rest)? {
            match tag {
                tag::SENT_AT => sent_at = Some(instant(value)?),
                tag::VISIBLE_AT => delayed_until = Some(instant(value)?),
                tag::GROUP => group = Some(std::str::from_utf8(value).ok()?),
                tag::CARRIED_RECEIVES => carried_receives = u32::from_be_bytes(value.try_into().ok()?),
                _ => {}
            }
        }
        let sent_at = sent_at?;
        Some(Self { sent_at, visible_at: delayed_until.unwrap_or(sent_at), group, carried_receives })
    }
}

impl Attribute {
    /// What it adds to the size of its message.
    #[must_use]
    pub fn size(&self) -> usize {
        let value = match &self.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        self.name.len() + self.data_type.len() + value
    }
}

fn field(to: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    to.put_u8(tag);
    to.put_u32(len as u32);
    parts.iter().for_each(|part| to.extend_from_slice(part));
}

/// The next field; `Some(None)` at the end, `None` if the bytes are cut short.
#[expect(clippy::option_option, reason = "the end and a malformed field are different things")]
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<Option<(u8, &'a [u8])>> {
    let Some((&tag, after)) = rest.split_first() else { return Some(None) };
    let (len, after) = after.split_first_chunk::<4>()?;
    let (value, after) = after.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    *rest = after;
    Some(Some((tag, value)))
}

fn text(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn instant(value: &[u8]) -> Option<Timestamp> {
    Some(Timestamp::from_millis(i64::from_be_bytes(value.try_into().ok()?)))
}

fn traces(value: &[u8]) -> Option<Arc<[TraceId]>> {
    value.chunks(16).map(|id| id.try_into().ok().map(TraceId)).collect()
}

fn attribute(value: &[u8], binary: bool) -> Option<Attribute> {
    let (lengths, rest) = value.split_first_chunk::<4>()?;
    let name_len = usize::from(u16::from_be_bytes([lengths[0], lengths[1]]));
    let type_len = usize::from(u16::from_be_bytes([lengths[2], lengths[3]]));
    let (name, rest) = rest.split_at_checked(name_len)?;
    let (data_type, value) = rest.split_at_checked(type_len)?;
    let value = if binary {
        AttributeValue::Binary(Bytes::copy_from_slice(value))
    } else {
        AttributeValue::Text(text(value)?)
    };
    Some(Attribute { name: text(name)?, data_type: text(data_type)?, value })
}

/// The MD5 of message attributes in SQS's own encoding: sorted by name; name, type and value each with a four-byte length, the value behind a byte
/// that says text (1) or binary (2). `None` without attributes.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
#[must_use]
pub fn attributes_md5<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Option<String> {
    let mut sorted: Vec<&Attribute> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut encoded = Vec::new();
    let mut part = |kind: Option<u8>, bytes: &[u8]| {
        encoded.extend(kind);
        encoded.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        encoded.extend_from_slice(bytes);
    };
    for Attribute { name, data_type, value } in sorted {
        part(None, name.as_bytes());
        part(None, data_type.as_bytes());
        match value {
            AttributeValue::Text(text) => part(Some(1), text.as_bytes()),
            AttributeValue::Binary(bytes) => part(Some(2), bytes),
        }
    }
    Some(hex(&md5::digest(&encoded)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_attribute(name: &str, value: &str) -> Attribute {
        Attribute { name: name.into(), data_type: "String".into(), value: AttributeValue::Text(value.into()) }
    }

    #[test]
    fn the_md5_of_attributes_is_the_one_that_aws_recorded() {
        // sqs/test_sqs: test_receive_message_message_attribute_names_filters
        let attributes = [
            text_attribute("Help.Me", "Me"),
            text_attribute("Hello", "There"),
            text_attribute("General", "Kenobi"),
        ];
        assert_eq!(attributes_md5(&attributes).as_deref(), Some("4c360f3fdafd970e05fae2f149d997f5"));
        // sqs/test_sqs: test_send_message_with_binary_attributes
        let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = AttributeValue::Binary(Bytes::from_static(trace));
        let attribute = Attribute { name: "attr1".into(), data_type: "Binary".into(), value: binary };
        assert_eq!(attributes_md5([&attribute]).as_deref(), Some("8cbe4db156db8a94db8b801b7addb984"));
    }

    #[test]
    fn content_reads_back_as_it_was_written_and_cut_bytes_do_not() {
        let content = Content {
            id: [7; 16],
            body: "höi".into(),
            body_md5: Some(md5::digest("höi".as_bytes())),
            attributes: vec![text_attribute("a", "1")],
            trace_header: Some("Root=1-2-3".into()),
            sender: "AIDA".into(),
            sent_at: Timestamp::from_secs(5),
            visible_at: Timestamp::from_secs(9),
            group: Some("tenant".into()),
            deduplication_id: Some("once".into()),
            dead_letter_source: Some("arn:aws:sqs:us-east-1:000000000000:q".into()),
            carried_receives: 3,
            traces: Some(Arc::from([TraceId([1; 16]), TraceId([2; 16])])),
        };
        let bytes = content.encode();
        let header = Header {
            sent_at: content.sent_at,
            visible_at: content.visible_at,
            group: Some("tenant"),
            carried_receives: 3,
        };
        assert_eq!(Header::decode(&bytes), Some(header));
        assert_eq!(Content::decode(&bytes), Some(content));
        assert_eq!(Content::decode(&bytes[..bytes.len() - 1]), None);
    }
}
