//! In which order a stack's resources can be created, and deleted.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use super::Resource;
use super::error::{Error, Result};
use super::expression::{Expression, SubPart};
use super::resolve::Scope;

/// For every resource the resources that must exist before it, in template order.
pub type Dependencies = IndexMap<String, BTreeSet<String>>;

/// The dependencies between the resources whose conditions hold, through `DependsOn` and through the
/// references in branches of `Fn::If` that are taken.
///
/// # Errors
/// References to a resource whose condition does not hold (recordings `test_dependent_ref` and
/// `test_output_reference_to_skipped_resource`), and circular dependencies.
pub fn dependencies(scope: &Scope<'_>) -> Result<Dependencies> {
    let active: HashMap<&str, ()> = scope.active_resources().map(|(name, _)| (name, ())).collect();
    let mut graph = Dependencies::new();
    let mut missing = BTreeSet::new();
    for (name, resource) in scope.active_resources() {
        let needed = needed(scope, resource);
        missing.extend(needed.iter().filter(|name| !active.contains_key(name.as_str())).cloned());
        graph.insert(name.to_owned(), needed);
    }
    let join = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !missing.is_empty() {
        return Err(Error::format(format_args!(
            "Unresolved resource dependencies [{}] in the Resources block of the template",
            join(&missing)
        )));
    }
    for (_, output) in scope.active_outputs() {
        let mut needed = BTreeSet::new();
        collect(scope, &output.value, &mut needed);
        missing.extend(needed.into_iter().filter(|name| !active.contains_key(name.as_str())));
    }
    if !missing.is_empty() {
        return Err(Error::new(format!(
            "Unresolved resource dependencies [{}] in the Outputs block of the template",
            join(&missing)
        )));
    }
    let circular = circular(&graph);
    if circular.is_empty() {
        Ok(graph)
    } else {
        Err(Error::new(format!("Circular dependency between resources: [{}]", circular.join(", "))))
    }
}

/// The resources that must exist before one: those that it refers to and those that it names.
pub fn needed(scope: &Scope<'_>, resource: &Resource) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    collect(scope, &resource.properties, &mut needed);
    needed.extend(resource.depends_on.iter().cloned());
    needed
}

/// The resources that an expression refers to, given which branches are taken.
fn collect(scope: &Scope<'_>, expression: &Expression, needed: &mut BTreeSet<String>) {
    let mut refer = |name: &str| {
        if scope.is_resource(name) {
            needed.insert(name.to_owned());
        }
    };
    match expression {
        Expression::Literal(_) => {}
        Expression::Ref(name) => refer(name),
        Expression::GetAtt(name, attribute) => {
            refer(name);
            collect(scope, attribute, needed);
        }
        Expression::Sub(parts, variables) => {
            for part in parts {
                match part {
                    SubPart::Variable(name) if !variables.contains_key(name) => refer(name),
                    SubPart::Attribute(name, _) => refer(name),
                    _ => {}
                }
            }
            variables.values().for_each(|value| collect(scope, value, needed));
        }
        Expression::If(condition, yes, no) => {
            collect(scope, if scope.holds(Some(condition)) { yes } else { no }, needed);
        }
        Expression::List(items) => items.iter().for_each(|item| collect(scope, item, needed)),
        Expression::Map(map) => map.values().for_each(|item| collect(scope, item, needed)),
        Expression::Join(_, inner)
        | Expression::Split(_, inner)
        | Expression::Base64(inner)
        | Expression::GetAzs(inner)
        | Expression::ImportValue(inner) => collect(scope, inner, needed),
        Expression::Select(first, second) => {
            collect(scope, first, needed);
            collect(scope, second, needed);
        }
        Expression::FindInMap(keys) | Expression::Cidr(keys) => {
            keys.iter().for_each(|key| collect(scope, key, needed));
        }
    }
}

/// The resources on circular paths and between them: what is left once everything that can be created
/// first, and everything that nothing else waits for, is taken away.
fn circular(graph: &Dependencies) -> Vec<&str> {
    let mut left: BTreeSet<&str> = graph.keys().map(String::as_str).collect();
    loop {
        let needed: BTreeSet<&str> =
            left.iter().flat_map(|name| graph[*name].iter().map(String::as_str)).collect();
        let before = left.len();
        left = left
            .iter()
            .copied()
            .filter(|name| {
                needed.contains(name) && graph[*name].iter().any(|other| left.contains(other.as_str()))
            })
            .collect();
        if left.len() == before {
            return left.into_iter().collect();
        }
    }
}
