//! What is persisted: one record for each role, policy, user and session, JSON in [`Space::Config`].
//!
//! A key is the service's name, a zero byte, the kind's letter, the account's digits and the name in lower case (for sessions, the access key).
//! Fields may be added with a default; an unknown field is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use pontoon_core::policy::Document;
use pontoon_core::{Account, LoadError, ServiceId, Space, Step, StoreRead, Timestamp, records};
use serde::{Deserialize, Serialize};

use crate::state::name::{self, Name, Tag};
use crate::state::policy::{ManagedPolicy, Version};
use crate::state::role::{PolicyText, Role, User};
use crate::state::session::Session;
use crate::state::{AccountState, State};

const PREFIX: &[u8] = b"identity\0";

#[derive(Clone, Copy)]
enum Kind {
    Role = b'r' as isize,
    Policy = b'p' as isize,
    User = b'u' as isize,
    Session = b's' as isize,
}

fn key(kind: Kind, account: Account, name: &str) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.push(kind as u8);
    key.extend_from_slice(account.as_str().as_bytes());
    key.extend_from_slice(name.as_bytes());
    key
}

#[derive(Serialize, Deserialize)]
struct RoleRecord {
    name: Name,
    id: String,
    created_ms: i64,
    trust: String,
    description: Option<String>,
    session_secs_max: u32,
    boundary: Option<String>,
    inline: BTreeMap<String, String>,
    attached: BTreeSet<String>,
    tags: Vec<Tag>,
}

#[derive(Serialize, Deserialize)]
struct PolicyRecord {
    name: Name,
    id: String,
    created_ms: i64,
    updated_ms: i64,
    description: Option<String>,
    tags: Vec<Tag>,
    versions: BTreeMap<u32, VersionRecord>,
    default_version: u32,
    last_version: u32,
}

#[derive(Serialize, Deserialize)]
struct VersionRecord {
    json: String,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct UserRecord {
    name: Name,
    id: String,
    created_ms: i64,
    tags: Vec<Tag>,
}

#[derive(Serialize, Deserialize)]
struct SessionRecord {
    secret: Arc<str>,
    token: Arc<str>,
    role: Arc<str>,
    role_id: Arc<str>,
    name: Arc<str>,
    expires_ms: i64,
    policies: Option<Arc<[String]>>,
}

/// Writes a role.
pub fn put_role(step: &mut Step<'_>, role: &Role) {
    let record = RoleRecord {
        name: role.name.clone(),
        id: role.id.clone(),
        created_ms: role.created.millis(),
        trust: role.trust.json.clone(),
        description: role.description.clone(),
        session_secs_max: role.session_secs_max,
        boundary: role.boundary.clone(),
        inline: role.inline.iter().map(|(name, policy)| (name.clone(), policy.json.clone())).collect(),
        attached: role.attached.clone(),
        tags: role.tags.clone(),
    };
    put(step, Kind::Role, &role.name.name, &record);
}

/// Removes a role.
pub fn delete_role(step: &mut Step<'_>, role: &str) {
    let key = key(Kind::Role, step.scope.account, &name::key(role));
    step.delete(Space::Config, key);
}

/// Writes a policy.
pub fn put_policy(step: &mut Step<'_>, policy: &ManagedPolicy) {
    let versions = policy.versions.iter().map(|(number, version)| {
        (*number, VersionRecord { json: version.text.json.clone(), created_ms: version.created.millis() })
    });
    let record = PolicyRecord {
        name: policy.name.clone(),
        id: policy.id.clone(),
        created_ms: policy.created.millis(),
        updated_ms: policy.updated.millis(),
        description: policy.description.clone(),
        tags: policy.tags.clone(),
        versions: versions.collect(),
        default_version: policy.default_version,
        last_version: policy.last_version,
    };
    put(step, Kind::Policy, &policy.name.name, &record);
}

/// Removes a policy.
pub fn delete_policy(step: &mut Step<'_>, policy: &str) {
    let key = key(Kind::Policy, step.scope.account, &name::key(policy));
    step.delete(Space::Config, key);
}

/// Writes a user.
pub fn put_user(step: &mut Step<'_>, user: &User) {
    let record = UserRecord {
        name: user.name.clone(),
        id: user.id.clone(),
        created_ms: user.created.millis(),
        tags: user.tags.clone(),
    };
    put(step, Kind::User, &user.name.name, &record);
}

/// Writes a session.
pub fn put_session(step: &mut Step<'_>, session: &Session) {
    let record = SessionRecord {
        secret: Arc::clone(&session.secret),
        token: Arc::clone(&session.token),
        role: Arc::clone(&session.role),
        role_id: Arc::clone(&session.role_id),
        name: Arc::clone(&session.name),
        expires_ms: session.expires.millis(),
        policies: session.policies.clone(),
    };
    let key = key(Kind::Session, session.account, &session.access_key);
    step.put(Space::Config, key, encode(&record));
}

/// Removes a session.
pub fn delete_session(step: &mut Step<'_>, session: &Session) {
    step.delete(Space::Config, key(Kind::Session, session.account, &session.access_key));
}

fn put(step: &mut Step<'_>, kind: Kind, entity: &str, record: &impl Serialize) {
    let key = key(kind, step.scope.account, &name::key(entity));
    step.put(Space::Config, key, encode(record));
}

fn encode(record: &impl Serialize) -> Bytes {
    match serde_json::to_vec(record) {
        Ok(json) => json.into(),
        Err(error) => panic!("records hold nothing that JSON cannot: {error}"),
    }
}

/// Rebuilds everything.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead, state: &mut State) -> Result<(), LoadError> {
    records::load(store, ServiceId::Identity, |key, value| load_one(key, value, state))
}

