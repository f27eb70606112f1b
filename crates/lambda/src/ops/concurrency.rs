//! PutFunctionConcurrency, GetFunctionConcurrency, DeleteFunctionConcurrency (recordings `TestLambdaReservedConcurrency`).

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use crate::Lambda;
use crate::error::Error;
use crate::state::concurrency::{ACCOUNT_MAX, UNRESERVED_MIN};

pub(super) fn put_function_concurrency(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::PutFunctionConcurrencyInput,
) -> Answer<api::PutFunctionConcurrencyOutput> {
    let named =
        lambda.open(step, "lambda:PutFunctionConcurrency", &input.function_name, None)?.unqualified()?;
    let key = named.key();
    if !lambda.functions.contains_key(&key) {
        return Err(Error::function_not_found(&named.arn_or_latest()));
    }
    let reserved = u32::try_from(input.reserved_concurrent_executions).unwrap_or(0);
    let others = lambda.reserved.get(&key.0).into_iter().flatten();
    let others: u32 = others.filter(|(name, _)| **name != key.1).map(|(_, count)| count).sum();
    if ACCOUNT_MAX.saturating_sub(others.saturating_add(reserved)) < UNRESERVED_MIN {
        return Err(Error::InvalidParameterUntyped(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
        )));
    }
    lambda.change(step, &key, |function| function.reserved_concurrency = Some(reserved));
    lambda.reserved.entry(key.0).or_default().insert(key.1.clone(), reserved);
    lambda.room_for(step, &key);
    Ok(Reply::Ready(api::PutFunctionConcurrencyOutput {
        reserved_concurrent_executions: Some(input.reserved_concurrent_executions),
    }))
}

pub(super) fn get_function_concurrency(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionConcurrencyInput,
) -> Answer<api::GetFunctionConcurrencyOutput> {
    let named = lambda.open(step, "lambda:GetFunctionConcurrency", &input.function_name, None)?;
    let reserved = lambda.function(&named)?.reserved_concurrency;
    Ok(Reply::Ready(api::GetFunctionConcurrencyOutput {
        reserved_concurrent_executions: reserved.and_then(|reserved| i32::try_from(reserved).ok()),
    }))
}

pub(super) fn delete_function_concurrency(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::DeleteFunctionConcurrencyInput,
) -> Answer<api::DeleteFunctionConcurrencyOutput> {
    let named =
        lambda.open(step, "lambda:DeleteFunctionConcurrency", &input.function_name, None)?.unqualified()?;
    lambda.function(&named)?;
    let key = named.key();
    lambda.change(step, &key, |function| function.reserved_concurrency = None);
    if let Some(reserved) = lambda.reserved.get_mut(&key.0) {
        reserved.remove(&key.1);
    }
    lambda.room_for(step, &key);
    Ok(Reply::Ready(api::DeleteFunctionConcurrencyOutput {}))
}
