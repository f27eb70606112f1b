use serde_json::{Value, json};

use super::checks;
use super::system::System;

const ARN: &str = "us-east-1:000000000000";

fn rule(bus: &str, name: &str, pattern: Value, targets: &[Value]) -> Value {
    json!({ "name": name, "arn": format!("arn:aws:events:{ARN}:rule/{bus}/{name}"), "enabled": true, "pattern": pattern.to_string(), "targets": targets })
}

fn to(arn: &str) -> Value {
    json!({ "id": "t", "arn": arn, "role": null, "deadLetterTarget": null })
}

fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:{ARN}:event-bus/{name}")
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{ARN}:{name}")
}

fn bus(name: &str, rules: &[Value]) -> Value {
    json!({ "name": name, "arn": bus_arn(name), "rules": rules })
}

fn queue(name: &str, policy: Value) -> Value {
    let policy = if policy.is_null() { Value::Null } else { policy.to_string().into() };
    json!({ "name": name, "arn": queue_arn(name), "policy": policy, "visibilityTimeoutSeconds": 30, "deadLetterTarget": null })
}

/// A policy that lets a rule send to a queue.
fn allows(queue: &str, rule: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage", "Resource": queue_arn(queue),
        "Condition": { "ArnEquals": { "aws:SourceArn": format!("arn:aws:events:{ARN}:rule/{rule}") } },
    }] })
}

/// What is found, as severity, resource and code.
fn found(parts: Value) -> Vec<String> {
    found_in(parts, false)
}

fn found_in(parts: Value, is_live: bool) -> Vec<String> {
    let mut wiring = json!({ "account": "000000000000", "region": "us-east-1" });
    wiring.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    let findings = checks::all(&System::read(wiring, is_live).unwrap());
    assert!(
        findings.iter().all(|finding| !finding.why.is_empty() && !finding.fix.is_empty()),
        "{findings:?}"
    );
    findings
        .iter()
        .map(|finding| format!("{} {} {}", finding.severity.name(), finding.resource, finding.code))
        .collect()
}

#[test]
fn a_queue_that_lets_the_rule_in_is_no_finding_and_any_other_is() {
    let targets = [to(&queue_arn("q"))];
    let orders = bus("b", &[rule("b", "r", json!({"source": ["a"]}), &targets)]);
    let none: Vec<String> = Vec::new();
    assert_eq!(found(json!({ "buses": [orders], "queues": [queue("q", allows("q", "b/r"))] })), none);
    for policy in [Value::Null, allows("q", "b/other"), allows("other", "b/r")] {
        let denied = found(json!({ "buses": [orders], "queues": [queue("q", policy)] }));
        assert_eq!(denied, ["error rule b/r queue-denies-rule"]);
    }
    assert_eq!(found(json!({ "buses": [orders] })), ["error rule b/r target-missing"]);
    // What another account or region has is not looked at.
    let elsewhere = [to("arn:aws:sqs:eu-west-1:000000000000:q"), to("arn:aws:sqs:us-east-1:111111111111:q")];
    assert_eq!(
        found(json!({ "buses": [bus("b", &[rule("b", "r", json!({"source": ["a"]}), &elsewhere)])] })),
        none
    );
}

#[test]
fn functions_and_topics_need_permissions_too() {
    let function = format!("arn:aws:lambda:{ARN}:function:f");
    let topic = format!("arn:aws:sns:{ARN}:t");
    let targets = [to(&function), to(&topic), to(&format!("{function}:live"))];
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "lambda:InvokeFunction", "Resource": function }] });
    let parts = |policies: Value| {
        json!({
            "buses": [bus("b", &[rule("b", "r", json!({"source": ["a"]}), &targets)])],
            "functions": [{ "name": "f", "arn": function, "timeoutSeconds": 3, "policies": policies, "deadLetterTarget": null }],
            "topics": [{ "arn": topic, "policy": null }],
        })
    };
    let denied = "error rule b/r function-denies-rule";
    assert_eq!(found(parts(json!({}))), [denied, denied, "error rule b/r topic-denies-rule"]);
    // The permission of the function itself is not its alias's.
    assert_eq!(found(parts(json!({ "": policy.to_string() }))), [denied, "error rule b/r topic-denies-rule"]);
}

