//! What is due later goes on after a crash: retries with their attempts, messages in flight, schedules.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, Server};

const JSON: &str = "Content-Type: application/json\r\n";
const EVENT: &str = "Content-Type: application/json\r\nX-Amz-Invocation-Type: Event\r\n";

/// A function whose process notes that it was started and exits before it takes its event.
fn failing_function(dir: &Path) {
    let bootstrap = dir.join("bootstrap");
    fs::write(&bootstrap, format!("#!/bin/sh\necho started >> '{}'\nexit 1\n", dir.join("starts").display()))
        .unwrap();
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
}

fn starts(dir: &Path) -> usize {
    fs::read_to_string(dir.join("starts")).unwrap_or_default().lines().count()
}

fn create_queue(client: &mut Client, name: &str) {
    client.ok("AmazonSQS.CreateQueue", json!({"QueueName": name}));
}

/// Everything that can be received from a queue now.
fn received(client: &mut Client, name: &str) -> Vec<Value> {
    let asked = json!({
        "QueueUrl": format!("http://127.0.0.1/000000000000/{name}"), "MaxNumberOfMessages": 10,
        "MessageSystemAttributeNames": ["All"],
    });
    let mut all = Vec::new();
    while let Value::Array(messages) = client.ok("AmazonSQS.ReceiveMessage", asked.clone())["Messages"].take()
    {
        all.extend(messages);
    }
    all
}

/// Kills the server, after everything that it has done so far is durable, and starts it again.
fn crash(server: Server, data: &Path) -> Server {
    create_queue(&mut server.client(), "barrier");
    server.kill();
    Server::start(data)
}

#[test]
fn an_invocation_that_failed_is_tried_again_as_often_as_was_left() {
    let (data, code) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    failing_function(code.path());
    let mut server = Server::start(data.path());
    let mut client = server.client();
    create_queue(&mut client, "failures");
    let function = json!({
        "FunctionName": "fails", "Role": "arn:aws:iam::000000000000:role/r", "Runtime": "provided.al2023",
        "Handler": "none", "Code": {"S3Bucket": "pontoon-local-directory", "S3Key": code.path()},
    });
    client.post("/2015-03-31/functions", JSON, function.to_string().as_bytes()).unwrap().unwrap();
    let to = json!({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failures"}}});
    let path = "/2019-09-25/functions/fails/event-invoke-config";
    client.put(path, JSON, to.to_string().as_bytes()).unwrap().unwrap();
    client.post("/2015-03-31/functions/fails/invocations", EVENT, br#"{"order":7}"#).unwrap().unwrap();
    // The first attempt is made at once, the second a minute and the third three minutes later. A restart sets the clock back to the machine's.
    let mut starts_per_attempt = usize::MAX;
    for (attempt, after_secs) in [(1, 1), (2, 70), (3, 200)] {
        server.client().advance(Duration::from_secs(after_secs));
        // A process that ends before it takes its event is started a second time, so that an attempt may be more than one start.
        let starts = starts(code.path());
        starts_per_attempt = starts_per_attempt.min(starts);
        assert_eq!(starts, attempt * starts_per_attempt, "after attempt {attempt}");
        let in_queue = received(&mut server.client(), "failures").len();
        assert_eq!(in_queue, usize::from(attempt == 3), "after attempt {attempt}");
        server = crash(server, data.path());
    }
    let mut client = server.client();
    client.advance(Duration::from_secs(3600));
    let records = received(&mut client, "failures");
    let record: Value = serde_json::from_str(records[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3, "{record}");
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestPayload"], json!({"order": 7}));
    assert_eq!(starts(code.path()), 3 * starts_per_attempt, "it was tried after it had been given up");
}

#[test]
fn a_schedule_goes_on_and_a_message_in_flight_comes_back_at_its_time() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut client = server.client();
    create_queue(&mut client, "ticks");
    client.ok("AWSEvents.PutRule", json!({"Name": "tick", "ScheduleExpression": "rate(1 minute)"}));
    let target = json!({"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:000000000000:ticks"});
    client.ok("AWSEvents.PutTargets", json!({"Rule": "tick", "Targets": [target]}));
    create_queue(&mut client, "work");
    let url = json!("http://127.0.0.1/000000000000/work");
    client.ok("AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": "m"}));
    let hidden = json!({"QueueUrl": url, "VisibilityTimeout": 3600});
    assert_eq!(client.ok("AmazonSQS.ReceiveMessage", hidden)["Messages"].as_array().unwrap().len(), 1);

    let server = crash(server, data.path());
    let mut client = server.client();
    client.advance(Duration::from_secs(3500));
    // One more if the crash took its time.
    let ticks = received(&mut client, "ticks").len();
    assert!((58..=59).contains(&ticks), "{ticks} ticks in 3500 seconds");
    assert!(received(&mut client, "work").is_empty(), "it is still in flight");
    client.advance(Duration::from_secs(100));
    let back = received(&mut client, "work");
    assert_eq!(back[0]["Attributes"]["ApproximateReceiveCount"], "2", "{back:?}");
}

#[test]
fn the_receipt_handle_of_a_deleted_message_names_no_later_one() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    create_queue(&mut server.client(), "work");
    let url = json!("http://127.0.0.1/000000000000/work");
    let mut handle = Value::Null;
    for body in ["first", "second"] {
        let mut client = server.client();
        client.ok("AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": body}));
        let message = received(&mut client, "work").remove(0);
        assert_eq!(message["Body"], body);
        if body == "first" {
            handle = message["ReceiptHandle"].clone();
        }
        client.ok("AmazonSQS.DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle}));
        server = crash(server, data.path());
    }
    let mut client = server.client();
    client.advance(Duration::from_secs(30));
    assert_eq!(received(&mut client, "work").len(), 1, "the handle of the first message deleted the second");
}

