//! S3, as far as deployments need it: buckets and whole objects, lists, copies, uploads in parts, bucket tags and bucket policies.
//!
//! It has no versions, access control lists, lifecycles or keys of KMS, and tells of objects to EventBridge alone; what asks for more is refused by name. It
//! publishes no metrics: S3's own are daily sums that nobody alarms on here.
//!
//! DEVIATION: a bucket answers whatever the region of the request, where S3 redirects; there is one endpoint for all regions.
//!
//! DEVIATION: `x-amz-server-side-encryption: AES256` is accepted and told back, because deployment tools always send it; how bytes lie on the disk is the
//! operator's business.
//!
//! Invariant: an object's bytes are in the store as long as its record is, and no longer.
//!
//! Follows the [API reference](https://docs.aws.amazon.com/AmazonS3/latest/API/) and the user guide.

mod error;
mod ops;
mod records;
mod state;

use std::collections::BTreeMap;

use pontoon_api::s3;
use pontoon_core::shape::{OperationSchema, Output, Request, ServiceSchema, Violations};
use pontoon_core::{ApiError, Inspect, LoadError, Reply, Scope, Service, ServiceId, Step, StoreRead};

pub use crate::error::Error;
use crate::state::Bucket;
pub use crate::state::object::OBJECT_BYTES_MAX;

/// S3.
#[derive(Debug, Default)]
pub struct S3 {
    /// Of all accounts and regions: names are unique among all.
    buckets: BTreeMap<String, Bucket>,
    /// The last sequencer that an event was given.
    sequencer: u64,
}

impl Service for S3 {
    fn id(&self) -> ServiceId {
        ServiceId::S3
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&s3::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        self.buckets.extend(records::load(store)?);
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        s3::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        s3::Handler::invalid(self, operation, violations)
    }

    fn inspect(&self, scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let buckets = self.buckets.values().filter(|bucket| bucket.owner == scope.account).count();
                Some(serde_json::json!({ "buckets": buckets }))
            }
            _ => None,
        }
    }
}
