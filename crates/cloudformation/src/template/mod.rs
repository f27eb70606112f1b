//! Templates: from text to sections with their functions recognised, and from there to resolved values.
//!
//! Reading goes through three gates, each with CloudFormation's messages: [`notation`] (is it JSON or
//! YAML), [`Template::parse`] (does every section have its shape), and `references` (does every name
//! used exist). What needs the parameters' values comes after: [`resolve`] and [`graph`].
//!
//! Follows "Template anatomy" and "Intrinsic function reference" of AWS's template reference, and the
//! recordings under `cloudformation/`.

pub mod cidr;
pub mod error;
pub mod expression;
pub mod graph;
pub mod notation;
pub mod parameters;
mod references;
pub mod resolve;
pub mod value;

use indexmap::IndexMap;

pub use error::{Error, Result};
pub use expression::{Condition, Expression};
pub use parameters::Parameter;
pub use value::{Map, Value};

/// The limits of the page "CloudFormation quotas".
const RESOURCES_MAX: usize = 500;
const PARAMETERS_MAX: usize = 200;
const OUTPUTS_MAX: usize = 200;
const MAPPINGS_MAX: usize = 200;
/// Longest `Description` of a template in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1024;
/// Longest logical name in characters.
const NAME_CHARS_MAX: usize = 255;

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Hooks",
    "Resources",
    "Outputs",
];

const RESOURCE_ATTRIBUTES: [&str; 10] = [
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
    "Metadata",
    "Version",
];

/// A mapping: first key, second key, value.
pub type Mapping = IndexMap<String, IndexMap<String, Value>>;

/// A template whose sections have their shapes and whose names are all defined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// `AWSTemplateFormatVersion` when given; the only one there is is 2010-09-09.
    pub format_version: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `Metadata`, unread.
    pub metadata: Option<Value>,
    /// `Parameters` in template order.
    pub parameters: IndexMap<String, Parameter>,
    /// `Mappings`.
    pub mappings: IndexMap<String, Mapping>,
    /// `Conditions`.
    pub conditions: IndexMap<String, Condition>,
    /// `Resources`, at least one.
    pub resources: IndexMap<String, Resource>,
    /// `Outputs`.
    pub outputs: IndexMap<String, Output>,
}

/// A resource as the template declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// Its properties; `Fn::If` may stand for the whole map.
    pub properties: Expression,
    /// Resources to be created before it, beyond those that it refers to.
    pub depends_on: Vec<String>,
    /// The condition under which it exists.
    pub condition: Option<String>,
    /// What deleting it from the stack, or the stack, does to it.
    pub deletion_policy: RemovalPolicy,
    /// What replacing it does to the old one.
    pub update_replace_policy: RemovalPolicy,
    /// `Metadata`, unread.
    pub metadata: Option<Value>,
}

/// What becomes of a resource that its stack lets go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum RemovalPolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// It is left as it is.
    Retain,
    /// It is left as it is, unless the operation that created it is being rolled back.
    RetainExceptOnCreate,
}

impl RemovalPolicy {
    /// The name that change sets report, `Delete` being the default that they leave out.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Retain => "Retain",
            Self::RetainExceptOnCreate => "RetainExceptOnCreate",
        }
    }
}

/// An output as the template declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its value.
    pub value: Expression,
    /// `Description`.
    pub description: Option<String>,
    /// The name under which other stacks of the account and region may import the value.
    pub export: Option<Expression>,
    /// The condition under which it exists.
    pub condition: Option<String>,
}

impl Template {
    /// Reads a template's text and checks everything that can be checked without parameter values.
    ///
    /// # Errors
    /// The first thing that is wrong, in CloudFormation's words.
    pub fn parse(text: &str) -> Result<Self> {
        let root = notation::parse(text)?;
        let Value::Map(sections) = root else { return Err(Error::format("unsupported structure.")) };
        let unknown: Vec<&str> =
            sections.keys().map(String::as_str).filter(|name| !SECTIONS.contains(name)).collect();
        if !unknown.is_empty() {
            return Err(Error::new(format!(
                "Invalid template property or properties [{}]",
                unknown.join(", ")
            )));
        }
        refuse_unsupported_sections(&sections)?;
        let template = Self {
            format_version: parse_format_version(&sections)?,
            description: parse_description(&sections)?,
            metadata: sections.get("Metadata").cloned(),
            parameters: parse_parameters(&sections)?,
            mappings: parse_mappings(&sections)?,
            conditions: parse_conditions(&sections)?,
            resources: parse_resources(&sections)?,
            outputs: parse_outputs(&sections)?,
        };
        references::check(&template)?;
        Ok(template)
    }
}

fn refuse_unsupported_sections(sections: &Map) -> Result<()> {
    match sections.get("Transform") {
        None => {}
        Some(Value::String(name)) => return Err(transform_refusal(name)),
        Some(Value::List(names)) => {
            if let Some(name) = names.first() {
                return Err(transform_refusal(name.as_str().unwrap_or("of unnamed kind")));
            }
        }
        Some(other) => {
            let name = other.get("Name").and_then(Value::as_str);
            return Err(name.map_or_else(
                || Error::new("Key Name of transform definition must be a string."),
                transform_refusal,
            ));
        }
    }
    match ["Rules", "Hooks"].into_iter().find(|name| sections.contains_key(*name)) {
        Some(name) => Err(Error::format(format_args!("the {name} section is not supported."))),
        None => Ok(()),
    }
}

