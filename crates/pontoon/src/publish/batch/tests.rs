use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::envelope::{Envelope, RawPayload};

const LIMITS: Limits = Limits { entries_max: 3, call_bytes_max: 100, entry_bytes_max: 100 };

/// Answers each call by its number (from 0) and the body of each entry, and notes what it was sent.
struct Scripted<F> {
    answer: F,
    calls: Mutex<Vec<Vec<String>>>,
}

impl<F: Fn(usize, &str) -> Result<String, Refusal> + Send + Sync + 'static> Destination for Scripted<F> {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn entry(&self, _: Envelope<RawPayload>) -> Entry {
        unreachable!("the tests make their entries")
    }

    async fn send(&self, entries: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
        let mut calls = self.calls.lock().unwrap();
        let call = calls.len();
        calls.push(entries.iter().map(|entry| entry.body.clone()).collect());
        let results: Vec<_> = entries.iter().map(|entry| (self.answer)(call, &entry.body)).collect();
        match results.first() {
            Some(Err(refusal)) if refusal.code == "Call" => Err(refusal.clone()),
            _ => Ok(results),
        }
    }
}

fn entry(body: &str, bytes: usize, group: Option<&str>) -> Entry {
    let payload = serde_json::value::to_raw_value(&1).unwrap();
    let event = Envelope::bare(body.into(), "T", "s", jiff::Timestamp::UNIX_EPOCH, payload.into());
    Entry { event: event.map(|_| ()), body: body.to_owned(), bytes, group: group.map(str::to_owned) }
}

fn refused(code: &str, is_transient: bool) -> Result<String, Refusal> {
    Err(Refusal { code: code.to_owned(), message: "no".to_owned(), is_transient })
}

fn taken(body: &str) -> Result<String, Refusal> {
    Ok(format!("message-{body}"))
}

