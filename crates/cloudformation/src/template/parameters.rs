//! Parameters: their declarations, and the values that a stack gives them.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::value::{Map, Value};

/// The longest value of a parameter in bytes ("CloudFormation quotas").
const VALUE_BYTES_MAX: usize = 4096;

/// How far a backtracking pattern may search before it counts as not matching.
const PATTERN_STEPS_MAX: usize = 100_000;

const DECLARATION_MEMBERS: [&str; 11] = [
    "Type",
    "Default",
    "Description",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "NoEcho",
];

/// The types of parameters that can be given without asking another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Text.
    String,
    /// An integer or a decimal number, used as text.
    Number,
    /// Numbers with commas between them.
    NumberList,
    /// Texts with commas between them.
    CommaDelimitedList,
}

impl ParameterType {
    /// The name in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Number => "Number",
            Self::NumberList => "List<Number>",
            Self::CommaDelimitedList => "CommaDelimitedList",
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::NumberList | Self::CommaDelimitedList)
    }
}

/// A parameter's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `Type`.
    pub kind: ParameterType,
    /// `Default`, as text.
    pub default: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `AllowedValues`, as text.
    pub allowed_values: Option<Vec<String>>,
    /// `AllowedPattern`: a regular expression for the whole value, or for each item of a list.
    pub allowed_pattern: Option<String>,
    /// What to say when a constraint is not met.
    pub constraint_description: Option<String>,
    /// `MinLength` in characters.
    pub min_length: Option<u64>,
    /// `MaxLength` in characters.
    pub max_length: Option<u64>,
    /// `MinValue`, a number as text.
    pub min_value: Option<String>,
    /// `MaxValue`, a number as text.
    pub max_value: Option<String>,
    /// Whether the value is hidden from every answer.
    pub no_echo: bool,
}

/// The values of a stack's parameters, by name, in template order.
pub type ParameterValues = IndexMap<String, ParameterValue>;

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterValue {
    /// The text that was given or defaulted to.
    pub text: String,
    /// Whether `Ref` makes a list of it, split at commas.
    pub is_list: bool,
    /// Whether answers show asterisks for it.
    pub no_echo: bool,
}

impl ParameterValue {
    /// What `Ref` to the parameter gives.
    pub fn value(&self) -> Value {
        if self.is_list {
            Value::List(self.items().map(Value::from).collect())
        } else {
            Value::String(self.text.clone())
        }
    }

    fn items(&self) -> impl Iterator<Item = &str> {
        // An empty text is a list of one empty item, as on AWS.
        self.text.split(',').map(str::trim)
    }

    /// What DescribeStacks shows.
    pub fn shown(&self) -> &str {
        if self.no_echo { "****" } else { &self.text }
    }
}

impl Parameter {
    /// Reads a declaration.
    ///
    /// # Errors
    /// Unknown members, a missing or unknown type, a type that depends on a service that is not here,
    /// and constraints that do not fit the type or each other.
    pub fn parse(name: &str, declaration: &Value) -> Result<Self> {
        let Value::Map(members) = declaration else {
            return Err(Error::format("Any Parameters member must be a JSON object."));
        };
        if let Some(unknown) = members.keys().find(|key| !DECLARATION_MEMBERS.contains(&key.as_str())) {
            return Err(Error::new(format!("Invalid template parameter property '{unknown}'")));
        }
        let kind = match members.get("Type") {
            Some(Value::String(kind)) => parse_type(name, kind)?,
            _ => return Err(Error::format("Every Parameters object must contain a Type member.")),
        };
        let parameter = Self {
            kind,
            default: text(members, "Default")?,
            description: text(members, "Description")?,
            allowed_values: parse_allowed_values(members)?,
            allowed_pattern: text(members, "AllowedPattern")?,
            constraint_description: text(members, "ConstraintDescription")?,
            min_length: length(name, members, "MinLength")?,
            max_length: length(name, members, "MaxLength")?,
            min_value: number(name, members, "MinValue")?,
            max_value: number(name, members, "MaxValue")?,
            no_echo: text(members, "NoEcho")?.is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        };
        parameter.check_declaration(name)?;
        Ok(parameter)
    }

