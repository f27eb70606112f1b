//! The operations of S3.

mod bucket;
mod copy;
mod fields;
mod list;
mod multipart;
mod notify;
mod object;
mod settings;
#[cfg(test)]
mod tests;

use pontoon_api::s3;
use pontoon_core::shape::{OperationSchema, Violation, Violations};
use pontoon_core::{Access, ApiError, Reply, Scope, Step};

use crate::S3;
use crate::error::Error;
use crate::state::Bucket;
use crate::state::object::KEY_BYTES_MAX;

type Answer<T> = Result<Reply<T>, Error>;

impl S3 {
    /// The bucket, once the caller may do `action` to `key` in it, or to itself where there is no key.
    fn bucket(
        &self,
        step: &mut Step<'_>,
        action: &'static str,
        (name, key): (&str, Option<&str>),
        expected_owner: Option<&str>,
    ) -> Result<&Bucket, Error> {
        let bucket = self.buckets.get(name).ok_or(Error::NoSuchBucket)?;
        if expected_owner.is_some_and(|owner| owner != bucket.owner.as_str()) {
            return Err(Error::AccessDenied("Access Denied".into()));
        }
        if key.is_some_and(|key| key.len() > KEY_BYTES_MAX) {
            return Err(Error::KeyTooLong);
        }
        let arn = match key {
            Some(key) => format!("arn:aws:s3:::{name}/{key}"),
            None => format!("arn:aws:s3:::{name}"),
        };
        let policy = bucket.policy.as_ref().map(|(_, document)| document);
        authorize(step, bucket, &Access { action, resource: &arn, policy, context: &[] })?;
        Ok(bucket)
    }
}

/// Checks the caller against the bucket's policy and its own, in the scope of the bucket, which may be another account's.
fn authorize(step: &mut Step<'_>, bucket: &Bucket, access: &Access<'_>) -> Result<(), Error> {
    let owners = Scope { account: bucket.owner, region: bucket.region };
    let callers = std::mem::replace(&mut step.scope, owners);
    let authorized = step.authorize(access);
    step.scope = callers;
    authorized.map_err(|denial| {
        // Within the account S3 says why, with the resource in quotes; across accounts it tells nothing.
        if step.caller.account == bucket.owner {
            let quoted = format!("\"{}\"", access.resource);
            Error::AccessDenied(denial.message.replacen(access.resource, &quoted, 1))
        } else {
            Error::AccessDenied("Access Denied".into())
        }
    })
}

/// Gives each operation to the function of the same name, by the module that has it.
macro_rules! delegate {
    ($($operation:ident($input:ident) -> $output:ident in $room:ident;)*) => {
        $(fn $operation(&mut self, step: &mut Step<'_>, input: s3::$input) -> Answer<s3::$output> {
            $room::$operation(self, step, input).map(Into::into)
        })*
    };
}

impl s3::Handler for S3 {
    type Error = Error;

    fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        let first = violations.found().first()?;
        Some(match first.violation {
            Violation::Missing => Error::MalformedXml.into(),
            _ => Error::InvalidArgument(violations.message()).into(),
        })
    }

    delegate! {
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput in multipart;
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput in multipart;
        copy_object(CopyObjectInput) -> CopyObjectOutput in copy;
        create_bucket(CreateBucketInput) -> CreateBucketOutput in bucket;
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput in multipart;
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput in bucket;
        delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput in settings;
        delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput in settings;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput in object;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput in object;
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput in bucket;
        get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput in notify;
        get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput in settings;
        get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput in settings;
        get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput in settings;
        head_bucket(HeadBucketInput) -> HeadBucketOutput in bucket;
        head_object(HeadObjectInput) -> HeadObjectOutput in object;
        list_buckets(ListBucketsInput) -> ListBucketsOutput in bucket;
        list_objects(ListObjectsInput) -> ListObjectsOutput in list;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output in list;
        put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput in notify;
        put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput in settings;
        put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput in settings;
        put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput in settings;
        put_object(PutObjectInput) -> PutObjectOutput in object;
        upload_part(UploadPartInput) -> UploadPartOutput in multipart;
    }

    fn get_object(&mut self, step: &mut Step<'_>, input: s3::GetObjectInput) -> Answer<s3::GetObjectOutput> {
        object::get_object(self, step, input)
    }
}
