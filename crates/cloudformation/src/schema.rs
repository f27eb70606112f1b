//! What properties a resource type has: their types, which must be given, and which cannot change
//! without a new resource.
//!
//! The tables under `schemas/` are AWS's public resource provider schemas, stripped to names and types.
//! Properties that AWS knows and no supported operation can honour are kept by name, to be refused.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::template::{Map, Value};

/// A resource type's table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceSchema {
    /// `AWS::SQS::Queue`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What `Fn::GetAtt` can ask for; nested ones with dots.
    pub attributes: Vec<String>,
    /// Properties whose change needs a new resource.
    #[serde(rename = "createOnly")]
    pub create_only: Vec<String>,
    /// Whether CloudFormation tags the thing with the stack and the logical name that it belongs to.
    #[serde(default, rename = "systemTags")]
    pub system_tags: bool,
    required: Vec<String>,
    properties: BTreeMap<String, Shape>,
    /// Properties that AWS has and Pontoon does not; naming one fails the resource.
    #[serde(default)]
    refused: Vec<String>,
    /// Whether `Fn::GetAtt` gives every property too, as AWS does for some types (`_all_property_types` of cfn-lint; recordings
    /// `test_change_set_fn_get_attr`).
    #[serde(default, rename = "gettableProperties")]
    gettable_properties: bool,
}

/// The type of a property.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type", deny_unknown_fields)]
enum Shape {
    String {
        #[serde(default, rename = "enum")]
        values: Vec<String>,
    },
    Integer {},
    Number {},
    Boolean {},
    /// An object of any members, or text; policies and patterns.
    Json {},
    Array {
        items: Box<Shape>,
    },
    Map {
        items: Box<Shape>,
    },
    Object {
        properties: BTreeMap<String, Shape>,
        #[serde(default)]
        required: Vec<String>,
    },
}

impl ResourceSchema {
    /// Checks properties and converts their scalars to the types that they must have, as CloudFormation
    /// does (recording `test_implicit_type_conversion`).
    ///
    /// # Errors
    /// The reason with which the resource fails, worded as in the recording `test_invalid_stack_deploy`.
    pub fn conform(&self, properties: &Map) -> Result<Map, String> {
        let mut problems = Vec::new();
        let conformed = conform_members(&self.properties, &self.required, properties, "/", &mut problems);
        if problems.is_empty() {
            Ok(conformed)
        } else {
            Err(format!("Property validation failure: [{}]", problems.join(", ")))
        }
    }

    /// The properties that AWS's type has and this one refuses.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Whether `Fn::GetAtt` gives this.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|known| known == name) || self.gives_property(name)
    }

    /// Whether `Fn::GetAtt` gives this property as it was written.
    pub fn gives_property(&self, name: &str) -> bool {
        self.gettable_properties && self.has_property(name)
    }

    /// Whether the type has a property of this name.
    pub fn has_property(&self, name: &str) -> bool {
        self.properties.contains_key(name)
    }
}

fn conform_members(
    shapes: &BTreeMap<String, Shape>,
    required: &[String],
    given: &Map,
    path: &str,
    problems: &mut Vec<String>,
) -> Map {
    let unknown: Vec<&str> =
        given.keys().map(String::as_str).filter(|name| !shapes.contains_key(*name)).collect();
    if !unknown.is_empty() {
        problems.push(format!("Encountered unsupported properties in {{{path}}}: [{}]", unknown.join(", ")));
    }
    let under = |name: &str| if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
    for name in required.iter().filter(|name| !given.contains_key(*name)) {
        problems.push(format!("The property {{{}}} is required", under(name)));
    }
    let mut conformed = Map::new();
    for (name, value) in given {
        if let Some(shape) = shapes.get(name) {
            conformed.insert(name.clone(), shape.conform(value, &under(name), problems));
        }
    }
    conformed
}

