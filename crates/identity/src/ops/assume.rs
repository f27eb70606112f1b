//! STS: who the caller is, and who it may become.

use std::sync::Arc;
use std::time::Duration;

use pontoon_api::sts::*;
use pontoon_core::policy::{Access, Document};
use pontoon_core::{Account, Arn, Caller, Principal, Region, Scope, Step};

use super::{stable_id, whole_seconds};
use crate::error::Error;
use crate::state::name::{self, Kind};
use crate::state::role::Role;
use crate::state::session::Session;
use crate::{Identity, records};

/// How long credentials last if the caller does not say, seconds.
const DURATION_SECS_DEFAULT: u32 = 3600;
/// How long they last at most when a session of a role assumes another one, seconds.
const CHAINED_SECS_MAX: u32 = 3600;
/// Most characters of a session's policies together.
const SESSION_POLICY_CHARS_MAX: usize = 2048;
/// Most managed policies of a session.
const SESSION_POLICY_ARNS_MAX: usize = 10;

pub fn get_caller_identity(
    identity: &mut Identity,
    step: &mut Step<'_>,
    _input: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, Error> {
    // No permission is needed to be told who one is.
    let caller = step.caller;
    let user_id = match &caller.principal {
        Principal::Account(account) => account.to_string(),
        Principal::User(arn) => identity.user_id(arn),
        Principal::Role { arn, session } => format!("{}:{session}", identity.role_id(arn)),
        Principal::Service(name) => (*name).to_owned(),
    };
    Ok(GetCallerIdentityOutput {
        user_id: Some(user_id),
        account: Some(caller.account.to_string()),
        arn: Some(caller_arn(caller)),
    })
}

pub fn assume_role(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: AssumeRoleInput,
) -> Result<AssumeRoleOutput, Error> {
    check_role_arn(&input.role_arn)?;
    check_tags(&input)?;
    refuse_unsupported(&input)?;
    let (account, role) = authorized_role(identity, step, &input)?;
    let secs = duration_secs(step, role, input.duration_seconds)?;
    let (role_id, role_arn) = (role.id.clone(), role.name.arn(Kind::Role, account));
    let policies = session_policies(identity, account, &input)?;
    if identity.state.sessions.is_full() {
        return Err(Error::TooManySessions);
    }
    let packed = policies.as_ref().map(|(texts, _)| {
        let chars: usize = texts.iter().map(|text| text.chars().count()).sum();
        (chars * 100).div_ceil(SESSION_POLICY_CHARS_MAX)
    });
    if let Some(percent) = packed.filter(|percent| *percent > 100) {
        return Err(Error::PackedPolicyTooLarge(percent));
    }
    let (texts, documents) = policies.unzip();
    let session = Session {
        access_key: format!("ASIA{}", step.ids.upper_alphanumeric(16)).into(),
        secret: step.ids.secret_hex(40).into(),
        token: step.ids.secret_hex(256).into(),
        account,
        role: role_arn.as_str().into(),
        role_id: role_id.as_str().into(),
        name: input.role_session_name.as_str().into(),
        expires: whole_seconds(step.now).after(Duration::from_secs(u64::from(secs))),
        policies: texts.map(Into::into),
        documents,
    };
    records::put_session(step, &session);
    let session = Arc::new(session);
    identity.state.directory.add_session(Arc::clone(&session));
    identity.state.sessions.insert(Arc::clone(&session));
    Ok(AssumeRoleOutput {
        credentials: Some(Credentials {
            access_key_id: session.access_key.to_string(),
            secret_access_key: session.secret.to_string(),
            session_token: session.token.to_string(),
            expiration: session.expires,
        }),
        assumed_role_user: Some(AssumedRoleUser {
            assumed_role_id: format!("{role_id}:{}", session.name),
            arn: session_arn(&session.role, &session.name),
        }),
        packed_policy_size: packed.and_then(|percent| i32::try_from(percent).ok()),
        source_identity: None,
    })
}

/// Recording sts/test_sts, test_sts_invalid_parameters: anything that is not whole is named and called invalid.
fn check_role_arn(text: &str) -> Result<(), Error> {
    let invalid = || Error::Validation(format!("{text} is invalid"));
    let arn = Arn::parse(text).ok_or_else(invalid)?;
    if arn.resource.is_empty() { Err(invalid()) } else { Ok(()) }
}

/// Recording sts/test_sts, test_assume_role_tag_validation.
fn check_tags(input: &AssumeRoleInput) -> Result<(), Error> {
    let tags = input.tags.as_deref().unwrap_or_default();
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    for (at, tag) in tags.iter().enumerate() {
        if tags[..at].iter().any(|other| same(&other.key, &tag.key)) {
            return Err(Error::SessionTags(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    let transitive = input.transitive_tag_keys.as_deref().unwrap_or_default();
    if transitive.iter().any(|key| !tags.iter().any(|tag| same(&tag.key, key))) {
        return Err(Error::SessionTags(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    Ok(())
}

fn refuse_unsupported(input: &AssumeRoleInput) -> Result<(), Error> {
    let refused = [
        ("session tags (Tags of AssumeRole)", input.tags.as_ref().is_some_and(|tags| !tags.is_empty())),
        ("MFA devices (SerialNumber of AssumeRole)", input.serial_number.is_some()),
        ("MFA devices (TokenCode of AssumeRole)", input.token_code.is_some()),
        ("SourceIdentity of AssumeRole", input.source_identity.is_some()),
        ("ProvidedContexts of AssumeRole", input.provided_contexts.is_some()),
    ];
    match refused.into_iter().find(|(_, given)| *given) {
        Some((what, _)) => Err(Error::Unsupported(what.into())),
        None => Ok(()),
    }
}

/// The role, if its trust policy and the caller's own policies let the caller assume it. A role that does not exist is refused in the same words.
fn authorized_role<'a>(
    identity: &'a Identity,
    step: &mut Step<'_>,
    input: &AssumeRoleInput,
) -> Result<(Account, &'a Role), Error> {
    let Some((account, role)) = identity.state.role(&input.role_arn) else {
        return Err(Error::AccessDenied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller_arn(step.caller),
            input.role_arn
        )));
    };
    let mut context = vec![("sts:RoleSessionName", input.role_session_name.as_str())];
    context.extend(input.external_id.as_deref().map(|id| ("sts:ExternalId", id)));
    let access = Access {
        action: "sts:AssumeRole",
        resource: &input.role_arn,
        policy: Some(&role.trust.document),
        context: &context,
    };
    // The role may be another account's: what counts is whose it is.
    let callers_scope = std::mem::replace(&mut step.scope, Scope { account, region: Region::DEFAULT });
    let authorized = step.authorize(&access);
    step.scope = callers_scope;
    authorized?;
    Ok((account, role))
}

fn duration_secs(step: &Step<'_>, role: &Role, wanted: Option<i32>) -> Result<u32, Error> {
    let secs = wanted.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(DURATION_SECS_DEFAULT);
    if matches!(step.caller.principal, Principal::Role { .. }) && secs > CHAINED_SECS_MAX {
        return Err(Error::Validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".into(),
        ));
    }
    if secs > role.session_secs_max {
        return Err(Error::Validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into(),
        ));
    }
    Ok(secs)
}

/// A session's policies as JSON, and parsed.
type SessionPolicies = (Vec<String>, Vec<Document>);

/// The policies that were handed over; `None` if there were none.
fn session_policies(
    identity: &Identity,
    account: Account,
    input: &AssumeRoleInput,
) -> Result<Option<SessionPolicies>, Error> {
    let arns = input.policy_arns.as_deref().unwrap_or_default();
    if input.policy.is_none() && arns.is_empty() {
        return Ok(None);
    }
    if arns.len() > SESSION_POLICY_ARNS_MAX {
        return Err(Error::Validation(format!(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length \
             less than or equal to {SESSION_POLICY_ARNS_MAX}"
        )));
    }
    let mut texts: Vec<String> = input.policy.iter().cloned().collect();
    for arn in arns.iter().filter_map(|policy| policy.arn.as_deref()) {
        let own = identity.state.account(account).and_then(|state| state.policy(account, arn));
        let json = match own.and_then(|policy| policy.versions.get(&policy.default_version)) {
            Some(version) => &version.text.json,
            None => match crate::aws_managed::find(arn) {
                Some(policy) => &policy.text.json,
                None => {
                    return Err(Error::MalformedPolicy(format!(
                        "The policy {arn} is not attachable or does not exist."
                    )));
                }
            },
        };
        texts.push(json.clone());
    }
    let documents = texts.iter().map(|text| Document::parse_identity(text).map_err(Error::MalformedPolicy));
    let documents = documents.collect::<Result<_, _>>()?;
    Ok(Some((texts, documents)))
}

impl Identity {
    /// A role's unique id; of a role that is not kept here, one that depends on its ARN.
    fn role_id(&self, arn: &str) -> String {
        match self.state.role(arn) {
            Some((_, role)) => role.id.clone(),
            None => format!("AROA{}", stable_id(arn)),
        }
    }

    fn user_id(&self, arn: &str) -> String {
        let user = name::of_arn(Kind::User, arn)
            .and_then(|(account, name)| self.state.account(account)?.users.get(&name::key(name)));
        user.map_or_else(|| format!("AIDA{}", stable_id(arn)), |user| user.id.clone())
    }
}

/// The ARN by which the caller is known.
pub(super) fn caller_arn(caller: &Caller) -> String {
    match &caller.principal {
        Principal::Account(account) => format!("arn:aws:iam::{account}:root"),
        Principal::User(arn) => arn.to_string(),
        Principal::Role { arn, session } => session_arn(arn, session),
        Principal::Service(name) => (*name).to_owned(),
    }
}

/// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; the role's path is not part of it.
fn session_arn(role: &str, session: &str) -> String {
    match name::of_arn(Kind::Role, role) {
        Some((account, name)) => format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
        None => role.to_owned(),
    }
}
