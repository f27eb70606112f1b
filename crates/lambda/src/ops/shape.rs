//! Functions as replies show them (recordings `test_function_lifecycle`, `test_version_lifecycle`).

use pontoon_api::lambda as api;
use pontoon_core::{Scope, Timestamp};

use crate::runtimes;
use crate::state::function::Version;
use crate::state::name::qualified_arn;

/// What a reply says of a version's state. AWS works in the background after a change; here the change is complete, and only its own reply says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was created just now.
    Created,
    /// It was changed just now.
    Updated,
    /// It is as it is.
    Settled,
    /// It is one of a list, which says nothing of states.
    Listed,
}

/// A version, named by `qualifier` in its ARN, or not at all.
pub(super) fn configuration(
    scope: Scope,
    name: &str,
    label: &str,
    qualifier: Option<&str>,
    version: &Version,
    phase: Phase,
) -> api::FunctionConfiguration {
    let settings = &version.settings;
    let mut shown = api::FunctionConfiguration {
        function_name: Some(name.to_owned()),
        function_arn: Some(qualified_arn(scope, name, qualifier)),
        runtime: Some(settings.runtime.clone()),
        role: Some(settings.role.clone()),
        handler: Some(settings.handler.clone()),
        code_size: i64::try_from(version.code.size()).ok(),
        description: Some(settings.description.clone()),
        timeout: i32::try_from(settings.timeout_secs).ok(),
        memory_size: i32::try_from(settings.memory_mb).ok(),
        last_modified: Some(last_modified(version.modified_millis)),
        code_sha256: Some(version.code.sha256_base64()),
        version: Some(label.to_owned()),
        dead_letter_config: settings
            .dead_letter_arn
            .as_ref()
            .map(|arn| api::DeadLetterConfig { target_arn: Some(arn.clone()) }),
        environment: settings.environment.as_ref().map(|variables| api::EnvironmentResponse {
            variables: Some(variables.clone()),
            ..api::EnvironmentResponse::default()
        }),
        tracing_config: Some(api::TracingConfigResponse { mode: Some(settings.tracing_mode.clone()) }),
        revision_id: Some(version.revision_id.clone()),
        package_type: Some("Zip".to_owned()),
        architectures: Some(vec![settings.architecture.clone()]),
        ephemeral_storage: Some(api::EphemeralStorage {
            size: i32::try_from(settings.ephemeral_mb).unwrap_or(512),
        }),
        snap_start: Some(api::SnapStartResponse {
            apply_on: Some("None".to_owned()),
            optimization_status: Some("Off".to_owned()),
        }),
        logging_config: Some(api::LoggingConfig {
            log_format: Some("Text".to_owned()),
            log_group: Some(settings.log_group(name)),
            ..api::LoggingConfig::default()
        }),
        ..api::FunctionConfiguration::default()
    };
    show_phase(&mut shown, scope, &settings.runtime, phase);
    shown
}

fn show_phase(shown: &mut api::FunctionConfiguration, scope: Scope, runtime: &str, phase: Phase) {
    if phase == Phase::Listed {
        return;
    }
    shown.runtime_version_config = Some(api::RuntimeVersionConfig {
        runtime_version_arn: Some(runtimes::runtime_version_arn(scope.region, runtime)),
        ..api::RuntimeVersionConfig::default()
    });
    let creating = || (Some("The function is being created.".to_owned()), Some("Creating".to_owned()));
    match phase {
        Phase::Created => {
            shown.state = Some("Pending".to_owned());
            (shown.state_reason, shown.state_reason_code) = creating();
        }
        Phase::Updated => {
            shown.state = Some("Active".to_owned());
            shown.last_update_status = Some("InProgress".to_owned());
            (shown.last_update_status_reason, shown.last_update_status_reason_code) = creating();
        }
        Phase::Settled | Phase::Listed => {
            shown.state = Some("Active".to_owned());
            shown.last_update_status = Some("Successful".to_owned());
        }
    }
}

/// `2026-01-31T12:34:56.789+0000`.
fn last_modified(millis: i64) -> String {
    Timestamp::from_millis(millis).iso_millis().replace('Z', "+0000")
}
