//! From expressions to values: parameters, conditions, mappings, and what resources turned out to be.

use std::collections::HashMap;

use base64::Engine as _;

use super::cidr;
use super::error::{Error, Result};
use super::expression::{self, Condition, Expression, SubPart};
use super::parameters::ParameterValues;
use super::references::{condition_order, missing_mapping};
use super::value::{Map, Value};
use super::{Output, Resource, Template};

/// What change sets show in place of a value that is known only once its resource exists (recordings
/// `test_change_set_*`).
pub const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// The pseudo parameters of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account_id: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::Partition`.
    pub partition: String,
    /// `AWS::URLSuffix`.
    pub url_suffix: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
    /// `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
}

impl Pseudo {
    /// Whether a name is that of a pseudo parameter, `AWS::NoValue` included.
    pub fn is_name(name: &str) -> bool {
        matches!(
            name,
            "AWS::AccountId"
                | "AWS::NoValue"
                | "AWS::NotificationARNs"
                | "AWS::Partition"
                | "AWS::Region"
                | "AWS::StackId"
                | "AWS::StackName"
                | "AWS::URLSuffix"
        )
    }

    fn value(&self, name: &str) -> Option<Resolved> {
        Some(Resolved::Value(match name {
            "AWS::AccountId" => self.account_id.as_str().into(),
            "AWS::Region" => self.region.as_str().into(),
            "AWS::Partition" => self.partition.as_str().into(),
            "AWS::URLSuffix" => self.url_suffix.as_str().into(),
            "AWS::StackName" => self.stack_name.as_str().into(),
            "AWS::StackId" => self.stack_id.as_str().into(),
            "AWS::NotificationARNs" => {
                Value::List(self.notification_arns.iter().map(|arn| arn.as_str().into()).collect())
            }
            "AWS::NoValue" => return Some(Resolved::NoValue),
            _ => return None,
        }))
    }
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// A value.
    Value(Value),
    /// `AWS::NoValue`: whatever holds it is left out.
    NoValue,
    /// It depends on a resource that does not exist yet.
    Unknown,
}

/// What a template's expressions may refer to beyond the template and its parameters.
pub trait Surroundings {
    /// What `Ref` to a resource gives.
    ///
    /// # Errors
    /// When the resource exists but cannot be referred to.
    fn reference(&self, resource: &str) -> Result<Resolved>;

    /// What `Fn::GetAtt` gives.
    ///
    /// # Errors
    /// When the resource has no such attribute.
    fn attribute(&self, resource: &str, attribute: &str) -> Result<Resolved>;

    /// The value of an export of this account and region.
    ///
    /// # Errors
    /// When there is no such export.
    fn import(&self, name: &str) -> Result<Resolved>;
}

/// The error for an import of something that no stack exports.
#[must_use]
pub fn no_export(name: &str) -> Error {
    Error::new(format!("No export named {name} found."))
}

