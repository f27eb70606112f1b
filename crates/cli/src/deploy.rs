//! Deploys a template through CloudFormation, and tells of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pontoon_api::cloudformation as cfn;
use pontoon_cloudformation::template::notation;
use pontoon_cloudformation::template::value::{Map, Value};
use pontoon_core::ApiError;

use crate::local::Local;
use crate::show::{Paint, paint, say, table};

/// What is deployed.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The stack's name.
    pub stack: String,
    /// The template.
    pub template: PathBuf,
    /// Values of its parameters.
    pub parameters: Vec<(String, String)>,
    /// Whether what happens to each resource is printed.
    pub tells: bool,
}

/// A template whose functions' local directories are named as Pontoon takes them.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The template's body.
    pub body: String,
    /// The functions whose code is a local directory: logical id and directory.
    pub directories: Vec<(String, PathBuf)>,
}

/// How often a stack's progress is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long a deployment may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Reads a template. Where a function's `Code` is a path, as `aws cloudformation package` takes it, it becomes a reference to that directory, which must
/// exist.
///
/// # Errors
/// If the file cannot be read or is no template, or a path is not a directory.
pub fn prepare(template: &Path) -> Result<Prepared, String> {
    let text = std::fs::read_to_string(template)
        .map_err(|error| format!("cannot read {}: {error}", template.display()))?;
    let base = template.parent().unwrap_or(Path::new("."));
    prepare_text(&text, base)
}

/// [`prepare`] on a template's text, with paths relative to `base`.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_text(text: &str, base: &Path) -> Result<Prepared, String> {
    let mut root = notation::parse(text).map_err(|error| error.message().to_owned())?;
    let mut directories = Vec::new();
    if let Value::Map(map) = &mut root
        && let Some(Value::Map(resources)) = map.get_mut("Resources")
    {
        for (name, resource) in resources.iter_mut() {
            if let Some((code, path)) = local_code(resource) {
                let directory =
                    std::path::absolute(base.join(&path)).map_err(|error| format!("{path}: {error}"))?;
                if !directory.is_dir() {
                    return Err(format!("the code of {name}, {}, is not a directory", directory.display()));
                }
                *code = directory_code(&directory);
                directories.push((name.clone(), directory));
            }
        }
    }
    // Without a path to replace, the template stays as it was written.
    let body = if directories.is_empty() { text.to_owned() } else { root.to_json() };
    Ok(Prepared { body, directories })
}

/// The `Code` property of a function, if it is a path.
fn local_code(resource: &mut Value) -> Option<(&mut Value, String)> {
    if resource.get("Type").and_then(Value::as_str) != Some("AWS::Lambda::Function") {
        return None;
    }
    let Value::Map(resource) = resource else { return None };
    let Some(Value::Map(properties)) = resource.get_mut("Properties") else { return None };
    let code = properties.get_mut("Code")?;
    let path = code.as_str()?.to_owned();
    Some((code, path))
}

fn directory_code(directory: &Path) -> Value {
    let mut code = Map::new();
    code.insert("S3Bucket".to_owned(), Value::String(pontoon_lambda::LOCAL_DIRECTORY_BUCKET.to_owned()));
    code.insert("S3Key".to_owned(), Value::String(directory.display().to_string()));
    Value::Map(code)
}

/// How a deployment went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The stack was created.
    Created,
    /// The stack was updated.
    Updated,
    /// Nothing had changed.
    Unchanged,
}

/// Creates or updates the stack, and returns when it is done.
///
/// # Errors
/// Why it could not be deployed; a failed stack has been rolled back then.
pub async fn deploy(local: &Local, deployment: &Deployment, prepared: &Prepared) -> Result<Outcome, String> {
    let words = |error: ApiError| format!("{}: {}", error.code, error.message);
    let parameters: Vec<cfn::Parameter> = deployment
        .parameters
        .iter()
        .map(|(key, value)| cfn::Parameter {
            parameter_key: Some(key.clone()),
            parameter_value: Some(value.clone()),
            ..Default::default()
        })
        .collect();
    let capabilities = Some(vec!["CAPABILITY_NAMED_IAM".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()]);
    let before = stack(local, &deployment.stack).await?;
    let seen = if before.is_some() { events(local, &deployment.stack).await?.len() } else { 0 };
    let exists = before.is_some_and(|stack| {
        stack.stack_status != "ROLLBACK_COMPLETE" && stack.stack_status != "DELETE_COMPLETE"
    });
    if exists {
        let update = cfn::UpdateStackInput {
            stack_name: deployment.stack.clone(),
            template_body: Some(prepared.body.clone()),
            parameters: Some(parameters),
            capabilities,
            ..Default::default()
        };
        match local.call::<cfn::UpdateStackOutput>(cfn::Request::UpdateStack(update)).await {
            Ok(_) => {}
            Err(error) if error.message.contains("No updates are to be performed") => {
                return Ok(Outcome::Unchanged);
            }
            Err(error) => return Err(words(error)),
        }
    } else {
        let create = cfn::CreateStackInput {
            stack_name: deployment.stack.clone(),
            template_body: Some(prepared.body.clone()),
            parameters: Some(parameters),
            capabilities,
            ..Default::default()
        };
        local.call::<cfn::CreateStackOutput>(cfn::Request::CreateStack(create)).await.map_err(words)?;
    }
    follow(local, deployment, seen).await?;
    Ok(if exists { Outcome::Updated } else { Outcome::Created })
}