/// The calls that are made for these bodies (a body `a1` is in group `a` if `grouped`), and what becomes of each.
async fn run(
    bodies: &[&str],
    grouped: bool,
    answer: impl Fn(usize, &str) -> Result<String, Refusal> + Send + Sync + 'static,
) -> (Vec<String>, Vec<String>, Duration) {
    let destination = Scripted { answer, calls: Mutex::default() };
    let entries = bodies.iter().map(|body| Ok(entry(body, 10, grouped.then(|| &body[..1])))).collect();
    let began = Instant::now();
    let outcomes = send_all(&destination, &RetryPolicy::default(), 1, entries).await;
    let outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Ok(published) => published.message_id,
        Err(PublishError::TimedOut { last, .. }) => format!("timed out: {last}"),
        Err(error) => error.to_string(),
    });
    let calls = destination.calls.into_inner().unwrap();
    (calls.iter().map(|call| call.join(" ")).collect(), outcomes.collect(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn only_failed_entries_are_sent_again() {
    let (calls, outcomes, took) = run(&["1", "2", "3", "4", "5"], false, |call, body| match (call, body) {
        (0, "2") | (1, "5") => refused("ThrottlingException", true),
        (_, "4") => refused("MalformedDetail", false),
        _ => taken(body),
    })
    .await;
    assert_eq!(calls, ["1 2 3", "4 5", "2 5"]);
    assert_eq!(outcomes, ["message-1", "message-2", "message-3", "MalformedDetail: no", "message-5"]);
    assert!(took <= Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_fails_all_of_its_entries() {
    let (calls, outcomes, _) = run(&["1", "2", "3", "4"], false, |call, body| match call {
        0 => refused("Call", true),
        1 => refused("Call", false),
        _ => taken(body),
    })
    .await;
    assert_eq!(calls, ["1 2 3", "4", "1 2 3"]);
    assert_eq!(outcomes, ["message-1", "message-2", "message-3", "Call: no"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_ends_when_the_time_is_up() {
    for grouped in [false, true] {
        let (calls, outcomes, took) = run(&["a1", "b1"], grouped, |_, body| match body {
            "a1" => refused("InternalFailure", true),
            _ => taken(body),
        })
        .await;
        assert_eq!(outcomes, ["timed out: InternalFailure: no", "message-b1"]);
        assert!(took <= Duration::from_secs(30) && took > Duration::from_secs(20), "{took:?}");
        // Delays double up to five seconds, and half of each is waited on average.
        assert!((8..60).contains(&calls.len()), "{}", calls.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_answer_is_left() {
    struct Silent;
    impl Destination for Silent {
        fn limits(&self) -> Limits {
            LIMITS
        }
        fn entry(&self, _: Envelope<RawPayload>) -> Entry {
            unreachable!("the tests make their entries")
        }
        async fn send(&self, _: &[Entry]) -> Result<Vec<Result<String, Refusal>>, Refusal> {
            std::future::pending().await
        }
    }
    let outcomes = send_all(&Silent, &RetryPolicy::default(), 4, vec![Ok(entry("1", 1, None))]).await;
    assert!(
        matches!(&outcomes[..], [Err(PublishError::TimedOut { attempts: 1, last })] if last.code == "Timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_its_order() {
    // a2 fails in passing, and a3 with it: both go again, in order, before what follows.
    let (calls, outcomes, _) = run(&["a1", "a2", "a3", "a4", "b1"], true, |call, body| match (call, body) {
        (0, "a2" | "a3") => refused("InternalError", true),
        _ => taken(body),
    })
    .await;
    assert_eq!(calls, ["a1 a2 a3", "a2 a3 a4", "b1"]);
    assert_eq!(outcomes, ["message-a1", "message-a2", "message-a3", "message-a4", "message-b1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_overtakes_a_failed_event_of_its_group() {
    // a2 is refused for good: what of its group was in the same call is out, the rest is held back; b goes on.
    let (calls, outcomes, _) = run(&["a1", "a2", "b1", "a3", "b2"], true, |_, body| match body {
        "a2" => refused("InvalidMessageContents", false),
        _ => taken(body),
    })
    .await;
    assert_eq!(calls, ["a1 a2 b1", "b2"]);
    let held = "not sent, because an event before it in group \"a\" was not published";
    assert_eq!(outcomes, ["message-a1", "InvalidMessageContents: no", "message-b1", held, "message-b2"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_overtaken_is_not_sent_late() {
    let (calls, outcomes, _) = run(&["a1", "a2", "b1", "a3"], true, |_, body| match body {
        "a1" => refused("InternalError", true),
        _ => taken(body),
    })
    .await;
    assert_eq!(calls, ["a1 a2 b1"]);
    let held = "not sent, because an event before it in group \"a\" was not published";
    assert_eq!(outcomes, ["timed out: InternalError: no", "message-a2", "message-b1", held]);
}

proptest! {
    #[test]
    fn calls_keep_the_limits_and_the_order(sizes in prop::collection::vec(0usize..=100, 0..40)) {
        let entries: Vec<_> = sizes.iter().enumerate().map(|(place, bytes)| (place, entry("x", *bytes, None))).collect();
        let calls = chunks(entries.clone(), &LIMITS);
        for (index, call) in calls.iter().enumerate() {
            prop_assert!(!call.entries.is_empty() && call.entries.len() <= LIMITS.entries_max);
            prop_assert!(call.bytes <= LIMITS.call_bytes_max);
            // No call is made that the one before had room for.
            if let Some(before) = index.checked_sub(1).map(|before| &calls[before]) {
                prop_assert!(!before.has_room(&call.entries[0], &LIMITS));
            }
        }
        let places: Vec<usize> = calls.iter().flat_map(|call| call.places.clone()).collect();
        prop_assert_eq!(places, (0..sizes.len()).collect::<Vec<_>>());
        let mut waiting: VecDeque<_> = entries.into();
        let popped = std::iter::from_fn(|| next_call(&mut waiting, &LIMITS)).map(|call| call.places);
        prop_assert_eq!(popped.collect::<Vec<_>>(), calls.into_iter().map(|call| call.places).collect::<Vec<_>>());
    }
}
