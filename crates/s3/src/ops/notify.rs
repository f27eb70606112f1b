//! What a bucket tells EventBridge of its objects ("EventBridge event message structure" in the user guide).

use pontoon_api::events::{self, PutEventsInput, PutEventsRequestEntry};
use pontoon_api::s3::*;
use pontoon_core::{Hop, Scope, Step};
use serde_json::json;

use super::settings::keep;
use crate::S3;
use crate::error::Error;
use crate::state::Bucket;
use crate::state::object::Object as Stored;

const PRINCIPAL: &str = "s3.amazonaws.com";

pub fn put_bucket_notification_configuration(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: PutBucketNotificationConfigurationInput,
) -> Result<PutBucketNotificationConfigurationOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:PutBucketNotification", (&input.bucket, None), owner)?;
    let NotificationConfiguration {
        topic_configurations: topics,
        queue_configurations: queues,
        lambda_function_configurations: functions,
        event_bridge_configuration: bus,
    } = input.notification_configuration;
    for (is_given, what) in [
        (topics.is_some_and(|all| !all.is_empty()), "notifications of buckets to topics"),
        (queues.is_some_and(|all| !all.is_empty()), "notifications of buckets to queues"),
        (functions.is_some_and(|all| !all.is_empty()), "notifications of buckets to functions"),
    ] {
        if is_given {
            return Err(Error::Unsupported(what));
        }
    }
    let changed = Bucket { tells_bus: bus.is_some(), ..bucket.clone() };
    keep(s3, step, input.bucket, changed);
    Ok(PutBucketNotificationConfigurationOutput {})
}

pub fn get_bucket_notification_configuration(
    s3: &mut S3,
    step: &mut Step<'_>,
    input: GetBucketNotificationConfigurationInput,
) -> Result<GetBucketNotificationConfigurationOutput, Error> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = s3.bucket(step, "s3:GetBucketNotification", (&input.bucket, None), owner)?;
    let event_bridge_configuration = bucket.tells_bus.then_some(EventBridgeConfiguration {});
    Ok(GetBucketNotificationConfigurationOutput { event_bridge_configuration, ..Default::default() })
}

/// Tells that an object was written by the operation `reason`.
pub(super) fn created(
    s3: &mut S3,
    step: &mut Step<'_>,
    (bucket, key): (&str, &str),
    (object, reason): (&Stored, &str),
) {
    let told = json!({ "key": key, "size": object.size(), "etag": object.etag });
    tell(s3, step, bucket, ("Object Created", told, json!({ "reason": reason })));
}

/// Tells that an object was deleted. A bucket without versions deletes for good.
pub(super) fn deleted(s3: &mut S3, step: &mut Step<'_>, (bucket, key): (&str, &str), object: &Stored) {
    let told = json!({ "key": key, "etag": object.etag });
    let more = json!({ "reason": "DeleteObject", "deletion-type": "Permanently Deleted" });
    tell(s3, step, bucket, ("Object Deleted", told, more));
}

/// Puts an event on the default bus of the bucket's account and region, if the bucket tells it anything.
fn tell(
    s3: &mut S3,
    step: &mut Step<'_>,
    name: &str,
    (detail_type, mut object, more): (&str, serde_json::Value, serde_json::Value),
) {
    let Some(bucket) = s3.buckets.get(name).filter(|bucket| bucket.tells_bus) else { return };
    let to = Scope { account: bucket.owner, region: bucket.region };
    // It grows from event to event: by the milliseconds, and within one by ones.
    s3.sequencer = (s3.sequencer + 1).max((step.now.millis() as u64) << 16);
    object["sequencer"] = format!("{:016X}", s3.sequencer).into();
    let mut detail = json!({
        "version": "0",
        "event-version": "1.0",
        "bucket": { "name": name },
        "object": object,
        "request-id": &*step.caller.request_id,
        "requester": step.caller.account.as_str(),
    });
    if let Some(origin) = &step.caller.origin {
        detail["source-ip-address"] = origin.source_ip.to_string().into();
    }
    for (field, value) in more.as_object().into_iter().flatten() {
        detail[field] = value.clone();
    }
    let arn = format!("arn:aws:s3:::{name}");
    let entry = PutEventsRequestEntry {
        time: Some(step.now),
        source: Some("aws.s3".to_owned()),
        resources: Some(vec![arn.clone()]),
        detail_type: Some(detail_type.to_owned()),
        detail: Some(detail.to_string()),
        ..Default::default()
    };
    let input = PutEventsInput { entries: vec![entry], endpoint_id: None };
    let callers = std::mem::replace(&mut step.scope, to);
    let caller = step.hop_caller(PRINCIPAL, &arn, step.caller.traces.clone());
    step.scope = callers;
    step.hop(Hop {
        to,
        caller,
        request: Box::new(events::Request::PutEvents(input)),
        resource: to.arn("events", "event-bus/default").into(),
        attempt: 1,
        traced: true,
        ticket: None,
    });
}
