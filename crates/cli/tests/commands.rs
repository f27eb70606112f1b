//! The commands as people use them: the demo, the clock, traces, and what a server refuses at its start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Following, Pontoon, url_in};

fn pontoon(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontoon")).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Sends a request with a JSON body; the whole answer.
fn ask(endpoint: &str, path: &str, header: &str, body: &Value) -> String {
    send(endpoint, path, header, &body.to_string())
}

fn send(endpoint: &str, path: &str, header: &str, body: &str) -> String {
    String::from_utf8_lossy(&exchange(endpoint, "POST", path, header, body.as_bytes())).into_owned()
}

fn exchange(endpoint: &str, method: &str, path: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let host = endpoint.strip_prefix("http://").unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{header}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// Sends a request with a JSON body that must succeed; the answer's body.
fn post(endpoint: &str, path: &str, header: &str, body: &Value) -> Value {
    let answer = ask(endpoint, path, header, body);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// The headers that call an operation of a JSON protocol.
fn json_headers(target: &str) -> String {
    format!("content-type: application/x-amz-json-1.1\r\nx-amz-target: {target}\r\n")
}

/// Calls an operation of a JSON protocol.
fn call_at(endpoint: &str, target: &str, body: &Value) -> Value {
    post(endpoint, "/", &json_headers(target), body)
}

fn call(server: &Pontoon, target: &str, body: &Value) -> Value {
    call_at(&server.endpoint, target, body)
}

fn clock(server: &Pontoon, change: &[&str]) -> Value {
    let output = pontoon(&[&["clock"], change, &["--json", "--endpoint", &server.endpoint]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn the_demo_tells_its_whole_story() {
    let output = pontoon(&["demo"]);
    let told = stdout(&output);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "not published",
        "dead-lettered",
        "process-orders -> dynamodb table/orders",
        "process-orders -> sns order-notifications",
        "received 3 times; the redrive policy allows 3",
        "ALARM: \"OrderEventsDLQMessages\"",
        "redriven",
        "the alarm is back in OK",
        "0d0e0000-0000-4000-8000-000000000005  processing",
        "ended",
    ] {
        assert!(told.contains(part), "the demo did not say {part:?}:\n{told}");
    }
}

#[test]
fn a_demo_that_is_kept_serves_clients_until_it_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("demo").display().to_string();
    let demo = Following::start(&["demo", "--keep", "--listen", "127.0.0.1:0", "--data", &home]);
    let endpoint = url_in(&demo.until("pontoon listens on"));
    demo.until("It keeps running");
    let orders = call_at(&endpoint, "DynamoDB_20120810.Scan", &json!({ "TableName": "orders" }));
    assert!(orders["Count"].as_u64().is_some_and(|count| count > 0), "{orders}");
    assert!(demo.interrupt().success());
}

#[test]
fn up_deploys_prints_the_outputs_and_takes_up_a_changed_template() {
    let dir = tempfile::tempdir().unwrap();
    let template = dir.path().join("system.yaml");
    let text = "Parameters: { Name: { Type: String } }\n\
                Resources:\n  Q: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Name } }\n\
                Outputs: { Url: { Value: !Ref Q } }\n";
    std::fs::write(&template, text).unwrap();
    let up = up(&template, &["--param", "Name=first"]);
    assert!(up.until("following events and logs").contains("/000000000000/first"));
    std::fs::write(&template, text.replace("Outputs:", "  R: { Type: AWS::SQS::Queue }\nOutputs:")).unwrap();
    assert!(up.until("updated").contains("AWS::SQS::Queue"));
    assert!(up.interrupt().success());
}

#[test]
fn up_takes_up_changed_code_of_a_function_in_a_local_directory() {
    let dir = tempfile::tempdir().unwrap();
    let code = dir.path().join("code");
    std::fs::create_dir(&code).unwrap();
    write_function(&code, "first");
    let template = dir.path().join("system.yaml");
    let text = "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      FunctionName: f\n      \
                Runtime: provided.al2023\n      Handler: bootstrap\n      Code: code\n      \
                Role: arn:aws:iam::000000000000:role/r\n";
    std::fs::write(&template, text).unwrap();
    let up = up(&template, &[]);
    let endpoint = url_in(&up.until("following events and logs"));
    let invoke = || post(&endpoint, "/2015-03-31/functions/f/invocations", "", &json!({}));
    assert_eq!(invoke(), "first");
    write_function(&code, "second");
    up.until("runs the changed code");
    assert_eq!(invoke(), "second");
    // What the function prints is followed.
    up.until("invoked the second");
    assert!(up.interrupt().success());
}

fn up(template: &Path, args: &[&str]) -> Following {
    let template = template.display().to_string();
    Following::start(&[&["up", &template, "--watch", "--memory", "--listen", "127.0.0.1:0"], args].concat())
}

/// A custom runtime in nothing but bash, which answers every invocation with a text.
fn write_function(code: &Path, answer: &str) {
    let bootstrap = r#"#!/bin/bash
ask() { # method, path, body; the answer's request id
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
    printf '%s /2018-06-01/runtime/invocation/%s HTTP/1.1\r\nhost: runtime\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s' \
        "$1" "$2" "${#3}" "$3" >&3
    while IFS=': ' read -r name value <&3; do
        [ "${name,,}" = lambda-runtime-aws-request-id ] && id=${value%$'\r'}
    done
    exec 3<&-
}
while ask GET next; do
    echo "invoked the ANSWER"
    ask POST "$id/response" '"ANSWER"'
done
"#;
    // Renamed into place: a file that is being written cannot be run.
    let new = code.with_file_name("bootstrap.new");
    std::fs::write(&new, bootstrap.replace("ANSWER", answer)).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&new, code.join("bootstrap")).unwrap();
}

#[test]
fn a_virtual_clock_is_frozen_advanced_and_resumed() {
    let server = Pontoon::start(&["--memory", "--virtual-clock"]);
    let frozen = clock(&server, &["freeze"]);
    assert_eq!(frozen["frozen"], true);
    assert_eq!(clock(&server, &[])["now"], frozen["now"]);
    let advanced = clock(&server, &["advance", "15m"]);
    let at = |clock: &Value| pontoon_core::Timestamp::parse_iso(clock["now"].as_str().unwrap()).unwrap();
    assert_eq!(at(&advanced).since(at(&frozen)).as_secs(), 900);
    assert_eq!(clock(&server, &["resume"])["frozen"], false);
}

#[test]
fn advancing_runs_what_falls_due() {
    let server = Pontoon::start(&["--memory", "--virtual-clock"]);
    let _ = clock(&server, &["freeze"]);
    let queue = call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
    let url = &queue["QueueUrl"];
    call(
        &server,
        "AmazonSQS.SendMessage",
        &json!({ "QueueUrl": url, "MessageBody": "late", "DelaySeconds": 600 }),
    );
    let receive = json!({ "QueueUrl": url });
    assert!(call(&server, "AmazonSQS.ReceiveMessage", &receive).get("Messages").is_none());
    let _ = clock(&server, &["advance", "9m59s"]);
    assert!(call(&server, "AmazonSQS.ReceiveMessage", &receive).get("Messages").is_none());
    let _ = clock(&server, &["advance", "1s"]);
    assert_eq!(call(&server, "AmazonSQS.ReceiveMessage", &receive)["Messages"][0]["Body"], "late");
}

#[test]
fn a_virtual_clock_goes_on_from_where_it_stood_when_the_server_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let arguments = ["--data", &data, "--virtual-clock"];
    let server = Pontoon::start(&arguments);
    let advanced = clock(&server, &["advance", "1h"]);
    drop(server);
    let server = Pontoon::start(&arguments);
    let taken_up = clock(&server, &["freeze"]);
    assert!(advanced["now"].as_str() <= taken_up["now"].as_str(), "{advanced} {taken_up}");
    let advanced = clock(&server, &["advance", "1h"]);
    drop(server);
    let server = Pontoon::start(&arguments);
    assert_eq!(clock(&server, &[]), advanced);
    drop(server);
    let refused = pontoon(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("start with --virtual-clock"), "{said}");
}

#[test]
fn a_trace_says_which_field_kept_a_rule_from_matching() {
    let server = Pontoon::start(&["--memory"]);
    call(&server, "AWSEvents.CreateEventBus", &json!({ "Name": "orders" }));
    let pattern = r#"{"source":["order-service"],"detail":{"amount":[{"numeric":[">",100]}]}}"#;
    call(
        &server,
        "AWSEvents.PutRule",
        &json!({ "Name": "large", "EventBusName": "orders", "EventPattern": pattern }),
    );
    let entry = json!({
        "EventBusName": "orders", "Source": "order-service", "DetailType": "OrderCreated", "Detail": r#"{"amount":5}"#
    });
    let put = call(&server, "AWSEvents.PutEvents", &json!({ "Entries": [entry] }));
    let id = put["Entries"][0]["EventId"].as_str().unwrap();
    let shown = stdout(&pontoon(&["trace", id, "--endpoint", &server.endpoint]));
    assert!(shown.contains("did not match: large"), "{shown}");
    assert!(shown.contains("detail.amount") && shown.contains("100") && shown.contains('5'), "{shown}");
}

#[test]
fn policies_know_where_a_request_comes_from() {
    let server = Pontoon::start(&["--memory", "--policies", "enforce"]);
    let queue = call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
    let url = &queue["QueueUrl"];
    for (condition, user_agent, denied) in [
        (r#"{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}"#, "", true),
        (r#"{"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}}"#, "", false),
        (r#"{"StringLike":{"aws:UserAgent":"probe/*"}}"#, "user-agent: probe/1\r\n", true),
        (r#"{"StringLike":{"aws:UserAgent":"probe/*"}}"#, "user-agent: aws-cli/2\r\n", false),
        (r#"{"StringLike":{"aws:UserAgent":"*"}}"#, "", false),
    ] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Resource":"*","Condition":{condition}}}}}"#
        );
        let attributes = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
        call(&server, "AmazonSQS.SetQueueAttributes", &attributes);
        let header = json_headers("AmazonSQS.SendMessage") + user_agent;
        let answer = ask(&server.endpoint, "/", &header, &json!({ "QueueUrl": url, "MessageBody": "m" }));
        assert_eq!(answer.contains("AccessDenied"), denied, "{condition}: {answer}");
        assert_eq!(answer.starts_with("HTTP/1.1 200"), !denied, "{condition}: {answer}");
    }
}

#[test]
fn only_servers_that_allow_it_are_reset() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let server = Pontoon::start(&["--data", &data]);
    let refused = pontoon(&["reset", "--endpoint", &server.endpoint]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--allow-reset"));
    drop(server);
    let server = Pontoon::start(&["--data", &data, "--allow-reset"]);
    call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
    assert!(pontoon(&["reset", "--endpoint", &server.endpoint]).status.success());
    assert!(call(&server, "AmazonSQS.ListQueues", &json!({})).get("QueueUrls").is_none());
}

#[test]
fn a_reset_empties_a_directory_and_leaves_its_virtual_clock() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let arguments = ["--data", &data, "--allow-reset", "--virtual-clock"];
    let server = Pontoon::start(&arguments);
    let _ = clock(&server, &["freeze"]);
    let advanced = clock(&server, &["advance", "3h"]);
    call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
    assert!(pontoon(&["reset", "--endpoint", &server.endpoint]).status.success());
    assert_eq!(clock(&server, &[]), advanced);
    drop(server);
    let server = Pontoon::start(&arguments);
    assert!(call(&server, "AmazonSQS.ListQueues", &json!({})).get("QueueUrls").is_none());
    assert_eq!(clock(&server, &[]), advanced);
}

#[test]
fn a_server_told_to_end_does_so_cleanly_and_keeps_what_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let arguments = ["serve", "--data", &data, "--listen", "127.0.0.1:0"];
    let send = json!({ "QueueUrl": "http://localhost/000000000000/q", "MessageBody": "kept" });
    for signal in ["-TERM", "-INT"] {
        let serving = Following::start(&arguments);
        let endpoint = url_in(&serving.until("listens on"));
        call_at(&endpoint, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
        call_at(&endpoint, "AmazonSQS.SendMessage", &send);
        // A client that waits for a message keeps nobody waiting.
        let host = endpoint.strip_prefix("http://").unwrap().to_owned();
        let mut parked = TcpStream::connect(host).unwrap();
        let poll = r#"{"QueueUrl":"http://localhost/000000000000/none","WaitTimeSeconds":20}"#;
        let header = json_headers("AmazonSQS.ReceiveMessage");
        write!(parked, "POST / HTTP/1.1\r\nhost: x\r\n{header}content-length: {}\r\n\r\n{poll}", poll.len())
            .unwrap();
        assert!(serving.signal(signal).success(), "{signal}");
    }
    let server = Pontoon::start(&["--data", &data]);
    let attributes = json!({ "QueueUrl": "http://localhost/000000000000/q", "AttributeNames": ["All"] });
    let attributes = call(&server, "AmazonSQS.GetQueueAttributes", &attributes);
    assert_eq!(attributes["Attributes"]["ApproximateNumberOfMessages"], "2");
}

#[test]
fn traces_are_followed_as_they_happen() {
    let server = Pontoon::start(&["--memory"]);
    let following = Following::start(&["trace", "--follow", "--json", "--endpoint", &server.endpoint]);
    call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
    let topic = call(&server, "AWSEvents.CreateEventBus", &json!({ "Name": "orders" }));
    assert!(topic["EventBusArn"].is_string());
    let rule =
        json!({ "Name": "all", "EventBusName": "orders", "EventPattern": r#"{"source":["order-service"]}"# });
    call(&server, "AWSEvents.PutRule", &rule);
    let target = json!({ "Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:q" });
    let targets = json!({ "Rule": "all", "EventBusName": "orders", "Targets": [target] });
    call(&server, "AWSEvents.PutTargets", &targets);
    // The command may not have asked yet where the traces end: events go on until one is shown.
    let entry = json!({ "EventBusName": "orders", "Source": "order-service", "DetailType": "OrderCreated", "Detail": "{}" });
    let shown = (0..600).find_map(|_| {
        call(&server, "AWSEvents.PutEvents", &json!({ "Entries": [entry] }));
        following.line_within(Duration::from_millis(100))
    });
    let record: Value = serde_json::from_str(&shown.unwrap()).unwrap();
    assert!(record["trace"].is_string() && record["what"].is_string(), "{record}");
    following.until("sqs:us-east-1:000000000000:q");
}

#[test]
fn a_server_that_would_let_anyone_in_does_not_start() {
    let refused = pontoon(&["serve", "--memory", "--listen", "0.0.0.0:0"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--credentials"));
}

#[test]
fn a_directory_of_somebody_else_s_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
    let path = dir.path().display().to_string();
    let refused = pontoon(&["serve", "--data", &path, "--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("not a Pontoon data directory"), "{said}");
    assert_eq!(
        std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name() == "thesis.txt" })
            .count(),
        1
    );
}

#[test]
fn a_reader_who_has_seen_enough_ends_the_command_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended =
        Command::new(env!("CARGO_BIN_EXE_pontoon")).args(["operations"]).stdout(writer).output().unwrap();
    assert!(ended.status.success());
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Values that no operation takes, or that stand where others belong.
const ODD: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1e999",
    "\"\"",
    "\"\\u0000\"",
    "\"%\"",
    "\"arn:aws:::\"",
    "[]",
    "[[null]]",
    "{\"\":{}}",
    "[{\"a\":[1",
];

/// Whether an answer is the server's fault, or none at all.
fn is_fault(answer: &str) -> bool {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    status.is_none_or(|status| status >= 500 && status != 501)
}

#[test]
fn every_operation_answers_whatever_it_is_sent_and_the_server_goes_on() {
    let server = Pontoon::start(&["--memory"]);
    let mut asked = 0;
    for operation in pontoon_api::SERVICES.iter().flat_map(|service| service.operations) {
        let members = operation.input.members.iter().map(|member| member.wire);
        for odd in ODD {
            let all: Vec<String> = members.clone().map(|name| format!("{name:?}:{odd}")).collect();
            let bodies = [odd.to_owned(), format!("{{{}}}", all.join(","))];
            for (path, header, body) in requests(operation, odd, &bodies) {
                let answer = String::from_utf8_lossy(&exchange(
                    &server.endpoint,
                    operation.method,
                    &path,
                    &header,
                    &body,
                ))
                .into_owned();
                assert!(
                    !is_fault(&answer),
                    "{operation:?} {path} {}: {answer}",
                    String::from_utf8_lossy(&body)
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 1000, "{asked}");
    call(&server, "AmazonSQS.CreateQueue", &json!({ "QueueName": "q" }));
}

/// Requests of an operation in each protocol of its service: path, headers and body.
fn requests(
    operation: &pontoon_core::shape::OperationSchema,
    odd: &str,
    bodies: &[String; 2],
) -> Vec<(String, String, Vec<u8>)> {
    let service = operation.service;
    let mut requests = Vec::new();
    if !service.target_prefix.is_empty() {
        let header = json_headers(&format!("{}.{}", service.target_prefix, operation.name));
        requests
            .extend(bodies.iter().map(|body| ("/".to_owned(), header.clone(), body.clone().into_bytes())));
    }
    if operation.path != "/" {
        // Paths have no blanks; a label that is odd is still one segment.
        let label: String = odd.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = fill_labels(operation.path, &label);
        let header = format!("{}content-type: application/json\r\n", credential_scope(service.id));
        let plain = (fill_labels(operation.path, "a"), header.clone(), bodies[1].clone().into_bytes());
        requests.extend([plain, (path, header, bodies[0].clone().into_bytes())]);
    } else {
        let members = operation.input.members.iter().map(|member| member.wire);
        let all: Vec<String> = members.map(|name| format!("{name}.1.x={odd}&{name}={odd}")).collect();
        let form = format!("Action={}&{}", operation.name, all.join("&"));
        let header = "content-type: application/x-www-form-urlencoded\r\n".to_owned();
        requests.push(("/".to_owned(), header, form.into_bytes()));
    }
    if !service.cbor_name.is_empty() {
        let path = format!("/service/{}/operation/{}", service.cbor_name, operation.name);
        let header = "smithy-protocol: rpc-v2-cbor\r\ncontent-type: application/cbor\r\n".to_owned();
        // A map of every member, each with the odd text in place of a value; the text alone; and a map that ends in the middle.
        let mut map = vec![0xbf];
        for member in operation.input.members {
            map.extend(cbor_text(member.wire));
            map.extend(cbor_text(odd));
        }
        let cut = map.clone();
        map.push(0xff);
        requests.extend([map, cut, cbor_text(odd)].map(|body| (path.clone(), header.clone(), body)));
    }
    requests
}

/// The head of an authorization that names the service: what tells paths of REST services apart.
fn credential_scope(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=000000000000/20261101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n"
    )
}

/// A path template with every label replaced.
fn fill_labels(template: &str, label: &str) -> String {
    let mut parts = template.split('{');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        path.push_str(label);
        path.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    path
}

fn cbor_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let head = if length < 24 { vec![0x60 | length] } else { vec![0x78, length] };
    [&head, text.as_bytes()].concat()
}

#[test]
fn supported_operations_are_listed() {
    let listed: Value = serde_json::from_str(&stdout(&pontoon(&["operations", "sqs", "--json"]))).unwrap();
    let operations = listed[0]["operations"].as_array().unwrap();
    assert!(operations.iter().any(|name| name == "StartMessageMoveTask"));
    assert!(!pontoon(&["operations", "ec2"]).status.success());
}

#[test]
fn queues_can_be_looked_at_without_receiving() {
    let server = Pontoon::start(&["--memory"]);
    let sqs = |operation: &str, body: Value| call(&server, &format!("AmazonSQS.{operation}"), &body);
    let url = sqs("CreateQueue", json!({"QueueName": "orders"}))["QueueUrl"].clone();
    sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": "first"}));
    let look = |args: &[&str]| {
        let output = pontoon(&[&["sqs"], args, &["--endpoint", &server.endpoint]].concat());
        (output.status.success(), stdout(&output), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let json_of =
        |args: &[&str]| -> Value { serde_json::from_str(&look(&[args, &["--json"]].concat()).1).unwrap() };
    for _ in 0..2 {
        assert_eq!(json_of(&["peek", "orders"])[0]["body"], "first");
        assert_eq!(json_of(&["ls"])[0]["visible"], 1);
        assert_eq!(json_of(&["stats", "orders"])["attributes"]["VisibilityTimeout"], "30");
    }
    let (_, listed, _) = look(&["ls"]);
    assert!(listed.contains("orders  standard  1"), "{listed}");
    assert!(look(&["peek", "orders"]).1.contains("received 0 times"));
    assert!(look(&["stats", "orders"]).1.contains("VisibilityTimeout"));
    let (ok, _, why) = look(&["peek", "nothing"]);
    assert!(!ok && why.contains("there is no queue of that name"), "{why}");
}
