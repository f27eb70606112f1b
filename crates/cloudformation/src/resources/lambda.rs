//! Functions, their permissions, event source mappings and asynchronous invocation settings.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use pontoon_api::lambda::SERVICE;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Progress, Value, object, tags, text, without};
use crate::state::Instance;
use crate::template::Map;

const ABSENT: &[&str] = &["ResourceNotFoundException"];

fn tag_calls(context: &Context<'_>, old: &Instance, arn: &str) -> Vec<Call> {
    let (set, gone) = tags::changes(context, old);
    let mut calls = Vec::new();
    if let Some(set) = tags::as_map(&set) {
        calls.push(Call::new(
            &SERVICE,
            "TagResource",
            object([("Resource", text(arn)), ("Tags", Some(set))]),
        ));
    }
    if !gone.is_empty() {
        let input = object([("Resource", text(arn)), ("TagKeys", Some(Value::List(gone)))]);
        calls.push(Call::new(&SERVICE, "UntagResource", input));
    }
    calls
}

/// `AWS::Lambda::Function`.
pub(super) struct Function;

impl Function {
    /// Properties that are not members of CreateFunction and UpdateFunctionConfiguration under their names.
    const APART: [&str; 6] =
        ["Tags", "Code", "ReservedConcurrentExecutions", "FunctionName", "KmsKeyArn", "SnapStartResponse"];

    fn configuration(properties: &Map, name: &str) -> Map {
        let mut input = without(properties, &Self::APART);
        input.insert("FunctionName".to_owned(), name.into());
        input.extend(properties.get("KmsKeyArn").map(|key| ("KMSKeyArn".to_owned(), key.clone())));
        input
    }

    /// The code as the API takes it: inline source is put into an archive of one file named `index`.
    fn code(properties: &Map) -> Result<Map, String> {
        let mut code = properties.get("Code").and_then(Value::as_map).cloned().unwrap_or_default();
        if let Some(source) = code.get("ZipFile").and_then(Value::as_str) {
            let archive = inline_archive(
                source,
                properties.get("Runtime").and_then(Value::as_str).unwrap_or_default(),
            )?;
            code.insert(
                "ZipFile".to_owned(),
                base64::engine::general_purpose::STANDARD.encode(archive).into(),
            );
        }
        if code.shift_remove("S3ObjectStorageMode").is_some_and(|mode| mode.as_str() != Some("COPY")) {
            return Err("Pontoon does not support S3ObjectStorageMode REFERENCE".to_owned());
        }
        Ok(code)
    }

    fn wait(context: &Context<'_>) -> Call {
        Call::new(&SERVICE, "GetFunctionConfiguration", object([("FunctionName", text(context.name()))]))
            .expect(Expectation::Output(is_ready))
    }

    fn put_concurrency(context: &Context<'_>) -> Option<Call> {
        let reserved = context.property("ReservedConcurrentExecutions")?.clone();
        let input = object([
            ("FunctionName", text(context.name())),
            ("ReservedConcurrentExecutions", Some(reserved)),
        ]);
        Some(Call::new(&SERVICE, "PutFunctionConcurrency", input))
    }
}

/// Judges a function's state: neither being created nor being updated.
fn is_ready(output: &Value) -> Progress {
    let member = |name| output.get(name).and_then(Value::as_str).unwrap_or_default();
    let reason = |name| format!("Function did not stabilize: {}", member(name));
    match (member("State"), member("LastUpdateStatus")) {
        ("Failed", _) => Progress::Failed(reason("StateReason")),
        (_, "Failed") => Progress::Failed(reason("LastUpdateStatusReason")),
        ("Pending", _) | (_, "InProgress") => Progress::Pending,
        _ => Progress::Done,
    }
}

fn inline_archive(source: &str, runtime: &str) -> Result<Vec<u8>, String> {
    let file = if runtime.starts_with("nodejs") {
        "index.js"
    } else if runtime.starts_with("python") {
        "index.py"
    } else {
        return Err("ZipFile can only be used when Runtime is set to either of nodejs or python".to_owned());
    };
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // A fixed time, so that the same source gives the same archive and hash.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let written = archive
        .start_file(file, options)
        .map_err(|error| error.to_string())
        .and_then(|()| archive.write_all(source.as_bytes()).map_err(|error| error.to_string()));
    written?;
    Ok(archive.finish().map_err(|error| error.to_string())?.into_inner())
}

