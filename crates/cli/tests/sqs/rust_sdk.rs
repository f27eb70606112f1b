//! Queues through the SDK for Rust, which checks the MD5 of every body that it is answered.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use serde_json::json;

use crate::support::Pontoon;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client does with a fresh server.
fn with_client<F: Future<Output = ()>>(act: impl FnOnce(Client) -> F) {
    let pontoon = Pontoon::start(&["--memory"]);
    let client = Client::new(&pontoon::aws::config_for(&pontoon.endpoint));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, act(client)).await }).unwrap();
}

/// The code of a call that must fail, as the query protocol has it.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata>(answer: Result<T, E>) -> String {
    answer.err().and_then(|error| error.code().map(str::to_owned)).unwrap()
}

async fn create(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> (String, String) {
    let mut create = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        create = create.attributes(attribute.clone(), *value);
    }
    let url = create.send().await.unwrap().queue_url.unwrap();
    let asked =
        client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
    let shown = asked.unwrap().attributes.unwrap();
    for (attribute, value) in attributes {
        assert_eq!(shown[attribute], *value);
    }
    (url, shown[&QueueAttributeName::QueueArn].clone())
}

async fn receive(client: &Client, url: &str, wait_secs: i32) -> Vec<Message> {
    let receive =
        client.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(wait_secs);
    let receive = receive.message_attribute_names("All");
    let all = MessageSystemAttributeName::All;
    receive.message_system_attribute_names(all).send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_deref().unwrap()).collect()
}

fn entry(id: &str, delay_secs: i32) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(id).delay_seconds(delay_secs);
    entry.build().unwrap()
}

#[test]
fn the_rust_sdk_sends_receives_deletes_and_redrives() {
    with_client(async |client| {
        let (dead, arn) = create(&client, "dead", &[]).await;
        let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
        let attributes = [
            (QueueAttributeName::RedrivePolicy, redrive.as_str()),
            (QueueAttributeName::VisibilityTimeout, "60"),
        ];
        let (url, _) = create(&client, "orders", &attributes).await;

        let text =
            MessageAttributeValue::builder().data_type("String").string_value("größe <&>").build().unwrap();
        let send =
            client.send_message().queue_url(&url).message_body("ü\u{1f600}").message_attributes("text", text);
        let sent = send.send().await.unwrap();
        let batch =
            client.send_message_batch().queue_url(&url).entries(entry("a", 0)).entries(entry("late", 901));
        let batch = batch.send().await.unwrap();
        assert_eq!((batch.successful[0].id.as_str(), batch.failed[0].id.as_str()), ("a", "late"));
        assert_eq!(
            (batch.failed[0].code.as_str(), batch.failed[0].sender_fault),
            ("InvalidParameterValue", true)
        );

        let got = receive(&client, &url, 0).await;
        assert_eq!(bodies(&got), ["ü\u{1f600}", "a"]);
        assert_eq!(
            (&got[0].message_id, &got[0].md5_of_message_attributes),
            (&sent.message_id, &sent.md5_of_message_attributes)
        );
        let handle = |at: usize| got[at].receipt_handle.clone().unwrap();
        let delete = |id: &str, handle: String| {
            DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
        };
        let deleted = client.delete_message_batch().queue_url(&url).entries(delete("a", handle(1)));
        let deleted = deleted.entries(delete("bad", "x".to_owned())).send().await.unwrap();
        assert_eq!(
            (deleted.successful[0].id.as_str(), deleted.failed[0].code.as_str()),
            ("a", "ReceiptHandleIsInvalid")
        );
        let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle(0));
        change.visibility_timeout(0).send().await.unwrap();

        // Received once, it goes to the dead-letter queue when it would be received again, and is moved back from there.
        assert_eq!(receive(&client, &url, 0).await, []);
        let sources = client.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
        assert_eq!(sources.queue_urls.iter().collect::<Vec<_>>(), [&url]);
        client.start_message_move_task().source_arn(&arn).send().await.unwrap();
        assert_eq!(bodies(&receive(&client, &url, 10).await), ["ü\u{1f600}"]);
        let tasks = client.list_message_move_tasks().source_arn(&arn).send().await.unwrap();
        assert_eq!(tasks.results.unwrap()[0].approximate_number_of_messages_moved, 1);
    });
}

#[test]
fn the_rust_sdk_keeps_the_order_of_groups_and_repeats_receives() {
    with_client(async |client| {
        let (url, _) = create(&client, "ordered.fifo", &[(QueueAttributeName::FifoQueue, "true")]).await;
        let send = async |group: &str, id: &str| {
            let send = client.send_message().queue_url(&url).message_body(id).message_group_id(group);
            send.message_deduplication_id(id).send().await.unwrap().sequence_number.unwrap()
        };
        let (first, second) = (send("a", "1").await, send("a", "2").await);
        assert!(first < second && send("a", "1").await == first);
        send("b", "3").await;
        let attempt = async || {
            client.receive_message().queue_url(&url).receive_request_attempt_id("once").send().await.unwrap()
        };
        let got = attempt().await.messages.unwrap();
        assert_eq!((bodies(&got), attempt().await.messages), (vec!["1"], Some(got.clone())));
        assert_eq!(bodies(&receive(&client, &url, 0).await), ["3"], "the second of a blocked group waits");
        let delete = client.delete_message().queue_url(&url);
        delete.receipt_handle(got[0].receipt_handle.clone().unwrap()).send().await.unwrap();
        assert_eq!(bodies(&receive(&client, &url, 0).await), ["2"]);
    });
}

#[test]
fn the_rust_sdk_is_told_the_codes_of_errors() {
    with_client(async |client| {
        let gone = client.get_queue_url().queue_name("gone").send().await.unwrap_err();
        assert!(gone.as_service_error().unwrap().is_queue_does_not_exist());
        assert_eq!(gone.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
        let create_badly = client.create_queue().queue_name("no.name").send().await;
        assert_eq!(code(create_badly), "InvalidParameterValue");
        let (url, _) = create(&client, "q", &[]).await;
        let mangled = client.delete_message().queue_url(&url).receipt_handle("x").send().await;
        assert_eq!(code(mangled), "ReceiptHandleIsInvalid");
        let character = client.send_message().queue_url(&url).message_body("\u{1}").send().await.unwrap_err();
        assert!(character.as_service_error().unwrap().is_invalid_message_contents());
        client.purge_queue().queue_url(&url).send().await.unwrap();
        let again = client.purge_queue().queue_url(&url).send().await;
        assert_eq!(code(again), "AWS.SimpleQueueService.PurgeQueueInProgress");
    });
}
