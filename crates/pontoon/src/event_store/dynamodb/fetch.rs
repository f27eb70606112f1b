//! Reads the events that entries of the log name: those that follow one another in a stream with queries, the others by their keys.
//!
//! A query costs its service by the bytes of all its events together, a read by key by each event's own, rounded up; and it needs no keys. But it
//! gives events of one stream only, so that for a few of each stream a hundred keys in one request are the better.

use std::collections::HashMap;

use tokio::task::JoinSet;
use tokio::time::Instant;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::DynamoDbEventStore;
use super::failure::{Failed, failed, unbuilt};
use super::items::{Item, STREAM, VERSION, event_key, read_event, read_number};
use super::log::READING;
use super::streams::{COMMIT_MAX, COMMIT_PAUSE, Part};
use crate::event_store::{Recorded, StoreError, StreamId};

/// Keys in one batch read, which is the service's limit.
const BATCH_KEYS_MAX: usize = 100;
/// Requests under way at once.
const REQUESTS_MAX: usize = 4;
/// So many events that follow one another are worth a query.
const RANGE_MIN: usize = 8;
/// So many are asked for at once, so that the parts of a long range are read side by side.
const RANGE_MAX: usize = 256;

/// An event by its stream and version, and its place in the answer.
type Wanted = (usize, StreamId, u64);

/// What one request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// Events of one stream from a version on, each following the one before.
    Range { stream: StreamId, from: u64, places: Vec<usize> },
    /// Events by their keys.
    Keys(Vec<Wanted>),
}

/// Which requests give these events.
fn requests(keys: Vec<(StreamId, u64)>) -> Vec<Request> {
    // Streams in the order in which they come, so that the first events come first.
    let mut streams: Vec<(StreamId, Vec<(u64, usize)>)> = Vec::new();
    let mut of_stream: HashMap<StreamId, usize> = HashMap::new();
    for (place, (stream, version)) in keys.into_iter().enumerate() {
        let at = *of_stream.entry(stream.clone()).or_insert(streams.len());
        if at == streams.len() {
            streams.push((stream, Vec::new()));
        }
        streams[at].1.push((version, place));
    }
    let mut requests = Vec::new();
    let mut alone: Vec<Wanted> = Vec::new();
    for (stream, wanted) in streams {
        for run in wanted.chunk_by(|(before, _), (version, _)| before + 1 == *version) {
            if run.len() < RANGE_MIN {
                alone.extend(run.iter().map(|(version, place)| (*place, stream.clone(), *version)));
                continue;
            }
            requests.extend(run.chunks(RANGE_MAX).map(|part| Request::Range {
                stream: stream.clone(),
                from: part[0].0,
                places: part.iter().map(|(_, place)| *place).collect(),
            }));
        }
    }
    requests.extend(alone.chunks(BATCH_KEYS_MAX).map(|batch| Request::Keys(batch.to_vec())));
    requests
}

impl DynamoDbEventStore {
    /// The events of these streams and versions, in this order. Their entries are in the log, so they are committed; one that cannot be seen yet will
    /// be soon.
    pub(super) async fn fetch_events(&self, keys: Vec<(StreamId, u64)>) -> Result<Vec<Recorded>, StoreError> {
        let mut events: Vec<Option<Recorded>> = Vec::new();
        events.resize_with(keys.len(), || None);
        let mut requests = requests(keys).into_iter();
        let mut under_way: JoinSet<Result<Vec<(usize, Recorded)>, StoreError>> = JoinSet::new();
        loop {
            while under_way.len() < REQUESTS_MAX
                && let Some(request) = requests.next()
            {
                let store = self.clone();
                under_way.spawn(async move {
                    match request {
                        Request::Range { stream, from, places } => {
                            store.fetch_range(&stream, from, &places).await
                        }
                        Request::Keys(wanted) => store.fetch_keys(wanted).await,
                    }
                });
            }
            match under_way.join_next().await {
                None => break,
                Some(Ok(fetched)) => {
                    for (place, event) in fetched? {
                        events[place] = Some(event);
                    }
                }
                Some(Err(stopped)) => return Err(Failed::transient(READING, stopped.to_string()).into()),
            }
        }
        Ok(events.into_iter().flatten().collect())
    }