impl Lifecycle for Function {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let properties = &context.instance.properties;
        let mut input = Self::configuration(properties, context.name());
        input.insert("Code".to_owned(), Value::Map(Self::code(properties)?));
        input.extend(tags::map(context).map(|tags| ("Tags".to_owned(), tags)));
        let absent = Expectation::Absence(ABSENT, identifier("AWS::Lambda::Function", context.name()));
        let name = object([("FunctionName", text(context.name()))]);
        let mut calls = vec![
            Call::new(&SERVICE, "GetFunctionConfiguration", name).expect(absent),
            Call::new(&SERVICE, "CreateFunction", Value::Map(input))
                .named(context.name())
                .learn("Arn", "FunctionArn"),
        ];
        calls.extend(Self::put_concurrency(context));
        calls.push(Self::wait(context));
        Ok(calls)
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let (properties, name) = (&context.instance.properties, context.name());
        let mut calls = Vec::new();
        let code_changed =
            ["Code", "Architectures"].iter().any(|name| properties.get(*name) != old.properties.get(*name));
        // Inline code is archived under a name that follows the runtime.
        let inline = properties.get("Code").is_some_and(|code| code.get("ZipFile").is_some());
        let renamed = inline && properties.get("Runtime") != old.properties.get("Runtime");
        if code_changed || renamed {
            let mut input = Self::code(properties)?;
            input.insert("FunctionName".to_owned(), name.into());
            input.extend(
                properties.get("Architectures").map(|value| ("Architectures".to_owned(), value.clone())),
            );
            calls.push(Call::new(&SERVICE, "UpdateFunctionCode", Value::Map(input)));
            calls.push(Self::wait(context));
        }
        let mut input = without(&Self::configuration(properties, name), &["Architectures", "PackageType"]);
        let before = without(&Self::configuration(&old.properties, name), &["Architectures", "PackageType"]);
        if input != before {
            for (dropped, value) in before.iter().filter(|(member, _)| !properties.contains_key(*member)) {
                if let Some(default) = Self::unset(dropped, value) {
                    input.entry(dropped.clone()).or_insert(default);
                }
            }
            calls.push(Call::new(&SERVICE, "UpdateFunctionConfiguration", Value::Map(input)));
            calls.push(Self::wait(context));
        }
        if context.property("ReservedConcurrentExecutions")
            != old.properties.get("ReservedConcurrentExecutions")
        {
            calls.push(Self::put_concurrency(context).unwrap_or_else(|| {
                Call::new(&SERVICE, "DeleteFunctionConcurrency", object([("FunctionName", text(name))]))
            }));
        }
        calls.extend(tag_calls(context, old, context.learnt("Arn").unwrap_or_default()));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([("FunctionName", text(context.physical_id()))]);
        vec![Call::new(&SERVICE, "DeleteFunction", input).or(ABSENT)]
    }
}

impl Function {
    /// What a member of the configuration is set to when its property is dropped.
    fn unset(member: &str, _old: &Value) -> Option<Value> {
        match member {
            "Description" | "KMSKeyArn" => text(""),
            "Timeout" => Some(Value::Number("3".to_owned())),
            "MemorySize" => Some(Value::Number("128".to_owned())),
            "Environment" => Some(object([("Variables", Some(Value::Map(Map::new())))])),
            "DeadLetterConfig" => Some(object([("TargetArn", text(""))])),
            "Layers" | "FileSystemConfigs" => Some(Value::List(Vec::new())),
            "TracingConfig" => Some(object([("Mode", text("PassThrough"))])),
            "EphemeralStorage" => Some(object([("Size", Some(Value::Number("512".to_owned())))])),
            "SnapStart" => Some(object([("ApplyOn", text("None"))])),
            "LoggingConfig" => Some(object([("LogFormat", text("Text"))])),
            _ => None,
        }
    }
}

/// `AWS::Lambda::Permission`: a statement of a function's policy.
pub(super) struct Permission;

impl Lifecycle for Permission {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let mut input = context.instance.properties.clone();
        input.insert("StatementId".to_owned(), context.name().into());
        Ok(vec![Call::new(&SERVICE, "AddPermission", Value::Map(input)).named(context.name())])
    }

    fn update(&self, _context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        // Every property of a permission needs a new one.
        Ok(Vec::new())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([
            ("FunctionName", context.property("FunctionName").cloned()),
            ("StatementId", text(context.physical_id())),
        ]);
        vec![Call::new(&SERVICE, "RemovePermission", input).or(ABSENT)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Id").then(|| context.physical_id().into())
    }
}

