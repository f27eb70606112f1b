//! The service against a store in memory, with the other services played by the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pontoon_api::{events, lambda as api, logs, s3, sqs};
use pontoon_core::policy::{Document, IdentityPolicies};
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::work::{FunctionCall, FunctionResult, LogLine};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Datum, Hop, Ids, Output, ParkId, PolicyMode, Principal, Reply, Request,
    Scope, Service, Settled, Step, Store, Timestamp, Work, WorkOutcome,
};
use serde_json::{Value, json};

use crate::Lambda;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// The service, and what its steps have asked for.
struct Bench {
    lambda: Lambda,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    next_park: u64,
    now: Timestamp,
    hops: Vec<Hop>,
    work: Vec<(u64, FunctionCall)>,
    unparked: Vec<(ParkId, Settled)>,
    metrics: Vec<Datum>,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            lambda: service_under_test(),
            store: pontoon_store::memory(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            ids: Ids::from_seed(1),
            next_park: 0,
            now: Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap(),
            hops: Vec::new(),
            work: Vec::new(),
            unparked: Vec::new(),
            metrics: Vec::new(),
        };
        bench.restart();
        bench
    }

    /// Loads everything from the store, as after a crash. What was under way is gone.
    fn restart(&mut self) {
        self.lambda = service_under_test();
        self.lambda.load(self.store.as_ref()).unwrap();
        self.hops.clear();
        self.work.clear();
        self.step(&account(), |lambda, step| lambda.start(step));
    }

    fn step<T>(&mut self, caller: &Caller, run: impl FnOnce(&mut Lambda, &mut Step<'_>) -> T) -> T {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let scope = Scope::default();
        let mut step = Step::new(self.now, scope, caller, &mut self.ids, &mut self.next_park, &ground);
        let value = run(&mut self.lambda, &mut step);
        let (batch, effects) = step.finish();
        let Effects { hops, dispatches, unparked, metrics, .. } = effects;
        self.store.apply(batch).unwrap();
        self.hops.extend(hops);
        for dispatch in dispatches {
            if let Work::Function(call) = dispatch.work {
                self.work.push((dispatch.token, *call));
            }
        }
        self.unparked.extend(unparked);
        self.metrics.extend(metrics.into_iter().map(|(_, datum)| datum));
        value
    }

    fn call_as(
        &mut self,
        caller: &Caller,
        request: api::Request,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        self.step(caller, |lambda, step| lambda.call(step, Box::new(request)))
    }

    fn call(&mut self, request: api::Request) -> Result<Reply<Box<dyn Output>>, ApiError> {
        self.call_as(&account(), request)
    }

    /// The output of a call that answers at once.
    fn ready<T: 'static>(&mut self, request: api::Request) -> T {
        match self.call(request) {
            Ok(Reply::Ready(output)) => *output.into_any().downcast::<T>().unwrap(),
            Ok(_) => panic!("the call does not answer at once"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Code and message of a call that fails.
    fn error(&mut self, request: api::Request) -> (String, String) {
        match self.call(request) {
            Err(error) => (error.code.into_owned(), error.message),
            Ok(_) => panic!("the call succeeds"),
        }
    }

    fn parked(&mut self, request: api::Request) -> ParkId {
        match self.call(request) {
            Ok(Reply::Parked(id)) => id,
            Ok(_) => panic!("the call answers at once"),
            Err(error) => panic!("{error}"),
        }
    }

    /// What a parked call was answered with, if it was.
    fn answer<T: 'static>(&mut self, park: ParkId) -> Option<Result<T, ApiError>> {
        let at = self.unparked.iter().position(|(id, _)| *id == park)?;
        let (_, settled) = self.unparked.remove(at);
        Some(settled.map(|output| *output.into_any().downcast::<T>().unwrap()))
    }

    /// The first hop whose request is of this kind, with what it comes back with.
    fn hop<T>(
        &mut self,
        pick: impl Fn(&Bench, Box<dyn Request>) -> Option<T>,
        name: &str,
    ) -> Option<(T, Hop)> {
        let at = self.hops.iter().position(|hop| hop.request.operation().name == name)?;
        let mut hop = self.hops.remove(at);
        let request = std::mem::replace(
            &mut hop.request,
            Box::new(api::Request::GetAccountSettings(api::GetAccountSettingsInput {})),
        );
        let input = pick(self, request)?;
        Some((input, hop))
    }

    fn settle(&mut self, hop: Hop, outcome: Settled) {
        if let Some(ticket) = hop.ticket {
            self.step(&account(), |lambda, step| lambda.settled(step, ticket.token, outcome));
        }
    }

    /// The poll that a mapping has made.
    fn poll(&mut self) -> Option<(sqs::ReceiveMessageInput, Hop)> {
        let pick = |_: &Bench, request: Box<dyn Request>| match *request
            .into_any()
            .downcast::<sqs::Request>()
            .ok()?
        {
            sqs::Request::ReceiveMessage(input) => Some(input),
            _ => None,
        };
        self.hop(pick, "ReceiveMessage")
    }

    /// The receipt handles that a mapping has deleted.
    fn deleted(&mut self) -> Vec<String> {
        let pick = |_: &Bench, request: Box<dyn Request>| match *request
            .into_any()
            .downcast::<sqs::Request>()
            .ok()?
        {
            sqs::Request::DeleteMessageBatch(input) => Some(input),
            _ => None,
        };
        let mut handles = Vec::new();
        while let Some((input, _)) = self.hop(pick, "DeleteMessageBatch") {
            handles.extend(input.entries.into_iter().map(|entry| entry.receipt_handle));
        }
        handles
    }

    fn sent(&mut self) -> Option<(sqs::SendMessageInput, Hop)> {
        let pick = |_: &Bench, request: Box<dyn Request>| match *request
            .into_any()
            .downcast::<sqs::Request>()
            .ok()?
        {
            sqs::Request::SendMessage(input) => Some(input),
            _ => None,
        };
        self.hop(pick, "SendMessage")
    }

    /// Lets a function end.
    fn finish(&mut self, payload: &str, failed: bool) -> FunctionCall {
        let (token, call) = self.work.remove(0);
        let result = FunctionResult {
            payload: Bytes::from(payload.to_owned()),
            function_error: failed.then_some("Unhandled"),
            log: vec![LogLine { at: self.now, text: "START\n".to_owned() }],
            log_stream: "2026/01/31/[$LATEST]0".to_owned(),
            duration_ms: 12.0,
            ..FunctionResult::default()
        };
        let outcome = WorkOutcome::Function(Box::new(result));
        self.step(&account(), |lambda, step| lambda.worked(step, token, outcome));
        call
    }

    /// Advances to everything that is due within `by`, in order.
    fn advance(&mut self, by: Duration) {
        let until = self.now.after(by);
        while let Some(at) = self.lambda.next_due().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step(&account(), |lambda, step| lambda.run_due(step));
        }
        self.now = until;
    }

    fn create(&mut self, name: &str) -> api::FunctionConfiguration {
        self.ready(api::Request::CreateFunction(creation(name)))
    }

    fn invoke(&mut self, kind: &str, payload: &str) -> api::Request {
        api::Request::Invoke(api::InvokeInput {
            function_name: "f".to_owned(),
            invocation_type: Some(kind.to_owned()),
            payload: Some(Bytes::from(payload.to_owned())),
            ..api::InvokeInput::default()
        })
    }

    fn map(
        &mut self,
        change: impl FnOnce(&mut api::CreateEventSourceMappingInput),
    ) -> Result<api::EventSourceMappingConfiguration, ApiError> {
        let mut input = api::CreateEventSourceMappingInput {
            event_source_arn: Some(QUEUE.to_owned()),
            function_name: "f".to_owned(),
            ..api::CreateEventSourceMappingInput::default()
        };
        change(&mut input);
        let park = match self.call(api::Request::CreateEventSourceMapping(input))? {
            Reply::Parked(park) => park,
            _ => panic!("the queue is asked first"),
        };
        let pick = |_: &Bench, request: Box<dyn Request>| request.into_any().downcast::<sqs::Request>().ok();
        let (_, hop) = self.hop(pick, "GetQueueAttributes").unwrap();
        let attributes = [("VisibilityTimeout".to_owned(), "30".to_owned())].into();
        self.settle(hop, Ok(Box::new(sqs::GetQueueAttributesOutput { attributes: Some(attributes) })));
        self.answer(park).unwrap()
    }

    fn deliver(&mut self, hop: Hop, bodies: &[&str]) {
        let message = |body: &&str| sqs::Message {
            message_id: Some(format!("id-{body}")),
            receipt_handle: Some(format!("handle-{body}")),
            body: Some((*body).to_owned()),
            ..sqs::Message::default()
        };
        let messages = Some(bodies.iter().map(message).collect());
        self.settle(hop, Ok(Box::new(sqs::ReceiveMessageOutput { messages })));
    }
}

