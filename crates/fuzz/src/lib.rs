//! What reads bytes from outside, as functions of any bytes: each panics if its reader breaks a promise, and otherwise does nothing.
//!
//! `fuzz/` hands them to libFuzzer, outside the workspace; `tests/bounded.rs` here drives the same functions with mutations of the same corpus, so that
//! neither can rot.

mod pattern;
mod queue;

use pontoon_api::SERVICES;
use pontoon_core::policy::{Access, Document};
use pontoon_core::shape::Decoded;
use pontoon_core::step::Origin;
use pontoon_core::{Caller, OperationSchema, Principal, Scope, Timestamp};
use pontoon_wire::protocol::xml::reader::XmlTree;
use pontoon_wire::protocol::xml::writer::Naming;
use pontoon_wire::protocol::{cbor as wire_cbor, json as wire_json, query as wire_query};

pub use pattern::{filter_policy, pattern};
pub use queue::{queue_attributes, queue_records};

/// A target: what it is called in `fuzz/`, and what is handed the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("cbor", cbor),
    ("filter_policy", filter_policy),
    ("json", json),
    ("pattern", pattern),
    ("policy", policy),
    ("query", query),
    ("queue_attributes", queue_attributes),
    ("queue_records", queue_records),
    ("xml", xml),
];

/// The operation that the first two bytes choose among all of every service, and the bytes behind them.
fn operation(data: &[u8]) -> Option<(&'static OperationSchema, &[u8])> {
    let (chosen, body) = data.split_first_chunk::<2>()?;
    let operations = || SERVICES.iter().flat_map(|service| service.operations.iter().copied());
    let at = usize::from(u16::from_be_bytes(*chosen)) % operations().count();
    Some((operations().nth(at)?, body))
}

/// What was decoded can be asked for its violations, whose words take no more room than a message may.
fn check(operation: &OperationSchema, decoded: Decoded) {
    let Ok((request, violations)) = decoded else { return };
    assert_eq!(
        request.operation().name,
        operation.name,
        "an input belongs to the operation that it was read for"
    );
    for violated in violations.found() {
        assert!(!violated.path.is_empty(), "a violation names what is violated");
    }
}

/// A body of one of the JSON protocols.
pub fn json(data: &[u8]) {
    let Some((operation, body)) = operation(data) else { return };
    check(operation, wire_json::decode(operation, body));
}

/// A body of rpc-v2-cbor.
pub fn cbor(data: &[u8]) {
    let Some((operation, body)) = operation(data) else { return };
    check(operation, wire_cbor::decode(operation, body));
}

/// A form of the query protocol.
pub fn query(data: &[u8]) {
    let Some((operation, body)) = operation(data) else { return };
    if let Ok(pairs) = wire_query::form::parse(body) {
        check(operation, wire_query::decode(operation, &pairs));
    }
}

/// A document of REST XML, read as each naming reads it.
pub fn xml(data: &[u8]) {
    let Some((operation, body)) = operation(data) else { return };
    let Ok(tree) = XmlTree::parse(body) else { return };
    for naming in [Naming::Rest, Naming::Query] {
        check(operation, (operation.decode)(&mut tree.reader(naming)));
    }
}

/// A policy document of each kind: what is taken can be judged for anybody, the same each time, and the account itself is refused only by a denial.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = [Document::parse(text), Document::parse_identity(text), Document::parse_trust(text)];
    let scope = Scope::default();
    let callers = [
        Principal::Account(scope.account),
        Principal::User("arn:aws:iam::000000000000:user/alice".into()),
        Principal::Role { arn: "arn:aws:iam::111111111111:role/worker".into(), session: "s".into() },
        Principal::Service("events.amazonaws.com"),
    ];
    for document in parsed.iter().flatten() {
        for principal in &callers {
            let caller = Caller {
                principal: principal.clone(),
                source_arn: Some("arn:aws:events:us-east-1:000000000000:rule/r".into()),
                origin: Some(Origin {
                    source_ip: [127, 0, 0, 1].into(),
                    user_agent: Some("agent".into()),
                    trace_header: None,
                }),
                ..Caller::of_account(scope.account, "request", "http://127.0.0.1:4566")
            };
            let access = Access {
                action: "sqs:SendMessage",
                resource: "arn:aws:sqs:us-east-1:000000000000:orders",
                policy: Some(document),
                context: &[("sns:Protocol", "sqs")],
            };
            let now = Timestamp::from_secs(1_700_000_000);
            let denied = access.denied(&caller, scope, now);
            let again = access.denied(&caller, scope, now);
            assert_eq!(denied.is_some(), again.is_some(), "a policy is judged by nothing but what is asked");
        }
    }
}
