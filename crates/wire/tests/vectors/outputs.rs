//! Answers, read back by the client library.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pontoon_api::{
    SERVICES, cloudformation, cloudwatch, dynamodb, events, iam, lambda, logs, pipes, s3, scheduler, schemas,
    sns, sqs, sts,
};
use pontoon_core::shape::{Output, Protocol, ServiceSchema};
use pontoon_wire::protocol::encode;
use serde_json::{Value, json};

use crate::read::PrintedReader;
use crate::unpacked;

/// Makes the output that a vector describes.
fn output(service: &ServiceSchema, operation: &str, printed: &Value) -> Box<dyn Output> {
    let from = &mut PrintedReader(printed);
    let read = match service.id {
        "cloudformation" => cloudformation::decode_output(operation, from),
        "monitoring" => cloudwatch::decode_output(operation, from),
        "dynamodb" => dynamodb::decode_output(operation, from),
        "events" => events::decode_output(operation, from),
        "iam" => iam::decode_output(operation, from),
        "lambda" => lambda::decode_output(operation, from),
        "logs" => logs::decode_output(operation, from),
        "scheduler" => scheduler::decode_output(operation, from),
        "schemas" => schemas::decode_output(operation, from),
        "pipes" => pipes::decode_output(operation, from),
        "s3" => s3::decode_output(operation, from),
        "sns" => sns::decode_output(operation, from),
        "sqs" => sqs::decode_output(operation, from),
        "sts" => sts::decode_output(operation, from),
        other => panic!("unknown service {other}"),
    };
    read.unwrap_or_else(|error| panic!("{operation}: {error}")).unwrap()
}

/// How the client library calls a protocol.
fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 | Protocol::Json11 => "json",
        Protocol::Query => "query",
        Protocol::RestJson => "rest-json",
        Protocol::RestXml => "rest-xml",
        Protocol::Cbor => "smithy-rpc-v2-cbor",
    }
}

/// The answers of a service to one vector, one in each protocol, as `check.py` takes them.
fn answers(service: &'static ServiceSchema, vector: &Value) -> Vec<String> {
    let operation =
        service.operations.iter().find(|operation| vector["operation"] == operation.name).unwrap();
    let output = output(service, operation.name, &vector["output"]);
    // The client library has forgotten that SQS speaks query.
    let protocols = service.protocols.iter().filter(|p| !(service.id == "sqs" && **p == Protocol::Query));
    let answer = |protocol: &Protocol| {
        let answer = encode(*protocol, operation, output.as_ref(), "id");
        let headers: Vec<_> = answer.headers.iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
        let headers: serde_json::Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        json!({
            "service": service.id,
            "model": if service.id == "monitoring" { "cloudwatch" } else { service.id },
            "operation": operation.name,
            "protocol": name(*protocol),
            "status": answer.status.as_u16(),
            "headers": headers,
            "body": STANDARD.encode(&answer.body),
            "output": vector["output"],
        })
        .to_string()
    };
    protocols.map(answer).collect()
}

#[test]
fn an_answer_that_says_its_range_is_partial() {
    let status = |content_range: Option<&str>| {
        let output = s3::GetObjectOutput {
            body: Some("el".into()),
            content_range: content_range.map(Into::into),
            ..Default::default()
        };
        encode(Protocol::RestXml, &s3::operations::GET_OBJECT, &output, "id").status.as_u16()
    };
    assert_eq!((status(None), status(Some("bytes 1-2/5"))), (200, 206));
}

#[test]
fn what_the_front_writes_is_read_by_the_client_library() {
    let found = Command::new("python3").args(["-c", "import botocore"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("skipped: needs python3 with botocore");
        return;
    }
    let vectors = unpacked(include_bytes!("outputs.json.gz"));
    let lines: Vec<String> = vectors
        .iter()
        .flat_map(|vector| {
            let service = SERVICES.iter().find(|service| vector["service"] == service.id).unwrap();
            answers(service, vector)
        })
        .collect();
    let mut check = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = check.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || stdin.write_all(lines.join("\n").as_bytes()));
    let checked = check.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