/// Only [`ROLE`] exists, and may do everything.
fn service_under_test() -> Lambda {
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let documents = vec![Document::parse_identity(all).unwrap()];
    let policies = Arc::new(IdentityPolicies { documents, ..IdentityPolicies::default() });
    Lambda::new(Arc::new(move |arn| (arn == ROLE).then(|| Arc::clone(&policies))))
}

fn account() -> Caller {
    Caller::of_account(Account::DEFAULT, "11111111-2222-4333-8444-555555555555", "http://127.0.0.1:4566")
}

fn service(principal: &'static str, source_arn: &str) -> Caller {
    Caller { principal: Principal::Service(principal), source_arn: Some(source_arn.into()), ..account() }
}

fn archive(content: &str) -> Bytes {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(content.as_bytes()).unwrap();
    Bytes::from(zip.finish().unwrap().into_inner())
}

fn creation(name: &str) -> api::CreateFunctionInput {
    api::CreateFunctionInput {
        function_name: name.to_owned(),
        runtime: Some("provided.al2023".to_owned()),
        role: ROLE.to_owned(),
        handler: Some("bootstrap".to_owned()),
        code: api::FunctionCode { zip_file: Some(archive("one")), ..api::FunctionCode::default() },
        ..api::CreateFunctionInput::default()
    }
}

