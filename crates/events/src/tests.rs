//! Events through buses, rules and targets, with time, failures and restarts.

use std::time::Duration;

use pontoon_api::events::*;
use pontoon_core::ids::parse_uuid;
use pontoon_core::{ApiError, Inspect, Output, PolicyMode, Principal, Scope, Service, TraceId, TraceOutcome};

use crate::testing::{Bench, Sent, scope};

mod archives;
mod destinations;
mod journal;

fn queue(name: &str) -> String {
    scope().arn("sqs", name)
}

fn output<T: 'static>(answer: Result<Box<dyn Output>, ApiError>) -> T {
    *answer.unwrap().into_any().downcast::<T>().unwrap()
}

fn message(answer: Result<Box<dyn Output>, ApiError>) -> String {
    let error = answer.unwrap_err();
    format!("{}: {}", error.code, error.message)
}

impl Bench {
    fn put_rule(&mut self, bus: &str, name: &str, pattern: &str) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::PutRule(PutRuleInput {
            name: name.into(),
            event_bus_name: Some(bus.into()),
            event_pattern: Some(pattern.into()),
            ..Default::default()
        }))
    }

    fn put_target(&mut self, bus: &str, rule: &str, target: Target) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::PutTargets(PutTargetsInput {
            rule: rule.into(),
            event_bus_name: Some(bus.into()),
            targets: vec![target],
        }))
    }

    /// A rule of the default bus that matches everything of source `s` and sends it to `target`.
    fn with_rule(target: Target) -> Self {
        let mut bench = Self::new();
        bench.put_rule("default", "r", r#"{"source":["s"]}"#).unwrap();
        bench.put_target("default", "r", target).unwrap();
        bench
    }

    fn put_event(&mut self, bus: &str, source: &str, detail: &str) -> PutEventsResultEntry {
        let answer = self.call(Request::PutEvents(PutEventsInput {
            entries: vec![PutEventsRequestEntry {
                source: Some(source.into()),
                detail_type: Some("t".into()),
                detail: Some(detail.into()),
                event_bus_name: Some(bus.into()),
                ..Default::default()
            }],
            endpoint_id: None,
        }));
        output::<PutEventsOutput>(answer).entries.unwrap().remove(0)
    }
}

fn to(arn: String) -> Target {
    Target { id: "1".into(), arn, ..Default::default() }
}

fn unavailable() -> ApiError {
    ApiError::server("ServiceUnavailable", "Try later.")
}

#[test]
fn a_matching_event_reaches_its_target_as_the_service() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let entry = bench.put_event("default", "s", r#"{ "b": 1.50, "a": "x y" }"#);
    let id = entry.event_id.unwrap();
    let Sent { what, resource, principal, source_arn, content, .. } = &bench.sent[0];
    assert_eq!((*what, resource.as_str()), ("SendMessage", queue("q").as_str()));
    assert_eq!(*principal, Principal::Service("events.amazonaws.com"));
    assert_eq!(source_arn, "arn:aws:events:us-east-1:000000000000:rule/r");
    assert_eq!(
        *content,
        format!(
            r#"{{"version":"0","id":"{id}","detail-type":"t","source":"s","account":"000000000000","time":"2026-01-31T12:00:00Z","region":"us-east-1","resources":[],"detail":{{"b":1.50,"a":"x y"}}}}"#
        )
    );
    bench.put_event("default", "other", "{}");
    assert_eq!(bench.sent.len(), 1);
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("MatchedEvents", "r"), 1.0);
    assert_eq!(bench.metric("TriggeredRules", "r"), 1.0);
    assert_eq!(bench.metric("Invocations", "r"), 1.0);
    assert_eq!(bench.metric("FailedInvocations", "r"), 0.0);
    assert_eq!(bench.metric("PutEventsEntriesCount", ""), 2.0);
    assert_eq!(bench.metric("PutEventsApproximateSuccessCount", ""), 2.0);
    assert_eq!(bench.metric("InvocationAttempts", ""), 2.0, "one of the account, one of the bus");
}

