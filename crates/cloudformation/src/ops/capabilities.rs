//! Capabilities: what a request must acknowledge because the template changes who may do what.

use crate::Error;
use crate::template::{Expression, Template};

/// The capability that a template needs, and the types that need it; `None` if it needs none.
///
/// See "Acknowledging IAM resources" in the user guide: custom names need the stronger one.
pub(super) fn needed(template: &Template) -> Option<(&'static str, Vec<&str>)> {
    let mut kinds: Vec<&str> = Vec::new();
    let mut named = false;
    for resource in template.resources.values() {
        let name = match resource.kind.as_str() {
            "AWS::IAM::Role" => "RoleName",
            "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
            kind if kind.starts_with("AWS::IAM::") => "",
            _ => continue,
        };
        if !kinds.contains(&resource.kind.as_str()) {
            kinds.push(&resource.kind);
        }
        named |= match &resource.properties {
            Expression::Map(properties) => properties.contains_key(name),
            _ => false,
        };
    }
    if kinds.is_empty() {
        return None;
    }
    kinds.sort_unstable();
    Some((if named { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" }, kinds))
}

/// Refuses a request that does not acknowledge what its template needs.
pub(super) fn check(template: &Template, acknowledged: &[String]) -> Result<(), Error> {
    let has = |capability: &str| acknowledged.iter().any(|given| given == capability);
    match needed(template) {
        Some(("CAPABILITY_IAM", _)) if has("CAPABILITY_IAM") || has("CAPABILITY_NAMED_IAM") => Ok(()),
        Some((needed, _)) if !has(needed) => Err(Error::InsufficientCapabilities(needed)),
        _ => Ok(()),
    }
}
