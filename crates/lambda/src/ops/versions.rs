//! PublishVersion and ListVersionsByFunction.

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use super::functions::LIST_MAX;
use super::paging::page;
use super::shape::{Phase, configuration};
use crate::Lambda;
use crate::error::Error;
use crate::state::name::LATEST;

pub(super) fn publish_version(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::PublishVersionInput,
) -> Answer<api::PublishVersionOutput> {
    let named = lambda.open(step, "lambda:PublishVersion", &input.function_name, None)?.unqualified()?;
    if input.publish_to.is_some() {
        return Err(Error::unsupported("PublishTo"));
    }
    let function = lambda.function(&named)?;
    if input.revision_id.is_some_and(|revision| revision != function.latest.revision_id) {
        return Err(Error::StaleRevision("GetFunction/GetAlias"));
    }
    let current = function.latest.code.sha256_base64();
    if let Some(given) = input.code_sha256.filter(|given| !given.is_empty() && *given != current) {
        return Err(Error::InvalidParameter(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the CodeSHA256 in $LATEST."
        )));
    }
    lambda.check_storage(step, function.latest.code.size())?;
    let (now, revisions) = (step.now, [step.ids.uuid(), step.ids.uuid()]);
    let shown = lambda.change(step, &named.key(), |function| {
        let number = function.publish(input.description, now, revisions);
        let label = number.to_string();
        configuration(
            named.scope,
            &named.name,
            &label,
            Some(&label),
            &function.versions[&number],
            Phase::Settled,
        )
    });
    shown.map(Reply::Ready).ok_or_else(|| Error::function_not_found(&named.arn()))
}

pub(super) fn list_versions_by_function(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListVersionsByFunctionInput,
) -> Answer<api::ListVersionsByFunctionOutput> {
    let named = lambda.open(step, "lambda:ListVersionsByFunction", &input.function_name, None)?;
    let function = lambda.function(&named)?;
    let show = |label: &str, version| {
        configuration(named.scope, &named.name, label, Some(label), version, Phase::Listed)
    };
    let latest = std::iter::once((String::new(), show(LATEST, &function.latest)));
    let published = function
        .versions
        .iter()
        .map(|(number, version)| (format!("{number:020}"), show(&number.to_string(), version)));
    let (versions, next_marker) =
        page(latest.chain(published), input.marker.as_deref(), input.max_items, LIST_MAX);
    Ok(Reply::Ready(api::ListVersionsByFunctionOutput { next_marker, versions: Some(versions) }))
}