    fn check_declaration(&self, name: &str) -> Result<()> {
        let misplaced = |constraint: &str, kind: &str| {
            Err(Error::function(format_args!(
                "Parameter '{name}' {constraint} must be on a parameter of type {kind}"
            )))
        };
        if self.kind != ParameterType::String {
            if self.min_length.is_some() {
                return misplaced("MinLength", "String");
            }
            if self.max_length.is_some() {
                return misplaced("MaxLength", "String");
            }
        }
        if self.kind != ParameterType::Number {
            if self.min_value.is_some() {
                return misplaced("MinValue", "Number");
            }
            if self.max_value.is_some() {
                return misplaced("MaxValue", "Number");
            }
        }
        if let (Some(min), Some(max)) = (self.min_length, self.max_length)
            && min > max
        {
            return Err(Error::function(format_args!(
                "Parameter '{name}' MinLength must be less than MaxLength."
            )));
        }
        if let Some(pattern) = &self.allowed_pattern {
            compile_pattern(name, pattern)?;
        }
        // AWS checks a default against the constraints as soon as it sees the template.
        match &self.default {
            Some(default) => self.check_value(name, default),
            None => Ok(()),
        }
    }

    /// Checks a value against the type and the constraints.
    ///
    /// # Errors
    /// The constraint that is not met, or the declaration's own description of it.
    pub fn check_value(&self, name: &str, value: &str) -> Result<()> {
        let items: Vec<&str> =
            if self.kind.is_list() { value.split(',').map(str::trim).collect() } else { vec![value] };
        if matches!(self.kind, ParameterType::Number | ParameterType::NumberList)
            && !items.iter().all(|item| item.parse::<f64>().is_ok_and(f64::is_finite))
        {
            return Err(Error::new(if self.kind.is_list() {
                format!("Parameter '{name}' must be a list of numbers.")
            } else {
                format!("Parameter '{name}' must be a number.")
            }));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::new(format!(
                "Parameter '{name}' must contain at most {VALUE_BYTES_MAX} characters"
            )));
        }
        match self.violation(name, value, &items)? {
            None => Ok(()),
            Some(violation) => Err(Error::new(match &self.constraint_description {
                Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
                None => format!("Parameter '{name}' {violation}"),
            })),
        }
    }

    fn violation(&self, name: &str, value: &str, items: &[&str]) -> Result<Option<String>> {
        if let Some(allowed) = &self.allowed_values
            && !items.iter().all(|item| allowed.iter().any(|candidate| self.same(candidate, item)))
        {
            return Ok(Some("must be one of AllowedValues".to_owned()));
        }
        if let Some(pattern) = &self.allowed_pattern {
            let compiled = compile_pattern(name, pattern)?;
            if !items.iter().all(|item| compiled.is_match(item).unwrap_or(false)) {
                return Ok(Some(format!("must match pattern {pattern}")));
            }
        }
        let chars = value.chars().count() as u64;
        if let Some(min) = self.min_length.filter(|min| chars < *min) {
            return Ok(Some(format!("must contain at least {min} characters")));
        }
        if let Some(max) = self.max_length.filter(|max| chars > *max) {
            return Ok(Some(format!("must contain at most {max} characters")));
        }
        let below = |bound: &str| value.parse::<f64>().ok() < bound.parse::<f64>().ok();
        let above = |bound: &str| value.parse::<f64>().ok() > bound.parse::<f64>().ok();
        if let Some(min) = self.min_value.as_deref().filter(|min| below(min)) {
            return Ok(Some(format!("must be a number not less than {min}")));
        }
        if let Some(max) = self.max_value.as_deref().filter(|max| above(max)) {
            return Ok(Some(format!("must be a number not greater than {max}")));
        }
        Ok(None)
    }

    /// Whether two values are the same, numbers being compared as such.
    fn same(&self, left: &str, right: &str) -> bool {
        let numeric = matches!(self.kind, ParameterType::Number | ParameterType::NumberList);
        left == right
            || numeric
                && matches!((left.parse::<f64>(), right.parse::<f64>()), (Ok(left), Ok(right)) if left == right)
    }
}

/// Gives every parameter of a template its value: the one given, or the default.
///
/// # Errors
/// Values for parameters that do not exist, parameters without a value, and constraints not met, in
/// the order in which CloudFormation reports them.
pub fn assign(
    declarations: &IndexMap<String, Parameter>,
    given: &BTreeMap<String, String>,
) -> Result<ParameterValues> {
    let unknown: Vec<&str> =
        given.keys().map(String::as_str).filter(|name| !declarations.contains_key(*name)).collect();
    if !unknown.is_empty() {
        return Err(Error::new(format!("Parameters: [{}] do not exist in the template", unknown.join(", "))));
    }
    let missing: Vec<&str> = declarations
        .iter()
        .filter(|(name, declaration)| declaration.default.is_none() && !given.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(Error::new(format!("Parameters: [{}] must have values", missing.join(", "))));
    }
    let mut values = ParameterValues::new();
    for (name, declaration) in declarations {
        let Some(text) = given.get(name).or(declaration.default.as_ref()) else { continue };
        declaration.check_value(name, text)?;
        values.insert(
            name.clone(),
            ParameterValue {
                text: text.clone(),
                is_list: declaration.kind.is_list(),
                no_echo: declaration.no_echo,
            },
        );
    }
    Ok(values)
}

