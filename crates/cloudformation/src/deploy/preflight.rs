//! What can be said of a template before anything is done: whether it can be deployed, what it needs,
//! and what it would change.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pontoon_core::Scope;

use super::{Compiled, Live};
use crate::resources::ResourceType;
use crate::state::{Stack, Stacks};
use crate::template::graph::{self, Dependencies};
use crate::template::parameters::{self, ParameterValues};
use crate::template::resolve::{Pseudo, Resolved, Scope as TemplateScope, Surroundings};
use crate::template::{Error, Expression, Template, Value};

/// A template that can be deployed, with the values of its parameters.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The template.
    pub template: Template,
    /// The values of its parameters.
    pub parameters: ParameterValues,
    /// Which resources each active resource needs.
    pub dependencies: Dependencies,
    /// The exports that it imports.
    pub imports: BTreeSet<String>,
    /// What will make the operation fail as soon as it begins.
    pub abort: Option<String>,
}

/// Reads and checks a template for a stack that exists, or is to. `given` are the parameters of the
/// request, previous values filled in.
///
/// # Errors
/// Everything that the API refuses at once.
pub(crate) fn prepare(
    scope: Scope,
    stack: &Stack,
    pseudo: &Pseudo,
    others: &Stacks,
    text: &str,
    given: &BTreeMap<String, String>,
) -> Result<Prepared, Error> {
    let template = Template::parse(text)?;
    check_types(&template)?;
    let parameters = parameters::assign(&template.parameters, given)?;
    let planned = Planned::new(scope, stack, others);
    let (dependencies, missing_import) = {
        let template_scope = TemplateScope::new(&template, &parameters, pseudo, &planned)?;
        let dependencies = graph::dependencies(&template_scope)?;
        // Everything is resolved once as far as it is known, so that what can never be is refused now.
        for (_, resource) in template_scope.active_resources() {
            template_scope.properties(&resource.properties)?;
        }
        for (_, output) in template_scope.active_outputs() {
            template_scope.output_text(&output.value)?;
            if let Some(export) = &output.export {
                template_scope.output_text(export)?;
            }
        }
        (dependencies, planned.missing_import())
    };
    let abort = attribute_problem(&template).or(missing_import);
    let imports = planned.imported.into_inner();
    Ok(Prepared { template, parameters, dependencies, imports, abort })
}

/// Refuses types that are not supported, by name ("Unrecognized resource types").
pub(crate) fn check_types(template: &Template) -> Result<(), Error> {
    let kinds: BTreeSet<&str> = template.resources.values().map(|resource| resource.kind.as_str()).collect();
    let unknown: Vec<&str> = kinds.into_iter().filter(|kind| ResourceType::find(kind).is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::format(format_args!("Unrecognized resource types: [{}]", unknown.join(", "))))
}

/// The first `Fn::GetAtt` for an attribute that its type does not have; it fails the operation, not the
/// request (recording `test_invalid_getatt_fails`).
fn attribute_problem(template: &Template) -> Option<String> {
    let mut problem = None;
    let mut look = |path: &str, expression: &Expression| {
        expression.walk(&mut |inner| {
            let Expression::GetAtt(resource, attribute) = inner else { return };
            let Expression::Literal(Value::String(attribute)) = &**attribute else { return };
            let kind = &template.resources[resource].kind;
            let Some(resource_type) = ResourceType::find(kind) else { return };
            if problem.is_none() && !resource_type.schema.has_attribute(attribute) {
                problem = Some(format!(
                    "[Error] {path}/Fn::GetAtt: Resource type {kind} does not support attribute {{{attribute}}}"
                ));
            }
        });
    };
    for (name, resource) in &template.resources {
        match &resource.properties {
            Expression::Map(properties) => {
                for (property, value) in properties {
                    look(&format!("/Resources/{name}/Properties/{property}"), value);
                }
            }
            other => look(&format!("/Resources/{name}/Properties"), other),
        }
    }
    for (name, output) in &template.outputs {
        look(&format!("/Outputs/{name}/Value"), &output.value);
    }
    problem
}

/// A stack before any of its resources: whatever comes from one is unknown.
pub(super) struct Nothing;

impl Surroundings for Nothing {
    fn reference(&self, _resource: &str) -> Result<Resolved, Error> {
        Ok(Resolved::Unknown)
    }

    fn attribute(&self, _resource: &str, _attribute: &str) -> Result<Resolved, Error> {
        Ok(Resolved::Unknown)
    }

    fn import(&self, _name: &str) -> Result<Resolved, Error> {
        Ok(Resolved::Unknown)
    }
}

/// The exports that a stack's template imports.
pub(super) fn imports(scope: Scope, stack: &Stack, others: &Stacks, compiled: &Compiled) -> BTreeSet<String> {
    let planned = Planned::new(scope, stack, others);
    let parameters = &stack.settings.parameters;
    if let Ok(template_scope) = TemplateScope::new(&compiled.template, parameters, &compiled.pseudo, &planned)
    {
        for (_, resource) in template_scope.active_resources() {
            // What cannot be resolved imports nothing.
            let _ = template_scope.properties(&resource.properties);
        }
        for (_, output) in template_scope.active_outputs() {
            let _ = template_scope.output_text(&output.value);
        }
    }
    planned.imported.into_inner()
}

/// What a template sees of a stack before an operation: the things that will stay, and nothing of those
/// that will be made anew.
pub(crate) struct Planned<'p> {
    live: Live<'p>,
    /// Resources that will be made anew.
    pub replaced: RefCell<BTreeSet<String>>,
    /// The exports that were asked for.
    pub imported: RefCell<BTreeSet<String>>,
    missing: RefCell<Option<String>>,
}

impl<'p> Planned<'p> {
    pub(crate) fn new(scope: Scope, stack: &'p Stack, others: &'p Stacks) -> Self {
        Self {
            live: Live { scope, stack, others },
            replaced: RefCell::default(),
            imported: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    fn missing_import(&self) -> Option<String> {
        self.missing.borrow().clone()
    }

    fn is_known(&self, resource: &str) -> bool {
        !self.replaced.borrow().contains(resource)
    }
}

impl Surroundings for Planned<'_> {
    fn reference(&self, resource: &str) -> Result<Resolved, Error> {
        if self.is_known(resource) { self.live.reference(resource) } else { Ok(Resolved::Unknown) }
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<Resolved, Error> {
        if !self.is_known(resource) {
            return Ok(Resolved::Unknown);
        }
        // An attribute that the type does not have is reported by the operation, with its place.
        Ok(self.live.attribute(resource, attribute).unwrap_or(Resolved::Unknown))
    }

    fn import(&self, name: &str) -> Result<Resolved, Error> {
        self.imported.borrow_mut().insert(name.to_owned());
        Ok(self.live.import(name).unwrap_or_else(|error| {
            self.missing.borrow_mut().get_or_insert_with(|| error.message().to_owned());
            Resolved::Unknown
        }))
    }
}
