//! What can be wrong.

use std::collections::BTreeMap;

use pontoon_core::policy::{Access, Document};
use pontoon_core::{Account, Caller, Principal, Timestamp};

use super::system::{Bus, Mapping, Rule, RuleTarget, System};
use super::{Finding, Severity, cycles, relays, roles};
use crate::show::short_arn;

/// How often a function may run on a message before it is visible again: what AWS recommends for queues with a mapping.
const VISIBILITY_FACTOR: u32 = 6;

/// Everything that is found, errors first.
pub(super) fn all(system: &System) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (bus, rule) in system.rules() {
        never_matches(bus, rule, &mut findings);
        for target in &rule.targets {
            target_takes(system, bus, rule, target, &mut findings);
            dead_letters_taken(system, bus, rule, target, &mut findings);
        }
        if rule.targets.is_empty() {
            findings.push(Finding {
                code: "no-targets",
                severity: Severity::Warning,
                resource: name(bus, rule),
                why: "events that it matches go nowhere".to_owned(),
                fix: "give it a target, or disable it".to_owned(),
            });
        }
    }
    shadows(system, &mut findings);
    subscriptions(system, &mut findings);
    mappings(system, &mut findings);
    unwatched(system, &mut findings);
    findings.extend(cycles::find(system));
    findings.extend(relays::find(system));
    roles::find(system, &mut findings);
    findings.sort_by(|a, b| (a.severity, &a.resource, a.code).cmp(&(b.severity, &b.resource, b.code)));
    findings
}

pub(super) fn name(bus: &Bus, rule: &Rule) -> String {
    format!("rule {}/{}", bus.name, rule.name)
}

fn never_matches(bus: &Bus, rule: &Rule, findings: &mut Vec<Finding>) {
    let Some(pattern) = &rule.compiled else { return };
    let reasons = pattern.never_matches();
    if reasons.is_empty() {
        return;
    }
    let why = reasons
        .iter()
        .map(|reason| format!("{} expects {}, but {}", reason.path, reason.expected, reason.why));
    findings.push(Finding {
        code: "never-matches",
        severity: Severity::Error,
        resource: name(bus, rule),
        why: format!("no event matches its pattern: {}", why.collect::<Vec<_>>().join("; ")),
        fix: "correct the field; `pontoon events explain` holds the pattern against an event".to_owned(),
    });
}

/// A service that calls on behalf of a resource.
pub(super) fn service(system: &System, principal: &'static str, source_arn: &str) -> Caller {
    let mut caller = Caller::of_account(system.scope().account, "lint", "");
    caller.principal = Principal::Service(principal);
    caller.source_arn = Some(source_arn.into());
    caller
}

/// The account of a role, in whose name a target with a role is called.
pub(super) fn role_account(role: &str) -> Option<Account> {
    role.split(':').nth(4)?.parse().ok()
}

/// Why a call would be denied, and the statement that would allow it.
fn denied(
    system: &System,
    caller: &Caller,
    action: &'static str,
    resource: &str,
    policy: Option<&str>,
) -> Option<(String, String)> {
    let document = policy.and_then(|policy| Document::parse(policy).ok());
    let access = Access { action, resource, policy: document.as_ref(), context: &[] };
    let denial = access.denied(caller, system.scope(), Timestamp::from_millis(0))?;
    Some((denial.message, denial.allow))
}

/// What a resource must let its caller do, and its policy; nothing if it has none that asks, or is not here.
pub(super) fn gate<'s>(
    system: &'s System,
    arn: &str,
) -> Option<(&'static str, &'static str, Option<&'s str>)> {
    if let Some(queue) = system.queue(arn) {
        return Some(("queue", "sqs:SendMessage", queue.policy.as_deref()));
    }
    if let Some((function, qualifier)) = system.function(arn) {
        return Some((
            "function",
            "lambda:InvokeFunction",
            function.policies.get(qualifier).map(String::as_str),
        ));
    }
    let topic = system.topics.iter().find(|topic| topic.arn == arn)?;
    Some(("topic", "sns:Publish", topic.policy.as_deref()))
}