/// `AWS::Lambda::EventSourceMapping`.
pub(super) struct EventSourceMapping;

impl EventSourceMapping {
    fn input(properties: &Map) -> Map {
        let mut input = without(properties, &["Tags", "KmsKeyArn"]);
        input.extend(properties.get("KmsKeyArn").map(|key| ("KMSKeyArn".to_owned(), key.clone())));
        input
    }

    fn by_id(context: &Context<'_>) -> Value {
        object([("UUID", text(context.physical_id()))])
    }

    fn wait(context: &Context<'_>) -> Call {
        let is_settled = |output: &Value| match output.get("State").and_then(Value::as_str) {
            Some("Creating" | "Enabling" | "Updating" | "Disabling") => Progress::Pending,
            _ => Progress::Done,
        };
        Call::new(&SERVICE, "GetEventSourceMapping", Self::by_id(context))
            .expect(Expectation::Output(is_settled))
    }
}

impl Lifecycle for EventSourceMapping {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let mut input = Self::input(&context.instance.properties);
        input.extend(tags::map(context).map(|tags| ("Tags".to_owned(), tags)));
        let create = Call::new(&SERVICE, "CreateEventSourceMapping", Value::Map(input))
            .identified("UUID")
            .learn("Id", "UUID")
            .learn("EventSourceMappingArn", "EventSourceMappingArn");
        Ok(vec![create, Self::wait(context)])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let fixed = [
            "EventSourceArn",
            "StartingPosition",
            "StartingPositionTimestamp",
            "SelfManagedEventSource",
            "Topics",
            "Queues",
        ];
        let (mut input, before) = (Self::input(&context.instance.properties), Self::input(&old.properties));
        let mut calls = Vec::new();
        if input != before {
            input.retain(|name, _| !fixed.contains(&name.as_str()));
            for dropped in before.keys().filter(|name| !context.instance.properties.contains_key(*name)) {
                let default = match dropped.as_str() {
                    "Enabled" => Some(Value::Bool(true)),
                    "BatchSize" => Some(Value::Number("10".to_owned())),
                    "MaximumBatchingWindowInSeconds" => Some(Value::Number("0".to_owned())),
                    "FilterCriteria" | "ScalingConfig" | "DestinationConfig" => Some(Value::Map(Map::new())),
                    "FunctionResponseTypes" => Some(Value::List(Vec::new())),
                    _ => None,
                };
                input.extend(default.map(|value| (dropped.clone(), value)));
            }
            input.insert("UUID".to_owned(), context.physical_id().into());
            calls.push(Call::new(&SERVICE, "UpdateEventSourceMapping", Value::Map(input)));
            calls.push(Self::wait(context));
        }
        calls.extend(tag_calls(context, old, context.learnt("EventSourceMappingArn").unwrap_or_default()));
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        vec![
            Call::new(&SERVICE, "DeleteEventSourceMapping", Self::by_id(context)).or(ABSENT),
            Call::new(&SERVICE, "GetEventSourceMapping", Self::by_id(context))
                .expect(Expectation::Gone(ABSENT)),
        ]
    }
}

/// `AWS::Lambda::EventInvokeConfig`.
pub(super) struct EventInvokeConfig;

impl EventInvokeConfig {
    fn put(context: &Context<'_>) -> Call {
        let name = context.text("FunctionName").unwrap_or_default();
        let qualifier = context.text("Qualifier").unwrap_or_default();
        let input = Value::Map(context.instance.properties.clone());
        Call::new(&SERVICE, "PutFunctionEventInvokeConfig", input).named(format!("{name}:{qualifier}"))
    }
}

impl Lifecycle for EventInvokeConfig {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn update(&self, context: &Context<'_>, _old: &Instance) -> Result<Vec<Call>, String> {
        Ok(vec![Self::put(context)])
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let input = object([
            ("FunctionName", context.property("FunctionName").cloned()),
            ("Qualifier", context.property("Qualifier").cloned()),
        ]);
        vec![Call::new(&SERVICE, "DeleteFunctionEventInvokeConfig", input).or(ABSENT)]
    }
}