    async fn fetch_range(
        &self,
        stream: &StreamId,
        from: u64,
        places: &[usize],
    ) -> Result<Vec<(usize, Recorded)>, StoreError> {
        let end = from + places.len() as u64;
        let mut events = Vec::with_capacity(places.len());
        let mut unseen: Vec<Wanted> = Vec::new();
        let mut next = from;
        while next < end {
            let limit = places.len() - (next - from) as usize;
            let part = Part { from: next, to: end - 1, forward: true, limit };
            let found = self.query(stream, &part, false).await?;
            for item in found.items {
                let event = read_event(stream, item)?.recorded;
                let version = event.version;
                unseen
                    .extend((next..version).map(|gap| (places[(gap - from) as usize], stream.clone(), gap)));
                events.push((places[(version - from) as usize], event));
                next = version + 1;
            }
            if found.is_end {
                unseen.extend((next..end).map(|gap| (places[(gap - from) as usize], stream.clone(), gap)));
                next = end;
            }
        }
        events.extend(self.fetch_keys(unseen).await?);
        Ok(events)
    }

    async fn fetch_keys(&self, wanted: Vec<Wanted>) -> Result<Vec<(usize, Recorded)>, StoreError> {
        let mut events = Vec::with_capacity(wanted.len());
        let mut missing: HashMap<(String, u64), Wanted> =
            wanted.into_iter().map(|wanted| ((wanted.1.as_str().to_owned(), wanted.2), wanted)).collect();
        let start = Instant::now();
        while !missing.is_empty() {
            let keys: Vec<Item> =
                missing.values().map(|(_, stream, version)| event_key(stream, *version)).collect();
            // A range that is being committed may lack more than a batch takes.
            for batch in keys.chunks(BATCH_KEYS_MAX) {
                for item in self.batch_get(batch.to_vec()).await? {
                    let stream = item.get(STREAM).and_then(|value| value.as_s().ok()).cloned();
                    let (Some(stream), Some(version)) = (stream, read_number(&item, VERSION)) else {
                        continue;
                    };
                    if let Some((place, stream, _)) = missing.remove(&(stream, version)) {
                        events.push((place, read_event(&stream, item)?.recorded));
                    }
                }
            }
            let Some((_, stream, version)) = missing.values().next() else { break };
            if start.elapsed() > COMMIT_MAX {
                return Err(StoreError::Damaged {
                    what: format!("the event {version} of {stream} is missing"),
                });
            }
            tokio::time::sleep(COMMIT_PAUSE).await;
        }
        Ok(events)
    }

    async fn batch_get(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let answer = self
            .client
            .batch_get_item()
            .request_items(&*self.table, wanted.map_err(unbuilt)?)
            .send()
            .await
            .map_err(|error| failed(READING, &error))?;
        Ok(answer.responses.into_iter().flat_map(HashMap::into_values).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

    use super::*;

    fn stream(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    #[test]
    fn events_that_follow_one_another_are_a_range_and_others_are_keys() {
        let of = |name: &str, versions: std::ops::Range<u64>| {
            versions.map(|version| (stream(name), version)).collect::<Vec<_>>()
        };
        // Appends of three streams, one into the other; of `a` two are not wanted.
        let keys = [of("a", 1..6), of("b", 7..10), of("a", 6..10), of("c", 1..3), of("a", 12..14)].concat();
        assert_eq!(
            requests(keys),
            [
                Request::Range { stream: stream("a"), from: 1, places: vec![0, 1, 2, 3, 4, 8, 9, 10, 11] },
                Request::Keys(vec![
                    (14, stream("a"), 12),
                    (15, stream("a"), 13),
                    (5, stream("b"), 7),
                    (6, stream("b"), 8),
                    (7, stream("b"), 9),
                    (12, stream("c"), 1),
                    (13, stream("c"), 2),
                ]),
            ]
        );
        let counts = requests(of("a", 1..301)).into_iter().map(|request| match request {
            Request::Range { places, .. } => places.len(),
            Request::Keys(keys) => keys.len(),
        });
        assert_eq!(counts.collect::<Vec<_>>(), [RANGE_MAX, 44]);
        assert_eq!(requests(Vec::new()), []);
    }
}
