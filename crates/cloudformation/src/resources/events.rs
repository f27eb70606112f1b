//! Event buses, their policies and archives, rules with their targets, connections and API destinations.

use pontoon_api::events::SERVICE;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Progress, Value, json_text, object, tags, text};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

fn tag_calls(context: &Context<'_>, old: &Instance, arn: &str) -> Vec<Call> {
    let (set, gone) = tags::changes(context, old);
    let mut calls = Vec::new();
    if let Some(set) = tags::pairs(&set, "Key", "Value") {
        calls.push(Call::new(
            &SERVICE,
            "TagResource",
            object([("ResourceARN", text(arn)), ("Tags", Some(set))]),
        ));
    }
    if !gone.is_empty() {
        let input = object([("ResourceARN", text(arn)), ("TagKeys", Some(Value::List(gone)))]);
        calls.push(Call::new(&SERVICE, "UntagResource", input));
    }
    calls
}

/// `AWS::Events::EventBus`.
pub(super) struct EventBus;

impl EventBus {
    const SETTINGS: [&str; 4] = ["Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"];

    fn settings(context: &Context<'_>) -> Map {
        let given = Self::SETTINGS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), context.property(name)?.clone())));
        [("Name".to_owned(), Value::from(context.name()))].into_iter().chain(given).collect()
    }

    fn put_policy(context: &Context<'_>) -> Option<Call> {
        let policy = json_text(context.property("Policy")?);
        let input = object([("EventBusName", text(context.name())), ("Policy", Some(policy))]);
        Some(Call::new(&SERVICE, "PutPermission", input))
    }
}

impl Lifecycle for EventBus {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let mut input = Self::settings(context);
        input.extend(tags::list(context).map(|tags| ("Tags".to_owned(), tags)));
        let create = Call::new(&SERVICE, "CreateEventBus", Value::Map(input))
            .named(context.name())
            .learn("Arn", "EventBusArn");
        Ok([create].into_iter().chain(Self::put_policy(context)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut calls = Vec::new();
        if Self::SETTINGS.iter().any(|name| context.property(name) != old.properties.get(*name)) {
            let mut input = Self::settings(context);
            if old.properties.contains_key("Description") {
                input.entry("Description".to_owned()).or_insert_with(|| "".into());
            }
            for (name, none) in
                [("DeadLetterConfig", object([])), ("LogConfig", object([("Level", text("OFF"))]))]
            {
                if old.properties.contains_key(name) {
                    input.entry(name.to_owned()).or_insert(none);
                }
            }
            calls.push(Call::new(&SERVICE, "UpdateEventBus", Value::Map(input)));
        }
        match (context.property("Policy"), old.properties.get("Policy")) {
            (new, before) if new == before => {}
            (Some(_), _) => calls.extend(Self::put_policy(context)),
            (None, _) => {
                let input = object([
                    ("EventBusName", text(context.name())),
                    ("RemoveAllPermissions", Some(Value::Bool(true))),
                ]);
                calls.push(Call::new(&SERVICE, "RemovePermission", input).or(ABSENT));
            }
        }
        let arn = context.scope.arn("events", format_args!("event-bus/{}", context.name()));
        calls.extend(tag_calls(context, old, &arn));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![
            Call::new(&SERVICE, "DeleteEventBus", object([("Name", text(context.physical_id()))])).or(ABSENT),
        ]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        match name {
            "Name" => text(context.name()),
            "Arn" => text(context.scope.arn("events", format_args!("event-bus/{}", context.name()))),
            _ => None,
        }
    }
}

/// `AWS::Events::EventBusPolicy`: one statement of a bus's policy, by its parts or as a whole.
pub(super) struct EventBusPolicy;

impl EventBusPolicy {
    /// Where the bus's policy as it was is learnt.
    const POLICY_BEFORE: &str = "policy before";

    fn put(context: &Context<'_>) -> Result<Vec<Call>, String> {
        let id = context.text("StatementId").unwrap_or_default();
        let bus = context.text("EventBusName").unwrap_or("default");
        let physical_id = format!("{bus}|{id}");
        let Some(statement) = context.property("Statement") else {
            let names = ["Action", "Principal", "Condition"];
            let given =
                names.iter().filter_map(|name| Some(((*name).to_owned(), context.property(name)?.clone())));
            let mut input: Map = given.collect();
            input.insert("StatementId".to_owned(), id.into());
            input.insert("EventBusName".to_owned(), bus.into());
            return Ok(vec![Call::new(&SERVICE, "PutPermission", Value::Map(input)).named(physical_id)]);
        };
        let statement = match statement {
            Value::String(json) => {
                serde_json::from_str(json).map_err(|_| "Statement is not valid JSON".to_owned())?
            }
            other => other.clone(),
        };
        let Value::Map(mut statement) = statement else {
            return Err("Statement must be an object".to_owned());
        };
        statement.insert("Sid".to_owned(), id.into());
        // The API takes a whole policy, so the statement is put among those that the bus has.
        let policy = Self::with_statement(context.learnt(Self::POLICY_BEFORE), id, statement);
        let input = object([("EventBusName", text(bus)), ("Policy", Some(json_text(&policy)))]);
        Ok(vec![
            Call::new(&SERVICE, "DescribeEventBus", object([("Name", text(bus))]))
                .learn(Self::POLICY_BEFORE, "Policy"),
            Call::new(&SERVICE, "PutPermission", input).named(physical_id),
        ])
    }

