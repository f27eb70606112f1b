//! CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.

use std::collections::BTreeMap;

use pontoon_api::lambda as api;
use pontoon_core::{Reply, Space, Step};

use super::code::{self, CodeWait, Continuation, Source};
use super::paging::page;
use super::settings::{self, Foreign};
use super::shape::{Phase, configuration};
use super::{Answer, tags};
use crate::Lambda;
use crate::error::Error;
use crate::records;
use crate::state::alias::Alias;
use crate::state::code::{Code, STORAGE_BYTES_MAX};
use crate::state::function::{Function, Settings, Version};
use crate::state::name::{FunctionRef, LATEST};

/// How many entries a list of functions or versions has at most.
pub(super) const LIST_MAX: usize = 50;
const NAME_MAX: usize = 64;

pub(super) fn create_function(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::CreateFunctionInput,
) -> Answer<api::CreateFunctionOutput> {
    let named = lambda.open(step, "lambda:CreateFunction", &input.function_name, None)?;
    if named.name.len() > NAME_MAX {
        return Err(Error::InvalidParameter(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to {NAME_MAX}",
            named.name
        )));
    }
    let settings = settings_of(&input)?;
    settings::role(lambda, step, &settings.role)?;
    let tags = tags::merged(BTreeMap::new(), input.tags.unwrap_or_default())?;
    if lambda.functions.contains_key(&named.key()) {
        return Err(Error::Conflict(format!("Function already exist: {}", named.name)));
    }
    let publish = input.publish.unwrap_or(false);
    let code = input.code;
    let source = code::source(code.zip_file, code.s3_bucket, code.s3_key, code.s3_object_version)?;
    let new = NewFunction { named, settings, publish, tags };
    match source {
        Source::Ready { code, archive } => {
            let shown = lambda.add_function(step, new, code, archive)?;
            Ok(Reply::Ready(shown))
        }
        Source::Object(object) => {
            let park = step.park();
            let wait = CodeWait { park, continuation: Continuation::Create(Box::new(new)) };
            Lambda::fetch_code(step, object, wait);
            Ok(Reply::Parked(park))
        }
    }
}

/// A function that only lacks its code.
pub(crate) struct NewFunction {
    named: FunctionRef,
    settings: Settings,
    publish: bool,
    tags: BTreeMap<String, String>,
}

impl Lambda {
    /// Creates a function.
    pub(super) fn add_function(
        &mut self,
        step: &mut Step<'_>,
        new: NewFunction,
        code: Code,
        archive: Option<bytes::Bytes>,
    ) -> Result<api::FunctionConfiguration, Error> {
        let NewFunction { named, settings, publish, tags } = new;
        self.check_storage(step, code.size())?;
        let latest = Version {
            settings,
            code,
            modified_millis: step.now.millis(),
            revision_id: step.ids.uuid(),
            source_description: None,
        };
        let mut function = Function {
            name: named.name.clone(),
            latest,
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            policies: BTreeMap::new(),
            invoke_configs: BTreeMap::new(),
            tags,
            reserved_concurrency: None,
        };
        code::put_archive(step, &named, &function.latest.code, archive);
        let shown = if publish {
            let number = function.publish(None, step.now, [step.ids.uuid(), step.ids.uuid()]);
            let label = number.to_string();
            // The reply names the version, and the function's own ARN (recording `test_publish_version_on_create`).
            let version = &function.versions[&number];
            let shown = configuration(named.scope, &named.name, &label, None, version, Phase::Created);
            function.activated(number, step.ids.uuid());
            shown
        } else {
            configuration(named.scope, &named.name, LATEST, None, &function.latest, Phase::Created)
        };
        // Becoming active is a revision of its own.
        function.latest.revision_id = step.ids.uuid();
        records::put_function(step, named.scope, &function);
        self.functions.insert(named.key(), function);
        // A mapping may have outlived an earlier function of this name.
        self.room_for(step, &named.key());
        Ok(shown)
    }

    /// Checks that `more` bytes of code fit into the account's storage.
    pub(super) fn check_storage(&self, step: &Step<'_>, more: u64) -> Result<(), Error> {
        if self.code_bytes(step.scope) + more > STORAGE_BYTES_MAX {
            return Err(Error::CodeStorageExceeded);
        }
        Ok(())
    }