fn transform_refusal(name: &str) -> Error {
    Error::new(format!("Transform {name} is not supported."))
}

fn parse_format_version(sections: &Map) -> Result<Option<String>> {
    match sections.get("AWSTemplateFormatVersion") {
        None => Ok(None),
        Some(Value::String(version)) if version == "2010-09-09" => Ok(Some(version.clone())),
        Some(_) => Err(Error::format("unsupported value for AWSTemplateFormatVersion.")),
    }
}

fn parse_description(sections: &Map) -> Result<Option<String>> {
    match sections.get("Description") {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= DESCRIPTION_BYTES_MAX => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(Error::format(format_args!("'Description' length is greater than {DESCRIPTION_BYTES_MAX}.")))
        }
        Some(_) => Err(Error::format("every Description member must be a string.")),
    }
}

/// The members of a section, which must be a map; none when the section is absent.
fn section<'a>(sections: &'a Map, name: &str, members_max: usize) -> Result<&'a Map> {
    static NONE: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);
    let members = match sections.get(name) {
        None => return Ok(&NONE),
        Some(Value::Map(members)) => members,
        Some(Value::Null) => return Err(expression::null_error(&format!("/{name}"))),
        Some(_) => return Err(Error::format("unsupported structure.")),
    };
    if members.len() > members_max {
        return Err(Error::format(format_args!(
            "Number of {}, {}, is greater than maximum allowed, {members_max}",
            name.to_lowercase(),
            members.len()
        )));
    }
    Ok(members)
}

fn check_name(kind: &str, name: &str) -> Result<()> {
    if name.is_empty() || !name.chars().all(|character| character.is_ascii_alphanumeric()) {
        return Err(Error::format(format_args!("{kind} name {name} is non alphanumeric.")));
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(Error::format(format_args!(
            "{kind} name {name} is longer than {NAME_CHARS_MAX} characters."
        )));
    }
    Ok(())
}

fn parse_parameters(sections: &Map) -> Result<IndexMap<String, Parameter>> {
    section(sections, "Parameters", PARAMETERS_MAX)?
        .iter()
        .map(|(name, declaration)| {
            check_name("Parameter", name)?;
            Ok((name.clone(), Parameter::parse(name, declaration)?))
        })
        .collect()
}

fn parse_mappings(sections: &Map) -> Result<IndexMap<String, Mapping>> {
    let must_be_map = |name: &str| Error::format(format_args!("Every Mappings member {name} must be a map"));
    let mut mappings = IndexMap::new();
    for (name, first_keys) in section(sections, "Mappings", MAPPINGS_MAX)? {
        check_name("Mapping", name)?;
        let mut mapping = Mapping::new();
        for (first_key, second_keys) in first_keys.as_map().ok_or_else(|| must_be_map(name))? {
            let second_keys = second_keys.as_map().ok_or_else(|| must_be_map(first_key))?;
            if let Some(value) = second_keys.values().find(|value| !is_mapping_value(value)) {
                return Err(match value {
                    Value::Null => expression::null_error(&format!("/Mappings/{name}/{first_key}")),
                    _ => Error::format("Every Mappings attribute must be a String or a List."),
                });
            }
            mapping.insert(first_key.clone(), second_keys.clone());
        }
        mappings.insert(name.clone(), mapping);
    }
    Ok(mappings)
}

