//! Many callers at once: each is answered, whoever applies its call, and who hangs up leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::sqs;
use pontoon_core::{Account, ApiError, Caller, Request, Scope};
use pontoon_host::engine::Call;
use pontoon_host::host::Host;
use pontoon_host::server::{Config, Server};

/// How long the machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const CALLERS: usize = 64;
const CALLS: usize = 100;

async fn start() -> (Server, String) {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = Server::start(config).await.unwrap();
    let create =
        sqs::Request::CreateQueue(sqs::CreateQueueInput { queue_name: "q".to_owned(), ..Default::default() });
    let created: sqs::CreateQueueOutput = call(server.host(), create).await.unwrap();
    (server, created.queue_url.unwrap())
}

async fn call<T: 'static>(host: &Arc<Host>, request: impl Request) -> Result<T, ApiError> {
    let caller = Caller::of_account(Account::DEFAULT, "r", "http://127.0.0.1".to_owned());
    let call = Call { scope: Scope::default(), caller, request: Box::new(request) };
    let output = Arc::clone(host).call(call).await?;
    Ok(*output.into_any().downcast::<T>().unwrap())
}

fn send(queue_url: &str, message_body: String) -> sqs::Request {
    let queue_url = queue_url.to_owned();
    sqs::Request::SendMessage(sqs::SendMessageInput { queue_url, message_body, ..Default::default() })
}

fn receive(queue_url: &str, wait_time_seconds: i32) -> sqs::Request {
    sqs::Request::ReceiveMessage(sqs::ReceiveMessageInput {
        queue_url: queue_url.to_owned(),
        wait_time_seconds: Some(wait_time_seconds),
        ..Default::default()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_is_applied_once_and_answered() {
    let (server, url) = start().await;
    let callers = (0..CALLERS).map(|caller| {
        let (host, url) = (Arc::clone(server.host()), url.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            for number in 0..CALLS {
                call::<sqs::SendMessageOutput>(&host, send(&url, format!("{caller}-{number}")))
                    .await
                    .unwrap();
                let received: sqs::ReceiveMessageOutput = call(&host, receive(&url, 20)).await.unwrap();
                seen.extend(received.messages.unwrap().into_iter().map(|message| message.body.unwrap()));
            }
            seen
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut seen = BTreeSet::new();
    for caller in callers {
        for body in tokio::time::timeout(PATIENCE, caller).await.unwrap().unwrap() {
            assert!(seen.insert(body), "a message in flight was received again");
        }
    }
    assert_eq!(seen.len(), CALLERS * CALLS);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_hangs_up_leaves_no_poll_that_would_take_a_message() {
    let (server, url) = start().await;
    for round in 0..CALLS {
        let pollers = (0..CALLERS / 2).map(|_| {
            let (host, url) = (Arc::clone(server.host()), url.clone());
            tokio::spawn(async move {
                let _: Result<sqs::ReceiveMessageOutput, _> = call(&host, receive(&url, 20)).await;
            })
        });
        // Some are parked by now, some are queued for the engine, some have not begun.
        let pollers: Vec<_> = pollers.collect();
        tokio::task::yield_now().await;
        pollers.iter().for_each(tokio::task::JoinHandle::abort);
        for poller in pollers {
            drop(poller.await);
        }
        call::<sqs::SendMessageOutput>(server.host(), send(&url, round.to_string())).await.unwrap();
        let asked = tokio::time::timeout(PATIENCE, call(server.host(), receive(&url, 20)));
        let received: sqs::ReceiveMessageOutput = asked.await.unwrap().unwrap();
        assert_eq!(received.messages.unwrap()[0].body.as_deref(), Some(round.to_string().as_str()));
    }
    server.stop().await;
}
