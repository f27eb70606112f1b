//! Pipes.

use pontoon_api::pipes::SERVICE;

use super::{Call, Context, Expectation, Lifecycle, Progress, Value, object, tags, text, without};
use crate::state::Instance;

const ABSENT: &[&str] = &["NotFoundException"];

/// `AWS::Pipes::Pipe`.
pub(super) struct Pipe;

impl Pipe {
    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("pipes", format_args!("pipe/{}", context.name()))
    }

    fn named(context: &Context<'_>) -> Value {
        object([("Name", text(context.name()))])
    }

    /// Waits until the pipe has passed its check.
    fn wait(context: &Context<'_>) -> Call {
        Call::new(&SERVICE, "DescribePipe", Self::named(context)).expect(Expectation::Output(settled))
    }
}

/// Judges a pipe by its state.
fn settled(output: &Value) -> Progress {
    let part = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
    match part("CurrentState") {
        "RUNNING" | "STOPPED" => Progress::Done,
        state if state.ends_with("_FAILED") => Progress::Failed(format!("{state}: {}", part("StateReason"))),
        _ => Progress::Pending,
    }
}

impl Lifecycle for Pipe {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let mut input = without(&context.instance.properties, &["Name", "Tags"]);
        input.insert("Name".to_owned(), context.name().into());
        input.extend(tags::map(context).map(|tags| ("Tags".to_owned(), tags)));
        let create = Call::new(&SERVICE, "CreatePipe", Value::Map(input)).named(context.name());
        Ok(vec![create, Self::wait(context)])
    }

    /// The API changes what it is given: what the template has no longer is taken away by name.
    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut input = without(&context.instance.properties, &["Name", "Source", "Tags"]);
        input.insert("Name".to_owned(), context.name().into());
        for (name, absent) in [
            ("Description", Value::from("")),
            ("DesiredState", Value::from("RUNNING")),
            ("Enrichment", Value::from("")),
            ("EnrichmentParameters", object([])),
            ("LogConfiguration", object([("Level", text("OFF"))])),
            ("TargetParameters", object([])),
        ] {
            input.entry(name.to_owned()).or_insert(absent);
        }
        let parameters = input.entry("SourceParameters".to_owned()).or_insert(object([]));
        if let Value::Map(parameters) = parameters {
            let none = object([("Filters", Some(Value::List(Vec::new())))]);
            parameters.entry("FilterCriteria".to_owned()).or_insert(none);
        }
        let mut calls = vec![Call::new(&SERVICE, "UpdatePipe", Value::Map(input)), Self::wait(context)];
        let (set, gone) = tags::changes(context, old);
        let arn = || ("resourceArn", text(Self::arn(context)));
        if let Some(set) = tags::as_map(&set) {
            calls.push(Call::new(&SERVICE, "TagResource", object([arn(), ("tags", Some(set))])));
        }
        if !gone.is_empty() {
            let input = object([arn(), ("tagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let named = || object([("Name", text(context.physical_id()))]);
        vec![
            Call::new(&SERVICE, "DeletePipe", named()).or(ABSENT),
            Call::new(&SERVICE, "DescribePipe", named()).expect(Expectation::Gone(ABSENT)),
        ]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Arn").then(|| Self::arn(context).into())
    }
}
