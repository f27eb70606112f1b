//! What CreateFunction and UpdateFunctionConfiguration demand of a function's settings.

use std::collections::BTreeMap;

use pontoon_api::lambda as api;
use pontoon_core::{PolicyMode, Step};

use crate::Lambda;
use crate::error::Error;
use crate::run::destination::{Kind, kind_of};
use crate::runtimes::{self, Judgement};

const TIMEOUT_SECS_MAX: i32 = 900;
const MEMORY_MB_MAX: i32 = 10_240;
const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// The variables that a function may not set.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const RESERVED: [&str; 18] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// Checks a runtime (recordings `test_create_lambda_exceptions`, `TestRuntimeValidation`).
pub(super) fn runtime(runtime: &str) -> Result<(), Error> {
    match runtimes::judge(runtime) {
        Judgement::Runs => Ok(()),
        Judgement::NotHere => Err(Error::unsupported(format!(
            "functions of runtime {runtime}; it runs nodejs, python3 and provided runtimes"
        ))),
        Judgement::Deprecated => Err(Error::InvalidParameter(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
        ))),
        Judgement::Unknown => Err(Error::InvalidParameter(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a valid ARN",
            runtimes::accepted()
        ))),
    }
}

/// Checks that a role is there to be assumed. Only where policies are enforced: otherwise functions run without one.
pub(super) fn role(lambda: &Lambda, step: &Step<'_>, arn: &str) -> Result<(), Error> {
    if step.settings().policies == PolicyMode::Enforce && (lambda.roles)(arn).is_none() {
        return Err(Error::InvalidParameter(
            "The role defined for the function cannot be assumed by Lambda.".to_owned(),
        ));
    }
    Ok(())
}

/// Checks a timeout, in seconds; the model has checked that it is positive.
pub(super) fn timeout(secs: i32) -> Result<u32, Error> {
    bounded("timeout", secs, TIMEOUT_SECS_MAX)
}

/// Checks a memory size, in MB; the model has checked the smallest.
pub(super) fn memory(mb: i32) -> Result<u32, Error> {
    bounded("memorySize", mb, MEMORY_MB_MAX)
}

fn bounded(name: &str, value: i32, max: i32) -> Result<u32, Error> {
    u32::try_from(value).ok().filter(|_| value <= max).ok_or_else(|| {
        Error::Validation(format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value less than or equal to {max}"
        ))
    })
}

