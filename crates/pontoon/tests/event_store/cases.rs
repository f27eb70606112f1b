//! What every event store does.

use std::collections::HashSet;
use std::time::Duration;

use pontoon::event_store::{
    APPEND_BYTES_MAX, Checkpoint, CheckpointError, CheckpointStore, Direction, EVENT_BYTES_MAX,
    EVENTS_PER_APPEND_MAX, EventStore, Expected, Filter, Position, Recorded, Snapshot, SnapshotStore,
    StoreError, StreamId,
};
use pontoon::{Envelope, RawPayload};
use tokio::task::JoinSet;

use super::{AccountEvent, deposit, encoded};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn stream(name: &str) -> StreamId {
    StreamId::new(name).unwrap()
}

fn deposits(amounts: std::ops::Range<u64>) -> Vec<Envelope<RawPayload>> {
    amounts.map(deposit).collect()
}

fn amounts(events: &[Recorded]) -> Vec<u64> {
    let amount = |event: &Recorded| match event.decode::<AccountEvent>().unwrap().payload {
        AccountEvent::Deposited { amount } => amount,
        other => panic!("{other:?}"),
    };
    events.iter().map(amount).collect()
}

/// All events, read `limit` at a time.
async fn read_all(store: &impl EventStore, filter: &Filter, limit: usize) -> Vec<Recorded> {
    let mut events = Vec::new();
    let mut position = Position::START;
    loop {
        let page = store.read_all(position, filter, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        assert!(page.next >= position);
        position = page.next;
        events.extend(page.events);
        if page.is_end {
            return events;
        }
    }
}

pub async fn events_come_back_as_they_were_appended(store: impl EventStore) {
    let account = stream("account-1");
    let mut opened = encoded(AccountEvent::Opened { owner: "Zoë \u{1F6A2}\n\"quoted\"".into() });
    opened.correlation_id = "request-7".into();
    opened.causation_id = Some("cause".into());
    opened.tenant = Some("acme".into());
    let odd: RawPayload =
        serde_json::from_str(r#"{ "amount": 100000000000000000000.500, "b":1, "a": 2 }"#).unwrap();
    let deposited = Envelope { payload: odd, ..deposit(1) };
    store.append(&account, Expected::NoStream, vec![opened.clone(), deposited.clone()]).await.unwrap();

    let stored = store.read(&account, 1, Direction::Forward, 10).await.unwrap();
    let all = read_all(&store, &Filter::all(), 10).await;
    for events in [&stored, &all] {
        assert_eq!(events.len(), 2);
        assert_eq!((&*events[0].event, &*events[1].event), (&opened, &deposited));
        assert!(events.iter().all(|event| event.stream == account));
    }
}

pub async fn versions_and_positions_grow(store: impl EventStore) {
    let (one, two) = (stream("account-1"), stream("account-2"));
    let first = store.append(&one, Expected::Any, deposits(0..3)).await.unwrap();
    let second = store.append(&two, Expected::Any, deposits(0..1)).await.unwrap();
    let third = store.append(&one, Expected::Any, deposits(3..5)).await.unwrap();
    assert_eq!((first.version, second.version, third.version), (3, 1, 5));
    assert!(first.position < second.position && second.position < third.position);

    let events = store.read(&one, 1, Direction::Forward, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(events.is_sorted_by(|before, after| before.position < after.position));
    assert_eq!((events[2].position, events[4].position), (first.position, third.position));
    assert!(u64::from(third.position) < 1 << 53);
}

pub async fn an_append_expects_what_it_says(store: impl EventStore) {
    let (empty, full) = (stream("account-1"), stream("account-2"));
    store.append(&full, Expected::NoStream, deposits(0..2)).await.unwrap();
    let table = [
        (Expected::StreamExists, &empty, false),
        (Expected::Exact(1), &empty, false),
        (Expected::Exact(u64::MAX), &empty, false),
        (Expected::NoStream, &full, false),
        (Expected::Exact(0), &full, false),
        (Expected::Exact(1), &full, false),
        (Expected::Exact(3), &full, false),
        (Expected::Exact(2), &full, true),
        (Expected::StreamExists, &full, true),
        (Expected::Any, &full, true),
        (Expected::Exact(0), &empty, true),
    ];
    for (expected, stream, succeeds) in table {
        let result = store.append(stream, expected, vec![deposit(1)]).await;
        match result {
            Ok(_) => assert!(succeeds, "{expected} on {stream}"),
            Err(StoreError::Conflict { .. }) => assert!(!succeeds, "{expected} on {stream}"),
            Err(other) => panic!("{expected} on {stream}: {other}"),
        }
    }
    assert_eq!(store.read_last(&full).await.unwrap().unwrap().version, 5);
    assert_eq!(store.read_last(&empty).await.unwrap().unwrap().version, 1);
    assert_eq!(read_all(&store, &Filter::all(), 100).await.len(), 6);
}

pub async fn a_conflict_tells_the_actual_version(store: impl EventStore) {
    let account = stream("account-1");
    store.append(&account, Expected::Any, deposits(0..4)).await.unwrap();
    for wrong in [Expected::NoStream, Expected::Exact(2), Expected::Exact(9)] {
        match store.append(&account, wrong, vec![deposit(1)]).await {
            Err(StoreError::Conflict { stream, expected, actual }) => {
                assert_eq!((stream, expected, actual), (account.clone(), wrong, 4));
            }
            other => panic!("{other:?}"),
        }
    }
    match store.append(&stream("account-2"), Expected::StreamExists, vec![deposit(1)]).await {
        Err(StoreError::Conflict { actual, .. }) => assert_eq!(actual, 0),
        other => panic!("{other:?}"),
    }
}

pub async fn a_repeated_append_with_an_exact_version_appends_nothing_again(store: impl EventStore) {
    let account = stream("account-1");
    let (opening, more) = (deposits(0..2), deposits(2..4));
    let opened = store.append(&account, Expected::NoStream, opening.clone()).await.unwrap();
    let added = store.append(&account, Expected::Exact(2), more.clone()).await.unwrap();
    store.append(&account, Expected::Exact(4), vec![deposit(9)]).await.unwrap();

    assert_eq!(store.append(&account, Expected::NoStream, opening.clone()).await.unwrap(), opened);
    assert_eq!(store.append(&account, Expected::Exact(2), more.clone()).await.unwrap(), added);
    // Other events, or the same at another version, are no repetition.
    let mixed = vec![more[0].clone(), deposit(3)];
    let longer = [more.clone(), deposits(5..7)].concat();
    for (expected, events) in [(2, mixed), (2, longer), (3, more), (0, opening[1..].to_vec())] {
        let result = store.append(&account, Expected::Exact(expected), events).await;
        assert!(matches!(result, Err(StoreError::Conflict { actual: 5, .. })), "{result:?}");
    }
    assert_eq!(read_all(&store, &Filter::all(), 100).await.len(), 5);
}

pub async fn a_repeated_append_without_one_appends_again(store: impl EventStore) {
    let account = stream("account-1");
    let events = vec![deposit(1)];
    for _ in 0..2 {
        store.append(&account, Expected::Any, events.clone()).await.unwrap();
    }
    assert_eq!(store.read_last(&account).await.unwrap().unwrap().version, 2);
}

pub async fn an_append_takes_as_many_events_as_a_transaction_and_no_more(store: impl EventStore) {
    let account = stream("account-1");
    let most = EVENTS_PER_APPEND_MAX as u64;
    store.append(&account, Expected::Any, deposits(0..most)).await.unwrap();
    store.append(&account, Expected::Exact(most), deposits(most..2 * most)).await.unwrap();
    match store.append(&account, Expected::Any, deposits(0..most + 1)).await {
        Err(StoreError::TooManyEvents { count, max }) => assert_eq!((count, max), (99, 98)),
        other => panic!("{other:?}"),
    }
    let none = store.append(&account, Expected::Any, Vec::new()).await;
    assert!(matches!(none, Err(StoreError::NothingToAppend)));
    let all = read_all(&store, &Filter::all(), 1000).await;
    assert_eq!(amounts(&all), (0..2 * most).collect::<Vec<_>>());
}

pub async fn what_is_too_large_is_refused_whole(store: impl EventStore) {
    let account = stream(&"a".repeat(1024));
    // The longest event that fits: its owner's name fills what the rest leaves.
    let empty = serde_json::to_string(&encoded(AccountEvent::Opened { owner: String::new() })).unwrap();
    let room = EVENT_BYTES_MAX - empty.len();
    let of_size = |bytes: usize| encoded(AccountEvent::Opened { owner: "x".repeat(bytes) });
    let large = store.append(&account, Expected::Any, vec![deposit(1), of_size(room + 1)]).await;
    assert!(
        matches!(large, Err(StoreError::TooLarge { bytes, max, .. }) if (bytes, max) == (room + 1 + empty.len(), EVENT_BYTES_MAX))
    );
    let many = (0..11).map(|_| of_size(room)).collect();
    assert!(matches!(store.append(&account, Expected::Any, many).await, Err(StoreError::TooLarge { .. })));
    for event_type in [String::new(), "t".repeat(513)] {
        let strange = Envelope { event_type: event_type.into(), ..deposit(1) };
        let refused = store.append(&account, Expected::Any, vec![strange]).await;
        assert!(matches!(refused, Err(StoreError::InvalidEvent { .. })));
    }
    assert!(store.read_last(&account).await.unwrap().is_none());

    // The most that fits into one append, in as many events as possible and in as few.
    for count in [EVENTS_PER_APPEND_MAX, 10] {
        let bytes = APPEND_BYTES_MAX / count - empty.len();
        let largest: Vec<_> = (0..count).map(|_| of_size(bytes)).collect();
        let before = store.read_last(&account).await.unwrap().map_or(0, |last| last.version);
        store.append(&account, Expected::Exact(before), largest.clone()).await.unwrap();
        let stored = store.read(&account, before + 1, Direction::Forward, 100).await.unwrap();
        assert!(stored.iter().map(|event| &*event.event).eq(&largest));
        let all = read_all(&store, &Filter::all(), 100).await;
        assert!(all.iter().skip(all.len() - count).map(|event| &*event.event).eq(&largest));
    }
}

pub async fn names_of_streams_have_their_limits(store: impl EventStore) {
    for wrong in [String::new(), "$log/0".into(), "é".repeat(513)] {
        assert!(matches!(StreamId::new(wrong), Err(StoreError::InvalidStream { .. })));
    }
    for right in ["é".repeat(512), "a/b#c d".into(), "\u{1F6A2}".into()] {
        let right = stream(&right);
        store.append(&right, Expected::NoStream, vec![deposit(1)]).await.unwrap();
        assert_eq!(store.read_last(&right).await.unwrap().unwrap().stream, right);
    }
}

pub async fn a_stream_is_read_both_ways_in_parts(store: impl EventStore) {
    let account = stream("account-1");
    for part in [0..4, 4..5, 5..10] {
        store.append(&account, Expected::Any, deposits(part)).await.unwrap();
    }
    store.append(&stream("account-2"), Expected::Any, deposits(90..95)).await.unwrap();
    let table: [(u64, Direction, usize, Vec<u64>); 10] = [
        (1, Direction::Forward, 3, vec![0, 1, 2]),
        (0, Direction::Forward, 1, vec![0]),
        (4, Direction::Forward, 100, (3..10).collect()),
        (10, Direction::Forward, 5, vec![9]),
        (11, Direction::Forward, 5, vec![]),
        (u64::MAX, Direction::Forward, 5, vec![]),
        (u64::MAX, Direction::Backward, 2, vec![9, 8]),
        (7, Direction::Backward, usize::MAX, (0..7).rev().collect()),
        (0, Direction::Backward, 5, vec![]),
        (1, Direction::Forward, 0, vec![]),
    ];
    for (from, direction, limit, expected) in table {
        let events = store.read(&account, from, direction, limit).await.unwrap();
        assert_eq!(amounts(&events), expected, "{direction:?} from {from}, {limit}");
    }
    let none = store.read(&stream("account-3"), u64::MAX, Direction::Backward, 5).await.unwrap();
    assert!(none.is_empty());
}

pub async fn a_stream_of_more_than_one_page_is_read_whole(store: impl EventStore) {
    let account = stream("account-1");
    // A query's page has one megabyte.
    for _ in 0..6 {
        let events = (0..5).map(|_| encoded(AccountEvent::Opened { owner: "x".repeat(100_000) })).collect();
        store.append(&account, Expected::Any, events).await.unwrap();
    }
    let versions = |events: Vec<Recorded>| events.iter().map(|event| event.version).collect::<Vec<_>>();
    let forward = store.read(&account, 1, Direction::Forward, usize::MAX).await.unwrap();
    assert_eq!(versions(forward), (1..=30).collect::<Vec<_>>());
    let backward = store.read(&account, u64::MAX, Direction::Backward, 29).await.unwrap();
    assert_eq!(versions(backward), (2..=30).rev().collect::<Vec<_>>());
    assert_eq!(read_all(&store, &Filter::all(), 1000).await.len(), 30);
}

pub async fn all_events_are_read_in_parts_of_any_size(store: impl EventStore) {
    let mut expected = Vec::new();
    for turn in 0..30_u64 {
        let account = stream(&format!("account-{}", turn % 4));
        let part = turn * 10..turn * 10 + 1 + turn % 5;
        expected.extend(part.clone());
        store.append(&account, Expected::Any, deposits(part)).await.unwrap();
    }
    for limit in [1, 2, 3, 7, 1000, usize::MAX] {
        assert_eq!(amounts(&read_all(&store, &Filter::all(), limit).await), expected, "{limit} at a time");
    }
    // From the position of any event, what follows it.
    let all = read_all(&store, &Filter::all(), 1000).await;
    for (index, event) in all.iter().enumerate() {
        let page = store.read_all(event.position, &Filter::all(), 2).await.unwrap();
        let following: Vec<u64> = expected[index + 1..].iter().copied().take(2).collect();
        assert_eq!(amounts(&page.events), following);
    }
}

pub async fn a_filter_selects_by_type_and_stream(store: impl EventStore) {
    for (name, owner) in [("account-1", "Ada"), ("account-2", "Bob"), ("vault-1", "Eve")] {
        let opened = encoded(AccountEvent::Opened { owner: owner.into() });
        let events = vec![opened, deposit(1), deposit(2), encoded(AccountEvent::Closed {})];
        store.append(&stream(name), Expected::NoStream, events).await.unwrap();
    }
    let deposited = || Filter::all().types(["AccountDeposited"]);
    let table = [
        (Filter::all(), 12),
        (deposited(), 6),
        (deposited().stream_prefix("account-"), 4),
        (Filter::all().stream_prefix("vault"), 4),
        (Filter::events::<AccountEvent>().stream_prefix("account-2"), 4),
        (Filter::all().types(["AccountOpened", "AccountClosed"]), 6),
        (Filter::all().types(["Deposited"]), 0),
        (Filter::all().types(Vec::<String>::new()), 0),
    ];
    for (filter, count) in table {
        for limit in [1, 3, 100] {
            assert_eq!(read_all(&store, &filter, limit).await.len(), count, "{filter:?}, {limit} at a time");
        }
    }
}

pub async fn a_filter_that_leaves_nothing_reaches_the_end(store: impl EventStore) {
    for amount in 0..20 {
        store.append(&stream("account-1"), Expected::Any, vec![deposit(amount)]).await.unwrap();
    }
    let filter = Filter::all().stream_prefix("vault");
    let mut news = store.subscribe(Position::START, filter);
    assert!(tokio::time::timeout(Duration::from_millis(200), news.next()).await.is_err());
    let behind = store.read_all(news.position(), &Filter::all(), 100).await.unwrap();
    assert!(behind.events.is_empty() && behind.is_end);
    store.append(&stream("vault-1"), Expected::Any, vec![deposit(7)]).await.unwrap();
    let event = tokio::time::timeout(PATIENCE, news.next()).await.unwrap().unwrap();
    assert_eq!(amounts(&[event]), [7]);
}

pub async fn a_subscription_gives_old_and_new_events(store: impl EventStore) {
    let account = stream("account-1");
    store.append(&account, Expected::Any, deposits(0..3)).await.unwrap();
    let mut news = store.subscribe(Position::START, Filter::all());
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 10 {
            seen.push(news.next().await.unwrap());
        }
        (seen, news.position())
    });
    for amount in 3..10 {
        tokio::task::yield_now().await;
        store.append(&account, Expected::Any, vec![deposit(amount)]).await.unwrap();
    }
    let (seen, position) = tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap();
    assert_eq!(amounts(&seen), (0..10).collect::<Vec<_>>());
    assert_eq!(position, seen[9].position);
}

pub async fn a_dropped_wait_loses_nothing(store: impl EventStore) {
    let account = stream("account-1");
    let mut news = store.subscribe(Position::START, Filter::all());
    let mut seen = Vec::new();
    for amount in 0..15 {
        // The wait is dropped at some point, with or without an event on its way.
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(amount % 4), news.next()).await {
            seen.push(event.unwrap());
        }
        store.append(&account, Expected::Any, vec![deposit(amount)]).await.unwrap();
    }
    while seen.len() < 15 {
        seen.push(tokio::time::timeout(PATIENCE, news.next()).await.unwrap().unwrap());
    }
    assert_eq!(amounts(&seen), (0..15).collect::<Vec<_>>());
}