fn get(name: &str, qualifier: Option<&str>) -> api::Request {
    api::Request::GetFunctionConfiguration(api::GetFunctionConfigurationInput {
        function_name: name.to_owned(),
        qualifier: qualifier.map(str::to_owned),
    })
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

#[test]
fn a_function_is_created_with_awss_defaults_and_lives_through_a_restart() {
    let mut bench = Bench::new();
    let created = bench.create("f");
    assert_eq!(created.state.as_deref(), Some("Pending"));
    assert_eq!((created.timeout, created.memory_size), (Some(3), Some(128)));
    assert_eq!(created.function_arn.as_deref(), Some(FUNCTION));
    assert_eq!(created.last_modified.as_deref(), Some("2026-01-31T12:00:00.000+0000"));
    bench.restart();
    let read: api::FunctionConfiguration = bench.ready(get("f", None));
    assert_eq!(
        (read.state.as_deref(), read.last_update_status.as_deref()),
        (Some("Active"), Some("Successful"))
    );
    assert_eq!(read.code_sha256, created.code_sha256);
    assert_ne!(read.revision_id, created.revision_id);
    let again = bench.error(api::Request::CreateFunction(creation("f")));
    assert_eq!(again, ("ResourceConflictException".to_owned(), "Function already exist: f".to_owned()));
}

#[test]
fn functions_that_are_not_there_are_named_as_aws_names_them() {
    let mut bench = Bench::new();
    let missing =
        |arn: String| ("ResourceNotFoundException".to_owned(), format!("Function not found: {arn}"));
    assert_eq!(bench.error(get("f", None)), missing(FUNCTION.to_owned()));
    assert_eq!(bench.error(get("f", Some("$LATEST"))), missing(format!("{FUNCTION}:$LATEST")));
    let invoke = bench.invoke("RequestResponse", "{}");
    assert_eq!(bench.error(invoke), missing(format!("{FUNCTION}:$LATEST")));
    let delete = |qualifier: Option<&str>| {
        api::Request::DeleteFunction(api::DeleteFunctionInput {
            function_name: "f".to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    };
    assert_eq!(bench.error(delete(Some("7"))), missing(FUNCTION.to_owned()));
    bench.create("f");
    assert_eq!(bench.error(get("f", Some("7"))), missing(format!("{FUNCTION}:7")));
    assert_eq!(
        bench.error(delete(Some("$LATEST"))).1,
        "$LATEST version cannot be deleted without deleting the function."
    );
    let gone: api::DeleteFunctionOutput = bench.ready(delete(None));
    assert_eq!(gone.status_code, Some(204));
    assert_eq!(bench.error(get("f", None)), missing(FUNCTION.to_owned()));
    let left = bench.store.get(pontoon_core::Space::Blob, b"").unwrap();
    assert!(left.is_none());
}

#[test]
fn tags_of_awss_own_are_refused() {
    let mut bench = Bench::new();
    let tags = || [("aws:a".to_owned(), "b".to_owned())].into();
    let refused = || {
        let message = "aws: prefixed tag key names are not allowed for external use.";
        ("InvalidParameterValueException".to_owned(), message.to_owned())
    };
    let input = api::CreateFunctionInput { tags: Some(tags()), ..creation("f") };
    assert_eq!(bench.error(api::Request::CreateFunction(input)), refused());
    let resource = bench.create("f").function_arn.unwrap();
    let input = api::TagResourceInput { resource, tags: tags() };
    assert_eq!(bench.error(api::Request::TagResource(input)), refused());
}

#[test]
fn code_from_s3_is_fetched_and_its_errors_are_passed_on() {
    let mut bench = Bench::new();
    let code = api::FunctionCode {
        s3_bucket: Some("b".to_owned()),
        s3_key: Some("k".to_owned()),
        ..api::FunctionCode::default()
    };
    let request =
        || api::Request::CreateFunction(api::CreateFunctionInput { code: code.clone(), ..creation("f") });
    let pick = |_: &Bench, request: Box<dyn Request>| request.into_any().downcast::<s3::Request>().ok();
    let park = bench.parked(request());
    let (_, hop) = bench.hop(pick, "GetObject").unwrap();
    bench.settle(hop, Err(ApiError::client("NoSuchKey", "The specified key does not exist.")));
    let refused = bench.answer::<api::FunctionConfiguration>(park).unwrap().unwrap_err();
    assert_eq!(
        refused.message,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
    );
    let park = bench.parked(request());
    let (_, hop) = bench.hop(pick, "GetObject").unwrap();
    bench.settle(
        hop,
        Ok(Box::new(s3::GetObjectOutput { body: Some(archive("one")), ..s3::GetObjectOutput::default() })),
    );
    assert_eq!(
        bench.answer::<api::FunctionConfiguration>(park).unwrap().unwrap().state.as_deref(),
        Some("Pending")
    );
}

#[test]
fn a_local_directory_is_named_by_its_bucket_and_gets_a_new_revision_with_every_update() {
    let mut bench = Bench::new();
    let bucket = Some(crate::LOCAL_DIRECTORY_BUCKET.to_owned());
    let code = |key: &str| api::FunctionCode {
        s3_bucket: bucket.clone(),
        s3_key: Some(key.to_owned()),
        ..api::FunctionCode::default()
    };
    let relative = bench
        .error(api::Request::CreateFunction(api::CreateFunctionInput { code: code("x"), ..creation("f") }));
    assert_eq!(relative.0, "InvalidParameterValueException");
    let input = api::CreateFunctionInput { code: code("/srv/f"), ..creation("f") };
    bench.ready::<api::FunctionConfiguration>(api::Request::CreateFunction(input));
    let first: api::FunctionConfiguration = bench.ready(get("f", None));
    bench.ready::<api::FunctionConfiguration>(api::Request::UpdateFunctionCode(
        api::UpdateFunctionCodeInput {
            function_name: "f".to_owned(),
            s3_bucket: bucket.clone(),
            s3_key: Some("/srv/f".to_owned()),
            ..api::UpdateFunctionCodeInput::default()
        },
    ));
    let second: api::FunctionConfiguration = bench.ready(get("f", None));
    assert_ne!(first.code_sha256, second.code_sha256);
    let invoke = bench.invoke("RequestResponse", "{}");
    bench.parked(invoke);
    assert_eq!(
        bench.work[0].1.spec.code,
        pontoon_core::work::Code::Directory { path: "/srv/f".to_owned(), revision: 2 }
    );
}

#[test]
fn an_archive_is_kept_as_long_as_a_version_runs_it() {
    let mut bench = Bench::new();
    bench.create("f");
    let archives = |bench: &Bench| {
        let mut count = 0;
        let all = pontoon_core::KeyRange::all();
        bench
            .store
            .scan(pontoon_core::Space::Blob, &all, pontoon_core::Direction::Ascending, &mut |_, _| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        count
    };
    bench.ready::<api::FunctionConfiguration>(api::Request::PublishVersion(api::PublishVersionInput {
        function_name: "f".to_owned(),
        ..api::PublishVersionInput::default()
    }));
    let update = |content: &str| {
        api::Request::UpdateFunctionCode(api::UpdateFunctionCodeInput {
            function_name: "f".to_owned(),
            zip_file: Some(archive(content)),
            ..api::UpdateFunctionCodeInput::default()
        })
    };
    bench.ready::<api::FunctionConfiguration>(update("two"));
    assert_eq!(archives(&bench), 2);
    bench.ready::<api::FunctionConfiguration>(update("three"));
    assert_eq!(archives(&bench), 2);
    let first: api::FunctionConfiguration = bench.ready(get("f", Some("1")));
    assert_eq!(first.version.as_deref(), Some("1"));
    let delete = |qualifier: Option<&str>| {
        api::Request::DeleteFunction(api::DeleteFunctionInput {
            function_name: "f".to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    };
    bench.ready::<api::DeleteFunctionOutput>(delete(Some("1")));
    assert_eq!(archives(&bench), 1);
    bench.ready::<api::DeleteFunctionOutput>(delete(None));
    assert_eq!(archives(&bench), 0);
}

#[test]
fn an_invocation_answers_with_payload_error_and_log_tail() {
    let mut bench = Bench::new();
    bench.create("f");
    let park = bench.parked(api::Request::Invoke(api::InvokeInput {
        function_name: "f".to_owned(),
        log_type: Some("Tail".to_owned()),
        ..api::InvokeInput::default()
    }));
    let call = bench.finish(r#"{"errorMessage":"x"}"#, true);
    assert_eq!((call.payload.as_ref(), call.invoked_arn.as_str()), (b"{}".as_slice(), FUNCTION));
    assert_eq!(call.request_id, "11111111-2222-4333-8444-555555555555");
    let answer = bench.answer::<api::InvokeOutput>(park).unwrap().unwrap();
    assert_eq!((answer.status_code, answer.function_error.as_deref()), (Some(200), Some("Unhandled")));
    assert_eq!(answer.log_result.as_deref(), Some("U1RBUlQK"));
    assert_eq!(answer.executed_version.as_deref(), Some("$LATEST"));
    let dry = bench.invoke("DryRun", "{}");
    assert_eq!(bench.ready::<api::InvokeOutput>(dry).status_code, Some(204));
    let names: Vec<&str> = bench.hops.iter().map(|hop| hop.request.operation().name).collect();
    assert_eq!(names, ["CreateLogGroup", "CreateLogStream", "PutLogEvents"]);
}

#[test]
fn a_log_group_deleted_meanwhile_is_created_again_once() {
    let mut bench = Bench::new();
    bench.create("f");
    let invoke = bench.invoke("RequestResponse", "{}");
    bench.parked(invoke);
    bench.finish("1", false);
    let pick = |_: &Bench, request: Box<dyn Request>| request.into_any().downcast::<logs::Request>().ok();
    for _ in 0..2 {
        let (_, hop) = bench.hop(pick, "PutLogEvents").unwrap();
        bench.hops.clear();
        bench.settle(
            hop,
            Err(ApiError::client("ResourceNotFoundException", "The specified log group does not exist.")),
        );
    }
    assert!(bench.hops.is_empty());
}

#[test]
fn reserved_concurrency_throttles_and_zero_stops_everything() {
    let mut bench = Bench::new();
    bench.create("f");
    let reserve = |count| {
        api::Request::PutFunctionConcurrency(api::PutFunctionConcurrencyInput {
            function_name: "f".to_owned(),
            reserved_concurrent_executions: count,
        })
    };
    bench.ready::<api::PutFunctionConcurrencyOutput>(reserve(1));
    let invoke = bench.invoke("RequestResponse", "{}");
    bench.parked(invoke.clone());
    let throttled = bench.call(invoke.clone()).err().unwrap();
    assert_eq!(
        (throttled.code.as_ref(), throttled.status, throttled.message.as_str()),
        ("TooManyRequestsException", 429, "Rate Exceeded.")
    );
    // An asynchronous event waits for room instead.
    let event = bench.invoke("Event", "{}");
    bench.ready::<api::InvokeOutput>(event);
    bench.advance(Duration::ZERO);
    assert_eq!(bench.work.len(), 1);
    bench.finish("1", false);
    assert_eq!(bench.work.len(), 1);
    bench.finish("1", false);
    assert!(bench.lambda.outbox.is_empty());
    let too_many = bench.error(reserve(901));
    assert!(too_many.1.ends_with("below its minimum value of [100]."), "{}", too_many.1);
    bench.ready::<api::PutFunctionConcurrencyOutput>(reserve(0));
    assert_eq!(bench.error(invoke).0, "TooManyRequestsException");
}

fn on_failure(bench: &mut Bench, change: impl FnOnce(&mut api::PutFunctionEventInvokeConfigInput)) {
    let mut input = api::PutFunctionEventInvokeConfigInput {
        function_name: "f".to_owned(),
        destination_config: Some(api::DestinationConfig {
            on_failure: Some(api::OnFailure { destination: Some(QUEUE.to_owned()) }),
            on_success: Some(api::OnSuccess { destination: Some(QUEUE.to_owned()) }),
        }),
        ..api::PutFunctionEventInvokeConfigInput::default()
    };
    change(&mut input);
    bench.ready::<api::FunctionEventInvokeConfig>(api::Request::PutFunctionEventInvokeConfig(input));
}

#[test]
fn an_event_is_retried_after_one_and_two_minutes_through_restarts_and_then_goes_to_its_destination() {
    let mut bench = Bench::new();
    bench.create("f");
    on_failure(&mut bench, |_| {});
    let event = bench.invoke("Event", r#"{"b":1,"a":2}"#);
    let accepted: api::InvokeOutput = bench.ready(event);
    assert_eq!((accepted.status_code, accepted.payload), (Some(202), None));
    for wait in [0, 60, 120] {
        bench.advance(Duration::from_secs(wait).saturating_sub(Duration::from_millis(1)));
        if wait > 0 {
            assert!(bench.work.is_empty());
            bench.restart();
        }
        bench.advance(Duration::from_millis(1));
        assert_eq!(bench.work.len(), 1, "after {wait} s");
        // A crash while the function runs does not count as an attempt.
        bench.restart();
        bench.advance(Duration::ZERO);
        let call = bench.finish(r#"{"errorMessage":"boom","errorType":"E"}"#, true);
        assert_eq!(call.request_id, "11111111-2222-4333-8444-555555555555");
    }
    let (sent, _) = bench.sent().unwrap();
    assert_eq!(sent.queue_url, "http://127.0.0.1:4566/000000000000/q");
    assert!(sent.message_body.contains(r#""requestPayload":{"b":1,"a":2}"#));
    let record: Value = serde_json::from_str(&sent.message_body).unwrap();
    assert_eq!(
        record,
        json!({
            "version": "1.0", "timestamp": bench.now.iso_millis(),
            "requestContext": {
                "requestId": "11111111-2222-4333-8444-555555555555", "functionArn": format!("{FUNCTION}:$LATEST"),
                "condition": "RetriesExhausted", "approximateInvokeCount": 3
            },
            "requestPayload": { "b": 1, "a": 2 },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorMessage": "boom", "errorType": "E" }
        })
    );
    assert!(bench.lambda.outbox.is_empty());
    bench.restart();
    assert!(bench.lambda.outbox.is_empty());
}

#[test]
fn a_success_goes_to_its_destination_too() {
    let mut bench = Bench::new();
    bench.create("f");
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/b";
    on_failure(&mut bench, |input| {
        input.destination_config = Some(api::DestinationConfig {
            on_success: Some(api::OnSuccess { destination: Some(bus.to_owned()) }),
            on_failure: None,
        });
    });
    let event = bench.invoke("Event", "{}");
    bench.ready::<api::InvokeOutput>(event);
    bench.advance(Duration::ZERO);
    bench.finish(r#"{"hello":"world"}"#, false);
    let pick = |_: &Bench, request: Box<dyn Request>| match *request
        .into_any()
        .downcast::<events::Request>()
        .ok()?
    {
        events::Request::PutEvents(input) => Some(input),
        _ => None,
    };
    let (put, _) = bench.hop(pick, "PutEvents").unwrap();
    let entry = &put.entries[0];
    assert_eq!(entry.detail_type.as_deref(), Some("Lambda Function Invocation Result - Success"));
    assert_eq!(entry.resources.as_deref(), Some([bus.to_owned(), format!("{FUNCTION}:$LATEST")].as_slice()));
    let detail: Value = serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap();
    assert_eq!(detail["requestContext"]["condition"], "Success");
    assert_eq!(detail["requestContext"]["approximateInvokeCount"], 1);
}

#[test]
fn an_event_that_grows_too_old_or_meets_no_concurrency_is_given_up_with_that_condition() {
    let mut bench = Bench::new();
    bench.create("f");
    on_failure(&mut bench, |input| input.maximum_event_age_in_seconds = Some(60));
    let event = bench.invoke("Event", "{}");
    bench.ready::<api::InvokeOutput>(event.clone());
    bench.now = bench.now.after(Duration::from_millis(1));
    bench.advance(Duration::ZERO);
    bench.finish("{}", true);
    let record =
        |bench: &mut Bench| -> Value { serde_json::from_str(&bench.sent().unwrap().0.message_body).unwrap() };
    let context = record(&mut bench)["requestContext"].clone();
    assert_eq!(
        (&context["condition"], &context["approximateInvokeCount"]),
        (&json!("EventAgeExceeded"), &json!(1))
    );
    bench.ready::<api::PutFunctionConcurrencyOutput>(api::Request::PutFunctionConcurrency(
        api::PutFunctionConcurrencyInput { function_name: "f".to_owned(), reserved_concurrent_executions: 0 },
    ));
    bench.ready::<api::InvokeOutput>(event);
    bench.advance(Duration::ZERO);
    let record = record(&mut bench);
    assert_eq!(record["requestContext"]["condition"], "ZeroReservedConcurrency");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["responseContext"], Value::Null);
}

#[test]
fn a_dead_letter_carries_request_and_error() {
    let mut bench = Bench::new();
    let config = api::DeadLetterConfig { target_arn: Some(QUEUE.to_owned()) };
    let input = api::CreateFunctionInput { dead_letter_config: Some(config), ..creation("f") };
    bench.ready::<api::FunctionConfiguration>(api::Request::CreateFunction(input));
    on_failure(&mut bench, |input| {
        input.destination_config = None;
        input.maximum_retry_attempts = Some(0);
    });
    let event = bench.invoke("Event", r#"{"raise_error":1}"#);
    bench.ready::<api::InvokeOutput>(event);
    bench.advance(Duration::ZERO);
    bench.finish(r#"{"errorMessage":"Test exception","errorType":"Exception"}"#, true);
    let (sent, hop) = bench.sent().unwrap();
    assert_eq!(sent.message_body, r#"{"raise_error":1}"#);
    let attributes = sent.message_attributes.unwrap();
    let value = |name: &str| attributes[name].string_value.as_deref();
    assert_eq!(value("ErrorCode"), Some("200"));
    assert_eq!(value("ErrorMessage"), Some("Test exception"));
    assert_eq!(value("RequestID"), Some("11111111-2222-4333-8444-555555555555"));
    bench.settle(hop, Err(ApiError::client("QueueDoesNotExist", "x")));
    assert!(bench.lambda.next_due().is_some(), "the failed dead letter is counted");
}

#[test]
fn permissions_are_demanded_of_services_and_other_accounts() {
    let mut bench = Bench::new();
    bench.create("f");
    let rule = "arn:aws:events:us-east-1:000000000000:rule/r";
    let event = bench.invoke("Event", "{}");
    let denied = bench.call_as(&service("events.amazonaws.com", rule), event.clone()).err().unwrap();
    assert_eq!((denied.code.as_ref(), denied.status), ("AccessDeniedException", 403));
    let add = |sid: &str| {
        api::Request::AddPermission(api::AddPermissionInput {
            function_name: "f".to_owned(),
            statement_id: sid.to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "events.amazonaws.com".to_owned(),
            source_arn: Some(rule.to_owned()),
            ..api::AddPermissionInput::default()
        })
    };
    bench.ready::<api::AddPermissionOutput>(add("rule"));
    bench.restart();
    assert!(bench.call_as(&service("events.amazonaws.com", rule), event.clone()).is_ok());
    let other = service("events.amazonaws.com", "arn:aws:events:us-east-1:000000000000:rule/other");
    assert!(bench.call_as(&other, event).is_err());
    let (code, message) = bench.error(add("rule"));
    assert_eq!(code, "ResourceConflictException");
    assert_eq!(
        message,
        "The statement id (rule) provided already exists. Please provide a new statement id, or remove the existing statement."
    );
    let remove = || {
        api::Request::RemovePermission(api::RemovePermissionInput {
            function_name: "f".to_owned(),
            statement_id: "rule".to_owned(),
            ..api::RemovePermissionInput::default()
        })
    };
    bench.ready::<api::RemovePermissionOutput>(remove());
    assert_eq!(bench.error(remove()).1, "No policy is associated with the given resource.");
    let policy =
        api::Request::GetPolicy(api::GetPolicyInput { function_name: "f".to_owned(), qualifier: None });
    assert_eq!(bench.error(policy).1, "The resource you requested does not exist.");
}

#[test]
fn a_mapping_polls_batches_and_deletes_only_what_succeeded() {
    let mut bench = Bench::new();
    bench.create("f");
    let mapping = bench
        .map(|input| input.function_response_types = Some(vec!["ReportBatchItemFailures".to_owned()]))
        .unwrap();
    assert_eq!(mapping.state.as_deref(), Some("Creating"));
    assert_eq!((mapping.batch_size, mapping.maximum_batching_window_in_seconds), (Some(10), Some(0)));
    let (poll, hop) = bench.poll().unwrap();
    assert_eq!((poll.max_number_of_messages, poll.wait_time_seconds), (Some(10), Some(20)));
    bench.deliver(hop, &["a", "b"]);
    assert!(bench.poll().is_some(), "it polls on while the function works");
    let event: Value = serde_json::from_slice(&bench.work[0].1.payload).unwrap();
    assert_eq!(event["Records"].as_array().unwrap().len(), 2);
    assert_eq!(event["Records"][0]["eventSourceARN"], QUEUE);
    assert!(bench.deleted().is_empty());
    bench.finish(r#"{"batchItemFailures":[{"itemIdentifier":"id-b"}]}"#, false);
    assert_eq!(bench.deleted(), ["handle-a"]);
}

#[test]
fn a_failed_batch_is_not_deleted_and_a_deleted_mapping_gives_its_messages_back() {
    let mut bench = Bench::new();
    bench.create("f");
    let mapping = bench.map(|_| {}).unwrap();
    let (_, hop) = bench.poll().unwrap();
    bench.deliver(hop, &["a"]);
    bench.finish("{}", true);
    assert!(bench.deleted().is_empty());
    let (_, hop) = bench.poll().unwrap();
    bench.ready::<api::EventSourceMappingConfiguration>(api::Request::DeleteEventSourceMapping(
        api::DeleteEventSourceMappingInput { uuid: mapping.uuid.unwrap() },
    ));
    bench.deliver(hop, &["b"]);
    let pick =
        |_: &Bench, request: Box<dyn Request>| match *request.into_any().downcast::<sqs::Request>().ok()? {
            sqs::Request::ChangeMessageVisibilityBatch(input) => Some(input),
            _ => None,
        };
    let (shown, _) = bench.hop(pick, "ChangeMessageVisibilityBatch").unwrap();
    assert_eq!(
        (shown.entries[0].receipt_handle.as_str(), shown.entries[0].visibility_timeout),
        ("handle-b", Some(0))
    );
    assert!(bench.work.is_empty() && bench.poll().is_none());
}

#[test]
fn filters_delete_what_they_do_not_let_through() {
    let mut bench = Bench::new();
    bench.create("f");
    let filter = |pattern: &str| {
        Some(api::FilterCriteria { filters: Some(vec![api::Filter { pattern: Some(pattern.to_owned()) }]) })
    };
    let invalid = bench.map(|input| input.filter_criteria = filter("simple string")).unwrap_err();
    assert_eq!(invalid.message, "Invalid filter pattern definition.");
    bench.map(|input| input.filter_criteria = filter(r#"{"body":{"kind":["order"]}}"#)).unwrap();
    let (_, hop) = bench.poll().unwrap();
    bench.deliver(hop, &[r#"{"kind":"order"}"#, r#"{"kind":"other"}"#, "text"]);
    assert_eq!(bench.deleted(), [r#"handle-{"kind":"other"}"#, "handle-text"]);
    let event: Value = serde_json::from_slice(&bench.work[0].1.payload).unwrap();
    assert_eq!(event["Records"].as_array().unwrap().len(), 1);
    assert_eq!(event["Records"][0]["body"], r#"{"kind":"order"}"#);
}

#[test]
fn a_batching_window_ends_by_the_clock_and_concurrency_is_bounded() {
    let mut bench = Bench::new();
    bench.create("f");
    bench
        .map(|input| {
            input.batch_size = Some(100);
            input.maximum_batching_window_in_seconds = Some(5);
            input.scaling_config = Some(api::ScalingConfig { maximum_concurrency: Some(2) });
        })
        .unwrap();
    for round in 0..3 {
        let Some((_, hop)) = bench.poll() else {
            assert_eq!(round, 2);
            break;
        };
        bench.deliver(hop, &["a"]);
        let (_, hop) = bench.poll().unwrap();
        assert_eq!(bench.work.len(), round);
        bench.advance(Duration::from_secs(5));
        assert_eq!(bench.work.len(), round + 1);
        bench.deliver(hop, &[]);
    }
    assert!(bench.poll().is_none());
    bench.finish("{}", false);
    assert!(bench.poll().is_some());
}

#[test]
fn mappings_are_refused_as_aws_refuses_them() {
    let mut bench = Bench::new();
    let message =
        |result: Result<api::EventSourceMappingConfiguration, ApiError>| result.unwrap_err().message;
    assert_eq!(message(bench.map(|_| {})), "Function does not exist");
    bench.create("f");
    assert_eq!(message(bench.map(|input| input.event_source_arn = None)), "Unrecognized event source.");
    assert_eq!(
        message(bench.map(|input| input.batch_size = Some(11))),
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    );
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s".to_owned();
    assert_eq!(
        message(bench.map(|input| input.event_source_arn = Some(stream))),
        "Pontoon does not support event source mappings from kinesis."
    );
    bench.map(|_| {}).unwrap();
    assert!(message(bench.map(|_| {})).starts_with(&format!(
        "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") already exists."
    )));
    let missing =
        api::Request::GetEventSourceMapping(api::GetEventSourceMappingInput { uuid: "x".to_owned() });
    assert_eq!(bench.error(missing).1, "The resource you requested does not exist.");
}

#[test]
fn a_queue_must_be_there_and_hide_messages_longer_than_the_function_works() {
    let mut bench = Bench::new();
    let slow = api::CreateFunctionInput { timeout: Some(60), ..creation("f") };
    bench.ready::<api::FunctionConfiguration>(api::Request::CreateFunction(slow));
    let refused = bench.map(|_| {}).unwrap_err();
    assert_eq!(
        refused.message,
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    );
    let park = bench.parked(api::Request::CreateEventSourceMapping(api::CreateEventSourceMappingInput {
        event_source_arn: Some(QUEUE.to_owned()),
        function_name: "f".to_owned(),
        ..api::CreateEventSourceMappingInput::default()
    }));
    let pick = |_: &Bench, request: Box<dyn Request>| request.into_any().downcast::<sqs::Request>().ok();
    let (_, hop) = bench.hop(pick, "GetQueueAttributes").unwrap();
    let missing = ApiError::client("QueueDoesNotExist", "The specified queue does not exist.")
        .with_query_code("AWS.SimpleQueueService.NonExistentQueue");
    bench.settle(hop, Err(missing));
    let refused = bench.answer::<api::EventSourceMappingConfiguration>(park).unwrap().unwrap_err();
    assert_eq!(
        refused.message,
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."
    );
}

#[test]
fn mappings_poll_again_after_a_restart_and_stop_when_disabled() {
    let mut bench = Bench::new();
    bench.create("f");
    let uuid = bench.map(|_| {}).unwrap().uuid.unwrap();
    bench.restart();
    let (_, hop) = bench.poll().unwrap();
    let enable = |enabled| {
        api::Request::UpdateEventSourceMapping(api::UpdateEventSourceMappingInput {
            uuid: uuid.clone(),
            enabled: Some(enabled),
            ..api::UpdateEventSourceMappingInput::default()
        })
    };
    let updated: api::EventSourceMappingConfiguration = bench.ready(enable(false));
    assert_eq!(updated.state.as_deref(), Some("Disabling"));
    bench.deliver(hop, &["late"]);
    assert!(bench.work.is_empty() && bench.poll().is_none());
    bench.restart();
    assert!(bench.poll().is_none());
    let get = api::Request::GetEventSourceMapping(api::GetEventSourceMappingInput { uuid: uuid.clone() });
    assert_eq!(bench.ready::<api::EventSourceMappingConfiguration>(get).state.as_deref(), Some("Disabled"));
    bench.ready::<api::EventSourceMappingConfiguration>(enable(true));
    assert!(bench.poll().is_some());
}

#[test]
fn a_queue_that_is_gone_is_polled_again_later() {
    let mut bench = Bench::new();
    bench.create("f");
    bench.map(|_| {}).unwrap();
    let (_, hop) = bench.poll().unwrap();
    bench.settle(hop, Err(ApiError::client("QueueDoesNotExist", "The specified queue does not exist.")));
    assert!(bench.poll().is_none());
    bench.advance(Duration::from_secs(10));
    assert!(bench.poll().is_some());
}

#[test]
fn invocations_are_measured_by_function_by_qualifier_and_over_all() {
    let mut bench = Bench::new();
    bench.create("f");
    let invoke = bench.invoke("RequestResponse", "{}");
    bench.parked(invoke);
    bench.finish("{}", true);
    let due = bench.lambda.next_due().unwrap();
    assert_eq!(due, Timestamp::parse_iso("2026-01-31T12:01:00Z").unwrap());
    bench.advance(Duration::from_secs(60));
    let of = |name: &str| -> Vec<(usize, Vec<(f64, f64)>)> {
        let own = bench.metrics.iter().filter(|datum| datum.name == name && datum.namespace == "AWS/Lambda");
        own.map(|datum| (datum.dimensions.len(), datum.values.clone())).collect()
    };
    for (name, value) in [
        ("Invocations", 1.0),
        ("Errors", 1.0),
        ("Throttles", 0.0),
        ("Duration", 12.0),
        ("ConcurrentExecutions", 1.0),
    ] {
        let mut seen = of(name);
        seen.sort_by_key(|(dimensions, _)| *dimensions);
        assert_eq!(seen, [0, 1, 2].map(|dimensions| (dimensions, vec![(value, 1.0)])), "{name}");
    }
}

#[test]
fn functions_call_in_the_name_of_their_role_which_must_exist() {
    let mut bench = Bench::new();
    let input = api::CreateFunctionInput { role: ROLE.replace("/r", "/other"), ..creation("f") };
    let refused = bench.error(api::Request::CreateFunction(input));
    assert_eq!(refused.1, "The role defined for the function cannot be assumed by Lambda.");
    bench.create("f");
    bench.map(|_| {}).unwrap();
    let (_, hop) = bench.poll().unwrap();
    assert_eq!(hop.caller.principal, Principal::Role { arn: ROLE.into(), session: "f".into() });
    assert!(hop.caller.identity.is_some());
}

#[test]
fn where_policies_only_warn_a_function_calls_in_the_name_of_a_role_that_is_not_there() {
    let mut bench = Bench::new();
    bench.settings.policies = PolicyMode::Warn;
    let role = ROLE.replace("/r", "/other");
    let input = api::CreateFunctionInput { role: role.clone(), ..creation("f") };
    let _: api::CreateFunctionOutput = bench.ready(api::Request::CreateFunction(input));
    bench.map(|_| {}).unwrap();
    let (_, hop) = bench.poll().unwrap();
    assert_eq!(hop.caller.principal, Principal::Role { arn: role.into(), session: "f".into() });
    assert!(hop.caller.identity.is_none());
}