/// Checks environment variables (recording `test_large_environment_variables_fails`).
pub(super) fn environment(environment: api::Environment) -> Result<BTreeMap<String, String>, Error> {
    let variables = environment.variables.unwrap_or_default();
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    let cannot = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    if !reserved.is_empty() {
        return Err(Error::InvalidParameter(format!(
            "{cannot} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::json!(variables).to_string();
    if measured.len() > ENVIRONMENT_BYTES_MAX {
        return Err(Error::InvalidParameter(format!(
            "{cannot} exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(variables)
}

/// Checks a dead-letter target: a queue or a topic. An empty ARN is none; without one it stays what it `was` (recording `test_dead_letter_queue`).
pub(super) fn dead_letter(
    config: api::DeadLetterConfig,
    was: Option<String>,
) -> Result<Option<String>, Error> {
    match config.target_arn {
        None => Ok(was),
        Some(arn) if arn.is_empty() => Ok(None),
        Some(arn) => match kind_of(&arn) {
            Some((Kind::Queue | Kind::Topic, _)) => Ok(Some(arn)),
            _ => Err(Error::InvalidParameter(format!(
                "The dead letter target must be the ARN of an SQS queue or an SNS topic, and {arn} is neither."
            ))),
        },
    }
}

/// Checks a logging configuration; gives the log group that it names, or what `was` named (recording
/// `test_function_partial_advanced_logging_configuration_update`).
pub(super) fn logging(config: api::LoggingConfig, was: Option<String>) -> Result<Option<String>, Error> {
    if config.log_format.as_deref() == Some("JSON") {
        return Err(Error::unsupported("LogFormat JSON; functions log as text"));
    }
    if config.application_log_level.is_some() || config.system_log_level.is_some() {
        return Err(Error::InvalidParameter(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change the LogFormat to \"Json\" and try again.".to_owned(),
        ));
    }
    Ok(config.log_group.or(was))
}

/// What Pontoon does not honour in both operations.
pub(super) struct Foreign<'i> {
    pub(super) vpc_config: Option<&'i api::VpcConfig>,
    pub(super) layers: Option<&'i Vec<String>>,
    pub(super) file_systems: Option<&'i Vec<api::FileSystemConfig>>,
    pub(super) image_config: Option<&'i api::ImageConfig>,
    pub(super) kms_key_arn: Option<&'i String>,
    pub(super) snap_start: Option<&'i api::SnapStart>,
    pub(super) capacity_provider: bool,
    pub(super) durable: bool,
}

/// Refuses what Pontoon does not honour, by name. Empty values, which change nothing, are let through.
pub(super) fn refuse_foreign(foreign: &Foreign<'_>) -> Result<(), Error> {
    let vpc = |config: &&api::VpcConfig| {
        config.subnet_ids.as_ref().is_some_and(|ids| !ids.is_empty())
            || config.security_group_ids.as_ref().is_some_and(|ids| !ids.is_empty())
    };
    let snap = |snap: &&api::SnapStart| snap.apply_on.as_deref().is_some_and(|on| on != "None");
    let unsupported = [
        ("functions in a VPC (VpcConfig)", foreign.vpc_config.filter(vpc).is_some()),
        ("layers", foreign.layers.is_some_and(|layers| !layers.is_empty())),
        (
            "file systems of functions (FileSystemConfigs)",
            foreign.file_systems.is_some_and(|systems| !systems.is_empty()),
        ),
        ("functions from container images (ImageConfig)", foreign.image_config.is_some()),
        (
            "encryption of environment variables (KMSKeyArn)",
            foreign.kms_key_arn.is_some_and(|arn| !arn.is_empty()),
        ),
        ("SnapStart", foreign.snap_start.filter(snap).is_some()),
        ("capacity providers", foreign.capacity_provider),
        ("durable functions (DurableConfig)", foreign.durable),
    ];
    match unsupported.iter().find(|(_, used)| *used) {
        Some((what, _)) => Err(Error::unsupported(*what)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> api::Environment {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        api::Environment { variables: Some(variables) }
    }

    #[test]
    fn environments_are_measured_as_json_and_may_not_hold_reserved_keys() {
        assert!(environment(variables(&[("A", "b")])).is_ok());
        let overhead = r#"{"LARGE_VAR":""}"#.len();
        assert!(environment(variables(&[("LARGE_VAR", &"x".repeat(4096 - overhead))])).is_ok());
        let large = environment(variables(&[("LARGE_VAR", &"x".repeat(4097 - overhead))])).unwrap_err();
        assert!(
            matches!(large, Error::InvalidParameter(text) if text.contains("exceeded the 4KB limit. String measured: {\"LARGE_VAR\":\"xxx"))
        );
        let reserved = environment(variables(&[("AWS_REGION", "x")])).unwrap_err();
        assert!(
            matches!(reserved, Error::InvalidParameter(text) if text.ends_with("used in this request: AWS_REGION"))
        );
    }

    #[test]
    fn what_a_configuration_leaves_out_stays() {
        let was = || Some("arn:aws:sqs:us-east-1:000000000000:letters".to_owned());
        let config = |arn: Option<&str>| api::DeadLetterConfig { target_arn: arn.map(str::to_owned) };
        assert_eq!(dead_letter(config(None), was()), Ok(was()));
        assert_eq!(dead_letter(config(Some("")), was()), Ok(None));
        let topic = "arn:aws:sns:us-east-1:000000000000:letters";
        assert_eq!(dead_letter(config(Some(topic)), was()), Ok(Some(topic.to_owned())));
        let format =
            api::LoggingConfig { log_format: Some("Text".to_owned()), ..api::LoggingConfig::default() };
        assert_eq!(logging(format, Some("group".to_owned())), Ok(Some("group".to_owned())));
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        let none = Foreign {
            vpc_config: None,
            layers: None,
            file_systems: None,
            image_config: None,
            kms_key_arn: None,
            snap_start: None,
            capacity_provider: false,
            durable: false,
        };
        assert_eq!(refuse_foreign(&none), Ok(()));
        let layers = vec!["arn:aws:lambda:us-east-1:000000000000:layer:l:1".to_owned()];
        let subnets = api::VpcConfig { subnet_ids: Some(vec!["subnet-1".to_owned()]), ..Default::default() };
        let systems = vec![api::FileSystemConfig::default()];
        let image = api::ImageConfig::default();
        let key = "arn:aws:kms:us-east-1:000000000000:key/k".to_owned();
        let snap_start = api::SnapStart { apply_on: Some("PublishedVersions".to_owned()) };
        for (asked, name) in [
            (Foreign { layers: Some(&layers), ..none }, "layers"),
            (Foreign { vpc_config: Some(&subnets), ..none }, "functions in a VPC (VpcConfig)"),
            (
                Foreign { file_systems: Some(&systems), ..none },
                "file systems of functions (FileSystemConfigs)",
            ),
            (Foreign { image_config: Some(&image), ..none }, "functions from container images (ImageConfig)"),
            (Foreign { kms_key_arn: Some(&key), ..none }, "encryption of environment variables (KMSKeyArn)"),
            (Foreign { snap_start: Some(&snap_start), ..none }, "SnapStart"),
            (Foreign { capacity_provider: true, ..none }, "capacity providers"),
            (Foreign { durable: true, ..none }, "durable functions (DurableConfig)"),
        ] {
            assert_eq!(refuse_foreign(&asked), Err(Error::unsupported(name)));
        }
    }
}