pub async fn a_reader_of_an_empty_store_is_at_the_end(store: impl EventStore) {
    let page = store.read_all(Position::START, &Filter::all(), 10).await.unwrap();
    assert!(page.events.is_empty() && page.is_end);
    assert_eq!(page.next, Position::START);
    // A position beyond the end, of another store say, is the end too.
    let page = store.read_all(Position::from(1 << 40), &Filter::all(), 10).await.unwrap();
    assert!(page.events.is_empty() && page.is_end);
    assert_eq!(page.next, Position::from(1 << 40));
}

pub async fn concurrent_appends_at_one_version_have_one_winner(store: impl EventStore) {
    let account = stream("account-1");
    let mut writers = JoinSet::new();
    for amount in 0..8 {
        let (store, account) = (store.clone(), account.clone());
        writers.spawn(async move { store.append(&account, Expected::NoStream, vec![deposit(amount)]).await });
    }
    let results = writers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(
        results
            .iter()
            .flat_map(|result| result.as_ref().err())
            .all(|error| matches!(error, StoreError::Conflict { actual: 1, .. }))
    );
    assert_eq!(read_all(&store, &Filter::all(), 100).await.len(), 1);
}

pub async fn concurrent_appends_at_any_version_all_succeed(store: impl EventStore) {
    let account = stream("account-1");
    let mut writers = JoinSet::new();
    for amount in 0..8 {
        let (store, account) = (store.clone(), account.clone());
        writers.spawn(async move { store.append(&account, Expected::Any, vec![deposit(amount)]).await });
    }
    let versions: HashSet<u64> =
        writers.join_all().await.into_iter().map(|result| result.unwrap().version).collect();
    assert_eq!(versions, (1..=8).collect());
    let events = store.read(&account, 1, Direction::Forward, 100).await.unwrap();
    let all = read_all(&store, &Filter::all(), 100).await;
    assert_eq!(amounts(&events), amounts(&all));
}

