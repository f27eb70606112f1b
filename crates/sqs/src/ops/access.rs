//! The queue's policy: labelled permissions, and the checks that operations without a queue make.

use pontoon_api::sqs::*;
use pontoon_core::{Access, Step};
use serde_json::{Value, json};

use super::Answer;
use crate::{Error, Queue, Sqs};

/// Operations that a permission may name; `*` names all.
const ACTIONS: [&str; 8] = [
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
];

/// Checks the caller's right to `action` on a resource that has no policy of its own.
pub fn authorize(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

/// Checks the caller's right to `action` on a queue.
pub fn authorize_on(step: &mut Step<'_>, action: &'static str, queue: &Queue) -> Result<(), Error> {
    let access = Access { action, resource: &queue.arn, policy: queue.policy.as_ref(), context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

fn label_error(label: &str, reason: &str) -> Error {
    Error::InvalidParameterValue(format!("Value {label} for parameter Label is invalid. Reason: {reason}"))
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

/// The queue's policy as JSON, or the empty one that AWS begins with.
fn policy_of(queue: &Queue) -> (Value, Vec<Value>) {
    let parsed =
        queue.record.attributes.policy.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let policy = parsed.unwrap_or_else(
        || json!({ "Version": "2008-10-17", "Id": format!("{}/SQSDefaultPolicy", queue.arn) }),
    );
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    (policy, statements)
}

fn set_policy(queue: &mut Queue, step: &mut Step<'_>, mut policy: Value, statements: Vec<Value>) {
    let text = if statements.is_empty() {
        None
    } else {
        policy["Statement"] = Value::Array(statements);
        Some(policy.to_string())
    };
    queue.policy = text.as_deref().and_then(|text| pontoon_core::policy::Document::parse(text).ok());
    queue.record.attributes.policy = text;
    queue.record.modified_millis = step.now.millis();
    queue.write(step);
}

pub fn add(sqs: &mut Sqs, step: &mut Step<'_>, input: AddPermissionInput) -> Answer<AddPermissionOutput> {
    let AddPermissionInput { queue_url, label, aws_account_ids, actions } = input;
    let queue = sqs.open(step, &queue_url, "sqs:AddPermission")?;
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if label.is_empty() || label.len() > 80 || !label.chars().all(valid) {
        return Err(label_error(
            &label,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        ));
    }
    if aws_account_ids.is_empty() {
        return Err(Error::MissingParameter("AWSAccountId"));
    }
    if actions.is_empty() {
        return Err(Error::MissingParameter("ActionName"));
    }
    if let Some(action) = actions.iter().find(|action| *action != "*" && !ACTIONS.contains(&action.as_str()))
    {
        return Err(Error::InvalidParameterValue(format!(
            "Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."
        )));
    }
    if let Some(account) = aws_account_ids.iter().find(|id| id.parse::<pontoon_core::Account>().is_err()) {
        return Err(Error::InvalidParameterValue(format!(
            "Value {account} for parameter PrincipalId is invalid. Reason: Unable to verify."
        )));
    }
    let (policy, mut statements) = policy_of(queue);
    if statements.iter().any(|statement| sid(statement) == Some(&label)) {
        return Err(label_error(&label, "Already exists."));
    }
    let one_or_many =
        |mut values: Vec<Value>| if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
    let principals = aws_account_ids.iter().map(|id| json!(format!("arn:aws:iam::{id}:root"))).collect();
    let allowed = actions.iter().map(|action| json!(format!("SQS:{action}"))).collect();
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals) },
        "Action": one_or_many(allowed),
        "Resource": &*queue.arn,
    }));
    set_policy(queue, step, policy, statements);
    Ok(AddPermissionOutput {}.into())
}

pub fn remove(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &RemovePermissionInput,
) -> Answer<RemovePermissionOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:RemovePermission")?;
    let (policy, mut statements) = policy_of(queue);
    let before = statements.len();
    statements.retain(|statement| sid(statement) != Some(&input.label));
    if statements.len() == before {
        return Err(label_error(&input.label, "can't find label."));
    }
    set_policy(queue, step, policy, statements);
    Ok(RemovePermissionOutput {}.into())
}
