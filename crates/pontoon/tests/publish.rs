//! Publishing to a running Pontoon through the official SDK: what arrives is what was published.

#![cfg(all(feature = "eventbridge", feature = "sns", feature = "sqs"))]

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use pontoon::publish::{Buffered, EventBus, PublishError, Publisher, Queue, RetryPolicy, Topic};
use pontoon::schema::{EventSchemas, Validator};
use pontoon::{Cause, DomainEvent, Envelope, RawPayload, aws};
use pontoon_host::server::{Config, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase")]
#[event(source = "order-service")]
struct OrderCreated {
    order_id: String,
    #[schemars(range(min = 0.0))]
    amount: f64,
}

fn order(number: usize) -> OrderCreated {
    OrderCreated { order_id: format!("0d0e0000-0000-4000-8000-{number:012}"), amount: 99.99 }
}

/// A Pontoon of the test's own, and clients of it.
struct Services {
    server: Server,
    events: aws_sdk_eventbridge::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Services {
    async fn start() -> Self {
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        let server = Server::start(config).await.expect("a server starts");
        let config = aws::config_for(server.endpoint());
        Self {
            events: aws_sdk_eventbridge::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            server,
        }
    }

    /// The URL and ARN of a new queue.
    async fn queue(&self, name: &str) -> (String, String) {
        let mut create = self.sqs.create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            create = create.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let url = create.send().await.expect("a queue").queue_url.expect("its URL");
        (url, format!("arn:aws:sqs:us-east-1:000000000000:{name}"))
    }

    /// A bus named `orders` whose events all go to the queue with this ARN, `input_path` of them if given.
    async fn bus_to(&self, queue_arn: &str, input_path: Option<&str>) {
        self.events.create_event_bus().name("orders").send().await.expect("a bus");
        let rule = self.events.put_rule().event_bus_name("orders").name("all");
        rule.event_pattern(r#"{"source":["order-service"]}"#).send().await.expect("a rule");
        let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(queue_arn);
        let target = target.set_input_path(input_path.map(str::to_owned)).build().expect("a target");
        let put = self.events.put_targets().event_bus_name("orders").rule("all").targets(target);
        put.send().await.expect("targets");
    }

    /// Everything in a queue, in the order of receipt.
    async fn bodies(&self, queue_url: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let receive = self.sqs.receive_message().queue_url(queue_url).max_number_of_messages(10);
            let messages = receive.send().await.expect("messages").messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                let receipt = message.receipt_handle.expect("a receipt");
                self.sqs
                    .delete_message()
                    .queue_url(queue_url)
                    .receipt_handle(receipt)
                    .send()
                    .await
                    .expect("deleted");
                bodies.push(message.body.expect("a body"));
            }
        }
    }

    async fn received(&self, queue_url: &str) -> Vec<Envelope<RawPayload>> {
        let bodies = self.bodies(queue_url).await;
        bodies.iter().map(|body| Envelope::from_message(body).expect("an event")).collect()
    }
}

#[tokio::test]
async fn an_event_arrives_as_it_was_published() {
    let services = Services::start().await;
    let (url, arn) = services.queue("orders").await;
    services.bus_to(&arn, None).await;
    let publisher = Publisher::new(EventBus::new(services.events.clone(), "orders"));
    let cause = Cause {
        causation_id: Some("command-1".into()),
        trace: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into()),
        tenant: Some("acme".into()),
        ..Cause::new("request-1")
    };
    let created = cause.sync_scope(|| Envelope::new(order(1)));
    let published = publisher.publish_envelope(&created).await.expect("published");
    assert_eq!(published.event_id, created.id);

    let bodies = services.bodies(&url).await;
    let event: serde_json::Value = serde_json::from_str(&bodies[0]).expect("JSON");
    assert_eq!(event["id"], published.message_id);
    assert_eq!(event["detail"]["orderId"], order(1).order_id);
    let read = Envelope::from_message(&bodies[0]).expect("an event");
    assert_eq!(read.decode::<OrderCreated>().expect("an order"), created);
    services.server.stop().await;
}

#[tokio::test]
async fn the_detail_alone_is_an_event_too() {
    let services = Services::start().await;
    let (url, arn) = services.queue("orders").await;
    services.bus_to(&arn, Some("$.detail")).await;
    let publisher = Publisher::new(EventBus::new(services.events.clone(), "orders"));
    let created = Envelope::new(order(1));
    publisher.publish_envelope(&created).await.expect("published");
    let read = services.received(&url).await.remove(0);
    assert_eq!(read.decode::<OrderCreated>().expect("an order"), created);
    services.server.stop().await;
}