fn is_missing(system: &System, arn: &str) -> bool {
    system.is_here(arn)
        && gate(system, arn).is_none()
        && system.bus(arn).is_none()
        && !system.api_destinations.iter().any(|known| known == arn)
}

fn target_takes(system: &System, bus: &Bus, rule: &Rule, target: &RuleTarget, findings: &mut Vec<Finding>) {
    let (resource, called) = (name(bus, rule), short_arn(&target.arn));
    if is_missing(system, &target.arn) {
        findings.push(Finding {
            code: "target-missing",
            severity: Severity::Error,
            resource,
            why: format!("its target {}, {called}, does not exist", target.id),
            fix: "create it, or correct the target's ARN".to_owned(),
        });
        return;
    }
    let Some((kind, action, policy)) = gate(system, &target.arn) else { return };
    let mut caller = service(system, "events.amazonaws.com", &rule.arn);
    if let Some(account) = target.role.as_deref().and_then(role_account) {
        caller = Caller::of_account(account, "lint", "");
    }
    let Some((message, allow)) = denied(system, &caller, action, &target.arn, policy) else { return };
    findings.push(Finding {
        code: match kind {
            "queue" => "queue-denies-rule",
            "function" => "function-denies-rule",
            _ => "topic-denies-rule",
        },
        severity: Severity::Error,
        resource,
        why: format!("the {kind} {called} does not let it in, so on AWS its events are lost: {message}"),
        fix: permit(kind, &allow),
    });
}

fn permit(kind: &str, allow: &str) -> String {
    match (kind, allow) {
        (_, "") => format!("take the statement that denies it out of the {kind}'s policy"),
        ("function", allow) => format!("add an AWS::Lambda::Permission (AddPermission) as of {allow}"),
        (_, allow) => format!("add to the {kind}'s policy {allow}"),
    }
}

fn dead_letters_taken(
    system: &System,
    bus: &Bus,
    rule: &Rule,
    target: &RuleTarget,
    findings: &mut Vec<Finding>,
) {
    let Some(arn) = &target.dead_letter_target else { return };
    let (resource, queue) = (name(bus, rule), short_arn(arn));
    if is_missing(system, arn) {
        findings.push(Finding {
            code: "dead-letter-queue-missing",
            severity: Severity::Error,
            resource,
            why: format!("the dead-letter queue of its target {}, {queue}, does not exist", target.id),
            fix: "create it, or correct the ARN".to_owned(),
        });
        return;
    }
    let Some((kind, action, policy)) = gate(system, arn) else { return };
    let caller = service(system, "events.amazonaws.com", &rule.arn);
    if let Some((message, allow)) = denied(system, &caller, action, arn, policy) {
        findings.push(Finding {
            code: "dead-letter-queue-denies-rule",
            severity: Severity::Error,
            resource,
            why: format!("dead letters of its target {} would be lost: {message}", target.id),
            fix: permit(kind, &allow),
        });
    }
}

/// Pairs of rules looked at on one bus, at most.
const PAIRS_MAX: usize = 1_000_000;

/// Rules of one bus of which one matches all that the other matches, and both send to the same target.
fn shadows(system: &System, findings: &mut Vec<Finding>) {
    for bus in &system.buses {
        let rules: Vec<&Rule> = bus.rules.iter().filter(|rule| rule.enabled).collect();
        // By target first, so that the rules of a large bus are not all compared.
        let mut by_target: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        for rule in rules {
            for target in &rule.targets {
                by_target.entry(&target.arn).or_default().push(rule);
            }
        }
        let pairs = by_target.iter().flat_map(|(target, rules)| {
            rules.iter().flat_map(move |wide| rules.iter().map(move |narrow| (*target, *wide, *narrow)))
        });
        for (target, wide, narrow) in pairs.take(PAIRS_MAX) {
            let (Some(wide_pattern), Some(narrow_pattern)) = (&wide.compiled, &narrow.compiled) else {
                continue;
            };
            // Of two rules alike the first is told of.
            let alike = || narrow_pattern.covers(wide_pattern) && wide.name > narrow.name;
            if wide.name == narrow.name || !wide_pattern.covers(narrow_pattern) || alike() {
                continue;
            }
            findings.push(Finding {
                code: "shadowed",
                severity: Severity::Warning,
                resource: name(bus, narrow),
                why: format!(
                    "every event that it matches is matched by {} too, so {} gets each twice",
                    wide.name,
                    short_arn(target)
                ),
                fix: format!("take the target out of one of the two, or narrow the pattern of {}", wide.name),
            });
        }
    }
}

