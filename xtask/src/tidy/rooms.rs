//! Every service crate has the same rooms, so that who knows one knows all.

use std::path::Path;

/// The service crates.
pub const SERVICES: &[&str] = &[
    "pontoon-sqs",
    "pontoon-events",
    "pontoon-scheduler",
    "pontoon-pipes",
    "pontoon-sns",
    "pontoon-lambda",
    "pontoon-dynamodb",
    "pontoon-cloudwatch",
    "pontoon-logs",
    "pontoon-schemas",
    "pontoon-cloudformation",
    "pontoon-identity",
    "pontoon-s3",
];

/// The rooms: a file `NAME.rs` or a directory `NAME/`.
const ROOMS: &[&str] = &["lib", "state", "ops", "records", "error", "metrics"];

/// Rooms that a service has no use for, and why.
const WITHOUT: &[(&str, &str)] = &[
    // CloudFormation publishes no metrics of its own.
    ("pontoon-cloudformation", "metrics"),
    // It keeps metrics; it publishes none.
    ("pontoon-cloudwatch", "metrics"),
    // IAM and STS publish none.
    ("pontoon-identity", "metrics"),
    // S3's request metrics are off unless a bucket asks for them, which is not supported.
    ("pontoon-s3", "metrics"),
];

/// Every room that is missing, and every room that is listed as missing but is there.
pub fn check(root: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    for service in SERVICES {
        let source = root.join("crates").join(service.trim_start_matches("pontoon-")).join("src");
        for room in ROOMS {
            let exists = source.join(format!("{room}.rs")).exists() || source.join(room).is_dir();
            let without = WITHOUT.contains(&(service, room));
            if exists == without {
                let what = if exists { "has a room that it is listed without" } else { "lacks the room" };
                findings.push(format!("{service} {what}: {room}"));
            }
        }
    }
    findings
}
