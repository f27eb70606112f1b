//! The services that the engine is assembled from.

use pontoon_core::Service;

/// Fresh, empty services.
#[must_use]
pub fn all() -> Vec<Box<dyn Service>> {
    vec![Box::new(pontoon_sqs::Sqs::default())]
}