pub async fn snapshots_are_replaced_by_better_ones_only(store: impl SnapshotStore) {
    let account = stream("account-1");
    let state = |text: &str| serde_json::value::to_raw_value(text).unwrap();
    assert!(store.load_snapshot(&account).await.unwrap().is_none());
    // Each of them, and which one is kept afterwards.
    let table =
        [((10, 1), (10, 1)), ((9, 1), (10, 1)), ((20, 1), (20, 1)), ((15, 2), (15, 2)), ((30, 1), (15, 2))];
    for ((version, schema), kept) in table {
        let snapshot = Snapshot { version, schema, state: state(&format!("{version} {schema}")) };
        store.save_snapshot(&account, snapshot).await.unwrap();
        let present = store.load_snapshot(&account).await.unwrap().unwrap();
        assert_eq!((present.version, present.schema), kept);
        assert_eq!(present.state.get(), format!("\"{} {}\"", kept.0, kept.1));
    }
    let huge = Snapshot { version: 99, schema: 9, state: state(&"x".repeat(400_000)) };
    let refused = store.save_snapshot(&account, huge).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { bytes: 400_002, max: 399_360, .. })));
    store.delete_snapshot(&account).await.unwrap();
    store.delete_snapshot(&account).await.unwrap();
    assert!(store.load_snapshot(&account).await.unwrap().is_none());
}

