//! Where code comes from, and UpdateFunctionCode.

use bytes::Bytes;
use pontoon_api::{lambda as api, s3};
use pontoon_core::{Caller, Hop, Output, ParkId, Reply, ServiceId, Settled, Space, Step, Ticket};

use super::Answer;
use super::functions::NewFunction;
use super::shape::{Phase, configuration};
use crate::Lambda;
use crate::error::Error;
use crate::records;
use crate::run::Token;
use crate::state::code::{self, Code, LOCAL_DIRECTORY_BUCKET, ZIPPED_BYTES_MAX};
use crate::state::name::{FunctionRef, LATEST};

/// Code that a request brings, or says where it is.
pub(super) enum Source {
    /// It is here: described, with the archive unless it is a directory.
    Ready { code: Code, archive: Option<Bytes> },
    /// It is to be fetched from S3.
    Object(Box<s3::GetObjectInput>),
}

/// A call that waits for its archive.
pub(crate) struct CodeWait {
    pub(super) park: ParkId,
    pub(super) continuation: Continuation,
}

/// How a call goes on when its archive is here.
pub(super) enum Continuation {
    /// CreateFunction.
    Create(Box<NewFunction>),
    /// UpdateFunctionCode.
    Update(CodeUpdate),
}

/// An update of code that only lacks the code.
pub(super) struct CodeUpdate {
    named: FunctionRef,
    architecture: Option<String>,
    publish: bool,
    dry_run: bool,
}

/// Reads where the code is.
pub(super) fn source(
    zip_file: Option<Bytes>,
    bucket: Option<String>,
    key: Option<String>,
    version: Option<String>,
) -> Result<Source, Error> {
    match (zip_file, bucket, key) {
        (Some(zip), None, None) => {
            if zip.len() > ZIPPED_BYTES_MAX {
                return Err(Error::TooLarge(format!(
                    "Zipped size must be smaller than {ZIPPED_BYTES_MAX} bytes"
                )));
            }
            Ok(Source::Ready { code: code::zip(&zip)?, archive: Some(zip) })
        }
        (Some(_), _, _) => Err(Error::InvalidParameter(
            "Please do not provide other FunctionCode parameters when providing a ZipFile.".to_owned(),
        )),
        (None, Some(bucket), Some(path)) if bucket == LOCAL_DIRECTORY_BUCKET => {
            if !path.starts_with('/') {
                return Err(Error::InvalidParameter(format!(
                    "With the bucket {LOCAL_DIRECTORY_BUCKET} the key must be the absolute path of a directory, and {path} is not one."
                )));
            }
            Ok(Source::Ready { code: Code::Directory { path, revision: 1 }, archive: None })
        }
        (None, Some(bucket), Some(key)) => {
            let object =
                s3::GetObjectInput { bucket, key, version_id: version, ..s3::GetObjectInput::default() };
            Ok(Source::Object(Box::new(object)))
        }
        (None, _, _) => Err(Error::InvalidParameter("Please provide a source for function code.".to_owned())),
    }
}

/// Keeps an archive under its hash.
pub(super) fn put_archive(step: &mut Step<'_>, named: &FunctionRef, code: &Code, archive: Option<Bytes>) {
    if let (Code::Zip { sha256, .. }, Some(archive)) = (code, archive) {
        step.put(Space::Blob, records::code_key(named.scope, &named.name, sha256), archive);
    }
}

pub(super) fn update_function_code(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::UpdateFunctionCodeInput,
) -> Answer<api::UpdateFunctionCodeOutput> {
    let named = lambda.open(step, "lambda:UpdateFunctionCode", &input.function_name, None)?.unqualified()?;
    for (what, used) in [
        ("functions from container images (ImageUri)", input.image_uri.is_some()),
        ("encryption of packages (SourceKMSKeyArn)", input.source_kms_key_arn.is_some()),
        ("PublishTo", input.publish_to.is_some()),
    ] {
        if used {
            return Err(Error::unsupported(what));
        }
    }
    let function = lambda.function(&named)?;
    if input.revision_id.is_some_and(|revision| revision != function.latest.revision_id) {
        return Err(Error::StaleRevision("GetFunction/GetAlias"));
    }
    let update = CodeUpdate {
        named,
        architecture: input.architectures.and_then(|list| list.into_iter().next()),
        publish: input.publish.unwrap_or(false),
        dry_run: input.dry_run.unwrap_or(false),
    };
    match source(input.zip_file, input.s3_bucket, input.s3_key, input.s3_object_version)? {
        Source::Ready { code, archive } => Ok(Reply::Ready(lambda.update_code(step, update, code, archive)?)),
        Source::Object(object) => {
            let park = step.park();
            Lambda::fetch_code(step, object, CodeWait { park, continuation: Continuation::Update(update) });
            Ok(Reply::Parked(park))
        }
    }
}

