//! The system that is simulated: queues with and without dead-letter queues, buses whose rules lead to queues, to another bus, to a function and into
//! the void, a function whose failures go to a queue, and a table.

use std::time::Duration;

use pontoon_api::lambda;
use pontoon_core::Timestamp;
use serde_json::{Value, json};

use crate::model::{Model, failed_key};
use crate::world::{Called, ENDPOINT, World};

/// A queue of the system.
pub struct QueueDefinition {
    /// Its name.
    pub name: &'static str,
    visibility_secs: u64,
    retention_secs: u64,
    redrive: Option<(&'static str, u32)>,
}

const fn queue(
    name: &'static str,
    (visibility_secs, retention_secs): (u64, u64),
    redrive: Option<(&'static str, u32)>,
) -> QueueDefinition {
    QueueDefinition { name, visibility_secs, retention_secs, redrive }
}

/// Where the outcomes of failed invocations go.
pub const FAILURES: &str = "failures";

/// The queue that a mapping hands to a function.
pub const MAPPED: &str = "mapped";
/// How many messages the mapping hands over at once.
const BATCH_MAX: usize = 4;

/// The queue that the schedule's events go to, and how often it fires.
pub const TICKS: (&str, Duration) = ("ticks", Duration::from_secs(7 * 60));

/// The queues; a dead-letter queue stands before those that name it.
pub const QUEUES: &[QueueDefinition] = &[
    queue("dead", (20, 86_400), None),
    queue("unconsumed", (20, 86_400), None),
    queue(MAPPED, (60, 86_400), Some(("unconsumed", 3))),
    queue("work", (30, 86_400), Some(("dead", 2))),
    queue("short", (5, 3_600), None),
    queue("orders", (40, 86_400), None),
    queue("forwarded", (40, 86_400), None),
    queue("undeliverable", (40, 86_400), None),
    queue(FAILURES, (40, 86_400), None),
    queue(TICKS.0, (40, 86_400), None),
    queue("letters", (40, 86_400), None),
    queue("loud", (40, 86_400), None),
];

/// The bus that events are put on.
pub const BUS: &str = "orders";
/// The bus that some of them are forwarded to.
const SECOND_BUS: &str = "second";
/// The table: a string `k` as key, a number `n`.
pub const TABLE: &str = "items";
/// The function that is invoked with events.
pub const FUNCTION: &str = "handler";
/// The function that the mapping hands messages to.
pub const CONSUMER: &str = "consumer";

/// Kinds of events: for a queue, another bus, the function, a topic, a queue that does not exist, and nobody.
pub const KINDS: &[&str] = &["queue", "bus", "function", "topic", "void", "nobody"];

/// The URL of a queue.
pub fn url(queue: &str) -> String {
    format!("{ENDPOINT}/000000000000/{queue}")
}

/// The ARN of a resource of the system.
pub fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:000000000000:{resource}")
}

/// What a published event of a kind should lead to.
pub fn publish(model: &mut Model, kind: &str, key: String, now: Timestamp) {
    let queue = match kind {
        "queue" => "orders",
        "bus" => "forwarded",
        "void" => "undeliverable",
        "topic" => return announce(model, key, false, now),
        "function" => return model.invoke(key, now),
        _ => return,
    };
    model.queues.send(queue, key, now);
}

/// The ARN of the topic.
pub fn topic() -> String {
    arn("sns", "news")
}

/// What a published message should lead to.
pub fn announce(model: &mut Model, key: String, loud: bool, now: Timestamp) {
    if loud {
        model.queues.send("loud", key.clone(), now);
    }
    model.queues.send("letters", key, now);
}

/// The key of a message: that of the event it carries or of the invocation it tells about, the time of a schedule's event, else its body.
pub fn key_of_body(body: &str) -> String {
    let Ok(carried) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(message) = carried["Message"].as_str() {
        return key_of_body(message);
    }
    if let Some(key) = carried["detail"]["key"].as_str() {
        return key.to_owned();
    }
    if carried["source"] == "aws.events" {
        return carried["time"].as_str().unwrap_or_default().to_owned();
    }
    let attempts = carried["requestContext"]["approximateInvokeCount"].as_u64().unwrap_or(0);
    let key = carried["requestPayload"]["detail"]["key"].as_str().unwrap_or_default();
    failed_key(key, u32::try_from(attempts).unwrap_or(u32::MAX))
}

/// Creates everything, in the engine and in the model.
pub fn create(world: &mut World, model: &mut Model) {
    for QueueDefinition { name, visibility_secs, retention_secs, redrive } in QUEUES {
        let mut attributes = json!({
            "VisibilityTimeout": visibility_secs.to_string(), "MessageRetentionPeriod": retention_secs.to_string(),
        });
        if let Some((dead_letters, receives_max)) = redrive {
            let policy =
                json!({"deadLetterTargetArn": arn("sqs", dead_letters), "maxReceiveCount": receives_max});
            attributes["RedrivePolicy"] = policy.to_string().into();
        }
        ok(world, "sqs", "CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
        let times = (Duration::from_secs(*visibility_secs), Duration::from_secs(*retention_secs));
        model.queues.create(name, times, *redrive);
    }
    let table = json!({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    });
    ok(world, "dynamodb", "CreateTable", &table);
    [FUNCTION, CONSUMER].into_iter().for_each(|name| create_function(world, name));
    create_mapping(world, model);
    create_topic(world);
    create_rules(world);
    let schedule = json!({"Name": "schedule", "ScheduleExpression": "rate(7 minutes)"});
    ok(world, "events", "PutRule", &schedule);
    let target = json!({"Id": "t", "Arn": arn("sqs", TICKS.0)});
    ok(world, "events", "PutTargets", &json!({"Rule": "schedule", "Targets": [target]}));
    model.next_tick = world.now().after(TICKS.1);
}

fn create_function(world: &mut World, name: &str) {
    let function = lambda::CreateFunctionInput {
        function_name: name.to_owned(),
        runtime: Some("provided.al2023".to_owned()),
        role: arn("iam", "role/handler").replace("us-east-1", ""),
        handler: Some("none".to_owned()),
        // Nothing looks there: the simulation itself says how an invocation ends.
        code: lambda::FunctionCode {
            s3_bucket: Some("pontoon-local-directory".to_owned()),
            s3_key: Some("/nowhere".to_owned()),
            ..Default::default()
        },
        ..Default::default()
    };
    let created = world.request(Box::new(lambda::Request::CreateFunction(function)));
    assert!(matches!(created, Ok(Called::Done(Ok(_)))), "CreateFunction: {created:?}");
    let destination = lambda::OnFailure { destination: Some(arn("sqs", FAILURES)) };
    let config = lambda::PutFunctionEventInvokeConfigInput {
        function_name: name.to_owned(),
        destination_config: Some(lambda::DestinationConfig {
            on_failure: Some(destination),
            ..Default::default()
        }),
        ..Default::default()
    };
    let put = world.request(Box::new(lambda::Request::PutFunctionEventInvokeConfig(config)));
    assert!(matches!(put, Ok(Called::Done(Ok(_)))), "PutFunctionEventInvokeConfig: {put:?}");
}

fn create_mapping(world: &mut World, model: &mut Model) {
    let mapping = lambda::CreateEventSourceMappingInput {
        function_name: CONSUMER.to_owned(),
        event_source_arn: Some(arn("sqs", MAPPED)),
        batch_size: i32::try_from(BATCH_MAX).ok(),
        ..Default::default()
    };
    let created = world.request(Box::new(lambda::Request::CreateEventSourceMapping(mapping)));
    // It looks at the queue first.
    assert!(matches!(created, Ok(Called::Parked(_))), "CreateEventSourceMapping: {created:?}");
    let answers = world.take_replies();
    assert!(matches!(answers[..], [(_, Ok(_))]), "CreateEventSourceMapping: {answers:?}");
    model.queues.map(MAPPED, BATCH_MAX);
}

/// A topic with a queue that gets every message in its envelope, and one that gets the loud ones raw.
fn create_topic(world: &mut World) {
    ok(world, "sns", "CreateTopic", &json!({"Name": "news"}));
    let loud = json!({"RawMessageDelivery": "true", "FilterPolicy": json!({"volume": ["loud"]}).to_string()});
    for (queue, attributes) in [("letters", json!({})), ("loud", loud)] {
        let subscription = json!({"TopicArn": topic(), "Protocol": "sqs", "Endpoint": arn("sqs", queue), "Attributes": attributes});
        ok(world, "sns", "Subscribe", &subscription);
    }
}

fn create_rules(world: &mut World) {
    for bus in [BUS, SECOND_BUS] {
        ok(world, "events", "CreateEventBus", &json!({"Name": bus}));
    }
    let dead_letter = json!({"Arn": arn("sqs", "undeliverable")});
    let rules = [
        (BUS, "queue", json!({"Id": "t", "Arn": arn("sqs", "orders")})),
        (BUS, "bus", json!({"Id": "t", "Arn": arn("events", "event-bus/second")})),
        (SECOND_BUS, "bus", json!({"Id": "t", "Arn": arn("sqs", "forwarded")})),
        (BUS, "function", json!({"Id": "t", "Arn": arn("lambda", "function:handler")})),
        (BUS, "topic", json!({"Id": "t", "Arn": topic()})),
        (BUS, "void", json!({"Id": "t", "Arn": arn("sqs", "gone"), "DeadLetterConfig": dead_letter})),
    ];
    for (bus, kind, target) in rules {
        let pattern = json!({"source": ["simulation"], "detail": {"kind": [kind]}}).to_string();
        ok(world, "events", "PutRule", &json!({"Name": kind, "EventBusName": bus, "EventPattern": pattern}));
        ok(world, "events", "PutTargets", &json!({"Rule": kind, "EventBusName": bus, "Targets": [target]}));
    }
}

fn ok(world: &mut World, service: &str, operation: &str, input: &Value) {
    let called = world.call(service, operation, input);
    assert!(matches!(called, Ok(Called::Done(Ok(_)))), "{operation} {input}: {called:?}");
}
