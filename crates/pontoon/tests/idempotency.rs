//! Idempotency in memory and on DynamoDB, held to the same.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pontoon::function::Function;
use pontoon::handler::{HandleError, Router};
use pontoon::idempotency::{DynamoDbIdempotency, Idempotency, MemoryIdempotency};
use pontoon::metrics::{MetricSink, MetricsPublisher};
use pontoon::middleware::Idempotent;
use pontoon::{DomainEvent, Envelope};
use pontoon_test::{Failure, Pontoon};
use tokio::sync::Notify;
use tower::Layer;

fn start_instant() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_769_862_896_789)
}

/// A clock that a test sets.
#[derive(Clone)]
struct Clock(Arc<Mutex<SystemTime>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(start_instant())))
    }

    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

const TABLE: &str = "
Resources:
  Idempotency:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: idempotency
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
";

/// Both stores, each with a clock that the test sets; the Pontoon is to be kept.
async fn both() -> (Pontoon, [(Idempotency, Clock); 2]) {
    // DynamoDB's clock shows the same instant, lest TTL deletes what is not forgotten yet.
    let pontoon = pontoon_test::builder().at(start_instant()).start().await;
    pontoon.deploy(TABLE).await;
    let client = aws_sdk_dynamodb::Client::new(&pontoon.sdk_config());
    let clocked = |once: Idempotency| {
        let clock = Clock::new();
        let time = clock.clone();
        (once.clock(move || *time.0.lock().unwrap()), clock)
    };
    let memory = clocked(Idempotency::new(MemoryIdempotency::new()));
    let dynamodb = clocked(Idempotency::new(DynamoDbIdempotency::new(client, "idempotency")));
    (pontoon, [memory, dynamodb])
}

async fn never() -> Result<u32, HandleError> {
    panic!("it is not to be done again")
}

#[tokio::test]
async fn what_was_done_is_not_done_again_until_it_is_forgotten() {
    let (_pontoon, stores) = both().await;
    for (once, clock) in stores {
        let once = once.keep(Duration::from_secs(3600));
        assert_eq!(once.run("key", &"payload", async || Ok(7)).await.unwrap(), 7);
        clock.advance(Duration::from_secs(3599));
        assert_eq!(once.run("key", &"payload", never).await.unwrap(), 7);
        clock.advance(Duration::from_secs(2));
        assert_eq!(once.run("key", &"payload", async || Ok(8)).await.unwrap(), 8);
    }
}

