//! A value of a template with its functions recognised and their shapes checked.

use super::error::{Error, Result};
use super::value::{Map, Value};
use indexmap::IndexMap;

/// A value that may hold intrinsic functions. Functions are recognised once, when a template is read,
/// so that a wrong argument is found by validation and not halfway through a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A scalar as it stands.
    Literal(Value),
    /// A list of expressions.
    List(Vec<Expression>),
    /// A map of expressions.
    Map(IndexMap<String, Expression>),
    /// `Ref`: a parameter, a pseudo parameter or a resource.
    Ref(String),
    /// `Fn::GetAtt`: an attribute of a resource; the attribute's name may be computed.
    GetAtt(String, Box<Expression>),
    /// `Fn::Sub`: text with variables, and the values of those defined on the spot.
    Sub(Vec<SubPart>, IndexMap<String, Expression>),
    /// `Fn::Join`: a delimiter and a list.
    Join(String, Box<Expression>),
    /// `Fn::Select`: an index and a list.
    Select(Box<Expression>, Box<Expression>),
    /// `Fn::Split`: a delimiter and text.
    Split(String, Box<Expression>),
    /// `Fn::If`: a condition and the values for true and false.
    If(String, Box<Expression>, Box<Expression>),
    /// `Fn::FindInMap`: mapping, first and second key.
    FindInMap(Box<[Expression; 3]>),
    /// `Fn::Base64`.
    Base64(Box<Expression>),
    /// `Fn::Cidr`: block, count, and host bits.
    Cidr(Box<[Expression; 3]>),
    /// `Fn::GetAZs`: a region.
    GetAzs(Box<Expression>),
    /// `Fn::ImportValue`: the name of an export.
    ImportValue(Box<Expression>),
}

/// A piece of `Fn::Sub`'s text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubPart {
    /// Text as it stands.
    Text(String),
    /// `${Name}`.
    Variable(String),
    /// `${Resource.Attribute}`.
    Attribute(String, String),
}

/// The expression of a condition: a value of the `Conditions` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `Fn::Equals`.
    Equals(Box<[Expression; 2]>),
    /// `Fn::And` of 2 to 10 conditions.
    And(Vec<Condition>),
    /// `Fn::Or` of 2 to 10 conditions.
    Or(Vec<Condition>),
    /// `Fn::Not`.
    Not(Box<Condition>),
    /// `Condition`: another condition by name.
    Named(String),
}

const JOIN: &str = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to \
                    be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
const SPLIT: &str = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be \
                     split or a function that returns a string to be split.";
const SUB: &str = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first \
                   argument, and an optional second argument to specify a mapping of values to replace in the string";
const FIND_IN_MAP: &str = "every Fn::FindInMap object requires three parameters, the map name, map key and the \
                           attribute for return value";
const GET_ATT: &str =
    "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute";
const SELECT: &str = "Fn::Select requires a list argument with two elements: an integer index and a list";
const CIDR: &str = "every Fn::Cidr object requires two or three parameters: an IP block, a count, and a number of host bits.";

/// The error for `Fn::Join` that is given, or comes to, something other than a delimiter and text.
pub(super) fn join_error() -> Error {
    Error::function(JOIN)
}

/// The error for `Fn::Split` of something other than text.
pub(super) fn split_error() -> Error {
    Error::function(SPLIT)
}

/// The error for `Fn::FindInMap` with a key that is not text.
pub(super) fn find_in_map_error() -> Error {
    Error::function(FIND_IN_MAP)
}

/// The error for `Fn::Select` from something other than a list.
pub(super) fn select_error() -> Error {
    Error::function(SELECT)
}

/// The error for `Fn::GetAtt` with an attribute's name that is not text.
pub(super) fn get_att_error() -> Error {
    Error::function(GET_ATT)
}

