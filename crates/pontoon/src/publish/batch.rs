//! From entries to calls: as many in a call as it takes, those that failed again, until the time is up.

use std::collections::{HashSet, VecDeque};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Destination, Entry, Limits, PublishError, Published, Refusal, RetryPolicy};

type Outcome = Result<Published, PublishError>;

/// An entry and its place among the events that were given.
type Placed = (usize, Entry);

/// The entries of a call with what became of each.
type Answered = (Vec<Placed>, Vec<Result<String, Refusal>>);

/// Sends every entry and gives each event's outcome, in their order.
pub(super) async fn send_all<D: Destination>(
    destination: &D,
    retry: &RetryPolicy,
    calls_at_once: usize,
    entries: Vec<Result<Entry, PublishError>>,
) -> Vec<Outcome> {
    let count = entries.len();
    let mut sending = Sending {
        destination,
        retry,
        deadline: Instant::now() + retry.give_up_after,
        outcomes: (0..count).map(|_| None).collect(),
    };
    let mut ordered = VecDeque::new();
    let mut unordered = Vec::new();
    for (place, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(entry) if entry.group.is_some() => ordered.push_back((place, entry)),
            Ok(entry) => unordered.push((place, entry)),
            Err(error) => sending.outcomes[place] = Some(Err(error)),
        }
    }
    sending.unordered(unordered, calls_at_once).await;
    sending.ordered(ordered).await;
    // Every entry is settled when its call, its retries or its group end.
    sending.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(PublishError::Closed))).collect()
}

struct Sending<'a, D> {
    destination: &'a D,
    retry: &'a RetryPolicy,
    deadline: Instant,
    outcomes: Vec<Option<Outcome>>,
}

impl<D: Destination> Sending<'_, D> {
    /// Sends entries of which none waits for another.
    async fn unordered(&mut self, mut waiting: Vec<Placed>, calls_at_once: usize) {
        let mut attempts = 0;
        while !waiting.is_empty() {
            attempts += 1;
            let calls = chunks(waiting, &self.destination.limits());
            let (destination, deadline) = (self.destination, self.deadline);
            let results: Vec<Answered> = stream::iter(calls)
                .map(|call| async move {
                    let results = send(destination, deadline, &call.entries).await;
                    (call.placed(), results)
                })
                .buffer_unordered(calls_at_once)
                .collect()
                .await;
            let mut failed = Vec::new();
            for (place, entry, result) in flattened(results) {
                match result {
                    Err(refusal) if refusal.is_transient => failed.push((place, entry, refusal)),
                    result => self.settle(place, &entry, result),
                }
            }
            failed.sort_unstable_by_key(|(place, ..)| *place);
            let next = Instant::now() + self.retry.delay(attempts);
            if next >= self.deadline {
                for (place, _, last) in failed.drain(..) {
                    self.outcomes[place] = Some(Err(PublishError::TimedOut { attempts, last }));
                }
            } else if !failed.is_empty() {
                sleep_until(next).await;
            }
            waiting = failed.into_iter().map(|(place, entry, _)| (place, entry)).collect();
        }
    }

    /// Sends entries one call after another, and none of a group after one of the same group that failed.
    async fn ordered(&mut self, mut waiting: VecDeque<Placed>) {
        let mut attempts = 0;
        let mut broken: HashSet<String> = HashSet::new();
        while let Some(call) = next_call(&mut waiting, &self.destination.limits()) {
            attempts += 1;
            let results = send(self.destination, self.deadline, &call.entries).await;
            let sent: Vec<(Placed, Result<String, Refusal>)> =
                call.placed().into_iter().zip(results).collect();
            let next = Instant::now() + self.retry.delay(attempts);
            let mut again = Vec::new();
            for (index, ((place, entry), result)) in sent.iter().enumerate() {
                let overtaken = || {
                    sent[index + 1..]
                        .iter()
                        .any(|((_, later), result)| later.group == entry.group && result.is_ok())
                };
                match result {
                    Err(refusal) if refusal.is_transient && next < self.deadline && !overtaken() => {
                        again.push((*place, entry.clone()));
                        continue;
                    }
                    Err(refusal) if refusal.is_transient => {
                        let last = refusal.clone();
                        self.outcomes[*place] = Some(Err(PublishError::TimedOut { attempts, last }));
                    }
                    result => self.settle(*place, entry, result.clone()),
                }
                if result.is_err() {
                    broken.extend(entry.group.clone());
                }
            }
            if again.is_empty() {
                attempts = 0;
            } else {
                sleep_until(next).await;
            }
            again.into_iter().rev().for_each(|placed| waiting.push_front(placed));
            self.hold_back(&mut waiting, &broken);
        }
    }

    /// Takes out what would overtake an event of its group that was not published.
    fn hold_back(&mut self, waiting: &mut VecDeque<Placed>, broken: &HashSet<String>) {
        if broken.is_empty() {
            return;
        }
        waiting.retain(|(place, entry)| match &entry.group {
            Some(group) if broken.contains(group) => {
                self.outcomes[*place] = Some(Err(PublishError::Held { group: group.clone() }));
                false
            }
            _ => true,
        });
    }

    fn settle(&mut self, place: usize, entry: &Entry, result: Result<String, Refusal>) {
        let published = |message_id| Published { event_id: entry.event.id.clone(), message_id };
        self.outcomes[place] = Some(result.map(published).map_err(PublishError::Refused));
    }
}

