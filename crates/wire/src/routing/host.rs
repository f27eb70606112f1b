//! Buckets in host names.

use http::request::Parts;

/// The bucket that the request's host names (`bucket.s3.localhost:4566`, `bucket.localhost`, `bucket.s3.eu-west-1.amazonaws.com`), if any.
pub(super) fn bucket(head: &Parts) -> Option<&str> {
    let host = super::super::exchange::authority(head)?;
    let name = host.split(':').next()?;
    let (bucket, rest) = name.split_once(".s3.").or_else(|| name.split_once(".s3-")).or_else(|| {
        let bucket = name.strip_suffix(".localhost")?;
        Some((bucket, "localhost"))
    })?;
    let known = rest == "localhost" || rest.ends_with(".localhost") || rest.ends_with("amazonaws.com");
    let is_service = matches!(
        bucket,
        "s3" | "sqs"
            | "sns"
            | "events"
            | "scheduler"
            | "pipes"
            | "lambda"
            | "dynamodb"
            | "monitoring"
            | "logs"
            | "schemas"
            | "cloudformation"
            | "iam"
            | "sts"
    );
    (known && !bucket.is_empty() && !is_service).then_some(bucket)
}