/// Refuses an index that is written out and is none, or none of a list that is written out (recordings `test_invalid_select_index_type`).
fn check_written_index(index: &Value, list: &Value) -> Result<()> {
    let Some(index) = index.scalar_text() else { return Ok(()) };
    let index: usize = index.trim().parse().map_err(|_| select_error())?;
    match list {
        Value::List(items)
            if items.iter().all(|item| item.scalar_text().is_some()) && index >= items.len() =>
        {
            Err(select_error())
        }
        _ => Ok(()),
    }
}

impl Expression {
    /// Recognises the functions in a value. `path` is where the value stands, for messages about nulls.
    ///
    /// # Errors
    /// A function with arguments that it cannot have, one that is not supported, and null.
    pub fn parse(value: &Value, path: &str) -> Result<Self> {
        match value {
            Value::Null => Err(null_error(path)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Self::Literal(value.clone())),
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self::parse(item, &format!("{path}/{index}")))
                .collect::<Result<_>>()
                .map(Self::List),
            Value::Map(map) => Self::parse_map(map, path),
        }
    }

    fn parse_map(map: &Map, path: &str) -> Result<Self> {
        if map.len() == 1
            && let Some((name, argument)) = map.first()
            && (name == "Ref" || name.starts_with("Fn::"))
        {
            return Self::parse_function(name, argument, &format!("{path}/{name}"));
        }
        if let Some(name) = map.keys().find(|name| name.starts_with("Fn::")) {
            return Err(match name.as_str() {
                "Fn::Transform" => transform_error(map.get(name).unwrap_or(&Value::Null)),
                _ => Error::format(format_args!("[{path}] {name} must be the only member of its object.")),
            });
        }
        map.iter()
            .map(|(key, value)| Ok((key.clone(), Self::parse(value, &format!("{path}/{key}"))?)))
            .collect::<Result<_>>()
            .map(Self::Map)
    }

    fn parse_function(name: &str, argument: &Value, path: &str) -> Result<Self> {
        let one = || Self::parse(argument, path).map(Box::new);
        match name {
            "Ref" => match argument {
                Value::String(target) => Ok(Self::Ref(target.clone())),
                _ => Err(Error::function("every Ref object must have a single String value.")),
            },
            "Fn::GetAtt" => parse_get_att(argument, path),
            "Fn::Sub" => parse_sub(argument, path),
            "Fn::Join" => {
                let [delimiter, list] = arguments(argument).ok_or_else(join_error)?;
                let delimiter = delimiter.as_str().ok_or_else(join_error)?;
                if matches!(list, Value::String(_) | Value::Bool(_) | Value::Number(_)) {
                    return Err(join_error());
                }
                Ok(Self::Join(delimiter.to_owned(), Box::new(Self::parse(list, path)?)))
            }
            "Fn::Select" => {
                let [index, list] = arguments(argument).ok_or_else(select_error)?;
                if matches!(list, Value::String(_) | Value::Bool(_) | Value::Number(_)) {
                    return Err(select_error());
                }
                check_written_index(index, list)?;
                Ok(Self::Select(Box::new(Self::parse(index, path)?), Box::new(Self::parse(list, path)?)))
            }
            "Fn::Split" => {
                let [delimiter, text] = arguments(argument).ok_or_else(split_error)?;
                let delimiter = delimiter.as_str().ok_or_else(split_error)?;
                if delimiter.is_empty() || matches!(text, Value::List(_)) {
                    return Err(split_error());
                }
                Ok(Self::Split(delimiter.to_owned(), Box::new(Self::parse(text, path)?)))
            }
            "Fn::If" => parse_if(argument, path),
            "Fn::FindInMap" => {
                let [map, first, second] = arguments(argument).ok_or_else(find_in_map_error)?;
                let keys = [Self::parse(map, path)?, Self::parse(first, path)?, Self::parse(second, path)?];
                Ok(Self::FindInMap(Box::new(keys)))
            }
            "Fn::Cidr" => parse_cidr(argument, path),
            "Fn::Base64" => match argument {
                Value::List(_) | Value::Null => {
                    Err(Error::function("every Fn::Base64 object must have a String-typed value."))
                }
                _ => Ok(Self::Base64(one()?)),
            },
            "Fn::GetAZs" => match argument {
                Value::List(_) | Value::Null => {
                    Err(Error::function("every Fn::GetAZs object must have a String-typed value."))
                }
                _ => Ok(Self::GetAzs(one()?)),
            },
            "Fn::ImportValue" => match argument {
                Value::List(_) | Value::Null => Err(Error::function(
                    "the attribute in Fn::ImportValue must be a string or a function that returns a string",
                )),
                _ => Ok(Self::ImportValue(one()?)),
            },
            "Fn::Transform" => Err(transform_error(argument)),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                Err(Error::function(format_args!("{name} cannot be partially collapsed")))
            }
            _ => Err(Error::function(format_args!("intrinsic function {name} is not supported"))),
        }
    }

    /// Calls `visit` with every expression in this one, itself first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Ref(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Self::Map(map) | Self::Sub(_, map) => map.values().for_each(|item| item.walk(visit)),
            Self::GetAtt(_, inner)
            | Self::Join(_, inner)
            | Self::Split(_, inner)
            | Self::Base64(inner)
            | Self::GetAzs(inner)
            | Self::ImportValue(inner) => inner.walk(visit),
            Self::Select(first, second) | Self::If(_, first, second) => {
                first.walk(visit);
                second.walk(visit);
            }
            Self::FindInMap(keys) | Self::Cidr(keys) => keys.iter().for_each(|key| key.walk(visit)),
        }
    }
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Anything but the condition functions with their numbers of arguments.
    pub fn parse(value: &Value, path: &str) -> Result<Self> {
        let function = value.as_map().filter(|map| map.len() == 1).and_then(Map::first);
        let Some((name, argument)) = function else {
            return Err(Error::format(format_args!(
                "[{path}] Conditions can only be boolean operations on parameters and other conditions"
            )));
        };
        let path = format!("{path}/{name}");
        let many = |function: &str| -> Result<Vec<Condition>> {
            let error = || {
                Error::function(format_args!(
                    "every {function} object requires a list of at least 2 and at most 10 boolean parameters."
                ))
            };
            let items =
                argument.as_list().filter(|items| (2..=10).contains(&items.len())).ok_or_else(error)?;
            items
                .iter()
                .map(|item| if item.as_map().is_some() { Self::parse(item, &path) } else { Err(error()) })
                .collect()
        };
        match name.as_str() {
            "Fn::And" => many("Fn::And").map(Self::And),
            "Fn::Or" => many("Fn::Or").map(Self::Or),
            "Fn::Not" => match argument.as_list() {
                Some([inner]) if inner.as_map().is_some() => {
                    Ok(Self::Not(Box::new(Self::parse(inner, &path)?)))
                }
                Some([_]) => Err(Error::function("Fn::Not requires a list argument with one function token")),
                _ => Err(Error::function("Fn::Not requires a list argument with one element")),
            },
            "Fn::Equals" => {
                let error =
                    || Error::function("every Fn::Equals object requires a list of 2 string parameters.");
                let [left, right] = arguments(argument).ok_or_else(error)?;
                if left.as_list().is_some() || right.as_list().is_some() {
                    return Err(error());
                }
                Ok(Self::Equals(Box::new([
                    Expression::parse(left, &path)?,
                    Expression::parse(right, &path)?,
                ])))
            }
            "Condition" => match argument {
                Value::String(name) => Ok(Self::Named(name.clone())),
                _ => Err(Error::format("Every Condition member must be a string.")),
            },
            _ => Err(Error::format(format_args!(
                "[{path}] Conditions can only be boolean operations on parameters and other conditions"
            ))),
        }
    }

    /// Calls `visit` with every condition in this one, itself first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Condition)) {
        visit(self);
        match self {
            Self::Equals(_) | Self::Named(_) => {}
            Self::And(items) | Self::Or(items) => items.iter().for_each(|item| item.walk(visit)),
            Self::Not(inner) => inner.walk(visit),
        }
    }
}