#[test]
fn a_detail_beyond_the_matchers_bounds_is_malformed_and_reaches_nobody() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let detail = format!(r#"{{"a":{}}}"#, "7".repeat(1001));
    for bus in ["default", "missing"] {
        let entry = bench.put_event(bus, "s", &detail);
        assert_eq!(entry.error_code.as_deref(), Some("MalformedDetail"), "{bus}");
    }
    assert!(bench.sent.is_empty());
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn every_kind_of_target_is_called_by_its_own_operation() {
    let logs = Scope::default().arn("logs", "log-group:/aws/events/g");
    for (arn, what, content) in [
        (queue("q"), "SendMessage", "\"x\""),
        (scope().arn("sns", "topic"), "Publish", "\"x\""),
        (scope().arn("lambda", "function:f"), "Invoke", "f \"x\""),
        (logs, "PutLogEvents", "2026/01/31/r \"x\""),
    ] {
        let mut bench = Bench::with_rule(Target { input: Some("\"x\"".into()), ..to(arn.clone()) });
        bench.put_event("default", "s", "{}");
        let sent = bench.sent.last().unwrap();
        assert_eq!((sent.what, sent.content.as_str()), (what, content), "{arn}");
    }
}

#[test]
fn entries_are_refused_one_by_one_as_recorded() {
    let mut bench = Bench::new();
    let entry =
        |source: Option<&str>, detail_type: Option<&str>, detail: Option<&str>| PutEventsRequestEntry {
            source: source.map(Into::into),
            detail_type: detail_type.map(Into::into),
            detail: detail.map(Into::into),
            ..Default::default()
        };
    let entries = vec![
        entry(None, Some("t"), Some("{}")),
        entry(Some("s"), None, Some("{}")),
        entry(Some("s"), Some("t"), None),
        entry(Some("s"), Some("t"), Some("[]")),
        entry(Some("s"), Some("t"), Some("{\"a\"")),
        entry(Some("s"), Some("t"), Some("\"{}\"")),
        entry(Some("aws.s3"), Some("t"), Some("{}")),
        entry(Some("s"), Some("t"), Some("{}")),
    ];
    let answer = bench.call(Request::PutEvents(PutEventsInput { entries, endpoint_id: None }));
    let PutEventsOutput { failed_entry_count, entries } = output(answer);
    assert_eq!(failed_entry_count, Some(7));
    let messages: Vec<String> =
        entries.unwrap().into_iter().map(|entry| entry.error_message.unwrap_or_default()).collect();
    assert_eq!(
        messages,
        [
            "Parameter Source is not valid. Reason: Source is a required argument.",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            "Parameter Detail is not valid. Reason: Detail is a required argument.",
            "Detail is malformed.",
            "Detail is malformed.",
            "Detail is malformed.",
            "Not authorized for the source.",
            "",
        ]
    );
    let big = entry(Some("s"), Some("t"), Some(&format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20))));
    let answer = bench.call(Request::PutEvents(PutEventsInput { entries: vec![big], endpoint_id: None }));
    assert_eq!(
        message(answer),
        "ValidationException: Total size of the entries in the request is over the limit."
    );
}

#[test]
fn an_event_that_is_tested_has_the_fields_that_all_events_have() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let whole = r#"{"id":"1","account":"a","source":"s","time":"t","region":"r","detail-type":"d"}"#;
    let mut tested = |event: &str| {
        bench.call(Request::TestEventPattern(TestEventPatternInput {
            event_pattern: r#"{"source":["s"]}"#.to_owned(),
            event: event.to_owned(),
        }))
    };
    let TestEventPatternOutput { result } = output(tested(whole));
    assert_eq!(result, Some(true));
    for field in ["id", "account", "source", "time", "region", "detail-type"] {
        let without = whole.replace(&format!("\"{field}\""), "\"another\"");
        assert_eq!(message(tested(&without)), "ValidationException: Parameter Event is not valid.");
    }
}

#[test]
fn events_for_an_unknown_bus_are_accepted_and_go_nowhere() {
    let mut bench = Bench::with_rule(to(queue("q")));
    assert!(bench.put_event("nowhere", "s", "{}").event_id.is_some());
    assert!(bench.sent.is_empty());
}

#[test]
fn services_may_put_events_of_aws() {
    let mut bench = Bench::new();
    bench.put_rule("default", "r", r#"{"source":["aws.cloudwatch"]}"#).unwrap();
    bench.put_target("default", "r", to(queue("q"))).unwrap();
    bench.caller.principal = Principal::Service("cloudwatch.amazonaws.com");
    assert!(bench.put_event("default", "aws.cloudwatch", "{}").event_id.is_some());
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn failures_that_may_pass_are_retried_with_growing_waits_and_survive_a_restart() {
    let mut bench = Bench::with_rule(to(queue("q")));
    bench.failures = Box::new(|sent| (sent.attempt < 6).then(unavailable));
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.sent.len(), 1);
    bench.advance(Duration::from_secs(3));
    assert!(bench.sent.len() >= 2);
    let before = bench.sent.len();
    bench.restart();
    bench.advance(Duration::from_secs(120));
    let attempts: Vec<u32> = bench.sent.iter().map(|sent| sent.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6], "{before} before the restart");
    let waits: Vec<u64> =
        bench.sent.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_millis() as u64).collect();
    for (retry, wait) in waits.iter().enumerate() {
        let full = 1000 << retry;
        assert!((full / 2..=full).contains(wait), "wait {retry}: {wait}");
    }
    assert!(bench.notes.iter().any(|note| note.outcome == TraceOutcome::Retrying));
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("Invocations", "r"), 1.0);
    assert_eq!(bench.metric("FailedInvocations", "r"), 0.0);
}

fn with_dead_letters(retries: i32, age: i32) -> Target {
    Target {
        dead_letter_config: Some(DeadLetterConfig { arn: Some(queue("dlq")) }),
        retry_policy: Some(RetryPolicy {
            maximum_retry_attempts: Some(retries),
            maximum_event_age_in_seconds: Some(age),
        }),
        ..to(queue("q"))
    }
}

