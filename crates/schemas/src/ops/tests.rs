//! Operations over a memory store.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use pontoon_api::events;
use pontoon_api::schemas::*;
use pontoon_api::validation::{ValidateEventsInput, ValidateEventsOutput};
use pontoon_core::policy::PolicyMode;
use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Ids, Output, Principal, Reply, Request as AnyRequest, Scope, Service,
    Step, Store, Timestamp,
};
use serde_json::{Value, json};

use crate::Schemas;

/// A service over a store, without an engine.
struct Bench {
    schemas: Schemas,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    parks: u64,
    now: Timestamp,
    caller: Caller,
    /// What the last step asked for.
    effects: Effects,
}

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";

impl Bench {
    fn new() -> Self {
        let caller = Caller::of_account(Account::DEFAULT, "r", "http://127.0.0.1:4566");
        Self {
            schemas: Schemas::default(),
            store: pontoon_store::memory(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            ids: Ids::from_seed(1),
            parks: 0,
            now: Timestamp::from_secs(1_800_000_000),
            caller,
            effects: Effects::default(),
        }
    }

    /// With the registry `orders`.
    fn with_registry() -> Self {
        let mut bench = Self::new();
        let input = CreateRegistryInput { registry_name: "orders".into(), ..Default::default() };
        bench.call::<CreateRegistryOutput>(Request::CreateRegistry(input)).unwrap();
        bench
    }

    fn step<T>(&mut self, act: impl FnOnce(&mut Schemas, &mut Step<'_>) -> T) -> T {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let caller = self.caller.clone();
        let mut step =
            Step::new(self.now, Scope::default(), &caller, &mut self.ids, &mut self.parks, &ground);
        let outcome = act(&mut self.schemas, &mut step);
        let (batch, effects) = step.finish();
        self.store.apply(batch).unwrap();
        self.effects = effects;
        outcome
    }

    fn reply(&mut self, request: impl AnyRequest) -> Result<Reply<Box<dyn Output>>, ApiError> {
        self.step(|schemas, step| schemas.call(step, Box::new(request)))
    }

    fn call<T: 'static>(&mut self, request: impl AnyRequest) -> Result<T, ApiError> {
        match self.reply(request)? {
            Reply::Ready(output) => Ok(*output.into_any().downcast().unwrap()),
            Reply::Read(read) => Ok(*read(self.store.snapshot().as_ref())?.into_any().downcast().unwrap()),
            Reply::Parked(_) => panic!("it answers at once"),
        }
    }

    /// The same store under a service that has just started.
    fn restart(&mut self) {
        self.schemas = Schemas::default();
        self.schemas.load(self.store.as_ref()).unwrap();
    }

    fn create(&mut self, name: &str, kind: &str, content: &str) -> Result<CreateSchemaOutput, ApiError> {
        self.call(Request::CreateSchema(CreateSchemaInput {
            registry_name: "orders".into(),
            schema_name: name.into(),
            r#type: kind.into(),
            content: content.into(),
            ..Default::default()
        }))
    }

    fn update(&mut self, name: &str, content: &str) -> Result<UpdateSchemaOutput, ApiError> {
        self.call(Request::UpdateSchema(UpdateSchemaInput {
            registry_name: "orders".into(),
            schema_name: name.into(),
            content: Some(content.into()),
            ..Default::default()
        }))
    }

    fn describe(
        &mut self,
        registry: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<DescribeSchemaOutput, ApiError> {
        self.call(Request::DescribeSchema(DescribeSchemaInput {
            registry_name: registry.into(),
            schema_name: name.into(),
            schema_version: version.map(str::to_owned),
        }))
    }

    /// Creates a discoverer, with EventBridge played by hand; gives the pattern of its rule.
    fn discover(&mut self, cross_account: Option<bool>) -> Value {
        let input = CreateDiscovererInput { source_arn: BUS.into(), cross_account, ..Default::default() };
        assert!(matches!(self.reply(Request::CreateDiscoverer(input)), Ok(Reply::Parked(_))));
        let rule = self.settle(Ok(Box::new(events::PutRuleOutput::default())));
        let events::Request::PutRule(rule) = rule else { panic!("{rule:?}") };
        let target = self.settle(Ok(Box::new(events::PutTargetsOutput::default())));
        let events::Request::PutTargets(target) = target else { panic!("{target:?}") };
        assert_eq!(
            target.targets[0].arn,
            "arn:aws:schemas:us-east-1:000000000000:discoverer/events-event-bus-default"
        );
        let output = self.effects.unparked.remove(0).1.unwrap();
        let output: CreateDiscovererOutput = *output.into_any().downcast().unwrap();
        assert_eq!(
            (output.discoverer_id.as_deref(), output.state.as_deref()),
            (Some("events-event-bus-default"), Some("STARTED"))
        );
        serde_json::from_str(&rule.event_pattern.unwrap()).unwrap()
    }

    /// Answers the hop that the last step made; gives what it asked for.
    fn settle(&mut self, outcome: Result<Box<dyn Output>, ApiError>) -> events::Request {
        let hop = self.effects.hops.remove(0);
        let identity = hop.caller.identity.as_ref().unwrap();
        assert_eq!(identity.documents.len(), 1, "the role may do what it does");
        let ticket = hop.ticket.unwrap();
        self.step(|schemas, step| schemas.settled(step, ticket.token, outcome));
        *hop.request.into_any().downcast().unwrap()
    }

    /// Delivers an event to the discoverer, as EventBridge does.
    fn deliver(&mut self, event: &Value) {
        let before = self.caller.clone();
        self.caller.principal = Principal::Service("events.amazonaws.com");
        let rule = "arn:aws:events:us-east-1:000000000000:rule/Schemas-events-event-bus-default";
        self.caller.source_arn = Some(rule.into());
        let input = GetDiscoveredSchemaInput { r#type: "OpenApi3".into(), events: vec![event.to_string()] };
        self.call::<GetDiscoveredSchemaOutput>(Request::GetDiscoveredSchema(input)).unwrap();
        self.caller = before;
    }

    /// The versions of the discovered schema of `shop@OrderCreated`.
    fn versions(&mut self) -> usize {
        let input = ListSchemaVersionsInput {
            registry_name: "discovered-schemas".into(),
            schema_name: "shop@OrderCreated".into(),
            ..Default::default()
        };
        let listed: Result<ListSchemaVersionsOutput, _> = self.call(Request::ListSchemaVersions(input));
        listed.map_or(0, |listed| listed.schema_versions.unwrap().len())
    }
}

/// Status, code and message of an error.
fn refused<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> (u16, String, String) {
    let error = outcome.unwrap_err();
    (error.status, error.code.into_owned(), error.message)
}

fn event(detail: Value) -> Value {
    json!({ "version": "0", "id": "1", "detail-type": "order created", "source": "shop", "account": "000000000000",
        "time": "2026-01-31T12:00:00Z", "region": "us-east-1", "resources": [], "detail": detail })
}

const SCHEMA: &str = r#"{"type":"object","properties":{"detail":{"type":"object","required":["orderId"]}}}"#;

#[test]
fn a_schema_has_versions_that_stay_readable() {
    let mut bench = Bench::with_registry();
    let created = bench.create("shop@OrderCreated", "JSONSchemaDraft4", SCHEMA).unwrap();
    assert_eq!(created.schema_version.as_deref(), Some("1"));
    let arn = "arn:aws:schemas:us-east-1:000000000000:schema/orders/shop@OrderCreated";
    assert_eq!(created.schema_arn.as_deref(), Some(arn));
    // AWS tells the default bus.
    let told = bench.effects.hops.remove(0);
    let events::Request::PutEvents(told) = *told.request.into_any().downcast().unwrap() else {
        panic!("no events")
    };
    assert_eq!(told.entries[0].detail_type.as_deref(), Some("Schema Created"));

    // The same content makes no version.
    assert_eq!(bench.update("shop@OrderCreated", SCHEMA).unwrap().schema_version.as_deref(), Some("1"));
    let changed = r#"{"type":"object"}"#;
    assert_eq!(bench.update("shop@OrderCreated", changed).unwrap().schema_version.as_deref(), Some("2"));
    bench.restart();
    for (version, content) in [(None, changed), (Some("1"), SCHEMA), (Some("2"), changed)] {
        let described = bench.describe("orders", "shop@OrderCreated", version).unwrap();
        assert_eq!(described.content.as_deref(), Some(content));
    }
    let unknown = bench.describe("orders", "shop@OrderCreated", Some("3"));
    assert_eq!(refused(unknown).2, "Schema version 3 does not exist.");

    let delete = |version: &str| DeleteSchemaVersionInput {
        registry_name: "orders".into(),
        schema_name: "shop@OrderCreated".into(),
        schema_version: version.into(),
    };
    bench.call::<DeleteSchemaVersionOutput>(Request::DeleteSchemaVersion(delete("2"))).unwrap();
    let last = bench.call::<DeleteSchemaVersionOutput>(Request::DeleteSchemaVersion(delete("1")));
    assert_eq!(refused(last).0, 400);
    // A number is not given out twice.
    assert_eq!(bench.update("shop@OrderCreated", changed).unwrap().schema_version.as_deref(), Some("3"));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut bench = Bench::with_registry();
    bench.create("a", "JSONSchemaDraft4", SCHEMA).unwrap();
    let conflict = |message: &str| (409, "ConflictException".to_owned(), message.to_owned());
    assert_eq!(
        refused(bench.create("a", "JSONSchemaDraft4", SCHEMA)),
        conflict("Schema with name a already exists.")
    );
    let registry = |name: &str| CreateRegistryInput { registry_name: name.into(), ..Default::default() };
    let mut create = |name: &str| bench.call::<CreateRegistryOutput>(Request::CreateRegistry(registry(name)));
    assert_eq!(refused(create("orders")), conflict("Registry with name orders already exists."));
    assert_eq!(refused(create("aws.mine")).0, 403);
    assert_eq!(refused(create("no name")).0, 400);
    for number in 0..9 {
        create(&format!("r{number}")).unwrap();
    }
    assert_eq!(
        refused(create("eleventh")),
        (403, "ForbiddenException".to_owned(), "The quota of 10 registries is reached.".to_owned())
    );

    let (status, code, message) = refused(bench.create("b", "JSONSchemaDraft4", r#"{"type":"order"}"#));
    assert_eq!((status, code.as_str()), (400, "BadRequestException"));
    assert!(message.starts_with("The content is no schema: "), "{message}");
    assert_eq!(refused(bench.create("a/b", "JSONSchemaDraft4", SCHEMA)).0, 400);
    assert_eq!(refused(bench.describe("orders", "b", None)).2, "Schema with name b does not exist.");
    assert_eq!(refused(bench.describe("none", "b", None)).2, "Registry with name none does not exist.");
    let delete = DeleteRegistryInput { registry_name: "orders".into() };
    assert_eq!(refused(bench.call::<DeleteRegistryOutput>(Request::DeleteRegistry(delete))).0, 400);
}

#[test]
fn lists_are_paged_and_searched() {
    let mut bench = Bench::with_registry();
    for name in ["c", "a", "b"] {
        bench.create(name, "JSONSchemaDraft4", &SCHEMA.replace("orderId", &format!("order-{name}"))).unwrap();
    }
    let mut names = Vec::new();
    let mut next_token = None;
    loop {
        let input = ListSchemasInput {
            limit: Some(2),
            next_token,
            registry_name: "orders".into(),
            schema_name_prefix: None,
        };
        let page: ListSchemasOutput = bench.call(Request::ListSchemas(input)).unwrap();
        names.extend(page.schemas.unwrap().into_iter().map(|schema| schema.schema_name.unwrap()));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    let input = ListSchemasInput {
        next_token: Some("?".into()),
        registry_name: "orders".into(),
        ..Default::default()
    };
    assert_eq!(refused(bench.call::<ListSchemasOutput>(Request::ListSchemas(input))).0, 400);

    let search = SearchSchemasInput {
        keywords: "ORDER-B required".into(),
        registry_name: "orders".into(),
        ..Default::default()
    };
    let found: SearchSchemasOutput = bench.call(Request::SearchSchemas(search)).unwrap();
    let found = found.schemas.unwrap();
    assert_eq!((found.len(), found[0].schema_name.as_deref()), (1, Some("b")));

    for (scope, expected) in [("Local", vec!["discovered-schemas", "orders"]), ("AWS", vec!["aws.events"])] {
        let input = ListRegistriesInput { scope: Some(scope.into()), ..Default::default() };
        let listed: ListRegistriesOutput = bench.call(Request::ListRegistries(input)).unwrap();
        let names: Vec<String> =
            listed.registries.unwrap().into_iter().map(|found| found.registry_name.unwrap()).collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn a_policy_lets_others_in_and_has_revisions() {
    let mut bench = Bench::with_registry();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"schemas:DescribeRegistry","Resource":"*"}]}"#;
    let put = |revision_id: Option<&str>| {
        Request::PutResourcePolicy(PutResourcePolicyInput {
            policy: policy.into(),
            registry_name: Some("orders".into()),
            revision_id: revision_id.map(str::to_owned),
        })
    };
    let first: PutResourcePolicyOutput = bench.call(put(None)).unwrap();
    assert_eq!(
        refused(bench.call::<PutResourcePolicyOutput>(put(Some("other")))).1,
        "PreconditionFailedException"
    );
    bench.call::<PutResourcePolicyOutput>(put(first.revision_id.as_deref())).unwrap();
    bench.restart();
    let other: Account = "111111111111".parse().unwrap();
    (bench.caller.principal, bench.caller.account) = (Principal::Account(other), other);
    let describe = DescribeRegistryInput { registry_name: "orders".into() };
    bench.call::<DescribeRegistryOutput>(Request::DescribeRegistry(describe)).unwrap();
    assert_eq!(refused(bench.describe("orders", "a", None)).1, "ForbiddenException");
}

#[test]
fn events_are_discovered_and_a_new_shape_is_a_new_version() {
    let mut bench = Bench::new();
    let pattern = bench.discover(Some(false));
    assert_eq!(
        pattern,
        json!({ "source": [{ "anything-but": { "prefix": "aws." } }], "account": ["000000000000"] })
    );
    bench.deliver(&event(json!({ "orderId": "1", "lines": [{ "price": 1.5 }] })));
    assert_eq!(bench.versions(), 1);
    // The same shape, and one that the schema takes.
    bench.deliver(&event(json!({ "orderId": "2", "lines": [{ "price": 2 }, { "price": 3 }] })));
    assert_eq!(bench.versions(), 1);
    bench.restart();
    bench.deliver(&event(json!({ "orderId": "3", "lines": [], "note": null })));
    bench.deliver(&event(json!({ "orderId": "3", "lines": [] })));
    assert_eq!(bench.versions(), 2);
    let schema = bench.describe("discovered-schemas", "shop@OrderCreated", None).unwrap();
    let content: Value = serde_json::from_str(&schema.content.unwrap()).unwrap();
    assert_eq!(
        content["components"]["schemas"]["OrderCreated"],
        json!({
            "type": "object", "required": ["lines", "orderId"],
            "properties": { "lines": { "type": "array", "items": { "$ref": "#/components/schemas/Lines" } }, "note": {}, "orderId": { "type": "string" } },
        })
    );
    assert_eq!(content["components"]["schemas"]["AWSEvent"]["x-amazon-events-detail-type"], "order created");
    // A discoverer that does not run learns nothing.
    let stop = StopDiscovererInput { discoverer_id: "events-event-bus-default".into() };
    assert!(matches!(bench.reply(Request::StopDiscoverer(stop)), Ok(Reply::Parked(_))));
    let events::Request::PutRule(rule) = bench.settle(Ok(Box::new(events::PutRuleOutput::default()))) else {
        panic!()
    };
    assert_eq!(rule.state.as_deref(), Some("DISABLED"));
    bench.settle(Ok(Box::new(events::PutTargetsOutput::default())));
    bench.deliver(&event(json!({ "quite": "other" })));
    assert_eq!(bench.versions(), 2);

    let create = CreateSchemaInput {
        registry_name: "discovered-schemas".into(),
        schema_name: "x".into(),
        content: "{}".into(),
        r#type: "JSONSchemaDraft4".into(),
        ..Default::default()
    };
    assert_eq!(refused(bench.call::<CreateSchemaOutput>(Request::CreateSchema(create))).0, 403);
    let export = ExportSchemaInput {
        registry_name: "discovered-schemas".into(),
        schema_name: "shop@OrderCreated".into(),
        schema_version: None,
        r#type: "JSONSchemaDraft4".into(),
    };
    let exported: ExportSchemaOutput = bench.call(Request::ExportSchema(export)).unwrap();
    assert!(exported.content.unwrap().contains("json-schema.org/draft-04"));
}

#[test]
fn a_discoverer_of_a_bus_that_is_not_there_is_refused() {
    let mut bench = Bench::new();
    let input = CreateDiscovererInput { source_arn: BUS.into(), ..Default::default() };
    assert!(matches!(bench.reply(Request::CreateDiscoverer(input)), Ok(Reply::Parked(_))));
    bench.settle(Err(ApiError::client("ResourceNotFoundException", "Event bus b does not exist.")));
    let refusal = bench.effects.unparked.remove(0).1;
    assert_eq!(refused(refusal), (404, "NotFoundException".into(), "Event bus b does not exist.".into()));
    let input = CreateDiscovererInput {
        source_arn: "arn:aws:sqs:us-east-1:000000000000:queue".into(),
        ..Default::default()
    };
    assert_eq!(refused(bench.reply(Request::CreateDiscoverer(input)).map(|_| ())).0, 400);
}

#[test]
fn a_schema_is_inferred_for_whoever_asks() {
    let mut bench = Bench::new();
    let mut ask = |kind: &str, events: &[&str]| {
        let events = events.iter().map(|event| (*event).to_owned()).collect();
        let input = GetDiscoveredSchemaInput { r#type: kind.into(), events };
        bench.call::<GetDiscoveredSchemaOutput>(Request::GetDiscoveredSchema(input))
    };
    // The example of AWS's command line reference.
    let event = r#"{"Source":"com.mycompany.myapp","Detail":"{}","EventBusName":"default","Resources":["resource1"],"DetailType":"myDetailType"}"#;
    let content = ask("OpenApi3", &[event]).unwrap().content.unwrap();
    let content: Value = serde_json::from_str(&content).unwrap();
    let text = || json!({ "type": "string" });
    assert_eq!(
        content,
        json!({
            "openapi": "3.0.0", "info": { "version": "1.0.0", "title": "Event" }, "paths": {},
            "components": { "schemas": { "Event": {
                "type": "object", "required": ["Detail", "DetailType", "EventBusName", "Resources", "Source"],
                "properties": { "Detail": text(), "DetailType": text(), "EventBusName": text(), "Resources": { "type": "array", "items": text() }, "Source": text() },
            } } },
        })
    );
    assert!(ask("JSONSchemaDraft4", &[event]).unwrap().content.unwrap().contains("draft-04"));
    assert_eq!(refused(ask("OpenApi3", &["{"])).0, 400);
    assert_eq!(refused(ask("OpenApi3", &["1"])).2, "An event must be a JSON object.");
}

#[test]
fn events_are_held_to_their_schemas() {
    let mut bench = Bench::with_registry();
    bench.create("shop@OrderCreated", "JSONSchemaDraft4", SCHEMA).unwrap();
    let mut other = event(json!({}));
    other["source"] = "other".into();
    let validate = |bench: &mut Bench| {
        let events = [event(json!({ "orderId": "1" })), event(json!({})), other.clone()];
        let input = ValidateEventsInput {
            registry: "orders".into(),
            bus_arn: BUS.into(),
            events: events.iter().map(|event| event.to_string().into()).collect(),
        };
        bench.call::<ValidateEventsOutput>(input).unwrap().violations
    };
    let found = validate(&mut bench);
    let why = "shop@OrderCreated version 1: /detail: \"orderId\" is a required property (/properties/detail/required)";
    assert_eq!(found, [None, Some(why.to_owned()), None]);
    // The latest version counts.
    bench.update("shop@OrderCreated", r#"{"type":"object"}"#).unwrap();
    assert_eq!(validate(&mut bench), [None, None, None]);
    bench.now = bench.now.after(std::time::Duration::from_secs(120));
    bench.step(|schemas, step| schemas.run_due(step));
    let mut names: Vec<String> =
        bench.effects.metrics.iter().map(|(_, datum)| datum.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["InvalidEvents", "UnknownEvents", "ValidEvents"]);
}

#[test]
fn tags_are_kept_on_every_resource() {
    let mut bench = Bench::with_registry();
    bench.create("a", "JSONSchemaDraft4", SCHEMA).unwrap();
    bench.discover(None);
    for resource in ["registry/orders", "schema/orders/a", "discoverer/events-event-bus-default"] {
        let resource_arn = Scope::default().arn("schemas", resource);
        let tags = [("team".to_owned(), "shop".to_owned()), ("tier".to_owned(), "1".to_owned())].into();
        bench
            .call::<TagResourceOutput>(Request::TagResource(TagResourceInput {
                resource_arn: resource_arn.clone(),
                tags,
            }))
            .unwrap();
        let input = UntagResourceInput { resource_arn: resource_arn.clone(), tag_keys: vec!["tier".into()] };
        bench.call::<UntagResourceOutput>(Request::UntagResource(input)).unwrap();
        bench.restart();
        let input = ListTagsForResourceInput { resource_arn: resource_arn.clone() };
        let listed: ListTagsForResourceOutput = bench.call(Request::ListTagsForResource(input)).unwrap();
        assert_eq!(listed.tags.unwrap(), [("team".to_owned(), "shop".to_owned())].into(), "{resource}");
    }
    let input = ListTagsForResourceInput { resource_arn: Scope::default().arn("schemas", "registry/none") };
    assert_eq!(refused(bench.call::<ListTagsForResourceOutput>(Request::ListTagsForResource(input))).0, 404);
}
