//! The services that the engine is assembled from.

use std::sync::Arc;

use pontoon_core::Service;
use pontoon_core::policy::ServiceRoles;
use pontoon_identity::{Directory, Identity};
use pontoon_sns::{Certificates, Sns};

/// Fresh, empty services. `directory` tells the front whose credentials are whose, `certificates` what to serve for SNS's signatures.
#[must_use]
pub fn all(directory: &Directory, certificates: &Certificates) -> Vec<Box<dyn Service>> {
    vec![
        Box::new(Identity::new(directory.clone())),
        Box::new(pontoon_s3::S3::default()),
        Box::new(pontoon_logs::Logs::default()),
        Box::new(pontoon_cloudwatch::CloudWatch::default()),
        Box::new(pontoon_sqs::Sqs::default()),
        Box::new(Sns::new(certificates.clone())),
        Box::new(pontoon_dynamodb::DynamoDb::default()),
        Box::new(pontoon_lambda::Lambda::new(roles(directory))),
        Box::new(pontoon_events::Events::new(roles(directory))),
        Box::new(pontoon_scheduler::Scheduler::new(service_roles(directory))),
        Box::new(pontoon_schemas::Schemas::default()),
        Box::new(pontoon_pipes::Pipes::new(service_roles(directory))),
        Box::new(pontoon_cloudformation::CloudFormation::new(Some(service_roles(directory)))),
    ]
}

/// What the roles of functions and of rules may do.
fn roles(directory: &Directory) -> pontoon_lambda::Roles {
    let directory = directory.clone();
    Arc::new(move |arn| directory.policies_of_role(arn))
}

/// The roles that services act in on behalf of schedules, pipes and stacks.
fn service_roles(directory: &Directory) -> ServiceRoles {
    let directory = directory.clone();
    Arc::new(move |arn| directory.service_role(arn))
}