fn attributes(sent: &Sent) -> Vec<String> {
    sent.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn exhausted_retries_end_in_the_dead_letter_queue_with_the_reason() {
    for (retries, age, condition) in [
        (2, 86_400, Some("MaximumRetryAttempts")),
        (0, 86_400, Some("MaximumRetryAttempts")),
        (185, 60, Some("MaximumEventAgeInSeconds")),
    ] {
        let mut bench = Bench::with_rule(with_dead_letters(retries, age));
        bench.failures = Box::new(|sent| (sent.resource == queue("q")).then(unavailable));
        bench.put_event("default", "s", r#"{"n":1}"#);
        bench.advance(Duration::from_secs(3600));
        let dead = bench.sent.last().unwrap();
        assert_eq!(dead.resource, queue("dlq"));
        assert!(dead.content.contains(r#""detail":{"n":1}"#));
        let made = bench.sent.len() - 1;
        let mut expected = vec!["ERROR_CODE=ERROR_FROM_TARGET".to_owned(), "ERROR_MESSAGE=Try later.".into()];
        expected.extend(condition.map(|condition| format!("EXHAUSTED_RETRY_CONDITION={condition}")));
        expected.push(format!("RETRY_ATTEMPTS={}", made - 1));
        expected.push("RULE_ARN=arn:aws:events:us-east-1:000000000000:rule/r".into());
        expected.push(format!("TARGET_ARN={}", queue("q")));
        assert_eq!(attributes(dead), expected);
        assert_eq!(bench.metric("InvocationsSentToDlq", "r"), 1.0);
        assert_eq!(bench.metric("FailedInvocations", "r"), 1.0);
        assert!(bench.notes.iter().any(|note| note.outcome == TraceOutcome::DeadLettered));
    }
}

#[test]
fn what_cannot_pass_is_not_retried() {
    for (error, code) in [
        (ApiError::client("AccessDenied", "No."), "NO_PERMISSIONS"),
        (ApiError::client("QueueDoesNotExist", "Gone."), "NO_RESOURCE"),
    ] {
        let mut bench = Bench::with_rule(with_dead_letters(185, 86_400));
        bench.failures = Box::new(move |sent| (sent.resource == queue("q")).then(|| error.clone()));
        bench.put_event("default", "s", "{}");
        assert_eq!(bench.sent.len(), 2);
        assert!(attributes(&bench.sent[1]).contains(&format!("ERROR_CODE={code}")));
        assert!(attributes(&bench.sent[1]).contains(&"RETRY_ATTEMPTS=0".to_owned()));
    }
}

#[test]
fn a_lost_event_says_so_in_its_trace() {
    let mut bench = Bench::with_rule(with_dead_letters(0, 60));
    bench.failures = Box::new(|_| Some(ApiError::client("AccessDenied", "No.")));
    bench.put_event("default", "s", "{}");
    assert!(bench.notes.iter().any(|note| note.reason.as_deref().is_some_and(|why| why.contains("is lost"))));
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("InvocationsFailedToBeSentToDlq", "r"), 1.0);
}

#[test]
fn an_event_keeps_its_id_from_bus_to_bus_and_loops_end() {
    let mut bench = Bench::new();
    let bus = scope().arn("events", "event-bus/b");
    bench
        .call(Request::CreateEventBus(CreateEventBusInput { name: "b".into(), ..Default::default() }))
        .unwrap();
    bench.put_rule("default", "on", r#"{"source":["s"]}"#).unwrap();
    bench.put_target("default", "on", to(bus.clone())).unwrap();
    bench.put_rule("b", "end", r#"{"account":["000000000000"],"detail":{"n":[1]}}"#).unwrap();
    bench.put_target("b", "end", to(queue("q"))).unwrap();
    let id = bench.put_event("default", "s", r#"{"n":1}"#).event_id.unwrap();
    let arrived = bench.sent.last().unwrap().clone();
    assert_eq!(arrived.resource, queue("q"));
    assert_eq!(arrived.source_arn, "arn:aws:events:us-east-1:000000000000:rule/b/end");
    assert!(arrived.content.contains(&id));
    let question =
        Inspect::ExplainEvent { id: TraceId(parse_uuid(&id).unwrap()), store: bench.store.as_ref() };
    let judged = bench.events.inspect(scope(), &question).unwrap();
    let rules: Vec<&str> =
        judged["rules"].as_array().unwrap().iter().filter_map(|rule| rule["rule"].as_str()).collect();
    assert_eq!(rules, ["on", "end"]);
    bench.put_rule("b", "back", r#"{"source":["s"]}"#).unwrap();
    bench.put_target("b", "back", to(scope().arn("events", "event-bus/default"))).unwrap();
    bench.put_event("default", "s", r#"{"n":2}"#);
    assert!(bench.sent.len() < 100);
    bench.advance(Duration::from_secs(60));
    assert_eq!(
        bench.metric("DeadLetterInvocations", "on") + bench.metric("DeadLetterInvocations", "back"),
        1.0
    );
}

#[test]
fn a_bus_of_another_account_is_open_to_whom_its_policy_allows() {
    let mut bench = Bench::with_rule(to("arn:aws:events:us-east-1:111111111111:event-bus/default".into()));
    let other = Scope { account: "111111111111".parse().unwrap(), ..scope() };
    bench.put_event("default", "s", "{}");
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("FailedInvocations", "r"), 1.0);
    let mut owner = bench.caller.clone();
    owner.principal = Principal::Account(other.account);
    owner.account = other.account;
    let permit = Request::PutPermission(PutPermissionInput {
        action: Some("events:PutEvents".into()),
        principal: Some("000000000000".into()),
        statement_id: Some("sid".into()),
        ..Default::default()
    });
    bench.call_as(other, &owner, permit).unwrap();
    bench.put_event("default", "s", "{}");
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("FailedInvocations", "r"), 1.0);
    assert_eq!(bench.metric("Invocations", "r"), 2.0);
}

#[test]
fn schedules_fire_on_time_and_not_again_after_a_restart() {
    let mut bench = Bench::new();
    bench
        .call(Request::PutRule(PutRuleInput {
            name: "r".into(),
            schedule_expression: Some("rate(5 minutes)".into()),
            ..Default::default()
        }))
        .unwrap();
    bench.put_target("default", "r", to(queue("q"))).unwrap();
    bench.advance(Duration::from_secs(601));
    let times: Vec<String> = bench.sent.iter().map(|sent| sent.at.iso_secs()).collect();
    assert_eq!(times, ["2026-01-31T12:05:00Z", "2026-01-31T12:10:00Z"]);
    let content = &bench.sent[0].content;
    assert!(content.contains(r#""detail-type":"Scheduled Event","source":"aws.events""#), "{content}");
    assert!(content.contains(r#""resources":["arn:aws:events:us-east-1:000000000000:rule/r"],"detail":{}"#));
    bench.restart();
    bench.advance(Duration::from_secs(200));
    assert_eq!(bench.sent.len(), 2);
    bench.put_event("default", "aws.events", "{}");
    bench.call(Request::DisableRule(DisableRuleInput { name: "r".into(), event_bus_name: None })).unwrap();
    bench.advance(Duration::from_secs(3600));
    assert_eq!(bench.sent.len(), 2);
}

#[test]
fn disabled_rules_match_nothing() {
    let mut bench = Bench::with_rule(to(queue("q")));
    bench.call(Request::DisableRule(DisableRuleInput { name: "r".into(), event_bus_name: None })).unwrap();
    bench.put_event("default", "s", "{}");
    assert!(bench.sent.is_empty());
    bench.call(Request::EnableRule(EnableRuleInput { name: "r".into(), event_bus_name: None })).unwrap();
    bench.restart();
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn rules_are_refused_as_recorded() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let rule = |name: &str| PutRuleInput { name: name.into(), ..Default::default() };
    assert_eq!(
        message(bench.call(Request::PutRule(rule("x")))),
        "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."
    );
    let schedule = |text: &str| PutRuleInput { schedule_expression: Some(text.into()), ..rule("x") };
    assert_eq!(
        message(bench.call(Request::PutRule(schedule("cron(0 1 * * * *)")))),
        "ValidationException: Parameter ScheduleExpression is not valid."
    );
    bench
        .call(Request::CreateEventBus(CreateEventBusInput { name: "b".into(), ..Default::default() }))
        .unwrap();
    let on_custom = PutRuleInput { event_bus_name: Some("b".into()), ..schedule("rate(1 minute)") };
    assert_eq!(
        message(bench.call(Request::PutRule(on_custom))),
        "ValidationException: ScheduleExpression is supported only on the default event bus."
    );
    assert_eq!(
        message(bench.put_rule("default", "x", r#"{"source": "s"}"#)),
        "InvalidEventPatternException: Event pattern is not valid. Reason: \"source\" must be an object or an array\n \
         at [Source: (String)\"{\"source\": \"s\"}\"; line: 1, column: 13]"
    );
    assert_eq!(
        message(bench.put_rule("gone", "x", r#"{"source":["s"]}"#)),
        "ResourceNotFoundException: Event bus gone does not exist."
    );
    let delete = DeleteRuleInput { name: "r".into(), ..Default::default() };
    assert_eq!(
        message(bench.call(Request::DeleteRule(delete))),
        "ValidationException: Rule can't be deleted since it has targets."
    );
    bench.call(Request::DeleteRule(DeleteRuleInput { name: "never".into(), ..Default::default() })).unwrap();
    assert_eq!(
        message(bench.put_target("default", "never", to(queue("q")))),
        "ResourceNotFoundException: Rule never does not exist on EventBus default."
    );
}

#[test]
fn targets_are_refused_as_recorded() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let mut put = |target: Target| message(bench.put_target("default", "r", target));
    assert_eq!(
        put(to("nonsense".into())),
        "ValidationException: Parameter nonsense is not valid. Reason: Provided Arn is not in correct format."
    );
    assert_eq!(
        put(to(scope().arn("states", "stateMachine:m"))),
        "NotSupportedByPontoon: Pontoon does not support targets of the service states."
    );
    assert_eq!(
        put(Target { input: Some("{}".into()), input_path: Some("$".into()), ..to(queue("q")) }),
        "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target 1."
    );
    let transformer =
        InputTransformer { input_paths_map: None, input_template: "\"<notdefinedkey>\"".into() };
    assert_eq!(
        put(Target { input_transformer: Some(transformer), ..to(queue("q")) }),
        "ValidationException: InputTemplate for target 1 contains invalid placeholder notdefinedkey."
    );
    assert_eq!(
        put(to(queue("q.fifo"))),
        "ValidationException: Parameter(s) SqsParameters must be specified for target: 1."
    );
    let kinesis = Some(KinesisParameters { partition_key_path: "$".into() });
    assert_eq!(
        put(Target { kinesis_parameters: kinesis, ..to(queue("q")) }),
        "NotSupportedByPontoon: Pontoon does not support KinesisParameters of a target."
    );
    for id in 2..=5 {
        bench.put_target("default", "r", Target { id: id.to_string(), ..to(queue("q")) }).unwrap();
    }
    let sixth = Target { id: "6".into(), ..to(queue("q")) };
    assert_eq!(
        message(bench.put_target("default", "r", sixth)),
        "LimitExceededException: The requested resource exceeds the maximum number allowed."
    );
    let answer = bench.call(Request::RemoveTargets(RemoveTargetsInput {
        rule: "r".into(),
        ids: vec!["2".into(), "9".into()],
        ..Default::default()
    }));
    let removed: RemoveTargetsOutput = output(answer);
    assert_eq!(removed.failed_entry_count, Some(1));
    let listed = bench.call(Request::ListTargetsByRule(ListTargetsByRuleInput {
        rule: "r".into(),
        limit: Some(3),
        ..Default::default()
    }));
    let listed: ListTargetsByRuleOutput = output(listed);
    let ids: Vec<String> = listed.targets.unwrap().into_iter().map(|target| target.id).collect();
    assert_eq!(ids, ["1", "3", "4"]);
    assert!(listed.next_token.is_some());
}

#[test]
fn buses_answer_as_recorded() {
    let mut bench = Bench::new();
    let create = |name: &str| {
        Request::CreateEventBus(CreateEventBusInput {
            name: name.into(),
            description: Some("test bus".into()),
            ..Default::default()
        })
    };
    let created: CreateEventBusOutput = output(bench.call(create("b")));
    assert_eq!(created.event_bus_arn.unwrap(), scope().arn("events", "event-bus/b"));
    assert_eq!(
        message(bench.call(create("b"))),
        "ResourceAlreadyExistsException: Event bus b already exists."
    );
    assert_eq!(
        message(bench.call(create("default"))),
        "ResourceAlreadyExistsException: Event bus default already exists."
    );
    let delete = |name: &str| Request::DeleteEventBus(DeleteEventBusInput { name: name.into() });
    assert_eq!(
        message(bench.call(delete("default"))),
        "ValidationException: Cannot delete event bus default."
    );
    assert_eq!(message(bench.call(delete("x"))), "ResourceNotFoundException: Event bus x does not exist.");
    bench.restart();
    let listed: ListEventBusesOutput =
        output(bench.call(Request::ListEventBuses(ListEventBusesInput::default())));
    let names: Vec<String> = listed.event_buses.unwrap().into_iter().filter_map(|bus| bus.name).collect();
    assert_eq!(names, ["b", "default"]);
    bench.call(delete("b")).unwrap();
    bench.restart();
    let listed: ListEventBusesOutput = output(bench.call(Request::ListEventBuses(ListEventBusesInput {
        name_prefix: Some("b".into()),
        ..Default::default()
    })));
    assert_eq!(listed.event_buses.unwrap(), []);
}

#[test]
fn permissions_are_statements_of_the_policy() {
    let mut bench = Bench::new();
    let permit = |principal: &str, id: &str| {
        Request::PutPermission(PutPermissionInput {
            action: Some("events:PutEvents".into()),
            principal: Some(principal.into()),
            statement_id: Some(id.into()),
            ..Default::default()
        })
    };
    bench.call(permit("111111111111", "one")).unwrap();
    bench.call(permit("*", "all")).unwrap();
    let policy = |bench: &mut Bench| {
        let described = bench.call(Request::DescribeEventBus(DescribeEventBusInput { name: None }));
        output::<DescribeEventBusOutput>(described).policy
    };
    let text: serde_json::Value = serde_json::from_str(&policy(&mut bench).unwrap()).unwrap();
    assert_eq!(text["Version"], "2012-10-17");
    assert_eq!(text["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::111111111111:root");
    assert_eq!(text["Statement"][1]["Principal"], "*");
    assert_eq!(text["Statement"][1]["Resource"], scope().arn("events", "event-bus/default"));
    let remove = |id: &str| {
        Request::RemovePermission(RemovePermissionInput {
            statement_id: Some(id.into()),
            ..Default::default()
        })
    };
    assert_eq!(
        message(bench.call(remove("gone"))),
        "ResourceNotFoundException: Statement with the provided id does not exist."
    );
    bench.call(remove("one")).unwrap();
    bench.restart();
    bench.call(remove("all")).unwrap();
    assert_eq!(policy(&mut bench), None);
}

#[test]
fn tags_belong_to_rules_and_buses() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let arn = scope().arn("events", "rule/r");
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
    let tags = vec![tag("tag1", "value1"), tag("tag2", "value2")];
    bench.call(Request::TagResource(TagResourceInput { resource_arn: arn.clone(), tags })).unwrap();
    let reserved = TagResourceInput { resource_arn: arn.clone(), tags: vec![tag("AWS:tag", "value")] };
    assert_eq!(
        message(bench.call(Request::TagResource(reserved))),
        "ValidationException: aws: prefixed tag key names are not allowed for external use."
    );
    let untag =
        UntagResourceInput { resource_arn: arn.clone(), tag_keys: vec!["tag2".into(), "tag9".into()] };
    bench.call(Request::UntagResource(untag)).unwrap();
    bench.restart();
    let list =
        |arn: &str| Request::ListTagsForResource(ListTagsForResourceInput { resource_arn: arn.into() });
    let listed: ListTagsForResourceOutput = output(bench.call(list(&arn)));
    assert_eq!(listed.tags.unwrap(), [tag("tag1", "value1")]);
    assert_eq!(
        message(bench.call(list(&scope().arn("events", "rule/gone")))),
        "ResourceNotFoundException: Rule gone does not exist on EventBus default."
    );
    assert_eq!(
        message(bench.call(list(&scope().arn("events", "event-bus/gone")))),
        "ResourceNotFoundException: Event bus gone does not exist."
    );
}

#[test]
fn each_rule_tells_why_it_did_not_match() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let id = bench.put_event("default", "other", "{}").event_id.unwrap();
    let id = TraceId(parse_uuid(&id).unwrap());
    bench.restart();
    let question = Inspect::ExplainEvent { id, store: bench.store.as_ref() };
    let judged = bench.events.inspect(scope(), &question).unwrap();
    assert!(judged["event"].as_str().unwrap().contains(r#""source":"other""#));
    let rule = &judged["rules"][0];
    assert_eq!(rule["matched"], false);
    let failure = serde_json::json!({"path": "source", "expected": "\"s\"", "seen": "\"other\""});
    assert_eq!((&rule["failures"][0], &rule["note"]), (&failure, &serde_json::Value::Null));
    bench.advance(Duration::from_secs(1));
    bench.put_rule("default", "r", r#"{"source":["other"]}"#).unwrap();
    let question = Inspect::ExplainEvent { id, store: bench.store.as_ref() };
    let judged = bench.events.inspect(scope(), &question).unwrap();
    assert_eq!(judged["rules"][0]["matched"], true);
    assert!(judged["rules"][0]["note"].as_str().unwrap().contains("was changed after"));
}

#[test]
fn a_bus_policy_refuses_whom_it_does_not_allow() {
    let mut bench = Bench::new();
    let mut stranger = bench.caller.clone();
    stranger.principal = Principal::Account("111111111111".parse().unwrap());
    stranger.account = "111111111111".parse().unwrap();
    let describe = || Request::DescribeEventBus(DescribeEventBusInput { name: None });
    let error = bench.call_as(scope(), &stranger, describe()).unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
    let pattern = Some(r#"{"source":["s"]}"#.to_owned());
    let put = PutRuleInput { name: "r".into(), event_pattern: pattern, ..Default::default() };
    let error = bench.call_as(scope(), &stranger, Request::PutRule(put)).unwrap_err();
    assert!(
        error.message.contains("events:PutRule on resource: arn:aws:events:us-east-1:000000000000:rule/r"),
        "{error:?}"
    );
    bench.settings.policies = PolicyMode::Warn;
    bench.call_as(scope(), &stranger, describe()).unwrap();
}

#[test]
fn a_trace_header_goes_with_the_event_from_bus_to_bus_to_queue() {
    let mut bench = Bench::with_rule(to(scope().arn("events", "event-bus/b")));
    bench
        .call(Request::CreateEventBus(CreateEventBusInput { name: "b".into(), ..Default::default() }))
        .unwrap();
    bench.put_rule("b", "end", r#"{"source":["s"]}"#).unwrap();
    bench.put_target("b", "end", to(queue("q"))).unwrap();
    let entry = PutEventsRequestEntry {
        source: Some("s".into()),
        detail_type: Some("t".into()),
        detail: Some("{}".into()),
        trace_header: Some("Root=1-a;Parent=b;Sampled=1".into()),
        ..Default::default()
    };
    bench.call(Request::PutEvents(PutEventsInput { entries: vec![entry], endpoint_id: None })).unwrap();
    assert_eq!(attributes(bench.sent.last().unwrap()), ["AWSTraceHeader=Root=1-a;Parent=b;Sampled=1"]);
}

#[test]
fn what_came_from_another_account_goes_no_further_than_this_one() {
    let mut bench = Bench::with_rule(Target {
        dead_letter_config: Some(DeadLetterConfig { arn: Some(queue("dlq")) }),
        ..to("arn:aws:events:us-east-1:222222222222:event-bus/default".into())
    });
    let mut other = bench.caller.clone();
    other.depth = 1;
    other.source_arn = Some("arn:aws:events:us-east-1:111111111111:rule/r".into());
    let entry = PutEventsRequestEntry {
        source: Some("s".into()),
        detail_type: Some("t".into()),
        detail: Some("{}".into()),
        trace_header: Some(
            "pontoon:relayed;3fb30631-6bd5-44a8-99c6-e583a1f137b1;111111111111;us-east-1;".into(),
        ),
        ..Default::default()
    };
    let put = Request::PutEvents(PutEventsInput { entries: vec![entry], endpoint_id: None });
    bench.call_as(scope(), &other, put).unwrap();
    assert_eq!(bench.sent.len(), 1);
    assert!(attributes(&bench.sent[0]).contains(&"ERROR_CODE=THIRD_ACCOUNT_HOP_DETECTED".to_owned()));
}

#[test]
fn nobody_outside_can_say_that_an_event_was_relayed() {
    let mut bench = Bench::with_rule(to(queue("q")));
    let entry = PutEventsRequestEntry {
        source: Some("s".into()),
        detail_type: Some("t".into()),
        detail: Some("{}".into()),
        trace_header: Some(
            "pontoon:relayed;3fb30631-6bd5-44a8-99c6-e583a1f137b1;111111111111;us-east-1;".into(),
        ),
        ..Default::default()
    };
    let answer = bench.call(Request::PutEvents(PutEventsInput { entries: vec![entry], endpoint_id: None }));
    let entries = output::<PutEventsOutput>(answer).entries.unwrap();
    assert_ne!(entries[0].event_id.as_deref(), Some("3fb30631-6bd5-44a8-99c6-e583a1f137b1"));
    assert!(bench.sent[0].content.contains(r#""account":"000000000000""#));
}

#[test]
fn a_target_with_a_role_is_called_in_its_name_and_may_do_what_it_may() {
    let role = |name: &str| Some(format!("arn:aws:iam::000000000000:role/{name}"));
    let mut bench = Bench::with_rule(Target { role_arn: role("invoke"), ..to(queue("q")) });
    bench.put_event("default", "s", "{}");
    let expected = Principal::Role { arn: role("invoke").unwrap().into(), session: "r".into() };
    assert_eq!(bench.sent[0].principal, expected);
    assert!(bench.sent[0].has_identity, "what the role may do goes with it");
    assert_eq!(
        message(bench.put_target("default", "r", Target { role_arn: role("gone"), ..to(queue("q")) })),
        "ValidationException: Provided role 'arn:aws:iam::000000000000:role/gone' cannot be assumed by principal 'events.amazonaws.com'."
    );
    bench.settings.policies = PolicyMode::Warn;
    bench.put_target("default", "r", Target { role_arn: role("gone"), ..to(queue("q")) }).unwrap();
}

#[test]
fn one_event_goes_to_a_hundred_queues_in_one_command() {
    let mut bench = Bench::new();
    for rule in 0..20 {
        let name = format!("r{rule}");
        bench.put_rule("default", &name, r#"{"source":["s"]}"#).unwrap();
        let target = |number: usize| Target {
            id: number.to_string(),
            arn: queue(&format!("q{}", rule * 5 + number)),
            ..Default::default()
        };
        bench
            .call(Request::PutTargets(PutTargetsInput {
                rule: name,
                event_bus_name: None,
                targets: (0..5).map(target).collect(),
            }))
            .unwrap();
    }
    let commands = bench.commands;
    bench.put_event("default", "s", "{}");
    assert_eq!((bench.sent.len(), bench.commands - commands), (100, 1));
    let mut queues: Vec<&str> = bench.sent.iter().map(|sent| sent.resource.as_str()).collect();
    queues.sort_unstable();
    queues.dedup();
    assert_eq!(queues.len(), 100);
}

#[test]
fn every_recorded_schedule_is_taken() {
    let mut bench = Bench::new();
    for expression in [
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0/10 * ? * MON-FRI *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0/30 20-23 ? * MON-FRI *)",
        "cron(0/30 0-2 ? * MON-FRI *)",
        "cron(0 2 ? * SAT *)",
        "cron(0 12 * * ? *)",
        "cron(5,35 14 * * ? *)",
        "cron(15 10 ? * 6L 2002-2005)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(* * ? * SAT#3 *)",
        "cron(0/5 5 ? JAN 1-5 2022)",
        "rate(1 minute)",
        "rate(1 hour)",
        "rate(1 day)",
        "rate(5 days)",
    ] {
        let put = Request::PutRule(PutRuleInput {
            name: "r".into(),
            schedule_expression: Some(expression.into()),
            ..Default::default()
        });
        bench.call(put).unwrap();
    }
}

#[test]
fn a_bus_has_a_dead_letter_queue_for_what_it_cannot_decrypt() {
    let mut bench = Bench::new();
    let config = |arn: &str| Some(DeadLetterConfig { arn: Some(arn.to_owned()) });
    let create = |arn: &str| {
        Request::CreateEventBus(CreateEventBusInput {
            name: "b".into(),
            dead_letter_config: config(arn),
            ..Default::default()
        })
    };
    for bad in ["x".to_owned(), queue("q.fifo"), scope().arn("sns", "t")] {
        assert!(message(bench.call(create(&bad))).starts_with("ValidationException"));
    }
    let created: CreateEventBusOutput = output(bench.call(create(&queue("dlq"))));
    assert_eq!(created.dead_letter_config, config(&queue("dlq")));
    bench.restart();
    let describe = || Request::DescribeEventBus(DescribeEventBusInput { name: Some("b".into()) });
    let described: DescribeEventBusOutput = output(bench.call(describe()));
    assert_eq!(described.dead_letter_config, config(&queue("dlq")));
    let update = |dead_letter_config| {
        Request::UpdateEventBus(UpdateEventBusInput {
            name: Some("b".into()),
            dead_letter_config,
            ..Default::default()
        })
    };
    let updated: UpdateEventBusOutput = output(bench.call(update(None)));
    assert_eq!(updated.dead_letter_config, config(&queue("dlq")), "what is not given stays");
    let updated: UpdateEventBusOutput = output(bench.call(update(Some(DeadLetterConfig { arn: None }))));
    assert_eq!(updated.dead_letter_config, None);
    let with_key =
        CreateEventBusInput { name: "c".into(), kms_key_identifier: Some("k".into()), ..Default::default() };
    let error = message(bench.call(Request::CreateEventBus(with_key)));
    assert!(error.starts_with("NotSupportedByPontoon") && error.contains("KmsKeyIdentifier"), "{error}");
}

#[test]
fn a_fifo_queue_gets_the_message_group_of_its_target() {
    let target = Target {
        sqs_parameters: Some(SqsParameters { message_group_id: Some("g".into()) }),
        ..to(queue("q.fifo"))
    };
    let mut bench = Bench::with_rule(target);
    bench.put_event("default", "s", "{}");
    assert_eq!(attributes(&bench.sent[0]), ["MessageGroupId=g"]);
}

#[test]
fn an_event_never_fires_a_scheduled_rule() {
    let mut bench = Bench::new();
    let put = |pattern: Option<&str>| {
        Request::PutRule(PutRuleInput {
            name: "r".into(),
            schedule_expression: Some("rate(1 hour)".into()),
            event_pattern: pattern.map(Into::into),
            ..Default::default()
        })
    };
    bench.call(put(None)).unwrap();
    bench.put_target("default", "r", to(queue("q"))).unwrap();
    bench.put_event("default", "s", "{}");
    assert!(bench.sent.is_empty());
    // A rule with both fires by its schedule and for what its pattern matches.
    bench.call(put(Some(r#"{"source":["s"]}"#))).unwrap();
    bench.put_event("default", "other", "{}");
    assert!(bench.sent.is_empty());
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.sent.len(), 1);
    bench.advance(Duration::from_secs(3600));
    assert_eq!(bench.sent.len(), 2);
}

#[test]
fn what_is_invalid_is_refused_when_it_is_put() {
    let mut bench = Bench::with_rule(to(queue("q")));
    for pattern in ["", "{", "[]", r#"{"source":"s"}"#, r#"{"source":[]}"#, r#"{"a":[{"prefix":1}]}"#] {
        let refused = message(bench.put_rule("default", "bad", pattern));
        assert!(
            refused.starts_with("InvalidEventPatternException: Event pattern is not valid."),
            "{refused}"
        );
        let archive = Request::CreateArchive(CreateArchiveInput {
            archive_name: "a".into(),
            event_source_arn: scope().arn("events", "event-bus/default"),
            event_pattern: Some(pattern.into()),
            ..Default::default()
        });
        assert_eq!(message(bench.call(archive)), refused, "{pattern}");
    }
    for expression in ["", "rate(0 minutes)", "rate(1 minutes)", "cron(0 1 * * * *)", "cron(* * * * *)"] {
        let put = Request::PutRule(PutRuleInput {
            name: "bad".into(),
            schedule_expression: Some(expression.into()),
            ..Default::default()
        });
        assert_eq!(
            message(bench.call(put)),
            "ValidationException: Parameter ScheduleExpression is not valid.",
            "{expression}"
        );
    }
    for service in ["kinesis", "firehose", "states", "ecs", "execute-api", "batch", "redshift", "ssm"] {
        let refused = message(bench.put_target("default", "r", to(scope().arn(service, "x/y"))));
        let expected =
            format!("NotSupportedByPontoon: Pontoon does not support targets of the service {service}.");
        assert_eq!(refused, expected);
    }
    assert_eq!(bench.events.bus_mut(bench.now, scope(), "default").unwrap().rules.len(), 1);
}

#[test]
fn what_services_tell_leaves_no_trace_where_no_rule_listens() {
    let mut bench = Bench::new();
    let mut caller = bench.caller.clone();
    caller.principal = Principal::Service("s3.amazonaws.com");
    caller.depth = 1;
    let tell = || {
        Request::PutEvents(PutEventsInput {
            entries: vec![PutEventsRequestEntry {
                source: Some("aws.s3".into()),
                detail_type: Some("Object Created".into()),
                detail: Some("{}".into()),
                ..Default::default()
            }],
            endpoint_id: None,
        })
    };
    bench.call_as(scope(), &caller, tell()).unwrap();
    assert!(bench.notes.is_empty());
    // Where one does, it can be asked why it did not match.
    bench.put_rule("default", "r", r#"{"source":["aws.s3"],"detail":{"key":["k"]}}"#).unwrap();
    let told: PutEventsOutput = output(bench.call_as(scope(), &caller, tell()));
    assert_eq!(bench.notes.len(), 1);
    let id = told.entries.unwrap()[0].event_id.clone().unwrap();
    let question =
        Inspect::ExplainEvent { id: TraceId(parse_uuid(&id).unwrap()), store: bench.store.as_ref() };
    assert!(bench.events.inspect(scope(), &question).is_some());
}
