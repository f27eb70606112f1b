//! Copies.

use pontoon_api::s3::*;
use pontoon_core::{Space, Step};

use super::fields::{
    algorithm, check_metadata, description, encryption, md5_hex, quoted, refuse, refuse_of_write,
    tell_checksum, whole_seconds,
};
use super::notify;
use super::object::{check_version, check_write, coverage, replace};
use crate::error::Error;
use crate::state::checksum::{Algorithm, Checksum};
use crate::state::condition::Conditions;
use crate::state::object::{Description, Object as Stored};
use crate::{S3, records};

pub fn copy_object(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: CopyObjectInput,
) -> Result<CopyObjectOutput, Error> {
    let (name, key) = (&input.bucket, &input.key);
    s3.bucket(step, "s3:PutObject", (name, Some(key)), input.expected_bucket_owner.as_deref())?;
    refuse_of_write!(input);
    refuse! { input:
        copy_source_sse_customer_algorithm => "encryption with the customer's keys",
        copy_source_sse_customer_key => "encryption with the customer's keys",
        copy_source_sse_customer_key_md5 => "encryption with the customer's keys",
    }
    let replaces = directive("metadata", input.metadata_directive.as_deref())?;
    // Objects have no tags, so that copying them and replacing them by none are the same.
    directive("tagging", input.tagging_directive.as_deref())?;
    let (source_bucket, source_key, version) = source(&input.copy_source)?;
    check_version(version.as_deref())?;
    let owner = input.expected_source_bucket_owner.as_deref();
    s3.bucket(step, "s3:GetObject", (&source_bucket, Some(&source_key)), owner)?;
    let from = records::object(step, &source_bucket, &source_key).ok_or(Error::NoSuchKey)?;
    let conditions = Conditions {
        matches: input.copy_source_if_match.as_deref(),
        none_matches: input.copy_source_if_none_match.as_deref(),
        modified_since: input.copy_source_if_modified_since,
        unmodified_since: input.copy_source_if_unmodified_since,
    };
    conditions.check(&from.etag, from.modified()).map_err(|_| Error::PreconditionFailed)?;
    let is_itself = (&source_bucket, &source_key) == (name, key);
    if is_itself && !replaces && input.server_side_encryption.is_none() {
        return Err(Error::InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
                .into(),
        ));
    }
    let before = records::object(step, name, key);
    check_write(before.as_ref(), input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let replaced = description!(input);
    let encrypted = replaced.encrypted;
    let described = if replaces { replaced } else { Description { encrypted, ..from.description.clone() } };
    check_metadata(&described)?;
    let wanted = input.checksum_algorithm.as_deref().map(algorithm).transpose()?;
    let object = copied(step, &from, described, wanted);
    let mut result = CopyObjectResult {
        e_tag: quoted(&object.etag),
        last_modified: Some(object.modified()),
        checksum_type: object.checksum.as_ref().map(|checksum| coverage(checksum.coverage).into()),
        ..CopyObjectResult::default()
    };
    tell_checksum!(result, &object.checksum);
    let output = CopyObjectOutput {
        copy_object_result: Some(result),
        server_side_encryption: encryption(&object.description),
        ..CopyObjectOutput::default()
    };
    replace(step, (name, key), before.as_ref(), &object);
    notify::created(s3, step, (name, key), (&object, "CopyObject"));
    Ok(output)
}

/// The object again, with bytes of its own and in one piece, for which reason it has another entity tag if it came in parts.
fn copied(step: &mut Step<'_>, from: &Stored, description: Description, wanted: Option<Algorithm>) -> Stored {
    let body = match from.size().checked_sub(1) {
        None => bytes::Bytes::new(),
        Some(last) => {
            let Ok(body) = records::read(&from.pieces, (0, last), |key| {
                Ok::<_, std::convert::Infallible>(step.get(Space::Blob, key))
            });
            body
        }
    };
    let known = from.checksum.as_ref().map(|checksum| checksum.algorithm);
    let checksum = Checksum::of(wanted.or(known).unwrap_or(Algorithm::Crc64nvme), &body);
    Stored {
        pieces: vec![records::put_piece(step, &body)],
        etag: md5_hex(&body),
        modified_ms: whole_seconds(step.now).millis(),
        description,
        checksum: Some(checksum),
        in_parts: false,
    }
}

/// Whether a directive says that the copy gets its own.
fn directive(of: &str, value: Option<&str>) -> Result<bool, Error> {
    match value {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(Error::InvalidArgument(format!("Unknown {of} directive."))),
    }
}

/// Bucket, key and version id of `x-amz-copy-source`: percent-encoded, with or without a slash in front.
fn source(text: &str) -> Result<(String, String, Option<String>), Error> {
    let invalid = || {
        Error::InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey".into(),
        )
    };
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (text, None),
    };
    let decoded = percent_decoded(path.strip_prefix('/').unwrap_or(path)).ok_or_else(invalid)?;
    let (bucket, key) = decoded.split_once('/').ok_or_else(invalid)?;
    if bucket.is_empty() || key.is_empty() {
        return Err(invalid());
    }
    if bucket.starts_with("arn:") {
        return Err(Error::Unsupported("access points"));
    }
    Ok((bucket.to_owned(), key.to_owned(), version))
}

/// A text without its percent-encoding; `None` if what it encodes is not UTF-8. A stray percent sign stands for itself.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push((high * 16 + low) as u8);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_sources_are_decoded() {
        for (text, expected) in [
            ("b/k", Some(("b", "k", None))),
            ("/b/a%20b/%C3%A9?versionId=null", Some(("b", "a b/é", Some("null")))),
            ("b/50%", Some(("b", "50%", None))),
            ("b", None),
            ("b/", None),
            ("/b/%FF", None),
        ] {
            let found = source(text).ok();
            let found = found.as_ref().map(|(b, k, v)| (b.as_str(), k.as_str(), v.as_deref()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
