//! Whole objects: written, read, deleted.

use pontoon_api::s3::*;
use pontoon_core::{ApiError, Reply, Space, Step, StoreRead};

use super::fields::{
    check_metadata, description, encryption, md5_hex, quoted, refuse, refuse_of_write, stated_checksum,
    tell_checksum, whole_seconds,
};
use super::{Answer, notify};
use crate::error::Error;
use crate::state::checksum::{Algorithm, Checksum, Coverage};
use crate::state::condition::{self, Conditions, Unmet};
use crate::state::object::{Description, OBJECT_BYTES_MAX, Object as Stored};
use crate::state::range;
use crate::{S3, records};

/// Objects deleted by one request at most.
const DELETED_MAX: usize = 1000;
/// Bytes that are read by the engine itself; longer bodies are read from a snapshot while it goes on.
const READ_AT_ONCE_BYTES_MAX: u64 = 1 << 20;

pub fn put_object(s3: &mut S3, step: &mut Step<'_>, input: PutObjectInput) -> Result<PutObjectOutput, Error> {
    let (name, key) = (&input.bucket, &input.key);
    s3.bucket(step, "s3:PutObject", (name, Some(key)), input.expected_bucket_owner.as_deref())?;
    refuse_of_write!(input);
    refuse! { input: write_offset_bytes => "appending to objects", }
    let described = description!(input);
    check_metadata(&described)?;
    let body = input.body.clone().unwrap_or_default();
    if body.len() as u64 > OBJECT_BYTES_MAX {
        return Err(Error::EntityTooLarge);
    }
    let stated = stated_checksum!(input);
    if input.checksum_algorithm.is_some() && stated.is_none() {
        return Err(Error::InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
             were found."
                .into(),
        ));
    }
    let before = records::object(step, name, key);
    check_write(before.as_ref(), input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let checksum = match stated {
        Some((algorithm, value)) => Checksum::full(algorithm, value),
        None => Checksum::of(Algorithm::Crc64nvme, &body),
    };
    let etag = md5_hex(&body);
    let mut output = PutObjectOutput {
        e_tag: quoted(&etag),
        checksum_type: Some("FULL_OBJECT".into()),
        server_side_encryption: encryption(&described),
        ..PutObjectOutput::default()
    };
    tell_checksum!(output, Some(&checksum));
    let object = Stored {
        pieces: vec![records::put_piece(step, &body)],
        etag,
        modified_ms: whole_seconds(step.now).millis(),
        description: described,
        checksum: Some(checksum),
        in_parts: false,
    };
    replace(step, (name, key), before.as_ref(), &object);
    notify::created(s3, step, (name, key), (&object, "PutObject"));
    Ok(output)
}

/// Puts an object in the place of the one that was there.
pub(super) fn replace(
    step: &mut Step<'_>,
    (bucket, key): (&str, &str),
    before: Option<&Stored>,
    object: &Stored,
) {
    if let Some(before) = before {
        records::delete_object(step, bucket, key, before);
    }
    records::put_object(step, bucket, key, object);
}

/// Conditions of writes ("Add preconditions to S3 operations with conditional requests" in the user guide).
pub(super) fn check_write(
    before: Option<&Stored>,
    matches: Option<&str>,
    none_matches: Option<&str>,
) -> Result<(), Error> {
    match (none_matches, before) {
        (Some("*"), Some(_)) => return Err(Error::PreconditionFailed),
        (Some("*") | None, _) => {}
        (Some(_), _) => return Err(Error::Unsupported("If-None-Match of writes with a value other than *")),
    }
    match (matches, before) {
        (Some(_), None) => Err(Error::NoSuchKey),
        (Some(tags), Some(before)) if !condition::names(tags, &before.etag) => Err(Error::PreconditionFailed),
        _ => Ok(()),
    }
}

/// A part of an object that was asked for.
struct Selected {
    object: Stored,
    /// First and last byte; `None` if there are none.
    bytes: Option<(u64, u64)>,
    content_range: Option<String>,
}

impl Selected {
    fn length(&self) -> u64 {
        self.bytes.map_or(0, |(first, last)| last - first + 1)
    }

    /// Tells of the checksum only where it is that of what is sent.
    fn checksum(&self, mode: Option<&str>) -> Option<&Checksum> {
        self.object.checksum.as_ref().filter(|_| mode == Some("ENABLED") && self.content_range.is_none())
    }
}

