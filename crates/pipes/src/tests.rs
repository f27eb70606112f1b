//! Pipes through polls, batches, failures and restarts.

use std::time::Duration;

use pontoon_api::invocation::InvokeApiDestinationOutput;
use pontoon_api::pipes::*;
use pontoon_api::{events, lambda, sqs};
use pontoon_core::{ApiError, PolicyMode, Principal};

use crate::testing::{Bench, ROLE};

mod logs;

const SOURCE: &str = "arn:aws:sqs:us-east-1:000000000000:source";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const API: &str = "arn:aws:events:us-east-1:000000000000:api-destination/d/1";

fn pipe(target: &str, parameters: PipeTargetParameters) -> CreatePipeInput {
    CreatePipeInput {
        name: "p".into(),
        source: SOURCE.into(),
        target: target.into(),
        target_parameters: Some(parameters),
        role_arn: ROLE.into(),
        ..Default::default()
    }
}

fn with_template(template: &str) -> PipeTargetParameters {
    PipeTargetParameters { input_template: Some(template.into()), ..Default::default() }
}

fn batches(size: i32, window: i32) -> PipeSourceParameters {
    PipeSourceParameters {
        sqs_queue_parameters: Some(PipeSourceSqsQueueParameters {
            batch_size: Some(size),
            maximum_batching_window_in_seconds: Some(window),
        }),
        ..Default::default()
    }
}

impl Bench {
    /// A pipe that runs.
    fn with(input: CreatePipeInput) -> Self {
        let mut bench = Self::new();
        bench.call::<CreatePipeOutput>(Request::CreatePipe(input)).unwrap();
        bench.advance(Duration::ZERO);
        assert_eq!(bench.state(), "RUNNING");
        bench
    }

    fn describe(&mut self) -> Result<DescribePipeOutput, ApiError> {
        self.call(Request::DescribePipe(DescribePipeInput { name: "p".into() }))
    }

    fn state(&mut self) -> String {
        self.describe().map_or("none".to_owned(), |output| output.current_state.unwrap())
    }
}

fn told<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    let error = answer.unwrap_err();
    format!("{} {}: {}", error.status, error.code, error.message)
}

fn returns(payload: &str) -> lambda::InvokeOutput {
    lambda::InvokeOutput { payload: Some(payload.to_owned().into()), ..Default::default() }
}

