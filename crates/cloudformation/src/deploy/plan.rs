//! What an operation would change, resource by resource.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use pontoon_core::Scope;

use super::preflight::{Nothing, Planned};
use super::{Compiled, Prepared, apply::changed_properties, pseudo};
use crate::resources::ResourceType;
use crate::state::change_set::{ChangeAction, ChangeDetail, Replacement, ResourceChange};
use crate::state::{Instance, Resource, Stack, Stacks};
use crate::template::expression::SubPart;
use crate::template::resolve::{KNOWN_AFTER_APPLY, Scope as TemplateScope};
use crate::template::{Error, Expression, Map, RemovalPolicy, Value};

/// What would change.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Resources that would be created, changed or deleted, by name.
    pub changes: Vec<ResourceChange>,
    /// Whether outputs would change although no resource does.
    pub outputs_change: bool,
}

/// Works out what bringing a stack to a template would change. `compiled` is the stack's template as it is, if it has one.
///
/// # Errors
/// A function that cannot be resolved with what is there now.
pub(crate) fn plan(
    scope: Scope,
    stack: &Stack,
    others: &Stacks,
    compiled: Option<&Compiled>,
    prepared: &Prepared,
    tags: &IndexMap<String, String>,
) -> Result<Plan, Error> {
    let planned = Planned::new(scope, stack, others);
    let pseudo = pseudo(scope, stack);
    let template_scope = TemplateScope::new(&prepared.template, &prepared.parameters, &pseudo, &planned)?;
    let before = |logical: &str| properties_before(stack, compiled?, logical);
    let mut changes = IndexMap::new();
    let mut changed = BTreeSet::new();
    for logical in in_order(prepared) {
        let declared = &prepared.template.resources[&logical];
        let properties = template_scope.properties(&declared.properties)?;
        let existing = stack.resources.get(&logical).filter(|resource| resource.live.is_some());
        let change = match existing {
            None => Some(addition(&logical, &declared.kind, properties)),
            Some(resource) if resource.kind != declared.kind => {
                return Err(Error::new(format!(
                    "Update of resource type is not permitted. The new template modifies resource type of the following \
                     resources: [{logical}]"
                )));
            }
            Some(resource) => {
                let sources = Sources { stack, prepared, changed: &changed, replaced: &planned };
                modification(&logical, resource, &declared.properties, properties, tags, &sources)
            }
        };
        if let Some(change) = change {
            changed.insert(logical.clone());
            if change.replacement != Some(Replacement::False) && change.is_certain() {
                planned.replaced.borrow_mut().insert(logical.clone());
            }
            changes.insert(logical, change);
        }
    }
    let mut ordered: Vec<ResourceChange> = changes.into_values().collect();
    let kept = |logical: &String| prepared.dependencies.contains_key(logical);
    let dropped = stack.resources.iter().filter(|(logical, _)| !kept(logical));
    ordered.extend(dropped.filter_map(|(logical, resource)| removal(logical, resource, before(logical))));
    ordered.sort_by(|one, other| told_before(&one.logical, &other.logical));
    let outputs_change = outputs_change(&template_scope, stack)?;
    Ok(Plan { changes: ordered, outputs_change })
}

/// Changes are told in the order of the alphabet, except that a name comes after those that it begins (recording `test_cdk_bootstrap_redeploy`, which has
/// `StagingBucketPolicy` before `StagingBucket`).
fn told_before(one: &str, other: &str) -> std::cmp::Ordering {
    let ended = |name: &str| name.bytes().chain([u8::MAX]).collect::<Vec<u8>>();
    ended(one).cmp(&ended(other))
}

/// The active resources, each after those that it needs.
fn in_order(prepared: &Prepared) -> Vec<String> {
    let mut order: IndexMap<&str, ()> = IndexMap::new();
    let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
    for start in prepared.dependencies.keys() {
        // The graph has no cycles; a stack of its own keeps long chains off the native one.
        let mut next = Some(start.as_str());
        loop {
            if let Some(name) = next.take().filter(|name| !order.contains_key(name)) {
                path.push((name, prepared.dependencies[name].iter().map(String::as_str).collect()));
            }
            let Some((name, rest)) = path.last_mut() else { break };
            match rest.pop() {
                Some(needed) => next = Some(needed),
                None => {
                    order.insert(name, ());
                    path.pop();
                }
            }
        }
    }
    order.into_keys().map(str::to_owned).collect()
}

fn addition(logical: &str, kind: &str, properties: Map) -> ResourceChange {
    ResourceChange {
        logical: logical.to_owned(),
        kind: kind.to_owned(),
        physical_id: None,
        action: ChangeAction::Add,
        policy_action: None,
        replacement: None,
        details: Vec::new(),
        before: None,
        after: Some(properties),
    }
}