    fn with_statement(policy: Option<&str>, id: &str, statement: Map) -> Value {
        let policy: Option<Value> = policy.and_then(|json| serde_json::from_str(json).ok());
        let before = policy.as_ref().and_then(|policy| policy.get("Statement")).and_then(Value::as_list);
        let others = before.unwrap_or_default().iter();
        let others = others.filter(|other| other.get("Sid").and_then(Value::as_str) != Some(id)).cloned();
        let statements = others.chain([Value::Map(statement)]).collect();
        object([("Version", text("2012-10-17")), ("Statement", Some(Value::List(statements)))])
    }
}

impl Lifecycle for EventBusPolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        Self::put(context)
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Self::put(context)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([
            ("StatementId", context.property("StatementId").cloned()),
            ("EventBusName", text(context.text("EventBusName").unwrap_or("default"))),
        ]);
        vec![Call::new(&SERVICE, "RemovePermission", input).or(ABSENT)]
    }
}

/// `AWS::Events::Archive`.
pub(super) struct Archive;

impl Archive {
    fn settings(context: &Context<'_>) -> Map {
        let given = ["Description", "KmsKeyIdentifier", "RetentionDays"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), context.property(name)?.clone())));
        let mut input: Map = given.collect();
        input.insert("ArchiveName".to_owned(), context.name().into());
        input.extend(context.property("EventPattern").map(|of| ("EventPattern".to_owned(), json_text(of))));
        input
    }
}

impl Lifecycle for Archive {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let mut input = Self::settings(context);
        input.extend(context.property("SourceArn").map(|arn| ("EventSourceArn".to_owned(), arn.clone())));
        let create = Call::new(&SERVICE, "CreateArchive", Value::Map(input));
        Ok(vec![create.named(context.name()).learn("Arn", "ArchiveArn")])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut input = Self::settings(context);
        // What the template says no more goes back to how an archive is without it.
        input.entry("Description".to_owned()).or_insert_with(|| "".into());
        input.entry("RetentionDays".to_owned()).or_insert_with(|| "0".into());
        if old.properties.contains_key("EventPattern") && !input.contains_key("EventPattern") {
            return Err("the EventPattern of an archive can be changed but not taken away".to_owned());
        }
        Ok(vec![Call::new(&SERVICE, "UpdateArchive", Value::Map(input))])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("ArchiveName", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteArchive", input).or(ABSENT)]
    }
}

/// The ARN of a thing whose ARN ends in an id of its own, without that.
fn arn_for_policy(context: &Context<'_>) -> Option<Value> {
    text(context.learnt("Arn")?.rsplit_once('/')?.0)
}

/// `AWS::Events::Connection`.
pub(super) struct Connection;

impl Connection {
    fn settings(context: &Context<'_>) -> Value {
        let given = ["AuthParameters", "AuthorizationType", "Description", "KmsKeyIdentifier"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), context.property(name)?.clone())));
        Value::Map([("Name".to_owned(), Value::from(context.name()))].into_iter().chain(given).collect())
    }

    /// Waits until the connection has its token, if it needs one.
    fn authorized(context: &Context<'_>) -> Call {
        Call::new(&SERVICE, "DescribeConnection", object([("Name", text(context.name()))]))
            .expect(Expectation::Output(is_authorized))
            .learn("SecretArn", "SecretArn")
    }
}

fn is_authorized(output: &Value) -> Progress {
    let part = |name| output.get(name).and_then(Value::scalar_text).unwrap_or_default();
    match part("ConnectionState").as_str() {
        "AUTHORIZED" => Progress::Done,
        "AUTHORIZING" => Progress::Pending,
        state => Progress::Failed(format!("The connection is {state}: {}", part("StateReason"))),
    }
}

impl Lifecycle for Connection {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let create = Call::new(&SERVICE, "CreateConnection", Self::settings(context))
            .named(context.name())
            .learn("Arn", "ConnectionArn");
        Ok(vec![create, Self::authorized(context)])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        let update = Call::new(&SERVICE, "UpdateConnection", Self::settings(context));
        Ok(vec![update, Self::authorized(context)])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("Name", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteConnection", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "ArnForPolicy").then(|| arn_for_policy(context)).flatten()
    }
}

/// `AWS::Events::ApiDestination`.
pub(super) struct ApiDestination;

