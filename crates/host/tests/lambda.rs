//! Lambda in a whole server: real processes, real queues, the machine's clock.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pontoon_api::{lambda, logs, sqs};
use pontoon_core::{Account, ApiError, Caller, Request, Scope};
use pontoon_host::engine::Call;
use pontoon_host::server::{Config, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    server: Server,
    dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        Self { server: Server::start(config).await.unwrap(), dir: tempfile::tempdir().unwrap() }
    }

    async fn call<T: 'static>(&self, request: impl Request) -> Result<T, ApiError> {
        let caller = Caller::of_account(
            Account::DEFAULT,
            "11111111-2222-4333-8444-555555555555",
            self.server.endpoint(),
        );
        let call = Call { scope: Scope::default(), caller, request: Box::new(request) };
        let output = Arc::clone(self.server.host()).call(call).await?;
        Ok(*output.into_any().downcast::<T>().unwrap())
    }

    /// A function that runs the double from a local directory.
    async fn function(&self, environment: Value) {
        let code = self.dir.path().join("code");
        fs::create_dir_all(&code).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_runtime-double"), code.join("bootstrap")).unwrap();
        let variables = serde_json::from_value(environment).unwrap();
        let input = lambda::CreateFunctionInput {
            function_name: "f".to_owned(),
            runtime: Some("provided.al2023".to_owned()),
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            handler: Some("bootstrap".to_owned()),
            timeout: Some(20),
            environment: Some(lambda::Environment { variables: Some(variables) }),
            code: lambda::FunctionCode {
                s3_bucket: Some("pontoon-local-directory".to_owned()),
                s3_key: Some(code.display().to_string()),
                ..lambda::FunctionCode::default()
            },
            ..lambda::CreateFunctionInput::default()
        };
        self.call::<lambda::CreateFunctionOutput>(lambda::Request::CreateFunction(input)).await.unwrap();
    }

    async fn queue(&self, name: &str) -> String {
        let input = sqs::CreateQueueInput { queue_name: name.to_owned(), ..sqs::CreateQueueInput::default() };
        let created: sqs::CreateQueueOutput = self.call(sqs::Request::CreateQueue(input)).await.unwrap();
        created.queue_url.unwrap()
    }

    async fn send(&self, queue_url: &str, body: &str) {
        let input = sqs::SendMessageInput {
            queue_url: queue_url.to_owned(),
            message_body: body.to_owned(),
            ..sqs::SendMessageInput::default()
        };
        self.call::<sqs::SendMessageOutput>(sqs::Request::SendMessage(input)).await.unwrap();
    }

    /// Waits until the queue holds this many messages, in flight or not.
    async fn until_left(&self, queue_url: &str, count: u32) {
        let began = Instant::now();
        loop {
            let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
            let input = sqs::GetQueueAttributesInput {
                queue_url: queue_url.to_owned(),
                attribute_names: Some(names.map(str::to_owned).to_vec()),
            };
            let output: sqs::GetQueueAttributesOutput =
                self.call(sqs::Request::GetQueueAttributes(input)).await.unwrap();
            let left: u32 = output.attributes.unwrap().values().map(|n| n.parse::<u32>().unwrap()).sum();
            if left == count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{left} messages are left, not {count}");
            tokio::task::yield_now().await;
        }
    }

    async fn receive_message(&self, queue_url: &str) -> sqs::Message {
        let input = sqs::ReceiveMessageInput {
            queue_url: queue_url.to_owned(),
            wait_time_seconds: Some(20),
            message_system_attribute_names: Some(vec!["All".to_owned()]),
            ..sqs::ReceiveMessageInput::default()
        };
        let received: sqs::ReceiveMessageOutput =
            self.call(sqs::Request::ReceiveMessage(input)).await.unwrap();
        received.messages.unwrap().remove(0)
    }

    async fn receive(&self, queue_url: &str) -> Value {
        let message = self.receive_message(queue_url).await;
        serde_json::from_str(&message.body.unwrap()).unwrap()
    }

    /// Has the function take the messages of the queue `q`; the mapping's UUID.
    async fn map(&self) -> String {
        let mapping = lambda::CreateEventSourceMappingInput {
            event_source_arn: Some("arn:aws:sqs:us-east-1:000000000000:q".to_owned()),
            function_name: "f".to_owned(),
            ..lambda::CreateEventSourceMappingInput::default()
        };
        let created: lambda::CreateEventSourceMappingOutput =
            self.call(lambda::Request::CreateEventSourceMapping(mapping)).await.unwrap();
        assert_eq!(created.state.as_deref(), Some("Creating"));
        created.uuid.unwrap()
    }

    async fn invoke(&self, kind: &str, payload: &Value) -> Result<lambda::InvokeOutput, ApiError> {
        let input = lambda::InvokeInput {
            function_name: "f".to_owned(),
            invocation_type: Some(kind.to_owned()),
            log_type: Some("Tail".to_owned()),
            payload: Some(Bytes::from(payload.to_string())),
            ..lambda::InvokeInput::default()
        };
        self.call(lambda::Request::Invoke(input)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invocation_runs_a_process_with_the_functions_environment() {
    let bench = Bench::new().await;
    bench.function(json!({ "OWN": "1" })).await;
    let answer = bench.invoke("RequestResponse", &json!("environment")).await.unwrap();
    let seen: Value = serde_json::from_slice(&answer.payload.unwrap()).unwrap();
    assert_eq!((answer.status_code, answer.function_error), (Some(200), None));
    assert_eq!((&seen["OWN"], &seen["AWS_ENDPOINT_URL"]), (&json!("1"), &json!(bench.server.endpoint())));
    assert!(answer.log_result.is_some());
    let failed = bench.invoke("RequestResponse", &json!("exit 3")).await.unwrap();
    assert_eq!(failed.function_error.as_deref(), Some("Unhandled"));
    let input = logs::FilterLogEventsInput {
        log_group_name: Some("/aws/lambda/f".to_owned()),
        ..logs::FilterLogEventsInput::default()
    };
    let found: logs::FilterLogEventsOutput = bench.call(logs::Request::FilterLogEvents(input)).await.unwrap();
    let lines: Vec<String> = found.events.unwrap().into_iter().filter_map(|event| event.message).collect();
    assert!(lines[0].starts_with("INIT_START Runtime Version: provided:al2023.v1\t"), "{lines:?}");
    for text in ["event \"environment\"\n", "event \"exit 3\"\n"] {
        assert!(lines.iter().any(|line| line == text), "{lines:?}");
    }
    assert!(lines.last().unwrap().ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"), "{lines:?}");
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_through_the_function_and_are_deleted() {
    let bench = Bench::new().await;
    bench.function(json!({})).await;
    let queue_url = bench.queue("q").await;
    for body in ["one", "two", "three"] {
        bench.send(&queue_url, body).await;
    }
    bench.map().await;
    bench.until_left(&queue_url, 0).await;
    // One that comes while the mapping waits.
    bench.send(&queue_url, "four").await;
    bench.until_left(&queue_url, 0).await;
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_is_disabled_or_deleted_receives_nothing_more() {
    let bench = Bench::new().await;
    bench.function(json!({})).await;
    let queue_url = bench.queue("q").await;
    let count =
        |message: &sqs::Message| message.attributes.as_ref().unwrap()["ApproximateReceiveCount"].clone();
    // Each waits at the queue when it is stopped.
    let uuid = bench.map().await;
    let input = lambda::UpdateEventSourceMappingInput {
        uuid: uuid.clone(),
        enabled: Some(false),
        ..lambda::UpdateEventSourceMappingInput::default()
    };
    let disable = lambda::Request::UpdateEventSourceMapping(input.clone());
    let _: lambda::UpdateEventSourceMappingOutput = bench.call(disable).await.unwrap();
    bench.send(&queue_url, "{}").await;
    assert_eq!(count(&bench.receive_message(&queue_url).await), "1", "disabled");

    let enable = lambda::UpdateEventSourceMappingInput { enabled: Some(true), ..input };
    let enable = lambda::Request::UpdateEventSourceMapping(enable);
    let _: lambda::UpdateEventSourceMappingOutput = bench.call(enable).await.unwrap();
    let delete = lambda::Request::DeleteEventSourceMapping(lambda::DeleteEventSourceMappingInput { uuid });
    let _: lambda::DeleteEventSourceMappingOutput = bench.call(delete).await.unwrap();
    bench.send(&queue_url, "{}").await;
    assert_eq!(count(&bench.receive_message(&queue_url).await), "1", "deleted");
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_for_good_goes_to_its_destination() {
    let bench = Bench::new().await;
    bench.function(json!({})).await;
    let queue_url = bench.queue("failures").await;
    let config = lambda::PutFunctionEventInvokeConfigInput {
        function_name: "f".to_owned(),
        maximum_retry_attempts: Some(0),
        destination_config: Some(lambda::DestinationConfig {
            on_failure: Some(lambda::OnFailure {
                destination: Some("arn:aws:sqs:us-east-1:000000000000:failures".to_owned()),
            }),
            on_success: None,
        }),
        ..lambda::PutFunctionEventInvokeConfigInput::default()
    };
    bench
        .call::<lambda::PutFunctionEventInvokeConfigOutput>(lambda::Request::PutFunctionEventInvokeConfig(
            config,
        ))
        .await
        .unwrap();
    let accepted = bench.invoke("Event", &json!("error")).await.unwrap();
    assert_eq!(accepted.status_code, Some(202));
    let record = bench.receive(&queue_url).await;
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["responsePayload"], json!({ "errorType": "Boom", "errorMessage": "as asked" }));
    bench.server.stop().await;
}