/// Follows the stack's events after the first `seen` until it has come to rest.
async fn follow(local: &Local, deployment: &Deployment, mut seen: usize) -> Result<(), String> {
    let name = &deployment.stack;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut reasons = Vec::new();
    loop {
        // Before its events, so that none is missed when it has come to rest.
        let status = stack(local, name)
            .await?
            .map_or_else(|| "DELETE_COMPLETE".to_owned(), |stack| stack.stack_status);
        let events = events(local, name).await?;
        for event in &events[seen.min(events.len())..] {
            if deployment.tells {
                print_event(event);
            }
            if event.resource_status.as_deref().is_some_and(|status| status.ends_with("_FAILED")) {
                let who = event.logical_resource_id.clone().unwrap_or_default();
                reasons.push(format!("{who}: {}", event.resource_status_reason.clone().unwrap_or_default()));
            }
        }
        seen = events.len();
        match status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" => return Ok(()),
            status if status.ends_with("_IN_PROGRESS") => {}
            status => return Err(format!("the stack is {status}: {}", reasons.join("; "))),
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!("the stack did not come to rest within {} s", PATIENCE.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn print_event(event: &cfn::StackEvent) {
    let status = event.resource_status.as_deref().unwrap_or_default();
    let how = if status.ends_with("_FAILED") {
        Paint::Bad
    } else if status.ends_with("_COMPLETE") {
        Paint::Good
    } else {
        return;
    };
    let reason = event.resource_status_reason.as_deref().filter(|_| how == Paint::Bad).unwrap_or_default();
    say!(
        "  {:<28} {:<30} {} {reason}",
        event.logical_resource_id.as_deref().unwrap_or_default(),
        event.resource_type.as_deref().unwrap_or_default(),
        paint(how, status),
    );
}

async fn stack(local: &Local, name: &str) -> Result<Option<cfn::Stack>, String> {
    let describe = cfn::DescribeStacksInput { stack_name: Some(name.to_owned()), ..Default::default() };
    match local.call::<cfn::DescribeStacksOutput>(cfn::Request::DescribeStacks(describe)).await {
        Ok(described) => Ok(described.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if error.message.contains("does not exist") => Ok(None),
        Err(error) => Err(error.message),
    }
}

/// The stack's events, oldest first.
async fn events(local: &Local, name: &str) -> Result<Vec<cfn::StackEvent>, String> {
    let mut events = Vec::new();
    let mut next_token = None;
    loop {
        let describe = cfn::DescribeStackEventsInput { stack_name: name.to_owned(), next_token };
        let request = cfn::Request::DescribeStackEvents(describe);
        let page =
            local.call::<cfn::DescribeStackEventsOutput>(request).await.map_err(|error| error.message)?;
        events.extend(page.stack_events.unwrap_or_default());
        next_token = page.next_token;
        if next_token.is_none() {
            events.reverse();
            return Ok(events);
        }
    }
}

/// The stack's outputs, by name.
///
/// # Errors
/// If the stack is gone.
pub async fn outputs(local: &Local, name: &str) -> Result<Vec<(String, String)>, String> {
    let stack = stack(local, name).await?.ok_or_else(|| format!("the stack {name} is gone"))?;
    let pair = |output: cfn::Output| Some((output.output_key?, output.output_value?));
    Ok(stack.outputs.unwrap_or_default().into_iter().filter_map(pair).collect())
}

/// The physical id of a resource.
///
/// # Errors
/// If the stack has no such resource.
pub async fn physical_id(local: &Local, stack: &str, logical: &str) -> Result<String, String> {
    let describe = cfn::DescribeStackResourceInput {
        stack_name: stack.to_owned(),
        logical_resource_id: logical.to_owned(),
    };
    let request = cfn::Request::DescribeStackResource(describe);
    let found =
        local.call::<cfn::DescribeStackResourceOutput>(request).await.map_err(|error| error.message)?;
    let id = found.stack_resource_detail.and_then(|detail| detail.physical_resource_id);
    id.ok_or_else(|| format!("{logical} does not exist yet"))
}

/// The stack's resources: logical and physical id.
///
/// # Errors
/// If the stack is gone.
pub async fn resources(local: &Local, stack: &str) -> Result<Vec<(String, String)>, String> {
    let describe =
        cfn::DescribeStackResourcesInput { stack_name: Some(stack.to_owned()), ..Default::default() };
    let request = cfn::Request::DescribeStackResources(describe);
    let found =
        local.call::<cfn::DescribeStackResourcesOutput>(request).await.map_err(|error| error.message)?;
    let pair = |resource: cfn::StackResource| {
        Some((resource.logical_resource_id.clone(), resource.physical_resource_id?))
    };
    Ok(found.stack_resources.unwrap_or_default().into_iter().filter_map(pair).collect())
}

/// Prints outputs as a table.
pub fn print_outputs(outputs: &[(String, String)]) {
    let rows: Vec<Vec<String>> =
        outputs.iter().map(|(name, value)| vec![format!("  {name}"), value.clone()]).collect();
    table(&rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_path_becomes_a_reference_to_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("code")).unwrap();
        let template = "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Role: !Ref R\n      Code: ./code\n";
        let prepared = prepare_text(template, dir.path()).unwrap();
        assert_eq!(prepared.directories.len(), 1);
        assert!(prepared.body.contains("pontoon-local-directory"), "{}", prepared.body);
        assert!(prepared.body.contains(r#"{"Ref":"R"}"#), "{}", prepared.body);
        let missing = prepare_text(&template.replace("./code", "./nothing"), dir.path());
        assert!(missing.unwrap_err().contains("is not a directory"));
    }
}
