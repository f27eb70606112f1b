//! `pontoon events` and `pontoon lint` as people use them, on a real mistake.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Following, Pontoon};

fn pontoon(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontoon")).args(args).output().unwrap()
}

fn answer(args: &[&str]) -> Value {
    let output = pontoon(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(args: &[&str]) -> String {
    let output = pontoon(args);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A bus `orders` with a rule that wants a number and a queue that lets no rule in.
async fn prepare(endpoint: &str) {
    let config = pontoon::aws::config_for(endpoint);
    let sqs = aws_sdk_sqs::Client::new(&config);
    sqs.create_queue().queue_name("large").send().await.unwrap();
    let events = aws_sdk_eventbridge::Client::new(&config);
    events.create_event_bus().name("orders").send().await.unwrap();
    let pattern = r#"{"source":["shop"],"detail":{"amount":[{"numeric":[">=",1000]}]}}"#;
    events.put_rule().event_bus_name("orders").name("large").event_pattern(pattern).send().await.unwrap();
    let target = aws_sdk_eventbridge::types::Target::builder()
        .id("queue")
        .arn("arn:aws:sqs:us-east-1:000000000000:large")
        .build()
        .unwrap();
    events.put_targets().event_bus_name("orders").rule("large").targets(target).send().await.unwrap();
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_mistake_is_put_followed_explained_and_found() {
    let server = Pontoon::start(&["--memory"]);
    let at = ["--endpoint", &server.endpoint];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(prepare(&server.endpoint));
    let dir = tempfile::tempdir().unwrap();
    let tail = Following::start(&["events", "tail", "orders", at[0], at[1]]);
    tail.until("following orders");

    let event = |amount: Value| {
        json!({"source": "shop", "detail-type": "OrderCreated", "detail": {"orderId": "o-1", "amount": amount}}).to_string()
    };
    let file =
        write(dir.path(), "events.jsonl", &format!("{}\n{}\n", event(json!("1500")), event(json!(1500))));
    let put = answer(&["events", "put", &file, "--bus", "orders", "--json", at[0], at[1]]);
    assert_eq!((&put["accepted"], &put["refused"]), (&json!(2), &json!(0)));
    let followed = tail.until("-> large");
    assert!(followed.contains("-> no rule matches") && followed.contains(r#""amount":"1500""#), "{followed}");

    let id = put["entries"][0]["eventId"].as_str().unwrap();
    for rule in ["large", "orders/large"] {
        let explained = answer(&["events", "explain", rule, id, "--json", at[0], at[1]]);
        assert_eq!(explained["matched"], json!(false));
        assert_eq!(explained["conditions"][0]["hint"], json!("a string, though it looks like a number"));
        assert_eq!(explained["conditions"][1]["verdict"], json!("satisfied"));
    }
    let said = pontoon(&["events", "explain", "large", id, at[0], at[1]]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("does not match") && said.contains(r#"saw "1500""#), "{said}");

    let found = pontoon(&["lint", "--live", "--json", at[0], at[1]]);
    assert!(!found.status.success());
    let findings: Value = serde_json::from_slice(&found.stdout).unwrap();
    let codes: Vec<&str> =
        findings.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["queue-denies-rule"], "{findings}");
}

#[test]
fn patterns_and_events_are_explained_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let pattern = write(dir.path(), "pattern.json", r#"{"source":["shop"],"detail":{"orderId":["o-1"]}}"#);
    let entry = write(
        dir.path(),
        "entry.json",
        r#"{"Source":"shop","DetailType":"x","Detail":"{\"orderId\":\"o-1\"}"}"#,
    );
    // Nothing listens there.
    let nowhere = ["--json", "--endpoint", "http://127.0.0.1:1"];
    let explained = answer(&[&["events", "explain", &pattern, &entry], &nowhere[..]].concat());
    assert_eq!(explained["matched"], json!(true));
    let explained =
        answer(&[&["events", "explain", r#"{"detailType":["x"]}"#, &entry], &nowhere[..]].concat());
    assert_eq!(explained["conditions"][0]["hint"], json!("there is detail-type"));
    assert!(explained["neverMatches"][0].as_str().unwrap().contains("events have no such field"));
    let refused = refusal(&["events", "explain", r#"{"source":"shop"}"#, &entry]);
    assert!(refused.contains("must be an object or an array"), "{refused}");
}

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    let server = Pontoon::start(&["--memory"]);
    let at = ["--endpoint", &server.endpoint];
    let dir = tempfile::tempdir().unwrap();
    assert!(refusal(&["events", "tail", "orders", at[0], at[1]]).contains("buses are default"));
    assert!(refusal(&["events", "explain", "rule", "x", at[0], at[1]]).contains("neither a rule nor a file"));
    assert!(
        refusal(&["events", "explain", "{\"a\":[1]}", "x", at[0], at[1]])
            .contains("neither an event's id nor a file")
    );
    let unknown = "00000000-0000-0000-0000-000000000001";
    assert!(
        refusal(&["events", "explain", "{\"a\":[1]}", unknown, at[0], at[1]]).contains("no trace of that id")
    );
    assert!(refusal(&["events", "put", "nothing.json", at[0], at[1]]).contains("there is no file"));
    let bad = write(dir.path(), "bad.json", r#"[{"Source":"a","DetailType":"b","Detail":"[1]"}]"#);
    let refused = pontoon(&["events", "put", &bad, at[0], at[1]]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && said.contains("MalformedDetail"), "{said}");
    assert!(refusal(&["lint", "--live", "--endpoint", "http://127.0.0.1:1"]).contains("no Pontoon answers"));
}

#[test]
fn a_template_is_linted_by_what_it_would_become() {
    let dir = tempfile::tempdir().unwrap();
    let template = r#"
Parameters: { Seconds: { Type: Number } }
Resources:
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: orders } }
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: { detailType: [OrderCreated] }
      Targets: [{ Id: q, Arn: !GetAtt Queue.Arn }]
  Queue:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: !Ref Seconds, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 } }
  Dead: { Type: AWS::SQS::Queue }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - PolicyName: queue
          PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'sqs:*', Resource: '*' }] }
  Function:
    Type: AWS::Lambda::Function
    Properties: { Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt Role.Arn, Timeout: 20, Code: ./not/built/yet }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Function }
"#;
    let file = write(dir.path(), "template.yaml", template);
    let lint = |seconds: &str| {
        let output = pontoon(&["lint", &file, "--param", &format!("Seconds={seconds}"), "--json"]);
        assert!(!output.status.success());
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = |one: &Value| {
            format!("{} {}", one["code"].as_str().unwrap(), one["logicalId"].as_str().unwrap_or("-"))
        };
        findings.as_array().unwrap().iter().map(found).collect::<Vec<_>>()
    };
    let always = ["never-matches Rule", "queue-denies-rule Rule", "dead-letters-unwatched Dead"];
    assert_eq!(lint("30"), [&always[..], &["visibility-too-short Queue"]].concat());
    assert_eq!(lint("120"), always);
    let broken = write(
        dir.path(),
        "broken.yaml",
        "Resources: { Q: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: -1 } } }",
    );
    let output = pontoon(&["lint", &broken]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("does-not-deploy"), "{said}");
}
