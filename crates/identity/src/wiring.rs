//! What roles may do, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::Account;
use serde_json::{Value, json};

use crate::aws_managed;
use crate::state::State;
use crate::state::name::Kind;

/// The roles of an account with the texts of their policies.
pub fn wiring(state: &State, account: Account) -> Value {
    let Some(of) = state.account(account) else { return json!({ "roles": [] }) };
    let text = |arn: &str| match of.policy(account, arn) {
        Some(policy) => Some(policy.text().json.clone()),
        None => aws_managed::find(arn).map(|policy| policy.text.json.clone()),
    };
    let roles = of.roles.values().map(|role| {
        let inline = role.inline.values().map(|policy| policy.json.clone());
        let policies: Vec<String> = inline.chain(role.attached.iter().filter_map(|arn| text(arn))).collect();
        json!({
            "arn": role.name.arn(Kind::Role, account),
            "trust": role.trust.json,
            "policies": policies,
            "boundary": role.boundary.as_deref().map(|arn| text(arn).unwrap_or_default()),
        })
    });
    json!({ "roles": roles.collect::<Vec<Value>>() })
}
