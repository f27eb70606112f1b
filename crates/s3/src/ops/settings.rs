//! A bucket's tags, policy and versioning.

use pontoon_api::s3::*;
use pontoon_core::Step;
use pontoon_core::policy::Document;

use crate::error::Error;
use crate::state::Bucket;
use crate::{S3, records};

/// Longest bucket policy, bytes.
const POLICY_BYTES_MAX: usize = 20 * 1024;

pub fn put_bucket_tagging(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: PutBucketTaggingInput,
) -> Result<PutBucketTaggingOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:PutBucketTagging", (&input.bucket, None), owner)?;
    let tags = checked_tags(input.tagging.tag_set)?;
    let changed = Bucket { tags, ..bucket.clone() };
    keep(s3, step, input.bucket, changed);
    Ok(PutBucketTaggingOutput {})
}

pub fn get_bucket_tagging(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: GetBucketTaggingInput,
) -> Result<GetBucketTaggingOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:GetBucketTagging", (&input.bucket, None), owner)?;
    if bucket.tags.is_empty() {
        return Err(Error::NoSuchTagSet);
    }
    let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
    Ok(GetBucketTaggingOutput { tag_set: bucket.tags.iter().map(tag).collect() })
}

pub fn delete_bucket_tagging(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: DeleteBucketTaggingInput,
) -> Result<DeleteBucketTaggingOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:PutBucketTagging", (&input.bucket, None), owner)?;
    let changed = Bucket { tags: Vec::new(), ..bucket.clone() };
    keep(s3, step, input.bucket, changed);
    Ok(DeleteBucketTaggingOutput {})
}

pub fn put_bucket_policy(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: PutBucketPolicyInput,
) -> Result<PutBucketPolicyOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:PutBucketPolicy", (&input.bucket, None), owner)?;
    if !input.policy.trim_start().starts_with('{') {
        return Err(Error::MalformedPolicy(
            "Policies must be valid JSON and the first byte must be '{'".into(),
        ));
    }
    if input.policy.len() > POLICY_BYTES_MAX {
        return Err(Error::InvalidArgument("Policy exceeds the maximum allowed document size.".into()));
    }
    let document = Document::parse(&input.policy).map_err(Error::MalformedPolicy)?;
    let changed = Bucket { policy: Some((input.policy, document)), ..bucket.clone() };
    keep(s3, step, input.bucket, changed);
    Ok(PutBucketPolicyOutput {})
}

pub fn get_bucket_policy(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: GetBucketPolicyInput,
) -> Result<GetBucketPolicyOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:GetBucketPolicy", (&input.bucket, None), owner)?;
    let (json, _) = bucket.policy.as_ref().ok_or(Error::NoSuchBucketPolicy)?;
    Ok(GetBucketPolicyOutput { policy: Some(json.clone()) })
}

pub fn delete_bucket_policy(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: DeleteBucketPolicyInput,
) -> Result<DeleteBucketPolicyOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:DeleteBucketPolicy", (&input.bucket, None), owner)?;
    let changed = Bucket { policy: None, ..bucket.clone() };
    keep(s3, step, input.bucket, changed);
    Ok(DeleteBucketPolicyOutput {})
}

/// There are no versions, which is what an empty answer says.
pub fn get_bucket_versioning(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: GetBucketVersioningInput,
) -> Result<GetBucketVersioningOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    s3.bucket(step, "s3:GetBucketVersioning", (&input.bucket, None), owner)?;
    Ok(GetBucketVersioningOutput::default())
}

pub fn put_bucket_versioning(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: PutBucketVersioningInput,
) -> Result<PutBucketVersioningOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    s3.bucket(step, "s3:PutBucketVersioning", (&input.bucket, None), owner)?;
    Err(Error::Unsupported("versioning of buckets"))
}

pub(super) fn keep(s3: &mut S3, step: &mut Step<'_>, name: String, bucket: Bucket) {
    records::put_bucket(step, &name, &bucket);
    s3.buckets.insert(name, bucket);
}

/// "Using cost allocation S3 bucket tags" in the user guide.
pub(super) fn checked_tags(tags: Vec<Tag>) -> Result<Vec<(String, String)>, Error> {
    if tags.len() > Bucket::TAGS_MAX {
        return Err(Error::InvalidTag("Bucket tag count cannot be greater than 50"));
    }
    for (at, tag) in tags.iter().enumerate() {
        if tag.key.is_empty() || tag.key.chars().count() > 128 {
            return Err(Error::InvalidTag("The TagKey you have provided is invalid"));
        }
        if tag.value.chars().count() > 256 {
            return Err(Error::InvalidTag("The TagValue you have provided is invalid"));
        }
        // CloudFormation's tags come from stacks, which call in the name of their owner.
        if tag.key.starts_with("aws:") && !tag.key.starts_with("aws:cloudformation:") {
            return Err(Error::InvalidTag("System tags cannot be added/updated by requester"));
        }
        if tags[..at].iter().any(|other| other.key == tag.key) {
            return Err(Error::InvalidTag("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
