use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::scope::Account;
use crate::step::Origin;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";
const RULE: &str = "arn:aws:events:us-east-1:000000000000:rule/orders-bus/created";
const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/orders-bus";
const ROLE: &str = "arn:aws:iam::000000000000:role/service/worker";
const USER: &str = "arn:aws:iam::000000000000:user/alice";

fn caller(principal: Principal) -> Caller {
    let account = match &principal {
        Principal::User(arn) | Principal::Role { arn, .. } => arn[13..25].parse().unwrap(),
        Principal::Account(account) => *account,
        Principal::Service(_) => Account::DEFAULT,
    };
    let source_arn = matches!(principal, Principal::Service(_)).then(|| RULE.into());
    Caller { source_arn, principal, ..Caller::of_account(account, "", "http://127.0.0.1:4566") }
}

fn role() -> Principal {
    Principal::Role { arn: ROLE.into(), session: "s1".into() }
}

fn with_policies(principal: Principal, documents: &[&str]) -> Caller {
    let documents = documents.iter().map(|json| Document::parse_identity(json).unwrap()).collect();
    let identity = IdentityPolicies { documents, ..IdentityPolicies::default() };
    Caller { identity: Some(Arc::new(identity)), ..caller(principal) }
}

fn denied(caller: &Caller, policy: Option<&str>, context: &[(&str, &str)]) -> Option<Denial> {
    let policy = policy.map(|json| Document::parse(json).unwrap());
    let access = Access { action: "sqs:SendMessage", resource: QUEUE, policy: policy.as_ref(), context };
    access.denied(caller, Scope::default(), Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap())
}

fn statement(effect: &str, principal: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":{principal},"Action":"SQS:Send*","Resource":"{QUEUE}","Condition":{condition}}}}}"#
    )
}

const ALLOW_SEND: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;
const DENY_SEND: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sqs:*","Resource":"*"}]}"#;

