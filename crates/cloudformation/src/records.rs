//! What is persisted, and under which keys.
//!
//! Stacks, resources, tasks and change sets are configuration: small, and loaded at start. Each is a
//! record of its own, so that a step of a deployment writes only what it changed. Templates and events
//! are bulk, and read through the store when asked for.
//!
//! Records are JSON, so that members can be added.

use pontoon_core::step::Step;
use pontoon_core::{KeyRange, LoadError, Scope, ServiceId, Space, StoreRead, Timestamp, records};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::state::operation::Task;
use crate::state::stack::millis;
use crate::state::{ChangeSet, Resource, Stack, State};
use crate::template::Map;

const PREFIX: &[u8] = b"cloudformation\0";

/// The kinds of records in [`Space::Config`], in the order in which they load: what belongs to a stack
/// after the stack.
const STACK: u8 = b'1';
const RESOURCE: u8 = b'2';
const TASK: u8 = b'3';
const CHANGE_SET: u8 = b'4';

/// An event of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Id.
    pub id: String,
    /// When.
    #[serde(with = "millis")]
    pub at: Timestamp,
    /// The resource's logical name, or the stack's name.
    pub logical: String,
    /// What names the thing; empty until it is known.
    pub physical_id: String,
    /// The resource's type, or the stack's.
    pub kind: String,
    /// Status.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The resource's properties.
    pub properties: Option<Map>,
    /// The client's token for the operation.
    pub token: Option<String>,
}

fn key(kind: u8, scope: Scope, uuid: &str, rest: &[u8]) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.push(kind);
    key.extend_from_slice(&scope.key());
    key.extend_from_slice(uuid.as_bytes());
    key.push(0);
    key.extend_from_slice(rest);
    key
}

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_else(|error| panic!("records have string keys only: {error}"))
}

/// Writes a stack without its resources, tasks and change sets.
pub fn put_stack(step: &mut Step<'_>, stack: &Stack) {
    step.put(Space::Config, key(STACK, step.scope, stack.uuid(), b""), encode(stack));
}

/// Writes a resource.
pub fn put_resource(step: &mut Step<'_>, stack: &Stack, logical: &str) {
    let key = key(RESOURCE, step.scope, stack.uuid(), logical.as_bytes());
    match stack.resources.get(logical) {
        Some(resource) => step.put(Space::Config, key, encode(resource)),
        None => step.delete(Space::Config, key),
    }
}

/// Writes a task of the operation under way.
pub fn put_task(step: &mut Step<'_>, stack: &Stack, index: usize) {
    let key = key(TASK, step.scope, stack.uuid(), &position(index as u64));
    match stack.operation.as_ref().and_then(|operation| operation.tasks.get(index)) {
        Some(task) => step.put(Space::Config, key, encode(task)),
        None => step.delete(Space::Config, key),
    }
}

/// Writes a change set.
pub fn put_change_set(step: &mut Step<'_>, stack: &Stack, change_set: &ChangeSet) {
    step.put(
        Space::Config,
        key(CHANGE_SET, step.scope, stack.uuid(), change_set.id.as_bytes()),
        encode(change_set),
    );
}

/// Removes a change set.
pub fn delete_change_set(step: &mut Step<'_>, stack: &Stack, id: &str) {
    step.delete(Space::Config, key(CHANGE_SET, step.scope, stack.uuid(), id.as_bytes()));
}

/// Removes everything about a stack that has been deleted long ago.
pub fn forget_stack(step: &mut Step<'_>, stack: &Stack) {
    let uuid = stack.uuid();
    step.delete(Space::Config, key(STACK, step.scope, uuid, b""));
    for logical in stack.resources.keys() {
        step.delete(Space::Config, key(RESOURCE, step.scope, uuid, logical.as_bytes()));
    }
    for id in stack.change_sets.keys() {
        delete_change_set(step, stack, id);
    }
    for number in 0..stack.templates {
        step.delete(Space::Blob, key(STACK, step.scope, uuid, &position(number)));
    }
    for number in 0..stack.events {
        step.delete(Space::Event, key(STACK, step.scope, uuid, &position(u64::MAX - number)));
    }
}

