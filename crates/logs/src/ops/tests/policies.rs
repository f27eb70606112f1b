//! Resource policies, stored and evaluated.

use super::*;

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":["events.amazonaws.com","delivery.logs.amazonaws.com"]},
    "Action":["logs:CreateLogStream","logs:PutLogEvents"],
    "Resource":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/*:*"}]}"#;

pub fn put(name: &str, document: &str) -> Request {
    Request::PutResourcePolicy(PutResourcePolicyInput {
        policy_name: Some(name.into()),
        policy_document: Some(document.into()),
        ..Default::default()
    })
}

#[test]
fn policies_are_kept_told_and_deleted_as_recorded() {
    let mut bench = Bench::new();
    let output: PutResourcePolicyOutput = bench.call(put("p", DOCUMENT)).unwrap();
    let policy = output.resource_policy.unwrap();
    let expected = ResourcePolicy {
        policy_name: Some("p".into()),
        policy_document: Some(DOCUMENT.into()),
        last_updated_time: Some(bench.now.millis()),
        policy_scope: Some("ACCOUNT".into()),
        ..Default::default()
    };
    assert_eq!((&policy, output.revision_id), (&expected, None));
    bench.restart();
    let described: DescribeResourcePoliciesOutput =
        bench.call(Request::DescribeResourcePolicies(Default::default())).unwrap();
    assert_eq!((described.resource_policies, described.next_token), (Some(vec![expected]), None));
    let delete = |name: &str| {
        Request::DeleteResourcePolicy(DeleteResourcePolicyInput {
            policy_name: Some(name.into()),
            ..Default::default()
        })
    };
    bench.call::<DeleteResourcePolicyOutput>(delete("p")).unwrap();
    assert_eq!(
        refused(bench.call::<DeleteResourcePolicyOutput>(delete("non-existent"))),
        ("ResourceNotFoundException".into(), "Policy with name [non-existent] does not exist.".into())
    );
}

#[test]
fn an_account_has_ten_policies() {
    let mut bench = Bench::new();
    for n in 0..10 {
        bench.call::<PutResourcePolicyOutput>(put(&format!("p{n}"), DOCUMENT)).unwrap();
    }
    assert_eq!(
        refused(bench.call::<PutResourcePolicyOutput>(put("p10", DOCUMENT))),
        ("LimitExceededException".into(), "Resource limit exceeded.".into())
    );
    bench.call::<PutResourcePolicyOutput>(put("p9", DOCUMENT)).unwrap();
    assert_eq!(
        refused(bench.call::<PutResourcePolicyOutput>(put("p9", "{}"))),
        ("InvalidParameterException".into(), "Could not convert to persistable policy.".into())
    );
}

#[test]
fn services_write_where_a_policy_lets_them() {
    let mut bench = Bench::new();
    bench.create_group("/aws/events/orders").unwrap();
    bench.create_group("g").unwrap();
    let account = bench.caller.principal.clone();
    bench.caller.principal = Principal::Service("events.amazonaws.com");
    assert_eq!(refused(bench.create_stream("/aws/events/orders", "s")).0, "AccessDeniedException");
    bench.caller.principal = account;
    bench.call::<PutResourcePolicyOutput>(put("p", DOCUMENT)).unwrap();
    bench.caller.principal = Principal::Service("events.amazonaws.com");
    bench.create_stream("/aws/events/orders", "s").unwrap();
    assert_eq!(refused(bench.create_stream("g", "s")).0, "AccessDeniedException");
    bench.caller.principal = Principal::Service("lambda.amazonaws.com");
    bench.create_stream("g", "s").unwrap();
}
