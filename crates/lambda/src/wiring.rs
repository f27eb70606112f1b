//! What decides what becomes of events at functions, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::Scope;
use serde_json::{Value, json};

use crate::Lambda;
use crate::state::function::Function;
use crate::state::name::function_arn;

impl Lambda {
    /// The functions and mappings of a scope.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let functions = self.functions.iter().filter(|((of, _), _)| *of == scope);
        let functions: Vec<Value> = functions.map(|(_, function)| shown(scope, function)).collect();
        let mappings = self.mappings.iter().filter(|((of, _), _)| *of == scope);
        let mappings = mappings.map(|(_, mapping)| {
            let config = &mapping.config;
            json!({ "source": config.queue_arn, "function": config.function, "enabled": config.enabled })
        });
        json!({ "functions": functions, "mappings": mappings.collect::<Vec<_>>() })
    }
}

fn shown(scope: Scope, function: &Function) -> Value {
    let settings = &function.latest.settings;
    // By qualifier; empty for the function itself.
    let policies: serde_json::Map<String, Value> = function
        .policies
        .iter()
        .map(|(qualifier, policy)| (qualifier.clone(), policy.json().into()))
        .collect();
    json!({
        "name": function.name,
        "arn": function_arn(scope, &function.name),
        "role": settings.role,
        "timeoutSeconds": settings.timeout_secs,
        "policies": policies,
        "deadLetterTarget": settings.dead_letter_arn,
    })
}