fn position(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Writes the text of a stack's template under the next number, which it gives.
pub fn put_template(step: &mut Step<'_>, stack: &mut Stack, text: &str) -> u64 {
    let number = stack.templates;
    stack.templates += 1;
    step.put(Space::Blob, key(STACK, step.scope, stack.uuid(), &position(number)), text.as_bytes().to_vec());
    number
}

/// The text of a stack's template.
#[must_use]
pub fn template(step: &Step<'_>, stack: &Stack, number: u64) -> Option<String> {
    let bytes = step.get(Space::Blob, &key(STACK, step.scope, stack.uuid(), &position(number)))?;
    String::from_utf8(bytes.to_vec()).ok()
}

/// Writes an event. Later events have smaller keys, so that ranges begin with the newest.
pub fn put_event(step: &mut Step<'_>, stack: &mut Stack, event: &Event) {
    let number = stack.events;
    stack.events += 1;
    let key = key(STACK, step.scope, stack.uuid(), &position(u64::MAX - number));
    step.put(Space::Event, key, encode(event));
}

/// Up to `limit` events of a stack, newest first, beginning with the event of number `newest`; the last
/// one that was recorded has the number `stack.events - 1`.
#[must_use]
pub fn events(step: &Step<'_>, stack: &Stack, newest: u64, limit: usize) -> Vec<Event> {
    let uuid = stack.uuid();
    let start = key(STACK, step.scope, uuid, &position(u64::MAX - newest));
    let all = KeyRange::prefix(&key(STACK, step.scope, uuid, b""));
    let range = KeyRange { start: std::ops::Bound::Included(start), end: all.end };
    let entries = step.range(Space::Event, &range, limit);
    entries.into_iter().filter_map(|(_, value)| serde_json::from_slice(&value).ok()).collect()
}

/// Rebuilds the stacks of every scope.
///
/// # Errors
/// A record that is not what this program writes.
pub fn load(store: &dyn StoreRead) -> Result<State, LoadError> {
    let mut state = State::default();
    records::load(store, ServiceId::CloudFormation, |key, value| {
        load_record(&mut state, key, value).map_err(|error| error.message)
    })?;
    state.restore_order();
    count_events(&mut state, store)?;
    Ok(state)
}

/// The newest event of a stack has its smallest key, which says how many there are.
fn count_events(state: &mut State, store: &dyn StoreRead) -> Result<(), LoadError> {
    for (scope, stack) in state.iter_mut() {
        let prefix = key(STACK, scope, stack.uuid(), b"");
        let mut newest = None;
        store.scan(
            Space::Event,
            &KeyRange::prefix(&prefix),
            pontoon_core::Direction::Ascending,
            &mut |key, _| {
                newest =
                    key.get(prefix.len()..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
                std::ops::ControlFlow::Break(())
            },
        )?;
        stack.events = newest.map_or(0, |number| u64::MAX - number + 1);
    }
    Ok(())
}

fn load_record(state: &mut State, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
    let foreign = || LoadError::new("a CloudFormation record has a key that this version does not know");
    let (kind, rest) = key.split_first().ok_or_else(foreign)?;
    let (scope, rest) = Scope::split_key(rest).ok_or_else(foreign)?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(foreign)?;
    let uuid = std::str::from_utf8(&rest[..end]).map_err(|_| foreign())?;
    if *kind == STACK {
        let stack: Stack = decode(value, uuid)?;
        state.stacks(scope).insert(stack);
        return Ok(());
    }
    let stacks = state.stacks(scope);
    let stack = stacks.by_uuid_mut(uuid).ok_or_else(|| {
        LoadError::new(format!("a CloudFormation record belongs to stack {uuid}, which is missing"))
    })?;
    match *kind {
        RESOURCE => {
            let logical = String::from_utf8(rest[end + 1..].to_vec()).map_err(|_| foreign())?;
            let resource: Resource = decode(value, uuid)?;
            stack.resources.insert(logical, resource);
        }
        TASK => {
            let task: Task = decode(value, uuid)?;
            if let Some(operation) = &mut stack.operation {
                // Keys are in the order of the tasks' numbers.
                operation.tasks.push(task);
            }
        }
        CHANGE_SET => {
            let change_set: ChangeSet = decode(value, uuid)?;
            stack.change_sets.insert(change_set.id.clone(), change_set);
        }
        _ => return Err(foreign()),
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(value: &[u8], uuid: &str) -> Result<T, LoadError> {
    serde_json::from_slice(value).map_err(|error| {
        LoadError::new(format!("a record of the CloudFormation stack {uuid} cannot be read: {error}"))
    })
}