fn parse_type(name: &str, kind: &str) -> Result<ParameterType> {
    match kind {
        "String" => Ok(ParameterType::String),
        "Number" => Ok(ParameterType::Number),
        "List<Number>" => Ok(ParameterType::NumberList),
        "CommaDelimitedList" => Ok(ParameterType::CommaDelimitedList),
        // DEVIATION: these are checked against, or read from, EC2, Route 53 and SSM, which are not here.
        _ if kind.starts_with("AWS::") || kind.starts_with("List<AWS::") => {
            Err(Error::format(format_args!("parameter type {kind} of parameter '{name}' is not supported")))
        }
        _ => Err(Error::format(format_args!("Unrecognized parameter type: {kind}"))),
    }
}

fn text(members: &Map, member: &str) -> Result<Option<String>> {
    match members.get(member) {
        None => Ok(None),
        Some(value) => match value.scalar_text() {
            Some(text) => Ok(Some(text)),
            None => Err(Error::format(format_args!("Every {member} member must be a string."))),
        },
    }
}

fn parse_allowed_values(members: &Map) -> Result<Option<Vec<String>>> {
    match members.get("AllowedValues") {
        None => Ok(None),
        Some(Value::List(values)) => values
            .iter()
            .map(|value| {
                value
                    .scalar_text()
                    .ok_or_else(|| Error::format("Every AllowedValues value must be a string."))
            })
            .collect::<Result<_>>()
            .map(Some),
        Some(_) => Err(Error::format("Every AllowedValues member must be a list.")),
    }
}

fn length(name: &str, members: &Map, member: &str) -> Result<Option<u64>> {
    match text(members, member)? {
        None => Ok(None),
        Some(digits) => digits.parse().map(Some).map_err(|_| {
            Error::format(format_args!("Parameter '{name}' {member} must be a non-negative integer."))
        }),
    }
}

fn number(name: &str, members: &Map, member: &str) -> Result<Option<String>> {
    match text(members, member)? {
        None => Ok(None),
        Some(digits) if digits.parse::<f64>().is_ok_and(f64::is_finite) => Ok(Some(digits)),
        Some(_) => Err(Error::format(format_args!("Parameter '{name}' {member} must be a number."))),
    }
}

