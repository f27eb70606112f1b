//! The services that the engine is assembled from.

use pontoon_core::Service;
use pontoon_identity::{Directory, Identity};

/// Fresh, empty services. `directory` tells the front whose credentials are whose.
#[must_use]
pub fn all(directory: &Directory) -> Vec<Box<dyn Service>> {
    vec![
        Box::new(Identity::new(directory.clone())),
        Box::new(pontoon_s3::S3::default()),
        Box::new(pontoon_sqs::Sqs::default()),
        Box::new(pontoon_dynamodb::DynamoDb::default()),
    ]
}