#[tokio::test]
async fn a_changed_payload_is_refused_and_a_rewritten_one_is_not() {
    let (_pontoon, stores) = both().await;
    for (once, _) in stores {
        let json = |text: &str| serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap();
        assert_eq!(once.run("key", &json(r#"{"a":1,"b":2}"#), async || Ok(7)).await.unwrap(), 7);
        assert_eq!(once.run("key", &json(r#"{ "b": 2, "a": 1 }"#), never).await.unwrap(), 7);
        let error = once.run("key", &json(r#"{"a":1,"b":3}"#), never).await.unwrap_err();
        assert!(error.is_permanent());
        assert_eq!(error.reason(), "the key \"key\" was used with another payload");
    }
}

#[tokio::test]
async fn of_concurrent_duplicates_one_goes_on() {
    let (_pontoon, stores) = both().await;
    for (once, _) in stores {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let first = {
            let (once, begun, go_on) = (once.clone(), Arc::clone(&begun), Arc::clone(&go_on));
            tokio::spawn(async move {
                once.run("key", &"payload", || async {
                    begun.notify_one();
                    go_on.notified().await;
                    Ok(7)
                })
                .await
            })
        };
        begun.notified().await;
        let error = once.run("key", &"payload", never).await.unwrap_err();
        assert!(!error.is_permanent());
        assert_eq!(error.delay(), Some(Duration::from_secs(60)));
        go_on.notify_one();
        assert_eq!(first.await.unwrap().unwrap(), 7);
        assert_eq!(once.run("key", &"payload", never).await.unwrap(), 7);
    }
}

#[tokio::test]
async fn a_crashed_holder_is_followed_when_its_lease_has_run_out() {
    let (_pontoon, stores) = both().await;
    for (once, clock) in stores {
        let begun = Arc::new(Notify::new());
        let crashing = {
            let (once, begun) = (once.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                once.run("key", &"payload", || async {
                    begun.notify_one();
                    std::future::pending::<Result<u32, HandleError>>().await
                })
                .await
            })
        };
        begun.notified().await;
        crashing.abort();
        clock.advance(Duration::from_secs(59));
        assert!(once.run("key", &"payload", never).await.is_err());
        clock.advance(Duration::from_secs(2));
        assert_eq!(once.run("key", &"payload", async || Ok(8)).await.unwrap(), 8);
    }
}

#[tokio::test]
async fn a_holder_that_outlives_its_lease_overwrites_nothing() {
    let (_pontoon, stores) = both().await;
    for (once, clock) in stores {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (once, begun, go_on) = (once.clone(), Arc::clone(&begun), Arc::clone(&go_on));
            tokio::spawn(async move {
                once.run("key", &"payload", || async {
                    begun.notify_one();
                    go_on.notified().await;
                    Ok(1)
                })
                .await
            })
        };
        begun.notified().await;
        clock.advance(Duration::from_secs(61));
        assert_eq!(once.run("key", &"payload", async || Ok(2)).await.unwrap(), 2);
        go_on.notify_one();
        assert_eq!(slow.await.unwrap().unwrap(), 1);
        assert_eq!(once.run("key", &"payload", never).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn what_failed_can_be_tried_again_at_once() {
    let (_pontoon, stores) = both().await;
    for (once, _) in stores {
        let fails = async || Err::<u32, _>(HandleError::permanent("no"));
        assert!(once.run("key", &"payload", fails).await.unwrap_err().is_permanent());
        assert_eq!(once.run("key", &"payload", async || Ok(7)).await.unwrap(), 7);
    }
}

#[tokio::test]
async fn sixteen_at_once_do_it_once() {
    let (_pontoon, stores) = both().await;
    for (once, _) in stores {
        let done = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (once, done) = (once.clone(), Arc::clone(&done));
                tokio::spawn(async move {
                    once.run("key", &"payload", || async {
                        done.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok(7)
                    })
                    .await
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().map_or_else(|error| !error.is_permanent(), |result| result == 7));
        }
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_granted_when_the_sdk_tries_again() {
    // The first attempt goes through and the second finds its own item, which the store must take for its own.
    use pontoon::idempotency::{Begun, Claim, IdempotencyStore};
    let (pontoon, _) = both().await;
    let store = DynamoDbIdempotency::new(aws_sdk_dynamodb::Client::new(&pontoon.sdk_config()), "idempotency");
    let now = SystemTime::now();
    let claim =
        Claim { key: "k", fingerprint: "f", token: "t", now, lease_until: now + Duration::from_secs(60) };
    assert_eq!(store.begin(&claim).await.unwrap(), Begun::Granted);
    assert_eq!(store.begin(&claim).await.unwrap(), Begun::Granted);
    assert!(store.complete(&claim, "7", now + Duration::from_secs(60)).await.unwrap());
    assert!(!store.renew(&claim).await.unwrap());
}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "order-service")]
#[serde(rename_all = "camelCase")]
struct OrderCreated {
    order_id: String,
}

#[tokio::test]
async fn an_event_that_comes_twice_is_handled_once() {
    let shipped = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&shipped);
    let router = Router::new().on(move |_: Envelope<OrderCreated>, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    let once = Idempotency::new(MemoryIdempotency::new());
    let by_id = Function::new(Idempotent::new(once.clone(), "by id").layer(router.clone()));
    let by_order =
        Function::new(Idempotent::new(once.clone(), "by order").by("/orderId").layer(router.clone()));
    let by_none = Function::new(Idempotent::new(once, "by nothing").by("/nothing").layer(router));
    let event =
        || serde_json::to_string(&Envelope::new(OrderCreated { order_id: "1".into() }).encode().unwrap());
    let (first, second) = (event().unwrap(), event().unwrap());
    for text in [&first, &first, &second] {
        by_id.invoke(text, None).await.unwrap();
        by_order.invoke(text, None).await.unwrap();
    }
    assert_eq!(shipped.load(Ordering::SeqCst), 3);
    assert!(by_none.invoke(&first, None).await.is_err());
}

#[tokio::test]
async fn metrics_that_cannot_be_sent_are_sent_with_the_next() {
    let pontoon = pontoon_test::start().await;
    let config =
        pontoon.sdk_config().to_builder().retry_config(aws_config::retry::RetryConfig::disabled()).build();
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let metrics = MetricsPublisher::new(cloudwatch.clone(), "Orders").dimension("Service", "shipping");
    for value in [1.0, 2.0, 2.0] {
        metrics.count("Shipped", value, &[]).unwrap();
    }
    assert!(metrics.count("", 1.0, &[]).is_err());
    pontoon.fail("PutMetricData").once().with(Failure::unavailable());
    assert!(metrics.flush().await.is_err());
    metrics.flush().await.unwrap();
    metrics.flush().await.unwrap();
    let now = pontoon.now();
    let instant = |at| aws_sdk_cloudwatch::primitives::DateTime::from(at);
    let statistics = cloudwatch
        .get_metric_statistics()
        .namespace("Orders")
        .metric_name("Shipped")
        .dimensions(aws_sdk_cloudwatch::types::Dimension::builder().name("Service").value("shipping").build())
        .period(3600)
        .statistics(aws_sdk_cloudwatch::types::Statistic::Sum)
        .statistics(aws_sdk_cloudwatch::types::Statistic::SampleCount)
        .start_time(instant(now - Duration::from_secs(7200)))
        .end_time(instant(now + Duration::from_secs(3600)))
        .send()
        .await
        .unwrap();
    let sum: f64 = statistics.datapoints().iter().filter_map(|point| point.sum()).sum();
    let count: f64 = statistics.datapoints().iter().filter_map(|point| point.sample_count()).sum();
    assert_eq!((sum, count), (5.0, 3.0));
}
