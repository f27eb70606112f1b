//! What a refused caller is told.
//!
//! Follows "Troubleshoot access denied error messages" of the IAM user guide.

use std::borrow::Cow;

use serde::Serialize;

use super::context::Context;
use super::evaluate::{PolicyType, Refusal};
use super::role_parts;
use crate::step::Principal;

/// A refused access: what AWS says, why, and what would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// `User: … is not authorized to perform: … on resource: … because …`.
    pub message: String,
    /// The statement that would allow it, JSON: for the resource's policy if it names a principal, otherwise for the caller's own. Empty where a statement
    /// denies explicitly, because then that has to go.
    pub allow: String,
}

impl Denial {
    pub(super) fn new(refusal: Refusal, context: &Context<'_>) -> Self {
        let action = spelled(context.access.action);
        let because = match refusal {
            // AssumeRole does not say why.
            _ if context.access.action.starts_with("sts:AssumeRole") => String::new(),
            Refusal::Explicit(of) => format!(" with an explicit deny in {}", of.with_article()),
            Refusal::Implicit(of) => format!(" because no {} allows the {action} action", of.name()),
        };
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {}{because}",
            caller_name(&context.caller.principal),
            context.access.resource,
        );
        let allow = match refusal {
            Refusal::Explicit(_) => String::new(),
            Refusal::Implicit(of) => allowing(of, context),
        };
        Self { message, allow }
    }
}

impl PolicyType {
    fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource-based policy",
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }

    fn with_article(self) -> String {
        let article = if self == Self::Identity { "an" } else { "a" };
        format!("{article} {}", self.name())
    }
}

/// The action as the service's own messages spell it: SQS writes its actions in lower case, SNS its prefix in capitals.
fn spelled(action: &'static str) -> Cow<'static, str> {
    match action.split_once(':') {
        Some(("sqs", _)) => action.to_ascii_lowercase().into(),
        Some(("sns", name)) => format!("SNS:{name}").into(),
        _ => action.into(),
    }
}

fn caller_name(principal: &Principal) -> String {
    match principal {
        Principal::Account(account) => format!("arn:aws:iam::{account}:root"),
        Principal::User(arn) => arn.to_string(),
        Principal::Role { arn, session } => match role_parts(arn) {
            Some((account, name)) => format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            None => arn.to_string(),
        },
        Principal::Service(name) => (*name).to_owned(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<NamedPrincipal<'a>>,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<SourceCondition<'a>>,
}

#[derive(Serialize)]
enum NamedPrincipal<'a> {
    #[serde(rename = "AWS")]
    Aws(Cow<'a, str>),
    Service(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SourceCondition<'a> {
    arn_equals: SourceArn<'a>,
}

#[derive(Serialize)]
struct SourceArn<'a> {
    #[serde(rename = "aws:SourceArn")]
    source_arn: &'a str,
}

/// The smallest statement that would allow the access.
fn allowing(of: PolicyType, context: &Context<'_>) -> String {
    let is_trust = context.access.action.starts_with("sts:AssumeRole");
    let by_resource = of == PolicyType::Resource;
    let principal = by_resource.then(|| match &context.caller.principal {
        Principal::Account(account) => NamedPrincipal::Aws(format!("arn:aws:iam::{account}:root").into()),
        Principal::User(arn) | Principal::Role { arn, .. } => NamedPrincipal::Aws((&**arn).into()),
        Principal::Service(name) => NamedPrincipal::Service(name),
    });
    let source = context.caller.source_arn.as_deref().filter(|_| by_resource);
    let statement = Statement {
        effect: "Allow",
        principal,
        action: context.access.action,
        // A trust policy speaks of its role alone and must not name it.
        resource: (!(is_trust && by_resource)).then_some(context.access.resource),
        condition: source.map(|source_arn| SourceCondition { arn_equals: SourceArn { source_arn } }),
    };
    serde_json::to_string(&statement).unwrap_or_default()
}
