//! The operations, by family. Each validates in AWS's order, calls the state, and shapes the reply.

pub(crate) mod access;
mod account;
mod aliases;
pub(crate) mod code;
mod concurrency;
mod configuration;
mod event_invoke;
mod functions;
mod invoke;
pub(crate) mod mappings;
mod paging;
mod payload;
mod permissions;
mod settings;
mod shape;
mod tags;
mod versions;

use pontoon_api::lambda as api;
use pontoon_core::shape::{Violation, Violations};
use pontoon_core::{ApiError, OperationSchema, Reply, Step};

use crate::Lambda;
use crate::error::Error;

type Answer<T> = Result<Reply<T>, Error>;

macro_rules! operations {
    ($($method:ident($input:ident) -> $output:ident in $family:ident;)*) => {
        impl api::Handler for Lambda {
            type Error = Error;

            fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
                // A runtime that is none is worded by the operation (recording `test_create_lambda_exceptions`).
                let runtime_only = violations
                    .found()
                    .iter()
                    .all(|found| found.path == "runtime" && matches!(found.violation, Violation::NotOneOf(_)));
                (!runtime_only).then(|| ApiError::client("ValidationException", violations.message()))
            }

            $(
                fn $method(&mut self, step: &mut Step<'_>, input: api::$input) -> Answer<api::$output> {
                    $family::$method(self, step, input)
                }
            )*
        }
    };
}

operations! {
    add_permission(AddPermissionInput) -> AddPermissionOutput in permissions;
    create_alias(CreateAliasInput) -> CreateAliasOutput in aliases;
    create_event_source_mapping(CreateEventSourceMappingInput) -> CreateEventSourceMappingOutput in mappings;
    create_function(CreateFunctionInput) -> CreateFunctionOutput in functions;
    delete_alias(DeleteAliasInput) -> DeleteAliasOutput in aliases;
    delete_event_source_mapping(DeleteEventSourceMappingInput) -> DeleteEventSourceMappingOutput in mappings;
    delete_function(DeleteFunctionInput) -> DeleteFunctionOutput in functions;
    delete_function_concurrency(DeleteFunctionConcurrencyInput) -> DeleteFunctionConcurrencyOutput in concurrency;
    delete_function_event_invoke_config(DeleteFunctionEventInvokeConfigInput) -> DeleteFunctionEventInvokeConfigOutput in event_invoke;
    get_account_settings(GetAccountSettingsInput) -> GetAccountSettingsOutput in account;
    get_alias(GetAliasInput) -> GetAliasOutput in aliases;
    get_event_source_mapping(GetEventSourceMappingInput) -> GetEventSourceMappingOutput in mappings;
    get_function(GetFunctionInput) -> GetFunctionOutput in functions;
    get_function_code_signing_config(GetFunctionCodeSigningConfigInput) -> GetFunctionCodeSigningConfigOutput in account;
    get_function_concurrency(GetFunctionConcurrencyInput) -> GetFunctionConcurrencyOutput in concurrency;
    get_function_configuration(GetFunctionConfigurationInput) -> GetFunctionConfigurationOutput in functions;
    get_function_event_invoke_config(GetFunctionEventInvokeConfigInput) -> GetFunctionEventInvokeConfigOutput in event_invoke;
    get_function_recursion_config(GetFunctionRecursionConfigInput) -> GetFunctionRecursionConfigOutput in account;
    get_policy(GetPolicyInput) -> GetPolicyOutput in permissions;
    get_runtime_management_config(GetRuntimeManagementConfigInput) -> GetRuntimeManagementConfigOutput in account;
    invoke(InvokeInput) -> InvokeOutput in invoke;
    list_aliases(ListAliasesInput) -> ListAliasesOutput in aliases;
    list_event_source_mappings(ListEventSourceMappingsInput) -> ListEventSourceMappingsOutput in mappings;
    list_function_event_invoke_configs(ListFunctionEventInvokeConfigsInput) -> ListFunctionEventInvokeConfigsOutput in event_invoke;
    list_functions(ListFunctionsInput) -> ListFunctionsOutput in functions;
    list_tags(ListTagsInput) -> ListTagsOutput in tags;
    list_versions_by_function(ListVersionsByFunctionInput) -> ListVersionsByFunctionOutput in versions;
    publish_version(PublishVersionInput) -> PublishVersionOutput in versions;
    put_function_concurrency(PutFunctionConcurrencyInput) -> PutFunctionConcurrencyOutput in concurrency;
    put_function_event_invoke_config(PutFunctionEventInvokeConfigInput) -> PutFunctionEventInvokeConfigOutput in event_invoke;
    remove_permission(RemovePermissionInput) -> RemovePermissionOutput in permissions;
    tag_resource(TagResourceInput) -> TagResourceOutput in tags;
    untag_resource(UntagResourceInput) -> UntagResourceOutput in tags;
    update_alias(UpdateAliasInput) -> UpdateAliasOutput in aliases;
    update_event_source_mapping(UpdateEventSourceMappingInput) -> UpdateEventSourceMappingOutput in mappings;
    update_function_code(UpdateFunctionCodeInput) -> UpdateFunctionCodeOutput in code;
    update_function_configuration(UpdateFunctionConfigurationInput) -> UpdateFunctionConfigurationOutput in configuration;
    update_function_event_invoke_config(UpdateFunctionEventInvokeConfigInput) -> UpdateFunctionEventInvokeConfigOutput in event_invoke;
}
