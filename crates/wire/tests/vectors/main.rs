//! The wire against AWS's own client library, for every supported operation and protocol with every member set: the front must read out of requests
//! exactly what the library put in, and the library out of answers what the front put in. `generate.py` beside this file makes the vectors.

#![allow(clippy::unwrap_used, reason = "all of this is tests, but only functions marked so are known to be")]

mod outputs;
mod printed;
mod read;
mod sqs_query;

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use pontoon_api::{
    SERVICES, cloudformation, cloudwatch, dynamodb, events, iam, lambda, logs, pipes, s3, scheduler, schemas,
    sns, sqs, sts,
};
use pontoon_core::shape::{Encode, Protocol, Request};
use pontoon_wire::protocol::query::form;
use pontoon_wire::protocol::{Source, decode};
use pontoon_wire::routing::{Route, Routed, Router};
use printed::printed;
use serde_json::Value;

fn requests() -> Vec<Value> {
    unpacked(include_bytes!("requests.json.gz"))
}

/// The lines of a file of vectors.
fn unpacked(packed: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The head of a vector's request, with the headers that the library's HTTP layer adds.
fn head(vector: &Value) -> Parts {
    let text = |name: &str| vector[name].as_str().unwrap();
    let mut request = http::Request::builder().method(text("method")).uri(text("path"));
    for (name, value) in vector["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

/// What the front reads out of a request.
fn read(router: &Router, vector: &Value) -> (Routed, Value) {
    let head = head(vector);
    let body = Bytes::from(STANDARD.decode(vector["body"].as_str().unwrap()).unwrap());
    let form = form::parse(&body).unwrap_or_default();
    let service = vector["service"].as_str();
    let route = match router.by_head(&head, service) {
        Ok(Route::Operation(routed)) => Ok(routed),
        Ok(Route::Form) => router.by_form(&form, service),
        Err(refusal) => Err(refusal),
    };
    let routed = route.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", vector["operation"]));
    let decoded = decode(&routed, &Source { head: &head, body: &body, form: &form });
    let (request, _) =
        decoded.unwrap_or_else(|error| panic!("{} {}: {error}", vector["operation"], vector["protocol"]));
    (routed, print(request))
}

/// Prints a request of whichever service.
fn print(request: Box<dyn Request>) -> Value {
    let any = request.into_any();
    macro_rules! first_of {
        ($($service:ident),*) => {$(
            if let Some(request) = any.downcast_ref::<$service::Request>() {
                return printed(request as &dyn Encode);
            }
        )*};
    }
    first_of!(
        cloudformation,
        cloudwatch,
        dynamodb,
        events,
        iam,
        lambda,
        logs,
        pipes,
        s3,
        scheduler,
        schemas,
        sns,
        sqs,
        sts
    );
    panic!("a service that this test does not know");
}

fn protocol(vector: &Value) -> Vec<Protocol> {
    match vector["protocol"].as_str().unwrap() {
        "json" => vec![Protocol::Json10, Protocol::Json11],
        "query" => vec![Protocol::Query],
        "rest-json" => vec![Protocol::RestJson],
        "rest-xml" => vec![Protocol::RestXml],
        "smithy-rpc-v2-cbor" => vec![Protocol::Cbor],
        other => panic!("unknown protocol {other}"),
    }
}

#[test]
fn what_the_client_library_writes_is_read_back() {
    let router = Router::new(SERVICES);
    let mut failures = Vec::new();
    for vector in requests() {
        let (routed, input) = read(&router, &vector);
        assert_eq!(routed.operation.name, vector["operation"], "routed to another operation");
        assert!(
            protocol(&vector).contains(&routed.protocol),
            "{} {:?}",
            vector["operation"],
            routed.protocol
        );
        if input != vector["input"] {
            failures.push(format!(
                "{} {}\n  wrote {}\n  read  {input}",
                vector["operation"], vector["protocol"], vector["input"]
            ));
        }
    }
    assert!(failures.is_empty(), "{} of the requests:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_operation_and_protocol_has_a_vector() {
    let vectors = requests();
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        let known = |vector: &&Value| {
            vector["operation"] == operation.name && vector["service"] == operation.service.id
        };
        let count = vectors.iter().filter(known).count();
        // The client library has forgotten that SQS speaks query.
        let protocols = operation.service.protocols.len() - usize::from(operation.service.id == "sqs");
        assert_eq!(count, protocols, "{operation:?}: run generate.py");
    }
}
