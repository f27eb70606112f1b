//! What messages carry beside their body: ids of groups and deduplication, message attributes, message system attributes.

use std::collections::BTreeMap;

use pontoon_api::sqs::{MessageAttributeValue, MessageSystemAttributeValue, Request};

use crate::Error;
use crate::state::message::{Attribute, AttributeValue};

/// How many message attributes a message may have.
const ATTRIBUTES_MAX: usize = 10;

/// The error for a parameter's value.
pub fn invalid(value: &str, parameter: &str, reason: &str) -> Error {
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

/// The first character that XML 1.0 cannot carry.
pub fn not_allowed(text: &str) -> Option<char> {
    // What is refused is below the space, or U+FFFE and U+FFFF, whose first byte is 0xef. Whole chunks are looked at without a branch.
    let plain = |chunk: &[u8]| chunk.iter().fold(true, |all, b| all & (*b >= b' ') & (*b != 0xef));
    if text.as_bytes().chunks(64).all(plain) {
        return None;
    }
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().find(|c| !allowed(*c))
}

/// The request of a client with an `X-Amzn-Trace-Id` header: messages that it sends carry that as `AWSTraceHeader`, unless they have one of their own
/// (sqs/test_sqs: test_aws_trace_header_propagation).
#[must_use]
pub fn with_trace_header(
    request: Box<dyn pontoon_core::Request>,
    header: &str,
) -> Box<dyn pontoon_core::Request> {
    let operation = request.operation();
    if operation.service.id != "sqs" || !matches!(operation.name, "SendMessage" | "SendMessageBatch") {
        return request;
    }
    let request = request.into_any().downcast::<Request>();
    assert!(request.is_ok(), "requests of a service are of its own type");
    let Ok(mut request) = request else { unreachable!("asserted above") };
    let put = |system: &mut Option<BTreeMap<String, MessageSystemAttributeValue>>| {
        let value = MessageSystemAttributeValue {
            string_value: Some(header.to_owned()),
            data_type: "String".to_owned(),
            ..Default::default()
        };
        system.get_or_insert_default().entry("AWSTraceHeader".to_owned()).or_insert(value);
    };
    match &mut *request {
        Request::SendMessage(input) => put(&mut input.message_system_attributes),
        Request::SendMessageBatch(input) => {
            input.entries.iter_mut().for_each(|entry| put(&mut entry.message_system_attributes));
        }
        _ => {}
    }
    request
}

/// Refuses values that are lists, also empty ones, which the model has but SQS does not implement.
pub fn check_no_lists(
    given: Option<&BTreeMap<String, MessageAttributeValue>>,
    operation: &'static str,
) -> Result<(), Error> {
    let lists = |value: &MessageAttributeValue| {
        value.string_list_values.is_some() || value.binary_list_values.is_some()
    };
    if given.into_iter().flatten().any(|(_, value)| lists(value)) {
        return Err(Error::UnsupportedListValues(operation));
    }
    Ok(())
}

/// Checks the message attributes that a sender gave.
pub fn check_attributes(given: BTreeMap<String, MessageAttributeValue>) -> Result<Vec<Attribute>, Error> {
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
    if not_allowed(&text).is_some() {
        // sqs/test_sqs: test_invalid_string_attributes_cause_invalid_parameter_value_error
        return refuse("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.".to_owned());
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
    // Letters beyond ASCII are taken (sqs/test_sqs: test_send_message_with_invalid_string_attributes).
    let valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
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

/// Checks the message system attributes that a sender gave; gives the value of `AWSTraceHeader`.
pub fn check_system(given: BTreeMap<String, MessageSystemAttributeValue>) -> Result<Option<String>, Error> {
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
