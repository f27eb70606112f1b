//! What pipes tell of themselves in CloudWatch Logs.

use serde_json::Value;

use super::*;

const GROUP: &str = "arn:aws:logs:us-east-1:000000000000:log-group:/pipes:*";

fn logs(level: &str, data: bool) -> Option<PipeLogConfigurationParameters> {
    let log_group_arn = GROUP.to_owned();
    Some(PipeLogConfigurationParameters {
        level: level.into(),
        cloudwatch_logs_log_destination: Some(CloudwatchLogsLogDestinationParameters { log_group_arn }),
        include_execution_data: data.then(|| vec!["ALL".to_owned()]),
        ..Default::default()
    })
}

/// What was put into the log group since the last time, and that nothing else went there.
fn records(bench: &mut Bench) -> Vec<Value> {
    let mut put = Vec::new();
    for sent in std::mem::take(&mut bench.sent) {
        if sent.what == "PutLogEvents" {
            assert_eq!(sent.principal, Principal::Account(pontoon_core::Scope::default().account));
            assert_eq!(sent.contents[0], "p", "the stream");
            put.extend(sent.contents[1..].iter().map(|event| {
                let (at, record) = event.split_once(' ').unwrap();
                let record: Value = serde_json::from_str(record).unwrap();
                assert_eq!(record["timestamp"].to_string(), at);
                record
            }));
        }
    }
    put
}

fn told_of(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["messageType"].as_str().unwrap()).collect()
}

fn enriched(level: &str, data: bool) -> CreatePipeInput {
    CreatePipeInput {
        enrichment: Some(FUNCTION.into()),
        log_configuration: logs(level, data),
        ..pipe(QUEUE, with_template("<$.x>"))
    }
}

