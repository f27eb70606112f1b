//! Templates as tests deploy them: the code of functions that the test's process has is not looked at, and local paths become directories.

use std::path::Path;

use pontoon_cloudformation::template::notation;
use pontoon_cloudformation::template::value::{Map, Value};
use pontoon_lambda::LOCAL_DIRECTORY_BUCKET;

use crate::functions::Functions;

/// The types whose instances are Lambda functions.
const FUNCTION: &str = "AWS::Lambda::Function";

/// The template to deploy. Functions that the test registered, by logical id or literal name, get code that is never looked at; a `Code` that is a path,
/// as `aws cloudformation package` takes it, becomes a reference to that directory.
///
/// # Errors
/// If it is no template, or a path is no directory.
pub(crate) fn prepare(text: &str, functions: &Functions) -> Result<String, String> {
    let mut root = notation::parse(text).map_err(|error| error.message().to_owned())?;
    let mut changed = false;
    if let Value::Map(map) = &mut root
        && let Some(Value::Map(resources)) = map.get_mut("Resources")
    {
        for (logical_id, resource) in resources.iter_mut() {
            changed |= prepare_function(logical_id, resource, functions)?;
        }
    }
    // Without anything to replace, the template stays as it was written.
    Ok(if changed { root.to_json() } else { text.to_owned() })
}

fn prepare_function(logical_id: &str, resource: &mut Value, functions: &Functions) -> Result<bool, String> {
    if resource.get("Type").and_then(Value::as_str) != Some(FUNCTION) {
        return Ok(false);
    }
    let Value::Map(resource) = resource else { return Ok(false) };
    let Some(Value::Map(properties)) = resource.get_mut("Properties") else { return Ok(false) };
    let name = properties.get("FunctionName").and_then(Value::as_str).map(str::to_owned);
    if let Some(name) = &name {
        functions.is_named(name, logical_id);
    }
    let registered = functions.knows(logical_id) || name.is_some_and(|name| functions.knows(&name));
    let code = properties.get("Code").and_then(Value::as_str).map(str::to_owned);
    let directory = match (registered, code) {
        (true, _) => "/in-the-process-of-the-test".to_owned(),
        (false, Some(path)) => directory_of(logical_id, &path)?,
        (false, None) => return Ok(false),
    };
    let mut code = Map::new();
    code.insert("S3Bucket".to_owned(), Value::String(LOCAL_DIRECTORY_BUCKET.to_owned()));
    code.insert("S3Key".to_owned(), Value::String(directory));
    properties.insert("Code".to_owned(), Value::Map(code));
    Ok(true)
}

fn directory_of(logical_id: &str, path: &str) -> Result<String, String> {
    let directory = std::path::absolute(Path::new(path)).map_err(|error| format!("{path}: {error}"))?;
    if directory.is_dir() {
        return Ok(directory.display().to_string());
    }
    Err(format!(
        "the code of {logical_id}, {}, is not a directory; to run it in the test's process, register it before deploying: \
         pontoon.function({logical_id:?}, …)",
        directory.display()
    ))
}
