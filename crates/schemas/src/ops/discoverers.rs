//! Discoverers: the rules by which events reach them, and their states.
//!
//! As on AWS a discoverer is a managed rule on the bus. Its target is the discoverer, to which EventBridge delivers by `GetDiscoveredSchema`; see
//! [`crate::discovery`]. A bus without a discoverer knows nothing of all this.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use pontoon_api::events;
use pontoon_api::schemas::*;
use pontoon_core::policy::{Document, IdentityPolicies};
use pontoon_core::{
    ApiError, Arn, Hop, Output, ParkId, Principal, Reply, Request, Scope, ServiceId, Settled, Space, Step,
    Ticket,
};

use super::page::page;
use super::{Answer, access, tags};
use crate::records::{self, DiscovererRecord};
use crate::state::registry::DISCOVERERS_MAX;
use crate::{Error, PRINCIPAL, Schemas, discoverer_arn};

const STARTED: &str = "STARTED";
const STOPPED: &str = "STOPPED";
/// The id of a discoverer's only target.
const TARGET: &str = "discoverer";

/// What is answered once a discoverer's rule is as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Start,
    Stop,
}

/// A discoverer as it is to be, which waits for its rule.
struct Laying {
    verb: Verb,
    park: ParkId,
    id: String,
    record: DiscovererRecord,
    /// Whether the rule is there, and its target is awaited.
    has_rule: bool,
}

/// What the service-linked role of the schema registry may do; AWS's names the rules too, but a new rule is judged by its bus here.
static ROLE: LazyLock<Arc<IdentityPolicies>> = LazyLock::new(|| {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":["events:PutRule","events:DeleteRule","events:PutTargets","events:RemoveTargets"],
        "Resource":"arn:aws:events:*:*:*"}]}"#;
    let documents = Document::parse_identity(policy).into_iter().collect();
    Arc::new(IdentityPolicies { documents, ..IdentityPolicies::default() })
});

/// The name of a discoverer's rule.
#[must_use]
pub fn rule_name(id: &str) -> String {
    format!("Schemas-{id}")
}

/// The bus that a discoverer listens to: its name, of this account and region.
fn bus_of(scope: Scope, arn: &str) -> Result<&str, Error> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "events");
    let name = parsed.as_ref().and_then(|arn| arn.resource.strip_prefix("event-bus/"));
    let (Some(parsed), Some(name)) = (parsed.as_ref(), name) else {
        return Err(Error::BadRequest(format!("{arn} is no ARN of an event bus.")));
    };
    match parsed.scope() == Some(scope) {
        true => Ok(name),
        false => Err(Error::BadRequest(format!("{arn} is an event bus of another account or region."))),
    }
}

fn id_of(bus: &str) -> String {
    format!("events-event-bus-{}", bus.replace('/', "-"))
}

