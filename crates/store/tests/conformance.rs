//! What every store keeps to, checked against a model that a reader can hold in mind: a map, and the list of its past states.

#![allow(clippy::unwrap_used, reason = "in a test a failure to unwrap is the failure")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use pontoon_core::store::{Batch, Direction, KeyRange, Space, Store, StoreError, StoreRead};
use pontoon_store::{FaultyStore, StoreConfig};
use proptest::prelude::*;

/// How a test gets at a store, and gets at it again as the next process would.
trait Subject {
    fn open(&mut self) -> Arc<dyn Store>;
    fn reopen(&mut self, store: Arc<dyn Store>) -> Arc<dyn Store>;
}

struct Memory;

impl Subject for Memory {
    fn open(&mut self) -> Arc<dyn Store> {
        pontoon_store::memory()
    }

    /// It forgets everything in a restart, so it goes on.
    fn reopen(&mut self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }
}

struct Faulty;

impl Subject for Faulty {
    fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(FaultyStore::new())
    }

    fn reopen(&mut self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }
}

struct OnDisk {
    dir: tempfile::TempDir,
    open: fn(&StoreConfig) -> Result<Arc<dyn Store>, StoreError>,
    write_buffer_bytes: u64,
}

impl OnDisk {
    fn new(write_buffer_bytes: u64) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), open: pontoon_store::open, write_buffer_bytes }
    }
}

impl Subject for OnDisk {
    fn open(&mut self) -> Arc<dyn Store> {
        let config =
            StoreConfig { write_buffer_bytes: self.write_buffer_bytes, ..StoreConfig::new(self.dir.path()) };
        (self.open)(&config).unwrap()
    }

    fn reopen(&mut self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        drop(store);
        self.open()
    }
}

/// The embedded store: as it comes, so that everything is in its log; and with a checkpoint after every sync, so that everything is in its tree.
/// With the feature `candidates` its rivals too.
fn stores_on_disk() -> Vec<OnDisk> {
    #[allow(unused_mut, reason = "only the feature adds to it")]
    let mut stores = vec![OnDisk::new(8 << 20), OnDisk::new(1)];
    #[cfg(feature = "candidates")]
    {
        use pontoon_store::candidates::{CANDIDATES, open};
        macro_rules! rival {
            ($($number:literal)*) => {
                $(stores.push(OnDisk { open: |config| open(CANDIDATES[$number], config), ..OnDisk::new(1 << 20) });)*
            };
        }
        rival!(0 1 2 3 4 5);
        assert_eq!(stores.len(), 2 + CANDIDATES.len());
    }
    stores
}

/// Runs a check on every store.
fn on_every_store(check: impl Fn(&mut dyn Subject)) {
    check(&mut Memory);
    check(&mut Faulty);
    for mut store in stores_on_disk() {
        check(&mut store);
    }
}

fn batch(writes: &[(Space, &str, Option<&str>)]) -> Batch {
    let mut batch = Batch::new();
    for (space, key, value) in writes {
        match value {
            Some(value) => batch.put(*space, key.as_bytes(), value.as_bytes().to_vec()),
            None => batch.delete(*space, key.as_bytes()),
        }
    }
    batch
}