/// The properties of a resource that is removed are told as its template wrote them: what came from other resources is not
/// looked up (recordings `test_resource_deletion`, `test_property_empy_list`).
fn properties_before(stack: &Stack, compiled: &Compiled, logical: &str) -> Option<Map> {
    let declared = compiled.template.resources.get(logical)?;
    let parameters = &stack.settings.parameters;
    let scope = TemplateScope::new(&compiled.template, parameters, &compiled.pseudo, &Nothing).ok()?;
    let properties = scope.properties(&declared.properties).ok()?;
    let schema = &ResourceType::find(&declared.kind)?.schema;
    Some(schema.conform(&properties).unwrap_or(properties))
}

fn removal(logical: &str, resource: &Resource, before: Option<Map>) -> Option<ResourceChange> {
    let live = resource.live.as_ref()?;
    let policy = if resource.deletion_policy == RemovalPolicy::Delete { "Delete" } else { "Retain" };
    Some(ResourceChange {
        logical: logical.to_owned(),
        kind: resource.kind.clone(),
        physical_id: live.physical_id.clone(),
        action: ChangeAction::Remove,
        policy_action: Some(policy.to_owned()),
        replacement: None,
        details: Vec::new(),
        before: before.or_else(|| Some(live.properties.clone())),
        after: None,
    })
}

fn modification(
    logical: &str,
    resource: &Resource,
    declared: &Expression,
    properties: Map,
    tags: &IndexMap<String, String>,
    sources: &Sources<'_>,
) -> Option<ResourceChange> {
    let live = resource.live.as_ref()?;
    let resource_type = ResourceType::find(&resource.kind)?;
    // Values that do not conform fail the operation; here they count as changes.
    let wanted = resource_type.schema.conform(&properties).unwrap_or(properties);
    let wanted = Instance { properties: wanted, ..Instance::default() };
    let names = changed_properties(live, &wanted);
    let tags_change = live.stack_tags != resource_type.stack_tags(sources.stack, tags, logical);
    let possible = sources.possible_details(&names, declared, &resource_type.schema.create_only);
    if names.is_empty() && !tags_change && possible.is_empty() {
        return None;
    }
    let mut details = Vec::new();
    let may_replace = possible.iter().any(|detail| detail.requires_recreation == "Always");
    let mut replacement = if may_replace { Replacement::Conditional } else { Replacement::False };
    for name in &names {
        let (old, new) = (live.properties.get(name), wanted.properties.get(name));
        let replaces = resource_type.replaces(name, old, new);
        let known = !new.is_some_and(holds_unknown);
        match (replaces, known) {
            (true, true) => replacement = Replacement::True,
            (true, false) if replacement != Replacement::True => replacement = Replacement::Conditional,
            _ => {}
        }
        let recreation = match (replaces, known) {
            (false, _) => "Never",
            (true, true) => "Always",
            (true, false) => "Conditionally",
        };
        let expression = match declared {
            Expression::Map(members) => members.get(name),
            other => Some(other),
        };
        details.extend(sources.details(name, expression, recreation));
    }
    details.extend(possible);
    if tags_change {
        details.push(detail("Tags", None, "Never", "Static", "DirectModification", None));
    }
    let policy_action = (replacement != Replacement::False).then(|| {
        let retains = resource.update_replace_policy != RemovalPolicy::Delete;
        if retains { "ReplaceAndRetain" } else { "ReplaceAndDelete" }.to_owned()
    });
    Some(ResourceChange {
        logical: logical.to_owned(),
        kind: resource.kind.clone(),
        physical_id: live.physical_id.clone(),
        action: ChangeAction::Modify,
        policy_action,
        replacement: Some(replacement),
        details,
        before: Some(live.properties.clone()),
        after: Some(wanted.properties),
    })
}

fn holds_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(KNOWN_AFTER_APPLY),
        Value::List(items) => items.iter().any(holds_unknown),
        Value::Map(map) => map.values().any(holds_unknown),
        _ => false,
    }
}

/// Where changes may come from.
struct Sources<'s> {
    stack: &'s Stack,
    prepared: &'s Prepared,
    changed: &'s BTreeSet<String>,
    replaced: &'s Planned<'s>,
}