/// Which events a discoverer gets: those of applications, as AWS's own have their schemas already; without `cross_account` those of its account.
fn pattern(scope: Scope, record: &DiscovererRecord) -> String {
    let source = r#""source":[{"anything-but":{"prefix":"aws."}}]"#;
    match record.cross_account {
        true => format!("{{{source}}}"),
        false => format!(r#"{{{source},"account":["{}"]}}"#, scope.account),
    }
}

/// A call of EventBridge in the name of the service-linked role, as which rules are the service's own.
fn hop(step: &mut Step<'_>, request: events::Request, arn: &str, ticket: Option<Ticket>) {
    let mut caller = step.hop_caller(PRINCIPAL, arn, step.caller.traces.clone());
    let role = format!(
        "arn:aws:iam::{}:role/aws-service-role/{PRINCIPAL}/AWSServiceRoleForSchemas",
        step.scope.account
    );
    caller.principal = Principal::Role { arn: role.into(), session: "schemas".into() };
    caller.identity = Some(Arc::clone(&ROLE));
    let request: Box<dyn Request> = Box::new(request);
    let (to, resource) = (step.scope, arn.into());
    step.hop(Hop { to, caller, request, resource, attempt: 1, traced: true, ticket });
}

fn put_rule(step: &mut Step<'_>, laying: Laying) {
    let record = &laying.record;
    let input = events::PutRuleInput {
        name: rule_name(&laying.id),
        event_bus_name: Some(record.source_arn.clone()),
        event_pattern: Some(pattern(step.scope, record)),
        state: Some(if record.is_started { "ENABLED" } else { "DISABLED" }.to_owned()),
        description: Some("Schema discovery".to_owned()),
        ..Default::default()
    };
    let bus = record.source_arn.clone();
    let ticket = ticket(step, laying);
    hop(step, events::Request::PutRule(input), &bus, Some(ticket));
}

fn put_target(step: &mut Step<'_>, laying: Laying) {
    let arn = discoverer_arn(step.scope, &laying.id);
    let bus = laying.record.source_arn.clone();
    let input = events::PutTargetsInput {
        rule: rule_name(&laying.id),
        event_bus_name: Some(bus.clone()),
        targets: vec![events::Target { id: TARGET.to_owned(), arn, ..Default::default() }],
    };
    let ticket = ticket(step, laying);
    hop(step, events::Request::PutTargets(input), &bus, Some(ticket));
}

/// Takes the rule of a discoverer away, whether it is there or not.
fn remove_rule(step: &mut Step<'_>, id: &str, bus: &str) {
    let (rule, event_bus_name) = (rule_name(id), Some(bus.to_owned()));
    let targets = events::RemoveTargetsInput {
        rule: rule.clone(),
        event_bus_name: event_bus_name.clone(),
        ids: vec![TARGET.to_owned()],
        force: Some(true),
    };
    hop(step, events::Request::RemoveTargets(targets), bus, None);
    let rule = events::DeleteRuleInput { name: rule, event_bus_name, force: Some(true) };
    hop(step, events::Request::DeleteRule(rule), bus, None);
}

fn ticket(step: &Step<'_>, laying: Laying) -> Ticket {
    Ticket { owner: ServiceId::Schemas, scope: step.scope, token: Box::new(laying) }
}

/// Lays the rule of a discoverer, anew should somebody have taken it away; the answer comes when it and its target are there.
fn lay(step: &mut Step<'_>, verb: Verb, id: String, record: DiscovererRecord) -> ParkId {
    let park = step.park();
    put_rule(step, Laying { verb, park, id, record, has_rule: false });
    park
}

pub fn create(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: CreateDiscovererInput,
) -> Answer<CreateDiscovererOutput> {
    let CreateDiscovererInput { description, source_arn, cross_account, tags } = input;
    let id = id_of(bus_of(step.scope, &source_arn)?);
    access::authorize_alone(step, "schemas:CreateDiscoverer", &discoverer_arn(step.scope, &id))?;
    let tags = tags.unwrap_or_default();
    tags::check(&tags)?;
    let discoverers = &schemas.region_mut(step.scope).discoverers;
    if discoverers.contains_key(&id) {
        return Err(Error::Conflict(format!("Discoverer with id {id} already exists.")));
    }
    if discoverers.len() >= DISCOVERERS_MAX {
        return Err(Error::quota("discoverers", DISCOVERERS_MAX));
    }
    let cross_account = cross_account.unwrap_or(true);
    let record = DiscovererRecord { description, source_arn, cross_account, is_started: true, tags };
    Ok(Reply::Parked(lay(step, Verb::Create, id, record)))
}

impl Schemas {
    /// Goes on with a discoverer whose rule, or whose rule's target, has been put or refused.
    pub(crate) fn discoverer_settled(
        &mut self,
        step: &mut Step<'_>,
        token: Box<dyn Any + Send>,
        outcome: Settled,
    ) {
        let Ok(laying) = token.downcast::<Laying>() else {
            unreachable!("the host hands back the tokens that it was given");
        };
        if let Err(error) = outcome {
            if laying.has_rule && laying.verb == Verb::Create {
                remove_rule(step, &laying.id, &laying.record.source_arn);
            }
            let error: ApiError = match &*error.code {
                "ResourceNotFoundException" => Error::NotFound(error.message).into(),
                _ => Error::BadRequest(error.message).into(),
            };
            return step.unpark(laying.park, Err(error));
        }
        if !laying.has_rule {
            return put_target(step, Laying { has_rule: true, ..*laying });
        }
        let Laying { verb, park, id, record, .. } = *laying;
        step.put(Space::Config, records::discoverer_key(step.scope, &id), records::to_json(&record));
        step.unpark(park, Ok(answer(step, verb, &id, &record)));
        self.region_mut(step.scope).discoverers.insert(id, record);
    }
}

fn answer(step: &Step<'_>, verb: Verb, id: &str, record: &DiscovererRecord) -> Box<dyn Output> {
    let (discoverer_id, state) = (Some(id.to_owned()), Some(state(record)));
    let DiscovererRecord { description, source_arn, cross_account, tags, .. } = record.clone();
    let (source_arn, cross_account, tags) = (Some(source_arn), Some(cross_account), Some(tags));
    let discoverer_arn = Some(discoverer_arn(step.scope, id));
    match verb {
        Verb::Create => Box::new(CreateDiscovererOutput {
            description,
            discoverer_arn,
            discoverer_id,
            source_arn,
            state,
            cross_account,
            tags,
        }),
        Verb::Update => Box::new(UpdateDiscovererOutput {
            description,
            discoverer_arn,
            discoverer_id,
            source_arn,
            state,
            cross_account,
            tags,
        }),
        Verb::Start => Box::new(StartDiscovererOutput { discoverer_id, state }),
        Verb::Stop => Box::new(StopDiscovererOutput { discoverer_id, state }),
    }
}

fn state(record: &DiscovererRecord) -> String {
    if record.is_started { STARTED } else { STOPPED }.to_owned()
}

pub fn describe(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DescribeDiscovererInput,
) -> Answer<DescribeDiscovererOutput> {
    let id = input.discoverer_id;
    let arn = discoverer_arn(step.scope, &id);
    access::authorize_alone(step, "schemas:DescribeDiscoverer", &arn)?;
    let record = schemas.discoverer_mut(step.scope, &id)?.clone();
    Ok(DescribeDiscovererOutput {
        state: Some(state(&record)),
        description: record.description,
        discoverer_arn: Some(arn),
        discoverer_id: Some(id),
        source_arn: Some(record.source_arn),
        cross_account: Some(record.cross_account),
        tags: Some(record.tags),
    }
    .into())
}

pub fn update(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: UpdateDiscovererInput,
) -> Answer<UpdateDiscovererOutput> {
    let UpdateDiscovererInput { description, discoverer_id: id, cross_account } = input;
    let arn = discoverer_arn(step.scope, &id);
    access::authorize_alone(step, "schemas:UpdateDiscoverer", &arn)?;
    let mut record = schemas.discoverer_mut(step.scope, &id)?.clone();
    record.description = description.or(record.description);
    record.cross_account = cross_account.unwrap_or(record.cross_account);
    Ok(Reply::Parked(lay(step, Verb::Update, id, record)))
}

pub fn start(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: StartDiscovererInput,
) -> Answer<StartDiscovererOutput> {
    let id = input.discoverer_id;
    access::authorize_alone(step, "schemas:StartDiscoverer", &discoverer_arn(step.scope, &id))?;
    let record = DiscovererRecord { is_started: true, ..schemas.discoverer_mut(step.scope, &id)?.clone() };
    Ok(Reply::Parked(lay(step, Verb::Start, id, record)))
}

pub fn stop(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: StopDiscovererInput,
) -> Answer<StopDiscovererOutput> {
    let id = input.discoverer_id;
    access::authorize_alone(step, "schemas:StopDiscoverer", &discoverer_arn(step.scope, &id))?;
    let record = DiscovererRecord { is_started: false, ..schemas.discoverer_mut(step.scope, &id)?.clone() };
    Ok(Reply::Parked(lay(step, Verb::Stop, id, record)))
}

/// What it has discovered stays.
pub fn delete(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: DeleteDiscovererInput,
) -> Answer<DeleteDiscovererOutput> {
    let id = input.discoverer_id;
    access::authorize_alone(step, "schemas:DeleteDiscoverer", &discoverer_arn(step.scope, &id))?;
    let record = schemas.discoverer_mut(step.scope, &id)?.clone();
    schemas.region_mut(step.scope).discoverers.remove(&id);
    step.delete(Space::Config, records::discoverer_key(step.scope, &id));
    remove_rule(step, &id, &record.source_arn);
    Ok(DeleteDiscovererOutput {}.into())
}

pub fn list(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: ListDiscoverersInput,
) -> Answer<ListDiscoverersOutput> {
    access::authorize_alone(step, "schemas:ListDiscoverers", &discoverer_arn(step.scope, "*"))?;
    let ListDiscoverersInput { discoverer_id_prefix, limit, next_token, source_arn_prefix } = input;
    let (id_prefix, arn_prefix) =
        (discoverer_id_prefix.unwrap_or_default(), source_arn_prefix.unwrap_or_default());
    let scope = step.scope;
    let chosen = schemas.region_mut(scope).discoverers.iter();
    let chosen = chosen
        .filter(|(id, record)| id.starts_with(&id_prefix) && record.source_arn.starts_with(&arn_prefix))
        .map(|(id, record)| (id.clone(), record));
    let (shown, next_token) = page(chosen, limit, next_token.as_deref())?;
    let summaries = shown.into_iter().map(|(id, record)| DiscovererSummary {
        discoverer_arn: Some(discoverer_arn(scope, &id)),
        discoverer_id: Some(id),
        source_arn: Some(record.source_arn.clone()),
        state: Some(state(record)),
        cross_account: Some(record.cross_account),
        tags: Some(record.tags.clone()),
    });
    Ok(ListDiscoverersOutput { discoverers: Some(summaries.collect()), next_token }.into())
}
