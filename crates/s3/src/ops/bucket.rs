//! Buckets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pontoon_api::s3::*;
use pontoon_core::{Access, Account, Region, Step};
use sha2::Digest;

use super::authorize;
use super::fields::whole_seconds;
use crate::error::Error;
use crate::state::{Bucket, name};
use crate::{S3, records};

/// Buckets of a page if the caller does not say.
const BUCKETS_DEFAULT: usize = 10_000;

pub fn create_bucket(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput, Error> {
    name::check(&input.bucket).map_err(Error::InvalidBucketName)?;
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    if !matches!(input.acl.as_deref(), None | Some("private")) || grants.iter().any(|grant| grant.is_some()) {
        return Err(Error::AclOfBucket);
    }
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(Error::Unsupported("object lock"));
    }
    if !matches!(input.object_ownership.as_deref(), None | Some("BucketOwnerEnforced")) {
        return Err(Error::Unsupported("object ownership other than BucketOwnerEnforced"));
    }
    if !matches!(input.bucket_namespace.as_deref(), None | Some("global")) {
        return Err(Error::Unsupported("bucket namespaces of accounts"));
    }
    let configuration = input.create_bucket_configuration.unwrap_or_default();
    if configuration.location.is_some() || configuration.bucket.is_some() {
        return Err(Error::Unsupported("directory buckets"));
    }
    let tags = super::settings::checked_tags(configuration.tags.unwrap_or_default())?;
    let region = location(step.scope.region, configuration.location_constraint)?;
    let bucket = Bucket {
        owner: step.scope.account,
        region,
        created: whole_seconds(step.now),
        tags,
        policy: None,
        tells_bus: false,
    };
    let arn = format!("arn:aws:s3:::{}", input.bucket);
    authorize(
        step,
        &bucket,
        &Access { action: "s3:CreateBucket", resource: &arn, policy: None, context: &[] },
    )?;
    let output = CreateBucketOutput { location: Some(format!("/{}", input.bucket)), bucket_arn: Some(arn) };
    match s3.buckets.get(&input.bucket) {
        Some(other) if other.owner != bucket.owner => return Err(Error::BucketAlreadyExists),
        // The oldest region has always let a bucket be created again ("CreateBucket", error BucketAlreadyOwnedByYou).
        Some(own) if own.region == Region::DEFAULT && bucket.region == Region::DEFAULT => return Ok(output),
        Some(_) => return Err(Error::BucketAlreadyOwnedByYou),
        None => {}
    }
    if s3.buckets.values().filter(|other| other.owner == bucket.owner).count() >= Bucket::PER_ACCOUNT_MAX {
        return Err(Error::TooManyBuckets);
    }
    records::put_bucket(step, &input.bucket, &bucket);
    s3.buckets.insert(input.bucket, bucket);
    Ok(output)
}

/// Where a bucket goes that is created at the endpoint of `region`: anywhere from `us-east-1`, which must not be named; elsewhere only there, by name.
fn location(region: Region, constraint: Option<String>) -> Result<Region, Error> {
    let Some(constraint) = constraint else {
        return if region == Region::DEFAULT { Ok(region) } else { Err(Error::IllegalLocation(None)) };
    };
    // The name that eu-west-1 had first.
    let name = if constraint == "EU" { "eu-west-1" } else { &constraint };
    let wanted: Region = name.parse().map_err(|()| Error::InvalidLocation)?;
    if wanted == Region::DEFAULT || !name.contains('-') {
        return Err(Error::InvalidLocation);
    }
    if region != Region::DEFAULT && wanted != region {
        return Err(Error::IllegalLocation(Some(constraint)));
    }
    Ok(wanted)
}

pub fn delete_bucket(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: DeleteBucketInput,
) -> Result<DeleteBucketOutput, Error> {
    s3.bucket(step, "s3:DeleteBucket", (&input.bucket, None), input.expected_bucket_owner.as_deref())?;
    if !records::objects(step, &input.bucket, "", "", 1).is_empty() {
        return Err(Error::BucketNotEmpty);
    }
    records::delete_bucket(step, &input.bucket);
    s3.buckets.remove(&input.bucket);
    Ok(DeleteBucketOutput {})
}

pub fn head_bucket(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: HeadBucketInput,
) -> Result<HeadBucketOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:ListBucket", (&input.bucket, None), owner)?;
    Ok(HeadBucketOutput {
        bucket_arn: Some(format!("arn:aws:s3:::{}", input.bucket)),
        bucket_region: Some(bucket.region.to_string()),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    })
}

pub fn get_bucket_location(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: GetBucketLocationInput,
) -> Result<GetBucketLocationOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:GetBucketLocation", (&input.bucket, None), owner)?;
    // The oldest region has no name here.
    let region = Some(bucket.region).filter(|region| *region != Region::DEFAULT);
    Ok(GetBucketLocationOutput { location_constraint: region.map(|region| region.to_string()) })
}

pub fn list_buckets(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: ListBucketsInput,
) -> Result<ListBucketsOutput, Error> {
    let account = step.scope.account;
    let access =
        Access { action: "s3:ListAllMyBuckets", resource: "arn:aws:s3:::*", policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))?;
    let after = input.continuation_token.as_deref().map(decoded).transpose()?;
    let limit = input.max_buckets.and_then(|max| usize::try_from(max).ok()).unwrap_or(BUCKETS_DEFAULT);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let region = input.bucket_region.as_deref();
    let mut own = s3.buckets.iter().filter(|(name, bucket)| {
        bucket.owner == account
            && name.starts_with(prefix)
            && after.as_deref().is_none_or(|after| name.as_str() > after)
            && region.is_none_or(|region| bucket.region.as_str() == region)
    });
    let buckets: Vec<_> = own
        .by_ref()
        .take(limit)
        .map(|(name, bucket)| pontoon_api::s3::Bucket {
            name: Some(name.clone()),
            creation_date: Some(bucket.created),
            bucket_region: Some(bucket.region.to_string()),
            bucket_arn: Some(format!("arn:aws:s3:::{name}")),
        })
        .collect();
    let last = buckets.last().and_then(|bucket| bucket.name.as_deref());
    let continuation_token = own.next().and(last).map(encoded);
    Ok(ListBucketsOutput {
        continuation_token,
        buckets: Some(buckets),
        owner: Some(owner(account)),
        prefix: input.prefix,
    })
}

/// The owner's canonical id: 64 hex digits that depend on the account alone.
pub(super) fn owner(account: Account) -> Owner {
    let digest = sha2::Sha256::digest(format!("canonical user of {account}"));
    Owner { display_name: None, id: Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()) }
}

/// Where a list goes on, as clients hand it back.
pub(super) fn encoded(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

pub(super) fn decoded(token: &str) -> Result<String, Error> {
    let invalid = || Error::InvalidArgument("The continuation token provided is incorrect".into());
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
