//! Templates looked at without deploying them.

use indexmap::IndexMap;
use pontoon_api::cloudformation::*;
use pontoon_core::Step;

use super::{Answer, capabilities, change_sets, source};
use crate::deploy::check_types;
use crate::resources::ResourceType;
use crate::state::StackStatus;
use crate::template::Template;
use crate::template::Value;
use crate::{CloudFormation, Error, records};

pub(super) fn get(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: GetTemplateInput,
) -> Answer<GetTemplateOutput> {
    let stages = Some(vec!["Original".to_owned(), "Processed".to_owned()]);
    let stacks = cloudformation.state.stacks(step.scope);
    if let Some(name) = &input.change_set_name {
        let (stack, change_set) =
            change_sets::find(stacks, name, input.stack_name.as_deref()).map_err(|error| {
                // This operation words a missing name in its own way (recording test_get_template_missing_resources).
                let no_name = input.stack_name.is_none() && !name.starts_with("arn:");
                if no_name { Error::validation("StackName is a required parameter.") } else { error }
            })?;
        let template_body = records::template(step, stack, change_set.settings.template);
        return Ok(GetTemplateOutput { template_body, stages_available: stages }.into());
    }
    let Some(name) = &input.stack_name else {
        return Err(Error::validation("StackName is required if ChangeSetName is not specified."));
    };
    let found = stacks.find(name).filter(|stack| stack.templates > 0);
    let stack = found.ok_or_else(|| Error::no_stack_with_id(name))?;
    let template_body = records::template(step, stack, stack.settings.template);
    Ok(GetTemplateOutput { template_body, stages_available: stages }.into())
}

pub(super) fn validate(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    mut input: ValidateTemplateInput,
) -> Answer<ValidateTemplateOutput> {
    if let Some(url) = input.template_url.take() {
        source::check_single(input.template_body.as_ref(), None)?;
        return cloudformation.fetch(step, &url, Request::ValidateTemplate(input));
    }
    let text = cloudformation.template_text(step, input.template_body.take(), false, None)?;
    let template = Template::parse(&text)?;
    check_types(&template)?;
    let parameters = template.parameters.iter().map(|(key, parameter)| TemplateParameter {
        parameter_key: Some(key.clone()),
        default_value: parameter.default.clone(),
        no_echo: Some(parameter.no_echo),
        description: parameter.description.clone(),
    });
    let (capabilities, reason) = needed(&template);
    Ok(ValidateTemplateOutput {
        parameters: Some(parameters.collect()),
        description: template.description.clone(),
        capabilities,
        capabilities_reason: reason,
        declared_transforms: None,
    }
    .into())
}

fn needed(template: &Template) -> (Option<Vec<String>>, Option<String>) {
    match capabilities::needed(template) {
        None => (None, None),
        Some((capability, kinds)) => (
            Some(vec![capability.to_owned()]),
            Some(format!("The following resource(s) require capabilities: [{}]", kinds.join(", "))),
        ),
    }
}

pub(super) fn summary(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    mut input: GetTemplateSummaryInput,
) -> Answer<GetTemplateSummaryOutput> {
    if input.stack_set_name.is_some() {
        return Err(Error::unsupported("stack sets"));
    }
    if let Some(url) = input.template_url.take() {
        source::check_single(input.template_body.as_ref(), None)?;
        return cloudformation.fetch(step, &url, Request::GetTemplateSummary(input));
    }
    let text = match (&input.stack_name, input.template_body.take()) {
        (Some(name), None) => {
            let found = cloudformation.state.get(step.scope).and_then(|stacks| stacks.find(name));
            let stack = found.ok_or_else(|| Error::no_stack_with_id(name))?;
            if stack.status == StackStatus::ReviewInProgress {
                return Err(Error::validation(
                    "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.",
                ));
            }
            cloudformation.template_text(step, None, true, Some(stack))?
        }
        (_, body) => cloudformation.template_text(step, body, false, None)?,
    };
    let template = Template::parse(&text)?;
    let warns =
        input.template_summary_config.and_then(|config| config.treat_unrecognized_resource_types_as_warnings);
    let unknown: Vec<String> = {
        let kinds = template.resources.values().map(|resource| &resource.kind);
        kinds.filter(|kind| ResourceType::find(kind).is_none()).cloned().collect()
    };
    if warns != Some(true) {
        check_types(&template)?;
    }
    Ok(summarize(&template, unknown).into())
}

fn summarize(template: &Template, unknown: Vec<String>) -> GetTemplateSummaryOutput {
    let parameters = template.parameters.iter().map(|(key, parameter)| ParameterDeclaration {
        parameter_key: Some(key.clone()),
        default_value: parameter.default.clone(),
        parameter_type: Some(parameter.kind.name().to_owned()),
        no_echo: Some(parameter.no_echo),
        description: parameter.description.clone(),
        parameter_constraints: Some(ParameterConstraints {
            allowed_values: parameter.allowed_values.clone(),
        }),
    });
    let mut by_kind: IndexMap<&str, Vec<String>> = IndexMap::new();
    for (logical, resource) in &template.resources {
        by_kind.entry(&resource.kind).or_default().push(logical.clone());
    }
    let identifiers = by_kind.iter().map(|(kind, logical)| ResourceIdentifierSummary {
        resource_type: Some((*kind).to_owned()),
        logical_resource_ids: Some(logical.clone()),
        resource_identifiers: None,
    });
    let (capabilities, capabilities_reason) = needed(template);
    GetTemplateSummaryOutput {
        parameters: Some(parameters.collect()),
        description: template.description.clone(),
        capabilities,
        capabilities_reason,
        resource_types: Some(by_kind.keys().map(|kind| (*kind).to_owned()).collect()),
        version: template.format_version.clone(),
        metadata: template.metadata.as_ref().map(Value::to_json),
        declared_transforms: None,
        resource_identifier_summaries: Some(identifiers.collect()),
        warnings: (!unknown.is_empty()).then_some(Warnings { unrecognized_resource_types: Some(unknown) }),
    }
}
