//! Whatever fails and restarts: what was published is delivered, in a dead-letter queue, or known to be lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use pontoon_api::sns::*;
use pontoon_core::{ApiError, Ids};
use proptest::prelude::*;

use crate::testing::Bench;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// What became of a message at an endpoint.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Fate {
    delivered: u32,
    dead: u32,
    refused: u32,
}

type Fates = Rc<RefCell<BTreeMap<(String, String), Fate>>>;

/// What happens next.
#[derive(Debug, Clone)]
enum Event {
    Publish,
    Wait(u64),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![4 => Just(Event::Publish), 3 => (0..90_u64).prop_map(Event::Wait), 1 => Just(Event::Restart)]
}

/// The message within whatever an endpoint got.
fn message_of(content: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(content).unwrap();
    let message = value.get("Message").or_else(|| value.pointer("/Records/0/Sns/Message"));
    message.and_then(|message| message.as_str()).unwrap_or_default().to_owned()
}

/// A bench with three subscriptions that have a dead-letter queue, whose endpoints fail at random while `trouble` is not zero, of a hundred times.
fn bench(seed: u64, trouble: &Rc<RefCell<u64>>, fates: &Fates) -> (Bench, String) {
    let mut bench = Bench::new();
    let topic = bench.create("t");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{DEAD}"}}"#);
    for (protocol, endpoint) in [("sqs", QUEUE), ("lambda", FUNCTION), ("http", "http://127.0.0.1:8080/")] {
        bench.subscribe(&topic, (protocol, endpoint), &[("RedrivePolicy", &redrive)]).unwrap();
    }
    bench.settle();
    let body: serde_json::Value = serde_json::from_slice(&bench.posted[0].1.body).unwrap();
    let token = body["Token"].as_str().unwrap().to_owned();
    let confirm =
        ConfirmSubscriptionInput { topic_arn: topic.clone(), token, authenticate_on_unsubscribe: None };
    bench.call::<ConfirmSubscriptionOutput>(Request::ConfirmSubscription(confirm)).unwrap();

    let chance = Rc::new(RefCell::new(Ids::from_seed(seed)));
    let (trouble_of_hops, chance_of_hops, fates_of_hops) =
        (Rc::clone(trouble), Rc::clone(&chance), Rc::clone(fates));
    bench.failures = Box::new(move |sent| {
        let mut fates = fates_of_hops.borrow_mut();
        let message = message_of(&sent.content);
        if sent.resource == DEAD {
            // Which of its subscriptions a dead letter comes from does not show, so it is counted by the message.
            fates.entry((DEAD.to_owned(), message)).or_default().dead += 1;
            return None;
        }
        let fate = fates.entry((sent.resource.clone(), message)).or_default();
        let fails = chance_of_hops.borrow_mut().below(100) < *trouble_of_hops.borrow();
        match (fails, chance_of_hops.borrow_mut().below(3)) {
            (false, _) => fate.delivered += 1,
            (true, 0) => {
                fate.refused += 1;
                return Some(ApiError::client("AccessDenied", "no"));
            }
            (true, _) => return Some(ApiError::server("InternalError", "not now")),
        }
        None
    });
    let (trouble, fates) = (Rc::clone(trouble), Rc::clone(fates));
    bench.endpoint = Box::new(move |call| {
        let mut fates = fates.borrow_mut();
        let message = message_of(std::str::from_utf8(&call.body).unwrap());
        let fate = fates.entry((call.url.clone(), message)).or_default();
        let fails = chance.borrow_mut().below(100) < *trouble.borrow();
        match (fails, chance.borrow_mut().below(3)) {
            (false, _) => fate.delivered += 1,
            (true, 0) => {
                fate.refused += 1;
                return Ok(403);
            }
            (true, 1) => return Err("connection refused".to_owned()),
            (true, _) => return Ok(500),
        }
        Ok(200)
    });
    (bench, topic)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_ends_once_at_every_endpoint(
        seed in any::<u64>(),
        fails_of_100 in 0..90_u64,
        events in prop::collection::vec(event(), 1..25),
    ) {
        let (trouble, fates) = (Rc::new(RefCell::new(fails_of_100)), Fates::default());
        let (mut bench, topic) = bench(seed, &trouble, &fates);
        let mut published = Vec::new();
        for event in events {
            match event {
                Event::Publish => {
                    let message = format!("message {}", published.len());
                    bench.publish(&topic, &message);
                    published.push(message);
                }
                Event::Wait(secs) => bench.advance(Duration::from_secs(secs)),
                Event::Restart => bench.restart(),
            }
        }
        *trouble.borrow_mut() = 0;
        bench.advance(Duration::from_secs(120));
        prop_assert!(bench.sns.outbox.is_empty());
        let fates = fates.borrow();
        for message in published {
            let at = |endpoint: &str| fates.get(&(endpoint.to_owned(), message.clone())).copied().unwrap_or_default();
            let endpoints = [at(QUEUE), at(FUNCTION), at("http://127.0.0.1:8080/")];
            for fate in endpoints {
                prop_assert!(fate.delivered <= 1 && fate.delivered + fate.refused <= 1, "{message}: {fate:?}");
            }
            let delivered: u32 = endpoints.iter().map(|fate| fate.delivered).sum();
            prop_assert_eq!(delivered + at(DEAD).dead, 3, "{}: {:?}", message, endpoints);
        }
    }
}