fn is_mapping_value(value: &Value) -> bool {
    match value {
        Value::Null | Value::Map(_) => false,
        Value::List(items) => items.iter().all(|item| item.scalar_text().is_some()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn parse_conditions(sections: &Map) -> Result<IndexMap<String, Condition>> {
    section(sections, "Conditions", usize::MAX)?
        .iter()
        .map(|(name, value)| Ok((name.clone(), Condition::parse(value, &format!("/Conditions/{name}"))?)))
        .collect()
}

fn parse_resources(sections: &Map) -> Result<IndexMap<String, Resource>> {
    let none = || Error::format("At least one Resources member must be defined.");
    if matches!(sections.get("Resources"), None | Some(Value::Null)) {
        return Err(none());
    }
    let members = section(sections, "Resources", RESOURCES_MAX)?;
    if members.is_empty() {
        return Err(none());
    }
    members
        .iter()
        .map(|(name, declaration)| {
            check_name("Resource", name)?;
            Ok((name.clone(), parse_resource(name, declaration)?))
        })
        .collect()
}

fn parse_resource(name: &str, declaration: &Value) -> Result<Resource> {
    let path = format!("/Resources/{name}");
    let Value::Map(members) = declaration else {
        return Err(Error::format("Any Resources member must be an object."));
    };
    if let Some(unknown) = members.keys().find(|key| !RESOURCE_ATTRIBUTES.contains(&key.as_str())) {
        return Err(Error::new(format!("Invalid template resource property '{unknown}'")));
    }
    let kind = match members.get("Type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Null) => return Err(expression::null_error(&format!("{path}/Type"))),
        Some(_) => return Err(Error::format(format_args!("[{path}/Type] 'Type' must be a string."))),
        None => {
            return Err(Error::format(format_args!(
                "[{path}] Every Resources object must contain a Type member."
            )));
        }
    };
    for attribute in ["CreationPolicy", "UpdatePolicy", "Version"] {
        if members.contains_key(attribute) {
            return Err(Error::format(format_args!(
                "[{path}] {attribute} is not supported for resource type {kind}."
            )));
        }
    }
    let properties = match members.get("Properties") {
        None => Expression::Map(IndexMap::new()),
        Some(value @ Value::Map(_)) => Expression::parse(value, &format!("{path}/Properties"))?,
        Some(Value::Null) => return Err(expression::null_error(&format!("{path}/Properties"))),
        Some(_) => return Err(Error::format(format_args!("[{path}] resource definition is malformed"))),
    };
    Ok(Resource {
        properties,
        depends_on: parse_depends_on(members.get("DependsOn"))?,
        condition: parse_condition_name(members.get("Condition"))?,
        deletion_policy: parse_removal_policy(name, &kind, "DeletionPolicy", members)?,
        update_replace_policy: parse_removal_policy(name, &kind, "UpdateReplacePolicy", members)?,
        metadata: members.get("Metadata").cloned(),
        kind,
    })
}

fn parse_depends_on(value: Option<&Value>) -> Result<Vec<String>> {
    let error = || Error::format("Every DependsOn value must be a string.");
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(name)) => Ok(vec![name.clone()]),
        Some(Value::List(names)) => {
            names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(error)).collect()
        }
        Some(_) => Err(error()),
    }
}

fn parse_condition_name(value: Option<&Value>) -> Result<Option<String>> {
    match value {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err(Error::format("Every Condition member must be a string.")),
    }
}

fn parse_removal_policy(name: &str, kind: &str, attribute: &str, members: &Map) -> Result<RemovalPolicy> {
    let Some(value) = members.get(attribute) else { return Ok(RemovalPolicy::Delete) };
    match value.as_str() {
        Some("Delete") => Ok(RemovalPolicy::Delete),
        Some("Retain") => Ok(RemovalPolicy::Retain),
        Some("RetainExceptOnCreate") if attribute == "DeletionPolicy" => {
            Ok(RemovalPolicy::RetainExceptOnCreate)
        }
        // Snapshots exist for volumes, databases and caches only, none of which are here.
        Some("Snapshot") => Err(Error::function(format_args!(
            "resource type {kind} does not support {} policy Snapshot",
            if attribute == "DeletionPolicy" { "deletion" } else { "update replace" }
        ))),
        Some(other) => {
            Err(Error::format(format_args!("Unrecognized {attribute} {other} for resource {name}")))
        }
        None => Err(Error::format(format_args!("Every {attribute} member must be a string."))),
    }
}

fn parse_outputs(sections: &Map) -> Result<IndexMap<String, Output>> {
    section(sections, "Outputs", OUTPUTS_MAX)?
        .iter()
        .map(|(name, declaration)| {
            check_name("Output", name)?;
            Ok((name.clone(), parse_output(name, declaration)?))
        })
        .collect()
}

fn parse_output(name: &str, declaration: &Value) -> Result<Output> {
    let path = format!("/Outputs/{name}");
    let Value::Map(members) = declaration else {
        return Err(Error::format("Any Outputs member must be an object."));
    };
    let Some(value) = members.get("Value") else {
        return Err(Error::format("Every Outputs member must contain a Value object"));
    };
    if matches!(value, Value::List(_)) {
        return Err(Error::format("The Value field of every Outputs member must evaluate to a String."));
    }
    let value = Expression::parse(value, &format!("{path}/Value"))?;
    let known = ["Value", "Description", "Export", "Condition"];
    if let Some(unknown) = members.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Error::new(format!("Invalid template output property '{unknown}'")));
    }
    let description = match members.get("Description") {
        None => None,
        Some(Value::String(text)) if text.len() <= DESCRIPTION_BYTES_MAX => Some(text.clone()),
        Some(_) => {
            return Err(Error::format(format_args!(
                "[{path}/Description] must be a string of at most {DESCRIPTION_BYTES_MAX} bytes."
            )));
        }
    };
    let export = match members.get("Export") {
        None => None,
        Some(export) => {
            let only_name = export.as_map().filter(|map| map.len() == 1).and_then(|map| map.get("Name"));
            Some(Expression::parse(
                only_name.ok_or_else(|| export_error(name))?,
                &format!("{path}/Export/Name"),
            )?)
        }
    };
    Ok(Output { value, description, export, condition: parse_condition_name(members.get("Condition"))? })
}

/// The error for an export without a usable name.
pub(crate) fn export_error(output: &str) -> Error {
    Error::format(format_args!(
        "Output {output} is malformed. The Name field of every Export member must be specified and consist only of \
         alphanumeric characters, colons, or hyphens."
    ))
}

#[cfg(test)]
mod tests;
