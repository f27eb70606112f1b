//! Metric alarms.

use pontoon_api::cloudwatch::SERVICE;

use super::call::identifier;
use super::{Call, Context, Expectation, Lifecycle, Value, object, tags, text, without};
use crate::state::Instance;

/// `AWS::CloudWatch::Alarm`.
pub(super) struct Alarm;

impl Alarm {
    fn put(context: &Context<'_>, with_tags: bool) -> Call {
        let mut input = without(&context.instance.properties, &["Tags"]);
        input.insert("AlarmName".to_owned(), context.name().into());
        if with_tags {
            input.extend(tags::list(context).map(|tags| ("Tags".to_owned(), tags)));
        }
        Call::new(&SERVICE, "PutMetricAlarm", Value::Map(input)).named(context.name())
    }

    fn arn(context: &Context<'_>) -> String {
        context.scope.arn("cloudwatch", format_args!("alarm:{}", context.name()))
    }
}

impl Lifecycle for Alarm {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        // PutMetricAlarm overwrites, so a name in use has to be looked for.
        let names = Value::List(vec![context.name().into()]);
        let is_absent = |output: &Value| {
            output.get("MetricAlarms").and_then(Value::as_list).is_none_or(<[Value]>::is_empty)
        };
        let absent = Expectation::AbsenceIn(is_absent, identifier("AWS::CloudWatch::Alarm", context.name()));
        let check =
            Call::new(&SERVICE, "DescribeAlarms", object([("AlarmNames", Some(names))])).expect(absent);
        Ok(vec![check, Self::put(context, true)])
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let mut calls = vec![Self::put(context, false)];
        let (set, gone) = tags::changes(context, old);
        let arn = || text(Self::arn(context));
        if let Some(set) = tags::pairs(&set, "Key", "Value") {
            calls.push(Call::new(
                &SERVICE,
                "TagResource",
                object([("ResourceARN", arn()), ("Tags", Some(set))]),
            ));
        }
        if !gone.is_empty() {
            let input = object([("ResourceARN", arn()), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagResource", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let names = Value::List(vec![context.physical_id().into()]);
        let gone = &["ResourceNotFound", "ResourceNotFoundException"];
        vec![Call::new(&SERVICE, "DeleteAlarms", object([("AlarmNames", Some(names))])).or(gone)]
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Arn").then(|| Self::arn(context).into())
    }
}
