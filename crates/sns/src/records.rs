//! What SNS persists, and how it is read at start.
//!
//! - [`Space::Config`] `sns\0t` + scope + topic name: the topic ([`TopicRecord`], JSON).
//! - [`Space::Config`] `sns\0s` + scope + `TOPIC:ID`: a subscription ([`SubscriptionRecord`], JSON).
//! - [`Space::Config`] `sns\0k`: the key that messages are signed with ([`KeyRecord`], JSON).
//! - [`Space::Outbox`]: deliveries that have not settled (see `pontoon_core::delivery`).

use std::collections::BTreeMap;

use pontoon_core::{LoadError, Scope, ServiceId, StoreRead, records};
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

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Sns, kind, scope, name)
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
    [&records::prefix(ServiceId::Sns)[..], b"k"].concat()
}

pub use pontoon_core::records::to_json;

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
    records::load(store, ServiceId::Sns, |key, value| take(&mut loaded, key, value))?;
    Ok(loaded)
}

fn take(loaded: &mut Loaded, key: &[u8], value: &[u8]) -> Result<(), String> {
    if key == b"k" {
        loaded.key = Some(records::of_json(value)?);
        return Ok(());
    }
    let (kind, scope, name) = records::split_key(key)?;
    match kind {
        b't' => loaded.topics.push((scope, name, records::of_json(value)?)),
        b's' => loaded.subscriptions.push((scope, name, records::of_json(value)?)),
        _ => return Err("its key is of no known kind".to_owned()),
    }
    Ok(())
}