fn compile_pattern(name: &str, pattern: &str) -> Result<fancy_regex::Regex> {
    fancy_regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .backtrack_limit(PATTERN_STEPS_MAX)
        .build()
        .map_err(|_| {
            Error::format(format_args!(
                "AllowedPattern of parameter '{name}' is not a valid regular expression: {pattern}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(declaration: &str, value: &str, expected: std::result::Result<(), &str>) {
        let parameter = Parameter::parse("P", &serde_json::from_str(declaration).unwrap()).unwrap();
        let result = parameter.check_value("P", value).map_err(|error| error.message().to_owned());
        assert_eq!(result, expected.map_err(str::to_owned), "{declaration} {value}");
    }

    #[test]
    fn values_are_held_to_their_constraints() {
        check(r#"{"Type":"String"}"#, "", Ok(()));
        check(r#"{"Type":"Number"}"#, "x", Err("Parameter 'P' must be a number."));
        check(r#"{"Type":"Number"}"#, "1.5", Ok(()));
        check(r#"{"Type":"List<Number>"}"#, "1, 2,3.5", Ok(()));
        check(r#"{"Type":"List<Number>"}"#, "1,b", Err("Parameter 'P' must be a list of numbers."));
        check(r#"{"Type":"String","AllowedValues":["a",true]}"#, "true", Ok(()));
        check(
            r#"{"Type":"String","AllowedValues":["a"]}"#,
            "b",
            Err("Parameter 'P' must be one of AllowedValues"),
        );
        check(r#"{"Type":"Number","AllowedValues":[1,2]}"#, "1.0", Ok(()));
        check(r#"{"Type":"CommaDelimitedList","AllowedValues":["a","b"]}"#, "a,b", Ok(()));
        check(
            r#"{"Type":"String","AllowedPattern":"[a-z]+"}"#,
            "ab1",
            Err("Parameter 'P' must match pattern [a-z]+"),
        );
        check(
            r#"{"Type":"String","AllowedPattern":"(?!aws)[a-z]+"}"#,
            "awsome",
            Err("Parameter 'P' must match pattern (?!aws)[a-z]+"),
        );
        check(
            r#"{"Type":"String","AllowedPattern":"a","ConstraintDescription":"be a."}"#,
            "b",
            Err("Parameter P failed to satisfy constraint: be a."),
        );
        check(
            r#"{"Type":"String","MinLength":2}"#,
            "é",
            Err("Parameter 'P' must contain at least 2 characters"),
        );
        check(
            r#"{"Type":"String","MaxLength":"2"}"#,
            "abc",
            Err("Parameter 'P' must contain at most 2 characters"),
        );
        check(
            r#"{"Type":"Number","MinValue":1}"#,
            "0",
            Err("Parameter 'P' must be a number not less than 1"),
        );
        check(
            r#"{"Type":"Number","MaxValue":3}"#,
            "10",
            Err("Parameter 'P' must be a number not greater than 3"),
        );
    }

    #[test]
    fn a_pattern_that_backtracks_without_end_does_not_match() {
        let parameter = Parameter::parse(
            "P",
            &serde_json::from_str(r#"{"Type":"String","AllowedPattern":"(?=(a+)+$)a*b"}"#).unwrap(),
        )
        .unwrap();
        assert!(parameter.check_value("P", &"a".repeat(4000)).is_err());
    }

    #[test]
    fn declarations_are_checked() {
        for (declaration, message) in [
            ("[]", "Template format error: Any Parameters member must be a JSON object."),
            ("{}", "Template format error: Every Parameters object must contain a Type member."),
            (r#"{"Type":"Strin"}"#, "Template format error: Unrecognized parameter type: Strin"),
            (
                r#"{"Type":"AWS::EC2::VPC::Id"}"#,
                "Template format error: parameter type AWS::EC2::VPC::Id of parameter 'P' is not supported",
            ),
            (r#"{"Type":"String","Defaultt":""}"#, "Invalid template parameter property 'Defaultt'"),
            (
                r#"{"Type":"String","AllowedValues":"a"}"#,
                "Template format error: Every AllowedValues member must be a list.",
            ),
            (
                r#"{"Type":"String","Default":["a"]}"#,
                "Template format error: Every Default member must be a string.",
            ),
            (
                r#"{"Type":"String","MinValue":1}"#,
                "Template error: Parameter 'P' MinValue must be on a parameter of type Number",
            ),
            (
                r#"{"Type":"String","Default":"a","MinLength":12}"#,
                "Parameter 'P' must contain at least 12 characters",
            ),
            (
                r#"{"Type":"String","AllowedPattern":"("}"#,
                "Template format error: AllowedPattern of parameter 'P' is not a valid regular expression: (",
            ),
        ] {
            let error = Parameter::parse("P", &serde_json::from_str(declaration).unwrap()).unwrap_err();
            assert_eq!(error.message(), message, "{declaration}");
        }
    }

    #[test]
    fn parameters_are_assigned_or_refused_together() {
        let declare = |json: &str| Parameter::parse("P", &serde_json::from_str(json).unwrap()).unwrap();
        let declarations = IndexMap::from([
            ("A".to_owned(), declare(r#"{"Type":"String"}"#)),
            ("B".to_owned(), declare(r#"{"Type":"CommaDelimitedList","Default":"x, y"}"#)),
            ("C".to_owned(), declare(r#"{"Type":"String","NoEcho":true}"#)),
        ]);
        let given = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let message =
            |pairs: &[(&str, &str)]| assign(&declarations, &given(pairs)).unwrap_err().message().to_owned();
        assert_eq!(message(&[]), "Parameters: [A, C] must have values");
        assert_eq!(message(&[("Z", "")]), "Parameters: [Z] do not exist in the template");
        let values = assign(&declarations, &given(&[("A", "a"), ("C", "secret")])).unwrap();
        assert_eq!(values["B"].value(), Value::List(vec!["x".into(), "y".into()]));
        assert_eq!((values["A"].shown(), values["C"].shown()), ("a", "****"));
    }
}
