//! What SNS persists, and how it is read at start.
//!
//! - [`Space::Config`] `sns\0t` + scope + topic name: the topic ([`TopicRecord`], JSON).
//! - [`Space::Config`] `sns\0s` + scope + `TOPIC:ID`: a subscription ([`SubscriptionRecord`], JSON).
//! - [`Space::Config`] `sns\0k`: the key that messages are signed with ([`KeyRecord`], JSON).
//! - [`Space::Outbox`]: deliveries that have not settled (see `pontoon_core::delivery`).

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use pontoon_core::{Direction, KeyRange, LoadError, Scope, Space, StoreRead};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::state::attributes::Attributes;
use crate::state::signing::KeyRecord;
use crate::state::subscription::SubscriptionRecord;

/// A topic without its subscriptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRecord {
    /// Which topic of its name: a later one is another.
    pub number: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// How many of its subscriptions have been ended.
    pub subscriptions_deleted: u64,
    /// The number that its next subscription gets.
    pub next_subscription: u64,
}

const PREFIX: &[u8] = b"sns\0";

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.push(kind);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(name.as_bytes());
    key
}

/// Key of a topic.
#[must_use]
pub fn topic_key(scope: Scope, name: &str) -> Vec<u8> {
    config_key(b't', scope, name)
}

/// Key of a subscription.
#[must_use]
pub fn subscription_key(scope: Scope, resource: &str) -> Vec<u8> {
    config_key(b's', scope, resource)
}

/// Key of the signing key.
#[must_use]
pub fn signing_key() -> Vec<u8> {
    [PREFIX, b"k"].concat()
}

/// A plain record as JSON.
#[must_use]
pub fn to_json(record: &impl Serialize) -> Vec<u8> {
    let bytes = serde_json::to_vec(record);
    assert!(bytes.is_ok(), "records are plain data, which always has a JSON form: {:?}", bytes.err());
    bytes.unwrap_or_default()
}

/// What the store holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Topics by name.
    pub topics: Vec<(Scope, String, TopicRecord)>,
    /// Subscriptions by resource.
    pub subscriptions: Vec<(Scope, String, SubscriptionRecord)>,
    /// The signing key.
    pub key: Option<KeyRecord>,
}

/// Reads everything.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    let mut failed = None;
    store.scan(
        Space::Config,
        &KeyRange::prefix(PREFIX),
        Direction::Ascending,
        &mut |key, value| match take(&mut loaded, &key[PREFIX.len()..], value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                failed = Some(LoadError::new(format!("a record of SNS cannot be read: {why}")));
                ControlFlow::Break(())
            }
        },
    )?;
    failed.map_or(Ok(loaded), Err)
}

fn take(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    fn read<R: DeserializeOwned>(value: &[u8]) -> Result<R, String> {
        serde_json::from_slice(value).map_err(|error| error.to_string())
    }
    let Some((kind, rest)) = key.split_first() else { return Err("its key is too short".to_owned()) };
    if *kind == b'k' {
        loaded.key = Some(read(value)?);
        return Ok(());
    }
    let (scope, name) = Scope::split_key(rest).ok_or("its key names no scope")?;
    let name = String::from_utf8(name.to_vec()).map_err(|error| error.to_string())?;
    match kind {
        b't' => loaded.topics.push((scope, name, read(value)?)),
        b's' => loaded.subscriptions.push((scope, name, read(value)?)),
        _ => return Err(format!("its kind {kind} is unknown")),
    }
    Ok(())
}
