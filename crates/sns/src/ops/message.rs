//! Checking a message before it is published.

use std::collections::BTreeMap;

use pontoon_api::sns::MessageAttributeValue;

use crate::Error;
use crate::state::message::{Attribute, AttributeValue, Body, MESSAGE_BYTES_MAX, Message, StructureFault};

/// How long a subject may be, characters.
const SUBJECT_CHARS_MAX: usize = 100;
/// How long an attribute's name may be, bytes.
const NAME_BYTES_MAX: usize = 256;

/// What one publish asks for, from a single call or a batch entry.
pub struct Draft {
    pub message: String,
    pub subject: Option<String>,
    pub structure: Option<String>,
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    pub deduplication_id: Option<String>,
    pub group_id: Option<String>,
}

/// Checks a draft and makes it a message.
pub fn compose(draft: Draft) -> Result<Message, Error> {
    let Draft { message, subject, structure, attributes, deduplication_id, group_id } = draft;
    if let Some(subject) = &subject {
        check_subject(subject)?;
    }
    if message.is_empty() {
        return Err(Error::invalid("Empty message"));
    }
    let attributes: Vec<Attribute> =
        attributes.into_iter().map(|(name, value)| check_attribute(name, value)).collect::<Result<_, _>>()?;
    let in_attributes = attributes.iter().map(|one| one.name.len() + one.data_type.len() + one.value.len());
    let bytes = message.len() + in_attributes.sum::<usize>();
    if bytes > MESSAGE_BYTES_MAX {
        return Err(Error::invalid("Message too long"));
    }
    if deduplication_id.is_some() {
        return Err(Error::invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        ));
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    if group_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 128 || !id.chars().all(valid)) {
        return Err(Error::invalid("MessageGroupId"));
    }
    let body = match structure.as_deref() {
        None => Body::plain(message),
        Some("json") => Body::structured(&message).map_err(|fault| {
            Error::invalid(match fault {
                StructureFault::NotJson => "Message Structure - JSON message body failed to parse",
                StructureFault::NoDefault => "Message Structure - No default entry in JSON message body",
            })
        })?,
        Some(_) => return Err(Error::invalid("MessageStructure")),
    };
    Ok(Message {
        body,
        subject: subject.map(Into::into),
        attributes: attributes.into(),
        group: group_id.map(Into::into),
        bytes,
    })
}

/// test_publish_with_empty_subject; the bounds are the API reference's.
fn check_subject(subject: &str) -> Result<(), Error> {
    let fits = !subject.is_empty()
        && subject.chars().count() <= SUBJECT_CHARS_MAX
        && !subject.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Error::invalid("Subject")) }
}

/// test_empty_or_wrong_message_attributes, test_message_attributes_prefixes
fn check_attribute(name: String, given: MessageAttributeValue) -> Result<Attribute, Error> {
    check_attribute_name(&name)?;
    let MessageAttributeValue { data_type, string_value, binary_value } = given;
    let refuse = |message: String| Err(Error::ParameterValueInvalid(message));
    let (base, label) =
        data_type.split_once('.').map_or((data_type.as_str(), None), |(base, label)| (base, Some(label)));
    if !matches!(base, "String" | "Number" | "Binary") || label.is_some_and(str::is_empty) {
        return refuse(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
        ));
    }
    let is_binary = base == "Binary";
    let (has_own, has_other) = if is_binary {
        (binary_value.is_some(), string_value.is_some())
    } else {
        (string_value.is_some(), binary_value.is_some())
    };
    if has_other && !has_own {
        let field = if is_binary { "Binary" } else { "String" };
        return refuse(format!(
            "The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        ));
    }
    let value = if is_binary {
        binary_value.map(AttributeValue::Binary)
    } else {
        string_value.map(AttributeValue::Text)
    };
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return refuse(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
        ));
    };
    if let (AttributeValue::Text(text), "Number") = (&value, base)
        && !text.parse::<f64>().is_ok_and(f64::is_finite)
    {
        return refuse(format!("Could not cast message attribute '{name}' value to number."));
    }
    Ok(Attribute { name, data_type, value })
}

fn check_attribute_name(name: &str) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::ParameterValueInvalid(message));
    if name.is_empty() {
        return refuse("The message attribute name must not be empty.".to_owned());
    }
    if name.len() > NAME_BYTES_MAX {
        return refuse("Length of message attribute name must be less than 256 bytes.".to_owned());
    }
    let valid = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(invalid) = name.chars().find(|c| !valid(c)) {
        return refuse(format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(invalid)
        ));
    }
    if name.starts_with('.') {
        return refuse("Invalid message attribute name starting with character '.' was found.".to_owned());
    }
    if name.ends_with('.') {
        return refuse("Invalid message attribute name ending with character '.' was found.".to_owned());
    }
    if name.contains("..") {
        return refuse("Message attribute name can not have successive '.' character.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pontoon_core::ApiError;

    use super::*;

    fn refusal(name: &str, data_type: &str, text: Option<&str>, binary: Option<&'static [u8]>) -> String {
        let value = MessageAttributeValue {
            data_type: data_type.to_owned(),
            string_value: text.map(str::to_owned),
            binary_value: binary.map(bytes::Bytes::from_static),
        };
        check_attribute(name.to_owned(), value)
            .map_or_else(|error| ApiError::from(error).message, |_| "ok".to_owned())
    }

    #[test]
    fn attributes_are_refused_as_recorded() {
        let empty = |kind: &str| {
            format!(
                "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type '{kind}'."
            )
        };
        let field = |kind: &str, field: &str| {
            format!("The message attribute 'attr1' with type '{kind}' must use field '{field}'.")
        };
        let kind = "The message attribute 'attr1' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.";
        for (given, expected) in [
            (("attr1", "String", Some(""), None), empty("String")),
            (("attr1", "String", None, None), empty("String")),
            (("attr1", "Binary", None, Some(&b""[..])), empty("Binary")),
            (("attr1", "String", None, Some(b"x")), field("String", "String")),
            (("attr1", "Number", None, Some(b"x")), field("Number", "String")),
            (("attr1", "Binary", Some("x"), None), field("Binary", "Binary")),
            (("attr1", "InvalidType", Some("x"), None), kind.to_owned()),
            (("attr1", "string", Some("x"), None), kind.to_owned()),
            (("attr1", "String.", Some("x"), None), kind.to_owned()),
            (
                ("attr1", "Number", Some("x"), None),
                "Could not cast message attribute 'attr1' value to number.".to_owned(),
            ),
            (("attr1", "Number.label", Some("5"), None), "ok".to_owned()),
            (("attr1", "String.Array", Some("[1]"), None), "ok".to_owned()),
        ] {
            let (name, data_type, text, binary) = given;
            assert_eq!(refusal(name, data_type, text, binary), expected, "{given:?}");
        }
    }

    #[test]
    fn attribute_names_are_refused_as_recorded() {
        let long = "a".repeat(257);
        for (name, expected) in [
            (long.as_str(), "Length of message attribute name must be less than 256 bytes."),
            (
                "attr^",
                "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            ),
            (".attr", "Invalid message attribute name starting with character '.' was found."),
            ("attr.", "Invalid message attribute name ending with character '.' was found."),
            ("at..tr", "Message attribute name can not have successive '.' character."),
        ] {
            assert_eq!(refusal(name, "String", Some("x"), None), expected);
        }
    }
}
