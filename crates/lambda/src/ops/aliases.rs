//! CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases (recordings `TestLambdaAlias`).

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Scope, Step};

use super::Answer;
use super::functions::LIST_MAX;
use super::paging::page;
use crate::Lambda;
use crate::error::Error;
use crate::state::alias::Alias;
use crate::state::function::Function;
use crate::state::name::{FunctionRef, LATEST, qualified_arn};

fn shown(scope: Scope, function: &str, name: &str, alias: &Alias) -> api::AliasConfiguration {
    api::AliasConfiguration {
        alias_arn: Some(qualified_arn(scope, function, Some(name))),
        name: Some(name.to_owned()),
        function_version: Some(alias.version.clone()),
        description: Some(alias.description.clone()),
        routing_config: alias.second.clone().map(|(version, weight)| api::AliasRoutingConfiguration {
            additional_version_weights: Some([(version, weight)].into()),
        }),
        revision_id: Some(alias.revision_id.clone()),
    }
}

fn check_version(function: &Function, named: &FunctionRef, version: &str) -> Result<(), Error> {
    match function.resolve(Some(version), 1.0) {
        Some(resolved) if resolved.label() == version => Ok(()),
        _ => Err(Error::function_not_found(&qualified_arn(named.scope, &named.name, Some(version)))),
    }
}

/// The second version of a routing configuration and its weight, checked against the first.
fn second_version(
    function: &Function,
    named: &FunctionRef,
    first: &str,
    routing: Option<api::AliasRoutingConfiguration>,
) -> Result<Option<(String, f64)>, Error> {
    let weights = routing.and_then(|routing| routing.additional_version_weights).unwrap_or_default();
    if weights.len() > 1 {
        return Err(Error::InvalidParameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1".to_owned(),
        ));
    }
    let Some((version, weight)) = weights.into_iter().next() else { return Ok(None) };
    if version == first {
        return Err(Error::InvalidParameter(format!(
            "Invalid function version {version}. Function version {version} is already included in routing configuration."
        )));
    }
    if first == LATEST {
        return Err(Error::InvalidParameterUntyped(
            "$LATEST is not supported for an alias pointing to more than 1 version".to_owned(),
        ));
    }
    check_version(function, named, &version)?;
    Ok(Some((version, weight)))
}

pub(super) fn create_alias(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::CreateAliasInput,
) -> Answer<api::CreateAliasOutput> {
    let named = lambda.open(step, "lambda:CreateAlias", &input.function_name, None)?.unqualified()?;
    let missing =
        || Error::function_not_found(&qualified_arn(named.scope, &named.name, Some(&input.function_version)));
    let function = lambda.functions.get(&named.key()).ok_or_else(missing)?;
    check_version(function, &named, &input.function_version)?;
    let second = second_version(function, &named, &input.function_version, input.routing_config)?;
    if function.aliases.contains_key(&input.name) {
        let arn = qualified_arn(named.scope, &named.name, Some(&input.name));
        return Err(Error::Conflict(format!("Alias already exists: {arn}")));
    }
    let alias = Alias {
        version: input.function_version,
        second,
        description: input.description.unwrap_or_default(),
        revision_id: step.ids.uuid(),
    };
    let answer = shown(named.scope, &named.name, &input.name, &alias);
    lambda.change(step, &named.key(), |function| function.aliases.insert(input.name, alias));
    Ok(Reply::Ready(answer))
}

pub(super) fn get_alias(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetAliasInput,
) -> Answer<api::GetAliasOutput> {
    let named = lambda.open(step, "lambda:GetAlias", &input.function_name, None)?;
    let arn = qualified_arn(named.scope, &named.name, Some(&input.name));
    let alias = lambda.functions.get(&named.key()).and_then(|function| function.aliases.get(&input.name));
    let alias = alias.ok_or_else(|| Error::NotFound(format!("Cannot find alias arn: {arn}")))?;
    Ok(Reply::Ready(shown(named.scope, &named.name, &input.name, alias)))
}

pub(super) fn list_aliases(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListAliasesInput,
) -> Answer<api::ListAliasesOutput> {
    let named = lambda.open(step, "lambda:ListAliases", &input.function_name, None)?;
    let function = lambda.function(&named)?;
    let wanted = input.function_version.as_deref();
    let of_version =
        function.aliases.iter().filter(|(_, alias)| wanted.is_none_or(|version| alias.version == version));
    let entries =
        of_version.map(|(name, alias)| (name.clone(), shown(named.scope, &named.name, name, alias)));
    let (aliases, next_marker) = page(entries, input.marker.as_deref(), input.max_items, LIST_MAX);
    Ok(Reply::Ready(api::ListAliasesOutput { next_marker, aliases: Some(aliases) }))
}

pub(super) fn update_alias(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UpdateAliasInput,
) -> Answer<api::UpdateAliasOutput> {
    let named = lambda.open(step, "lambda:UpdateAlias", &input.function_name, None)?.unqualified()?;
    let arn = qualified_arn(named.scope, &named.name, Some(&input.name));
    let found = lambda
        .functions
        .get(&named.key())
        .and_then(|function| Some((function, function.aliases.get(&input.name)?)));
    let (function, alias) = found.ok_or_else(|| Error::NotFound(format!("Alias not found: {arn}")))?;
    if input.revision_id.is_some_and(|revision| revision != alias.revision_id) {
        return Err(Error::StaleRevision("GetFunction/GetAlias"));
    }
    let version = input.function_version.unwrap_or_else(|| alias.version.clone());
    check_version(function, &named, &version)?;
    let second = match input.routing_config {
        Some(routing) => second_version(function, &named, &version, Some(routing))?,
        None => alias.second.clone(),
    };
    let description = input.description.unwrap_or_else(|| alias.description.clone());
    let alias = Alias { version, second, description, revision_id: step.ids.uuid() };
    let answer = shown(named.scope, &named.name, &input.name, &alias);
    lambda.change(step, &named.key(), |function| function.aliases.insert(input.name, alias));
    Ok(Reply::Ready(answer))
}

/// Deleting an alias that is not there succeeds (recording `test_non_existent_alias_deletion`).
pub(super) fn delete_alias(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::DeleteAliasInput,
) -> Answer<api::DeleteAliasOutput> {
    let named = lambda.open(step, "lambda:DeleteAlias", &input.function_name, None)?.unqualified()?;
    lambda.change(step, &named.key(), |function| {
        function.policies.remove(&input.name);
        function.invoke_configs.remove(&input.name);
        function.aliases.remove(&input.name)
    });
    Ok(Reply::Ready(api::DeleteAliasOutput {}))
}