    /// What the packages of an account take, in bytes.
    pub(super) fn code_bytes(&self, scope: pontoon_core::Scope) -> u64 {
        let own = self.functions.iter().filter(|((theirs, _), _)| *theirs == scope);
        own.map(|(_, function)| function.code_bytes()).sum()
    }
}

fn settings_of(input: &api::CreateFunctionInput) -> Result<Settings, Error> {
    if input.package_type.as_deref() == Some("Image") || input.code.image_uri.is_some() {
        return Err(Error::unsupported("functions from container images (PackageType Image)"));
    }
    let refused = [
        ("code signing (CodeSigningConfigArn)", input.code_signing_config_arn.is_some()),
        ("tenant isolation (TenancyConfig)", input.tenancy_config.is_some()),
        ("PublishTo", input.publish_to.is_some()),
        ("encryption of packages (SourceKMSKeyArn)", input.code.source_kms_key_arn.is_some()),
    ];
    if let Some((what, _)) = refused.iter().find(|(_, used)| *used) {
        return Err(Error::unsupported(*what));
    }
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
    let (Some(runtime), Some(handler)) = (&input.runtime, &input.handler) else {
        return Err(Error::InvalidParameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
                .to_owned(),
        ));
    };
    settings::runtime(runtime)?;
    let first = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.first().cloned());
    Ok(Settings {
        runtime: runtime.clone(),
        role: input.role.clone(),
        handler: handler.clone(),
        description: input.description.clone().unwrap_or_default(),
        timeout_secs: settings::timeout(input.timeout.unwrap_or(3))?,
        memory_mb: settings::memory(input.memory_size.unwrap_or(128))?,
        environment: input.environment.clone().map(settings::environment).transpose()?,
        dead_letter_arn: settings::dead_letter(input.dead_letter_config.clone().unwrap_or_default(), None)?,
        tracing_mode: input
            .tracing_config
            .as_ref()
            .and_then(|tracing| tracing.mode.clone())
            .unwrap_or_else(|| "PassThrough".to_owned()),
        architecture: first(&input.architectures).unwrap_or_else(|| "x86_64".to_owned()),
        ephemeral_mb: input
            .ephemeral_storage
            .as_ref()
            .and_then(|storage| u32::try_from(storage.size).ok())
            .unwrap_or(512),
        log_group: settings::logging(input.logging_config.clone().unwrap_or_default(), None)?,
    })
}

pub(super) fn get_function(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionInput,
) -> Answer<api::GetFunctionOutput> {
    let named = lambda.open(step, "lambda:GetFunction", &input.function_name, input.qualifier.as_deref())?;
    let function = lambda.function(&named)?;
    let shown = shown(function, &named)?;
    let resolved = function.resolve(named.qualifier.as_deref(), 1.0).ok_or_else(|| not_found(&named))?;
    let code = resolved.version.code.clone();
    let (kind, location) = match code {
        Code::Zip { sha256, .. } => {
            let (token, key) =
                (step.ids.secret_hex(32), records::code_key(named.scope, &named.name, &sha256));
            let link = format!("{}/_pontoon/packages/{token}", step.caller.endpoint);
            lambda.downloads.add(step.now, token, key);
            ("S3", link)
        }
        Code::Directory { path, .. } => ("Directory", format!("file://{path}")),
    };
    let code = api::FunctionCodeLocation {
        repository_type: Some(kind.to_owned()),
        location: Some(location),
        ..api::FunctionCodeLocation::default()
    };
    let function = lambda.function(&named)?;
    Ok(Reply::Ready(api::GetFunctionOutput {
        configuration: Some(shown),
        code: Some(code),
        tags: Some(function.tags.clone()).filter(|tags| !tags.is_empty()),
        concurrency: function.reserved_concurrency.map(|reserved| api::Concurrency {
            reserved_concurrent_executions: i32::try_from(reserved).ok(),
        }),
        ..api::GetFunctionOutput::default()
    }))
}

fn not_found(named: &FunctionRef) -> Error {
    Error::function_not_found(&named.arn())
}

fn shown(function: &Function, named: &FunctionRef) -> Result<api::FunctionConfiguration, Error> {
    let qualifier = named.qualifier.as_deref();
    let resolved = function.resolve(qualifier, 1.0).ok_or_else(|| not_found(named))?;
    Ok(configuration(
        named.scope,
        &named.name,
        &resolved.label(),
        qualifier,
        resolved.version,
        Phase::Settled,
    ))
}

