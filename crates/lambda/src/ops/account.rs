//! GetAccountSettings, and the read operations whose answer is always the default because nothing here can change it.

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use crate::Lambda;
use crate::state::code::{STORAGE_BYTES_MAX, UNZIPPED_BYTES_MAX, ZIPPED_BYTES_MAX};
use crate::state::concurrency::ACCOUNT_MAX;

pub(super) fn get_account_settings(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    _input: api::GetAccountSettingsInput,
) -> Answer<api::GetAccountSettingsOutput> {
    let reserved: u32 = lambda.reserved.get(&step.scope).map_or(0, |reserved| reserved.values().sum());
    let functions = lambda.functions.keys().filter(|(scope, _)| *scope == step.scope).count();
    let count = |value: u32| i32::try_from(value).ok();
    Ok(Reply::Ready(api::GetAccountSettingsOutput {
        account_limit: Some(api::AccountLimit {
            total_code_size: i64::try_from(STORAGE_BYTES_MAX).ok(),
            code_size_unzipped: i64::try_from(UNZIPPED_BYTES_MAX).ok(),
            code_size_zipped: i64::try_from(ZIPPED_BYTES_MAX).ok(),
            concurrent_executions: count(ACCOUNT_MAX),
            unreserved_concurrent_executions: count(ACCOUNT_MAX.saturating_sub(reserved)),
        }),
        account_usage: Some(api::AccountUsage {
            total_code_size: i64::try_from(lambda.code_bytes(step.scope)).ok(),
            function_count: i64::try_from(functions).ok(),
        }),
    }))
}

/// No function has a code signing configuration, since CreateFunction takes none.
pub(super) fn get_function_code_signing_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionCodeSigningConfigInput,
) -> Answer<api::GetFunctionCodeSigningConfigOutput> {
    let named = lambda.open(step, "lambda:GetFunctionCodeSigningConfig", &input.function_name, None)?;
    lambda.function(&named)?;
    Ok(Reply::Ready(api::GetFunctionCodeSigningConfigOutput {
        code_signing_config_arn: String::new(),
        function_name: named.name,
    }))
}

/// DEVIATION: AWS stops functions that call themselves in a circle unless told otherwise; Pontoon does not detect circles through functions, and says so.
pub(super) fn get_function_recursion_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionRecursionConfigInput,
) -> Answer<api::GetFunctionRecursionConfigOutput> {
    let named = lambda.open(step, "lambda:GetFunctionRecursionConfig", &input.function_name, None)?;
    lambda.function(&named)?;
    Ok(Reply::Ready(api::GetFunctionRecursionConfigOutput { recursive_loop: Some("Allow".to_owned()) }))
}

/// Every function has the default, since nothing sets another.
pub(super) fn get_runtime_management_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetRuntimeManagementConfigInput,
) -> Answer<api::GetRuntimeManagementConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:GetRuntimeManagementConfig", &input.function_name, qualifier)?;
    lambda.function(&named)?;
    Ok(Reply::Ready(api::GetRuntimeManagementConfigOutput {
        update_runtime_on: Some("Auto".to_owned()),
        runtime_version_arn: None,
        function_arn: Some(named.arn_or_latest()),
    }))
}
