//! Sends dead letters back.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::origin::ATTACHED_BY_EVENTBRIDGE;
use super::sweep::{Fate, Sweep};
use super::{Burial, DeadLetter, DeadLetterOrigin, DeadLetters, Filter};
use crate::aws::failure::words;
use crate::handler::BoxError;
use crate::queue::url_of;

/// Which dead letters are sent back, where to, and how fast.
///
/// ```
/// use pontoon::dead_letters::{Filter, Redrive};
/// let redrive = Redrive::new().only(Filter::default().reason("busy")).per_second(5.0).at_most(100).dry_run();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redrive {
    filter: Filter,
    per_second: Option<f64>,
    limit: Option<usize>,
    to: Option<String>,
    dry_run: bool,
}

impl Redrive {
    /// All of them, to where they came from, as fast as it goes.
    ///
    /// ```
    /// let redrive = pontoon::dead_letters::Redrive::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those that `filter` takes.
    ///
    /// ```
    /// use pontoon::dead_letters::{Filter, Redrive};
    /// let redrive = Redrive::new().only(Filter::default().event_type("OrderCreated"));
    /// ```
    #[must_use]
    pub fn only(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// At most so many a second; no rate at all if that is not above zero.
    ///
    /// ```
    /// let redrive = pontoon::dead_letters::Redrive::new().per_second(0.5);
    /// ```
    #[must_use]
    pub fn per_second(self, messages: f64) -> Self {
        Self { per_second: (messages > 0.0).then_some(messages), ..self }
    }

    /// At most so many in all.
    ///
    /// ```
    /// let canary = pontoon::dead_letters::Redrive::new().at_most(1);
    /// ```
    #[must_use]
    pub fn at_most(self, messages: usize) -> Self {
        Self { limit: Some(messages), ..self }
    }

    /// To the queue with this URL, instead of where they came from.
    ///
    /// ```
    /// let redrive = pontoon::dead_letters::Redrive::new().to("http://127.0.0.1:4566/000000000000/orders");
    /// ```
    #[must_use]
    pub fn to(self, queue_url: impl Into<String>) -> Self {
        Self { to: Some(queue_url.into()), ..self }
    }

    /// Sends nothing, but counts what would be sent.
    ///
    /// ```
    /// let redrive = pontoon::dead_letters::Redrive::new().dry_run();
    /// ```
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self { dry_run: true, ..self }
    }
}

/// What became of the dead letters.
///
/// ```
/// assert_eq!(pontoon::dead_letters::Redriven::default().moved, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redriven {
    /// How many were sent back, or would be.
    pub moved: usize,
    /// Where to: how many by the queue's URL.
    pub targets: BTreeMap<String, usize>,
    /// How many the filter did not take.
    pub left: usize,
    /// Those that came from no queue, or none that is known, by their origin in words: they stay.
    pub homeless: BTreeMap<String, usize>,
}

pub(super) async fn run(queue: &DeadLetters, redrive: &Redrive) -> Result<Redriven, BoxError> {
    let mut redriven = Redriven::default();
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    let mut pace = redrive.per_second.map(|rate| {
        let mut pace = interval_at(Instant::now(), Duration::from_secs_f64(1.0 / rate));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    });
    let mut sweep = Sweep::begin(queue, usize::MAX);
    while redrive.limit.is_none_or(|limit| redriven.moved < limit)
        && let Some(letter) = sweep.next().await?
    {
        if !redrive.filter.takes(&letter) {
            redriven.left += 1;
            sweep.decide(letter, Fate::Keep).await?;
            continue;
        }
        let target = match (&redrive.to, letter.origin.queue().and_then(|source| homes.get(source))) {
            (Some(to), _) => Some(to.clone()),
            (None, Some(home)) => Some(home.clone()),
            (None, None) => target_of(queue, &letter, None).await?,
        };
        let Some(target) = target else {
            *redriven.homeless.entry(letter.origin.to_string()).or_default() += 1;
            sweep.decide(letter, Fate::Keep).await?;
            continue;
        };
        if let (None, Some(source)) = (&redrive.to, letter.origin.queue()) {
            homes.insert(source.to_owned(), target.clone());
        }
        if !redrive.dry_run {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            send(queue, &letter, &letter.body, &target).await?;
        }
        redriven.moved += 1;
        *redriven.targets.entry(target).or_default() += 1;
        sweep.decide(letter, if redrive.dry_run { Fate::Keep } else { Fate::Delete }).await?;
    }
    sweep.end().await?;
    Ok(redriven)
}

/// The URL of the queue to send a message to; `None` if nothing tells.
pub(super) async fn target_of(
    queue: &DeadLetters,
    letter: &DeadLetter,
    to: Option<&str>,
) -> Result<Option<String>, BoxError> {
    match (to, letter.origin.queue()) {
        (Some(to), _) => Ok(Some(to.to_owned())),
        (None, Some(source)) => url_of(&queue.client, source).await.map(Some),
        (None, None) => Ok(None),
    }
}

/// Sends a message on, without what was attached when it became a dead letter.
pub(super) async fn send(
    queue: &DeadLetters,
    letter: &DeadLetter,
    body: &str,
    target: &str,
) -> Result<(), BoxError> {
    let mut send = queue.client.send_message().queue_url(target).message_body(body);
    let by_rule = matches!(letter.origin, DeadLetterOrigin::Target { .. });
    for (name, value) in &letter.attributes {
        let is_attached = by_rule && ATTACHED_BY_EVENTBRIDGE.contains(&name.as_str());
        if name != Burial::ATTRIBUTE && !is_attached {
            send = send.message_attributes(name, value.clone());
        }
    }
    if target.ends_with(".fifo") {
        let group = letter.group.as_ref().unwrap_or(&letter.message_id);
        send = send.message_group_id(group).message_deduplication_id(&letter.message_id);
    }
    send.send().await.map_err(|error| words(&error))?;
    Ok(())
}