pub(super) fn get_function_configuration(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::GetFunctionConfigurationInput,
) -> Answer<api::GetFunctionConfigurationOutput> {
    let qualifier = input.qualifier.as_deref();
    let named = lambda.open(step, "lambda:GetFunctionConfiguration", &input.function_name, qualifier)?;
    Ok(Reply::Ready(shown(lambda.function(&named)?, &named)?))
}

pub(super) fn list_functions(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::ListFunctionsInput,
) -> Answer<api::ListFunctionsOutput> {
    let scope = step.scope;
    let all = input.function_version.is_some();
    let own = lambda.functions.iter().filter(|((theirs, _), _)| *theirs == scope);
    let entries = own.flat_map(|((_, name), function)| {
        let qualifier = all.then_some(LATEST);
        let latest = configuration(scope, name, LATEST, qualifier, &function.latest, Phase::Listed);
        let versions = function.versions.iter().filter(move |_| all).map(move |(number, version)| {
            let label = number.to_string();
            let shown = configuration(scope, name, &label, Some(&label), version, Phase::Listed);
            (format!("{name}:{number:020}"), shown)
        });
        std::iter::once((name.clone(), latest)).chain(versions)
    });
    let (functions, next_marker) = page(entries, input.marker.as_deref(), input.max_items, LIST_MAX);
    Ok(Reply::Ready(api::ListFunctionsOutput { next_marker, functions: Some(functions) }))
}

pub(super) fn delete_function(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::DeleteFunctionInput,
) -> Answer<api::DeleteFunctionOutput> {
    let named =
        lambda.open(step, "lambda:DeleteFunction", &input.function_name, input.qualifier.as_deref())?;
    let version = match named.qualifier.as_deref() {
        None => None,
        Some(LATEST) => {
            return Err(Error::InvalidParameter(
                "$LATEST version cannot be deleted without deleting the function.".to_owned(),
            ));
        }
        // Refused whether or not the function is there (recording `test_function_name_and_qualifier_validation`); a `$` is in no alias's name.
        Some(qualifier) if qualifier.parse::<u64>().is_err() && !qualifier.contains('$') => {
            return Err(Error::InvalidParameter(
                "Deletion of aliases is not currently supported.".to_owned(),
            ));
        }
        Some(qualifier) => Some(qualifier.to_owned()),
    };
    // Whatever version was named, what is not found is the function (recording `test_delete_on_nonexisting_version`).
    let unqualified = FunctionRef { qualifier: None, ..named.clone() };
    lambda.function(&unqualified)?;
    match version {
        None => lambda.remove_function(step, &named),
        Some(version) => lambda.remove_version(step, &named, &version)?,
    }
    Ok(Reply::Ready(api::DeleteFunctionOutput { status_code: Some(204) }))
}

impl Lambda {
    fn remove_function(&mut self, step: &mut Step<'_>, named: &FunctionRef) {
        let key = named.key();
        let Some(function) = self.functions.remove(&key) else { return };
        if let Some(reserved) = self.reserved.get_mut(&key.0) {
            reserved.remove(&key.1);
        }
        records::delete_function(step, named.scope, &named.name);
        for version in std::iter::once(&function.latest).chain(function.versions.values()) {
            if let Code::Zip { sha256, .. } = &version.code {
                step.delete(Space::Blob, records::code_key(named.scope, &named.name, sha256));
            }
        }
    }

    fn remove_version(
        &mut self,
        step: &mut Step<'_>,
        named: &FunctionRef,
        version: &str,
    ) -> Result<(), Error> {
        let function = self.function(named)?;
        let number = version.parse::<u64>().ok().filter(|number| function.versions.contains_key(number));
        // What is not there is deleted already, as AWS answers.
        let Some(number) = number else { return Ok(()) };
        let uses = |alias: &Alias| {
            alias.version == version || alias.second.as_ref().is_some_and(|(second, _)| second == version)
        };
        let users = function.aliases.iter().filter(|(_, alias)| uses(alias));
        let users: Vec<&str> = users.map(|(name, _)| name.as_str()).collect();
        if !users.is_empty() {
            return Err(Error::Conflict(format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                users.join(", ")
            )));
        }
        let key = named.key();
        let removed = self.change(step, &key, |function| {
            function.policies.remove(version);
            function.invoke_configs.remove(version);
            function.versions.remove(&number)
        });
        if let Some(Some(Version { code, .. })) = removed {
            self.drop_archive(step, named, &code);
        }
        Ok(())
    }
}
