//! Commands on aggregates.

use pontoon::aggregate::{Aggregate, CommandError, Repository};
use pontoon::event_store::{
    EventStore, Expected, MemoryEventStore, Snapshot, SnapshotStore, StoreError, StreamId,
};
use pontoon::{Cause, Envelope, RawPayload};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::faulty::{Fault, FaultyStore};
use super::server::Server;
use super::{AccountEvent, deposit, encoded};

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    balance: u64,
    is_closed: bool,
}

enum Command {
    Deposit(u64),
    Close,
}

#[derive(Debug, PartialEq, Eq)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the account is closed")
    }
}

impl Aggregate for Account {
    const KIND: &'static str = "account";
    type Event = AccountEvent;
    type Command = Command;
    type Error = Closed;

    fn decide(&self, command: &Command) -> Result<Vec<AccountEvent>, Closed> {
        match command {
            Command::Close if self.is_closed => Ok(Vec::new()),
            _ if self.is_closed => Err(Closed),
            Command::Deposit(amount) => Ok(vec![AccountEvent::Deposited { amount: *amount }]),
            Command::Close => Ok(vec![AccountEvent::Closed {}]),
        }
    }

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => {}
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Closed {} => self.is_closed = true,
        }
    }
}

#[tokio::test]
async fn a_command_appends_what_the_aggregate_decides() {
    let store = MemoryEventStore::new();
    let accounts = Repository::<Account, _>::new(store.clone());
    let done = accounts.execute("1", &Command::Deposit(5)).await.unwrap();
    assert_eq!((done.state.balance, done.events.len(), done.appended.unwrap().version), (5, 1, 1));
    let stored = store.read_last(&StreamId::new("account-1").unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.decode::<AccountEvent>().unwrap(), done.events[0]);

    accounts.execute("1", &Command::Close).await.unwrap();
    let refused = accounts.execute("1", &Command::Deposit(5)).await.unwrap_err();
    assert!(matches!(refused, CommandError::Refused(Closed)));
    let nothing = accounts.execute("1", &Command::Close).await.unwrap();
    assert!(nothing.appended.is_none() && nothing.events.is_empty() && nothing.state.is_closed);
    let loaded = accounts.load("1").await.unwrap();
    assert_eq!((loaded.version, loaded.state), (2, Account { balance: 5, is_closed: true }));
    assert_eq!(accounts.load("2").await.unwrap().version, 0);
}

#[tokio::test]
async fn events_of_a_command_carry_the_cause_in_whose_scope_it_is_done() {
    let accounts = Repository::<Account, _>::new(MemoryEventStore::new());
    let deposit = Command::Deposit(5);
    let done = Cause::new("request-7").scope(accounts.execute("1", &deposit)).await.unwrap();
    assert_eq!(done.events[0].correlation_id, "request-7");
}

#[tokio::test]
async fn a_conflict_lets_the_aggregate_decide_again_on_what_has_happened() {
    let store = FaultyStore::new([Fault::Rival, Fault::Rival]);
    let accounts = Repository::<Account, _>::new(store.clone());
    let done = accounts.execute("1", &Command::Deposit(100)).await.unwrap();
    // Each rival deposited 1.
    assert_eq!((done.state.balance, done.appended.unwrap().version), (102, 3));

    let store = FaultyStore::new([Fault::Rival; 3]);
    let accounts = Repository::<Account, _>::new(store.clone()).tries(3);
    match accounts.execute("1", &Command::Deposit(100)).await {
        Err(CommandError::Conflict { stream, tries }) => {
            assert_eq!((stream.as_str(), tries), ("account-1", 3))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(accounts.load("1").await.unwrap().state.balance, 3);
}

#[tokio::test]
async fn a_lost_reply_or_request_is_repeated_and_nothing_happens_twice() {
    for fault in [Fault::LostReply, Fault::LostRequest] {
        let accounts = Repository::<Account, _>::new(FaultyStore::new([fault]));
        let done = accounts.execute("1", &Command::Deposit(5)).await.unwrap();
        assert_eq!(done.appended.unwrap().version, 1);
        assert_eq!(accounts.load("1").await.unwrap().state.balance, 5);
    }
    let accounts = Repository::<Account, _>::new(FaultyStore::new([Fault::LostRequest; 2]));
    let lost = accounts.execute("1", &Command::Deposit(5)).await.unwrap_err();
    assert!(matches!(lost, CommandError::Store(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn an_event_that_is_none_of_the_aggregates_is_named() {
    let store = MemoryEventStore::new();
    let stream = StreamId::new("account-1").unwrap();
    let strange: Envelope<RawPayload> = Envelope { event_type: "OrderCreated".into(), ..deposit(1) };
    store.append(&stream, Expected::Any, vec![deposit(1), strange]).await.unwrap();
    match Repository::<Account, _>::new(store).load("1").await {
        Err(CommandError::Decode { stream: named, version, .. }) => assert_eq!((named, version), (stream, 2)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_snapshot_spares_reading_what_is_in_it() {
    let store = FaultyStore::new([]);
    let accounts = Repository::<Account, _>::new(store.clone()).snapshots(10, 1);
    for _ in 0..25 {
        accounts.execute("1", &Command::Deposit(1)).await.unwrap();
    }
    let stream = accounts.stream("1").unwrap();
    assert_eq!(store.load_snapshot(&stream).await.unwrap().unwrap().version, 20);
    *store.read.lock().unwrap() = 0;
    let loaded = accounts.load("1").await.unwrap();
    assert_eq!((loaded.version, loaded.state.balance, *store.read.lock().unwrap()), (25, 25, 5));

    // One of another form, and one that cannot be read, are as if there were none.
    let other_form = Repository::<Account, _>::new(store.clone()).snapshots(10, 2);
    assert_eq!(other_form.load("1").await.unwrap().state.balance, 25);
    let state = serde_json::value::to_raw_value("nonsense").unwrap();
    store.save_snapshot(&stream, Snapshot { version: 22, schema: 1, state }).await.unwrap();
    assert_eq!(accounts.load("1").await.unwrap().state.balance, 25);
}

#[tokio::test]
async fn an_old_stream_of_many_pages_is_loaded_whole() {
    let store = MemoryEventStore::new();
    let stream = StreamId::new("account-1").unwrap();
    for _ in 0..30 {
        let events = (0..98).map(|_| encoded(AccountEvent::Deposited { amount: 1 })).collect();
        store.append(&stream, Expected::Any, events).await.unwrap();
    }
    let loaded = Repository::<Account, _>::new(store).load("1").await.unwrap();
    assert_eq!((loaded.version, loaded.state.balance), (2940, 2940));
}

#[tokio::test]
async fn concurrent_commands_on_one_aggregate_are_all_done_once() {
    let server = Server::start().await;
    let accounts =
        std::sync::Arc::new(Repository::<Account, _>::new(server.store().await).tries(50).snapshots(7, 1));
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let accounts = std::sync::Arc::clone(&accounts);
        tasks.spawn(async move {
            for _ in 0..5 {
                accounts.execute("1", &Command::Deposit(1)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let loaded = accounts.load("1").await.unwrap();
    assert_eq!((loaded.version, loaded.state.balance), (30, 30));
    server.stop().await;
}