#[test]
fn each_level_tells_its_steps() {
    for (level, expected) in [
        ("OFF", vec![]),
        ("ERROR", vec![]),
        (
            "INFO",
            vec![
                "EXECUTION_STARTED",
                "ENRICHMENT_STAGE_ENTERED",
                "ENRICHMENT_STAGE_SUCCEEDED",
                "TARGET_STAGE_ENTERED",
                "TARGET_STAGE_SUCCEEDED",
                "EXECUTION_SUCCEEDED",
            ],
        ),
        (
            "TRACE",
            vec![
                "EXECUTION_STARTED",
                "ENRICHMENT_STAGE_ENTERED",
                "ENRICHMENT_INVOCATION_STARTED",
                "ENRICHMENT_INVOCATION_SUCCEEDED",
                "ENRICHMENT_STAGE_SUCCEEDED",
                "TARGET_STAGE_ENTERED",
                "TARGET_TRANSFORMATION_STARTED",
                "TARGET_TRANSFORMATION_SUCCEEDED",
                "TARGET_INVOCATION_STARTED",
                "TARGET_INVOCATION_SUCCEEDED",
                "TARGET_STAGE_SUCCEEDED",
                "EXECUTION_SUCCEEDED",
            ],
        ),
    ] {
        let mut bench = Bench::with(enriched(level, false));
        bench.answers = Box::new(|hop| {
            let answer = || Ok(Box::new(returns(r#"{"x":1}"#)) as Box<dyn pontoon_core::Output>);
            (hop.what == "Invoke").then(answer)
        });
        bench.deliver(&["a"]);
        let told = records(&mut bench);
        assert_eq!(told_of(&told), expected, "{level}");
        for record in &told {
            assert_eq!(record["resourceArn"], "arn:aws:pipes:us-east-1:000000000000:pipe/p");
            assert_eq!(record["executionId"], told[0]["executionId"]);
            let data = ["payload", "awsRequest", "awsResponse", "truncatedFields", "error"];
            assert!(data.iter().all(|name| record.get(name).is_none()), "{record}");
        }
    }
}

#[test]
fn data_is_told_where_it_changes_and_where_it_is_asked_for() {
    let mut bench = Bench::with(enriched("TRACE", true));
    let shown = bench.describe().unwrap().log_configuration.unwrap();
    assert_eq!(
        (shown.level.as_deref(), shown.include_execution_data),
        (Some("TRACE"), Some(vec!["ALL".into()]))
    );
    assert_eq!(shown.cloudwatch_logs_log_destination.unwrap().log_group_arn.as_deref(), Some(GROUP));
    bench.answers = Box::new(|hop| {
        let answer = || Ok(Box::new(returns(r#"{"x":1}"#)) as Box<dyn pontoon_core::Output>);
        (hop.what == "Invoke").then(answer)
    });
    bench.deliver(&["a"]);
    let told = records(&mut bench);
    let data = |what: &str| {
        let record = told.iter().find(|record| record["messageType"] == what).unwrap();
        ["payload", "awsRequest", "awsResponse"].map(|name| record.get(name).and_then(Value::as_str))
    };
    let [payload, ..] = data("EXECUTION_STARTED");
    assert!(payload.unwrap().starts_with(r#"[{"attributes":"#));
    let [_, request, response] = data("ENRICHMENT_INVOCATION_SUCCEEDED");
    assert!(request.unwrap().starts_with(r#"{"action":"Invoke","events":[{"attributes":"#));
    assert_eq!(response, Some(r#"{"functionError":null,"payload":"{\"x\":1}","statusCode":null}"#));
    assert_eq!(data("ENRICHMENT_STAGE_SUCCEEDED"), [Some(r#"[{"x":1}]"#), None, None]);
    assert_eq!(data("TARGET_TRANSFORMATION_SUCCEEDED"), [Some("[1]"), None, None]);
    let sent = [None, Some(r#"{"action":"SendMessageBatch","events":[1]}"#), Some(r#"{"failed":[]}"#)];
    assert_eq!(data("TARGET_INVOCATION_SUCCEEDED"), sent);
    assert_eq!(data("TARGET_STAGE_SUCCEEDED"), [Some(r#"[{"x":1}]"#), None, None]);
    assert_eq!(data("EXECUTION_SUCCEEDED"), [None, None, None]);
}

#[test]
fn what_fails_is_told_with_the_reason() {
    let log_configuration = logs("ERROR", false);
    let mut bench = Bench::with(CreatePipeInput { log_configuration, ..pipe(QUEUE, with_template("1")) });
    for (error, last) in [
        (ApiError::client("AccessDenied", "no").with_status(403), "EXECUTION_FAILED"),
        (ApiError::client("ThrottlingException", "slow").with_status(429), "EXECUTION_THROTTLED"),
        (ApiError::server("Timeout", "late"), "EXECUTION_TIMEOUT"),
    ] {
        let (status, message, answer) = (error.status, error.message.clone(), error.clone());
        bench.answers = Box::new(move |hop| (hop.what == "SendMessageBatch").then(|| Err(answer.clone())));
        bench.deliver(&["a"]);
        let told = records(&mut bench);
        assert_eq!(told_of(&told), ["TARGET_INVOCATION_FAILED", "TARGET_STAGE_FAILED", last]);
        assert_eq!(told[0]["logLevel"], "ERROR");
        let why = &told[0]["error"];
        assert_eq!((&why["httpStatusCode"], &why["awsService"]), (&status.into(), &"sqs".into()));
        assert_eq!((&why["message"], &why["exceptionType"]), (&message.into(), &error.code.as_ref().into()));
    }
    bench.answers = Box::new(|hop| {
        let failed =
            sqs::BatchResultErrorEntry { id: "0".into(), code: "InternalError".into(), ..Default::default() };
        let output = sqs::SendMessageBatchOutput { failed: vec![failed], ..Default::default() };
        (hop.what == "SendMessageBatch").then(|| Ok(Box::new(output) as Box<dyn pontoon_core::Output>))
    });
    bench.deliver(&["a", "b"]);
    let told = records(&mut bench);
    let partially =
        ["TARGET_INVOCATION_PARTIALLY_FAILED", "TARGET_STAGE_PARTIALLY_FAILED", "EXECUTION_PARTIALLY_FAILED"];
    assert_eq!(told_of(&told), partially);
}

#[test]
fn a_log_group_that_takes_nothing_is_named_and_stops_nothing() {
    let log_configuration = logs("INFO", false);
    let mut bench = Bench::with(CreatePipeInput { log_configuration, ..pipe(QUEUE, with_template("1")) });
    bench.answers = Box::new(|hop| {
        let gone =
            || Err(ApiError::client("ResourceNotFoundException", "The specified log group does not exist."));
        (hop.what == "PutLogEvents").then(gone)
    });
    bench.deliver(&["a"]);
    let expected = "The logs of the pipe are lost: The specified log group does not exist.";
    assert_eq!(bench.describe().unwrap().state_reason.as_deref(), Some(expected));
    assert_eq!(bench.polls.len(), 1);
    let update = UpdatePipeInput {
        name: "p".into(),
        role_arn: ROLE.into(),
        log_configuration: logs("OFF", false),
        ..Default::default()
    };
    bench.call::<UpdatePipeOutput>(Request::UpdatePipe(update)).unwrap();
    bench.advance(Duration::ZERO);
    bench.sent.clear();
    bench.deliver(&["b"]);
    assert_eq!(bench.told(), ["SendMessageBatch 1", "DeleteMessageBatch h2"]);
}
