//! Payloads in an S3 bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use super::{ClaimError, ClaimFuture, ClaimStore};
use crate::aws::failure::refusal;
use crate::publish::Refusal;

/// Payloads kept as objects of a bucket, named by a prefix and the event's id. Let a lifecycle rule of the bucket remove them.
///
/// ```no_run
/// use pontoon::claim::{BucketClaims, Claims};
/// # fn example(client: aws_sdk_s3::Client) {
/// let claims = Claims::new(BucketClaims::new(client, "my-payloads", "claims/"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BucketClaims {
    client: Client,
    bucket: String,
    prefix: String,
}

impl BucketClaims {
    /// Objects of `bucket` whose names begin with `prefix`.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_s3::Client) {
    /// let store = pontoon::claim::BucketClaims::new(client, "my-payloads", "claims/");
    /// # }
    /// ```
    pub fn new(client: Client, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), prefix: prefix.into() }
    }
}

impl ClaimStore for BucketClaims {
    fn put<'a>(&'a self, key: &'a str, payload: String) -> ClaimFuture<'a, ()> {
        Box::pin(async move {
            let object = self.client.put_object().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
            let put = object.content_type("application/json").body(ByteStream::from(payload.into_bytes()));
            let put = put.send().await;
            put.map(|_| ()).map_err(|error| failed(key, refusal(&error)))
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> ClaimFuture<'a, String> {
        Box::pin(async move {
            let object = self.client.get_object().bucket(&self.bucket).key(format!("{}{key}", self.prefix));
            let object = object.send().await.map_err(|error| {
                let refusal = refusal(&error);
                match refusal.code.as_str() {
                    "NoSuchKey" => ClaimError::Missing { key: key.to_owned() },
                    _ => failed(key, refusal),
                }
            })?;
            let broken_off = |error: &dyn std::error::Error| Refusal {
                code: "UnreadableResponse".to_owned(),
                message: error.to_string(),
                is_transient: true,
            };
            let payload = object.body.collect().await.map_err(|error| failed(key, broken_off(&error)))?;
            String::from_utf8(payload.to_vec()).map_err(|error| super::damaged(key, error.to_string()))
        })
    }
}

fn failed(key: &str, refusal: Refusal) -> ClaimError {
    ClaimError::Store { key: key.to_owned(), refusal }
}