pub async fn checkpoints_move_only_from_where_they_are_known(store: impl CheckpointStore) {
    let (one, two) = (Checkpoint::at(Position::from(129)), Checkpoint::at(Position::from(257)));
    let resetting = Checkpoint { is_resetting: true, ..one };
    let moved = |result| assert!(matches!(result, Err(CheckpointError::Moved { .. })), "{result:?}");
    assert_eq!(store.load_checkpoint("orders").await.unwrap(), None);
    moved(store.save_checkpoint("orders", Some(one), two).await);
    store.save_checkpoint("orders", None, one).await.unwrap();
    moved(store.save_checkpoint("orders", None, two).await);
    moved(store.save_checkpoint("orders", Some(resetting), two).await);
    store.save_checkpoint("orders", Some(one), two).await.unwrap();
    moved(store.save_checkpoint("orders", Some(one), one).await);
    store.save_checkpoint("orders", Some(two), resetting).await.unwrap();
    assert_eq!(store.load_checkpoint("orders").await.unwrap(), Some(resetting));
    moved(store.save_checkpoint("orders", Some(one), two).await);
    store.save_checkpoint("orders", Some(resetting), one).await.unwrap();
    assert_eq!(store.load_checkpoint("orders").await.unwrap(), Some(one));
    assert_eq!(store.load_checkpoint("others").await.unwrap(), None);
}
