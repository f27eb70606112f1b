//! Making resources what the template says, and what they were before.

use super::{Deployment, records, shown};
use crate::resources::ResourceType;
use crate::state::operation::{Action, Change, TaskState};
use crate::state::stack::{Before, Resource};
use crate::state::{Instance, ResourceStatus};
use crate::template::{Map, Value};

const REPLACING: &str =
    "Requested update requires the creation of a new physical resource; hence creating one.";

impl Deployment<'_, '_> {
    /// Begins a task.
    pub(super) fn begin(&mut self, index: usize) {
        match self.task(index).action {
            Action::Apply => self.begin_apply(index),
            Action::Restore => self.begin_restore(index),
            Action::Delete => self.begin_delete(index),
            Action::Discard(leftover) => self.begin_discard(index, leftover),
        }
    }

    fn begin_apply(&mut self, index: usize) {
        let task = self.task(index);
        task.state = TaskState::Running;
        let logical = task.logical.clone();
        self.declare(&logical);
        let wanted = match self.wanted(&logical) {
            Ok(wanted) => wanted,
            Err((reason, properties)) => return self.refuse(index, &logical, reason, properties),
        };
        let resource = self.resource(&logical);
        let Some(live) = resource.live.clone() else {
            return self.begin_create(index, &logical, wanted);
        };
        let changed = changed_properties(&live, &wanted);
        if changed.is_empty() && live.stack_tags == wanted.stack_tags {
            self.task(index).state = TaskState::Done;
            return self.save(index);
        }
        let Some(resource_type) = ResourceType::find(&resource.kind) else {
            return self.refuse(
                index,
                &logical,
                "Resource type is not supported.".to_owned(),
                wanted.properties,
            );
        };
        let replaces = changed
            .iter()
            .any(|name| resource_type.replaces(name, live.properties.get(name), wanted.properties.get(name)));
        if replaces {
            self.begin_replace(index, &logical, &live, wanted, resource_type);
        } else {
            let name = live.name.clone();
            let (physical_id, attributes) = (live.physical_id.clone(), live.attributes.clone());
            let pending = Instance { physical_id, name, attributes, ..wanted };
            self.begin_update(index, &logical, pending);
        }
    }

    /// Brings the resource's entry up to what the template declares, making it if it is new.
    fn declare(&mut self, logical: &str) {
        let compiled = std::sync::Arc::clone(&self.compiled);
        let declared = &compiled.template.resources[logical];
        let position = compiled.template.resources.get_index_of(logical).unwrap_or_default();
        let depends_on =
            self.with_scope(|scope| Ok(crate::template::graph::needed(scope, declared))).unwrap_or_default();
        let now = self.step.now;
        let resource = match self.stack.resources.get_index_of(logical) {
            Some(index) => &mut self.stack.resources[index],
            None => {
                let earlier = self.stack.resources.values().filter(|other| other.position < position);
                let place = earlier.count();
                let resource = Resource {
                    position,
                    kind: declared.kind.clone(),
                    status: ResourceStatus::CreateInProgress,
                    reason: None,
                    since: now,
                    live: None,
                    before: None,
                    pending: None,
                    depends_on: Default::default(),
                    deletion_policy: declared.deletion_policy,
                    update_replace_policy: declared.update_replace_policy,
                };
                self.stack.resources.shift_insert(place, logical.to_owned(), resource);
                &mut self.stack.resources[place]
            }
        };
        if resource.before.is_none() {
            resource.before = Some(match &resource.live {
                Some(instance) => Before::Existing {
                    instance: Box::new(instance.clone()),
                    status: resource.status,
                    depends_on: resource.depends_on.clone(),
                    deletion_policy: resource.deletion_policy,
                },
                None => Before::Absent,
            });
        }
        resource.position = position;
        resource.depends_on = depends_on;
        resource.deletion_policy = declared.deletion_policy;
        resource.update_replace_policy = declared.update_replace_policy;
    }

    /// The thing that the template wants, without name and physical id; or why it cannot be, with the
    /// properties as far as they are known.
    fn wanted(&mut self, logical: &str) -> Result<Instance, (String, Map)> {
        let compiled = std::sync::Arc::clone(&self.compiled);
        let declared = &compiled.template.resources[logical];
        let resolved = self.with_scope(|scope| scope.properties(&declared.properties));
        let resolved = resolved.map_err(|error| (error.message().to_owned(), Map::new()))?;
        if let Some(reference) = dynamic_reference(&Value::Map(resolved.clone())) {
            return Err((format!("Dynamic references such as {reference} are not supported."), resolved));
        }
        let Some(resource_type) = ResourceType::find(&declared.kind) else {
            return Err((format!("Resource type {} is not supported.", declared.kind), resolved));
        };
        let properties = resource_type.schema.conform(&resolved).map_err(|reason| (reason, resolved))?;
        let stack_tags = resource_type.stack_tags(self.stack, &self.stack.settings.tags, logical);
        Ok(Instance { properties, stack_tags, ..Instance::default() })
    }