#[test]
fn messages_go_to_the_target_and_are_deleted() {
    let mut bench = Bench::with(pipe(QUEUE, with_template(r#"{"id": <$.messageId>, "n": <$.body.n>}"#)));
    bench.deliver(&[r#"{"n": 1}"#, r#"{"n": 2}"#]);
    let role = Principal::Role { arn: ROLE.into(), session: "p".into() };
    assert!(bench.sent.iter().all(|sent| sent.principal == role));
    assert_eq!(
        bench.told(),
        [r#"SendMessageBatch {"id": "m1", "n": 1} | {"id": "m2", "n": 2}"#, "DeleteMessageBatch h1 | h2",]
    );
    assert_eq!(bench.polls.len(), 1);
    bench.advance(Duration::from_secs(120));
    for (name, expected) in [
        ("Invocations", 1.0),
        ("EventCount", 2.0),
        ("ExecutionFailed", 0.0),
        ("TargetStageFailed", 0.0),
        ("Concurrency", 1.0),
    ] {
        assert_eq!(bench.metric(name), expected, "{name}");
    }
}

#[test]
fn without_a_template_the_target_gets_the_event_as_it_is() {
    let mut bench = Bench::with(pipe(QUEUE, PipeTargetParameters::default()));
    bench.deliver(&["text"]);
    let sent = bench.told();
    let event: serde_json::Value =
        serde_json::from_str(sent[0].strip_prefix("SendMessageBatch ").unwrap()).unwrap();
    assert_eq!((&event["messageId"], &event["body"]), (&"m1".into(), &"text".into()));
    assert_eq!((&event["eventSource"], &event["eventSourceARN"]), (&"aws:sqs".into(), &SOURCE.into()));
}

#[test]
fn parameters_that_are_paths_stand_for_parts_of_each_event() {
    let parameters = PipeTargetParameters {
        input_template: Some("<$.body.n>".into()),
        sqs_queue_parameters: Some(PipeTargetSqsQueueParameters {
            message_group_id: Some("$.body.customer".into()),
            message_deduplication_id: Some("$.messageId".into()),
        }),
        ..Default::default()
    };
    let mut bench = Bench::with(pipe(&format!("{QUEUE}.fifo"), parameters));
    bench.deliver(&[r#"{"n": 1, "customer": "a"}"#, r#"{"n": 2, "customer": 7}"#]);
    assert_eq!(bench.told()[0], "SendMessageBatch 1 a m1 | 2 7 m2");

    let parameters = PipeTargetParameters {
        input_template: Some(r#"{"n": <$.body.n>}"#.into()),
        event_bridge_event_bus_parameters: Some(PipeTargetEventBridgeEventBusParameters {
            detail_type: Some("$.body.type".into()),
            source: Some("shop".into()),
            resources: Some(vec!["$.eventSourceARN".into()]),
            time: Some("$.body.at".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut bench = Bench::with(pipe("arn:aws:events:us-east-1:000000000000:event-bus/b", parameters));
    bench.answers = Box::new(|_| Some(Ok(Box::new(events::PutEventsOutput::default()))));
    bench.deliver(&[r#"{"n": 1, "type": "made", "at": "2026-01-02T03:04:05Z"}"#]);
    assert_eq!(bench.told()[0], format!(r#"PutEvents shop/made/{SOURCE}/2026-01-02T03:04:05Z {{"n": 1}}"#));

    let parameters = PipeTargetParameters {
        input_template: Some("<$.body.text>".into()),
        cloud_watch_logs_parameters: Some(PipeTargetCloudWatchLogsParameters {
            log_stream_name: Some("s".into()),
            timestamp: Some("$.body.at".into()),
        }),
        ..Default::default()
    };
    let mut bench = Bench::with(pipe("arn:aws:logs:us-east-1:000000000000:log-group:g", parameters));
    bench.deliver(&[r#"{"text": "b", "at": 2000}"#, r#"{"text": "a", "at": 1000}"#]);
    assert_eq!(bench.told()[0], "PutLogEvents s | 1000 a | 2000 b");
}

#[test]
fn a_bus_gets_a_source_and_a_type_of_the_pipe_unless_it_says_otherwise() {
    let mut bench =
        Bench::with(pipe("arn:aws:events:us-east-1:000000000000:event-bus/b", with_template(r#"{"n": 1}"#)));
    bench.deliver(&["x"]);
    assert_eq!(bench.told()[0], r#"PutEvents Pipe p/Event from aws:sqs// {"n": 1}"#);
}

#[test]
fn what_no_filter_lets_through_is_deleted() {
    let filter = Filter { pattern: Some(r#"{"body": {"kind": ["order"]}}"#.into()) };
    let source = PipeSourceParameters {
        filter_criteria: Some(FilterCriteria { filters: Some(vec![filter]) }),
        ..Default::default()
    };
    let input = CreatePipeInput {
        source_parameters: Some(source),
        ..pipe("arn:aws:sns:us-east-1:000000000000:t", with_template("<$.messageId>"))
    };
    let mut bench = Bench::with(input);
    bench.deliver(&[r#"{"kind": "order"}"#, r#"{"kind": "other"}"#, "text"]);
    assert_eq!(bench.told(), ["DeleteMessageBatch h2 | h3", "PublishBatch m1", "DeleteMessageBatch h1"]);
}

#[test]
fn an_enrichment_replaces_the_events() {
    let input = CreatePipeInput {
        enrichment: Some(FUNCTION.into()),
        enrichment_parameters: Some(PipeEnrichmentParameters {
            input_template: Some(r#"{"id": <$.messageId>}"#.into()),
            ..Default::default()
        }),
        ..pipe(QUEUE, with_template(r#"{"x": <$.x>}"#))
    };
    let mut bench = Bench::with(input);
    for (returned, sent, deleted) in [
        (r#"[{"x":1},{"x":2},{"x":3}]"#, Some(r#"{"x": 1} | {"x": 2} | {"x": 3}"#), true),
        (r#"{"x":1}"#, Some(r#"{"x": 1}"#), true),
        ("[{}]", Some(r#"{"x": ""}"#), true),
        ("[]", None, true),
        ("{}", None, true),
        (r#""""#, None, true),
        ("null", None, true),
        ("", None, true),
        // More than the queue takes at once.
        ("[1,2,3,4,5,6,7,8,9,10,11]", None, false),
    ] {
        bench.answers = Box::new(move |hop| {
            (hop.what == "Invoke").then(|| Ok(Box::new(returns(returned)) as Box<dyn pontoon_core::Output>))
        });
        bench.deliver(&["a", "b"]);
        let told = bench.told();
        assert!(told[0].starts_with("Invoke f  [{\"id\": \"m"), "{told:?}");
        let sends: Vec<&String> = told.iter().filter(|told| told.starts_with("SendMessageBatch")).collect();
        assert_eq!(sends.first().map(|told| &told["SendMessageBatch ".len()..]), sent, "{returned}");
        assert_eq!(told.iter().any(|told| told.starts_with("DeleteMessageBatch")), deleted, "{returned}");
    }
    bench.answers = Box::new(|_| {
        let failed = lambda::InvokeOutput { function_error: Some("Unhandled".into()), ..returns("{}") };
        Some(Ok(Box::new(failed)))
    });
    bench.deliver(&["a"]);
    assert_eq!(bench.told().len(), 1);
    bench.advance(Duration::from_secs(120));
    assert_eq!(bench.metric("EnrichmentStageFailed"), 1.0);
    assert_eq!(bench.metric("TargetStageSkipped"), 5.0);
    assert_eq!(bench.metric("ExecutionFailed"), 2.0);
}

fn strings(pairs: &[(&str, &str)]) -> Option<std::collections::BTreeMap<String, String>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn answers(body: &str) -> InvokeApiDestinationOutput {
    InvokeApiDestinationOutput { status: 200, body: body.to_owned().into() }
}

#[test]
fn an_api_destination_gets_one_event_at_a_time() {
    let parameters = PipeTargetParameters {
        http_parameters: Some(PipeTargetHttpParameters {
            path_parameter_values: Some(vec!["$.body.id".into(), "x".into(), "$.nothing".into()]),
            header_parameters: strings(&[("X-Id", "$.body.id")]),
            query_string_parameters: strings(&[("n", "$.body.n"), ("price", "$5.00")]),
        }),
        ..with_template(r#"{"id": <$.messageId>}"#)
    };
    let mut bench = Bench::with(pipe(API, parameters.clone()));
    let shown = bench.describe().unwrap();
    assert_eq!(shown.target_parameters, Some(parameters));
    assert_eq!(shown.source_parameters.unwrap().sqs_queue_parameters.unwrap().batch_size, Some(1));
    bench.answers = Box::new(|_| Some(Ok(Box::new(answers("ignored")))));
    bench.deliver(&[r#"{"id": "a", "n": 1}"#]);
    bench.deliver(&["text"]);
    // Headers are no paths, as documented.
    assert_eq!(
        bench.told(),
        [
            r#"InvokeApiDestination d/a/x/?n=1&price=$5.00 X-Id=$.body.id {"id": "m1"}"#,
            "DeleteMessageBatch h1",
            r#"InvokeApiDestination d//x/?n=&price=$5.00 X-Id=$.body.id {"id": "m2"}"#,
            "DeleteMessageBatch h2",
        ]
    );
    bench.restart();
    bench.deliver(&[r#"{"id": "b", "n": 2}"#]);
    assert!(bench.told()[0].starts_with("InvokeApiDestination d/b/x/?n=2"));
}

#[test]
fn what_an_api_destination_fails_stays_in_the_queue() {
    for (error, throttled, timed_out) in [
        (ApiError::server("ErrorFromTarget", "status 500"), 0.0, 0.0),
        (ApiError::client("ThrottlingException", "status 429").with_status(429), 1.0, 0.0),
        (ApiError::server("Timeout", "no answer within 5 s"), 0.0, 1.0),
        (ApiError::client("AccessDeniedException", "no").with_status(403), 0.0, 0.0),
    ] {
        for is_target in [true, false] {
            let input = pipe(if is_target { API } else { QUEUE }, with_template("1"));
            let enrichment = (!is_target).then(|| API.to_owned());
            let mut bench = Bench::with(CreatePipeInput { enrichment, ..input });
            let answer = error.clone();
            bench.answers = Box::new(move |_| Some(Err(answer.clone())));
            bench.deliver(&["a"]);
            assert_eq!(bench.told().len(), 1, "{error}");
            bench.advance(Duration::from_secs(120));
            let stage = if is_target { "TargetStageFailed" } else { "EnrichmentStageFailed" };
            for (name, expected) in [
                (stage, 1.0),
                ("ExecutionFailed", 1.0),
                ("ExecutionThrottled", throttled),
                ("ExecutionTimeout", timed_out),
            ] {
                assert_eq!(bench.metric(name), expected, "{name}: {error}");
            }
        }
    }
}

#[test]
fn the_answer_of_an_api_destination_enriches() {
    let parameters = PipeEnrichmentParameters {
        input_template: None,
        http_parameters: Some(PipeEnrichmentHttpParameters {
            query_string_parameters: strings(&[("id", "$.messageId")]),
            ..Default::default()
        }),
    };
    let input = CreatePipeInput {
        enrichment: Some(API.into()),
        enrichment_parameters: Some(parameters.clone()),
        ..pipe(QUEUE, with_template("<$.x>"))
    };
    let mut bench = Bench::with(input);
    assert_eq!(bench.describe().unwrap().enrichment_parameters, Some(parameters));
    for (answered, sent) in [
        (r#"{"x":1}"#, Some("1")),
        (r#"[{"x":1},{"x":2}]"#, Some("1 | 2")),
        ("plain text", Some("")),
        ("[{}]", Some("")),
        ("", None),
        ("{}", None),
        ("[]", None),
        (r#""""#, None),
        ("null", None),
    ] {
        bench.answers = Box::new(move |hop| {
            let answer = || Ok(Box::new(answers(answered)) as Box<dyn pontoon_core::Output>);
            (hop.what == "InvokeApiDestination").then(answer)
        });
        bench.deliver(&["a"]);
        let told = bench.told();
        let id = told[0].strip_prefix("InvokeApiDestination d/?id=m").unwrap();
        // The event itself, not a list of one.
        assert!(id.split_once("  {\"attributes\":").is_some(), "{id}");
        let sends = told.iter().find_map(|told| told.strip_prefix("SendMessageBatch")).map(str::trim_start);
        assert_eq!(sends, sent, "{answered}");
        assert!(told.last().unwrap().starts_with("DeleteMessageBatch"), "{answered}");
    }
    // A target that takes one event at a time takes no list of two.
    let to_api = CreatePipeInput { enrichment: Some(FUNCTION.into()), ..pipe(API, with_template("<$.x>")) };
    let mut bench = Bench::with(to_api);
    bench.answers = Box::new(|_| Some(Ok(Box::new(returns(r#"[{"x":1},{"x":2}]"#)))));
    bench.deliver(&["a"]);
    assert_eq!(bench.told().len(), 1, "only the function was called");
}

#[test]
fn what_the_target_fails_stays_in_the_queue() {
    let mut bench = Bench::with(pipe(QUEUE, with_template("<$.body>")));
    bench.answers = Box::new(|hop| {
        let entry =
            sqs::BatchResultErrorEntry { id: "1".into(), code: "InternalError".into(), ..Default::default() };
        let output = sqs::SendMessageBatchOutput { failed: vec![entry], ..Default::default() };
        (hop.what == "SendMessageBatch").then(|| Ok(Box::new(output) as Box<dyn pontoon_core::Output>))
    });
    bench.deliver(&["a", "b", "c"]);
    assert_eq!(bench.told(), ["SendMessageBatch a | b | c", "DeleteMessageBatch h1 | h3"]);
    bench.answers = Box::new(|_| Some(Err(ApiError::server("ServiceUnavailable", "down"))));
    bench.deliver(&["d"]);
    assert_eq!(bench.told(), ["SendMessageBatch d"]);
    bench.advance(Duration::from_secs(120));
    assert_eq!(bench.metric("ExecutionPartiallyFailed"), 1.0);
    assert_eq!(bench.metric("TargetStagePartiallyFailed"), 1.0);
    assert_eq!(bench.metric("ExecutionFailed"), 1.0);
}

#[test]
fn a_function_names_the_messages_that_it_failed() {
    let mut bench = Bench::with(pipe(FUNCTION, with_template(r#"{"id": <$.messageId>}"#)));
    for (returned, expected) in [
        (r#"{"batchItemFailures":[{"itemIdentifier":"ID"}]}"#, 1),
        (r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#, 0),
        (r#"{"batchItemFailures":[]}"#, 2),
        (r#""done""#, 2),
        ("", 2),
    ] {
        bench.answers = Box::new(move |hop| {
            let first = hop
                .contents
                .first()
                .and_then(|payload| Some(payload.split("\"id\": \"").nth(1)?.split('"').next()?.to_owned()));
            let returned = returned.replace("ID", &first.unwrap_or_default());
            (hop.what == "Invoke").then(|| Ok(Box::new(returns(&returned)) as Box<dyn pontoon_core::Output>))
        });
        bench.deliver(&["a", "b"]);
        let told = bench.told();
        let deleted = told.iter().find_map(|told| told.strip_prefix("DeleteMessageBatch "));
        assert_eq!(deleted.map_or(0, |handles| handles.split(" | ").count()), expected, "{returned}");
    }
    let forget = PipeTargetParameters {
        lambda_function_parameters: Some(PipeTargetLambdaFunctionParameters {
            invocation_type: Some("FIRE_AND_FORGET".into()),
        }),
        ..with_template("{}")
    };
    let mut bench = Bench::with(pipe(FUNCTION, forget));
    bench.deliver(&["a"]);
    assert_eq!(bench.told()[0], "Invoke f Event [{}]");
}

#[test]
fn batches_wait_for_their_window() {
    let input = CreatePipeInput {
        source_parameters: Some(batches(20, 5)),
        ..pipe(FUNCTION, with_template("<$.body>"))
    };
    let mut bench = Bench::with(input);
    bench.deliver(&["1"]);
    bench.deliver(&["2", "3"]);
    assert_eq!(bench.told(), [""; 0]);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.told(), ["Invoke f RequestResponse [1,2,3]", "DeleteMessageBatch h1 | h2 | h3"]);
}

#[test]
fn a_pipe_stops_when_what_is_on_its_way_has_ended() {
    let mut bench = Bench::with(CreatePipeInput {
        source_parameters: Some(batches(2, 60)),
        ..pipe(FUNCTION, with_template("<$.body>"))
    });
    bench.parks = "Invoke";
    bench.deliver(&["1", "2"]);
    bench.deliver(&["3"]);
    // The outcome of this poll is on its way already.
    let late = bench.polls.pop_front().unwrap();
    let stopped: StopPipeOutput = bench.call(Request::StopPipe(StopPipeInput { name: "p".into() })).unwrap();
    assert_eq!(
        (stopped.desired_state.unwrap(), stopped.current_state.unwrap()),
        ("STOPPED".into(), "STOPPING".into())
    );
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.state(), "STOPPING");
    assert_eq!(bench.told(), ["Invoke f RequestResponse [1,2]", "ChangeMessageVisibilityBatch h3"]);
    // What the poll still gives is shown again; nothing polls.
    bench.polls.push_back(late);
    bench.deliver(&["4"]);
    assert_eq!(bench.told(), ["ChangeMessageVisibilityBatch h4"]);
    assert_eq!(bench.polls.len(), 0);
    let ticket = bench.parked.pop_front().unwrap();
    bench.settle(ticket, Ok(Box::new(returns("null"))));
    assert_eq!(bench.told(), ["DeleteMessageBatch h1 | h2"]);
    assert_eq!(bench.state(), "STOPPED");
    let again = bench.call::<StopPipeOutput>(Request::StopPipe(StopPipeInput { name: "p".into() }));
    assert_eq!(told(again), "409 ConflictException: Pipe p is in the state STOPPED.");

    bench.restart();
    assert_eq!((bench.state(), bench.polls.len()), ("STOPPED".into(), 0));
    bench.call::<StartPipeOutput>(Request::StartPipe(StartPipeInput { name: "p".into() })).unwrap();
    assert_eq!(bench.state(), "STARTING");
    bench.advance(Duration::ZERO);
    assert_eq!((bench.state(), bench.polls.len()), ("RUNNING".into(), 1));
    bench.restart();
    assert_eq!((bench.state(), bench.polls.len()), ("RUNNING".into(), 1));
    // A poll that waits is taken back, so that no message is received only to be shown again.
    bench.call::<StopPipeOutput>(Request::StopPipe(StopPipeInput { name: "p".into() })).unwrap();
    assert_eq!((bench.state(), bench.polls.len()), ("STOPPING".into(), 0));
    bench.advance(Duration::ZERO);
    bench.call::<StartPipeOutput>(Request::StartPipe(StartPipeInput { name: "p".into() })).unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!((bench.state(), bench.polls.len()), ("RUNNING".into(), 1));

    bench.call::<DeletePipeOutput>(Request::DeletePipe(DeletePipeInput { name: "p".into() })).unwrap();
    assert_eq!((bench.state(), bench.polls.len()), ("DELETING".into(), 0));
    bench.advance(Duration::ZERO);
    assert_eq!(told(bench.describe()), "404 NotFoundException: Pipe p does not exist.");
    bench.restart();
    assert_eq!(bench.state(), "none");
}

#[test]
fn a_pipe_that_cannot_read_its_queue_fails_with_the_reason() {
    let mut bench = Bench::new();
    bench.answers =
        Box::new(|_| Some(Err(ApiError::client("QueueDoesNotExist", "The specified queue does not exist."))));
    bench
        .call::<CreatePipeOutput>(Request::CreatePipe(pipe(QUEUE, PipeTargetParameters::default())))
        .unwrap();
    assert_eq!(bench.state(), "CREATING");
    bench.advance(Duration::ZERO);
    let shown = bench.describe().unwrap();
    assert_eq!(shown.current_state.as_deref(), Some("CREATE_FAILED"));
    assert_eq!(shown.state_reason.as_deref(), Some("The specified queue does not exist."));
    bench.answers = Box::new(|_| None);
    bench.call::<StartPipeOutput>(Request::StartPipe(StartPipeInput { name: "p".into() })).unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.state(), "RUNNING");

    let absent = CreatePipeInput {
        role_arn: "arn:aws:iam::000000000000:role/absent".into(),
        ..pipe(QUEUE, PipeTargetParameters::default())
    };
    let mut bench = Bench::new();
    bench.call::<CreatePipeOutput>(Request::CreatePipe(absent.clone())).unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.state(), "CREATE_FAILED");
    let mut bench = Bench::new();
    bench.settings.policies = PolicyMode::Warn;
    bench.call::<CreatePipeOutput>(Request::CreatePipe(absent)).unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.state(), "RUNNING");
}

#[test]
fn a_failed_poll_is_made_again() {
    let mut bench = Bench::with(pipe(QUEUE, with_template("<$.body>")));
    let (_, ticket) = bench.polls.pop_front().unwrap();
    bench.settle(ticket, Err(ApiError::client("AccessDenied", "no")));
    assert_eq!(bench.describe().unwrap().state_reason.as_deref(), Some("no"));
    bench.advance(Duration::from_secs(10));
    bench.deliver(&["a"]);
    assert_eq!(bench.describe().unwrap().state_reason, None);
    assert_eq!(bench.told().len(), 2);
}

#[test]
fn an_update_changes_what_it_names() {
    let input = CreatePipeInput {
        description: Some("d".into()),
        source_parameters: Some(batches(5, 1)),
        enrichment: Some(FUNCTION.into()),
        ..pipe(QUEUE, with_template("<$.body>"))
    };
    let mut bench = Bench::with(input);
    let late = bench.polls.pop_front().unwrap();
    let update = UpdatePipeInput {
        name: "p".into(),
        enrichment: Some(String::new()),
        target: Some("arn:aws:sns:us-east-1:000000000000:t".into()),
        role_arn: ROLE.into(),
        ..Default::default()
    };
    bench.call::<UpdatePipeOutput>(Request::UpdatePipe(update)).unwrap();
    assert_eq!(bench.state(), "UPDATING");
    // The poll of before is taken back; if its outcome was on its way, that is shown again.
    assert_eq!(bench.polls.len(), 0);
    bench.polls.push_back(late);
    bench.deliver(&["a"]);
    assert_eq!(bench.told(), ["ChangeMessageVisibilityBatch h1"]);
    bench.advance(Duration::ZERO);
    let shown = bench.describe().unwrap();
    assert_eq!(shown.current_state.as_deref(), Some("RUNNING"));
    assert_eq!((shown.enrichment, shown.target_parameters), (None, None));
    assert_eq!(shown.description.as_deref(), Some("d"));
    let queue = shown.source_parameters.unwrap().sqs_queue_parameters.unwrap();
    assert_eq!(queue.batch_size, Some(5));
    bench.deliver(&["b"]);
    bench.advance(Duration::from_secs(1));
    assert!(bench.told()[0].starts_with("PublishBatch {"));
}

#[test]
fn what_is_no_pipe_is_refused() {
    let to = |target: &str| pipe(target, PipeTargetParameters::default());
    let from = |source: &str| CreatePipeInput { source: source.into(), ..to(QUEUE) };
    let unsupported = |what: &str| format!("501 NotSupportedByPontoon: Pontoon does not support {what}.");
    let invalid = |what: &str| format!("400 ValidationException: {what}");
    for (input, expected) in [
        (
            from("arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"),
            unsupported("pipes from DynamoDB streams"),
        ),
        (
            from("arn:aws:kinesis:us-east-1:000000000000:stream/s"),
            unsupported("pipes from the service kinesis"),
        ),
        (from("smk://host:9092"), unsupported("pipes from Apache Kafka")),
        (
            to("arn:aws:states:us-east-1:000000000000:stateMachine:m"),
            unsupported("pipes to the service states"),
        ),
        (
            CreatePipeInput { source_parameters: Some(batches(2, 0)), ..to(API) },
            invalid("BatchSize 2 is more than the 1 that the target takes."),
        ),
        (
            CreatePipeInput {
                enrichment: Some(API.into()),
                source_parameters: Some(batches(2, 0)),
                ..to(QUEUE)
            },
            invalid("BatchSize 2 is more than the 1 that the enrichment takes."),
        ),
        (
            CreatePipeInput {
                enrichment: Some(FUNCTION.into()),
                enrichment_parameters: Some(PipeEnrichmentParameters {
                    http_parameters: Some(PipeEnrichmentHttpParameters::default()),
                    ..Default::default()
                }),
                ..to(QUEUE)
            },
            invalid(&format!("HttpParameters do not go with the enrichment {FUNCTION}.")),
        ),
        (
            pipe(
                QUEUE,
                PipeTargetParameters { http_parameters: Some(Default::default()), ..Default::default() },
            ),
            invalid(&format!("HttpParameters do not go with the target {QUEUE}.")),
        ),
        (
            CreatePipeInput {
                enrichment: Some("arn:aws:states:us-east-1:000000000000:stateMachine:m".into()),
                ..to(QUEUE)
            },
            unsupported("pipes to the service states, as enrichment"),
        ),
        (
            CreatePipeInput { kms_key_identifier: Some("k".into()), ..to(QUEUE) },
            unsupported("encryption of pipes with own keys (KmsKeyIdentifier)"),
        ),
        (
            CreatePipeInput {
                log_configuration: Some(PipeLogConfigurationParameters {
                    level: "INFO".into(),
                    ..Default::default()
                }),
                ..to(QUEUE)
            },
            invalid("LogConfiguration has a Level but no log destination."),
        ),
        (
            CreatePipeInput {
                log_configuration: Some(PipeLogConfigurationParameters {
                    level: "INFO".into(),
                    s3_log_destination: Some(S3LogDestinationParameters::default()),
                    ..Default::default()
                }),
                ..to(QUEUE)
            },
            unsupported("logs of pipes with S3LogDestination"),
        ),
        (
            CreatePipeInput {
                log_configuration: Some(PipeLogConfigurationParameters {
                    level: "INFO".into(),
                    firehose_log_destination: Some(FirehoseLogDestinationParameters::default()),
                    ..Default::default()
                }),
                ..to(QUEUE)
            },
            unsupported("logs of pipes with FirehoseLogDestination"),
        ),
        (
            CreatePipeInput { source_parameters: Some(batches(11, 1)), ..to(QUEUE) },
            invalid("BatchSize 11 is more than the 10 that the target takes."),
        ),
        (
            CreatePipeInput { source_parameters: Some(batches(11, 0)), ..to(FUNCTION) },
            invalid("MaximumBatchingWindowInSeconds must be at least 1 when BatchSize is greater than 10."),
        ),
        (
            pipe(QUEUE, with_template("<aws.pipes.nothing>")),
            invalid("InputTemplate has an invalid variable <aws.pipes.nothing>."),
        ),
        (
            to("arn:aws:logs:us-east-1:000000000000:log-group:g"),
            invalid("LogStreamName must be set for a target in CloudWatch Logs."),
        ),
        (
            pipe(
                FUNCTION,
                PipeTargetParameters { sqs_queue_parameters: Some(Default::default()), ..Default::default() },
            ),
            invalid(&format!("SqsQueueParameters do not go with the target {FUNCTION}.")),
        ),
    ] {
        let mut bench = Bench::new();
        assert_eq!(told(bench.call::<CreatePipeOutput>(Request::CreatePipe(input))), expected);
    }
    let mut bench = Bench::with(to(QUEUE));
    let again = bench.call::<CreatePipeOutput>(Request::CreatePipe(to(QUEUE)));
    assert_eq!(told(again), "409 ConflictException: Pipe p already exists.");
}

#[test]
fn pipes_are_listed_in_pages_and_have_tags() {
    let mut bench = Bench::new();
    for name in ["a", "b", "c"] {
        let desired_state = (name == "b").then(|| "STOPPED".to_owned());
        let input = CreatePipeInput {
            name: name.into(),
            desired_state,
            ..pipe(QUEUE, PipeTargetParameters::default())
        };
        bench.call::<CreatePipeOutput>(Request::CreatePipe(input)).unwrap();
    }
    bench.advance(Duration::ZERO);
    let list = |bench: &mut Bench, input: ListPipesInput| {
        let output: ListPipesOutput = bench.call(Request::ListPipes(input)).unwrap();
        let names = output.pipes.unwrap().into_iter().map(|pipe| pipe.name.unwrap()).collect::<String>();
        (names, output.next_token)
    };
    let (first, token) = list(&mut bench, ListPipesInput { limit: Some(2), ..Default::default() });
    assert_eq!(first, "ab");
    assert_eq!(
        list(&mut bench, ListPipesInput { next_token: token, ..Default::default() }),
        ("c".into(), None)
    );
    let stopped = ListPipesInput { current_state: Some("STOPPED".into()), ..Default::default() };
    assert_eq!(list(&mut bench, stopped).0, "b");
    let elsewhere = ListPipesInput { target_prefix: Some(FUNCTION.into()), ..Default::default() };
    assert_eq!(list(&mut bench, elsewhere).0, "");

    let resource_arn = "arn:aws:pipes:us-east-1:000000000000:pipe/a".to_owned();
    let tags = [("k", "v"), ("l", "w")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let tag = TagResourceInput { resource_arn: resource_arn.clone(), tags };
    bench.call::<TagResourceOutput>(Request::TagResource(tag)).unwrap();
    let tags = [("aws:k".to_owned(), "v".to_owned())].into();
    let reserved = TagResourceInput { resource_arn: resource_arn.clone(), tags };
    assert_eq!(
        told(bench.call::<TagResourceOutput>(Request::TagResource(reserved))),
        "400 ValidationException: aws: prefixed tag key names are not allowed for external use."
    );
    let untag = UntagResourceInput { resource_arn: resource_arn.clone(), tag_keys: vec!["k".into()] };
    bench.call::<UntagResourceOutput>(Request::UntagResource(untag)).unwrap();
    bench.restart();
    let list = ListTagsForResourceInput { resource_arn };
    let listed: ListTagsForResourceOutput = bench.call(Request::ListTagsForResource(list)).unwrap();
    assert_eq!(listed.tags.unwrap(), [("l".to_owned(), "w".to_owned())].into());
}