/// Finds what GetObject and HeadObject ask for alike.
macro_rules! select {
    ($s3:ident, $step:ident, $input:ident) => {{
        refuse! { $input:
            sse_customer_algorithm => "encryption with the customer's keys",
            sse_customer_key => "encryption with the customer's keys",
            sse_customer_key_md5 => "encryption with the customer's keys",
        }
        let owner = $input.expected_bucket_owner.as_deref();
        $s3.bucket($step, "s3:GetObject", (&$input.bucket, Some(&$input.key)), owner)?;
        check_version($input.version_id.as_deref())?;
        let object = records::object($step, &$input.bucket, &$input.key).ok_or(Error::NoSuchKey)?;
        let conditions = Conditions {
            matches: $input.if_match.as_deref(),
            none_matches: $input.if_none_match.as_deref(),
            modified_since: $input.if_modified_since,
            unmodified_since: $input.if_unmodified_since,
        };
        check_read(&conditions, &object)?;
        selected(object, $input.range.as_deref(), $input.part_number)?
    }};
}

/// Tells what GetObject and HeadObject tell alike.
macro_rules! describe {
    ($output:ident, $input:ident, $selected:ident) => {
        let object = &$selected.object;
        let Description { cache_control, content_disposition, content_encoding, content_language, .. } =
            &object.description;
        let content_type = object.description.content_type.as_deref();
        let said = |asked: &Option<String>, stored: &Option<String>| asked.clone().or_else(|| stored.clone());
        $output.accept_ranges = Some("bytes".into());
        $output.last_modified = Some(object.modified());
        $output.content_length = i64::try_from($selected.length()).ok();
        $output.e_tag = quoted(&object.etag);
        $output.cache_control = said(&$input.response_cache_control, cache_control);
        $output.content_disposition = said(&$input.response_content_disposition, content_disposition);
        $output.content_encoding = said(&$input.response_content_encoding, content_encoding);
        $output.content_language = said(&$input.response_content_language, content_language);
        $output.content_type = $input
            .response_content_type
            .clone()
            .or_else(|| Some(content_type.unwrap_or(Description::CONTENT_TYPE_DEFAULT).into()));
        $output.expires =
            $input.response_expires.map(|at| at.http_date()).or_else(|| object.description.expires.clone());
        $output.content_range = $selected.content_range.clone();
        $output.server_side_encryption = encryption(&object.description);
        $output.metadata = Some(object.description.metadata.clone());
        $output.parts_count = $input
            .part_number
            .filter(|_| object.in_parts)
            .and_then(|_| i32::try_from(object.pieces.len()).ok());
        if let Some(checksum) = $selected.checksum($input.checksum_mode.as_deref()) {
            $output.checksum_type = Some(coverage(checksum.coverage).into());
            tell_checksum!($output, Some(checksum));
        }
    };
}

pub fn get_object(s3: &mut S3, step: &mut Step<'_>, input: GetObjectInput) -> Answer<GetObjectOutput> {
    let selected = select!(s3, step, input);
    let mut output = GetObjectOutput::default();
    describe!(output, input, selected);
    let length = selected.length();
    let Some(bytes) = selected.bytes else {
        output.body = Some(bytes::Bytes::new());
        return Ok(Reply::Ready(output));
    };
    let pieces = selected.object.pieces;
    // A service that calls within a command must see what the command has written, which no snapshot holds.
    if length <= READ_AT_ONCE_BYTES_MAX || step.caller.depth > 0 {
        let Ok(body) = records::read(&pieces, bytes, |key| {
            Ok::<_, std::convert::Infallible>(step.get(Space::Blob, key))
        });
        output.body = Some(body);
        return Ok(Reply::Ready(output));
    }
    Ok(Reply::Read(Box::new(move |store: &dyn StoreRead| {
        let body = records::read(&pieces, bytes, |key| store.get(Space::Blob, key));
        let body = body.map_err(|_| {
            ApiError::server("InternalError", "We encountered an internal error. Please try again.")
        })?;
        Ok(GetObjectOutput { body: Some(body), ..output })
    })))
}

pub fn head_object(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: HeadObjectInput,
) -> Result<HeadObjectOutput, Error> {
    let selected = select!(s3, step, input);
    let mut output = HeadObjectOutput::default();
    describe!(output, input, selected);
    Ok(output)
}

