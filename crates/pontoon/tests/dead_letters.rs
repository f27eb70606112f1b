//! Dead letters, against a Pontoon in the test's process.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use pontoon::dead_letters::{self, Burial, DeadLetters, Filter, Redrive};
use pontoon_test::{Pontoon, Span as _, Stack};
use serde_json::json;

const QUEUES: &str = "
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 1, RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1 } }
  Others: { Type: AWS::SQS::Queue }
  Dead: { Type: AWS::SQS::Queue }
Outputs:
  OrdersArn: { Value: !GetAtt Orders.Arn }
";

const BUS: &str = "
Resources:
  Orders: { Type: AWS::SQS::Queue }
  Topic: { Type: AWS::SNS::Topic }
  Dead: { Type: AWS::SQS::Queue }
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument:
        Statement: { Effect: Allow, Principal: { Service: events.amazonaws.com }, Action: 'sqs:SendMessage', Resource: !GetAtt Dead.Arn }
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [shop] }
      Targets:
        - { Id: queue, Arn: !GetAtt Orders.Arn, DeadLetterConfig: { Arn: !GetAtt Dead.Arn } }
        - { Id: topic, Arn: !Ref Topic, DeadLetterConfig: { Arn: !GetAtt Dead.Arn } }
";

struct Bench {
    pontoon: Pontoon,
    stack: Stack,
    sqs: Client,
    dead: DeadLetters,
}

impl Bench {
    async fn new() -> Self {
        let pontoon = pontoon_test::start().await;
        let stack = pontoon.deploy(QUEUES).await;
        let sqs = Client::new(&pontoon.sdk_config());
        let dead = DeadLetters::new(sqs.clone(), stack.id("Dead"));
        Self { pontoon, stack, sqs, dead }
    }

    /// Buries a message, as a host does.
    async fn bury(&self, body: &str, reason: &str) {
        let burial = Burial::now(reason, self.stack.output("OrdersArn"), 1).to_json();
        let send = self.sqs.send_message().queue_url(self.stack.id("Dead")).message_body(body);
        let text = |text: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap()
        };
        let send = send.message_attributes(Burial::ATTRIBUTE, text(&burial));
        send.message_attributes("colour", text("blue")).send().await.unwrap();
    }

    async fn count(&self, queue: &str) -> usize {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let ask =
            self.sqs.get_queue_attributes().queue_url(self.stack.id(queue)).attribute_names(name.clone());
        ask.send().await.unwrap().attributes().unwrap()[&name].parse().unwrap()
    }
}

fn event(event_type: &str) -> String {
    json!({ "version": "0", "id": "1", "detail-type": event_type, "source": "shop", "time": "2026-01-31T12:00:00Z", "detail": {} }).to_string()
}

#[tokio::test]
async fn they_are_found_looked_at_and_grouped_and_stay() {
    let bench = Bench::new().await;
    for number in 0..25 {
        bench.bury(&event("OrderCreated"), &format!("order {number} is broken")).await;
    }
    bench.bury("no event", "unreadable").await;
    let found = dead_letters::find(&bench.sqs).await.unwrap();
    assert_eq!((found.len(), found[0].messages), (1, 26));
    assert_eq!(found[0].sources, [bench.stack.output("OrdersArn")]);

    assert_eq!(bench.dead.peek(7).await.unwrap().len(), 7);
    let groups = bench.dead.groups(1000).await.unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!((groups[0].count, groups[0].reason.as_str()), (25, "order # is broken"));
    assert_eq!(groups[0].event_type.as_deref(), Some("OrderCreated"));
    assert_eq!((groups[1].count, groups[1].event_type.as_deref()), (1, None));
    assert_eq!(bench.count("Dead").await, 26);
}

#[tokio::test]
async fn a_redrive_takes_what_its_filter_does_and_its_dry_run_nothing() {
    let bench = Bench::new().await;
    for number in 0..12 {
        bench.bury(&event("OrderCreated"), if number % 3 == 0 { "busy" } else { "broken" }).await;
    }
    let busy = Redrive::new().only(Filter::default().reason("BUSY"));
    let would = bench.dead.redrive(&busy.clone().dry_run()).await.unwrap();
    assert_eq!((would.moved, would.left, bench.count("Orders").await), (4, 8, 0));

    let redriven = bench.dead.redrive(&busy).await.unwrap();
    assert_eq!(redriven.targets.into_iter().collect::<Vec<_>>(), [(bench.stack.id("Orders").to_owned(), 4)]);
    assert_eq!((bench.count("Orders").await, bench.count("Dead").await), (4, 8));
    let back = bench.sqs.receive_message().queue_url(bench.stack.id("Orders")).message_attribute_names("All");
    let attributes = back.send().await.unwrap().messages()[0].message_attributes.clone().unwrap();
    assert_eq!(attributes.keys().collect::<Vec<_>>(), ["colour"]);

    let one = Redrive::new().at_most(1).to(bench.stack.id("Others"));
    assert_eq!(bench.dead.redrive(&one).await.unwrap().moved, 1);
    assert_eq!((bench.count("Others").await, bench.count("Dead").await), (1, 7));
}