fn scan(
    store: &dyn StoreRead,
    space: Space,
    range: &KeyRange,
    direction: Direction,
) -> Vec<(Vec<u8>, Bytes)> {
    let mut found = Vec::new();
    store
        .scan(space, range, direction, &mut |key, value| {
            found.push((key.to_vec(), value.clone()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn keys(store: &dyn StoreRead, range: &KeyRange, direction: Direction) -> String {
    let found = scan(store, Space::Queue, range, direction);
    let keys: Vec<_> = found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect();
    keys.join(" ")
}

#[test]
fn a_batch_is_visible_at_once_and_over_all_its_spaces() {
    on_every_store(|subject| {
        let store = subject.open();
        let first =
            store.apply(batch(&[(Space::Queue, "a", Some("1")), (Space::Table, "a", Some("2"))])).unwrap();
        assert_eq!(store.get(Space::Queue, b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(store.get(Space::Table, b"a").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(store.get(Space::Log, b"a").unwrap(), None);
        let second = store.apply(batch(&[(Space::Queue, "a", None)])).unwrap();
        assert!(second > first);
        assert_eq!(store.get(Space::Queue, b"a").unwrap(), None);
        assert!(store.sync().unwrap() >= second);
        assert_eq!(store.get(Space::Queue, b"a").unwrap(), None);
    });
}

#[test]
fn synced_writes_removals_and_empty_values_are_there_after_a_reopen() {
    on_every_store(|subject| {
        let store = subject.open();
        store.apply(batch(&[(Space::Queue, "gone", Some("1")), (Space::Queue, "empty", Some(""))])).unwrap();
        store.sync().unwrap();
        store
            .apply(batch(&[(Space::Queue, "gone", None), (Space::Blob, "big", Some(&"x".repeat(3 << 20)))]))
            .unwrap();
        store.sync().unwrap();
        let store = subject.reopen(store);
        assert_eq!(store.get(Space::Queue, b"gone").unwrap(), None);
        assert_eq!(store.get(Space::Queue, b"empty").unwrap(), Some(Bytes::new()));
        assert_eq!(store.get(Space::Blob, b"big").unwrap().unwrap().len(), 3 << 20);
        assert_eq!(keys(&*store, &KeyRange::all(), Direction::Ascending), "empty");
    });
}

#[test]
fn scans_merge_synced_and_unsynced_writes_in_order() {
    on_every_store(|subject| {
        let store = subject.open();
        store.apply(batch(&[(Space::Queue, "b", Some("old")), (Space::Queue, "d", Some("old"))])).unwrap();
        store.apply(batch(&[(Space::Queue, "f", Some("old")), (Space::Event, "e", Some("other"))])).unwrap();
        store.sync().unwrap();
        store.apply(batch(&[(Space::Queue, "a", Some("new")), (Space::Queue, "d", None)])).unwrap();
        store.apply(batch(&[(Space::Queue, "b", Some("new")), (Space::Queue, "g", Some("new"))])).unwrap();
        assert_eq!(keys(&*store, &KeyRange::all(), Direction::Ascending), "a b f g");
        assert_eq!(keys(&*store, &KeyRange::all(), Direction::Descending), "g f b a");
        assert_eq!(keys(&*store, &KeyRange::between(*b"b", *b"g"), Direction::Ascending), "b f");
        assert_eq!(keys(&*store, &KeyRange::between(*b"b", *b"g"), Direction::Descending), "f b");
        assert_eq!(keys(&*store, &KeyRange::between(*b"g", *b"b"), Direction::Ascending), "");
        assert_eq!(scan(&*store, Space::Queue, &KeyRange::prefix(b"b"), Direction::Ascending)[0].1, "new");
    });
}

#[test]
fn a_scan_stops_where_its_visitor_breaks() {
    on_every_store(|subject| {
        let store = subject.open();
        store.apply(batch(&[(Space::Queue, "b", Some("")), (Space::Queue, "d", Some(""))])).unwrap();
        store.sync().unwrap();
        store.apply(batch(&[(Space::Queue, "a", Some("")), (Space::Queue, "c", Some(""))])).unwrap();
        for stop_after in 1..=4 {
            let mut visited = 0;
            store
                .scan(Space::Queue, &KeyRange::all(), Direction::Ascending, &mut |_, _| {
                    visited += 1;
                    if visited == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .unwrap();
            assert_eq!(visited, stop_after);
        }
    });
}

#[test]
fn a_snapshot_sees_neither_later_batches_nor_their_sync() {
    on_every_store(|subject| {
        let store = subject.open();
        store.apply(batch(&[(Space::Queue, "a", Some("1"))])).unwrap();
        store.sync().unwrap();
        store.apply(batch(&[(Space::Queue, "b", Some("1"))])).unwrap();
        let snapshot = store.snapshot();
        store.apply(batch(&[(Space::Queue, "a", None), (Space::Queue, "c", Some("1"))])).unwrap();
        assert_eq!(keys(&*snapshot, &KeyRange::all(), Direction::Ascending), "a b");
        store.sync().unwrap();
        store.apply(batch(&[(Space::Queue, "b", Some("2"))])).unwrap();
        store.sync().unwrap();
        assert_eq!(keys(&*snapshot, &KeyRange::all(), Direction::Ascending), "a b");
        assert_eq!(snapshot.get(Space::Queue, b"b").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(keys(&*store, &KeyRange::all(), Direction::Ascending), "b c");
    });
}

#[test]
fn clearing_removes_everything_for_good_and_the_store_goes_on() {
    on_every_store(|subject| {
        let store = subject.open();
        for space in Space::ALL {
            store.apply(batch(&[(space, "synced", Some("1"))])).unwrap();
        }
        let synced = store.sync().unwrap();
        store.apply(batch(&[(Space::Queue, "unsynced", Some("1"))])).unwrap();
        store.clear().unwrap();
        let is_empty = |store: &dyn Store| {
            Space::ALL
                .iter()
                .all(|space| scan(store, *space, &KeyRange::all(), Direction::Ascending).is_empty())
        };
        assert!(is_empty(&*store));
        let store = subject.reopen(store);
        assert!(is_empty(&*store));
        store.apply(batch(&[(Space::Queue, "after", Some("1"))])).unwrap();
        assert!(store.sync().unwrap() >= synced || !store.is_volatile());
        let store = subject.reopen(store);
        assert_eq!(keys(&*store, &KeyRange::all(), Direction::Ascending), "after");
    });
}

#[test]
fn snapshots_taken_while_others_write_and_sync_see_whole_batches_in_order() {
    const BATCHES: u64 = 2_000;
    let number =
        |value: Option<Bytes>| value.map(|value| u64::from_be_bytes(value.as_ref().try_into().unwrap()));
    on_every_store(|subject| {
        let store = subject.open();
        let last_seen = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0;
                while seen < BATCHES {
                    let snapshot = store.snapshot();
                    let first = number(snapshot.get(Space::Queue, b"first").unwrap());
                    let second = number(snapshot.get(Space::Table, b"second").unwrap());
                    assert_eq!(first, second, "half a batch");
                    let now = first.unwrap_or(0);
                    assert!(now >= seen, "batch {now} after batch {seen}");
                    assert_eq!(
                        scan(&*snapshot, Space::Log, &KeyRange::all(), Direction::Ascending).len() as u64,
                        now
                    );
                    seen = now;
                }
                seen
            });
            let syncer = scope.spawn(|| while store.sync().unwrap().0 < BATCHES {});
            for number in 1..=BATCHES {
                let mut batch = Batch::new();
                batch.put(Space::Queue, *b"first", number.to_be_bytes().to_vec());
                batch.put(Space::Table, *b"second", number.to_be_bytes().to_vec());
                batch.put(Space::Log, number.to_be_bytes(), vec![0; 100]);
                store.apply(batch).unwrap();
            }
            syncer.join().unwrap();
            reader.join().unwrap()
        });
        assert_eq!(last_seen, BATCHES);
    });
}

fn refusal(dir: &Path) -> String {
    match pontoon_store::open(&StoreConfig::new(dir)) {
        Ok(_) => "opened".to_owned(),
        Err(error) => error.message,
    }
}

#[test]
fn a_directory_that_is_open_or_damaged_is_refused_with_what_to_do() {
    let mut subject = OnDisk::new(1);
    let store = subject.open();
    let dir = subject.dir.path();
    assert!(refusal(dir).contains("is in use by process"), "{}", refusal(dir));
    for number in 0..100 {
        let key = format!("{number}");
        store.apply(batch(&[(Space::Queue, &key, Some(&key))])).unwrap();
        store.sync().unwrap();
    }
    drop(store);
    let tree = dir.join("tree/tree.redb");
    let whole = fs::read(&tree).unwrap();
    for damage in [&whole[..100], &whole[..whole.len() / 2], &[b'x'; 10_000][..]] {
        fs::write(&tree, damage).unwrap();
        assert!(refusal(dir).contains("restore the data directory"), "{}", refusal(dir));
    }
    fs::remove_file(&tree).unwrap();
    assert!(refusal(dir).contains("restore the data directory"), "{}", refusal(dir));
    assert!(!tree.exists(), "a refused directory is left as it is");
    fs::write(&tree, &whole).unwrap();
    assert_eq!(refusal(dir), "opened");
    for missing in ["log", "tree"] {
        fs::rename(dir.join(missing), dir.join("away")).unwrap();
        assert!(refusal(dir).contains(&format!("{missing} is missing")), "{}", refusal(dir));
        fs::rename(dir.join("away"), dir.join(missing)).unwrap();
    }
    assert_eq!(refusal(dir), "opened");
}

#[test]
fn after_a_failed_write_the_store_refuses_every_other_and_what_was_synced_is_there_after_a_reopen() {
    let mut subject = OnDisk::new(1);
    let store = subject.open();
    store.apply(batch(&[(Space::Queue, "synced", Some("1"))])).unwrap();
    store.sync().unwrap();
    let log = subject.dir.path().join("log");
    fs::rename(&log, log.with_extension("away")).unwrap();
    let failure = (0..100).find_map(|_| {
        let applied = store.apply(batch(&[(Space::Queue, "lost", Some("1"))]));
        applied.and_then(|_| store.sync()).err()
    });
    assert!(failure.unwrap().message.contains("No such file"));
    for refused in
        [store.apply(Batch::new()).unwrap_err(), store.sync().unwrap_err(), store.clear().unwrap_err()]
    {
        assert!(refused.message.contains("the store has failed and takes no more writes"), "{refused}");
    }
    assert!(store.get(Space::Queue, b"synced").unwrap().is_some());
    drop(store);
    fs::rename(log.with_extension("away"), &log).unwrap();
    assert!(subject.open().get(Space::Queue, b"synced").unwrap().is_some());
}

/// What a random history does.
#[derive(Debug, Clone)]
enum Action {
    Apply(Vec<(Space, Vec<u8>, Option<Vec<u8>>)>),
    Sync,
    Snapshot,
    Scan(Space, KeyRange, Direction),
    Reopen,
    Clear,
}

fn spaces() -> impl Strategy<Value = Space> {
    prop::sample::select(vec![Space::Queue, Space::Table, Space::Log])
}

/// Short keys over few letters, so that histories meet the same key again; with the bytes at both ends.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'a', b'b', 0xff]), 1..4)
}

fn bounds() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        any_key().prop_map(Bound::Included),
        any_key().prop_map(Bound::Excluded),
        Just(Bound::Unbounded)
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let write = (spaces(), any_key(), prop::option::of(prop::collection::vec(any::<u8>(), 0..20)));
    let range = prop_oneof![
        (bounds(), bounds()).prop_map(|(start, end)| KeyRange { start, end }),
        any_key().prop_map(|key| KeyRange::prefix(&key)),
    ];
    let direction = prop::sample::select(vec![Direction::Ascending, Direction::Descending]);
    prop_oneof![
        10 => prop::collection::vec(write, 0..6).prop_map(Action::Apply),
        3 => Just(Action::Sync),
        2 => Just(Action::Snapshot),
        8 => (spaces(), range, direction).prop_map(|(s, r, d)| Action::Scan(s, r, d)),
        1 => Just(Action::Reopen),
        1 => Just(Action::Clear),
    ]
}

type Model = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

fn model_scan(model: &Model, space: Space, range: &KeyRange, direction: Direction) -> Vec<(Vec<u8>, Bytes)> {
    let starts_before = |key: &[u8]| match &range.start {
        Bound::Included(start) => start.as_slice() <= key,
        Bound::Excluded(start) => start.as_slice() < key,
        Bound::Unbounded => true,
    };
    let mut found: Vec<_> = model
        .iter()
        .filter(|((s, key), _)| *s == space && starts_before(key) && range.ends_after(key))
        .map(|((_, key), value)| (key.clone(), Bytes::from(value.clone())))
        .collect();
    if direction == Direction::Descending {
        found.reverse();
    }
    found
}

fn assert_same(store: &dyn StoreRead, model: &Model) {
    for space in [Space::Queue, Space::Table, Space::Log] {
        let expected = model_scan(model, space, &KeyRange::all(), Direction::Ascending);
        assert_eq!(scan(store, space, &KeyRange::all(), Direction::Ascending), expected);
        for (key, value) in expected {
            assert_eq!(store.get(space, &key).unwrap(), Some(value));
        }
    }
}

fn follows_the_model(subject: &mut dyn Subject, history: &[Action]) {
    let mut store = subject.open();
    let mut model = Model::new();
    let mut snapshots = Vec::new();
    for action in history {
        match action {
            Action::Apply(writes) => {
                let mut batch = Batch::new();
                for (space, key, value) in writes {
                    if let Some(value) = value {
                        batch.put(*space, key.clone(), value.clone());
                        model.insert((*space, key.clone()), value.clone());
                    } else {
                        batch.delete(*space, key.clone());
                        model.remove(&(*space, key.clone()));
                    }
                }
                store.apply(batch).unwrap();
            }
            Action::Sync => drop(store.sync().unwrap()),
            Action::Snapshot => snapshots.push((store.snapshot(), model.clone())),
            Action::Scan(space, range, direction) => assert_eq!(
                scan(&*store, *space, range, *direction),
                model_scan(&model, *space, range, *direction)
            ),
            Action::Reopen => {
                snapshots.clear();
                store.sync().unwrap();
                store = subject.reopen(store);
            }
            Action::Clear => {
                snapshots.clear();
                store.clear().unwrap();
                model.clear();
            }
        }
    }
    assert_same(&*store, &model);
    for (snapshot, model) in &snapshots {
        assert_same(&**snapshot, model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_stores_in_memory_follow_the_model(history in prop::collection::vec(actions(), 0..60)) {
        follows_the_model(&mut Memory, &history);
        follows_the_model(&mut Faulty, &history);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn the_stores_on_disk_follow_the_model(history in prop::collection::vec(actions(), 0..60)) {
        for mut store in stores_on_disk() {
            follows_the_model(&mut store, &history);
        }
    }
}