#[test]
fn a_pattern_that_can_never_match_is_an_error() {
    let rules = [rule("b", "r", json!({"detailType": ["OrderCreated"]}), &[to(&bus_arn("other"))])];
    let parts = json!({ "buses": [bus("b", &rules), bus("other", &[])] });
    assert_eq!(found(parts), ["error rule b/r never-matches"]);
}

#[test]
fn a_circle_is_an_error_where_it_is_certain_and_a_warning_where_it_may_be() {
    let back = |pattern: Value| {
        let first = bus("one", &[rule("one", "out", json!({"source": ["a"]}), &[to(&bus_arn("two"))])]);
        let second = bus("two", &[rule("two", "back", pattern, &[to(&bus_arn("one"))])]);
        found(json!({ "buses": [first, second] }))
    };
    assert_eq!(back(json!({"source": ["a", "b"]})), ["error rule one/out loop"]);
    assert_eq!(back(json!({"detail": {"x": [1]}})), ["warning rule one/out loop"]);
    assert_eq!(back(json!({"source": ["b"]})), Vec::<String>::new());
    let own = bus("one", &[rule("one", "r", json!({"source": [{"prefix": ""}]}), &[to(&bus_arn("one"))])]);
    assert_eq!(found(json!({ "buses": [own] })), ["error rule one/r loop"]);
}

#[test]
fn a_thicket_of_rules_between_buses_ends() {
    let names: Vec<String> = (0..8).map(|n| format!("bus{n}")).collect();
    let targets: Vec<Value> = names.iter().map(|name| to(&bus_arn(name))).collect();
    let buses: Vec<Value> = names
        .iter()
        .map(|name| {
            let rules: Vec<Value> = (0..4)
                .map(|n| rule(name, &format!("r{n}"), json!({"detail": {format!("f{n}"): [1]}}), &targets))
                .collect();
            bus(name, &rules)
        })
        .collect();
    assert!(found(json!({ "buses": buses })).contains(&"error rule bus0/r0 loop".to_owned()));
}

#[test]
fn a_rule_in_the_shadow_of_another_delivers_twice() {
    let (q, p) = (queue_arn("q"), queue_arn("p"));
    let rules = |narrow_target: &str| {
        [
            rule("b", "narrow", json!({"source": ["a"], "detail": {"x": [1]}}), &[to(narrow_target)]),
            rule("b", "wide", json!({"source": ["a"]}), &[to(&q)]),
        ]
    };
    let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }] });
    let queues = [queue("q", open.clone()), queue("p", open)];
    let same = found(json!({ "buses": [bus("b", &rules(&q))], "queues": queues }));
    assert_eq!(same, ["warning rule b/narrow shadowed"]);
    assert_eq!(found(json!({ "buses": [bus("b", &rules(&p))], "queues": queues })), Vec::<String>::new());
}

#[test]
fn dead_letters_want_an_alarm_and_mappings_time() {
    let mut work = queue("work", Value::Null);
    work["deadLetterTarget"] = queue_arn("dead").into();
    let dimensions = json!({ "QueueName": "dead" });
    let mut parts = json!({
        "queues": [work, queue("dead", Value::Null)],
        "functions": [{ "name": "f", "arn": format!("arn:aws:lambda:{ARN}:function:f"), "timeoutSeconds": 10, "policies": {}, "deadLetterTarget": null }],
        "mappings": [{ "source": queue_arn("work"), "function": "f", "enabled": true }],
    });
    assert_eq!(
        found(parts.clone()),
        ["warning queue dead dead-letters-unwatched", "warning queue work visibility-too-short"]
    );
    parts["queues"][0]["visibilityTimeoutSeconds"] = 60.into();
    // What SQS moves to a dead-letter queue is not counted as sent.
    for (metric, expected) in [("NumberOfMessagesSent", 1), ("ApproximateNumberOfMessagesVisible", 0)] {
        parts["alarms"] =
            json!([{ "metrics": [{ "namespace": "AWS/SQS", "name": metric, "dimensions": dimensions }] }]);
        assert_eq!(found(parts.clone()).len(), expected, "{metric}");
    }
}

