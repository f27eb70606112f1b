//! The policy of a bus: whole, or statement by statement.

use pontoon_api::events::*;
use pontoon_core::Step;
use pontoon_core::policy::Document;
use serde_json::{Value, json};

use super::Answer;
use crate::state::bus::Bus;
use crate::{Error, Events};

/// Bytes of a bus's policy (API reference).
const POLICY_BYTES_MAX: usize = 10_240;

pub fn put(
    events: &mut Events,
    step: &mut Step<'_>,
    input: PutPermissionInput,
) -> Answer<PutPermissionOutput> {
    let now = step.now;
    let bus = input.event_bus_name.as_deref();
    let (scope, name, bus) = events.open(step, bus, "events:PutPermission")?;
    let text = match &input.policy {
        Some(policy) => {
            if input.action.is_some() || input.principal.is_some() || input.statement_id.is_some() {
                let message = "Policy cannot be given together with Action, Principal and StatementId.";
                return Err(Error::Validation(message.into()));
            }
            policy.clone()
        }
        None => with_statement(bus, &input)?,
    };
    Document::parse(&text).map_err(|reason| Error::parameter("Policy", &reason))?;
    if text.len() > POLICY_BYTES_MAX {
        return Err(Error::PolicyTooLong("The policy is longer than 10240 bytes.".into()));
    }
    bus.set_policy(Some(text), now);
    events.write_bus(step, scope, &name);
    Ok(PutPermissionOutput {}.into())
}

/// The policy with one more statement, or one in place of that with the same id.
fn with_statement(bus: &Bus, input: &PutPermissionInput) -> Result<String, Error> {
    let (Some(action), Some(principal), Some(id)) = (&input.action, &input.principal, &input.statement_id)
    else {
        let message = "Parameter(s) Action, Principal and StatementId must be specified.";
        return Err(Error::Validation(message.into()));
    };
    if action != "events:PutEvents" {
        return Err(Error::Validation("Provided value in parameter 'action' is not supported.".into()));
    }
    let principal = match principal.as_str() {
        "*" => json!("*"),
        account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
    };
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": &*bus.arn,
    });
    if let Some(Condition { r#type, key, value }) = &input.condition {
        statement["Condition"] = json!({ r#type: { key: value } });
    }
    let mut statements = statements_of(bus);
    statements.retain(|before| before["Sid"] != id.as_str());
    statements.push(statement);
    Ok(policy_of(statements))
}

fn statements_of(bus: &Bus) -> Vec<Value> {
    let policy = bus.record.policy.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match policy.as_ref().and_then(|policy| policy.get("Statement")) {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    }
}

fn policy_of(statements: Vec<Value>) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

pub fn remove(
    events: &mut Events,
    step: &mut Step<'_>,
    input: RemovePermissionInput,
) -> Answer<RemovePermissionOutput> {
    let now = step.now;
    let bus = input.event_bus_name.as_deref();
    let (scope, name, bus) = events.open(step, bus, "events:RemovePermission")?;
    if input.remove_all_permissions == Some(true) {
        bus.set_policy(None, now);
    } else {
        let mut statements = statements_of(bus);
        let before = statements.len();
        statements.retain(|statement| statement["Sid"].as_str() != input.statement_id.as_deref());
        if statements.len() == before {
            return Err(Error::NoStatement);
        }
        bus.set_policy((!statements.is_empty()).then(|| policy_of(statements)), now);
    }
    events.write_bus(step, scope, &name);
    Ok(RemovePermissionOutput {}.into())
}