#[tokio::test]
async fn what_sqs_itself_moved_goes_back_too_and_what_came_from_elsewhere_stays() {
    let bench = Bench::new().await;
    bench.sqs.send_message().queue_url(bench.stack.id("Orders")).message_body("poison").send().await.unwrap();
    for _ in 0..2 {
        bench.sqs.receive_message().queue_url(bench.stack.id("Orders")).send().await.unwrap();
        bench.pontoon.advance(2.seconds()).await;
    }
    let text =
        |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
    let by_bus =
        bench.sqs.send_message().queue_url(bench.stack.id("Dead")).message_body(event("OrderCreated"));
    let by_bus = by_bus.message_attributes("ERROR_CODE", text("NO_PERMISSIONS"));
    by_bus.message_attributes("ERROR_MESSAGE", text("not allowed")).send().await.unwrap();

    let mut reasons: Vec<String> =
        bench.dead.peek(10).await.unwrap().into_iter().map(|letter| letter.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["NO_PERMISSIONS: not allowed", "received too often without being deleted"]);
    let redriven = bench.dead.redrive(&Redrive::new()).await.unwrap();
    let homeless = redriven.homeless.into_iter().collect::<Vec<_>>();
    assert_eq!(
        (redriven.moved, homeless),
        (1, vec![("unknown; nothing in the message tells".to_owned(), 1)])
    );
    assert_eq!((bench.count("Orders").await, bench.count("Dead").await), (1, 1));
}

#[tokio::test]
async fn what_a_bus_could_not_deliver_goes_to_the_target_that_it_was_for() {
    let pontoon = pontoon_test::start().await;
    let stack = pontoon.deploy(BUS).await;
    let sqs = Client::new(&pontoon.sdk_config());
    // No policy lets the bus send to them.
    pontoon.put_event("default", "shop", "OrderCreated", json!({ "orderId": "1" })).await;
    pontoon.settle().await;
    let dead = DeadLetters::new(sqs.clone(), stack.id("Dead"));
    let redriven = dead.redrive(&Redrive::new()).await.unwrap();
    assert_eq!(redriven.targets.into_iter().collect::<Vec<_>>(), [(stack.id("Orders").to_owned(), 1)]);
    let homeless = redriven.homeless.into_keys().next().unwrap();
    assert!(
        homeless.starts_with(&format!("{}, the target of arn:aws:events:", stack.id("Topic"))),
        "{homeless}"
    );
    assert!(homeless.ends_with(", which is no queue"), "{homeless}");
    let back = sqs.receive_message().queue_url(stack.id("Orders")).message_attribute_names("All");
    let back = back.send().await.unwrap().messages.unwrap();
    assert!(back[0].body().unwrap().contains(r#""detail-type":"OrderCreated""#));
    assert_eq!(back[0].message_attributes(), None);
}

#[tokio::test]
async fn one_is_mended_and_sent_back() {
    let bench = Bench::new().await;
    for number in 0..3 {
        bench.bury(&format!("broken {number}"), "unreadable").await;
    }
    let letters = bench.dead.peek(10).await.unwrap();
    let second = &letters.iter().find(|letter| letter.body == "broken 1").unwrap().message_id;
    bench.dead.resend(second, Some("mended"), None).await.unwrap();
    assert_eq!(bench.count("Dead").await, 2);
    let back = bench.sqs.receive_message().queue_url(bench.stack.id("Orders")).send().await.unwrap();
    assert_eq!(back.messages()[0].body(), Some("mended"));
    let error = bench.dead.resend("nobody", None, None).await.unwrap_err();
    assert!(error.to_string().starts_with("the message nobody is not in "));

    bench.sqs.send_message().queue_url(bench.stack.id("Dead")).message_body("homeless").send().await.unwrap();
    let homeless =
        bench.dead.peek(10).await.unwrap().into_iter().find(|letter| letter.body == "homeless").unwrap();
    let error = bench.dead.resend(&homeless.message_id, None, None).await.unwrap_err();
    assert!(error.to_string().contains("say to which"), "{error}");
    assert_eq!(bench.count("Dead").await, 3);
    bench.dead.resend(&homeless.message_id, None, Some(bench.stack.id("Others"))).await.unwrap();
    assert_eq!((bench.count("Dead").await, bench.count("Others").await), (2, 1));
}

#[tokio::test]
async fn those_that_a_filter_takes_are_deleted() {
    let bench = Bench::new().await;
    for event_type in ["OrderCreated", "OrderCancelled", "OrderCreated"] {
        bench.bury(&event(event_type), "broken").await;
    }
    let created = Filter::default().event_type("OrderCreated");
    let old = created.clone().sent_before(jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(bench.dead.delete(&old).await.unwrap(), 0);
    assert_eq!(bench.dead.delete(&created).await.unwrap(), 2);
    assert_eq!(bench.count("Dead").await, 1);
    assert_eq!(bench.dead.delete(&Filter::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_redrive_keeps_its_pace() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.bury("body", "busy").await;
    }
    let began = std::time::Instant::now();
    bench.dead.redrive(&Redrive::new().per_second(100.0)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(20));
}