impl Sources<'_> {
    /// Why a property changes: parameters and resources that its expression uses and that change
    /// themselves, and else the template.
    fn details(&self, name: &str, expression: Option<&Expression>, recreation: &str) -> Vec<ChangeDetail> {
        let mut found = Vec::new();
        if let Some(expression) = expression {
            expression.walk(&mut |inner| self.sources_in(inner, &mut found));
        }
        found.dedup();
        let detail = |evaluation, source: &str, entity| {
            detail("Properties", Some(name), recreation, evaluation, source, entity)
        };
        if found.is_empty() {
            return vec![detail("Static", "DirectModification", None)];
        }
        // A value that is computed may also have been written differently, which nobody can tell apart;
        // CloudFormation says so with a second detail (recordings test_change_set_parameters).
        let with_parameter = found.iter().any(|(source, ..)| *source == "ParameterReference");
        let mut details: Vec<ChangeDetail> = found
            .into_iter()
            .map(|(source, evaluation, entity)| detail(evaluation, source, Some(entity)))
            .collect();
        if with_parameter {
            details.push(detail("Dynamic", "DirectModification", None));
        }
        details
    }

    /// Properties that stay as far as is known, and yet use an attribute of a resource that changes: CloudFormation tells of them
    /// as of changes (recordings `test_change_set_fn_get_attr`).
    fn possible_details(
        &self,
        certain: &[String],
        declared: &Expression,
        create_only: &[String],
    ) -> Vec<ChangeDetail> {
        let Expression::Map(members) = declared else { return Vec::new() };
        let mut details = Vec::new();
        for (name, expression) in members.iter().filter(|(name, _)| !certain.contains(name)) {
            let mut found = Vec::new();
            expression.walk(&mut |inner| self.sources_in(inner, &mut found));
            found.retain(|(source, ..)| *source == "ResourceAttribute");
            found.dedup();
            let recreation = if create_only.contains(name) { "Always" } else { "Never" };
            details.extend(found.into_iter().map(|(source, evaluation, entity)| ChangeDetail {
                possible: true,
                ..detail("Properties", Some(name), recreation, evaluation, source, Some(entity))
            }));
        }
        details
    }

    fn sources_in(&self, expression: &Expression, found: &mut Vec<(&'static str, &'static str, String)>) {
        match expression {
            Expression::Ref(name) => self.reference(name, found),
            Expression::GetAtt(resource, attribute) => {
                if let Expression::Literal(attribute) = &**attribute {
                    self.attribute(resource, &attribute.scalar_text().unwrap_or_default(), found);
                }
            }
            Expression::Sub(parts, variables) => {
                for part in parts {
                    match part {
                        SubPart::Variable(name) if !variables.contains_key(name) => {
                            self.reference(name, found)
                        }
                        SubPart::Attribute(resource, attribute) => self.attribute(resource, attribute, found),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn reference(&self, name: &str, found: &mut Vec<(&'static str, &'static str, String)>) {
        let (old, new) = (self.stack.settings.parameters.get(name), self.prepared.parameters.get(name));
        if new.is_some() && old.map(|value| &value.text) != new.map(|value| &value.text) {
            found.push(("ParameterReference", "Static", name.to_owned()));
        } else if self.changed.contains(name) {
            found.push(("ResourceReference", self.evaluation(name), name.to_owned()));
        }
    }

    fn attribute(
        &self,
        resource: &str,
        attribute: &str,
        found: &mut Vec<(&'static str, &'static str, String)>,
    ) {
        if self.changed.contains(resource) {
            let entity = format!("{resource}.{attribute}");
            found.push(("ResourceAttribute", self.evaluation(resource), entity));
        }
    }

    /// A resource that is made anew certainly has other values; one that is changed may.
    fn evaluation(&self, resource: &str) -> &'static str {
        if self.replaced.replaced.borrow().contains(resource) { "Static" } else { "Dynamic" }
    }
}

fn detail(
    attribute: &str,
    name: Option<&str>,
    recreation: &str,
    evaluation: &str,
    source: &str,
    entity: Option<String>,
) -> ChangeDetail {
    ChangeDetail {
        attribute: attribute.to_owned(),
        name: name.map(str::to_owned),
        requires_recreation: recreation.to_owned(),
        evaluation: evaluation.to_owned(),
        source: source.to_owned(),
        causing_entity: entity,
        possible: false,
    }
}

fn outputs_change(template_scope: &TemplateScope<'_>, stack: &Stack) -> Result<bool, Error> {
    let mut count = 0;
    for (key, output) in template_scope.active_outputs() {
        count += 1;
        let Some(before) = stack.outputs.iter().find(|before| before.key == key) else { return Ok(true) };
        let export = match &output.export {
            Some(name) => template_scope.output_text(name)?,
            None => None,
        };
        let value = template_scope.output_text(&output.value)?;
        if value.as_ref() != Some(&before.value)
            || export != before.export
            || output.description != before.description
        {
            return Ok(true);
        }
    }
    Ok(count != stack.outputs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_after_those_that_it_begins() {
        let mut names = ["StagingBucket", "LookupRole", "StagingBucketPolicy", "FilePublishingRole"];
        names.sort_by(|one, other| told_before(one, other));
        assert_eq!(names, ["FilePublishingRole", "LookupRole", "StagingBucketPolicy", "StagingBucket"]);
    }
}
