//! The topic's policy: labelled permissions.

use pontoon_api::sns::*;
use pontoon_core::{Account, Step};
use serde_json::{Value, json};

use super::Answer;
use crate::state::attributes::default_policy;
use crate::{Error, Sns, Topic};

/// Operations that a permission may name.
const ACTIONS: [&str; 8] = [
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
];

/// The topic's policy as JSON, and its statements.
fn policy_of(topic: &Topic) -> (Value, Vec<Value>) {
    let text =
        topic.record.attributes.policy.clone().unwrap_or_else(|| default_policy(topic.scope, &topic.arn));
    let policy: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({}));
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    (policy, statements)
}

fn set_policy(
    topic: &mut Topic,
    step: &mut Step<'_>,
    mut policy: Value,
    statements: Vec<Value>,
) -> Result<(), Error> {
    policy["Statement"] = Value::Array(statements);
    let mut record = topic.record.clone();
    record.attributes.set("Policy", &policy.to_string())?;
    topic.set(step, record);
    Ok(())
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

pub fn add(sns: &mut Sns, step: &mut Step<'_>, input: AddPermissionInput) -> Answer<AddPermissionOutput> {
    let AddPermissionInput { topic_arn, label, aws_account_id: accounts, action_name: actions } = input;
    let topic = sns.open(step, ("TopicArn", &topic_arn), "sns:AddPermission")?;
    let (policy, mut statements) = policy_of(topic);
    // test_add_permission_errors
    if statements.iter().any(|statement| sid(statement) == Some(&label)) {
        return Err(Error::invalid("Statement already exists"));
    }
    if actions.is_empty() || actions.iter().any(|action| !ACTIONS.contains(&action.as_str())) {
        return Err(Error::invalid("Policy statement action out of service scope!"));
    }
    if accounts.is_empty() || accounts.iter().any(|account| account.parse::<Account>().is_err()) {
        return Err(Error::invalid("Policy Error: PrincipalNotFound"));
    }
    let one_or_many =
        |mut values: Vec<Value>| if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
    let principals = accounts.iter().map(|id| json!(format!("arn:aws:iam::{id}:root"))).collect();
    let allowed = actions.iter().map(|action| json!(format!("SNS:{action}"))).collect();
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals) },
        "Action": one_or_many(allowed),
        "Resource": &*topic.arn,
    }));
    set_policy(topic, step, policy, statements)?;
    Ok(AddPermissionOutput {}.into())
}

/// A label that is not there is no error (test_remove_permission_errors records none but the missing topic's).
pub fn remove(
    sns: &mut Sns,
    step: &mut Step<'_>,
    input: &RemovePermissionInput,
) -> Answer<RemovePermissionOutput> {
    let topic = sns.open(step, ("TopicArn", &input.topic_arn), "sns:RemovePermission")?;
    let (policy, mut statements) = policy_of(topic);
    let before = statements.len();
    statements.retain(|statement| sid(statement) != Some(&input.label));
    if statements.len() < before {
        set_policy(topic, step, policy, statements)?;
    }
    Ok(RemovePermissionOutput {}.into())
}
