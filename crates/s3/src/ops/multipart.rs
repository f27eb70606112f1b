//! Uploads in parts.

use pontoon_api::s3::*;
use pontoon_core::Step;

use super::fields::{
    algorithm, check_metadata, description, encryption, md5_hex, quoted, refuse, refuse_of_write,
    stated_checksum, tell_checksum, whole_seconds,
};
use super::notify;
use super::object::{check_write, coverage, replace};
use crate::error::Error;
use crate::state::checksum::{Algorithm, Checksum, Coverage};
use crate::state::object::{
    Description, OBJECT_BYTES_MAX, Object as Stored, PART_BYTES_MIN, PART_NUMBER_MAX, Part, Upload,
};
use crate::{S3, records};

pub fn create_multipart_upload(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput, Error> {
    let (name, key) = (&input.bucket, &input.key);
    s3.bucket(step, "s3:PutObject", (name, Some(key)), input.expected_bucket_owner.as_deref())?;
    refuse_of_write!(input);
    let described = description!(input);
    check_metadata(&described)?;
    let checksum = planned(input.checksum_algorithm.as_deref(), input.checksum_type.as_deref())?;
    let id = step.ids.uuid();
    let output = CreateMultipartUploadOutput {
        bucket: Some(name.clone()),
        key: Some(key.clone()),
        upload_id: Some(id.clone()),
        server_side_encryption: encryption(&described),
        checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().into()),
        checksum_type: checksum.map(|(_, covers)| coverage(covers).into()),
        ..CreateMultipartUploadOutput::default()
    };
    records::put_upload(step, name, &id, &Upload { key: key.clone(), description: described, checksum });
    Ok(output)
}