fn subscriptions(system: &System, findings: &mut Vec<Finding>) {
    for subscription in &system.subscriptions {
        if !["sqs", "lambda"].contains(&&*subscription.protocol) {
            continue;
        }
        let endpoint = short_arn(&subscription.endpoint);
        let resource = format!("topic {}", subscription.topic.rsplit(':').next().unwrap_or_default());
        let finding = |code, why, fix| Finding { code, severity: Severity::Error, resource, why, fix };
        if is_missing(system, &subscription.endpoint) {
            findings.push(finding(
                "subscriber-missing",
                format!("its subscriber {endpoint} does not exist"),
                "create it, or unsubscribe".to_owned(),
            ));
            continue;
        }
        let Some((kind, action, policy)) = gate(system, &subscription.endpoint) else { continue };
        let caller = service(system, "sns.amazonaws.com", &subscription.topic);
        if let Some((message, allow)) = denied(system, &caller, action, &subscription.endpoint, policy) {
            findings.push(finding(
                "subscriber-denies-topic",
                format!(
                    "the {kind} {endpoint} does not let it in, so on AWS its messages are lost: {message}"
                ),
                permit(kind, &allow),
            ));
        }
    }
}

fn mappings(system: &System, findings: &mut Vec<Finding>) {
    for Mapping { source, function, enabled } in &system.mappings {
        let function = system.functions.iter().find(|known| known.name == *function);
        let (Some(queue), Some(function), true) = (system.queue(source), function, *enabled) else {
            continue;
        };
        let wanted = function.timeout_seconds.saturating_mul(VISIBILITY_FACTOR);
        if queue.visibility_timeout_seconds >= wanted {
            continue;
        }
        findings.push(Finding {
            code: "visibility-too-short",
            severity: Severity::Warning,
            resource: format!("queue {}", queue.name),
            why: format!(
                "its visibility timeout of {} s is under {VISIBILITY_FACTOR} times the {} s that function {} may take, so messages can come back while \
                 they are worked on",
                queue.visibility_timeout_seconds, function.timeout_seconds, function.name
            ),
            fix: format!("set VisibilityTimeout to {wanted} or more"),
        });
    }
}

/// Dead-letter queues whose messages no alarm tells of.
fn unwatched(system: &System, findings: &mut Vec<Finding>) {
    let mut used: BTreeMap<&str, String> = BTreeMap::new();
    for queue in &system.queues {
        if let Some(arn) = &queue.dead_letter_target {
            used.entry(arn).or_insert_with(|| format!("queue {}", queue.name));
        }
    }
    for (bus, rule) in system.rules() {
        for arn in rule.targets.iter().filter_map(|target| target.dead_letter_target.as_ref()) {
            used.entry(arn).or_insert_with(|| name(bus, rule));
        }
    }
    for function in &system.functions {
        if let Some(arn) = &function.dead_letter_target {
            used.entry(arn).or_insert_with(|| format!("function {}", function.name));
        }
    }
    for (arn, user) in used {
        let Some(queue) = system.queue(arn) else { continue };
        let watched = system.alarms.iter().flat_map(|alarm| &alarm.metrics).any(|metric| {
            metric.namespace == "AWS/SQS"
                && (metric.name.starts_with("ApproximateNumberOfMessages")
                    || metric.name == "ApproximateAgeOfOldestMessage")
                && metric.dimensions.get("QueueName") == Some(&queue.name)
        });
        if !watched {
            findings.push(Finding {
                code: "dead-letters-unwatched",
                severity: Severity::Warning,
                resource: format!("queue {}", queue.name),
                why: format!("it takes the dead letters of {user}, and no alarm tells when there are any"),
                fix: "an alarm on ApproximateNumberOfMessagesVisible of AWS/SQS with this QueueName, threshold 1, at or above it".to_owned(),
            });
        }
    }
}