impl Lambda {
    /// Fetches an archive from S3 in the name of the caller, as AWS does.
    pub(super) fn fetch_code(step: &mut Step<'_>, object: Box<s3::GetObjectInput>, wait: CodeWait) {
        let caller = Caller { depth: step.caller.depth.saturating_add(1), ..step.caller.clone() };
        let token = Box::new(Token::Code(Box::new(wait)));
        step.hop(Hop {
            to: step.scope,
            caller,
            resource: format!("arn:aws:s3:::{}/{}", object.bucket, object.key).into(),
            request: Box::new(s3::Request::GetObject(*object)),
            attempt: 1,
            traced: true,
            ticket: Some(Ticket { owner: ServiceId::Lambda, scope: step.scope, token }),
        });
    }

    /// The archive is here, or S3 has refused it (recording `test_lambda_code_location_s3_errors`).
    pub(crate) fn code_arrived(&mut self, step: &mut Step<'_>, wait: CodeWait, outcome: Settled) {
        let CodeWait { park, continuation } = wait;
        let answer = archive_of(outcome).and_then(|archive| {
            let code = code::zip(&archive)?;
            match continuation {
                Continuation::Create(new) => self.add_function(step, *new, code, Some(archive)),
                Continuation::Update(update) => self.update_code(step, update, code, Some(archive)),
            }
        });
        let settled = answer.map(|shown| Box::new(shown) as Box<dyn Output>).map_err(Into::into);
        step.unpark(park, settled);
    }

    fn update_code(
        &mut self,
        step: &mut Step<'_>,
        update: CodeUpdate,
        mut code: Code,
        archive: Option<Bytes>,
    ) -> Result<api::FunctionConfiguration, Error> {
        let CodeUpdate { named, architecture, publish, dry_run } = update;
        self.check_storage(step, code.size())?;
        let mut function = self.function(&named)?.clone();
        let old = function.latest.code.clone();
        if let (Code::Directory { revision, .. }, Code::Directory { revision: before, .. }) =
            (&mut code, &old)
        {
            *revision = before + 1;
        }
        function.latest.code = code;
        if let Some(architecture) = architecture {
            function.latest.settings.architecture = architecture;
        }
        function.latest.modified_millis = step.now.millis();
        function.latest.revision_id = step.ids.uuid();
        let shown = if publish {
            let next = function.next_version;
            let number = function.publish(None, step.now, [step.ids.uuid(), step.ids.uuid()]);
            let label = number.to_string();
            let version = &function.versions[&number];
            let shown =
                configuration(named.scope, &named.name, &label, Some(&label), version, Phase::Created);
            if number == next {
                function.activated(number, step.ids.uuid());
            }
            shown
        } else {
            configuration(named.scope, &named.name, LATEST, None, &function.latest, Phase::Updated)
        };
        if dry_run {
            return Ok(shown);
        }
        put_archive(step, &named, &function.latest.code, archive);
        function.latest.revision_id = step.ids.uuid();
        records::put_function(step, named.scope, &function);
        self.functions.insert(named.key(), function);
        self.drop_archive(step, &named, &old);
        Ok(shown)
    }

    /// Removes an archive that no version runs any more.
    pub(super) fn drop_archive(&self, step: &mut Step<'_>, named: &FunctionRef, code: &Code) {
        if let Code::Zip { sha256, .. } = code
            && self.functions.get(&named.key()).is_none_or(|function| !function.uses_archive(sha256))
        {
            step.delete(Space::Blob, records::code_key(named.scope, &named.name, sha256));
        }
    }
}

fn archive_of(outcome: Settled) -> Result<Bytes, Error> {
    let output = outcome.map_err(|error| {
        Error::InvalidParameter(format!(
            "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
            error.code, error.message
        ))
    })?;
    let object = output.into_any().downcast::<s3::GetObjectOutput>();
    Ok(object.ok().and_then(|object| object.body).unwrap_or_default())
}