/// The entries of one call, and the places that they have.
struct Call {
    places: Vec<usize>,
    entries: Vec<Entry>,
    bytes: usize,
}

impl Call {
    fn new() -> Self {
        Self { places: Vec::new(), entries: Vec::new(), bytes: 0 }
    }

    fn has_room(&self, entry: &Entry, limits: &Limits) -> bool {
        self.entries.is_empty()
            || (self.entries.len() < limits.entries_max && self.bytes + entry.bytes <= limits.call_bytes_max)
    }

    fn push(&mut self, (place, entry): Placed) {
        self.bytes += entry.bytes;
        self.places.push(place);
        self.entries.push(entry);
    }

    fn placed(self) -> Vec<Placed> {
        self.places.into_iter().zip(self.entries).collect()
    }
}

/// Entries in calls that are filled one after another.
fn chunks(entries: Vec<Placed>, limits: &Limits) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut call = Call::new();
    for placed in entries {
        if !call.has_room(&placed.1, limits) {
            calls.push(std::mem::replace(&mut call, Call::new()));
        }
        call.push(placed);
    }
    if !call.entries.is_empty() {
        calls.push(call);
    }
    calls
}

/// The next call of entries that wait in order.
fn next_call(waiting: &mut VecDeque<Placed>, limits: &Limits) -> Option<Call> {
    let mut call = Call::new();
    while let Some(placed) = waiting.pop_front_if(|(_, entry)| call.has_room(entry, limits)) {
        call.push(placed);
    }
    (!call.entries.is_empty()).then_some(call)
}

/// One call, until the deadline; what fails the call fails each of its entries.
async fn send<D: Destination>(
    destination: &D,
    deadline: Instant,
    entries: &[Entry],
) -> Vec<Result<String, Refusal>> {
    let expired = || Refusal {
        code: "Timeout".to_owned(),
        message: "no answer within the time to publish".to_owned(),
        is_transient: true,
    };
    let answered = timeout_at(deadline, destination.send(entries)).await;
    match answered.unwrap_or_else(|_| Err(expired())) {
        Ok(results) => {
            let missing = || Refusal {
                code: "UnreadableResponse".to_owned(),
                message: "the service said nothing of this event".to_owned(),
                is_transient: true,
            };
            let count = entries.len();
            results.into_iter().chain(std::iter::repeat_with(|| Err(missing()))).take(count).collect()
        }
        Err(refusal) => entries.iter().map(|_| Err(refusal.clone())).collect(),
    }
}

fn flattened(results: Vec<Answered>) -> impl Iterator<Item = (usize, Entry, Result<String, Refusal>)> {
    results.into_iter().flat_map(|(placed, results)| {
        placed.into_iter().zip(results).map(|((place, entry), result)| (place, entry, result))
    })
}

#[cfg(test)]
mod tests;
