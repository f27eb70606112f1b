//! Policy documents: reading them, with the complaints that IAM has.
//!
//! Follows "Grammar of the IAM JSON policy language" of the IAM user guide.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::condition::Condition;
use super::wildcard::{Pattern, Syntax};
use crate::scope::{Account, Arn};

/// Longest document that is read, bytes: beyond every service's own limit (IAM's and S3's largest are 20 KiB, SNS's 30 KiB).
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

const SYNTAX: &str = "Syntax errors in policy.";

/// A parsed policy document. The default one has no statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    is_current: bool,
    pub(super) statements: Vec<Statement>,
}

/// What a document is attached to, which decides what its statements must and must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A queue, topic, bus, function or bucket: statements name principals.
    Resource,
    /// A user or role: statements name resources and no principals.
    Identity,
    /// A role's trust policy: statements name principals and no resources, and allow `sts:` actions only.
    Trust,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub allows: bool,
    /// `None` in identity policies.
    pub principals: Option<Principals>,
    pub actions: Patterns,
    /// `None` means the resource that the policy is attached to.
    pub resources: Option<Patterns>,
    pub conditions: Vec<Condition>,
}

/// A list of patterns of which one must match, or none if negated (`NotAction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patterns {
    pub negated: bool,
    pub any_of: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principals {
    pub negated: bool,
    pub any_of: Vec<PrincipalName>,
}

/// Whom a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PrincipalName {
    Everyone,
    /// An account, which may hand the permission on to its users and roles.
    Account(Account),
    /// A user, a role or a role's session.
    Arn(Box<str>),
    Service(Box<str>),
    AnyService,
    /// A federated or canonical user, of which there are none here.
    Nobody,
}

impl Document {
    /// Reads the policy of a resource: its statements name principals.
    ///
    /// # Errors
    /// What is wrong with it, in IAM's words; the service puts it into its own error.
    pub fn parse(json: &str) -> Result<Self, String> {
        Self::parse_kind(json, Kind::Resource)
    }

    /// Reads the policy of a user or role: its statements name resources and no principals.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_identity(json: &str) -> Result<Self, String> {
        Self::parse_kind(json, Kind::Identity)
    }

    /// Reads the trust policy of a role: its statements name principals, no resources, and actions of `sts` alone.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_trust(json: &str) -> Result<Self, String> {
        Self::parse_kind(json, Kind::Trust)
    }

    /// One document with the statements of several, for a resource that several policies speak of.
    #[must_use]
    pub fn joined(documents: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::default();
        for document in documents {
            joined.is_current |= document.is_current;
            joined.statements.extend(document.statements);
        }
        joined
    }

    /// Whether its version is 2012-10-17, which managed policies must have and policy variables need.
    #[must_use]
    pub fn is_current_version(&self) -> bool {
        self.is_current
    }

    fn parse_kind(json: &str, kind: Kind) -> Result<Self, String> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(format!("The policy is longer than {DOCUMENT_BYTES_MAX} bytes."));
        }
        let document: Value = serde_json::from_str(json).map_err(|_| "This policy contains invalid Json")?;
        let document = document.as_object().ok_or(SYNTAX)?;
        only_fields(document, &["Version", "Id", "Statement"])?;
        let variables = match document.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(_) => return Err("The policy must contain a valid version string".into()),
        };
        if !matches!(document.get("Id"), None | Some(Value::String(_))) {
            return Err(SYNTAX.into());
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => return Err(SYNTAX.into()),
        };
        let mut sids = HashSet::new();
        let mut parsed = Vec::with_capacity(statements.len());
        for statement in statements {
            let statement = statement.as_object().ok_or(SYNTAX)?;
            if let Some(sid) = statement.get("Sid")
                && !sids.insert(sid.as_str().ok_or(SYNTAX)?)
            {
                return Err("Statement IDs (SID) in a single policy must be unique.".into());
            }
            parsed.push(Statement::parse(statement, kind, variables)?);
        }
        Ok(Self { is_current: variables, statements: parsed })
    }
}

impl Statement {
    fn parse(fields: &Map<String, Value>, kind: Kind, variables: bool) -> Result<Self, String> {
        only_fields(
            fields,
            &[
                "Sid",
                "Effect",
                "Principal",
                "NotPrincipal",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Condition",
            ],
        )?;
        let allows = match fields.get("Effect") {
            Some(Value::String(effect)) if effect == "Allow" => true,
            Some(Value::String(effect)) if effect == "Deny" => false,
            Some(Value::String(effect)) => return Err(format!("Invalid effect: {effect}")),
            Some(_) => return Err(SYNTAX.into()),
            None => return Err("Missing required field Effect".into()),
        };
        Ok(Self {
            allows,
            principals: principals(fields, kind)?,
            actions: actions(fields, kind)?,
            resources: resources(fields, kind, variables)?,
            conditions: conditions(fields, variables)?,
        })
    }
}

fn only_fields(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(format!("Unknown field {field}")),
        None => Ok(()),
    }
}

/// The field or its `Not` form, whichever is there, and whether it is the latter.
fn either<'v>(
    fields: &'v Map<String, Value>,
    field: &str,
    not_field: &str,
) -> Result<Option<(bool, &'v Value)>, String> {
    match (fields.get(field), fields.get(not_field)) {
        (Some(_), Some(_)) => Err(SYNTAX.into()),
        (Some(value), None) => Ok(Some((false, value))),
        (None, Some(value)) => Ok(Some((true, value))),
        (None, None) => Ok(None),
    }
}

