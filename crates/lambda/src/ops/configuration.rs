//! UpdateFunctionConfiguration.

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use super::settings::{self, Foreign};
use super::shape::{Phase, configuration};
use crate::Lambda;
use crate::error::Error;
use crate::records;
use crate::state::function::Settings;
use crate::state::name::LATEST;

pub(super) fn update_function_configuration(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UpdateFunctionConfigurationInput,
) -> Answer<api::UpdateFunctionConfigurationOutput> {
    let named =
        lambda.open(step, "lambda:UpdateFunctionConfiguration", &input.function_name, None)?.unqualified()?;
    let mut function = lambda.function(&named)?.clone();
    if input.revision_id.as_ref().is_some_and(|revision| *revision != function.latest.revision_id) {
        return Err(Error::StaleRevision("GetFunction/GetAlias"));
    }
    if let Some(role) = &input.role {
        settings::role(lambda, step, role)?;
    }
    function.latest.settings = changed(function.latest.settings, input)?;
    function.latest.modified_millis = step.now.millis();
    function.latest.revision_id = step.ids.uuid();
    let shown = configuration(named.scope, &named.name, LATEST, None, &function.latest, Phase::Updated);
    // Completing the update is a revision of its own.
    function.latest.revision_id = step.ids.uuid();
    records::put_function(step, named.scope, &function);
    lambda.functions.insert(named.key(), function);
    Ok(Reply::Ready(shown))
}

/// The settings with what the request sets; what it leaves out stays.
fn changed(settings: Settings, input: api::UpdateFunctionConfigurationInput) -> Result<Settings, Error> {
    settings::refuse_foreign(&Foreign {
        vpc_config: input.vpc_config.as_ref(),
        layers: input.layers.as_ref(),
        file_systems: input.file_system_configs.as_ref(),
        image_config: input.image_config.as_ref(),
        kms_key_arn: input.kms_key_arn.as_ref(),
        snap_start: input.snap_start.as_ref(),
        capacity_provider: input.capacity_provider_config.is_some(),
        durable: input.durable_config.is_some(),
    })?;
    if let Some(runtime) = &input.runtime {
        settings::runtime(runtime)?;
    }
    let environment = input.environment.map(settings::environment).transpose()?;
    Ok(Settings {
        runtime: input.runtime.unwrap_or(settings.runtime),
        role: input.role.unwrap_or(settings.role),
        handler: input.handler.unwrap_or(settings.handler),
        description: input.description.unwrap_or(settings.description),
        timeout_secs: input.timeout.map_or(Ok(settings.timeout_secs), settings::timeout)?,
        memory_mb: input.memory_size.map_or(Ok(settings.memory_mb), settings::memory)?,
        environment: environment.or(settings.environment),
        dead_letter_arn: settings::dead_letter(
            input.dead_letter_config.unwrap_or_default(),
            settings.dead_letter_arn,
        )?,
        tracing_mode: input.tracing_config.and_then(|tracing| tracing.mode).unwrap_or(settings.tracing_mode),
        architecture: settings.architecture,
        ephemeral_mb: input
            .ephemeral_storage
            .and_then(|storage| u32::try_from(storage.size).ok())
            .unwrap_or(settings.ephemeral_mb),
        log_group: settings::logging(input.logging_config.unwrap_or_default(), settings.log_group)?,
    })
}
