//! Schedules through time, failures and restarts.

use std::time::Duration;

use pontoon_api::scheduler as api;
use pontoon_core::{ApiError, PolicyMode, Principal, Timestamp, TraceOutcome};
use pontoon_schedule::{Expression, Zone};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{Bench, OTHER_ROLE, ROLE};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A schedule of this expression that sends its due times to a queue, with other members over those.
fn schedule(name: &str, expression: &str, over: Value) -> Value {
    let mut input = json!({
        "Name": name,
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": QUEUE, "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>"},
    });
    for (key, value) in over.as_object().unwrap() {
        match (input[key].as_object_mut(), value.as_object()) {
            (Some(members), Some(more)) => members.extend(more.clone()),
            _ => input[key] = value.clone(),
        }
    }
    input
}

impl Bench {
    fn create(&mut self, name: &str, expression: &str, over: Value) -> Result<String, ApiError> {
        let input = schedule(name, expression, over);
        self.call::<api::CreateScheduleOutput>("CreateSchedule", input).map(|output| output.schedule_arn)
    }

    fn with(name: &str, expression: &str, over: Value) -> Self {
        let mut bench = Self::new();
        bench.create(name, expression, over).unwrap();
        bench
    }

    fn update(&mut self, name: &str, expression: &str, over: Value) {
        let input = schedule(name, expression, over);
        self.call::<api::UpdateScheduleOutput>("UpdateSchedule", input).unwrap();
    }

    fn get(&mut self, name: &str) -> Result<api::GetScheduleOutput, ApiError> {
        self.call("GetSchedule", json!({"Name": name}))
    }

    fn names(&mut self, input: Value) -> (Vec<String>, Option<String>) {
        let output: api::ListSchedulesOutput = self.call("ListSchedules", input).unwrap();
        let name = |of: api::ScheduleSummary| format!("{}/{}", of.group_name.unwrap(), of.name.unwrap());
        (output.schedules.into_iter().map(name).collect(), output.next_token)
    }
}

fn told<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    let error = answer.unwrap_err();
    format!("{} {}: {}", error.status, error.code, error.message)
}

#[test]
fn a_rate_fires_at_once_and_every_so_often() {
    let mut bench = Bench::with("s", "rate(5 minutes)", json!({}));
    bench.advance(11 * MINUTE);
    assert_eq!(
        bench.contents(),
        [
            "2026-01-31T12:00:00Z 2026-01-31T12:00:00Z",
            "2026-01-31T12:05:00Z 2026-01-31T12:05:00Z",
            "2026-01-31T12:10:00Z 2026-01-31T12:10:00Z",
        ]
    );
    let role = Principal::Role { arn: ROLE.into(), session: "s".into() };
    assert!(bench.sent.iter().all(|sent| sent.what == "SendMessage" && sent.principal == role));
}

#[test]
fn start_and_end_bound_what_recurs() {
    let bounds = json!({"StartDate": "2026-01-31T13:00:30Z", "EndDate": "2026-01-31T13:10:30Z"});
    let mut bench = Bench::with("s", "rate(5 minutes)", bounds.clone());
    bench.create("t", "cron(0/4 * * * ? *)", bounds.clone()).unwrap();
    bench.create("u", "at(2026-01-31T14:00:00)", bounds).unwrap();
    bench.advance(3 * HOUR);
    let times: Vec<String> = bench.sent.iter().map(|sent| sent.at.iso_secs()[11..19].to_owned()).collect();
    assert_eq!(times, ["13:00:30", "13:04:00", "13:05:30", "13:08:00", "14:00:00"]);
}

#[test]
fn zones_are_those_of_the_schedule() {
    let zone = json!({"ScheduleExpressionTimezone": "America/New_York"});
    let mut bench = Bench::with("s", "cron(30 9 * * ? *)", zone.clone());
    bench.create("t", "at(2026-01-31T09:00:00)", zone).unwrap();
    bench.advance(3 * HOUR);
    assert_eq!(
        bench.contents(),
        ["2026-01-31T14:00:00Z 2026-01-31T14:00:00Z", "2026-01-31T14:30:00Z 2026-01-31T14:30:00Z",]
    );
}

