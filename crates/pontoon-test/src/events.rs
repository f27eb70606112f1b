//! What was published, found by event patterns.

use std::future::Future;
use std::panic::Location;

use pontoon_api::events;
use pontoon_events::state::kept::{self, KeptEvent};
use pontoon_pattern::{Event, Explanation, Pattern};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::Pontoon;

/// How many events a failed expectation tells of.
const TOLD_MAX: usize = 10;

/// An event that was put on a bus.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use serde_json::json;
///
/// let pontoon = pontoon_test::start().await;
/// pontoon.put_event("default", "shop", "OrderCreated", json!({ "amount": 12 })).await;
/// let published = pontoon.expect_event(json!({ "source": ["shop"] })).await;
/// assert_eq!(published.event["detail"]["amount"], 12);
/// assert!(published.buses[0].ends_with("event-bus/default"));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedEvent {
    /// ARNs of the buses that it came to, in that order.
    pub buses: Vec<String>,
    /// The event as its targets see it: `version`, `id`, `detail-type`, `source`, `detail`, …
    pub event: Value,
}

impl Pontoon {
    /// Finds an event that was published, on whichever bus, by an event pattern as a rule has it; waits for one that is still to come, by the
    /// machine's clock, five seconds at most if [`Builder::patience`](crate::Builder::patience) says nothing else.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use serde_json::json;
    ///
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.put_event("default", "shop", "OrderCreated", json!({ "amount": 12 })).await;
    /// let found = pontoon.expect_event(json!({ "detail": { "amount": [{ "numeric": [">", 10] }] } })).await;
    /// assert_eq!(found.event["source"], "shop");
    /// # });
    /// ```
    ///
    /// # Panics
    /// If none comes, saying of the latest events why they do not match; or if it is no pattern.
    #[track_caller]
    pub fn expect_event(&self, pattern: impl Into<Value>) -> impl Future<Output = PublishedEvent> {
        let caller = Location::caller();
        let text = pattern.into().to_string();
        async move {
            let pattern = parse(&text, caller);
            let deadline = Instant::now() + self.patience;
            loop {
                let host = self.host();
                let traced = host.traced();
                let kept = self.kept();
                if let Some(found) = kept.iter().find(|kept| matches(&pattern, kept)) {
                    return published(found);
                }
                if timeout_at(deadline, traced).await.is_err() {
                    panic!("{}", unmet(&pattern, &text, &kept, caller));
                }
            }
        }
    }

    /// Makes sure that no event that matches has been published so far.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use serde_json::json;
    ///
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.put_event("default", "shop", "OrderCreated", json!({})).await;
    /// pontoon.expect_no_event(json!({ "detail-type": ["OrderCancelled"] }));
    /// # });
    /// ```
    ///
    /// # Panics
    /// If one has, showing it; or if it is no pattern.
    #[track_caller]
    pub fn expect_no_event(&self, pattern: impl Into<Value>) {
        let caller = Location::caller();
        let text = pattern.into().to_string();
        let pattern = parse(&text, caller);
        if let Some(found) = self.kept().iter().find(|kept| matches(&pattern, kept)) {
            panic!("{caller}: no event was to match {text}, but this one does: {}", found.event);
        }
    }

    /// Every event that was published, the oldest first; of very many, the latest 10,000 or 64 MiB.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.put_event("default", "shop", "OrderCreated", serde_json::json!({})).await;
    /// assert_eq!(pontoon.events().len(), 1);
    /// # });
    /// ```
    #[must_use]
    pub fn events(&self) -> Vec<PublishedEvent> {
        self.kept().iter().map(published).collect()
    }

    /// Publishes an event, as an application that is not under test would.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let id = pontoon.put_event("default", "shop", "OrderCreated", serde_json::json!({})).await;
    /// assert_eq!(id.len(), 36);
    /// # });
    /// ```
    ///
    /// # Panics
    /// If the bus refuses it, in the bus's words.
    pub async fn put_event(&self, bus: &str, source: &str, detail_type: &str, detail: Value) -> String {
        let entry = events::PutEventsRequestEntry {
            event_bus_name: Some(bus.to_owned()),
            source: Some(source.to_owned()),
            detail_type: Some(detail_type.to_owned()),
            detail: Some(detail.to_string()),
            ..Default::default()
        };
        let put = events::PutEventsInput { entries: vec![entry], ..Default::default() };
        let output = self.call::<events::PutEventsOutput>(events::Request::PutEvents(put)).await;
        let output = output.unwrap_or_else(|error| panic!("the event was not published: {error}"));
        let result = output.entries.unwrap_or_default().into_iter().next().unwrap_or_default();
        result.event_id.unwrap_or_else(|| {
            panic!(
                "the event was refused: {} {}",
                result.error_code.unwrap_or_default(),
                result.error_message.unwrap_or_default()
            )
        })
    }

    fn kept(&self) -> Vec<KeptEvent> {
        self.host()
            .look(|engine| kept::all(engine.store()))
            .unwrap_or_else(|error| panic!("the events cannot be read: {}", error.message))
    }
}

fn parse(text: &str, caller: &Location<'_>) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{caller}: {text} is no event pattern: {error}"))
}

fn matches(pattern: &Pattern, kept: &KeptEvent) -> bool {
    Event::parse(kept.event.as_bytes()).is_ok_and(|event| pattern.matches(&event))
}

fn published(kept: &KeptEvent) -> PublishedEvent {
    let event = serde_json::from_str(&kept.event).unwrap_or_default();
    PublishedEvent { buses: kept.buses.clone(), event }
}

/// What is said of an expectation that was not met.
fn unmet(pattern: &Pattern, text: &str, kept: &[KeptEvent], caller: &Location<'_>) -> String {
    let mut said = format!("{caller}: no event matches {text}");
    if kept.is_empty() {
        said.push_str("; none was published at all");
    }
    for kept in kept.iter().rev().take(TOLD_MAX) {
        said.push_str(&format!("\n  {}", kept.event));
        let Ok(event) = Event::parse(kept.event.as_bytes()) else { continue };
        let explanation: Explanation = pattern.explain(&event);
        for finding in explanation.unmet() {
            let (expected, seen) = (finding.expected_text(), finding.seen_text());
            said.push_str(&format!("\n    {}: expected {expected}, seen {seen}", finding.path));
        }
    }
    if kept.len() > TOLD_MAX {
        said.push_str(&format!("\n  and {} before them", kept.len() - TOLD_MAX));
    }
    said
}