impl ApiDestination {
    fn settings(context: &Context<'_>) -> Value {
        let names = [
            "ConnectionArn",
            "Description",
            "HttpMethod",
            "InvocationEndpoint",
            "InvocationRateLimitPerSecond",
        ];
        let given =
            names.iter().filter_map(|name| Some(((*name).to_owned(), context.property(name)?.clone())));
        Value::Map([("Name".to_owned(), Value::from(context.name()))].into_iter().chain(given).collect())
    }
}

impl Lifecycle for ApiDestination {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let create = Call::new(&SERVICE, "CreateApiDestination", Self::settings(context));
        Ok(vec![create.named(context.name()).learn("Arn", "ApiDestinationArn")])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Ok(vec![Call::new(&SERVICE, "UpdateApiDestination", Self::settings(context))])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("Name", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteApiDestination", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "ArnForPolicy").then(|| arn_for_policy(context)).flatten()
    }
}

/// `AWS::Events::Rule`.
pub(super) struct Rule;

impl Rule {
    /// The bus's name, which the property may give as an ARN.
    fn bus(instance: &Instance) -> &str {
        let given = instance.text("EventBusName").unwrap_or("default");
        given.rsplit_once("event-bus/").map_or(given, |(_, name)| name)
    }

    fn put_rule(context: &Context<'_>, with_tags: bool) -> Call {
        let name = context.name();
        let bus = Self::bus(context.instance);
        let input = object([
            ("Name", text(name)),
            ("EventBusName", text(bus)),
            ("Description", context.property("Description").cloned()),
            ("EventPattern", context.property("EventPattern").map(json_text)),
            ("ScheduleExpression", context.property("ScheduleExpression").cloned()),
            ("State", context.property("State").cloned()),
            ("RoleArn", context.property("RoleArn").cloned()),
            ("Tags", tags::list(context).filter(|_| with_tags)),
        ]);
        // What Ref gives (recording test_rule_properties).
        let physical_id = if bus == "default" { name.to_owned() } else { format!("{bus}|{name}") };
        Call::new(&SERVICE, "PutRule", input).named(physical_id).learn("Arn", "RuleArn")
    }

    fn targets(instance: &Instance) -> &[Value] {
        instance.properties.get("Targets").and_then(Value::as_list).unwrap_or_default()
    }

    fn put_targets(context: &Context<'_>) -> Option<Call> {
        let targets = Self::targets(context.instance);
        let input = object([
            ("Rule", text(context.name())),
            ("EventBusName", text(Self::bus(context.instance))),
            ("Targets", Some(Value::List(targets.to_vec()))),
        ]);
        let call = Call::new(&SERVICE, "PutTargets", input).expect(Expectation::Output(no_failed_entries));
        (!targets.is_empty()).then_some(call)
    }

    fn remove_targets(instance: &Instance, name: &str, keep: &[Value]) -> Option<Call> {
        let id = |target: &Value| target.get("Id").cloned();
        let kept: Vec<Value> = keep.iter().filter_map(id).collect();
        let ids: Vec<Value> =
            Self::targets(instance).iter().filter_map(id).filter(|id| !kept.contains(id)).collect();
        if ids.is_empty() {
            return None;
        }
        let input = object([
            ("Rule", text(name)),
            ("EventBusName", text(Self::bus(instance))),
            ("Ids", Some(Value::List(ids))),
        ]);
        Some(Call::new(&SERVICE, "RemoveTargets", input).or(ABSENT))
    }
}

/// Judges the output of an operation that reports failures entry by entry.
fn no_failed_entries(output: &Value) -> Progress {
    let failed = output.get("FailedEntries").and_then(Value::as_list).unwrap_or_default();
    match failed.first() {
        None => Progress::Done,
        Some(entry) => {
            let part = |name| entry.get(name).and_then(Value::scalar_text).unwrap_or_default();
            let (target, message) = (part("TargetId"), part("ErrorMessage"));
            Progress::Failed(format!("Target {target}: {message}"))
        }
    }
}

impl Lifecycle for Rule {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = context.name();
        let describe = object([("Name", text(name)), ("EventBusName", text(Self::bus(context.instance)))]);
        let absent = Expectation::Absence(ABSENT, identifier("AWS::Events::Rule", name));
        let check = Call::new(&SERVICE, "DescribeRule", describe).expect(absent);
        Ok([check, Self::put_rule(context, true)].into_iter().chain(Self::put_targets(context)).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut calls = vec![Self::put_rule(context, false)];
        calls.extend(Self::remove_targets(old, context.name(), Self::targets(context.instance)));
        calls.extend(Self::put_targets(context));
        let arn = context.learnt("Arn").unwrap_or_default();
        calls.extend(tag_calls(context, old, arn));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let name = context.name();
        let input = object([("Name", text(name)), ("EventBusName", text(Self::bus(context.instance)))]);
        let remove = Self::remove_targets(context.instance, name, &[]);
        remove.into_iter().chain([Call::new(&SERVICE, "DeleteRule", input).or(ABSENT)]).collect()
    }

    fn replaces(&self, property: &str, _old: Option<&Value>, _new: Option<&Value>) -> bool {
        property == "EventBusName"
    }
}
