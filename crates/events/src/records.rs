//! What EventBridge persists, and how it is read at start.
//!
//! - [`Space::Config`] `events\0b` + scope + bus name: a bus ([`BusRecord`], JSON). The default bus is there once it was changed.
//! - [`Space::Config`] `events\0r` + scope + bus name + `\0` + rule name: a rule with its targets ([`RuleRecord`], JSON).
//! - [`Space::Outbox`]: deliveries that are tried again ([`crate::deliver::Delivery`]).
//! - [`Space::Event`]: the latest events ([`crate::state::kept`]).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use pontoon_core::{Direction, KeyRange, LoadError, Scope, Space, StoreRead, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::state::target::TargetRecord;

/// A bus without its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusRecord {
    /// Description.
    pub description: Option<String>,
    /// Policy, JSON as it was put.
    pub policy: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
}

impl BusRecord {
    /// A bus created at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let millis = now.millis();
        Self {
            description: None,
            policy: None,
            tags: BTreeMap::new(),
            created_millis: millis,
            modified_millis: millis,
        }
    }
}

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRecord {
    /// Event pattern, as it was put.
    pub pattern: Option<String>,
    /// Schedule expression.
    pub schedule: Option<String>,
    /// `ENABLED`, `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    pub state: String,
    /// Description.
    pub description: Option<String>,
    /// Role for targets that have none of their own.
    pub role_arn: Option<String>,
    /// Account that created it.
    pub created_by: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Targets in the order in which they were put.
    pub targets: Vec<Arc<TargetRecord>>,
    /// When its pattern or state last changed, milliseconds.
    pub modified_millis: i64,
    /// When its schedule was put or enabled, milliseconds: rates count from here.
    pub anchor_millis: i64,
    /// When its schedule last fired, milliseconds.
    pub fired_millis: Option<i64>,
}

impl RuleRecord {
    /// Whether it matches and fires.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state != "DISABLED"
    }
}

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    let mut key = b"events\0".to_vec();
    key.push(kind);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(name.as_bytes());
    key
}

/// Key of a bus.
#[must_use]
pub fn bus_key(scope: Scope, bus: &str) -> Vec<u8> {
    config_key(b'b', scope, bus)
}

/// Key of a rule.
#[must_use]
pub fn rule_key(scope: Scope, bus: &str, rule: &str) -> Vec<u8> {
    config_key(b'r', scope, &format!("{bus}\0{rule}"))
}

/// A plain record as JSON.
#[must_use]
pub fn to_json(record: &impl Serialize) -> Vec<u8> {
    let bytes = serde_json::to_vec(record);
    assert!(bytes.is_ok(), "records are plain data, which always has a JSON form: {:?}", bytes.err());
    bytes.unwrap_or_default()
}

/// A record with its scope and its name.
pub type Named<T> = (Scope, String, T);

/// All buses.
///
/// # Errors
/// If a record cannot be read.
pub fn load_buses(store: &dyn StoreRead) -> Result<Vec<Named<BusRecord>>, LoadError> {
    load(store, b"events\0b")
}

/// All rules; the name is that of the bus, a zero byte, and that of the rule.
///
/// # Errors
/// If a record cannot be read.
pub fn load_rules(store: &dyn StoreRead) -> Result<Vec<Named<RuleRecord>>, LoadError> {
    load(store, b"events\0r")
}

fn load<T: DeserializeOwned>(store: &dyn StoreRead, prefix: &[u8]) -> Result<Vec<Named<T>>, LoadError> {
    let mut loaded = Vec::new();
    let mut bad = None;
    store.scan(Space::Config, &KeyRange::prefix(prefix), Direction::Ascending, &mut |key, value| {
        let named = Scope::split_key(&key[prefix.len()..])
            .and_then(|(scope, name)| Some((scope, String::from_utf8(name.to_vec()).ok()?)));
        match (named, serde_json::from_slice(value)) {
            (Some((scope, name)), Ok(record)) => {
                loaded.push((scope, name, record));
                ControlFlow::Continue(())
            }
            (named, record) => {
                let name = named.map_or_else(|| "?".to_owned(), |(_, name)| name);
                let why = record.err().map_or_else(|| "bad key".to_owned(), |error| error.to_string());
                bad = Some(LoadError::new(format!("the bus or rule {name} cannot be read: {why}")));
                ControlFlow::Break(())
            }
        }
    })?;
    bad.map_or(Ok(loaded), Err)
}