    /// Fails a resource before any call was made for it.
    fn refuse(&mut self, index: usize, logical: &str, reason: String, properties: Map) {
        let resource = self.resource(logical);
        let live = resource.live.clone();
        let (change, status) = match live {
            None => (Change::Create, ResourceStatus::CreateInProgress),
            Some(_) => (Change::Update, ResourceStatus::UpdateInProgress),
        };
        // What exists stays as it is: failing takes the pending instance for the live one.
        resource.pending = live.clone();
        let physical_id = live.and_then(|live| live.physical_id);
        self.task(index).doing = Some(change);
        self.set_status(logical, status, None, physical_id.as_deref(), Some(properties));
        self.fail(index, reason);
    }

    fn begin_create(&mut self, index: usize, logical: &str, wanted: Instance) {
        let kind = self.resource(logical).kind.clone();
        let name = ResourceType::find(&kind).map(|resource_type| {
            resource_type.name(&wanted.properties, &self.stack.name, logical, self.step.ids)
        });
        let properties = wanted.properties.clone();
        self.resource(logical).pending = Some(Instance { name: name.unwrap_or_default(), ..wanted });
        self.task(index).doing = Some(Change::Create);
        self.set_status(logical, ResourceStatus::CreateInProgress, None, None, Some(properties));
        self.next_call(index);
    }

    fn begin_update(&mut self, index: usize, logical: &str, pending: Instance) {
        let (physical_id, properties) = (pending.physical_id.clone(), pending.properties.clone());
        self.resource(logical).pending = Some(pending);
        self.task(index).doing = Some(Change::Update);
        let status = ResourceStatus::UpdateInProgress;
        self.set_status(logical, status, None, physical_id.as_deref(), Some(properties));
        self.next_call(index);
    }

    fn begin_replace(
        &mut self,
        index: usize,
        logical: &str,
        live: &Instance,
        wanted: Instance,
        resource_type: &ResourceType,
    ) {
        let naming = resource_type.naming.property;
        let given = wanted.properties.get(naming);
        if let Some(name) = given.filter(|_| !naming.is_empty() && live.properties.get(naming) == given) {
            let reason = format!(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {} and \
                 update the stack again.",
                shown(name)
            );
            return self.refuse(index, logical, reason, wanted.properties);
        }
        let name = resource_type.name(&wanted.properties, &self.stack.name, logical, self.step.ids);
        let properties = wanted.properties.clone();
        self.resource(logical).pending = Some(Instance { name, ..wanted });
        self.task(index).doing = Some(Change::Replace);
        let (status, reason) = (ResourceStatus::UpdateInProgress, Some(REPLACING.to_owned()));
        self.set_status(logical, status, reason, live.physical_id.as_deref(), Some(properties));
        self.next_call(index);
    }

    /// Begins to change a resource back to what it was before.
    fn begin_restore(&mut self, index: usize) {
        let task = self.task(index);
        task.state = TaskState::Running;
        let logical = task.logical.clone();
        let resource = self.resource(&logical);
        let (Some(Before::Existing { instance, .. }), Some(live)) =
            (resource.before.clone(), resource.live.clone())
        else {
            self.task(index).state = TaskState::Done;
            return self.save(index);
        };
        // What was learnt since, such as the ARN of a stream that was switched on, is needed to undo it.
        let attributes = live.attributes.into_iter().chain(instance.attributes.clone()).collect();
        self.begin_update(index, &logical, Instance { attributes, ..*instance });
    }

    /// Ends a task well.
    pub(super) fn complete(&mut self, index: usize) {
        let task = self.task(index);
        task.state = TaskState::Done;
        let (logical, action, change) = (task.logical.clone(), task.action, task.doing);
        if matches!(action, Action::Delete | Action::Discard(_)) {
            return self.complete_delete(index);
        }
        let resource = self.resource(&logical);
        resource.live = resource.pending.take();
        let (physical_id, properties) =
            resource.live.clone().map(|live| (live.physical_id, live.properties)).unwrap_or_default();
        let status = match change {
            Some(Change::Update | Change::Replace) => ResourceStatus::UpdateComplete,
            _ => ResourceStatus::CreateComplete,
        };
        self.set_status(&logical, status, None, physical_id.as_deref(), Some(properties));
        records::put_resource(self.step, self.stack, &logical);
        self.save(index);
    }
}

/// The names of the properties that differ.
pub(crate) fn changed_properties(live: &Instance, wanted: &Instance) -> Vec<String> {
    let (old, new) = (&live.properties, &wanted.properties);
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    names.filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}

/// A reference to a parameter or secret that is to be looked up when the resource is made.
fn dynamic_reference(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let start = text.find("{{resolve:")?;
            let end = text[start..].find("}}")? + 2;
            Some(text[start..start + end].to_owned())
        }
        Value::List(items) => items.iter().find_map(dynamic_reference),
        Value::Map(map) => map.values().find_map(dynamic_reference),
        _ => None,
    }
}