#[test]
fn a_subscriber_that_does_not_let_its_topic_in_gets_nothing() {
    let topic = format!("arn:aws:sns:{ARN}:t");
    let parts = json!({
        "topics": [{ "arn": topic, "policy": null }],
        "subscriptions": [
            { "topic": topic, "protocol": "sqs", "endpoint": queue_arn("q") },
            { "topic": topic, "protocol": "sqs", "endpoint": queue_arn("gone") },
            { "topic": topic, "protocol": "https", "endpoint": "https://example.com" },
        ],
        "queues": [queue("q", Value::Null)],
    });
    assert_eq!(found(parts), ["error topic t subscriber-denies-topic", "error topic t subscriber-missing"]);
}

/// A role that `service` may assume, with one statement.
fn role(service: &str, statement: Value) -> Value {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" },
    ] });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    json!({ "arn": "arn:aws:iam::000000000000:role/r", "trust": trust.to_string(), "policies": [policy.to_string()], "boundary": null })
}

fn allow(action: Value, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

#[test]
fn a_role_that_does_not_allow_the_call_is_an_error() {
    let api = format!("arn:aws:events:{ARN}:api-destination/d/1");
    let target = json!({ "id": "t", "arn": api, "role": "arn:aws:iam::000000000000:role/r", "deadLetterTarget": null });
    let parts = |roles: Value| json!({ "buses": [bus("b", &[rule("b", "r", json!({"source": ["a"]}), std::slice::from_ref(&target))])], "apiDestinations": [api], "roles": roles });
    let events = "events.amazonaws.com";
    let gone = json!({ "buses": [bus("b", &[rule("b", "r", json!({"source": ["a"]}), &[to(&api)])])] });
    assert_eq!(found(gone), ["error rule b/r target-missing"]);
    let none: Vec<String> = Vec::new();
    let may_not = ["error rule b/r role-may-not"];
    assert_eq!(found(parts(json!([role(events, allow(json!("events:InvokeApiDestination"), &api))]))), none);
    assert_eq!(found(parts(json!([role(events, allow(json!("events:PutEvents"), &api))]))), may_not);
    assert_eq!(found(parts(json!([role(events, allow(json!("events:*"), &format!("{api}x")))]))), may_not);
    let other = role("pipes.amazonaws.com", allow(json!("*"), "*"));
    assert_eq!(found(parts(json!([other]))), ["error rule b/r role-not-assumable"]);
    let mut bounded = role(events, allow(json!("*"), "*"));
    bounded["boundary"] = "".into();
    assert_eq!(found(parts(json!([bounded]))), may_not);
    // What a condition asks for may be so when the call is made.
    let mut statement = allow(json!("*"), "*");
    statement["Condition"] = json!({ "StringEquals": { "aws:RequestedRegion": "eu-west-1" } });
    assert_eq!(found(parts(json!([role(events, statement)]))), ["warning rule b/r role-may-not"]);
    // A template may name a role that was made elsewhere; what a server has not is not there.
    assert_eq!(found(parts(json!([]))), none);
    assert_eq!(found_in(parts(json!([])), true), ["error rule b/r role-missing"]);
}

#[test]
fn roles_of_schedules_pipes_and_mappings_are_judged_too() {
    let arn = "arn:aws:iam::000000000000:role/r";
    let function = format!("arn:aws:lambda:{ARN}:function:f");
    let takes = json!(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]);
    let schedule = json!({ "name": "default/s", "groupArn": format!("arn:aws:scheduler:{ARN}:schedule-group/default"), "enabled": true,
        "target": queue_arn("q"), "role": arn });
    let schedules = |statement| json!({ "schedules": [schedule], "queues": [queue("q", Value::Null)], "roles": [role("scheduler.amazonaws.com", statement)] });
    let none: Vec<String> = Vec::new();
    assert_eq!(found(schedules(allow(json!("sqs:SendMessage"), &queue_arn("q")))), none);
    assert_eq!(
        found(schedules(allow(json!("sqs:SendMessage"), &queue_arn("p")))),
        ["error schedule default/s role-may-not"]
    );

    let pipes = |actions: Value| {
        json!({
            "pipes": [{ "name": "p", "arn": format!("arn:aws:pipes:{ARN}:pipe/p"), "enabled": true, "role": arn, "source": queue_arn("q"),
                "filtered": false, "enrichment": function, "target": queue_arn("to"), "event": null }],
            "queues": [queue("q", Value::Null), queue("to", Value::Null)],
            "roles": [role("pipes.amazonaws.com", allow(actions, "*"))],
        })
    };
    assert_eq!(found(pipes(json!(["sqs:*", "lambda:InvokeFunction"]))), none);
    assert_eq!(found(pipes(json!(["sqs:*"]))), ["error pipe p role-may-not"]);
    assert_eq!(found(pipes(json!(["lambda:InvokeFunction", takes[0], takes[1], takes[2]]))).len(), 1);

    let mut work = queue("work", Value::Null);
    work["visibilityTimeoutSeconds"] = 60.into();
    let mappings = |actions: Value| {
        json!({
            "queues": [work],
            "functions": [{ "name": "f", "arn": function, "role": arn, "timeoutSeconds": 10, "policies": {}, "deadLetterTarget": null }],
            "mappings": [{ "source": queue_arn("work"), "function": "f", "enabled": true }],
            "roles": [role("lambda.amazonaws.com", allow(actions, "*"))],
        })
    };
    assert_eq!(found(mappings(takes.clone())), none);
    assert_eq!(
        found(mappings(takes[0].clone())),
        ["error function f role-may-not", "error function f role-may-not"]
    );
}