fn check_read(conditions: &Conditions<'_>, object: &Stored) -> Result<(), Error> {
    conditions.check(&object.etag, object.modified()).map_err(|unmet| match unmet {
        Unmet::Failed => Error::PreconditionFailed,
        Unmet::NotModified => Error::NotModified,
    })
}

fn selected(object: Stored, range: Option<&str>, part_number: Option<i32>) -> Result<Selected, Error> {
    let size = object.size();
    let chosen = match (range, part_number) {
        (Some(_), Some(_)) => {
            let message = "Cannot specify both Range header and partNumber query parameter.";
            return Err(Error::InvalidRequest(message.into()));
        }
        (Some(range), None) => {
            range::parse(range, size).map_err(|range::Unsatisfiable| Error::InvalidRange)?
        }
        (None, Some(1)) if !object.in_parts => None,
        (None, Some(number)) => {
            let part = usize::try_from(number).ok().and_then(|number| object.part(number));
            Some(part.ok_or(Error::InvalidPartNumber)?)
        }
        (None, None) => None,
    };
    let content_range = chosen.map(|(first, last)| format!("bytes {first}-{last}/{size}"));
    let bytes = chosen.or_else(|| size.checked_sub(1).map(|last| (0, last)));
    Ok(Selected { object, bytes, content_range })
}

/// Buckets without versioning have one version of each object, called `null`.
pub(super) fn check_version(id: Option<&str>) -> Result<(), Error> {
    match id {
        None | Some("null") => Ok(()),
        Some(_) => Err(Error::InvalidArgument("Invalid version id specified".into())),
    }
}

pub(super) fn coverage(of: Coverage) -> &'static str {
    match of {
        Coverage::FullObject => "FULL_OBJECT",
        Coverage::Composite => "COMPOSITE",
    }
}

pub fn delete_object(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: DeleteObjectInput,
) -> Result<DeleteObjectOutput, Error> {
    let (name, key) = (&input.bucket, &input.key);
    s3.bucket(step, "s3:DeleteObject", (name, Some(key)), input.expected_bucket_owner.as_deref())?;
    refuse! { input:
        mfa => "MFA delete",
        bypass_governance_retention => "object lock",
        if_match_last_modified_time => "deletes under conditions of directory buckets",
        if_match_size => "deletes under conditions of directory buckets",
    }
    check_version(input.version_id.as_deref())?;
    delete(s3, step, (name, key), input.if_match.as_deref())?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes an object; that it does not exist is no error, unless the client says that it should.
fn delete(
    s3: &mut S3,
    step: &mut Step<'_>,
    (bucket, key): (&str, &str),
    matches: Option<&str>,
) -> Result<(), Error> {
    let object = records::object(step, bucket, key);
    check_write(object.as_ref(), matches, None)?;
    if let Some(object) = object {
        records::delete_object(step, bucket, key, &object);
        notify::deleted(s3, step, (bucket, key), &object);
    }
    Ok(())
}

pub fn delete_objects(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: DeleteObjectsInput,
) -> Result<DeleteObjectsOutput, Error> {
    if input.delete.objects.is_empty() || input.delete.objects.len() > DELETED_MAX {
        return Err(Error::MalformedXml);
    }
    refuse! { input: mfa => "MFA delete", bypass_governance_retention => "object lock", }
    if !s3.buckets.contains_key(&input.bucket) {
        return Err(Error::NoSuchBucket);
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let place = (input.bucket.as_str(), Some(object.key.as_str()));
        let outcome = s3
            .bucket(step, "s3:DeleteObject", place, input.expected_bucket_owner.as_deref())
            .map(|_| ())
            .and_then(|()| check_version(object.version_id.as_deref()))
            .and_then(|()| match (object.last_modified_time, object.size) {
                (None, None) => delete(s3, step, (&input.bucket, &object.key), object.e_tag.as_deref()),
                _ => Err(Error::Unsupported("deletes under conditions of directory buckets")),
            });
        match outcome {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
            Err(error) => errors.push(pontoon_api::s3::Error {
                key: Some(object.key),
                version_id: object.version_id,
                code: Some(error.code().into()),
                message: Some(error.message()),
            }),
        }
    }
    let told = input.delete.quiet != Some(true);
    Ok(DeleteObjectsOutput {
        deleted: told.then_some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    })
}