/// Everything needed to resolve the expressions of one template for one stack.
pub struct Scope<'a> {
    template: &'a Template,
    parameters: &'a ParameterValues,
    pseudo: &'a Pseudo,
    conditions: HashMap<&'a str, bool>,
    surroundings: &'a dyn Surroundings,
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scope").field("conditions", &self.conditions).finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    /// Decides the template's conditions and opens its expressions for resolution.
    ///
    /// # Errors
    /// A condition that cannot be decided, such as one on a missing key of a mapping.
    pub fn new(
        template: &'a Template,
        parameters: &'a ParameterValues,
        pseudo: &'a Pseudo,
        surroundings: &'a dyn Surroundings,
    ) -> Result<Self> {
        let mut scope = Self { template, parameters, pseudo, conditions: HashMap::new(), surroundings };
        for name in condition_order(template)? {
            let truth = scope.decide(&template.conditions[name])?;
            scope.conditions.insert(name, truth);
        }
        Ok(scope)
    }

    /// The truth of a condition, once those that it names are decided.
    fn decide(&self, condition: &Condition) -> Result<bool> {
        match condition {
            Condition::Named(name) => Ok(self.holds(Some(name))),
            Condition::Not(inner) => Ok(!self.decide(inner)?),
            // Every operand is resolved whatever the others say, so that an error in one is always found.
            Condition::And(items) => items.iter().try_fold(true, |all, item| Ok(self.decide(item)? && all)),
            Condition::Or(items) => items.iter().try_fold(false, |any, item| Ok(self.decide(item)? || any)),
            Condition::Equals(sides) => {
                let [left, right] = &**sides;
                Ok(self.comparable(left)? == self.comparable(right)?)
            }
        }
    }

    fn comparable(&self, side: &Expression) -> Result<Option<String>> {
        match self.resolve(side)? {
            Resolved::Value(value) => value.scalar_text().map(Some).ok_or_else(|| {
                Error::function("every Fn::Equals object requires a list of 2 string parameters.")
            }),
            Resolved::NoValue | Resolved::Unknown => Ok(None),
        }
    }

    /// Whether a condition holds; a thing without one always exists.
    pub fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name).copied().unwrap_or(false))
    }

    /// Whether a name is that of a resource of the template, active or not.
    pub fn is_resource(&self, name: &str) -> bool {
        self.template.resources.contains_key(name)
    }

    /// The template's resources whose conditions hold, in template order.
    pub fn active_resources(&self) -> impl Iterator<Item = (&'a str, &'a Resource)> + '_ {
        self.template
            .resources
            .iter()
            .filter(|(_, resource)| self.holds(resource.condition.as_deref()))
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// The template's outputs whose conditions hold, in template order.
    pub fn active_outputs(&self) -> impl Iterator<Item = (&'a str, &'a Output)> + '_ {
        self.template
            .outputs
            .iter()
            .filter(|(_, output)| self.holds(output.condition.as_deref()))
            .map(|(name, output)| (name.as_str(), output))
    }

    /// Resolves a resource's properties, which come to a map. What is not known yet stands in it as
    /// [`KNOWN_AFTER_APPLY`].
    ///
    /// # Errors
    /// A function that cannot be resolved.
    pub fn properties(&self, properties: &Expression) -> Result<Map> {
        match self.resolve(properties)? {
            Resolved::Value(Value::Map(map)) => Ok(map),
            Resolved::NoValue => Ok(Map::new()),
            _ => Err(Error::format("resource definition is malformed")),
        }
    }

    /// Resolves an output's value or an export's name to text; `None` while it is not known.
    ///
    /// # Errors
    /// A function that cannot be resolved, or a value that is not text.
    pub fn output_text(&self, value: &Expression) -> Result<Option<String>> {
        match self.resolve(value)? {
            Resolved::Value(value) => value.scalar_text().map(Some).ok_or_else(|| {
                Error::format("The Value field of every Outputs member must evaluate to a String.")
            }),
            Resolved::NoValue => Ok(Some(String::new())),
            Resolved::Unknown => Ok(None),
        }
    }

    /// Resolves an expression.
    ///
    /// # Errors
    /// A function that cannot be resolved.
    pub fn resolve(&self, expression: &Expression) -> Result<Resolved> {
        match expression {
            Expression::Literal(value) => Ok(Resolved::Value(value.clone())),
            Expression::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.extend(shown(self.resolve(item)?));
                }
                Ok(Resolved::Value(Value::List(values)))
            }
            Expression::Map(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, member) in members {
                    if let Some(value) = shown(self.resolve(member)?) {
                        map.insert(key.clone(), value);
                    }
                }
                Ok(Resolved::Value(Value::Map(map)))
            }
            Expression::Ref(name) => self.reference(name),
            Expression::GetAtt(resource, attribute) => {
                match self.text(attribute, expression::get_att_error)? {
                    Some(attribute) => self.surroundings.attribute(resource, &attribute),
                    None => Ok(Resolved::Unknown),
                }
            }
            Expression::Sub(parts, variables) => self.sub(parts, variables),
            Expression::Join(delimiter, list) => self.join(delimiter, list),
            Expression::Select(index, list) => self.select(index, list),
            Expression::Split(delimiter, text) => self.map_text(text, expression::split_error, |text| {
                Ok(Value::List(text.split(delimiter.as_str()).map(Value::from).collect()))
            }),
            Expression::If(condition, yes, no) => {
                self.resolve(if self.holds(Some(condition)) { yes } else { no })
            }
            Expression::FindInMap(keys) => self.find_in_map(keys),
            Expression::Base64(text) => {
                let error = || Error::function("every Fn::Base64 object must have a String-typed value.");
                self.map_text(text, error, |text| {
                    Ok(base64::engine::general_purpose::STANDARD.encode(text).into())
                })
            }
            Expression::Cidr(parts) => self.cidr(parts),
            Expression::GetAzs(region) => {
                let error = || Error::function("every Fn::GetAZs object must have a String-typed value.");
                self.map_text(region, error, |region| {
                    // DEVIATION: an account's zones are EC2's to know; every region has three here.
                    let region = if region.is_empty() { &self.pseudo.region } else { region };
                    Ok(Value::List(
                        ["a", "b", "c"].iter().map(|zone| format!("{region}{zone}").into()).collect(),
                    ))
                })
            }
            Expression::ImportValue(name) => {
                let error = || {
                    Error::function(
                        "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs",
                    )
                };
                match self.text(name, error)? {
                    Some(name) => self.surroundings.import(&name),
                    None => Err(error()),
                }
            }
        }
    }

    fn reference(&self, name: &str) -> Result<Resolved> {
        if let Some(resolved) = self.pseudo.value(name) {
            return Ok(resolved);
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(Resolved::Value(parameter.value()));
        }
        self.surroundings.reference(name)
    }

    /// The text that an expression comes to; `None` while it is not known.
    fn text(&self, expression: &Expression, error: impl FnOnce() -> Error) -> Result<Option<String>> {
        match self.resolve(expression)? {
            Resolved::Value(value) => value.scalar_text().map(Some).ok_or_else(error),
            Resolved::NoValue => Ok(Some(String::new())),
            Resolved::Unknown => Ok(None),
        }
    }

    fn map_text(
        &self,
        expression: &Expression,
        error: impl FnOnce() -> Error,
        function: impl FnOnce(&str) -> Result<Value>,
    ) -> Result<Resolved> {
        match self.text(expression, error)? {
            Some(text) => function(&text).map(Resolved::Value),
            None => Ok(Resolved::Unknown),
        }
    }

    fn sub(&self, parts: &[SubPart], variables: &indexmap::IndexMap<String, Expression>) -> Result<Resolved> {
        let mut out = String::new();
        let mut known = true;
        for part in parts {
            let (name, resolved) = match part {
                SubPart::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                SubPart::Variable(name) => match variables.get(name) {
                    Some(value) => {
                        match self.text(value, expression::sub_context_error)? {
                            Some(text) => out.push_str(&text),
                            None => known = false,
                        }
                        continue;
                    }
                    None => (name.clone(), self.reference(name)?),
                },
                SubPart::Attribute(resource, attribute) => {
                    (format!("{resource}.{attribute}"), self.surroundings.attribute(resource, attribute)?)
                }
            };
            match resolved {
                Resolved::Value(value) => out.push_str(&value.scalar_text().ok_or_else(|| {
                    Error::function(format_args!(
                        "variable {name} in Fn::Sub expression does not resolve to a string"
                    ))
                })?),
                Resolved::NoValue => {}
                Resolved::Unknown => known = false,
            }
        }
        Ok(if known { Resolved::Value(out.into()) } else { Resolved::Unknown })
    }

    fn join(&self, delimiter: &str, list: &Expression) -> Result<Resolved> {
        // Items that are not known must be told from text, so a literal list is resolved item by item.
        let mut texts = Vec::new();
        let mut push = |value: Value| -> Result<()> {
            texts.push(value.scalar_text().ok_or_else(expression::join_error)?);
            Ok(())
        };
        match list {
            Expression::List(items) => {
                for item in items {
                    match self.resolve(item)? {
                        Resolved::Value(value) => push(value)?,
                        // An absent item takes no delimiter (recording test_join_no_value_construct).
                        Resolved::NoValue => {}
                        Resolved::Unknown => return Ok(Resolved::Unknown),
                    }
                }
            }
            computed => match self.resolve(computed)? {
                Resolved::Value(Value::List(values)) => values.into_iter().try_for_each(push)?,
                Resolved::Unknown => return Ok(Resolved::Unknown),
                Resolved::NoValue => {}
                Resolved::Value(_) => return Err(expression::join_error()),
            },
        }
        Ok(Resolved::Value(texts.join(delimiter).into()))
    }

    fn select(&self, index: &Expression, list: &Expression) -> Result<Resolved> {
        let bad_index = || {
            Error::function(
                "Fn::Select requires a list argument with a valid index value as its first element",
            )
        };
        let Some(index) = self.text(index, bad_index)? else { return Ok(Resolved::Unknown) };
        let position: usize = index.trim().parse().map_err(|_| bad_index())?;
        let nonexistent = || {
            Error::function(format_args!("Fn::Select cannot select nonexistent value at index {position}"))
        };
        if let Expression::List(items) = list {
            return self.resolve(items.get(position).ok_or_else(nonexistent)?);
        }
        match self.resolve(list)? {
            Resolved::Value(Value::List(items)) => {
                items.into_iter().nth(position).map(Resolved::Value).ok_or_else(nonexistent)
            }
            Resolved::Unknown => Ok(Resolved::Unknown),
            _ => Err(expression::select_error()),
        }
    }

    fn find_in_map(&self, keys: &[Expression; 3]) -> Result<Resolved> {
        let mut names = Vec::with_capacity(keys.len());
        for key in keys {
            match self.text(key, expression::find_in_map_error)? {
                Some(name) => names.push(name),
                None => return Err(expression::find_in_map_error()),
            }
        }
        let mapping = self.template.mappings.get(&names[0]).ok_or_else(|| missing_mapping(&names[0]))?;
        let value = mapping.get(&names[1]).and_then(|second_keys| second_keys.get(&names[2]));
        value.cloned().map(Resolved::Value).ok_or_else(|| {
            Error::function(format_args!(
                "Unable to get mapping for {}::{}::{}",
                names[0], names[1], names[2]
            ))
        })
    }

    fn cidr(&self, parts: &[Expression; 3]) -> Result<Resolved> {
        let error = || Error::function("every Fn::Cidr parameter must be a string or a number.");
        let (Some(block), Some(count), Some(bits)) =
            (self.text(&parts[0], error)?, self.text(&parts[1], error)?, self.text(&parts[2], error)?)
        else {
            return Ok(Resolved::Unknown);
        };
        let blocks = cidr::split(&block, &count, &bits)?;
        Ok(Resolved::Value(Value::List(blocks.into_iter().map(Value::from).collect())))
    }
}

/// What stands in a list or map for a resolved item: nothing for `AWS::NoValue`.
fn shown(resolved: Resolved) -> Option<Value> {
    match resolved {
        Resolved::Value(value) => Some(value),
        Resolved::NoValue => None,
        Resolved::Unknown => Some(KNOWN_AFTER_APPLY.into()),
    }
}
