//! What EventBridge persists, and how it is read at start.
//!
//! - [`Space::Config`] `events\0b` + scope + bus name: a bus ([`BusRecord`], JSON). The default bus is there once it was changed.
//! - [`Space::Config`] `events\0r` + scope + bus name + `\0` + rule name: a rule with its targets ([`RuleRecord`], JSON).
//! - [`Space::Config`] `events\0a` + scope + archive name: an archive ([`ArchiveRecord`], JSON).
//! - [`Space::Config`] `events\0p` + scope + replay name: a replay ([`ReplayRecord`], JSON).
//! - [`Space::Config`] `events\0x` + scope + id of a deleted archive, hex: when it was deleted; its events are still to be removed.
//! - [`Space::Config`] `events\0c` + scope + connection name: a connection ([`ConnectionRecord`], JSON), its secrets in the clear.
//! - [`Space::Config`] `events\0d` + scope + API destination name: an API destination ([`ApiDestinationRecord`], JSON).
//! - [`Space::Outbox`]: deliveries that are tried again ([`crate::deliver::Delivery`]).
//! - [`Space::Event`]: the latest events ([`crate::state::kept`]), and those of archives ([`crate::state::archive`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use pontoon_core::ids::{format_uuid, parse_uuid};
use pontoon_core::{LoadError, LogLevel, Scope, ServiceId, StoreRead, Timestamp, records};
use serde::{Deserialize, Serialize};

use crate::state::api_destination::ApiDestinationRecord;
use crate::state::archive::{ArchiveId, ArchiveRecord};
use crate::state::connection::ConnectionRecord;
use crate::state::log::LogConfig;
use crate::state::replay::ReplayRecord;
use crate::state::target::TargetRecord;

/// A bus without its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusRecord {
    /// Description.
    pub description: Option<String>,
    /// Policy, JSON as it was put.
    pub policy: Option<String>,
    /// ARN of the queue for events that the bus cannot decrypt, of which there are none.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// What it tells in its log, once that was set.
    #[serde(default)]
    pub log: Option<LogConfig>,
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
            dead_letter: None,
            log: None,
            tags: BTreeMap::new(),
            created_millis: millis,
            modified_millis: millis,
        }
    }

    /// What it tells in its log, if anything.
    #[must_use]
    pub fn tells(&self) -> Option<LogConfig> {
        self.log.filter(|log| log.level != LogLevel::Off)
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
    /// The AWS service that made it, for rules that are not the caller's own.
    #[serde(default)]
    pub managed_by: Option<String>,
    /// The archive that keeps what it matches, for the rules of archives.
    #[serde(default)]
    pub archive: Option<String>,
}

impl RuleRecord {
    /// Whether it matches and fires.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state != "DISABLED"
    }
}

fn config_key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Events, kind, scope, name)
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

/// Key of an archive.
#[must_use]
pub fn archive_key(scope: Scope, archive: &str) -> Vec<u8> {
    config_key(b'a', scope, archive)
}

/// Key of a replay.
#[must_use]
pub fn replay_key(scope: Scope, replay: &str) -> Vec<u8> {
    config_key(b'p', scope, replay)
}

/// Key of a connection.
#[must_use]
pub fn connection_key(scope: Scope, connection: &str) -> Vec<u8> {
    config_key(b'c', scope, connection)
}

/// Key of an API destination.
#[must_use]
pub fn destination_key(scope: Scope, destination: &str) -> Vec<u8> {
    config_key(b'd', scope, destination)
}

/// Key of what is left of a deleted archive. Whose it was does not matter any more.
#[must_use]
pub fn purge_key(archive: ArchiveId) -> Vec<u8> {
    config_key(b'x', Scope::default(), &format_uuid(archive))
}

pub use pontoon_core::records::to_json;

/// What the store holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Buses by name.
    pub buses: Vec<(Scope, String, BusRecord)>,
    /// Rules by the name of their bus, a zero byte, and their own.
    pub rules: Vec<(Scope, String, RuleRecord)>,
    /// Archives by name.
    pub archives: Vec<(Scope, String, ArchiveRecord)>,
    /// Replays by name.
    pub replays: Vec<(Scope, String, ReplayRecord)>,
    /// Deleted archives whose events are still there: when they were deleted, milliseconds, and their ids.
    pub purges: Vec<(i64, ArchiveId)>,
    /// Connections by name.
    pub connections: Vec<(Scope, String, ConnectionRecord)>,
    /// API destinations by name.
    pub destinations: Vec<(Scope, String, ApiDestinationRecord)>,
}

/// Reads everything.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::Events, |key, value| {
        let (kind, scope, name) = records::split_key(key)?;
        match kind {
            b'b' => loaded.buses.push((scope, name, records::of_json(value)?)),
            b'r' => loaded.rules.push((scope, name, records::of_json(value)?)),
            b'a' => loaded.archives.push((scope, name, records::of_json(value)?)),
            b'p' => loaded.replays.push((scope, name, records::of_json(value)?)),
            b'c' => loaded.connections.push((scope, name, records::of_json(value)?)),
            b'd' => loaded.destinations.push((scope, name, records::of_json(value)?)),
            b'x' => {
                let id = parse_uuid(&name).ok_or("its key names no archive")?;
                loaded.purges.push((records::of_json(value)?, id));
            }
            _ => return Err("its key is of no known kind".to_owned()),
        }
        Ok(())
    })?;
    Ok(loaded)
}