#[tokio::test]
async fn many_events_go_in_few_calls_and_each_has_its_outcome() {
    let services = Services::start().await;
    let (url, arn) = services.queue("orders").await;
    services.bus_to(&arn, None).await;
    let publisher = Publisher::new(EventBus::new(services.events.clone(), "orders"));
    let outcomes = publisher.publish_all((0..95).map(order)).await;
    let mut published: Vec<String> =
        outcomes.into_iter().map(|outcome| outcome.expect("published").event_id.into()).collect();
    let mut received: Vec<String> =
        services.received(&url).await.into_iter().map(|event| event.id.into()).collect();
    received.sort();
    published.sort();
    assert_eq!(received, published);
    services.server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_sending() {
    let services = Services::start().await;
    let bus = EventBus::new(services.events.clone(), "default");
    let schemas = EventSchemas::of::<OrderCreated>().expect("a schema");
    let publisher = Publisher::new(bus).validate(schemas);
    let large = OrderCreated { order_id: "x".repeat(1 << 20), amount: 1.0 };
    let negative = OrderCreated { amount: -1.0, ..order(2) };
    let outcomes = publisher.publish_all([order(1), large, negative]).await;
    let [Ok(_), Err(large), Err(negative)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(
        matches!(large, PublishError::TooLarge { bytes: 1_048_800..1_049_100, bytes_max: 1_048_576 }),
        "{large}"
    );
    assert_eq!(
        negative.to_string(),
        "OrderCreated is invalid: /amount: -1.0 is less than the minimum of 0.0 (/properties/amount/minimum)"
    );
    services.server.stop().await;
}

#[tokio::test]
async fn the_services_own_refusals_keep_their_words() {
    let services = Services::start().await;
    // AWS keeps sources that begin with `aws.` to itself, entry by entry.
    let bus = Publisher::new(EventBus::new(services.events.clone(), "default"));
    let event = Envelope { source: "aws.orders".into(), ..Envelope::new(order(1)) };
    let refused = bus.publish_envelope(&event).await.expect_err("refused");
    assert_eq!(refused.to_string(), "NotAuthorizedForSourceException: Not authorized for the source.");
    assert!(!refused.is_transient());

    let queue = Publisher::new(Queue::new(
        services.sqs.clone(),
        format!("{}/000000000000/none", services.server.endpoint()),
    ));
    let refused = queue.publish(order(1)).await.expect_err("refused");
    assert!(
        matches!(&refused, PublishError::Refused(refusal) if refusal.code.ends_with("NonExistentQueue") || refusal.code == "QueueDoesNotExist"),
        "{refused}"
    );
    services.server.stop().await;
}

#[tokio::test]
async fn a_service_that_is_gone_is_tried_until_the_time_is_up() {
    let services = Services::start().await;
    let (url, _) = services.queue("orders").await;
    let retry = RetryPolicy { give_up_after: Duration::from_millis(200), ..RetryPolicy::default() };
    let publisher = Publisher::new(Queue::new(services.sqs.clone(), url)).retry(retry);
    services.server.stop().await;
    let error = publisher.publish(order(1)).await.expect_err("nobody listens");
    assert!(matches!(error, PublishError::TimedOut { .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn topics_and_queues_carry_envelopes_and_attributes() {
    let services = Services::start().await;
    let (url, arn) = services.queue("orders").await;
    let topic =
        services.sns.create_topic().name("orders").send().await.expect("a topic").topic_arn.expect("its ARN");
    let subscribe = services.sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(&arn);
    subscribe
        .attributes("FilterPolicy", r#"{"eventType":["OrderCreated"]}"#)
        .send()
        .await
        .expect("subscribed");

    let created = Envelope::new(order(1));
    let through_topic = Publisher::new(Topic::new(services.sns.clone(), topic));
    through_topic.publish_envelope(&created).await.expect("published");
    let other = Envelope { event_type: "OrderOther".into(), ..Envelope::new(order(2)) };
    through_topic.publish_envelope(&other).await.expect("published");
    let direct = Publisher::new(Queue::new(services.sqs.clone(), url.clone()));
    direct.publish_envelope(&created).await.expect("published");

    let received = services.received(&url).await;
    assert_eq!(received.len(), 2, "the filter lets one type through");
    for event in received {
        assert_eq!(event.decode::<OrderCreated>().expect("an order"), created);
    }
    services.server.stop().await;
}

#[tokio::test]
async fn a_fifo_queue_keeps_each_group_in_order_and_takes_an_event_once() {
    let services = Services::start().await;
    let (url, _) = services.queue("orders.fifo").await;
    let group = |event: &Envelope<RawPayload>| event.tenant.clone().unwrap_or_default();
    let publisher = Publisher::new(Queue::fifo(services.sqs.clone(), url.clone(), group));
    let events: Vec<_> = (0..24)
        .map(|number| {
            let tenant = Some(format!("tenant-{}", number % 3));
            Envelope { tenant, ..Envelope::new(order(number)) }.encode().expect("JSON")
        })
        .collect();
    for _ in 0..2 {
        let outcomes = publisher.publish_encoded(events.clone()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    let received = services.received(&url).await;
    for tenant in ["tenant-0", "tenant-1", "tenant-2"] {
        let of_tenant = |events: &[Envelope<RawPayload>]| -> Vec<String> {
            let events = events.iter().filter(|event| event.tenant.as_deref() == Some(tenant));
            events.map(|event| event.id.to_string()).collect()
        };
        assert_eq!(of_tenant(&received), of_tenant(&events));
    }
    services.server.stop().await;
}

#[tokio::test]
async fn the_guides_schema_is_one_of_whole_events() {
    let services = Services::start().await;
    let guide = Validator::from_file(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/orders/schema/order-event.json"
    ));
    let bus = EventBus::new(services.events.clone(), "default");
    let publisher = Publisher::new(bus).validate(EventSchemas::of_events(guide.expect("a schema")));
    publisher.publish(order(1)).await.expect("published");
    let invalid =
        publisher.publish(OrderCreated { order_id: "123".into(), amount: -1.0 }).await.expect_err("invalid");
    assert_eq!(
        invalid.to_string(),
        "OrderCreated is invalid: /detail/amount: -1.0 is less than the minimum of 0 \
         (/properties/detail/properties/amount/minimum); /detail/orderId: \"123\" is not a \"uuid\" \
         (/properties/detail/properties/orderId/format)"
    );
    services.server.stop().await;
}

#[tokio::test]
async fn a_buffer_publishes_everything_before_it_ends() {
    let services = Services::start().await;
    let (url, _) = services.queue("orders").await;
    let publisher = Publisher::new(Queue::new(services.sqs.clone(), url.clone()));
    let buffer = Buffered::new(publisher, 4, Duration::from_millis(1));
    let first = buffer.publish(order(0)).await.expect("room");
    buffer.flush().await;
    assert_eq!(services.bodies(&url).await.len(), 1, "flushed");
    assert!(first.outcome().await.is_ok());
    for number in 1..50 {
        // The buffer is small: publishing waits for room.
        drop(buffer.publish(order(number)).await.expect("room"));
    }
    buffer.shutdown().await;
    assert_eq!(services.bodies(&url).await.len(), 49);
    services.server.stop().await;
}

#[cfg(feature = "claim-check")]
#[tokio::test]
async fn a_payload_too_large_goes_through_a_bucket() {
    use pontoon::claim::{BucketClaims, Claims};

    let services = Services::start().await;
    let (url, arn) = services.queue("orders").await;
    services.bus_to(&arn, None).await;
    let config = aws::config_for(services.server.endpoint());
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket("payloads").send().await.expect("a bucket");
    let store = BucketClaims::new(s3, "payloads", "claims/");
    let publisher =
        Publisher::new(EventBus::new(services.events.clone(), "orders")).claim_check(store.clone(), 200_000);
    let large = Envelope::new(OrderCreated { order_id: "x".repeat(2_000_000), amount: 1.0 });
    publisher.publish_envelope(&large).await.expect("published");
    publisher.publish(order(1)).await.expect("published");

    let claims = Claims::new(store);
    let mut sizes = Vec::new();
    for received in services.received(&url).await {
        let is_large = received.id == large.id;
        assert!(received.payload.get().len() < 200);
        let whole = claims.redeem(received).await.expect("kept");
        sizes.push(whole.payload.get().len());
        if is_large {
            assert_eq!(whole.decode::<OrderCreated>().expect("an order"), large);
        }
    }
    assert_eq!(sizes.len(), 2);
    let missing = Envelope::bare(
        "gone".into(),
        "T",
        "s",
        jiff::Timestamp::UNIX_EPOCH,
        serde_json::from_value(json!({ "claimCheck": { "key": "gone", "bytes": 1 } })).expect("a payload"),
    );
    let error = claims.redeem(missing).await.expect_err("gone");
    assert_eq!(error.to_string(), "there is no payload for claim \"gone\"");
    services.server.stop().await;
}
