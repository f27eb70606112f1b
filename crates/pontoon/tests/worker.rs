//! What a worker does beside handling: it keeps messages hidden, goes on after failures, and does not give up polls that are under way.

#![cfg(feature = "sqs")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use pontoon::handler::{Context, Router};
use pontoon::worker::{Worked, Worker};
use pontoon::{DomainEvent, Envelope};
use pontoon_test::{Failure, Pontoon, Span as _};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
struct OrderCreated {
    order_id: String,
}

/// Counts requests by their `X-Amz-Target`.
#[derive(Clone, Debug, Default)]
struct Requests(Arc<Mutex<HashMap<String, usize>>>);

impl Requests {
    fn of(&self, operation: &str) -> usize {
        self.0.lock().unwrap().get(operation).copied().unwrap_or_default()
    }
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "requests"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        *self.0.lock().unwrap().entry(operation).or_default() += 1;
        Ok(())
    }
}

/// A worker on a queue, whose handler tells of each message and waits to be let go on.
struct Bench {
    pontoon: Pontoon,
    sqs: Client,
    queue: String,
    requests: Requests,
    begun: mpsc::UnboundedReceiver<u32>,
    go_on: Arc<Notify>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<Worked, pontoon::handler::BoxError>>,
}

impl Bench {
    async fn new(prepare: impl FnOnce(&Pontoon)) -> Self {
        let pontoon = pontoon_test::start().await;
        let requests = Requests::default();
        let config = aws_sdk_sqs::config::Builder::from(&pontoon.sdk_config())
            .retry_config(RetryConfig::disabled())
            .interceptor(requests.clone());
        let sqs = Client::from_conf(config.build());
        let queue = sqs.create_queue().queue_name("orders").send().await.unwrap().queue_url.unwrap();
        let (tell, begun) = mpsc::unbounded_channel();
        let go_on = Arc::new(Notify::new());
        let wait = Arc::clone(&go_on);
        let router = Router::new().on(move |_: Envelope<OrderCreated>, context: Context| {
            let (tell, wait) = (tell.clone(), Arc::clone(&wait));
            async move {
                tell.send(context.attempt).unwrap();
                wait.notified().await;
                Ok(())
            }
        });
        prepare(&pontoon);
        let worker = Worker::new(sqs.clone(), queue.clone(), router).visibility(Duration::from_secs(2));
        let (stop, stopped) = oneshot::channel::<()>();
        let running =
            tokio::spawn(async move { worker.run(async { stopped.await.unwrap_or_default() }).await });
        Self { pontoon, sqs, queue, requests, begun, go_on, stop, running }
    }

    async fn send(&self) {
        let event = Envelope::new(OrderCreated { order_id: "1".to_owned() }).encode().unwrap();
        let send = self.sqs.send_message().queue_url(&self.queue);
        send.message_body(serde_json::to_string(&event).unwrap()).send().await.unwrap();
    }

    /// Stops the worker; what it did, and how often it asked for messages.
    async fn stopped(self) -> (Worked, usize) {
        self.stop.send(()).unwrap();
        (self.running.await.unwrap().unwrap(), self.requests.of("ReceiveMessage"))
    }
}

/// Has the machine's time jump for the timers of this runtime, then waits until something is so, jumping again.
async fn jump_until(by: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        tokio::time::pause();
        tokio::time::advance(by).await;
        tokio::time::resume();
        if within(Duration::from_millis(20), is_so()).await == Some(true) {
            return;
        }
    }
    panic!("it never comes to that");
}

async fn within<T>(patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(patience, future).await.ok()
}

#[tokio::test]
async fn a_message_stays_hidden_for_as_long_as_its_handler_runs() {
    let mut bench = Bench::new(|_| {}).await;
    bench.send().await;
    assert_eq!(bench.begun.recv().await, Some(1));
    // Four times what it is hidden for: each time the worker renews it before the server's clock gets there.
    for renewals in 1..=5 {
        bench.pontoon.advance(1600.millis()).await;
        let requests = bench.requests.clone();
        jump_until(Duration::from_secs(1), async || {
            tokio::task::yield_now().await;
            requests.of("ChangeMessageVisibility") >= renewals
        })
        .await;
        // The change has come when a later request of the same client is answered.
        bench.sqs.list_queues().send().await.unwrap();
    }
    assert!(bench.begun.try_recv().is_err(), "somebody else got it");
    bench.go_on.notify_one();
    let (worked, _) = bench.stopped().await;
    assert_eq!(worked, Worked { handled: 1, ..Worked::default() });
}

#[tokio::test]
async fn a_worker_goes_on_after_polls_that_failed() {
    let failing = |pontoon: &Pontoon| {
        pontoon.fail("ReceiveMessage").times(2).with(Failure::unavailable());
    };
    let mut bench = Bench::new(failing).await;
    bench.send().await;
    let begun = &mut bench.begun;
    jump_until(Duration::from_secs(2), async || begun.recv().await == Some(1)).await;
    bench.go_on.notify_one();
    let (worked, polls) = bench.stopped().await;
    assert_eq!(worked, Worked { handled: 1, ..Worked::default() });
    assert!((3..=4).contains(&polls), "{polls}");
}

#[tokio::test]
async fn a_poll_goes_on_while_handlers_end() {
    let mut bench = Bench::new(|_| {}).await;
    for _ in 0..6 {
        bench.send().await;
        assert_eq!(bench.begun.recv().await, Some(1));
    }
    let polls = bench.requests.of("ReceiveMessage");
    for left in (0..6).rev() {
        bench.go_on.notify_one();
        // Its message is gone when nothing but the others is hidden.
        let name = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        loop {
            let ask = bench.sqs.get_queue_attributes().queue_url(&bench.queue).attribute_names(name.clone());
            let attributes = ask.send().await.unwrap().attributes.unwrap();
            if attributes[&name] == left.to_string() {
                break;
            }
        }
    }
    bench.send().await;
    assert_eq!(bench.begun.recv().await, Some(1));
    bench.go_on.notify_one();
    let (worked, polls_in_all) = bench.stopped().await;
    assert_eq!(worked, Worked { handled: 7, ..Worked::default() });
    // The one that was under way, and at most one behind it and one behind the last message.
    assert!(polls_in_all <= polls + 2, "{polls} became {polls_in_all}");
}
