//! The operations, a file for each family.

mod capabilities;
mod change_sets;
mod describe;
mod exports;
pub mod source;
mod stacks;
mod templates;
mod updates;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use pontoon_api::cloudformation::*;
use pontoon_core::shape::Violations;
use pontoon_core::{ApiError, OperationSchema, Reply, Step};

use crate::state::stack::OnFailure;
use crate::template::Template;
use crate::{CloudFormation, Error, Stack};

/// What an operation answers with.
pub(crate) type Answer<T> = Result<Reply<T>, Error>;

/// How many entries a page of a listing holds.
const PAGE: usize = 100;

macro_rules! handler {
    ($($method:ident $input:ident $output:ident => $operation:path;)*) => {
        impl Handler for CloudFormation {
            type Error = Error;

            fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
                Some(ApiError::client("ValidationError", violations.message()))
            }

            $(fn $method(&mut self, step: &mut Step<'_>, input: $input) -> Answer<$output> {
                $operation(self, step, input)
            })*
        }
    };
}

handler! {
    cancel_update_stack CancelUpdateStackInput CancelUpdateStackOutput => updates::cancel;
    continue_update_rollback ContinueUpdateRollbackInput ContinueUpdateRollbackOutput => updates::continue_rollback;
    create_change_set CreateChangeSetInput CreateChangeSetOutput => change_sets::create;
    create_stack CreateStackInput CreateStackOutput => stacks::create;
    delete_change_set DeleteChangeSetInput DeleteChangeSetOutput => change_sets::delete;
    delete_stack DeleteStackInput DeleteStackOutput => stacks::delete;
    describe_change_set DescribeChangeSetInput DescribeChangeSetOutput => change_sets::describe;
    describe_stack_events DescribeStackEventsInput DescribeStackEventsOutput => describe::events;
    describe_stack_resource DescribeStackResourceInput DescribeStackResourceOutput => describe::resource;
    describe_stack_resources DescribeStackResourcesInput DescribeStackResourcesOutput => describe::resources;
    describe_stacks DescribeStacksInput DescribeStacksOutput => describe::stacks;
    execute_change_set ExecuteChangeSetInput ExecuteChangeSetOutput => change_sets::execute;
    get_stack_policy GetStackPolicyInput GetStackPolicyOutput => stacks::get_policy;
    get_template GetTemplateInput GetTemplateOutput => templates::get;
    get_template_summary GetTemplateSummaryInput GetTemplateSummaryOutput => templates::summary;
    list_change_sets ListChangeSetsInput ListChangeSetsOutput => change_sets::list;
    list_exports ListExportsInput ListExportsOutput => exports::list;
    list_imports ListImportsInput ListImportsOutput => exports::imports;
    list_stack_resources ListStackResourcesInput ListStackResourcesOutput => describe::list_resources;
    list_stacks ListStacksInput ListStacksOutput => describe::list;
    update_stack UpdateStackInput UpdateStackOutput => updates::update;
    update_termination_protection UpdateTerminationProtectionInput UpdateTerminationProtectionOutput => stacks::protect;
    validate_template ValidateTemplateInput ValidateTemplateOutput => templates::validate;
}

