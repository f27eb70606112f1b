//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod access;
mod discoverers;
mod page;
mod policies;
mod registries;
mod schemas;
mod search;
mod tags;
#[cfg(test)]
mod tests;
mod versions;

use pontoon_api::events;
use pontoon_api::schemas::*;
use pontoon_core::shape::Violations;
use pontoon_core::{ApiError, Hop, OperationSchema, Reply, Step, Timestamp};
use serde_json::{Value, json};

use crate::state::content::{Kind, json_schema};
use crate::{Error, PRINCIPAL, Schemas, discovery, schema_arn};

pub(crate) use discoverers::rule_name;
pub(crate) use schemas::{add_version, content_of};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Tells the default bus of a new schema or version (user guide, "Events from EventBridge Schemas").
fn announce(step: &mut Step<'_>, what: &str, (registry, name): (&str, &str), (kind, number): (Kind, u32)) {
    let arn = schema_arn(step.scope, registry, name);
    let detail = json!({
        "SchemaName": name,
        "SchemaType": kind.name(),
        "RegistryName": registry,
        "CreationDate": step.now.iso_secs(),
        "Version": number.to_string(),
    });
    let entry = events::PutEventsRequestEntry {
        source: Some("aws.schemas".to_owned()),
        detail_type: Some(what.to_owned()),
        detail: Some(detail.to_string()),
        resources: Some(vec![arn.clone()]),
        time: Some(Timestamp::from_secs(step.now.secs())),
        ..Default::default()
    };
    let input = events::PutEventsInput { entries: vec![entry], endpoint_id: None };
    let caller = step.hop_caller(PRINCIPAL, &arn, None);
    let resource = step.scope.arn("events", "event-bus/default").into();
    let request = Box::new(events::Request::PutEvents(input));
    let to = step.scope;
    step.hop(Hop { to, caller, request, resource, attempt: 1, traced: false, ticket: None });
}

/// Infers a schema from events. Of those that EventBridge delivers to a discoverer, it is learnt.
fn get_discovered(
    schemas: &mut Schemas,
    step: &mut Step<'_>,
    input: &GetDiscoveredSchemaInput,
) -> Answer<GetDiscoveredSchemaOutput> {
    let is_delivery = discovery::is_delivery(step);
    if !is_delivery {
        access::authorize_alone(step, "schemas:GetDiscoveredSchema", "*")?;
    }
    let read = |event: &String| {
        let event: Value = serde_json::from_str(event)
            .map_err(|error| Error::BadRequest(format!("An event is not valid JSON: {error}.")))?;
        match event.is_object() {
            true => Ok(event),
            false => Err(Error::BadRequest("An event must be a JSON object.".to_owned())),
        }
    };
    let events: Vec<Value> = input.events.iter().map(read).collect::<Result<_, _>>()?;
    if is_delivery {
        // One that was stopped in the meantime learns nothing.
        if let Some(discoverer) = schemas.delivered_to(step) {
            events.iter().for_each(|event| schemas.learn(step, &discoverer, event));
        }
        return Ok(GetDiscoveredSchemaOutput::default().into());
    }
    let content = discovery::content_of(&events);
    let content = match Kind::of(&input.r#type) {
        Kind::OpenApi3 => Some(content),
        Kind::JsonSchema => json_schema(Kind::OpenApi3, &content),
    };
    Ok(GetDiscoveredSchemaOutput { content: content.map(|content| content.to_string()) }.into())
}

impl Handler for Schemas {
    type Error = Error;

    fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        Some(Error::BadRequest(violations.message()).into())
    }

    fn create_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: CreateDiscovererInput,
    ) -> Answer<CreateDiscovererOutput> {
        discoverers::create(self, step, input)
    }

    fn create_registry(
        &mut self,
        step: &mut Step<'_>,
        input: CreateRegistryInput,
    ) -> Answer<CreateRegistryOutput> {
        registries::create(self, step, input)
    }

    fn create_schema(&mut self, step: &mut Step<'_>, input: CreateSchemaInput) -> Answer<CreateSchemaOutput> {
        schemas::create(self, step, input)
    }

    fn delete_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteDiscovererInput,
    ) -> Answer<DeleteDiscovererOutput> {
        discoverers::delete(self, step, input)
    }

    fn delete_registry(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteRegistryInput,
    ) -> Answer<DeleteRegistryOutput> {
        registries::delete(self, step, input)
    }

    fn delete_resource_policy(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteResourcePolicyInput,
    ) -> Answer<DeleteResourcePolicyOutput> {
        policies::delete(self, step, input)
    }

    fn delete_schema(&mut self, step: &mut Step<'_>, input: DeleteSchemaInput) -> Answer<DeleteSchemaOutput> {
        schemas::delete(self, step, input)
    }

    fn delete_schema_version(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteSchemaVersionInput,
    ) -> Answer<DeleteSchemaVersionOutput> {
        versions::delete(self, step, input)
    }

    fn describe_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeDiscovererInput,
    ) -> Answer<DescribeDiscovererOutput> {
        discoverers::describe(self, step, input)
    }

    fn describe_registry(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeRegistryInput,
    ) -> Answer<DescribeRegistryOutput> {
        registries::describe(self, step, input)
    }

    fn describe_schema(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeSchemaInput,
    ) -> Answer<DescribeSchemaOutput> {
        schemas::describe(self, step, input)
    }

    fn export_schema(&mut self, step: &mut Step<'_>, input: ExportSchemaInput) -> Answer<ExportSchemaOutput> {
        versions::export(self, step, input)
    }

    fn get_discovered_schema(
        &mut self,
        step: &mut Step<'_>,
        input: GetDiscoveredSchemaInput,
    ) -> Answer<GetDiscoveredSchemaOutput> {
        get_discovered(self, step, &input)
    }

    fn get_resource_policy(
        &mut self,
        step: &mut Step<'_>,
        input: GetResourcePolicyInput,
    ) -> Answer<GetResourcePolicyOutput> {
        policies::get(self, step, input)
    }

    fn list_discoverers(
        &mut self,
        step: &mut Step<'_>,
        input: ListDiscoverersInput,
    ) -> Answer<ListDiscoverersOutput> {
        discoverers::list(self, step, input)
    }

    fn list_registries(
        &mut self,
        step: &mut Step<'_>,
        input: ListRegistriesInput,
    ) -> Answer<ListRegistriesOutput> {
        registries::list(self, step, input)
    }

    fn list_schema_versions(
        &mut self,
        step: &mut Step<'_>,
        input: ListSchemaVersionsInput,
    ) -> Answer<ListSchemaVersionsOutput> {
        versions::list(self, step, input)
    }

    fn list_schemas(&mut self, step: &mut Step<'_>, input: ListSchemasInput) -> Answer<ListSchemasOutput> {
        schemas::list(self, step, input)
    }

    fn list_tags_for_resource(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsForResourceInput,
    ) -> Answer<ListTagsForResourceOutput> {
        tags::list(self, step, input)
    }

    fn put_resource_policy(
        &mut self,
        step: &mut Step<'_>,
        input: PutResourcePolicyInput,
    ) -> Answer<PutResourcePolicyOutput> {
        policies::put(self, step, input)
    }

    fn search_schemas(
        &mut self,
        step: &mut Step<'_>,
        input: SearchSchemasInput,
    ) -> Answer<SearchSchemasOutput> {
        search::search(self, step, input)
    }

    fn start_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: StartDiscovererInput,
    ) -> Answer<StartDiscovererOutput> {
        discoverers::start(self, step, input)
    }

    fn stop_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: StopDiscovererInput,
    ) -> Answer<StopDiscovererOutput> {
        discoverers::stop(self, step, input)
    }

    fn tag_resource(&mut self, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
        tags::tag(self, step, input)
    }

    fn untag_resource(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Answer<UntagResourceOutput> {
        tags::untag(self, step, input)
    }

    fn update_discoverer(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateDiscovererInput,
    ) -> Answer<UpdateDiscovererOutput> {
        discoverers::update(self, step, input)
    }

    fn update_registry(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateRegistryInput,
    ) -> Answer<UpdateRegistryOutput> {
        registries::update(self, step, input)
    }

    fn update_schema(&mut self, step: &mut Step<'_>, input: UpdateSchemaInput) -> Answer<UpdateSchemaOutput> {
        schemas::update(self, step, input)
    }
}