/// A string, or a list of them.
fn strings(value: &Value) -> Result<Vec<&str>, String> {
    match value {
        Value::String(one) => Ok(vec![one]),
        Value::Array(many) => many.iter().map(|one| one.as_str().ok_or_else(|| SYNTAX.into())).collect(),
        _ => Err(SYNTAX.into()),
    }
}

fn actions(fields: &Map<String, Value>, kind: Kind) -> Result<Patterns, String> {
    let missing = "Policy statement must contain actions.";
    let (negated, value) = either(fields, "Action", "NotAction")?.ok_or(missing)?;
    let actions = strings(value)?;
    if actions.is_empty() {
        return Err(missing.into());
    }
    for action in &actions {
        check_action(action)?;
        let is_sts = action.get(..4).is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts:"));
        if kind == Kind::Trust && !is_sts {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".into());
        }
    }
    let syntax = Syntax { wildcards: true, variables: false, ignore_case: true };
    Ok(Patterns { negated, any_of: actions.iter().map(|action| Pattern::compile(action, syntax)).collect() })
}

fn check_action(action: &str) -> Result<(), String> {
    let Some((vendor, name)) = action.split_once(':') else {
        if action == "*" {
            return Ok(());
        }
        return Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into());
    };
    if name.contains(':') {
        return Err("Actions/Condition can contain only one colon.".into());
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if vendor.is_empty() || !vendor.chars().all(valid) {
        return Err(format!("Vendor {vendor} is not valid"));
    }
    Ok(())
}

fn resources(fields: &Map<String, Value>, kind: Kind, variables: bool) -> Result<Option<Patterns>, String> {
    let missing = "Policy statement must contain resources.";
    let Some((negated, value)) = either(fields, "Resource", "NotResource")? else {
        return if kind == Kind::Identity { Err(missing.into()) } else { Ok(None) };
    };
    if kind == Kind::Trust {
        return Err("Has prohibited field Resource".into());
    }
    let resources = strings(value)?;
    if resources.is_empty() {
        return Err(missing.into());
    }
    if kind == Kind::Identity
        && let Some(odd) = resources.iter().find(|r| !r.starts_with("arn:") && !r.starts_with('*'))
    {
        return Err(format!("Resource {odd} must be in ARN format or \"*\"."));
    }
    let syntax = Syntax { wildcards: true, variables, ignore_case: false };
    let any_of = resources.iter().map(|resource| Pattern::compile(resource, syntax)).collect();
    Ok(Some(Patterns { negated, any_of }))
}

fn principals(fields: &Map<String, Value>, kind: Kind) -> Result<Option<Principals>, String> {
    let found = either(fields, "Principal", "NotPrincipal")?;
    let (negated, value) = match (found, kind) {
        (None, Kind::Identity) => return Ok(None),
        (Some(_), Kind::Identity) => return Err("Policy document should not specify a principal.".into()),
        (None, Kind::Resource | Kind::Trust) => return Err("Missing required field Principal".into()),
        (Some((true, _)), Kind::Trust) => return Err("Has prohibited field NotPrincipal".into()),
        (Some(found), _) => found,
    };
    let any_of = match value {
        Value::String(everyone) if everyone == "*" => vec![PrincipalName::Everyone],
        Value::Object(types) if !types.is_empty() => {
            let mut names = Vec::new();
            for (kind, values) in types {
                for name in strings(values)? {
                    names.push(PrincipalName::parse(kind, name)?);
                }
            }
            names
        }
        Value::String(other) => return Err(format!("Invalid principal in policy: \"{other}\"")),
        _ => return Err(SYNTAX.into()),
    };
    if any_of.is_empty() {
        return Err("Missing required field Principal".into());
    }
    Ok(Some(Principals { negated, any_of }))
}

impl PrincipalName {
    fn parse(kind: &str, name: &str) -> Result<Self, String> {
        let invalid = || format!("Invalid principal in policy: \"{kind}\":\"{name}\"");
        match kind {
            "AWS" => Self::of_aws(name).ok_or_else(invalid),
            "Service" if name == "*" => Ok(Self::AnyService),
            "Service" if name.contains('.') => Ok(Self::Service(name.into())),
            "Service" => Err(invalid()),
            "Federated" | "CanonicalUser" => Ok(Self::Nobody),
            _ => Err(format!("Unknown field {kind}")),
        }
    }

    /// An account's number or root ARN, or the ARN of a user, role or session, without wildcards; `None` for anything else.
    fn of_aws(name: &str) -> Option<Self> {
        if name == "*" {
            return Some(Self::Everyone);
        }
        if let Ok(account) = name.parse() {
            return Some(Self::Account(account));
        }
        // The unique id of a user or role that has been deleted, which IAM leaves in place of its ARN.
        if name.len() >= 16 && ["AIDA", "AROA"].iter().any(|prefix| name.starts_with(prefix)) {
            return Some(Self::Nobody);
        }
        let arn = Arn::parse(name)?;
        let account = arn.account.parse().ok()?;
        let (kind, _) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
        match (arn.service, kind) {
            ("iam", "root") => Some(Self::Account(account)),
            _ if name.contains(['*', '?']) => None,
            ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user") => {
                Some(Self::Arn(name.into()))
            }
            _ => None,
        }
    }
}

fn conditions(fields: &Map<String, Value>, variables: bool) -> Result<Vec<Condition>, String> {
    let Some(block) = fields.get("Condition") else { return Ok(Vec::new()) };
    let mut conditions = Vec::new();
    for (operator, keys) in block.as_object().ok_or(SYNTAX)? {
        conditions.extend(Condition::parse_all(operator, keys, variables)?);
    }
    Ok(conditions)
}
