//! What Scheduler persists, and how it is read at start.
//!
//! - [`Space::Config`] `scheduler\0g` + scope + name: a group ([`Group`], JSON). The default group has none.
//! - [`Space::Config`] `scheduler\0s` + scope + group + `/` + name: a schedule ([`ScheduleRecord`], JSON).
//! - [`Space::Config`] `scheduler\0t` + scope + token: a deletion that was done ([`DeletionRecord`], JSON).
//! - [`Space::Outbox`]: firings that have not ended ([`crate::deliver::Delivery`]).

use pontoon_core::{LoadError, Scope, ServiceId, Space, Step, StoreRead, records};
use serde::{Deserialize, Serialize};

use crate::Key;
use crate::state::group::Group;
use crate::state::schedule::ScheduleRecord;

/// A deletion that was done with a client token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRecord {
    /// What was deleted: a group, or a group, `/` and a schedule.
    pub deleted: String,
    /// When, milliseconds.
    pub at_millis: i64,
}

/// What the store holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Groups by name.
    pub groups: Vec<(Scope, String, Group)>,
    /// Schedules.
    pub schedules: Vec<(Key, ScheduleRecord)>,
    /// Deletions by token.
    pub deletions: Vec<(Scope, String, DeletionRecord)>,
}

fn key(kind: u8, scope: Scope, name: &str) -> Vec<u8> {
    records::key(ServiceId::Scheduler, kind, scope, name)
}

fn schedule_key(of: &Key) -> Vec<u8> {
    key(b's', of.scope, &format!("{}/{}", of.group, of.name))
}

/// Writes a group.
pub fn put_group(step: &mut Step<'_>, scope: Scope, name: &str, group: &Group) {
    step.put(Space::Config, key(b'g', scope, name), records::to_json(group));
}

/// Removes a group.
pub fn delete_group(step: &mut Step<'_>, scope: Scope, name: &str) {
    step.delete(Space::Config, key(b'g', scope, name));
}

/// Writes a schedule.
pub fn put_schedule(step: &mut Step<'_>, of: &Key, record: &ScheduleRecord) {
    step.put(Space::Config, schedule_key(of), records::to_json(record));
}

/// Removes a schedule.
pub fn delete_schedule(step: &mut Step<'_>, of: &Key) {
    step.delete(Space::Config, schedule_key(of));
}

/// Writes a deletion that was done with a token.
pub fn put_deletion(step: &mut Step<'_>, scope: Scope, token: &str, record: &DeletionRecord) {
    step.put(Space::Config, key(b't', scope, token), records::to_json(record));
}

/// Removes a deletion that is remembered no longer.
pub fn delete_deletion(step: &mut Step<'_>, scope: Scope, token: &str) {
    step.delete(Space::Config, key(b't', scope, token));
}

/// Reads everything.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    records::load(store, ServiceId::Scheduler, |key, value| {
        let (kind, scope, name) = records::split_key(key)?;
        match kind {
            b'g' => loaded.groups.push((scope, name, records::of_json(value)?)),
            b's' => {
                let (group, name) = name.split_once('/').ok_or("its key names no group")?;
                let key = Key { scope, group: group.into(), name: name.into() };
                loaded.schedules.push((key, records::of_json(value)?));
            }
            b't' => loaded.deletions.push((scope, name, records::of_json(value)?)),
            _ => return Err("its key is of no known kind".to_owned()),
        }
        Ok(())
    })?;
    loaded.deletions.sort_by_key(|(.., record)| record.at_millis);
    Ok(loaded)
}
