//! How asynchronous invocations are treated: PutFunctionEventInvokeConfig and its family (recordings `TestLambdaEventInvokeConfig`).

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Scope, Step, Timestamp};

use super::Answer;
use super::functions::LIST_MAX;
use super::paging::page;
use crate::Lambda;
use crate::error::Error;
use crate::run::destination::{Kind, kind_of};
use crate::state::invoke_config::InvokeConfig;
use crate::state::name::{FunctionRef, qualified_arn};

fn shown(
    scope: Scope,
    function: &str,
    qualifier: &str,
    config: &InvokeConfig,
) -> api::FunctionEventInvokeConfig {
    let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    api::FunctionEventInvokeConfig {
        last_modified: Some(Timestamp::from_millis(config.modified_millis)),
        function_arn: Some(qualified_arn(scope, function, Some(qualifier))),
        maximum_retry_attempts: number(config.retries),
        maximum_event_age_in_seconds: number(config.event_age_secs),
        destination_config: Some(api::DestinationConfig {
            on_success: Some(api::OnSuccess { destination: config.on_success.clone() }),
            on_failure: Some(api::OnFailure { destination: config.on_failure.clone() }),
        }),
    }
}

/// What a request sets; the outer `None` where it says nothing.
struct Wanted {
    retries: Option<u32>,
    event_age_secs: Option<u32>,
    on_success: Option<Option<String>>,
    on_failure: Option<Option<String>>,
}

fn no_function() -> Error {
    Error::NotFound("The function doesn't exist.".to_owned())
}

impl Lambda {
    fn wanted(
        &self,
        named: &FunctionRef,
        retries: Option<i32>,
        event_age: Option<i32>,
        destinations: Option<api::DestinationConfig>,
    ) -> Result<Wanted, Error> {
        if retries.is_none() && event_age.is_none() && destinations.is_none() {
            return Err(Error::InvalidParameter(
                "You must specify at least one of error handling or destination setting.".to_owned(),
            ));
        }
        let destinations = destinations.unwrap_or_default();
        // An empty destination removes the one that was set.
        let target = |destination: Option<String>| destination.filter(|arn| !arn.is_empty());
        let wanted = Wanted {
            retries: retries.and_then(|value| u32::try_from(value).ok()),
            event_age_secs: event_age.and_then(|value| u32::try_from(value).ok()),
            on_success: destinations.on_success.map(|on| target(on.destination)),
            on_failure: destinations.on_failure.map(|on| target(on.destination)),
        };
        let success = wanted.on_success.clone().flatten();
        let failure = wanted.on_failure.clone().flatten();
        for arn in [&success, &failure].into_iter().flatten() {
            self.check_destination(named, arn, &success, &failure)?;
        }
        Ok(wanted)
    }

    fn check_destination(
        &self,
        named: &FunctionRef,
        arn: &str,
        success: &Option<String>,
        failure: &Option<String>,
    ) -> Result<(), Error> {
        let Some((kind, scope)) = kind_of(arn) else {
            if arn.starts_with("arn:aws:s3:") {
                return Err(Error::unsupported("S3 buckets as destinations"));
            }
            let side = |name: &str, arn: &Option<String>| match arn {
                Some(arn) => format!("{name}(destination={arn})"),
                None => "null".to_owned(),
            };
            return Err(Error::InvalidParameter(format!(
                "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
                side("OnSuccess", success),
                side("OnFailure", failure)
            )));
        };
        if kind == Kind::Function {
            let target = FunctionRef::parse(scope, arn, None)?;
            if target.key() == named.key() {
                return Err(Error::InvalidParameter(
                    "You can't specify the function as a destination for itself.".to_owned(),
                ));
            }
            if !self.functions.contains_key(&target.key()) {
                return Err(Error::InvalidParameter(format!("The destination ARN {arn} is invalid.")));
            }
        }
        Ok(())
    }

    fn without_config<T>(named: &FunctionRef) -> Result<T, Error> {
        let arn = named.arn_or_latest();
        Err(Error::NotFound(format!("The function {arn} doesn't have an EventInvokeConfig")))
    }

    fn store_config(
        &mut self,
        step: &mut Step<'_>,
        named: &FunctionRef,
        config: InvokeConfig,
    ) -> api::FunctionEventInvokeConfig {
        let qualifier = named.qualifier_or_latest().to_owned();
        let answer = shown(named.scope, &named.name, &qualifier, &config);
        self.change(step, &named.key(), |function| function.invoke_configs.insert(qualifier, config));
        answer
    }
}