#[test]
fn a_flexible_window_moves_firings_within_it() {
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 20}});
    let mut bench = Bench::with("s", "rate(15 minutes)", window);
    bench.advance(100 * HOUR);
    let mut moved = 0;
    let mut last = None;
    for sent in &bench.sent {
        let scheduled = Timestamp::parse_iso(&sent.content).unwrap();
        let offset = sent.at.since(scheduled);
        assert!(sent.at >= scheduled && offset < 20 * MINUTE, "{sent:?}");
        moved += usize::from(!offset.is_zero());
        assert!(last.replace(scheduled).is_none_or(|last| scheduled.since(last) == 15 * MINUTE));
    }
    assert!(bench.sent.len() >= 398 && moved > 350, "{} {moved}", bench.sent.len());
}

#[test]
fn what_was_missed_fires_once_as_late_as_an_event_may_be_old() {
    let retry = json!({"Target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 1800}, "DeadLetterConfig": {"Arn": DEAD}}});
    let mut bench = Bench::with("s", "rate(10 minutes)", retry);
    bench.advance(5 * MINUTE);
    bench.sleep(21 * MINUTE);
    assert_eq!(
        bench.contents()[1..],
        ["2026-01-31T12:26:00Z 2026-01-31T12:10:00Z", "2026-01-31T12:26:00Z 2026-01-31T12:20:00Z",]
    );
    // The one that was planned is dead-lettered, those between are passed over, those of the last half hour fire.
    bench.sent.clear();
    bench.sleep(2 * HOUR);
    assert_eq!(
        bench.contents(),
        [
            "2026-01-31T14:26:00Z 2026-01-31T12:30:00Z",
            "2026-01-31T14:26:00Z 2026-01-31T14:00:00Z",
            "2026-01-31T14:26:00Z 2026-01-31T14:10:00Z",
            "2026-01-31T14:26:00Z 2026-01-31T14:20:00Z",
        ]
    );
    assert_eq!(bench.sent[0].resource, DEAD);
    let passed = bench.notes.iter().find(|note| note.outcome == TraceOutcome::Skipped).unwrap();
    assert!(passed.reason.as_deref().unwrap().contains("12:40:00Z until 2026-01-31T13:56:00Z"), "{passed:?}");
    // A clock that stands still, or a restart, fires nothing again.
    bench.sent.clear();
    bench.restart();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.contents(), [""; 0]);
}

#[test]
fn an_instant_in_the_past_never_fires() {
    let mut bench = Bench::with("s", "at(2026-01-31T11:59:59)", json!({}));
    bench.advance(24 * HOUR);
    assert_eq!(bench.sent.len(), 0);
    assert_eq!(bench.get("s").unwrap().state.as_deref(), Some("ENABLED"));
}

#[test]
fn an_update_replaces_everything_and_keeps_the_rhythm_of_what_stays_as_it_is() {
    let mut bench = Bench::with("s", "rate(10 minutes)", json!({"Description": "d"}));
    bench.advance(15 * MINUTE);
    bench.update("s", "rate(10 minutes)", json!({"Target": {"Input": "new"}}));
    assert_eq!(bench.get("s").unwrap().description, None);
    bench.advance(5 * MINUTE);
    bench.update("s", "rate(10 minutes)", json!({"State": "DISABLED"}));
    bench.advance(HOUR);
    bench.update("s", "rate(10 minutes)", json!({}));
    bench.advance(MINUTE);
    assert_eq!(
        bench.contents()[2..],
        ["2026-01-31T12:20:00Z new", "2026-01-31T13:20:00Z 2026-01-31T13:20:00Z"]
    );
    let old = schedule("s", "rate(1 hour)", json!({"StartDate": "2026-01-31T12:00:00Z"}));
    assert_eq!(
        told(bench.call::<api::UpdateScheduleOutput>("UpdateSchedule", old)),
        "400 ValidationException: The StartDate you specify cannot be earlier than 5 minutes ago."
    );
}

#[test]
fn failures_that_may_pass_are_tried_again_until_the_retries_are_used_up() {
    let over = json!({"Target": {
        "Input": "<aws.scheduler.attempt-number> <aws.scheduler.execution-id>",
        "RetryPolicy": {"MaximumRetryAttempts": 2},
        "DeadLetterConfig": {"Arn": DEAD},
    }});
    let mut bench = Bench::with("s", "at(2026-01-31T12:30:00)", over);
    bench.failures = Box::new(|sent| {
        (sent.resource == QUEUE)
            .then(|| ApiError::client("ThrottlingException", "Slow down").with_status(429))
    });
    bench.advance(HOUR);
    let attempts: Vec<u32> = bench.sent[..3].iter().map(|sent| sent.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(bench.sent[2].content.starts_with("3 "));
    let (dead, id) = (&bench.sent[3], bench.sent[0].content[2..].to_owned());
    assert_eq!((dead.resource.as_str(), bench.sent.len(), id.len()), (DEAD, 4, 16));
    assert_eq!(dead.content, format!("3 {id}"));
    let expected = [
        ("ERROR_CODE", "ThrottlingException"),
        ("ERROR_MESSAGE", "Slow down"),
        ("EXECUTION_ID", &id),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("IS_PAYLOAD_TRUNCATED", "false"),
        ("RETRY_ATTEMPTS", "2"),
        ("SCHEDULED_TIME", "2026-01-31T12:30:00Z"),
        ("SCHEDULE_ARN", "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"),
        ("TARGET_ARN", QUEUE),
    ];
    assert_eq!(dead.attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    bench.advance(2 * MINUTE);
    for (name, expected) in [
        ("InvocationAttemptCount", 3.0),
        ("TargetErrorCount", 3.0),
        ("TargetErrorThrottledCount", 3.0),
        ("InvocationDroppedCount", 1.0),
        ("InvocationsSentToDeadLetterCount", 1.0),
        ("InvocationsFailedToBeSentToDeadLetterCount", 0.0),
    ] {
        assert_eq!(bench.metric(name, Some("default")), expected, "{name}");
        assert_eq!(bench.metric(name, None), expected, "{name}");
    }
}

#[test]
fn retries_go_on_after_a_restart_and_end_when_the_event_is_too_old() {
    let over = json!({"Target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 600}, "DeadLetterConfig": {"Arn": DEAD}}});
    let mut bench = Bench::with("s", "at(2026-01-31T12:30:00)", over);
    bench.failures =
        Box::new(|sent| (sent.resource == QUEUE).then(|| ApiError::server("InternalFailure", "")));
    bench.advance(30 * MINUTE);
    bench.sleep(MINUTE);
    assert_eq!(bench.sent.iter().map(|sent| sent.attempt).collect::<Vec<_>>(), [1, 2]);
    bench.sleep(HOUR);
    let dead = bench.sent.last().unwrap();
    assert_eq!((dead.resource.as_str(), bench.sent.len()), (DEAD, 3));
    assert!(
        dead.attributes.contains(&("EXHAUSTED_RETRY_CONDITION".into(), "MaximumEventAgeInSeconds".into()))
    );
    assert!(dead.attributes.contains(&("RETRY_ATTEMPTS".into(), "1".into())));
    assert!(dead.attributes.contains(&("ERROR_CODE".into(), "InternalFailure".into())));
}

#[test]
fn what_cannot_pass_is_not_tried_again() {
    let mut bench = Bench::with("s", "at(2026-01-31T12:30:00)", json!({}));
    bench.failures = Box::new(|_| {
        Some(
            ApiError::client("QueueDoesNotExist", "The specified queue does not exist.")
                .with_query_code("AWS.SimpleQueueService.NonExistentQueue"),
        )
    });
    bench.advance(HOUR);
    assert_eq!(bench.sent.len(), 1);
    let last = bench.notes.last().unwrap();
    assert_eq!(last.outcome, TraceOutcome::Failed);
    assert!(last.reason.as_deref().unwrap().contains("without a dead-letter queue"));
}

#[test]
fn a_schedule_that_is_complete_goes_after_its_last_firing_has_ended() {
    let delete = json!({"ActionAfterCompletion": "DELETE", "EndDate": "2026-01-31T12:06:00Z"});
    let mut bench = Bench::with("s", "rate(5 minutes)", delete.clone());
    let busy = std::cell::Cell::new(3);
    bench.failures = Box::new(move |_| {
        busy.set(busy.get() - 1);
        (busy.get() == 1).then(|| ApiError::server("InternalFailure", ""))
    });
    bench.advance(5 * MINUTE);
    assert!(bench.get("s").is_ok());
    bench.sleep(Duration::from_millis(1));
    assert!(bench.get("s").is_ok());
    bench.advance(MINUTE);
    assert_eq!(bench.sent.len(), 3);
    assert_eq!(told(bench.get("s")), "404 ResourceNotFoundException: Schedule s does not exist.");

    // One of the same name that was made meanwhile stays.
    let mut bench = Bench::with("s", "at(2026-01-31T12:01:00)", delete);
    bench.failures = Box::new(|sent| (sent.attempt == 1).then(|| ApiError::server("InternalFailure", "")));
    bench.advance(MINUTE);
    bench.call::<api::DeleteScheduleOutput>("DeleteSchedule", json!({"Name": "s"})).unwrap();
    bench.create("s", "at(2026-01-31T11:00:00)", json!({"ActionAfterCompletion": "DELETE"})).unwrap();
    bench.advance(HOUR);
    assert_eq!(bench.sent.len(), 2);
    assert!(bench.get("s").is_ok());
}

#[test]
fn targets_are_called_by_the_operations_that_they_stand_for() {
    let here = |service: &str, resource: &str| pontoon_core::Scope::default().arn(service, resource);
    for (arn, over, expected) in [
        (QUEUE.to_owned(), json!({"Input": "text"}), "SendMessage text"),
        (here("sns", "t"), json!({"Input": "text"}), "Publish text"),
        (here("lambda", "function:f"), json!({"Input": "{\"a\":1}"}), "Invoke f Event {\"a\":1}"),
        (
            here("events", "event-bus/b"),
            json!({"Input": "{\"a\":<aws.scheduler.attempt-number>}", "EventBridgeParameters": {"DetailType": "t", "Source": "s"}}),
            "PutEvents s t {\"a\":1}",
        ),
        (
            "arn:aws:scheduler:::aws-sdk:sqs:sendMessage".to_owned(),
            json!({"Input": "{\"QueueUrl\":\"u\",\"MessageBody\":\"<aws.scheduler.scheduled-time>\"}"}),
            "SendMessage 2026-01-31T12:00:00Z",
        ),
        (
            "arn:aws:scheduler:::aws-sdk:lambda:invoke".to_owned(),
            json!({"Input": "{\"FunctionName\":\"f\",\"InvocationType\":\"Event\",\"Payload\":\"{}\"}"}),
            "Invoke f Event {}",
        ),
        (
            "arn:aws:scheduler:::aws-sdk:cloudwatchlogs:createLogGroup".to_owned(),
            json!({"Input": "{\"LogGroupName\":\"g\"}"}),
            "CreateLogGroup ",
        ),
    ] {
        let mut target = over.as_object().unwrap().clone();
        target.insert("Arn".into(), arn.clone().into());
        let mut bench = Bench::with("s", "rate(1 hours)", json!({"Target": target}));
        bench.advance(Duration::ZERO);
        let sent = &bench.sent[0];
        assert_eq!(format!("{} {}", sent.what, sent.content), expected);
        assert_eq!(sent.resource, arn);
    }
    let mut bench = Bench::new();
    let mut input = schedule("s", "rate(1 hour)", json!({}));
    input["Target"].as_object_mut().unwrap().remove("Input");
    bench.call::<api::CreateScheduleOutput>("CreateSchedule", input).unwrap();
    bench.advance(Duration::ZERO);
    let event: Value = serde_json::from_str(&bench.sent[0].content).unwrap();
    assert_eq!(event["source"], "aws.scheduler");
}

#[test]
fn a_universal_target_whose_input_turns_out_bad_fails_by_the_model() {
    let target = json!({
        "Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:putItem",
        "Input": "{\"TableName\":\"t\",\"Item\":{},\"ReturnValues\":\"<aws.scheduler.attempt-number>\"}",
        "DeadLetterConfig": {"Arn": DEAD},
    });
    let mut bench = Bench::with("s", "rate(1 hour)", json!({"Target": target}));
    bench.advance(Duration::ZERO);
    assert_eq!(bench.sent.len(), 1);
    let attributes = &bench.sent[0].attributes;
    assert!(attributes.contains(&("ERROR_CODE".into(), "ValidationException".into())), "{attributes:?}");
}

#[test]
fn roles_must_be_there_and_let_scheduler_assume_them() {
    let refused = "400 ValidationException: The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
    let absent = "arn:aws:iam::000000000000:role/absent";
    let mut bench = Bench::new();
    for role in [OTHER_ROLE, absent] {
        assert_eq!(told(bench.create("s", "rate(1 hour)", json!({"Target": {"RoleArn": role}}))), refused);
    }
    // The trust is for the default group.
    bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", json!({"Name": "g"})).unwrap();
    assert_eq!(told(bench.create("s", "rate(1 hour)", json!({"GroupName": "g"}))), refused);

    // Where policies only warn, it fires, and the trace says what AWS would have done.
    bench.settings.policies = PolicyMode::Warn;
    bench.create("s", "rate(1 hour)", json!({"Target": {"RoleArn": absent}})).unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.sent.len(), 1);
    let note = bench.notes.iter().find(|note| note.what == "AssumeRole").unwrap();
    assert!(note.reason.as_deref().unwrap().starts_with("AWS would have denied this: The role"), "{note:?}");

    // A role that was taken away fails the firing.
    bench.settings.policies = PolicyMode::Enforce;
    bench.advance(HOUR);
    assert_eq!(bench.sent.len(), 1);
    assert!(bench.notes.last().unwrap().reason.as_deref().unwrap().contains("AccessDeniedException"));
}

#[test]
fn a_schedule_is_shown_with_its_defaults() {
    let mut bench = Bench::with(
        "s",
        "cron(0 0 * * ? *)",
        json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}}),
    );
    let shown = bench.get("s").unwrap();
    // Recording test_schedule_and_group.
    assert_eq!(shown.action_after_completion.as_deref(), Some("NONE"));
    assert_eq!(shown.arn.as_deref(), Some("arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"));
    assert_eq!(shown.group_name.as_deref(), Some("default"));
    assert_eq!(shown.schedule_expression_timezone.as_deref(), Some("UTC"));
    assert_eq!(shown.flexible_time_window.unwrap().maximum_window_in_minutes, Some(60));
    assert_eq!((shown.start_date, shown.end_date, shown.description), (None, None, None));
    let retry = shown.target.unwrap().retry_policy.unwrap();
    assert_eq!((retry.maximum_event_age_in_seconds, retry.maximum_retry_attempts), (Some(86_400), Some(185)));
}

#[test]
fn what_is_no_schedule_is_refused_in_these_words() {
    let mut bench = Bench::new();
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/b";
    let target = |over: Value| json!({ "Target": over });
    let universal = |operation: &str, input: &str| json!({"Target": {"Arn": format!("arn:aws:scheduler:::aws-sdk:{operation}"), "Input": input}});
    let invalid = |message: &str| format!("400 ValidationException: {message}");
    let unsupported = |what: &str| format!("501 NotSupportedByPontoon: Pontoon does not support {what}.");
    for (expression, over, expected) in [
        ("cron(0 1 * * * *)", json!({}), invalid("Invalid Schedule Expression cron(0 1 * * * *).")),
        (" rate(10 minutes)", json!({}), invalid("Invalid Schedule Expression  rate(10 minutes).")),
        ("at(2021-12-31)", json!({}), invalid("Invalid Schedule Expression at(2021-12-31).")),
        (
            "rate(1 day)",
            json!({"ScheduleExpressionTimezone": "Mars"}),
            invalid("Invalid Schedule Expression Timezone Mars."),
        ),
        (
            "rate(1 day)",
            json!({"StartDate": "2026-01-31T11:54:00Z"}),
            invalid("The StartDate you specify cannot be earlier than 5 minutes ago."),
        ),
        (
            "rate(1 day)",
            json!({"EndDate": "2026-01-31T11:54:00Z"}),
            invalid("The EndDate you specify cannot be in the past."),
        ),
        (
            "rate(1 day)",
            json!({"StartDate": "2026-02-02T00:00:00Z", "EndDate": "2026-02-01T00:00:00Z"}),
            invalid("The EndDate you specify must be after the StartDate."),
        ),
        (
            "rate(1 day)",
            json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}),
            invalid("MaximumWindowInMinutes must be set when the Mode of FlexibleTimeWindow is FLEXIBLE."),
        ),
        (
            "rate(1 day)",
            json!({"GroupName": "g"}),
            "404 ResourceNotFoundException: Schedule group g does not exist.".to_owned(),
        ),
        (
            "rate(1 day)",
            json!({"KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}),
            unsupported("encryption of schedules with own keys (KmsKeyArn)"),
        ),
        (
            "rate(1 day)",
            target(json!({"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"})),
            unsupported("schedules' targets of the service states"),
        ),
        (
            "rate(1 day)",
            target(json!({"KinesisParameters": {"PartitionKey": "k"}})),
            unsupported("schedules' targets with KinesisParameters"),
        ),
        (
            "rate(1 day)",
            target(json!({"Arn": bus})),
            invalid(&format!("EventBridgeParameters must be set for target {bus}.")),
        ),
        ("rate(1 day)", target(json!({"Arn": "q"})), invalid("Provided Arn is not in correct format: q")),
        (
            "rate(1 day)",
            target(json!({"DeadLetterConfig": {"Arn": format!("{DEAD}.fifo")}})),
            "400 ValidationException: 1 validation error detected".to_owned(),
        ),
        (
            "rate(1 day)",
            universal("sqs:receiveMessage", "{}"),
            invalid("The api 'receiveMessage' of the service 'sqs' only reads"),
        ),
        (
            "rate(1 day)",
            universal("sqs:sendMassage", "{}"),
            invalid("The api 'sendMassage' is not an api of the service 'sqs'."),
        ),
        (
            "rate(1 day)",
            universal("ec2:startInstances", "{}"),
            unsupported("schedules' targets of the service ec2"),
        ),
        (
            "rate(1 day)",
            universal("sqs:sendMessage", r#"{"queueUrl":"u"}"#),
            invalid("Invalid RequestJson provided. Reason The field 'queueUrl' is not supported."),
        ),
        (
            "rate(1 day)",
            universal("sqs:sendMessage", "{}"),
            invalid(
                "Invalid RequestJson provided. Reason Request payload is missing the following field(s): QueueUrl, MessageBody.",
            ),
        ),
        (
            "rate(1 day)",
            universal("sqs:sendMessage", "{"),
            invalid("The input of the target is not well-formed JSON"),
        ),
        (
            "rate(1 day)",
            target(json!({"RetryPolicy": {"MaximumRetryAttempts": 186}})),
            invalid("1 validation error detected: Value '186' at 'target.retryPolicy.maximumRetryAttempts'"),
        ),
    ] {
        let answer = told(bench.create("s", expression, over));
        assert!(answer.starts_with(&expected), "{answer}\n{expected}");
    }
}

#[test]
fn requests_that_are_made_again_with_their_token_succeed_again() {
    let mut bench = Bench::new();
    let token = |token: &str| json!({ "ClientToken": token });
    bench.create("s", "rate(1 day)", token("a")).unwrap();
    bench.restart();
    assert!(bench.create("s", "rate(1 day)", token("a")).is_ok());
    assert_eq!(
        told(bench.create("s", "rate(1 day)", token("b"))),
        "409 ConflictException: Schedule s already exists."
    );
    assert_eq!(
        told(bench.create("s", "rate(1 day)", json!({}))),
        "409 ConflictException: Schedule s already exists."
    );
    let delete = json!({"Name": "s", "ClientToken": "c"});
    bench.call::<api::DeleteScheduleOutput>("DeleteSchedule", delete.clone()).unwrap();
    bench.restart();
    bench.call::<api::DeleteScheduleOutput>("DeleteSchedule", delete.clone()).unwrap();
    let other = json!({"Name": "s", "ClientToken": "d"});
    assert!(bench.call::<api::DeleteScheduleOutput>("DeleteSchedule", other).is_err());
    bench.advance(HOUR);
    assert!(bench.call::<api::DeleteScheduleOutput>("DeleteSchedule", delete).is_err());

    let group = json!({"Name": "g", "ClientToken": "a"});
    let arn = bench
        .call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", group.clone())
        .unwrap()
        .schedule_group_arn;
    assert_eq!(arn, "arn:aws:scheduler:us-east-1:000000000000:schedule-group/g");
    assert!(bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", group).is_ok());
    let again = bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", json!({"Name": "g"}));
    assert_eq!(told(again), "409 ConflictException: Schedule group g already exists.");
    let default =
        bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", json!({"Name": "default"}));
    assert_eq!(told(default), "409 ConflictException: Schedule group default already exists.");
}

#[test]
fn a_group_goes_with_its_schedules() {
    let mut bench = Bench::new();
    bench.settings.policies = PolicyMode::Warn;
    bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", json!({"Name": "g"})).unwrap();
    for number in 0..1_100 {
        bench.create(&format!("s{number}"), "at(2026-02-01T00:00:00)", json!({"GroupName": "g"})).unwrap();
    }
    bench.create("s", "at(2026-02-01T00:00:00)", json!({})).unwrap();
    bench.call::<api::DeleteScheduleGroupOutput>("DeleteScheduleGroup", json!({"Name": "g"})).unwrap();
    let shown: api::GetScheduleGroupOutput = bench.call("GetScheduleGroup", json!({"Name": "g"})).unwrap();
    assert_eq!(shown.state.as_deref(), Some("DELETING"));
    assert_eq!(
        told(bench.create("new", "rate(1 day)", json!({"GroupName": "g"}))),
        "409 ConflictException: Schedule group g is being deleted."
    );
    bench.restart();
    bench.advance(Duration::ZERO);
    let gone = bench.call::<api::GetScheduleGroupOutput>("GetScheduleGroup", json!({"Name": "g"}));
    assert_eq!(told(gone), "404 ResourceNotFoundException: Schedule group g does not exist.");
    assert_eq!(bench.names(json!({})).0, ["default/s"]);
    assert_eq!(
        told(bench.call::<api::DeleteScheduleGroupOutput>("DeleteScheduleGroup", json!({"Name": "default"}))),
        "400 ValidationException: The default schedule group cannot be deleted."
    );
    bench.restart();
    assert_eq!(bench.scheduler.schedules.len(), 1);
}

#[test]
fn lists_are_filtered_and_come_in_pages() {
    let mut bench = Bench::new();
    bench.settings.policies = PolicyMode::Warn;
    bench.call::<api::CreateScheduleGroupOutput>("CreateScheduleGroup", json!({"Name": "a"})).unwrap();
    for (group, name, state) in [
        ("default", "x1", "ENABLED"),
        ("default", "x2", "DISABLED"),
        ("a", "x3", "ENABLED"),
        ("a", "y", "ENABLED"),
    ] {
        bench.create(name, "rate(1 day)", json!({"GroupName": group, "State": state})).unwrap();
    }
    let (first, token) = bench.names(json!({"MaxResults": 3}));
    assert_eq!(first, ["a/x3", "a/y", "default/x1"]);
    assert_eq!(
        bench.names(json!({"MaxResults": 3, "NextToken": token.unwrap()})),
        (vec!["default/x2".to_owned()], None)
    );
    assert_eq!(bench.names(json!({"NamePrefix": "x", "State": "ENABLED"})).0, ["a/x3", "default/x1"]);
    assert_eq!(bench.names(json!({"GroupName": "a"})).0, ["a/x3", "a/y"]);
    let (first, token) = bench.names(json!({"GroupName": "a", "MaxResults": 1}));
    assert_eq!(first, ["a/x3"]);
    assert_eq!(bench.names(json!({"GroupName": "a", "NextToken": token.unwrap()})).0, ["a/y"]);
    assert!(bench.call::<api::ListSchedulesOutput>("ListSchedules", json!({"GroupName": "b"})).is_err());
    assert!(bench.call::<api::ListSchedulesOutput>("ListSchedules", json!({"NextToken": "!"})).is_err());
    let groups = |bench: &mut Bench, input: Value| -> (Vec<String>, Option<String>) {
        let output: api::ListScheduleGroupsOutput = bench.call("ListScheduleGroups", input).unwrap();
        (output.schedule_groups.into_iter().map(|group| group.name.unwrap()).collect(), output.next_token)
    };
    let (first, token) = groups(&mut bench, json!({"MaxResults": 1}));
    assert_eq!(first, ["a"]);
    assert_eq!(groups(&mut bench, json!({"NextToken": token.unwrap()})), (vec!["default".to_owned()], None));
    assert_eq!(groups(&mut bench, json!({"NamePrefix": "d"})).0, ["default"]);
}

#[test]
fn groups_have_tags() {
    let mut bench = Bench::new();
    let tags = json!([{"Key": "TagKey", "Value": "TagValue"}]);
    let created: api::CreateScheduleGroupOutput =
        bench.call("CreateScheduleGroup", json!({"Name": "g", "Tags": tags})).unwrap();
    let arn = created.schedule_group_arn;
    let list = |bench: &mut Bench| -> Vec<String> {
        let output: api::ListTagsForResourceOutput =
            bench.call("ListTagsForResource", json!({"ResourceArn": arn})).unwrap();
        output.tags.unwrap().into_iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect()
    };
    assert_eq!(list(&mut bench), ["TagKey=TagValue"]);
    let more = json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]});
    bench.call::<api::TagResourceOutput>("TagResource", more).unwrap();
    bench.restart();
    let less = json!({"ResourceArn": arn, "TagKeys": ["TagKey"]});
    bench.call::<api::UntagResourceOutput>("UntagResource", less).unwrap();
    assert_eq!(list(&mut bench), ["a=b"]);
    let reserved = json!({"ResourceArn": arn, "Tags": [{"Key": "aws:a", "Value": "b"}]});
    assert_eq!(
        told(bench.call::<api::TagResourceOutput>("TagResource", reserved)),
        "400 ValidationException: aws: prefixed tag key names are not allowed for external use."
    );
    let absent = json!({"ResourceArn": arn.replace("/g", "/h"), "TagKeys": ["TagKey"]});
    assert_eq!(
        told(bench.call::<api::UntagResourceOutput>("UntagResource", absent)),
        "404 ResourceNotFoundException: Schedule group h does not exist."
    );
}