/// The refusal of a null, as the recording `test_invalid_output_structure` words it.
pub(super) fn null_error(path: &str) -> Error {
    Error::new(format!("[{path}] 'null' values are not allowed in templates"))
}

fn transform_error(argument: &Value) -> Error {
    match argument.get("Name").map(Value::as_str) {
        Some(Some(name)) => Error::new(format!("Transform {name} is not supported.")),
        _ => Error::new("Key Name of transform definition must be a string."),
    }
}

fn arguments<const N: usize>(value: &Value) -> Option<&[Value; N]> {
    value.as_list()?.try_into().ok()
}

fn parse_get_att(argument: &Value, path: &str) -> Result<Expression> {
    let get_att = |resource: &str, attribute: Expression| {
        if resource.is_empty() || attribute == Expression::Literal("".into()) {
            return Err(get_att_error());
        }
        Ok(Expression::GetAtt(resource.to_owned(), Box::new(attribute)))
    };
    match argument {
        Value::String(text) => {
            let (resource, attribute) = text.split_once('.').ok_or_else(get_att_error)?;
            get_att(resource, Expression::Literal(attribute.into()))
        }
        Value::List(items) => match items.as_slice() {
            [Value::String(resource), attribute @ (Value::String(_) | Value::Map(_))] => {
                get_att(resource, Expression::parse(attribute, path)?)
            }
            _ => Err(get_att_error()),
        },
        _ => Err(get_att_error()),
    }
}

