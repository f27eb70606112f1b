//! Deliveries between services of a whole server: what a queue asks of every message holds for those that a rule and a topic send it too.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pontoon_api::{events, sns, sqs};
use pontoon_core::{Account, Caller, PolicyMode, Request, Scope};
use pontoon_host::engine::Call;
use pontoon_host::server::{Config, Server};
use serde_json::{Value, json};

/// How long the machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    server: Server,
}

impl Bench {
    /// A server that enforces policies.
    async fn new() -> Self {
        let config =
            Config { listen: ([127, 0, 0, 1], 0).into(), policies: PolicyMode::Enforce, ..Config::default() };
        Self { server: Server::start(config).await.unwrap() }
    }

    async fn call<T: 'static>(&self, request: impl Request) -> T {
        let id = "11111111-2222-4333-8444-555555555555";
        let caller = Caller::of_account(Account::DEFAULT, id, self.server.endpoint());
        let call = Call { scope: Scope::default(), caller, request: Box::new(request) };
        let output = Arc::clone(self.server.host()).call(call).await.unwrap();
        *output.into_any().downcast::<T>().unwrap()
    }

    /// A queue that takes messages from whom the condition lets in; gives its URL.
    async fn queue(&self, name: &str, condition: Value, attributes: &[(&str, &str)]) -> String {
        let statement = json!({
            "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn("sqs", name),
            "Condition": condition,
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let attributes = attributes.iter().copied().chain([("Policy", policy.as_str())]);
        let input = sqs::CreateQueueInput {
            queue_name: name.to_owned(),
            attributes: Some(attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
            ..Default::default()
        };
        let created: sqs::CreateQueueOutput = self.call(sqs::Request::CreateQueue(input)).await;
        created.queue_url.unwrap()
    }

    /// A rule for every event of the source `test`, with one target.
    async fn rule(&self, name: &str, target: events::Target) {
        let rule = events::PutRuleInput {
            name: name.to_owned(),
            event_pattern: Some(r#"{"source":["test"]}"#.to_owned()),
            ..Default::default()
        };
        self.call::<events::PutRuleOutput>(events::Request::PutRule(rule)).await;
        let targets = events::PutTargetsInput {
            rule: name.to_owned(),
            targets: vec![events::Target { id: "t".to_owned(), ..target }],
            ..Default::default()
        };
        let put: events::PutTargetsOutput = self.call(events::Request::PutTargets(targets)).await;
        assert_eq!(put.failed_entry_count, Some(0));
    }

    async fn put_event(&self, detail: Value) {
        let entry = events::PutEventsRequestEntry {
            source: Some("test".to_owned()),
            detail_type: Some("t".to_owned()),
            detail: Some(detail.to_string()),
            ..Default::default()
        };
        let input = events::PutEventsInput { entries: vec![entry], ..Default::default() };
        let put: events::PutEventsOutput = self.call(events::Request::PutEvents(input)).await;
        assert_eq!(put.failed_entry_count, Some(0));
    }

    /// Waits until the queue has as many messages that are visible, in flight and delayed, all together; gives the three.
    async fn until_holds(&self, queue_url: &str, count: u32) -> [u32; 3] {
        let began = Instant::now();
        let names = ["", "NotVisible", "Delayed"].map(|which| format!("ApproximateNumberOfMessages{which}"));
        loop {
            let input = sqs::GetQueueAttributesInput {
                queue_url: queue_url.to_owned(),
                attribute_names: Some(names.to_vec()),
            };
            let output: sqs::GetQueueAttributesOutput =
                self.call(sqs::Request::GetQueueAttributes(input)).await;
            let attributes = output.attributes.unwrap();
            let counts = names.clone().map(|name| attributes[&name].parse::<u32>().unwrap());
            if counts.iter().sum::<u32>() == count {
                return counts;
            }
            assert!(began.elapsed() < PATIENCE, "{counts:?} are there, not {count}");
            tokio::task::yield_now().await;
        }
    }

    /// One message with all that it carries.
    async fn receive(&self, queue_url: &str) -> Option<sqs::Message> {
        let all = || Some(vec!["All".to_owned()]);
        let input = sqs::ReceiveMessageInput {
            queue_url: queue_url.to_owned(),
            message_system_attribute_names: all(),
            message_attribute_names: all(),
            ..Default::default()
        };
        let received: sqs::ReceiveMessageOutput = self.call(sqs::Request::ReceiveMessage(input)).await;
        received.messages.unwrap_or_default().pop()
    }
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:us-east-1:000000000000:{resource}")
}

fn to(queue: &str) -> events::Target {
    events::Target { arn: arn("sqs", queue), ..Default::default() }
}

/// Lets services of the account in.
fn services() -> Value {
    json!({"StringEquals": {"aws:SourceAccount": "000000000000"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_of_the_queue_delays_what_rules_and_topics_send() {
    let bench = Bench::new().await;
    let url = bench.queue("delayed", services(), &[("DelaySeconds", "900")]).await;
    bench.rule("r", to("delayed")).await;
    let topic = sns::CreateTopicInput { name: "t".to_owned(), ..Default::default() };
    bench.call::<sns::CreateTopicOutput>(sns::Request::CreateTopic(topic)).await;
    let subscription = sns::SubscribeInput {
        topic_arn: arn("sns", "t"),
        protocol: "sqs".to_owned(),
        endpoint: Some(arn("sqs", "delayed")),
        ..Default::default()
    };
    bench.call::<sns::SubscribeOutput>(sns::Request::Subscribe(subscription)).await;
    bench.put_event(json!({})).await;
    let message =
        sns::PublishInput { topic_arn: Some(arn("sns", "t")), message: "m".to_owned(), ..Default::default() };
    bench.call::<sns::PublishOutput>(sns::Request::Publish(message)).await;
    assert_eq!(bench.until_holds(&url, 2).await, [0, 0, 2]);
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_queue_deduplicates_and_blocks_groups_of_what_a_rule_sends() {
    let bench = Bench::new().await;
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let url = bench.queue("q.fifo", services(), &fifo).await;
    let target = events::Target {
        input_path: Some("$.detail.n".to_owned()),
        sqs_parameters: Some(events::SqsParameters { message_group_id: Some("g".to_owned()) }),
        ..to("q.fifo")
    };
    bench.rule("r", target).await;
    // The last one comes behind the duplicate, so that nothing is on its way any more once it is there.
    for n in [1, 1, 2] {
        bench.put_event(json!({"n": n})).await;
    }
    bench.until_holds(&url, 2).await;
    let message = bench.receive(&url).await.unwrap();
    assert_eq!(message.body.as_deref(), Some("1"));
    assert_eq!(message.attributes.unwrap()["MessageGroupId"], "g");
    assert!(bench.receive(&url).await.is_none(), "the group waits for its first message");
    assert_eq!(bench.until_holds(&url, 2).await, [1, 1, 0]);
    bench.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_takes_events_only_from_the_rule_that_its_policy_names() {
    let bench = Bench::new().await;
    let only = json!({"ArnEquals": {"aws:SourceArn": arn("events", "rule/named")}});
    let url = bench.queue("q", only, &[]).await;
    let dead_url = bench.queue("dead", services(), &[]).await;
    for rule in ["named", "other"] {
        let dead_letters = events::DeadLetterConfig { arn: Some(arn("sqs", "dead")) };
        bench.rule(rule, events::Target { dead_letter_config: Some(dead_letters), ..to("q") }).await;
    }
    bench.put_event(json!({})).await;
    bench.until_holds(&url, 1).await;
    bench.until_holds(&dead_url, 1).await;
    let attributes = bench.receive(&dead_url).await.unwrap().message_attributes.unwrap();
    let value = |name: &str| attributes[name].string_value.clone().unwrap();
    assert_eq!(value("RULE_ARN"), arn("events", "rule/other"));
    assert_eq!(value("TARGET_ARN"), arn("sqs", "q"));
    assert_eq!(value("ERROR_CODE"), "NO_PERMISSIONS");
    bench.server.stop().await;
}