#[test]
fn an_alarm_goes_on_being_evaluated_and_its_state_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut client = server.client();
    ["work", "notes"].into_iter().for_each(|name| create_queue(&mut client, name));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let topic = "arn:aws:sns:us-east-1:000000000000:alerts";
    let subscribe = format!(
        "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={topic}&Endpoint=arn:aws:sqs:us-east-1:000000000000:notes"
    );
    for request in ["Action=CreateTopic&Version=2010-03-31&Name=alerts", &subscribe] {
        client.post("/", form, request.as_bytes()).unwrap().unwrap();
    }
    let alarm = json!({
        "AlarmName": "work-waits", "Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "work"}], "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 2, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [topic], "OKActions": [topic],
    });
    client.ok("GraniteServiceVersion20100801.PutMetricAlarm", alarm);
    let url = json!("http://127.0.0.1/000000000000/work");
    client.ok("AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": "m"}));

    let mut server = crash(server, data.path());
    server.client().advance(Duration::from_secs(600));
    assert_eq!(notes(&mut server.client()), ["ALARM"], "the queue was never empty");
    server = crash(server, data.path());
    let mut client = server.client();
    let alarms = client.ok("GraniteServiceVersion20100801.DescribeAlarms", json!({}));
    assert_eq!(alarms["MetricAlarms"][0]["StateValue"], "ALARM");
    // Later than anything that was measured before the crash set the clock back.
    client.ok("AmazonSQS.PurgeQueue", json!({"QueueUrl": url}));
    client.advance(Duration::from_secs(3600));
    assert_eq!(notes(&mut client).last().map(String::as_str), Some("OK"));
}

/// The alarm states that were announced since the last look.
fn notes(client: &mut Client) -> Vec<String> {
    let state = |message: &Value| {
        let envelope: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        let note: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
        let delete = json!({
            "QueueUrl": "http://127.0.0.1/000000000000/notes", "ReceiptHandle": message["ReceiptHandle"],
        });
        (note["NewStateValue"].as_str().unwrap().to_owned(), delete)
    };
    let found: Vec<(String, Value)> = received(client, "notes").iter().map(state).collect();
    let (states, deletes): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    deletes.into_iter().for_each(|delete| drop(client.ok("AmazonSQS.DeleteMessage", delete)));
    states
}