fn parse_if(argument: &Value, path: &str) -> Result<Expression> {
    let items = argument.as_list().unwrap_or_default();
    let Some(Value::String(condition)) = items.first() else {
        return Err(Error::function(
            "Fn::If requires a list argument with the first element being a condition",
        ));
    };
    let [_, yes, no] = items else {
        return Err(Error::function("Fn::If requires a list argument with three elements"));
    };
    let yes = Expression::parse(yes, &format!("{path}/1"))?;
    let no = Expression::parse(no, &format!("{path}/2"))?;
    Ok(Expression::If(condition.clone(), Box::new(yes), Box::new(no)))
}

fn parse_cidr(argument: &Value, path: &str) -> Result<Expression> {
    let error = || Error::function(CIDR);
    let items = argument.as_list().ok_or_else(error)?;
    // Eight host bits are what CloudFormation uses when a template leaves them out.
    let default_bits = Value::Number("8".to_owned());
    let (block, count, bits) = match items {
        [block, count] => (block, count, &default_bits),
        [block, count, bits] => (block, count, bits),
        _ => return Err(error()),
    };
    let parts =
        [Expression::parse(block, path)?, Expression::parse(count, path)?, Expression::parse(bits, path)?];
    Ok(Expression::Cidr(Box::new(parts)))
}

fn parse_sub(argument: &Value, path: &str) -> Result<Expression> {
    let error = || Error::function(SUB);
    let (text, variables) = match argument {
        Value::String(text) => (text, None),
        Value::List(items) => match items.as_slice() {
            [Value::String(text)] => (text, None),
            [Value::String(text), Value::Map(variables)] => (text, Some(variables)),
            _ => return Err(error()),
        },
        _ => return Err(error()),
    };
    let variables: IndexMap<String, Expression> = variables
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            if matches!(value, Value::List(_)) {
                return Err(sub_context_error());
            }
            Ok((name.clone(), Expression::parse(value, &format!("{path}/1/{name}"))?))
        })
        .collect::<Result<_>>()?;
    let parts = split_sub(text, |name| variables.contains_key(name))?;
    Ok(Expression::Sub(parts, variables))
}

/// The error for a variable given to `Fn::Sub` with a value that is not text.
pub(super) fn sub_context_error() -> Error {
    Error::function(
        "every value of the context object of every Fn::Sub object must be a string or a function that returns a string",
    )
}