fn load_one(key: &[u8], value: &[u8], state: &mut State) -> Result<(), String> {
    let (kind, rest) = key.split_first().ok_or("no kind")?;
    let (account, entity) = rest.split_at_checked(12).ok_or("no account")?;
    let account: Account =
        std::str::from_utf8(account).ok().and_then(|digits| digits.parse().ok()).ok_or("no account")?;
    let entity = std::str::from_utf8(entity).map_err(|_| "the name is not text")?;
    if *kind == Kind::Session as u8 {
        let session = Arc::new(session(entity, account, records::of_json(value)?)?);
        state.directory.add_session(Arc::clone(&session));
        state.sessions.insert(session);
        return Ok(());
    }
    load_entity(*kind, entity.to_owned(), value, state.account_mut(account))
}

fn load_entity(kind: u8, entity: String, value: &[u8], state: &mut AccountState) -> Result<(), String> {
    if kind == Kind::Role as u8 {
        state.roles.insert(entity, role(records::of_json(value)?)?);
    } else if kind == Kind::Policy as u8 {
        state.policies.insert(entity, policy(records::of_json(value)?)?);
    } else if kind == Kind::User as u8 {
        let UserRecord { name, id, created_ms, tags } = records::of_json(value)?;
        state.users.insert(entity, User { name, id, created: Timestamp::from_millis(created_ms), tags });
    } else {
        return Err(format!("unknown kind {kind}"));
    }
    Ok(())
}

fn text(json: String, parse: fn(&str) -> Result<Document, String>) -> Result<PolicyText, String> {
    let document = parse(&json)?;
    Ok(PolicyText { json, document })
}

fn role(record: RoleRecord) -> Result<Role, String> {
    let inline =
        record.inline.into_iter().map(|(name, json)| Ok((name, text(json, Document::parse_identity)?)));
    Ok(Role {
        name: record.name,
        id: record.id,
        created: Timestamp::from_millis(record.created_ms),
        trust: text(record.trust, Document::parse_trust)?,
        description: record.description,
        session_secs_max: record.session_secs_max,
        boundary: record.boundary,
        inline: inline.collect::<Result<_, String>>()?,
        attached: record.attached,
        tags: record.tags,
    })
}

fn policy(record: PolicyRecord) -> Result<ManagedPolicy, String> {
    if !record.versions.contains_key(&record.default_version) {
        return Err("the version in force is missing".into());
    }
    let versions = record.versions.into_iter().map(|(number, version)| {
        let created = Timestamp::from_millis(version.created_ms);
        Ok((number, Version { text: text(version.json, Document::parse_identity)?, created }))
    });
    Ok(ManagedPolicy {
        name: record.name,
        id: record.id,
        created: Timestamp::from_millis(record.created_ms),
        updated: Timestamp::from_millis(record.updated_ms),
        description: record.description,
        tags: record.tags,
        versions: versions.collect::<Result<_, String>>()?,
        default_version: record.default_version,
        last_version: record.last_version,
    })
}

fn session(access_key: &str, account: Account, record: SessionRecord) -> Result<Session, String> {
    let parse =
        |policies: &Arc<[String]>| policies.iter().map(|json| Document::parse_identity(json)).collect();
    Ok(Session {
        access_key: access_key.into(),
        secret: record.secret,
        token: record.token,
        account,
        role: record.role,
        role_id: record.role_id,
        name: record.name,
        expires: Timestamp::from_millis(record.expires_ms),
        documents: record.policies.as_ref().map(parse).transpose()?,
        policies: record.policies,
    })
}
