//! Stacks and change sets: what they are, and where they are found. Pure; no wire types.

pub mod change_set;
pub mod operation;
pub mod stack;

use std::collections::BTreeMap;

use pontoon_core::Scope;

pub use change_set::ChangeSet;
pub use operation::Operation;
pub use stack::{Instance, Resource, ResourceStatus, Stack, StackStatus};

/// The stacks of every account and region.
#[derive(Debug, Default)]
pub struct State {
    scopes: BTreeMap<Scope, Stacks>,
}

/// The stacks of one account and region, deleted ones included, by the UUID that ends their ids.
#[derive(Debug, Default)]
pub struct Stacks {
    by_uuid: BTreeMap<String, Stack>,
}

fn uuid_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

impl State {
    /// The stacks of a scope.
    pub fn stacks(&mut self, scope: Scope) -> &mut Stacks {
        self.scopes.entry(scope).or_default()
    }

    /// The stacks of a scope, if it ever had one.
    #[must_use]
    pub fn get(&self, scope: Scope) -> Option<&Stacks> {
        self.scopes.get(&scope)
    }

    /// Puts every stack's resources, which load by name, into the order of their templates.
    pub fn restore_order(&mut self) {
        for stack in self.scopes.values_mut().flat_map(|stacks| stacks.by_uuid.values_mut()) {
            stack.resources.sort_by(|_, left, _, right| left.position.cmp(&right.position));
        }
    }

    /// Every stack with its scope.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Scope, &mut Stack)> {
        let scopes = self.scopes.iter_mut();
        scopes.flat_map(|(scope, stacks)| stacks.by_uuid.values_mut().map(|stack| (*scope, stack)))
    }

    /// Every scope with its stacks.
    pub fn iter(&self) -> impl Iterator<Item = (Scope, &Stacks)> {
        self.scopes.iter().map(|(scope, stacks)| (*scope, stacks))
    }
}

impl Stacks {
    /// Adds a stack.
    pub fn insert(&mut self, stack: Stack) {
        self.by_uuid.insert(stack.uuid().to_owned(), stack);
    }

    /// The stack of this id, deleted or not.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Stack> {
        self.by_uuid.get(uuid_of(id)).filter(|stack| stack.id == id)
    }

    /// The stack of this id, deleted or not.
    pub fn by_id_mut(&mut self, id: &str) -> Option<&mut Stack> {
        self.by_uuid.get_mut(uuid_of(id)).filter(|stack| stack.id == id)
    }

    /// The stack whose records are kept under this UUID.
    pub fn by_uuid_mut(&mut self, uuid: &str) -> Option<&mut Stack> {
        self.by_uuid.get_mut(uuid)
    }

    /// Takes a stack out, for a deployment to work on while it reads the others.
    pub fn take(&mut self, id: &str) -> Option<Stack> {
        self.by_uuid.remove(uuid_of(id))
    }

    /// The stack that a request means: by id any, by name the one that is not deleted.
    #[must_use]
    pub fn find(&self, name_or_id: &str) -> Option<&Stack> {
        if name_or_id.starts_with("arn:") {
            return self.by_id(name_or_id);
        }
        self.by_uuid
            .values()
            .find(|stack| stack.name == name_or_id && stack.status != StackStatus::DeleteComplete)
    }

    /// Every stack.
    pub fn iter(&self) -> impl Iterator<Item = &Stack> {
        self.by_uuid.values()
    }

    /// The value of an export.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<&str> {
        self.exports().find(|(_, export, _)| *export == name).map(|(_, _, value)| value)
    }

    /// Every export: its stack, name and value.
    pub fn exports(&self) -> impl Iterator<Item = (&Stack, &str, &str)> {
        self.by_uuid.values().filter(|stack| stack.status != StackStatus::DeleteComplete).flat_map(|stack| {
            stack
                .outputs
                .iter()
                .filter_map(move |output| Some((stack, output.export.as_deref()?, output.value.as_str())))
        })
    }

    /// The names of the stacks that import an export.
    #[must_use]
    pub fn importers(&self, export: &str) -> Vec<&str> {
        let live = self.by_uuid.values().filter(|stack| stack.status != StackStatus::DeleteComplete);
        live.filter(|stack| stack.imports.contains(export)).map(|stack| stack.name.as_str()).collect()
    }
}