fn pipe(name: &str, source: &str, target: &str) -> Value {
    let event = target.contains("event-bus").then(|| json!({ "source": "shop", "detailType": "made" }));
    json!({ "name": name, "arn": format!("arn:aws:pipes:{ARN}:pipe/{name}"), "enabled": true, "role": "arn:aws:iam::111111111111:role/other",
        "source": source, "filtered": false, "enrichment": null, "target": target, "event": event })
}

#[test]
fn a_circle_of_pipes_is_told_where_it_is_certain() {
    let (q, p) = (queue_arn("q"), queue_arn("p"));
    let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }] });
    let queues = json!([queue("q", open.clone()), queue("p", open)]);
    let of = |pipes: Value| found(json!({ "pipes": pipes, "queues": queues }));
    let none: Vec<String> = Vec::new();
    assert_eq!(of(json!([pipe("a", &q, &q)])), ["error pipe a pipe-loop"]);
    assert_eq!(of(json!([pipe("a", &q, &p), pipe("b", &p, &q)])), ["error pipe a pipe-loop"]);
    assert_eq!(of(json!([pipe("a", &q, &p), pipe("b", &p, &p)])), ["error pipe b pipe-loop"]);
    assert_eq!(of(json!([pipe("a", &q, &p)])), none);
    for (what, value) in
        [("filtered", true.into()), ("enrichment", json!(format!("arn:aws:lambda:{ARN}:function:f")))]
    {
        let mut once = pipe("a", &q, &q);
        once[what] = value;
        assert_eq!(of(json!([once])), none, "{what}");
    }

    let by_bus = |pattern: Value| {
        let back = bus("b", &[rule("b", "r", pattern, &[to(&q)])]);
        found(json!({ "pipes": [pipe("a", &q, &bus_arn("b"))], "queues": queues, "buses": [back] }))
    };
    assert_eq!(by_bus(json!({"source": ["shop"]})), ["error pipe a pipe-loop"]);
    assert_eq!(by_bus(json!({"source": ["shop"], "detail": {"x": [1]}})), none);
    assert_eq!(by_bus(json!({"source": ["other"]})), none);

    let topic = format!("arn:aws:sns:{ARN}:t");
    let by_topic = |filtered: bool| {
        let subscription = json!({ "topic": topic, "protocol": "sqs", "endpoint": q, "filtered": filtered });
        found(
            json!({ "pipes": [pipe("a", &q, &topic)], "queues": queues, "topics": [{ "arn": topic, "policy": null }],
            "subscriptions": [subscription] }),
        )
    };
    assert_eq!(by_topic(false), ["error pipe a pipe-loop"]);
    assert_eq!(by_topic(true), none);
}
