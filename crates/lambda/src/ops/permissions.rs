//! AddPermission, RemovePermission, GetPolicy (recordings `TestLambdaPermissions`).

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use crate::Lambda;
use crate::error::Error;
use crate::state::name::{FunctionRef, LATEST};
use crate::state::permission::{Grant, POLICY_BYTES_MAX, ResourcePolicy, Statement};

/// What the operations tell of a revision id that is not the latest.
const STALE: Error = Error::StaleRevision("GetPolicy");

/// The function, version or alias whose policy is meant.
fn check_target(lambda: &Lambda, named: &FunctionRef) -> Result<(), Error> {
    let qualifier = named.qualifier.as_deref();
    if qualifier == Some(LATEST) {
        return Err(Error::InvalidParameter(
            "We currently do not support adding policies for $LATEST.".to_owned(),
        ));
    }
    let function = lambda.function(named)?;
    if function.resolve(qualifier, 1.0).is_some() {
        return Ok(());
    }
    let is_alias = qualifier.is_some_and(|name| name.parse::<u64>().is_err() && !name.contains('$'));
    Err(if is_alias {
        Error::NotFound(format!("Cannot find alias arn: {}", named.arn()))
    } else {
        Error::function_not_found(&named.arn())
    })
}

pub(super) fn add_permission(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::AddPermissionInput,
) -> Answer<api::AddPermissionOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:AddPermission", &input.function_name, qualifier)?;
    check_target(lambda, &named)?;
    let statement = Statement::allowing(&grant(&input), &named.arn()).ok_or_else(|| {
        Error::InvalidParameter(
            "The provided principal was invalid. Please check the principal and try again.".to_owned(),
        )
    })?;
    let policies = &lambda.function(&named)?.policies;
    let place = named.qualifier.clone().unwrap_or_default();
    let mut policy = policies.get(&place).cloned().unwrap_or_default();
    if input.revision_id.is_some_and(|revision| revision != policy.revision_id) {
        return Err(STALE);
    }
    if policy.statements.iter().any(|other| other.sid == statement.sid) {
        return Err(Error::Conflict(format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            statement.sid
        )));
    }
    let answer = statement.json();
    policy.statements.push(statement);
    let bytes = policy.json().len();
    if bytes > POLICY_BYTES_MAX {
        return Err(Error::PolicyTooLong(bytes));
    }
    policy.compile().map_err(Error::InvalidParameter)?;
    policy.revision_id = step.ids.uuid();
    lambda.change(step, &named.key(), |function| function.policies.insert(place, policy));
    Ok(Reply::Ready(api::AddPermissionOutput { statement: Some(answer) }))
}

fn grant(input: &api::AddPermissionInput) -> Grant<'_> {
    let keys = [
        ("AWS:SourceAccount", input.source_account.clone()),
        ("lambda:EventSourceToken", input.event_source_token.clone()),
        ("lambda:FunctionUrlAuthType", input.function_url_auth_type.clone()),
        ("aws:PrincipalOrgID", input.principal_org_id.clone()),
        ("lambda:InvokedViaFunctionUrl", input.invoked_via_function_url.map(|via| via.to_string())),
    ];
    Grant {
        sid: &input.statement_id,
        action: &input.action,
        principal: &input.principal,
        equals: keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        source_arn: input.source_arn.as_deref(),
    }
}

pub(super) fn remove_permission(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::RemovePermissionInput,
) -> Answer<api::RemovePermissionOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:RemovePermission", &input.function_name, qualifier)?;
    if !lambda.functions.contains_key(&named.key()) {
        return Err(Error::NotFound(format!("No policy found for: {}", named.arn())));
    }
    check_target(lambda, &named)?;
    let place = named.qualifier.clone().unwrap_or_default();
    let policy = lambda.function(&named)?.policies.get(&place).filter(|policy| !policy.statements.is_empty());
    let mut policy = policy
        .cloned()
        .ok_or_else(|| Error::NotFound("No policy is associated with the given resource.".to_owned()))?;
    if input.revision_id.is_some_and(|revision| revision != policy.revision_id) {
        return Err(STALE);
    }
    let at = policy.statements.iter().position(|statement| statement.sid == input.statement_id);
    let at = at.ok_or_else(|| {
        Error::NotFound(format!("Statement {} is not found in resource policy.", input.statement_id))
    })?;
    policy.statements.remove(at);
    policy.revision_id = step.ids.uuid();
    let left: Option<ResourcePolicy> = if policy.statements.is_empty() {
        None
    } else {
        policy.compile().map_err(Error::InvalidParameter)?;
        Some(policy)
    };
    lambda.change(step, &named.key(), |function| match left {
        Some(policy) => function.policies.insert(place, policy),
        None => function.policies.remove(&place),
    });
    Ok(Reply::Ready(api::RemovePermissionOutput {}))
}

pub(super) fn get_policy(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetPolicyInput,
) -> Answer<api::GetPolicyOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:GetPolicy", &input.function_name, qualifier)?;
    let place = named.qualifier.clone().unwrap_or_default();
    let policies = lambda.functions.get(&named.key()).map(|function| &function.policies);
    let policy = policies.and_then(|policies| policies.get(&place));
    let policy =
        policy.ok_or_else(|| Error::NotFound("The resource you requested does not exist.".to_owned()))?;
    Ok(Reply::Ready(api::GetPolicyOutput {
        policy: Some(policy.json()),
        revision_id: Some(policy.revision_id.clone()),
    }))
}