/// Tags as a map. A key that occurs twice is refused, as AWS does.
fn tags(given: Option<Vec<Tag>>) -> Result<IndexMap<String, String>, Error> {
    let mut tags = IndexMap::new();
    for tag in given.unwrap_or_default() {
        if tag.key.starts_with("aws:") {
            return Err(Error::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        if tags.insert(tag.key.clone(), tag.value).is_some() {
            return Err(Error::validation(format!("Duplicate Tag key found: {}", tag.key)));
        }
    }
    Ok(tags)
}

fn tag_list(tags: &IndexMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The values of a request's parameters, previous ones taken from the stack where the request says so.
fn parameters(
    given: Option<Vec<Parameter>>,
    stack: Option<&Stack>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut values = BTreeMap::new();
    for parameter in given.unwrap_or_default() {
        let Some(key) = parameter.parameter_key else {
            return Err(Error::validation("ParameterKey must be specified for every parameter"));
        };
        let previous = parameter.use_previous_value == Some(true);
        let value = match (parameter.parameter_value, previous) {
            (Some(_), true) => {
                return Err(Error::validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value \
                     for a parameter"
                )));
            }
            (Some(value), false) => value,
            (None, true) => {
                let value = stack.and_then(|stack| stack.settings.parameters.get(&key));
                value.map(|value| value.text.clone()).ok_or_else(|| {
                    Error::validation(format!(
                        "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key \
                         not in the previous template"
                    ))
                })?
            }
            (None, false) => {
                return Err(Error::validation(format!(
                    "Invalid input for parameter key {key}. Either parameterValue or usePreviousValue must be specified"
                )));
            }
        };
        values.insert(key, value);
    }
    Ok(values)
}

/// Refuses types that the request's `ResourceTypes` does not allow: names, or beginnings of names with a
/// star (recording `test_create_stack_with_resource_types` and its like).
fn check_resource_types(template: &Template, allowed: Option<&[String]>) -> Result<(), Error> {
    let Some(allowed) = allowed else { return Ok(()) };
    let allows = |kind: &str, rule: &String| match rule.strip_suffix("::*").or_else(|| rule.strip_suffix('*'))
    {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == rule,
    };
    match template
        .resources
        .values()
        .find(|resource| !allowed.iter().any(|rule| allows(&resource.kind, rule)))
    {
        None => Ok(()),
        Some(resource) => Err(Error::validation(format!(
            "Resource type {} is not allowed by parameter ResourceTypes [{}]",
            resource.kind,
            allowed.join(", ")
        ))),
    }
}

/// What a failed creation is to do: `OnFailure` and `DisableRollback` say it in two ways.
fn on_failure(given: Option<&str>, disable_rollback: Option<bool>) -> Result<OnFailure, Error> {
    match (given, disable_rollback) {
        (Some(_), Some(true)) => {
            Err(Error::validation("You may not specify both DisableRollback and OnFailure parameters."))
        }
        (Some("DO_NOTHING"), _) | (None, Some(true)) => Ok(OnFailure::DoNothing),
        (Some("DELETE"), _) => Ok(OnFailure::Delete),
        _ => Ok(OnFailure::Rollback),
    }
}

/// Refuses a rollback configuration with triggers, and says nothing to an empty one, which SDKs send.
fn check_rollback_configuration(given: Option<&RollbackConfiguration>) -> Result<(), Error> {
    let Some(configuration) = given else { return Ok(()) };
    let triggers = configuration.rollback_triggers.as_deref().unwrap_or_default();
    let known = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    if triggers.iter().any(|trigger| !known.contains(&trigger.r#type.as_str())) {
        // Recording test_update_with_invalid_rollback_configuration_errors.
        return Err(Error::validation("Rollback Trigger Type not supported"));
    }
    let names_alarm =
        |arn: &str| arn.splitn(6, ':').nth(5).is_some_and(|relative| relative.starts_with("alarm:"));
    if triggers.iter().any(|trigger| !names_alarm(&trigger.arn)) {
        return Err(Error::validation("RelativeId of a Rollback Trigger's ARN is incorrect"));
    }
    if !triggers.is_empty() || configuration.monitoring_time_in_minutes.is_some_and(|minutes| minutes > 0) {
        return Err(Error::unsupported("rollback triggers"));
    }
    Ok(())
}

/// Where a page of a listing begins: a token is the number of the first entry.
fn page_start(token: Option<&str>) -> Result<usize, Error> {
    match token {
        None => Ok(0),
        Some(token) => token.parse().map_err(|_| Error::validation("The specified NextToken is invalid.")),
    }
}

/// One page of entries, and the token of the next.
fn page<T>(entries: impl Iterator<Item = T>, start: usize) -> (Vec<T>, Option<String>) {
    let mut page: Vec<T> = entries.skip(start).take(PAGE + 1).collect();
    let more = page.len() > PAGE;
    page.truncate(PAGE);
    (page, more.then(|| (start + PAGE).to_string()))
}