/// What happens to a server.
#[derive(Debug, Clone)]
enum Event {
    /// It runs, and its clock with it.
    Runs(u64),
    /// It is killed and started again at once.
    Restarts,
    /// It is down for a while.
    Sleeps(u64),
    /// Its targets fail, or are well again.
    Fails(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1u64..20_000).prop_map(Event::Runs),
        1 => Just(Event::Restarts),
        2 => (1u64..30_000).prop_map(Event::Sleeps),
        1 => any::<bool>().prop_map(Event::Fails),
    ];
    proptest::collection::vec(event, 1..20)
}

const EXPRESSIONS: &[(&str, &str)] = &[
    ("rate(7 minutes)", "UTC"),
    ("rate(1 day)", "Europe/Berlin"),
    ("cron(0/20 * * * ? *)", "America/New_York"),
    ("cron(30 2 * * ? *)", "Europe/Berlin"),
    ("at(2026-03-28T15:00:00)", "UTC"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens to the server, each due time arrives at its target exactly once, and in order where the target is well.
    #[test]
    fn each_due_time_arrives_once(events in events(), which in 0..EXPRESSIONS.len(), window in 0u32..90) {
        let (text, zone) = EXPRESSIONS[which];
        let mut bench = Bench::new();
        // The clocks of both places change within the next days.
        let begin = Timestamp::parse_iso("2026-03-28T12:00:00Z").unwrap();
        bench.now = begin;
        let flexible = match window {
            0..30 => json!({"Mode": "OFF"}),
            _ => json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window}),
        };
        bench.create("s", text, json!({"FlexibleTimeWindow": flexible, "ScheduleExpressionTimezone": zone})).unwrap();
        let fails = std::rc::Rc::new(std::cell::Cell::new(false));
        let arrived = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let (of_bench, into) = (std::rc::Rc::clone(&fails), std::rc::Rc::clone(&arrived));
        bench.failures = Box::new(move |sent| {
            if of_bench.get() {
                return Some(ApiError::server("InternalFailure", ""));
            }
            into.borrow_mut().push(sent.content.clone());
            None
        });
        let mut always_well = true;
        for event in events {
            // Targets recover before an event is too old.
            let span = |secs: u64| Duration::from_secs(if fails.get() { secs % 3_000 } else { secs });
            match event {
                Event::Runs(secs) => bench.advance(span(secs)),
                Event::Restarts => bench.restart(),
                Event::Sleeps(secs) => bench.sleep(span(secs)),
                Event::Fails(now) => {
                    always_well &= !now;
                    fails.set(now);
                }
            }
        }
        // Whatever is still to be tried again, or within its window, arrives now; nothing else is due up to `end`.
        fails.set(false);
        let end = bench.now;
        bench.advance(HOUR * 3);
        let (expression, zone) = (Expression::of_schedule(text).unwrap(), Zone::named(zone).unwrap());
        let mut expected = Vec::new();
        let mut last = Timestamp::from_millis(begin.millis() - 1);
        while let Some(next) = expression.next(&zone, begin, last).filter(|next| *next <= end) {
            expected.push(next.iso_secs());
            last = next;
        }
        let mut arrived = arrived.borrow().clone();
        if !always_well {
            arrived.sort();
        }
        arrived.retain(|time| *time <= end.iso_secs());
        prop_assert_eq!(arrived, expected);
    }
}
