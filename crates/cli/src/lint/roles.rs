//! Roles that may not do what they were given for.
//!
//! What cannot be known from the configuration is not judged: roles of other accounts, roles that a template only names, and calls of universal targets,
//! whose resources are in their inputs.

use pontoon_core::policy::{Access, Denial, Document, IdentityPolicies};
use pontoon_core::{Caller, Destination, Principal, Timestamp};

use super::checks::{gate, name, role_account, service};
use super::system::{Role, System};
use super::{Finding, Severity};
use crate::show::short_arn;

/// What pipes and functions do with the queues that they take from.
const TAKES: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

/// Someone who acts in a role.
struct Actor<'s> {
    /// Its kind and name.
    resource: String,
    role: &'s str,
    /// The service that assumes the role on its behalf.
    service: &'static str,
    /// `aws:SourceArn` of that.
    source_arn: &'s str,
    /// What it does: actions, and the ARN of what they are done to.
    calls: Vec<(&'static str, &'s str)>,
}

/// Judges every role that something acts in.
pub(super) fn find(system: &System, findings: &mut Vec<Finding>) {
    for actor in actors(system) {
        let Some(role) = system.role(actor.role) else {
            let is_own = role_account(actor.role) == Some(system.scope().account);
            if system.is_live && is_own {
                findings.push(missing(&actor));
            }
            continue;
        };
        not_assumable(system, &actor, role, findings);
        may_not(system, &actor, role, findings);
    }
}

fn actors(system: &System) -> Vec<Actor<'_>> {
    let mut actors = Vec::new();
    for (bus, rule) in system.rules() {
        for target in &rule.targets {
            actors.extend(target.role.as_deref().map(|role| Actor {
                resource: name(bus, rule),
                role,
                service: "events.amazonaws.com",
                source_arn: &rule.arn,
                calls: action(&target.arn).map(|action| (action, &*target.arn)).into_iter().collect(),
            }));
        }
    }
    for schedule in system.schedules.iter().filter(|schedule| schedule.enabled) {
        actors.push(Actor {
            resource: format!("schedule {}", schedule.name),
            role: &schedule.role,
            service: "scheduler.amazonaws.com",
            source_arn: &schedule.group_arn,
            calls: action(&schedule.target).map(|action| (action, &*schedule.target)).into_iter().collect(),
        });
    }
    for pipe in system.pipes.iter().filter(|pipe| pipe.enabled) {
        let stages = pipe.enrichment.as_deref().into_iter().chain([&*pipe.target]);
        let stages = stages.filter_map(|arn| action(arn).map(|action| (action, arn)));
        actors.push(Actor {
            resource: format!("pipe {}", pipe.name),
            role: &pipe.role,
            service: "pipes.amazonaws.com",
            source_arn: &pipe.arn,
            calls: TAKES.iter().map(|action| (*action, &*pipe.source)).chain(stages).collect(),
        });
    }
    for mapping in system.mappings.iter().filter(|mapping| mapping.enabled) {
        let function = system.functions.iter().find(|known| known.name == mapping.function);
        let Some((function, role)) =
            function.and_then(|function| Some((function, function.role.as_deref()?)))
        else {
            continue;
        };
        actors.push(Actor {
            resource: format!("function {}", function.name),
            role,
            service: "lambda.amazonaws.com",
            source_arn: &function.arn,
            calls: TAKES.iter().map(|action| (*action, &*mapping.source)).collect(),
        });
    }
    actors
}

/// What a target's caller does to it; nothing where the resource is not known in full (the stream of a log group).
fn action(arn: &str) -> Option<&'static str> {
    match Destination::of(arn).ok()? {
        Destination::Queue(..) => Some("sqs:SendMessage"),
        Destination::Topic(_) => Some("sns:Publish"),
        Destination::Function(..) => Some("lambda:InvokeFunction"),
        Destination::Bus(..) => Some("events:PutEvents"),
        Destination::Api(..) => Some("events:InvokeApiDestination"),
        Destination::LogGroup(..) | Destination::Discoverer(_) => None,
    }
}

fn missing(actor: &Actor<'_>) -> Finding {
    Finding {
        code: "role-missing",
        severity: Severity::Error,
        resource: actor.resource.clone(),
        why: format!("the role that it acts in, {}, does not exist", short_arn(actor.role)),
        fix: "create it, or correct the ARN".to_owned(),
    }
}

/// A denial is certain unless a statement has conditions, which may hold when the call is made.
fn severity<'t>(mut texts: impl Iterator<Item = &'t str>) -> Severity {
    if texts.any(|text| text.contains("\"Condition\"")) { Severity::Warning } else { Severity::Error }
}

fn not_assumable(system: &System, actor: &Actor<'_>, role: &Role, findings: &mut Vec<Finding>) {
    let Ok(trust) = Document::parse_trust(&role.trust) else { return };
    let caller = service(system, actor.service, actor.source_arn);
    let access = Access { action: "sts:AssumeRole", resource: &role.arn, policy: Some(&trust), context: &[] };
    if access.denied(&caller, system.scope(), Timestamp::from_millis(0)).is_none() {
        return;
    }
    findings.push(Finding {
        code: "role-not-assumable",
        severity: severity([&*role.trust].into_iter()),
        resource: actor.resource.clone(),
        why: format!("{} may not assume the role that it acts in, {}", actor.service, short_arn(&role.arn)),
        fix: format!("let the role's AssumeRolePolicyDocument allow sts:AssumeRole to {}", actor.service),
    });
}

fn may_not(system: &System, actor: &Actor<'_>, role: &Role, findings: &mut Vec<Finding>) {
    let Some(identity) = policies(role) else { return };
    let account = system.scope().account;
    let of_role = Caller {
        principal: Principal::Role { arn: role.arn.as_str().into(), session: "lint".into() },
        identity: Some(identity.into()),
        ..Caller::of_account(account, "lint", "")
    };
    for (action, resource) in &actor.calls {
        let Some(Denial { message, allow }) = denied(system, &of_role, action, resource) else { continue };
        // What the resource denies to anybody is told of the resource.
        if denied(system, &Caller::of_account(account, "lint", ""), action, resource).is_some() {
            continue;
        }
        let fix = match allow.as_str() {
            "" => "take the statement that denies it out of the role's policies".to_owned(),
            allow => format!("add to the role's policies {allow}"),
        };
        findings.push(Finding {
            code: "role-may-not",
            severity: severity(role.policies.iter().chain(&role.boundary).map(String::as_str)),
            resource: actor.resource.clone(),
            why: format!("its role may not do what it is for: {message}"),
            fix,
        });
    }
}

fn denied(system: &System, caller: &Caller, action: &'static str, resource: &str) -> Option<Denial> {
    let policy = gate(system, resource).and_then(|(_, _, policy)| Document::parse(policy?).ok());
    let access = Access { action, resource, policy: policy.as_ref(), context: &[] };
    access.denied(caller, system.scope(), Timestamp::from_millis(0))
}

/// What a role may do; `None` if a text is no policy, which a server does not give.
fn policies(role: &Role) -> Option<IdentityPolicies> {
    let parse = |text: &String| Document::parse_identity(text).ok();
    let documents = role.policies.iter().map(parse).collect::<Option<Vec<_>>>()?;
    let boundary = match role.boundary.as_deref() {
        None => None,
        // A boundary that cannot be found bounds everything away.
        Some("") => Some(Document::default()),
        Some(text) => Some(Document::parse_identity(text).ok()?),
    };
    Some(IdentityPolicies { documents, boundary, ..Default::default() })
}
