//! What buses tell of the events on them.

use serde_json::{Value, json};

use super::*;
use crate::testing::Bench;

const LOGGED: &str = "arn:aws:events:us-east-1:000000000000:event-bus/b";

impl Bench {
    /// A bus `b` that tells so much, with a rule `r` for events of source `s` with this target.
    fn telling(level: &str, detail: &str, target: Target) -> Self {
        let mut bench = Self::new();
        bench
            .call(Request::CreateEventBus(CreateEventBusInput {
                name: "b".into(),
                log_config: Some(config(level, detail)),
                ..Default::default()
            }))
            .unwrap();
        bench.put_rule("b", "r", r#"{"source":["s"]}"#).unwrap();
        bench.put_target("b", "r", target).unwrap();
        bench
    }

    /// The records since the last look, each read; what they were told as is that they say.
    fn records(&mut self) -> Vec<Value> {
        let read = |(bus, record): (String, pontoon_api::vended::VendedRecord)| {
            let read: Value = serde_json::from_str(&record.json).unwrap();
            assert_eq!(read["resource_arn"], bus);
            assert_eq!(format!("{}_LOGS", read["log_level"].as_str().unwrap()), record.log_type);
            assert_eq!(read["message_timestamp_ms"], record.at_millis);
            read
        };
        std::mem::take(&mut self.told).into_iter().map(read).collect()
    }

    /// The names of the steps that were told since the last look.
    fn steps(&mut self) -> Vec<String> {
        self.records().iter().map(|read| read["message_type"].as_str().unwrap().to_owned()).collect()
    }
}

fn config(level: &str, detail: &str) -> LogConfig {
    LogConfig { level: Some(level.into()), include_detail: Some(detail.into()) }
}

#[test]
fn a_bus_tells_what_its_level_includes() {
    let all = [
        "EVENT_RECEIPT",
        "EVENT_INGEST_SUCCESS",
        "RULE_MATCH_START",
        "RULE_MATCH",
        "INVOCATION_START",
        "INVOCATION_ATTEMPT_START",
        "INVOCATION_ATTEMPT_SUCCESS",
        "INVOCATION_SUCCESS",
    ];
    let major = ["EVENT_INGEST_SUCCESS", "RULE_MATCH", "INVOCATION_START", "INVOCATION_SUCCESS"];
    for (level, expected, unmatched) in [
        (
            "TRACE",
            &all[..],
            &["EVENT_RECEIPT", "EVENT_INGEST_SUCCESS", "RULE_MATCH_START", "NO_STANDARD_RULES_MATCHED"][..],
        ),
        ("INFO", &major, &["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]),
        ("ERROR", &[], &[]),
        ("OFF", &[], &[]),
    ] {
        let mut bench = Bench::telling(level, "NONE", to(queue("q")));
        bench.put_event("b", "s", "{}");
        assert_eq!(bench.steps(), expected, "{level}");
        bench.put_event("b", "other", "{}");
        assert_eq!(bench.steps(), unmatched, "{level}");
        bench.put_event("default", "s", "{}");
        assert_eq!(bench.steps(), [""; 0], "another bus");
    }
}

#[test]
fn the_configuration_is_kept_told_and_changed() {
    let mut bench = Bench::telling("INFO", "FULL", to(queue("q")));
    bench.restart();
    let describe = |name: &str| Request::DescribeEventBus(DescribeEventBusInput { name: Some(name.into()) });
    let told =
        |bench: &mut Bench, name| output::<DescribeEventBusOutput>(bench.call(describe(name))).log_config;
    assert_eq!(told(&mut bench, "b"), Some(config("INFO", "FULL")));
    assert_eq!(told(&mut bench, "default"), None);
    let update = |name: &str, log_config| {
        Request::UpdateEventBus(UpdateEventBusInput {
            name: Some(name.into()),
            log_config,
            ..Default::default()
        })
    };
    let updated: UpdateEventBusOutput = output(bench.call(update("b", None)));
    assert_eq!(updated.log_config, Some(config("INFO", "FULL")), "what is not given stays");
    let off = LogConfig { level: Some("OFF".into()), include_detail: None };
    let updated: UpdateEventBusOutput = output(bench.call(update("b", Some(off))));
    assert_eq!(updated.log_config, Some(config("OFF", "NONE")));
    bench.put_event("b", "s", "{}");
    assert_eq!(bench.steps(), [""; 0]);
    bench.call(update("default", Some(config("INFO", "NONE")))).unwrap();
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.steps(), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]);
}

#[test]
fn records_say_what_the_schema_says_and_details_only_where_wanted() {
    for (detail, input, properties) in
        [("NONE", Value::Null, Value::Null), ("FULL", json!(r#""in""#), json!(r#"{"MessageGroupId":"g"}"#))]
    {
        let target = Target {
            input: Some(r#""in""#.into()),
            sqs_parameters: Some(SqsParameters { message_group_id: Some("g".into()) }),
            ..to(queue("q.fifo"))
        };
        let mut bench = Bench::telling("TRACE", detail, target);
        let id = bench.put_event("b", "s", r#"{"n":1.50}"#).event_id.unwrap();
        let records = bench.records();
        let event_detail = if detail == "FULL" { json!(r#"{"n":1.50}"#) } else { Value::Null };
        for record in &records[..3] {
            assert_eq!((&record["event_id"], &record["request_id"]), (&json!(id), &json!("r")));
            assert_eq!(record["invocation_id"], Value::Null);
            let details = &record["details"];
            assert_eq!(details["event_detail"], event_detail);
            assert_eq!(details["caller_account_id"], "000000000000");
            assert_eq!(details["source_time_ms"], bench.now.millis());
            assert_eq!((&details["source"], &details["detail_type"]), (&json!("s"), &json!("t")));
            assert_eq!(details["resources"], json!([]));
        }
        let rule = "arn:aws:events:us-east-1:000000000000:rule/b/r";
        let invocation = &records[3]["details"]["invocation_ids"][0];
        let matched =
            json!({ "rule_arn": rule, "target_arns": [queue("q.fifo")], "invocation_ids": [invocation] });
        assert_eq!(records[3]["details"], matched);
        for record in &records[4..] {
            assert_eq!((&record["event_id"], &record["invocation_id"]), (&json!(id), invocation));
            assert_eq!(record["details"]["rule_arn"], rule);
            assert_eq!(record["details"]["target_arn"], queue("q.fifo"));
            assert_eq!(record["error"], Value::Null);
        }
        let started = &records[5]["details"];
        assert_eq!((&started["attempt_count"], &started["target_input"]), (&json!(1), &input.clone()));
        assert_eq!(started["target_properties"], properties);
        let attempt = json!({
            "rule_arn": rule, "target_arn": queue("q.fifo"), "attempt_type": "FIRST", "attempt_count": 1,
            "invocation_status": "SUCCESS", "target_duration_ms": 0,
        });
        assert_eq!(records[6]["details"], attempt);
        let end = &records[7]["details"];
        assert_eq!((&end["total_attempts"], &end["final_invocation_status"]), (&json!(1), &json!("SUCCESS")));
        for latency in ["start", "complete", "success"] {
            assert_eq!(end[format!("ingestion_to_{latency}_latency_ms")], 0);
        }
        assert_eq!(end["target_input"], input);
    }
}

#[test]
fn an_entry_that_is_refused_is_told_with_the_reason() {
    let mut bench = Bench::telling("ERROR", "FULL", to(queue("q")));
    bench.put_event("b", "s", "no JSON");
    bench.put_event("b", "aws.s3", "{}");
    bench.put_event("none", "s", "no JSON");
    let records = bench.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["message_type"], "EVENT_INGEST_FAILURE");
    assert_eq!((&records[0]["request_id"], &records[0]["event_id"]), (&json!("r"), &Value::Null));
    assert_eq!(
        records[0]["error"],
        json!({ "error_message": "Detail is malformed.", "aws_service": "events" })
    );
    assert_eq!(records[0]["details"]["event_detail"], "no JSON");
    assert_eq!(records[1]["error"]["error_message"], "Not authorized for the source.");
}

#[test]
fn retries_and_their_end_are_told() {
    let target = Target {
        retry_policy: Some(RetryPolicy {
            maximum_retry_attempts: Some(1),
            maximum_event_age_in_seconds: None,
        }),
        ..to(queue("q"))
    };
    for (failures, dead_letter, end) in [
        (vec![unavailable()], None, "INVOCATION_SUCCESS"),
        (vec![unavailable(), unavailable()], None, "INVOCATION_FAILURE"),
        (vec![unavailable(), unavailable()], Some("dlq"), "INVOCATION_DLQ"),
        (vec![unavailable(), unavailable(), unavailable()], Some("dlq"), "INVOCATION_FAILURE"),
    ] {
        let dead_letter_config = dead_letter.map(|name| DeadLetterConfig { arn: Some(queue(name)) });
        let mut bench = Bench::telling("TRACE", "NONE", Target { dead_letter_config, ..target.clone() });
        let mut left = failures.clone().into_iter();
        bench.failures = Box::new(move |_| left.next());
        bench.put_event("b", "s", "{}");
        let first = bench.records();
        let last = first.last().unwrap();
        assert_eq!(last["message_type"], "INVOCATION_ATTEMPT_RETRYABLE_FAILURE");
        assert_eq!(
            last["error"],
            json!({ "http_status_code": 500, "error_message": "Try later.", "aws_service": "sqs" })
        );
        assert_eq!(last["details"]["invocation_status"], "ERROR_FROM_TARGET");
        assert_eq!(
            last["details"]["target_response_body"],
            r#"{"errorCode":"ServiceUnavailable","errorMessage":"Try later."}"#
        );
        bench.restart();
        bench.advance(Duration::from_secs(60));
        let again = bench.records();
        let outcome = if end == "INVOCATION_SUCCESS" { "SUCCESS" } else { "RETRYABLE_FAILURE" };
        let steps: Vec<&str> = again.iter().map(|record| record["message_type"].as_str().unwrap()).collect();
        assert_eq!(steps, ["INVOCATION_ATTEMPT_START", &format!("INVOCATION_ATTEMPT_{outcome}"), end]);
        assert!(again.iter().all(|record| record["invocation_id"] == last["invocation_id"]));
        let attempt = &again[1]["details"];
        assert_eq!((&attempt["attempt_type"], &attempt["attempt_count"]), (&json!("RETRY"), &json!(2)));
        let ended = &again[2]["details"];
        assert_eq!(ended["total_attempts"], 2);
        assert_eq!(ended["ingestion_to_start_latency_ms"], Value::Null, "of first attempts only");
        let took =
            (end == "INVOCATION_SUCCESS").then(|| ended["ingestion_to_success_latency_ms"].as_i64().unwrap());
        assert!(took.is_none_or(|millis| (500..=1_000).contains(&millis)), "{took:?}");
        let status = if end == "INVOCATION_SUCCESS" { "SUCCESS" } else { "ERROR_FROM_TARGET" };
        assert_eq!(ended["final_invocation_status"], status);
    }
}

#[test]
fn what_cannot_pass_and_what_is_too_much_are_told_apart() {
    let denied = ApiError::client("AccessDeniedException", "No.").with_status(403);
    let throttled = ApiError::client("ThrottlingException", "Slower.").with_status(429);
    for (error, told, status) in [
        (denied, "INVOCATION_ATTEMPT_PERMANENT_FAILURE", "NO_PERMISSIONS"),
        (throttled, "INVOCATION_ATTEMPT_THROTTLE", "THROTTLING"),
    ] {
        let mut bench = Bench::telling("ERROR", "NONE", to(queue("q")));
        let mut left = Some(error);
        bench.failures = Box::new(move |_| left.take());
        bench.put_event("b", "s", "{}");
        let records = bench.records();
        assert_eq!(records[0]["message_type"], told);
        assert_eq!(records[0]["details"]["invocation_status"], status);
        let ends = records.iter().any(|record| record["message_type"] == "INVOCATION_FAILURE");
        assert_eq!(ends, status == "NO_PERMISSIONS");
    }
}

#[test]
fn events_of_services_are_told_of_where_a_rule_of_the_account_matches() {
    let mut bench = Bench::new();
    let log_config = Some(config("INFO", "NONE"));
    let update = UpdateEventBusInput { name: Some("default".into()), log_config, ..Default::default() };
    bench.call(Request::UpdateEventBus(update)).unwrap();
    let archive = CreateArchiveInput {
        archive_name: "a".into(),
        event_source_arn: scope().arn("events", "event-bus/default"),
        ..Default::default()
    };
    bench.call(Request::CreateArchive(archive)).unwrap();
    bench.put_rule("default", "r", r#"{"source":["aws.s3"]}"#).unwrap();
    bench.put_target("default", "r", to(queue("q"))).unwrap();
    let own = bench.caller.clone();
    bench.caller.principal = Principal::Service("s3.amazonaws.com");
    bench.put_event("default", "aws.ec2", "{}");
    assert_eq!(bench.steps(), [""; 0], "the archive's rule is not the account's own");
    bench.put_event("default", "aws.s3", "{}");
    assert_eq!(
        bench.steps(),
        ["EVENT_INGEST_SUCCESS", "RULE_MATCH", "INVOCATION_START", "INVOCATION_SUCCESS"]
    );
    bench.caller = own;
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.steps(), ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]);
}

#[test]
fn scheduled_rules_and_buses_behind_a_bus_tell_too() {
    let mut bench = Bench::telling("INFO", "NONE", to(queue("q")));
    let log_config = Some(config("INFO", "NONE"));
    let update = UpdateEventBusInput { name: Some("default".into()), log_config, ..Default::default() };
    bench.call(Request::UpdateEventBus(update)).unwrap();
    bench
        .call(Request::PutRule(PutRuleInput {
            name: "tick".into(),
            schedule_expression: Some("rate(1 minute)".into()),
            ..Default::default()
        }))
        .unwrap();
    bench.put_target("default", "tick", to(queue("q"))).unwrap();
    bench.advance(Duration::from_secs(60));
    let records = bench.records();
    let steps: Vec<&str> = records.iter().map(|record| record["message_type"].as_str().unwrap()).collect();
    assert_eq!(steps, ["EVENT_INGEST_SUCCESS", "RULE_MATCH", "INVOCATION_START", "INVOCATION_SUCCESS"]);
    assert_eq!(records[0]["details"]["detail_type"], "Scheduled Event");
    assert_eq!((&records[0]["request_id"], &records[0]["event_bus_name"]), (&Value::Null, &json!("default")));
    bench.put_rule("default", "on", r#"{"source":["s"]}"#).unwrap();
    bench.put_target("default", "on", to(LOGGED.to_owned())).unwrap();
    let id = bench.put_event("default", "s", "{}").event_id.unwrap();
    let records = bench.records();
    let of = |bus: &str| records.iter().filter(|record| record["resource_arn"] == bus).count();
    assert_eq!((of(LOGGED), records.len()), (4, 8));
    assert!(records.iter().all(|record| record["event_id"] == id));
}

#[test]
fn what_an_api_destination_answers_is_told() {
    let mut bench = Bench::telling("TRACE", "FULL", to(queue("q")));
    bench.connect("BASIC", super::destinations::basic()).unwrap();
    let connection = bench.connection().connection_arn.unwrap();
    bench.create_destination(&connection, Some(1)).unwrap();
    let arn = bench.destination().api_destination_arn.unwrap();
    let http = HttpParameters {
        header_parameters: Some([("X-A".to_owned(), "b".to_owned())].into_iter().collect()),
        ..Default::default()
    };
    let target = Target {
        role_arn: Some("arn:aws:iam::000000000000:role/invoke".into()),
        http_parameters: Some(http),
        ..to(arn.clone())
    };
    bench.put_target("b", "r", target).unwrap();
    bench.put_event("b", "s", "{}");
    bench.advance(Duration::ZERO);
    bench.put_event("b", "s", "{}");
    bench.advance(Duration::ZERO);
    let steps = bench.steps();
    assert!(steps.contains(&"INVOCATION_THROTTLE_START".to_owned()), "{steps:?}");
    bench.answer(503, "busy");
    let failed = bench.records().remove(0);
    assert_eq!(failed["message_type"], "INVOCATION_ATTEMPT_RETRYABLE_FAILURE");
    assert_eq!(failed["error"]["http_status_code"], 503);
    assert_eq!(failed["error"]["aws_service"], "events");
    assert_eq!(failed["details"]["target_response_body"], "busy");
    assert_eq!(failed["details"]["role_arn"], "arn:aws:iam::000000000000:role/invoke");
    let way = failed["invocation_id"].clone();
    let of_way = |records: Vec<Value>| -> Vec<Value> {
        records.into_iter().filter(|record| record["invocation_id"] == way).collect()
    };
    bench.advance(Duration::from_secs(10));
    let started = of_way(bench.records()).pop().unwrap();
    assert_eq!(started["message_type"], "INVOCATION_ATTEMPT_START");
    assert_eq!(started["details"]["attempt_count"], 2);
    assert_eq!(
        started["details"]["target_properties"],
        r#"{"HeaderParameters":{"X-A":"b"},"PathParameterValues":[],"QueryStringParameters":{}}"#
    );
    for _ in 0..2 {
        bench.answer(200, "taken");
    }
    let ended = of_way(bench.records()).pop().unwrap();
    assert_eq!(ended["message_type"], "INVOCATION_SUCCESS");
    assert_eq!(ended["details"]["total_attempts"], 2);
    assert_eq!(ended["details"]["target_duration_ms"], 1);
    assert_eq!(ended["details"]["target_response_body"], "taken");
}