/// The checksum that the object will have, if the client says.
fn planned(name: Option<&str>, of_type: Option<&str>) -> Result<Option<(Algorithm, Coverage)>, Error> {
    let Some(name) = name else {
        return match of_type {
            None => Ok(None),
            Some(_) => Err(Error::InvalidRequest(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
                    .into(),
            )),
        };
    };
    let algorithm = algorithm(name)?;
    let covers = match of_type {
        None => algorithm.usual_coverage(),
        Some("FULL_OBJECT") => Coverage::FullObject,
        Some("COMPOSITE") => Coverage::Composite,
        Some(_) => {
            return Err(Error::InvalidRequest("Value for x-amz-checksum-type header is invalid.".into()));
        }
    };
    if !algorithm.can_cover(covers) {
        return Err(Error::InvalidRequest(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            coverage(covers),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok(Some((algorithm, covers)))
}

pub fn upload_part(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: UploadPartInput,
) -> Result<UploadPartOutput, Error> {
    let place = (input.bucket.as_str(), Some(input.key.as_str()));
    s3.bucket(step, "s3:PutObject", place, input.expected_bucket_owner.as_deref())?;
    refuse! { input:
        sse_customer_algorithm => "encryption with the customer's keys",
        sse_customer_key => "encryption with the customer's keys",
        sse_customer_key_md5 => "encryption with the customer's keys",
    }
    let number = part_number(input.part_number)?;
    let upload = open_upload(step, &input.bucket, &input.key, &input.upload_id)?;
    let body = input.body.clone().unwrap_or_default();
    if body.len() as u64 > OBJECT_BYTES_MAX {
        return Err(Error::EntityTooLarge);
    }
    let stated = stated_checksum!(input);
    let checksum = match (stated, upload.checksum) {
        (Some((stated, value)), planned) if planned.is_none_or(|(planned, _)| planned == stated) => {
            Checksum::full(stated, value)
        }
        (None, None) => Checksum::of(Algorithm::Crc64nvme, &body),
        (stated, planned) => {
            let name = |algorithm: Option<Algorithm>| {
                algorithm.map_or("null".into(), |a| a.name().to_ascii_lowercase())
            };
            return Err(Error::InvalidRequest(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                name(planned.map(|(algorithm, _)| algorithm)),
                name(stated.map(|(algorithm, _)| algorithm)),
            )));
        }
    };
    if let Some(before) = records::part(step, &input.upload_id, number) {
        records::delete_piece(step, &before.piece);
    }
    let part = Part { piece: records::put_piece(step, &body), md5: md5_hex(&body), checksum };
    records::put_part(step, &input.upload_id, number, &part);
    let mut output = UploadPartOutput {
        e_tag: quoted(&part.md5),
        server_side_encryption: encryption(&upload.description),
        ..UploadPartOutput::default()
    };
    tell_checksum!(output, Some(&part.checksum));
    Ok(output)
}

fn part_number(number: i32) -> Result<u16, Error> {
    let valid = (1..=PART_NUMBER_MAX).contains(&number);
    let invalid = || {
        Error::InvalidArgument(format!(
            "Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive"
        ))
    };
    u16::try_from(number).ok().filter(|_| valid).ok_or_else(invalid)
}

fn open_upload(step: &Step<'_>, bucket: &str, key: &str, id: &str) -> Result<Upload, Error> {
    records::upload(step, bucket, id).filter(|upload| upload.key == key).ok_or(Error::NoSuchUpload)
}

pub fn abort_multipart_upload(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput, Error> {
    let place = (input.bucket.as_str(), Some(input.key.as_str()));
    s3.bucket(step, "s3:AbortMultipartUpload", place, input.expected_bucket_owner.as_deref())?;
    refuse! { input: if_match_initiated_time => "aborts under conditions of directory buckets", }
    open_upload(step, &input.bucket, &input.key, &input.upload_id)?;
    for (_, part) in records::parts(step, &input.upload_id) {
        records::delete_piece(step, &part.piece);
    }
    records::delete_upload(step, &input.bucket, &input.upload_id);
    Ok(AbortMultipartUploadOutput::default())
}

pub fn complete_multipart_upload(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput, Error> {
    let (name, key, id) = (&input.bucket, &input.key, &input.upload_id);
    s3.bucket(step, "s3:PutObject", (name, Some(key)), input.expected_bucket_owner.as_deref())?;
    refuse! { input:
        sse_customer_algorithm => "encryption with the customer's keys",
        sse_customer_key => "encryption with the customer's keys",
        sse_customer_key_md5 => "encryption with the customer's keys",
    }
    let upload = open_upload(step, name, key, id)?;
    let listed = input.multipart_upload.clone().and_then(|upload| upload.parts).unwrap_or_default();
    let uploaded = records::parts(step, id);
    let parts = chosen(&listed, &uploaded)?;
    let size: u64 = parts.iter().map(|part| part.piece.bytes).sum();
    if size > OBJECT_BYTES_MAX {
        return Err(Error::EntityTooLarge);
    }
    if input.mpu_object_size.is_some_and(|stated| u64::try_from(stated) != Ok(size)) {
        return Err(Error::InvalidRequest(
            "The provided 'x-amz-mp-object-size' header value does not match what was computed.".into(),
        ));
    }
    let checksum = whole_checksum(&upload, &parts);
    check_stated(stated_checksum!(input), checksum.as_ref())?;
    let before = records::object(step, name, key);
    check_write(before.as_ref(), input.if_match.as_deref(), input.if_none_match.as_deref())?;
    let object = Stored {
        pieces: parts.iter().map(|part| part.piece.clone()).collect(),
        etag: etag(&parts),
        modified_ms: whole_seconds(step.now).millis(),
        description: upload.description,
        checksum,
        in_parts: true,
    };
    for (_, unused) in uploaded.iter().filter(|(_, part)| !parts.contains(&part)) {
        records::delete_piece(step, &unused.piece);
    }
    records::delete_upload(step, name, id);
    replace(step, (name, key), before.as_ref(), &object);
    notify::created(s3, step, (name, key), (&object, "CompleteMultipartUpload"));
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("{}/{name}/{key}", step.caller.endpoint)),
        bucket: Some(name.clone()),
        key: Some(key.clone()),
        e_tag: quoted(&object.etag),
        server_side_encryption: encryption(&object.description),
        checksum_type: object.checksum.as_ref().map(|checksum| coverage(checksum.coverage).into()),
        ..CompleteMultipartUploadOutput::default()
    };
    tell_checksum!(output, &object.checksum);
    Ok(output)
}

/// The parts that the client lists, of those that were uploaded.
fn chosen<'p>(listed: &[CompletedPart], uploaded: &'p [(u16, Part)]) -> Result<Vec<&'p Part>, Error> {
    if listed.is_empty() {
        return Err(Error::MalformedXml);
    }
    let mut parts = Vec::with_capacity(listed.len());
    let mut last = 0;
    for one in listed {
        let number = part_number(one.part_number.ok_or(Error::MalformedXml)?)?;
        if number <= last {
            return Err(Error::InvalidPartOrder);
        }
        last = number;
        let at =
            uploaded.binary_search_by_key(&number, |(number, _)| *number).map_err(|_| Error::InvalidPart)?;
        let part = &uploaded[at].1;
        let etag = one.e_tag.as_deref().ok_or(Error::MalformedXml)?;
        let stated = stated_checksum!(one);
        let differs =
            |(algorithm, value)| (part.checksum.algorithm, &part.checksum.value) != (algorithm, &value);
        if etag.trim_matches('"') != part.md5 || stated.is_some_and(differs) {
            return Err(Error::InvalidPart);
        }
        parts.push(part);
    }
    let all_but_last = &parts[..parts.len() - 1];
    if all_but_last.iter().any(|part| part.piece.bytes < PART_BYTES_MIN) {
        return Err(Error::EntityTooSmall);
    }
    Ok(parts)
}

/// The object's checksum out of those of its parts; `None` if they were computed in different ways, which a client that plans none is free to do.
fn whole_checksum(upload: &Upload, parts: &[&Part]) -> Option<Checksum> {
    let first = parts.first()?.checksum.algorithm;
    let (algorithm, covers) = upload.checksum.unwrap_or((first, first.usual_coverage()));
    if parts.iter().any(|part| part.checksum.algorithm != algorithm) {
        return None;
    }
    let values: Vec<_> = parts.iter().map(|part| (part.checksum.value.as_str(), part.piece.bytes)).collect();
    Checksum::of_parts(algorithm, covers, &values)
}

fn check_stated(stated: Option<(Algorithm, String)>, computed: Option<&Checksum>) -> Result<(), Error> {
    let Some((algorithm, value)) = stated else { return Ok(()) };
    let bare = |text: &str| text.split('-').next().unwrap_or_default().to_owned();
    match computed {
        Some(computed) if computed.algorithm == algorithm && bare(&computed.value) == bare(&value) => Ok(()),
        _ => Err(Error::BadDigest(format!(
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        ))),
    }
}

/// The MD5 of the parts' MD5s, and how many there are.
fn etag(parts: &[&Part]) -> String {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap_or_default() as u8;
    let digests: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.md5.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])))
        .collect();
    format!("{}-{}", md5_hex(&digests), parts.len())
}
