//! Lists of objects, in both versions of the operation.

use pontoon_api::s3::*;
use pontoon_core::Step;

use super::bucket::{decoded, encoded, owner};
use super::fields::quoted;
use crate::error::Error;
use crate::state::listing::{ENTRIES_MAX, Listing, Query, list};
use crate::state::object::Object as Stored;
use crate::{S3, records};

pub fn list_objects(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: ListObjectsInput,
) -> Result<ListObjectsOutput, Error> {
    let bucket =
        s3.bucket(step, "s3:ListBucket", (&input.bucket, None), input.expected_bucket_owner.as_deref())?;
    let owner = owner(bucket.owner);
    check_attributes(input.optional_object_attributes.as_deref())?;
    let spelling = Spelling::of(input.encoding_type.as_deref())?;
    let (prefix, delimiter) =
        (input.prefix.clone().unwrap_or_default(), input.delimiter.clone().unwrap_or_default());
    let max_keys = max_keys(input.max_keys)?;
    let after = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let listing = listed(step, &input.bucket, (&prefix, &delimiter, after), max_keys);
    Ok(ListObjectsOutput {
        is_truncated: Some(listing.next_after.is_some()),
        marker: Some(spelling.spell(input.marker.as_deref().unwrap_or_default())),
        // Without a delimiter the last key serves as the next marker.
        next_marker: listing
            .next_after
            .as_deref()
            .filter(|_| !delimiter.is_empty())
            .map(|next| spelling.spell(next)),
        contents: Some(contents(listing.objects, spelling, Some(&owner))),
        name: Some(input.bucket),
        prefix: Some(spelling.spell(&prefix)),
        delimiter: input.delimiter.as_deref().map(|delimiter| spelling.spell(delimiter)),
        max_keys: Some(max_keys),
        common_prefixes: Some(common_prefixes(listing.prefixes, spelling)),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub fn list_objects_v2(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: ListObjectsV2Input,
) -> Result<ListObjectsV2Output, Error> {
    let bucket =
        s3.bucket(step, "s3:ListBucket", (&input.bucket, None), input.expected_bucket_owner.as_deref())?;
    let owner = owner(bucket.owner);
    check_attributes(input.optional_object_attributes.as_deref())?;
    let spelling = Spelling::of(input.encoding_type.as_deref())?;
    let (prefix, delimiter) =
        (input.prefix.clone().unwrap_or_default(), input.delimiter.clone().unwrap_or_default());
    let max_keys = max_keys(input.max_keys)?;
    let token = input.continuation_token.as_deref().map(decoded).transpose()?;
    let after = token.as_deref().or(input.start_after.as_deref()).filter(|after| !after.is_empty());
    let listing = listed(step, &input.bucket, (&prefix, &delimiter, after), max_keys);
    Ok(ListObjectsV2Output {
        is_truncated: Some(listing.next_after.is_some()),
        key_count: i32::try_from(listing.objects.len() + listing.prefixes.len()).ok(),
        next_continuation_token: listing.next_after.as_deref().map(encoded),
        contents: Some(contents(
            listing.objects,
            spelling,
            Some(&owner).filter(|_| input.fetch_owner == Some(true)),
        )),
        name: Some(input.bucket),
        prefix: Some(spelling.spell(&prefix)),
        delimiter: input.delimiter.as_deref().map(|delimiter| spelling.spell(delimiter)),
        max_keys: Some(max_keys),
        common_prefixes: Some(common_prefixes(listing.prefixes, spelling)),
        encoding_type: input.encoding_type,
        continuation_token: input.continuation_token,
        start_after: input.start_after.as_deref().map(|after| spelling.spell(after)),
        request_charged: None,
    })
}

fn listed(
    step: &Step<'_>,
    bucket: &str,
    (prefix, delimiter, after): (&str, &str, Option<&str>),
    max_keys: i32,
) -> Listing {
    let query = Query {
        prefix,
        delimiter: Some(delimiter).filter(|delimiter| !delimiter.is_empty()),
        after,
        entries_max: usize::try_from(max_keys).unwrap_or_default(),
    };
    list(&query, |from, limit| records::objects(step, bucket, prefix, from, limit))
}

/// More than a page holds may be asked for, and is not given.
fn max_keys(asked: Option<i32>) -> Result<i32, Error> {
    let max = i32::try_from(ENTRIES_MAX).unwrap_or(i32::MAX);
    match asked {
        None => Ok(max),
        Some(asked) if asked < 0 => {
            Err(Error::InvalidArgument("Argument maxKeys must be an integer between 0 and 2147483647".into()))
        }
        Some(asked) => Ok(asked.min(max)),
    }
}

/// Nothing is ever archived, so that there is no restore status to tell; anything else that could be asked for is unknown.
fn check_attributes(attributes: Option<&[String]>) -> Result<(), Error> {
    match attributes.unwrap_or_default().iter().find(|attribute| *attribute != "RestoreStatus") {
        Some(_) => Err(Error::InvalidArgument("Invalid attribute name specified".into())),
        None => Ok(()),
    }
}

/// How keys are written in the answer: XML cannot carry every character.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    Url,
}

impl Spelling {
    fn of(encoding_type: Option<&str>) -> Result<Self, Error> {
        match encoding_type {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(Error::InvalidArgument("Invalid Encoding Method specified in Request".into())),
        }
    }

    fn spell(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => {
                let mut spelled = String::with_capacity(text.len());
                for byte in text.bytes() {
                    if byte.is_ascii_alphanumeric() || b"-_.~*/".contains(&byte) {
                        spelled.push(char::from(byte));
                    } else {
                        spelled.push_str(&format!("%{byte:02X}"));
                    }
                }
                spelled
            }
        }
    }
}

fn contents(objects: Vec<(String, Stored)>, spelling: Spelling, owner: Option<&Owner>) -> Vec<Object> {
    let shown = |(key, object): (String, Stored)| Object {
        key: Some(spelling.spell(&key)),
        last_modified: Some(object.modified()),
        e_tag: quoted(&object.etag),
        checksum_algorithm: object.checksum.as_ref().map(|checksum| vec![checksum.algorithm.name().into()]),
        checksum_type: object
            .checksum
            .as_ref()
            .map(|checksum| super::object::coverage(checksum.coverage).into()),
        size: i64::try_from(object.size()).ok(),
        storage_class: Some("STANDARD".into()),
        owner: owner.cloned(),
        restore_status: None,
    };
    objects.into_iter().map(shown).collect()
}

fn common_prefixes(prefixes: Vec<String>, spelling: Spelling) -> Vec<CommonPrefix> {
    prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(spelling.spell(&prefix)) }).collect()
}