pub(super) fn put_function_event_invoke_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::PutFunctionEventInvokeConfigInput,
) -> Answer<api::PutFunctionEventInvokeConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:PutFunctionEventInvokeConfig", &input.function_name, qualifier)?;
    let wanted = lambda.wanted(
        &named,
        input.maximum_retry_attempts,
        input.maximum_event_age_in_seconds,
        input.destination_config,
    )?;
    let function = lambda.functions.get(&named.key()).ok_or_else(no_function)?;
    function.resolve(named.qualifier.as_deref(), 1.0).ok_or_else(no_function)?;
    let config = InvokeConfig {
        retries: wanted.retries,
        event_age_secs: wanted.event_age_secs,
        on_success: wanted.on_success.flatten(),
        on_failure: wanted.on_failure.flatten(),
        modified_millis: step.now.millis(),
    };
    Ok(Reply::Ready(lambda.store_config(step, &named, config)))
}

pub(super) fn update_function_event_invoke_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UpdateFunctionEventInvokeConfigInput,
) -> Answer<api::UpdateFunctionEventInvokeConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let named =
        lambda.open(step, "lambda:UpdateFunctionEventInvokeConfig", &input.function_name, qualifier)?;
    let wanted = lambda.wanted(
        &named,
        input.maximum_retry_attempts,
        input.maximum_event_age_in_seconds,
        input.destination_config,
    )?;
    let function = lambda.functions.get(&named.key()).ok_or_else(no_function)?;
    let Some(config) = function.invoke_configs.get(named.qualifier_or_latest()).cloned() else {
        return Lambda::without_config(&named);
    };
    let config = InvokeConfig {
        retries: wanted.retries.or(config.retries),
        event_age_secs: wanted.event_age_secs.or(config.event_age_secs),
        on_success: wanted.on_success.unwrap_or(config.on_success),
        on_failure: wanted.on_failure.unwrap_or(config.on_failure),
        modified_millis: step.now.millis(),
    };
    Ok(Reply::Ready(lambda.store_config(step, &named, config)))
}

pub(super) fn get_function_event_invoke_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionEventInvokeConfigInput,
) -> Answer<api::GetFunctionEventInvokeConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:GetFunctionEventInvokeConfig", &input.function_name, qualifier)?;
    let configs = lambda.functions.get(&named.key()).map(|function| &function.invoke_configs);
    match configs.and_then(|configs| configs.get(named.qualifier_or_latest())) {
        Some(config) => {
            Ok(Reply::Ready(shown(named.scope, &named.name, named.qualifier_or_latest(), config)))
        }
        None => Lambda::without_config(&named),
    }
}

pub(super) fn delete_function_event_invoke_config(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::DeleteFunctionEventInvokeConfigInput,
) -> Answer<api::DeleteFunctionEventInvokeConfigOutput> {
    let qualifier = input.qualifier.as_deref();
    let named =
        lambda.open(step, "lambda:DeleteFunctionEventInvokeConfig", &input.function_name, qualifier)?;
    let configs = lambda.functions.get(&named.key()).map(|function| &function.invoke_configs);
    if !configs.is_some_and(|configs| configs.contains_key(named.qualifier_or_latest())) {
        return Lambda::without_config(&named);
    }
    lambda.change(step, &named.key(), |function| function.invoke_configs.remove(named.qualifier_or_latest()));
    Ok(Reply::Ready(api::DeleteFunctionEventInvokeConfigOutput {}))
}

pub(super) fn list_function_event_invoke_configs(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListFunctionEventInvokeConfigsInput,
) -> Answer<api::ListFunctionEventInvokeConfigsOutput> {
    let named = lambda.open(step, "lambda:ListFunctionEventInvokeConfigs", &input.function_name, None)?;
    let function = lambda.functions.get(&named.key()).ok_or_else(no_function)?;
    let entries = function
        .invoke_configs
        .iter()
        .map(|(qualifier, config)| (qualifier.clone(), shown(named.scope, &named.name, qualifier, config)));
    let (configs, next_marker) = page(entries, input.marker.as_deref(), input.max_items, LIST_MAX);
    Ok(Reply::Ready(api::ListFunctionEventInvokeConfigsOutput {
        function_event_invoke_configs: Some(configs),
        next_marker,
    }))
}