/// Splits `Fn::Sub`'s text at its variables. `${!Literal}` stands for `${Literal}`; a dollar sign or a
/// brace that opens no variable stands for itself.
fn split_sub(text: &str, is_variable: impl Fn(&str) -> bool) -> Result<Vec<SubPart>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        plain.push_str(before);
        let Some(end) = from.find('}') else {
            rest = from;
            break;
        };
        let (name, after) = (&from[2..end], &from[end + 1..]);
        rest = after;
        if let Some(literal) = name.strip_prefix('!') {
            plain.push_str("${");
            plain.push_str(literal);
            plain.push('}');
            continue;
        }
        let name = name.trim();
        let valid =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | ':');
        if name.is_empty() || !name.chars().all(valid) {
            return Err(Error::function(
                "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, \
                 and colons",
            ));
        }
        if !plain.is_empty() {
            parts.push(SubPart::Text(std::mem::take(&mut plain)));
        }
        parts.push(match name.split_once('.') {
            Some((resource, attribute)) if !is_variable(name) => {
                SubPart::Attribute(resource.to_owned(), attribute.to_owned())
            }
            _ => SubPart::Variable(name.to_owned()),
        });
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(SubPart::Text(plain));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Expression> {
        Expression::parse(&serde_json::from_str(json).unwrap(), "/x")
    }

    #[test]
    fn wrong_arguments_get_the_words_of_cloudformation() {
        for (json, message) in [
            (r#"{"Ref":["a"]}"#, "Template error: every Ref object must have a single String value."),
            (
                r#"{"Fn::GetAtt":["a"]}"#,
                "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
            ),
            (
                r#"{"Fn::GetAtt":"a"}"#,
                "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
            ),
            (
                r#"{"Fn::Select":[0,"a"]}"#,
                "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
            ),
            (
                r#"{"Fn::Split":["a"]}"#,
                "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
            ),
            (
                r#"{"Fn::Join":["",[1],2]}"#,
                "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
            ),
            (
                r#"{"Fn::If":[{"Ref":"A"},1,2]}"#,
                "Template error: Fn::If requires a list argument with the first element being a condition",
            ),
            (r#"{"Fn::If":["A",1]}"#, "Template error: Fn::If requires a list argument with three elements"),
            (
                r#"{"Fn::Sub":["a","b"]}"#,
                "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
            ),
            (
                r#"{"Fn::Sub":"${a b}"}"#,
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
            ),
            (
                r#"{"Fn::FindInMap":["a","b"]}"#,
                "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
            ),
            (r#"{"Fn::Transform":{"Name":"AWS::Include"}}"#, "Transform AWS::Include is not supported."),
            (
                r#"{"Fn::Transform":{"Name":{"Ref":"A"}}}"#,
                "Key Name of transform definition must be a string.",
            ),
            (r#"{"Fn::Bogus":1}"#, "Template error: intrinsic function Fn::Bogus is not supported"),
            (r#"{"a":null}"#, "[/x/a] 'null' values are not allowed in templates"),
        ] {
            assert_eq!(parse(json).unwrap_err().message(), message, "{json}");
        }
    }

    #[test]
    fn sub_text_splits_at_its_variables() {
        let parts = split_sub("a${B}-${C.D.E}${!F}$${G} $ {", |_| false).unwrap();
        assert_eq!(
            parts,
            [
                SubPart::Text("a".into()),
                SubPart::Variable("B".into()),
                SubPart::Text("-".into()),
                SubPart::Attribute("C".into(), "D.E".into()),
                SubPart::Text("${F}$".into()),
                SubPart::Variable("G".into()),
                SubPart::Text(" $ {".into()),
            ]
        );
        assert_eq!(split_sub("x ${unclosed", |_| false).unwrap(), [SubPart::Text("x ${unclosed".into())]);
    }

    #[test]
    fn a_map_that_only_looks_like_a_function_stays_one() {
        assert!(matches!(parse(r#"{"Ref":"A","Other":1}"#).unwrap(), Expression::Map(_)));
        assert!(matches!(parse(r#"{"Condition":{"ArnEquals":{"a":"b"}}}"#).unwrap(), Expression::Map(_)));
    }
}