#[test]
fn a_policy_for_the_bus_denies_the_rule_and_the_denial_names_the_rule() {
    let policy = |source: &str| {
        let condition = format!(r#"{{"ArnEquals":{{"aws:SourceArn":"{source}"}}}}"#);
        statement("Allow", r#"{"Service":"events.amazonaws.com"}"#, &condition)
    };
    let events = caller(Principal::Service("events.amazonaws.com"));
    let denial = denied(&events, Some(&policy(BUS)), &[]).unwrap();
    assert_eq!(
        denial.message,
        format!(
            "User: events.amazonaws.com is not authorized to perform: sqs:sendmessage on resource: {QUEUE} \
             because no resource-based policy allows the sqs:sendmessage action"
        )
    );
    assert_eq!(
        denial.allow,
        format!(
            r#"{{"Effect":"Allow","Principal":{{"Service":"events.amazonaws.com"}},"Action":"sqs:SendMessage","Resource":"{QUEUE}","Condition":{{"ArnEquals":{{"aws:SourceArn":"{RULE}"}}}}}}"#
        )
    );
    assert_eq!(denied(&events, Some(&policy(RULE)), &[]), None);
    let suggested = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, denial.allow);
    assert_eq!(denied(&events, Some(&suggested), &[]), None);
}

#[test]
fn who_may_depends_on_account_identity_and_resource_policies() {
    let other_user = "arn:aws:iam::111111111111:user/bob";
    let user = || Principal::User(USER.into());
    let bob = || Principal::User(other_user.into());
    let allow = |principal: &str| statement("Allow", principal, "{}");
    let deny_all = statement("Deny", r#""*""#, "{}");
    let no_identity = "no identity-based policy";
    let no_resource = "no resource-based policy";
    let cases: Vec<(&str, Caller, Option<String>, &str)> = vec![
        ("owner", caller(Principal::Account(Account::DEFAULT)), None, ""),
        (
            "owner, other allowed",
            caller(Principal::Account(Account::DEFAULT)),
            Some(allow(r#"{"AWS":"111111111111"}"#)),
            "",
        ),
        (
            "owner denied",
            caller(Principal::Account(Account::DEFAULT)),
            Some(deny_all.clone()),
            "explicit deny in a resource-based policy",
        ),
        ("other account", caller(Principal::Account("111111111111".parse().unwrap())), None, no_resource),
        (
            "other account, allowed",
            caller(Principal::Account("111111111111".parse().unwrap())),
            Some(allow(r#"{"AWS":["111111111111"]}"#)),
            "",
        ),
        ("service, no policy", caller(Principal::Service("events.amazonaws.com")), None, no_resource),
        (
            "service, another allowed",
            caller(Principal::Service("events.amazonaws.com")),
            Some(allow(r#"{"Service":"sns.amazonaws.com"}"#)),
            no_resource,
        ),
        (
            "service, everyone allowed",
            caller(Principal::Service("events.amazonaws.com")),
            Some(allow(r#"{"AWS":"*"}"#)),
            "",
        ),
        (
            "service, account allowed",
            caller(Principal::Service("events.amazonaws.com")),
            Some(allow(r#"{"AWS":"000000000000"}"#)),
            no_resource,
        ),
        ("bare user", caller(user()), None, no_identity),
        ("user with policy", with_policies(user(), &[ALLOW_SEND]), None, ""),
        (
            "user with deny",
            with_policies(user(), &[ALLOW_SEND, DENY_SEND]),
            Some(allow(r#""*""#)),
            "explicit deny in an identity-based policy",
        ),
        ("user named by resource", caller(user()), Some(allow(&format!(r#"{{"AWS":"{USER}"}}"#))), ""),
        (
            "user's account named by resource",
            caller(user()),
            Some(allow(r#"{"AWS":"arn:aws:iam::000000000000:root"}"#)),
            no_identity,
        ),
        ("role named by resource", caller(role()), Some(allow(&format!(r#"{{"AWS":"{ROLE}"}}"#))), ""),
        (
            "session named by resource",
            caller(role()),
            Some(allow(r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/worker/s1"}"#)),
            "",
        ),
        (
            "another session named",
            caller(role()),
            Some(allow(r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/worker/s2"}"#)),
            no_identity,
        ),
        ("foreign user, identity only", with_policies(bob(), &[ALLOW_SEND]), None, no_resource),
        ("foreign user, resource only", caller(bob()), Some(allow(r#"{"AWS":"111111111111"}"#)), no_identity),
        (
            "foreign user, both",
            with_policies(bob(), &[ALLOW_SEND]),
            Some(allow(r#"{"AWS":"111111111111"}"#)),
            "",
        ),
    ];
    for (name, caller, policy, expected) in cases {
        let denial = denied(&caller, policy.as_deref(), &[]);
        match (&denial, expected) {
            (None, "") => {}
            (Some(denial), words) if !words.is_empty() && denial.message.contains(words) => {}
            _ => panic!("{name}: expected {expected:?}, found {denial:?}"),
        }
    }
}

#[test]
fn boundaries_and_session_policies_limit_what_others_allow() {
    let with_limits = |boundary: Option<&str>, session: Option<&str>| {
        let identity = IdentityPolicies {
            documents: vec![Document::parse_identity(ALLOW_SEND).unwrap()],
            boundary: boundary.map(|json| Document::parse_identity(json).unwrap()),
            session: session.map(|json| vec![Document::parse_identity(json).unwrap()]),
            ..IdentityPolicies::default()
        };
        Caller { identity: Some(Arc::new(identity)), ..caller(role()) }
    };
    let other = ALLOW_SEND.replace("SendMessage", "ReceiveMessage");
    let by_role = statement("Allow", &format!(r#"{{"AWS":"{ROLE}"}}"#), "{}");
    let by_session =
        statement("Allow", r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/worker/s1"}"#, "{}");
    for (caller, policy, expected) in [
        (with_limits(Some(ALLOW_SEND), Some(ALLOW_SEND)), None, None),
        (with_limits(Some(&other), None), None, Some("because no permissions boundary allows")),
        (with_limits(Some(DENY_SEND), None), None, Some("with an explicit deny in a permissions boundary")),
        (with_limits(None, Some(&other)), None, Some("because no session policy allows")),
        (with_limits(None, Some(&other)), Some(&by_role), Some("because no session policy allows")),
        (with_limits(None, Some(&other)), Some(&by_session), None),
    ] {
        let message = denied(&caller, policy.map(String::as_str), &[]).map(|denial| denial.message);
        match (&message, expected) {
            (None, None) => {}
            (Some(message), Some(words)) if message.contains(words) => {}
            _ => panic!("expected {expected:?}, found {message:?}"),
        }
    }
}

#[test]
fn a_trust_policy_must_allow_even_within_the_account() {
    let trust = |principal: &str| {
        let json = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
        );
        Document::parse_trust(&json).unwrap()
    };
    let check = |caller: &Caller, principal: &str| {
        let policy = trust(principal);
        let access = Access { action: "sts:AssumeRole", resource: ROLE, policy: Some(&policy), context: &[] };
        access.denied(caller, Scope::default(), Timestamp::EPOCH)
    };
    let owner = caller(Principal::Account(Account::DEFAULT));
    assert_eq!(check(&owner, r#"{"AWS":"000000000000"}"#), None);
    let denial = check(&owner, r#"{"Service":"lambda.amazonaws.com"}"#).unwrap();
    assert_eq!(
        denial.message,
        format!(
            "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
        )
    );
    assert_eq!(
        denial.allow,
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}"#
    );
    let user = caller(Principal::User(USER.into()));
    assert!(check(&user, r#"{"AWS":"000000000000"}"#).is_some());
    assert_eq!(check(&user, &format!(r#"{{"AWS":"{USER}"}}"#)), None);
}

/// Whether a condition, on a statement that allows everyone, lets `events.amazonaws.com` send.
fn condition_allows(condition: &str, context: &[(&str, &str)]) -> bool {
    let events = caller(Principal::Service("events.amazonaws.com"));
    denied(&events, Some(&statement("Allow", r#""*""#, condition)), context).is_none()
}

#[test]
fn every_operator_compares_as_documented() {
    let context =
        [("k", "Value"), ("n", "10.50"), ("d", "2026-01-31T00:00:00Z"), ("b", "true"), ("ip", "10.1.2.3")];
    let context =
        [&context[..], &[("bin", "AQI="), ("ip6", "2001:db8::1"), ("a", "arn:aws:sns:eu-west-1:1:t:x")]]
            .concat();
    for (condition, expected) in [
        (r#"{"StringEquals":{"K":"Value"}}"#, true),
        (r#"{"StringEquals":{"k":["no","Value"]}}"#, true),
        (r#"{"StringEquals":{"k":"V*"}}"#, false),
        (r#"{"StringNotEquals":{"k":["no","Value"]}}"#, false),
        (r#"{"StringNotEquals":{"k":["no","nor"]}}"#, true),
        (r#"{"StringEqualsIgnoreCase":{"k":"vALUE"}}"#, true),
        (r#"{"StringNotEqualsIgnoreCase":{"k":"vALUE"}}"#, false),
        (r#"{"StringLike":{"k":"V?l*"}}"#, true),
        (r#"{"StringNotLike":{"k":"V?l*"}}"#, false),
        (r#"{"NumericEquals":{"n":"10.5"}}"#, true),
        (r#"{"NumericEquals":{"n":10.5}}"#, true),
        (r#"{"NumericNotEquals":{"n":"10.5"}}"#, false),
        (r#"{"NumericLessThan":{"n":"10.5"}}"#, false),
        (r#"{"NumericLessThanEquals":{"n":"10.5"}}"#, true),
        (r#"{"NumericGreaterThan":{"n":"9"}}"#, true),
        (r#"{"NumericGreaterThanEquals":{"n":"11"}}"#, false),
        (r#"{"NumericNotEquals":{"n":"many"}}"#, false),
        (r#"{"NumericEquals":{"k":"1"}}"#, false),
        (r#"{"DateEquals":{"d":"2026-01-31"}}"#, true),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-01-31T11:59:59Z"}}"#, true),
        (r#"{"DateLessThan":{"aws:EpochTime":"1769860800"}}"#, false),
        (r#"{"DateLessThanEquals":{"aws:CurrentTime":"2026-01-31T13:00:00+01:00"}}"#, true),
        (r#"{"DateNotEquals":{"d":"soon"}}"#, false),
        (r#"{"Bool":{"b":"TRUE"}}"#, true),
        (r#"{"Bool":{"b":true,"aws:SecureTransport":"true"}}"#, true),
        (r#"{"Bool":{"aws:SecureTransport":"false"}}"#, false),
        (r#"{"BinaryEquals":{"bin":"AQI="}}"#, true),
        (r#"{"BinaryEquals":{"bin":"AQM="}}"#, false),
        (r#"{"IpAddress":{"ip":["192.168.0.0/16","10.0.0.0/8"]}}"#, true),
        (r#"{"IpAddress":{"ip":"0.0.0.0/0"}}"#, true),
        (r#"{"IpAddress":{"ip":"10.1.2.3"}}"#, true),
        (r#"{"IpAddress":{"ip6":"2001:db8::/32"}}"#, true),
        (r#"{"IpAddress":{"ip6":"10.0.0.0/8"}}"#, false),
        (r#"{"NotIpAddress":{"ip":"10.0.0.0/8"}}"#, false),
        (r#"{"NotIpAddress":{"ip":"10.0.0.0/33"}}"#, false),
        (r#"{"ArnEquals":{"a":"arn:aws:sns:*:1:t:?"}}"#, true),
        (r#"{"ArnLike":{"a":"arn:aws:sns:*"}}"#, false),
        (r#"{"ArnLike":{"a":"*"}}"#, true),
        (r#"{"ArnNotLike":{"a":"arn:aws:sns:*:*:t:x"}}"#, false),
        (r#"{"ArnNotEquals":{"a":"arn:aws:sns:*:*:u"}}"#, true),
        (r#"{"Null":{"k":"false"}}"#, true),
        (r#"{"Null":{"aws:SourceVpc":"true"}}"#, true),
        (r#"{"Null":{"aws:SourceVpc":false}}"#, false),
        (r#"{"StringEquals":{"k":"Value"},"Bool":{"b":"false"}}"#, false),
        (r#"{"StringEquals":{"k":[]}}"#, false),
    ] {
        assert_eq!(condition_allows(condition, &context), expected, "{condition}");
    }
}

#[test]
fn missing_keys_and_several_values_follow_the_quantifier() {
    let many = [("tags", "a"), ("tags", "b")];
    for (condition, expected) in [
        (r#"{"StringEquals":{"aws:SourceVpc":"v"}}"#, false),
        (r#"{"StringNotEquals":{"aws:SourceVpc":"v"}}"#, true),
        (r#"{"StringEqualsIfExists":{"aws:SourceVpc":"v"}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"aws:SourceVpc":"v"}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"aws:SourceVpc":"v"}}"#, false),
        (r#"{"ForAnyValue:StringEquals":{"tags":["b","c"]}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"tags":["b","c"]}}"#, false),
        (r#"{"ForAllValues:StringLike":{"tags":["?"]}}"#, true),
        (r#"{"ForAnyValue:StringNotEquals":{"tags":"a"}}"#, true),
        (r#"{"ForAllValues:StringNotEquals":{"tags":"a"}}"#, false),
    ] {
        assert_eq!(condition_allows(condition, &many), expected, "{condition}");
    }
}

#[test]
fn what_cannot_be_judged_never_allows_and_always_denies() {
    for condition in [
        r#"{"StringEquals":{"aws:ResourceTag/team":"x"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#,
        r#"{"StringLike":{"aws:UserAgent":"*"}}"#,
        r#"{"StringNotEquals":{"sqs:Unheard":"x"}}"#,
        r#"{"StringEqualsIfExists":{"aws:Unheard":"x"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":"x"}}"#,
        r#"{"Null":{"aws:Unheard":"true"}}"#,
    ] {
        assert!(!condition_allows(condition, &[]), "{condition} allowed");
        let owner = caller(Principal::Account(Account::DEFAULT));
        let deny = statement("Deny", r#""*""#, condition);
        assert!(denied(&owner, Some(&deny), &[]).is_some(), "{condition} spared");
    }
}

#[test]
fn requests_come_from_an_address_and_a_program() {
    let origin = |source_ip: &str, user_agent: Option<&str>| Origin {
        source_ip: source_ip.parse().unwrap(),
        user_agent: user_agent.map(Arc::from),
        trace_header: None,
    };
    let outside = Caller { origin: Some(origin("198.51.100.7", Some("aws-cli/2.1"))), ..caller(role()) };
    let v6 = Caller { origin: Some(origin("2001:db8::7", None)), ..caller(role()) };
    let passed_on = Caller { depth: 1, ..outside.clone() };
    let service = caller(Principal::Service("events.amazonaws.com"));
    for (condition, expected) in [
        (r#"{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}"#, [true, false, false, false]),
        (r#"{"NotIpAddress":{"aws:SourceIp":"198.51.100.0/24"}}"#, [false, true, false, true]),
        (r#"{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}"#, [false, true, false, false]),
        (r#"{"Null":{"aws:SourceIp":"true"}}"#, [false, false, false, true]),
        (r#"{"StringLike":{"aws:UserAgent":"aws-cli/*"}}"#, [true, false, false, false]),
        (r#"{"Null":{"aws:UserAgent":"true"}}"#, [false, true, false, true]),
    ] {
        let allowed = [&outside, &v6, &passed_on, &service]
            .map(|caller| denied(caller, Some(&statement("Allow", r#""*""#, condition)), &[]).is_none());
        assert_eq!(allowed, expected, "{condition}");
    }
}

#[test]
fn a_role_s_tags_are_its_principal_tags() {
    let tags = vec![("Team".to_owned(), "blue".to_owned())];
    let identity = IdentityPolicies { tags, ..IdentityPolicies::default() };
    let tagged = Caller { identity: Some(Arc::new(identity)), ..caller(role()) };
    let untagged = with_policies(role(), &[]);
    let unknown = caller(role());
    for (condition, expected) in [
        (r#"{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}"#, [true, false, false]),
        (r#"{"StringEquals":{"aws:principaltag/team":["red","blue"]}}"#, [true, false, false]),
        (r#"{"StringNotEquals":{"aws:PrincipalTag/Team":"blue"}}"#, [false, true, true]),
        (r#"{"Null":{"aws:PrincipalTag/Other":"true"}}"#, [true, true, true]),
        (r#"{"StringEquals":{"k":"${aws:PrincipalTag/team}"}}"#, [true, false, false]),
    ] {
        let allowed = [&tagged, &untagged, &unknown].map(|caller| {
            denied(caller, Some(&statement("Allow", r#""*""#, condition)), &[("k", "blue")]).is_none()
        });
        assert_eq!(allowed, expected, "{condition}");
    }
}

#[test]
fn global_keys_tell_who_calls_and_for_what() {
    let alarm = Caller {
        source_arn: Some("arn:aws:cloudwatch:us-east-1:000000000000:alarm:a".into()),
        ..caller(Principal::Service("cloudwatch.amazonaws.com"))
    };
    let events = caller(Principal::Service("events.amazonaws.com"));
    let owner = caller(Principal::Account(Account::DEFAULT));
    let user = with_policies(Principal::User(USER.into()), &[ALLOW_SEND]);
    let worker = with_policies(role(), &[ALLOW_SEND]);
    for (caller, key, value) in [
        (&events, "aws:SourceArn", Some(RULE)),
        (&events, "AWS:SourceAccount", Some("000000000000")),
        (&events, "aws:PrincipalServiceName", Some("events.amazonaws.com")),
        (&events, "aws:PrincipalIsAWSService", Some("true")),
        (&events, "aws:SourceOwner", None),
        (&events, "aws:PrincipalArn", None),
        (&alarm, "AWS:SourceOwner", Some("000000000000")),
        (&owner, "aws:PrincipalType", Some("Account")),
        (&owner, "aws:PrincipalArn", Some("arn:aws:iam::000000000000:root")),
        (&owner, "aws:userid", Some("000000000000")),
        (&owner, "aws:SourceArn", None),
        (&owner, "aws:ViaAWSService", Some("false")),
        (&user, "aws:PrincipalArn", Some(USER)),
        (&user, "aws:username", Some("alice")),
        (&user, "aws:PrincipalType", Some("User")),
        (&worker, "aws:PrincipalArn", Some(ROLE)),
        (&worker, "aws:PrincipalType", Some("AssumedRole")),
        (&worker, "aws:PrincipalAccount", Some("000000000000")),
        (&worker, "aws:ResourceAccount", Some("000000000000")),
        (&worker, "aws:RequestedRegion", Some("us-east-1")),
        (&worker, "aws:username", None),
    ] {
        let condition = match value {
            Some(value) => format!(r#"{{"StringNotEquals":{{"{key}":"{value}"}}}}"#),
            None => format!(r#"{{"Null":{{"{key}":"false"}}}}"#),
        };
        let policy = statement("Deny", r#""*""#, &condition).replace(
            r#""Statement":{"#,
            &format!(
                r#""Statement":[{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"{QUEUE}"}},{{"#
            ),
        );
        let policy = format!("{}]}}", policy.strip_suffix('}').unwrap());
        assert_eq!(denied(caller, Some(&policy), &[]), None, "{key}");
    }
}

#[test]
fn not_forms_and_variables_apply() {
    let document = |fields: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{fields}}}]}}"#);
    let user = with_policies(
        Principal::User(USER.into()),
        &[&document(
            r#""Effect":"Allow","NotAction":"sqs:Delete*","NotResource":"arn:aws:sqs:*:*:${aws:username}""#,
        )],
    );
    assert_eq!(denied(&user, None, &[]), None);
    let resource =
        r#""Effect":"Allow","Action":"*","Resource":"arn:aws:sqs:*:${aws:PrincipalAccount}:orders""#;
    assert_eq!(denied(&with_policies(role(), &[&document(resource)]), None, &[]), None);
    let old = document(resource).replace("2012-10-17", "2008-10-17");
    assert!(denied(&with_policies(role(), &[&old]), None, &[]).is_some());
    let excepted =
        format!(r#""Effect":"Deny","NotPrincipal":{{"AWS":["000000000000","{USER}"]}},"Action":"*""#);
    let owner = caller(Principal::Account(Account::DEFAULT));
    assert_eq!(denied(&owner, Some(&document(&excepted)), &[]), None);
    assert_eq!(denied(&user, Some(&document(&excepted)), &[]), None);
    let worker = with_policies(role(), &[ALLOW_SEND]);
    assert!(denied(&worker, Some(&document(&excepted)), &[]).is_some());
}

#[test]
fn malformed_documents_are_refused_in_iams_words() {
    let resource = Document::parse as fn(&str) -> Result<Document, String>;
    let identity = Document::parse_identity as fn(&str) -> Result<Document, String>;
    let trust = Document::parse_trust as fn(&str) -> Result<Document, String>;
    let of = |fields: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{fields}}}]}}"#);
    let long = format!(r#"{{"Id":"{}"}}"#, "x".repeat(DOCUMENT_BYTES_MAX));
    for (parse, json, message) in [
        (resource, "not json".into(), "This policy contains invalid Json"),
        (resource, "[".repeat(60_000), "This policy contains invalid Json"),
        (resource, long, "The policy is longer than 65536 bytes."),
        (resource, "[]".into(), "Syntax errors in policy."),
        (resource, "{}".into(), "Syntax errors in policy."),
        (resource, r#"{"Version":"2020-01-01","Statement":[]}"#.into(), "The policy must contain a valid version string"),
        (resource, r#"{"Statements":[]}"#.into(), "Unknown field Statements"),
        (resource, of(r#""Principal":"*","Action":"*""#), "Missing required field Effect"),
        (resource, of(r#""Effect":"allow","Principal":"*","Action":"*""#), "Invalid effect: allow"),
        (resource, of(r#""Effect":"Allow","Principal":"*""#), "Policy statement must contain actions."),
        (resource, of(r#""Effect":"Allow","Action":"*""#), "Missing required field Principal"),
        (resource, of(r#""Effect":"Allow","Principal":"me","Action":"*""#), r#"Invalid principal in policy: "me""#),
        (
            resource,
            of(r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},"Action":"*""#),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*""#,
        ),
        (
            resource,
            of(r#""Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringIs":{"a":"b"}}"#),
            "Invalid Condition type : StringIs",
        ),
        (
            resource,
            of(r#""Effect":"Allow","Principal":"*","Action":"*","Condition":{"NullIfExists":{"a":"true"}}"#),
            "Invalid Condition type : NullIfExists",
        ),
        (
            resource,
            r#"{"Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*"},{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*"}]}"#.into(),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (identity, of(r#""Effect":"Allow","Action":"*""#), "Policy statement must contain resources."),
        (identity, of(r#""Effect":"Allow","Action":"Send","Resource":"*""#), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (identity, of(r#""Effect":"Allow","Action":"a:b:c","Resource":"*""#), "Actions/Condition can contain only one colon."),
        (identity, of(r#""Effect":"Allow","Action":"s_s:b","Resource":"*""#), "Vendor s_s is not valid"),
        (identity, of(r#""Effect":"Allow","Action":"*","Resource":"queue""#), r#"Resource queue must be in ARN format or "*"."#),
        (identity, of(r#""Effect":"Allow","Principal":"*","Action":"*","Resource":"*""#), "Policy document should not specify a principal."),
        (trust, of(r#""Effect":"Allow","Principal":{"AWS":"*"},"Action":"sqs:*""#), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust, of(r#""Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*""#), "Has prohibited field Resource"),
    ] {
        assert_eq!(parse(&json), Err(message.to_owned()), "{}", &json[..json.len().min(200)]);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(json in r#"[{}\[\]":,a-zA-Z0-9$*? ]{0,80}"#) {
        let _ = Document::parse(&json);
    }

    #[test]
    fn a_denying_statement_always_wins(allow_first in any::<bool>(), resource in any::<bool>()) {
        let allow = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
        let deny = r#"{"Effect":"Deny","Principal":"*","Action":"sqs:?end*","Resource":"*"}"#;
        let pair = if allow_first { [allow, deny] } else { [deny, allow] };
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{},{}]}}"#, pair[0], pair[1]);
        let caller = with_policies(role(), &[ALLOW_SEND, if resource { ALLOW_SEND } else { DENY_SEND }]);
        prop_assert!(denied(&caller, Some(&policy), &[]).is_some());
    }
}