impl Shape {
    fn conform(&self, value: &Value, path: &str, problems: &mut Vec<String>) -> Value {
        let converted = match (self, value) {
            (Self::Array { items }, Value::List(values)) => Some(Value::List(
                values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| items.conform(value, &format!("{path}/{index}"), problems))
                    .collect(),
            )),
            (Self::Map { items }, Value::Map(map)) => Some(Value::Map(
                map.iter()
                    .map(|(key, value)| {
                        (key.clone(), items.conform(value, &format!("{path}/{key}"), problems))
                    })
                    .collect(),
            )),
            (Self::Object { properties, required }, Value::Map(map)) => {
                Some(Value::Map(conform_members(properties, required, map, path, problems)))
            }
            (Self::Json {}, Value::Map(_) | Value::String(_)) => Some(value.clone()),
            (Self::String { values }, _) => {
                let text = value.scalar_text();
                if let Some(text) = text.as_ref().filter(|text| !values.is_empty() && !values.contains(text))
                {
                    problems.push(format!("{text} is not a valid enum value for {{{path}}}"));
                }
                text.map(Value::String)
            }
            (Self::Boolean {}, _) => {
                value.scalar_text().and_then(|text| text.to_ascii_lowercase().parse().ok()).map(Value::Bool)
            }
            (Self::Integer {}, _) => {
                let text = value.scalar_text();
                text.and_then(|text| text.trim().parse::<i64>().ok())
                    .map(|number| Value::Number(number.to_string()))
            }
            (Self::Number {}, _) => {
                let text = value.scalar_text();
                text.filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite)).map(Value::Number)
            }
            _ => None,
        };
        converted.unwrap_or_else(|| {
            problems.push(format!("Value of property {{{path}}} does not match type {{{}}}", self.name()));
            Value::Null
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::String { .. } => "String",
            Self::Integer {} => "Integer",
            Self::Number {} => "Number",
            Self::Boolean {} => "Boolean",
            Self::Json {} | Self::Map { .. } | Self::Object { .. } => "Object",
            Self::Array { .. } => "Array",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> ResourceSchema {
        serde_json::from_str(
            r#"{"type":"T","attributes":[],"createOnly":[],"required":["Name"],"refused":["Later"],"properties":{
                "Name":{"type":"string"},"Mode":{"type":"string","enum":["A","B"]},"Count":{"type":"integer"},
                "Ratio":{"type":"number"},"On":{"type":"boolean"},"Policy":{"type":"json"},
                "Tags":{"type":"array","items":{"type":"object","properties":{"Key":{"type":"string"}},"required":["Key"]}},
                "Variables":{"type":"map","items":{"type":"string"}}}}"#,
        )
        .unwrap()
    }

    fn check(given: &str, expected: Result<&str, &str>) {
        let Value::Map(given) = serde_json::from_str(given).unwrap() else { panic!("a map is given") };
        let conformed = schema().conform(&given).map(|map| Value::Map(map).to_json());
        assert_eq!(conformed, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn scalars_are_converted_to_the_types_that_they_must_have() {
        check(
            r#"{"Name":5,"Count":"30","Ratio":"0.50","On":"true","Policy":{"a":1},"Tags":[{"Key":true}],"Variables":{"A":1}}"#,
            Ok(
                r#"{"Name":"5","Count":30,"Ratio":0.50,"On":true,"Policy":{"a":1},"Tags":[{"Key":"true"}],"Variables":{"A":"1"}}"#,
            ),
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        check("{}", Err("Property validation failure: [The property {/Name} is required]"));
        check(
            r#"{"Name":"a","Nam":1,"Later":1}"#,
            Err("Property validation failure: [Encountered unsupported properties in {/}: [Nam, Later]]"),
        );
        check(
            r#"{"Name":["a"],"Count":"x","Tags":[{"K":1}]}"#,
            Err(
                "Property validation failure: [Value of property {/Name} does not match type {String}, Value of property \
                 {/Count} does not match type {Integer}, Encountered unsupported properties in {/Tags/0}: [K], The property \
                 {/Tags/0/Key} is required]",
            ),
        );
        check(
            r#"{"Name":"a","Mode":"C"}"#,
            Err("Property validation failure: [C is not a valid enum value for {/Mode}]"),
        );
    }
}
