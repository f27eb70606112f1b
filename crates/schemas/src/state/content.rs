//! Contents: what may be put, and how it is read.

use std::fmt;

use jsonschema::Draft;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::effort::Effort;
use super::render::EVENT;

/// The longest content, characters (the model's limit, which also holds what is discovered).
pub const CONTENT_CHARS_MAX: usize = 100_000;

/// In which language a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// OpenAPI 3.0 in JSON.
    OpenApi3,
    /// JSON Schema, draft-04 unless it says draft-07.
    JsonSchema,
}

impl Kind {
    /// As the API names it; the model has held requests to the two.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name == "OpenApi3" { Self::OpenApi3 } else { Self::JsonSchema }
    }

    /// The API's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenApi3 => "OpenApi3",
            Self::JsonSchema => "JSONSchemaDraft4",
        }
    }
}

/// One rule that an event breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the event: a JSON pointer, empty for the whole.
    pub path: String,
    /// The rule in the schema: a JSON pointer.
    pub rule: String,
    /// In words.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{path}: {} ({})", self.message, self.rule)
    }
}

/// A content, compiled for events.
pub struct Validator {
    schema: jsonschema::Validator,
    effort: Effort,
}

impl Validator {
    /// The first rule that an event breaks, if it breaks one.
    ///
    /// # Errors
    /// If the schema would keep the validator busy for too long with this event.
    pub fn violation(&self, event: &Value) -> Result<Option<Violation>, Intricate> {
        if !self.effort.is_bounded_for(event) {
            return Err(Intricate);
        }
        Ok(self.schema.iter_errors(event).next().map(|error| Violation {
            path: error.instance_path().to_string(),
            rule: error.schema_path().to_string(),
            message: error.to_string(),
        }))
    }
}

/// A schema is too intricate for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intricate;

impl fmt::Display for Intricate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the schema is too intricate to hold this event to it")
    }
}

/// Checks a content that is to be put.
///
/// # Errors
/// What is wrong with it.
pub fn check(kind: Kind, text: &str) -> Result<(), String> {
    let content: Value =
        serde_json::from_str(text).map_err(|error| format!("The content is no JSON: {error}."))?;
    let schema = match kind {
        Kind::JsonSchema if content.is_object() => content,
        Kind::JsonSchema => return Err("A JSON Schema must be an object.".to_owned()),
        Kind::OpenApi3 => {
            check_document(&content)?;
            let mut schema = definitions(&content);
            // So that every component is looked at, and every reference followed.
            let all: Vec<Value> = names(&content).map(|name| json!({ "$ref": reference(name) })).collect();
            if !all.is_empty() {
                schema.insert("anyOf".to_owned(), all.into());
            }
            schema.into()
        }
    };
    compile(&schema).map(|_| ())
}

/// What OpenAPI 3.0 requires of a document.
fn check_document(content: &Value) -> Result<(), String> {
    let text = |pointer: &str| content.pointer(pointer).and_then(Value::as_str);
    let version = text("/openapi").ok_or("The content lacks openapi, the version of OpenAPI.")?;
    if !version.starts_with("3.0") {
        return Err(format!("OpenAPI {version} is not supported, 3.0 is."));
    }
    for (pointer, name) in [("/info/title", "info.title"), ("/info/version", "info.version")] {
        text(pointer).ok_or_else(|| format!("The content lacks {name}, or it is no text."))?;
    }
    if !content.get("paths").is_some_and(Value::is_object) {
        return Err("The content lacks paths, or it is no object.".to_owned());
    }
    for pointer in ["/components", "/components/schemas"] {
        if content.pointer(pointer).is_some_and(|value| !value.is_object()) {
            return Err(format!("{} is no object.", &pointer[1..].replace('/', ".")));
        }
    }
    Ok(())
}

fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    let draft = match schema.get("$schema").map(|dialect| dialect.as_str().unwrap_or_default()) {
        None => Draft::Draft4,
        Some(dialect) => {
            match dialect.trim_end_matches('#').rsplit_once("json-schema.org/").map(|(_, name)| name) {
                Some("draft-04/schema" | "schema") => Draft::Draft4,
                Some("draft-07/schema") => Draft::Draft7,
                _ => {
                    return Err(format!(
                        "The JSON Schema {dialect} is not supported, draft-04 and draft-07 are."
                    ));
                }
            }
        }
    };
    let options = jsonschema::options().with_draft(draft).should_validate_formats(true);
    let options = options.should_ignore_unknown_formats(true);
    options.build(schema).map_err(|error| format!("The content is no schema: {error}."))
}

/// The content as one JSON Schema of draft-04 of whole events: itself, or of OpenAPI the component `AWSEvent`, else the one that the title names, else the
/// only one. `None` if there is no such component.
#[must_use]
pub fn json_schema(kind: Kind, content: &Value) -> Option<Value> {
    if kind == Kind::JsonSchema {
        return Some(content.clone());
    }
    let title = content.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
    let mut named = names(content);
    let only = named.next().filter(|_| named.next().is_none());
    let root = names(content)
        .find(|name| *name == EVENT)
        .or_else(|| names(content).find(|name| *name == title))
        .or(only)?;
    let mut schema = definitions(content);
    schema.insert("title".to_owned(), title.into());
    schema.insert("allOf".to_owned(), json!([{ "$ref": reference(root) }]));
    Some(schema.into())
}

/// The content compiled for whole events; `None` if it describes none.
#[must_use]
pub fn validator(kind: Kind, text: &str) -> Option<Validator> {
    let content = serde_json::from_str(text).ok()?;
    let schema = json_schema(kind, &content)?;
    Some(Validator { schema: compile(&schema).ok()?, effort: Effort::of(&schema) })
}

fn names(content: &Value) -> impl Iterator<Item = &str> {
    let schemas = content.pointer("/components/schemas").and_then(Value::as_object);
    schemas.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// Where a component stands once it is a definition.
fn reference(name: &str) -> String {
    format!("#/definitions/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The components of an OpenAPI document as definitions of JSON Schema.
fn definitions(content: &Value) -> Map<String, Value> {
    let mut schemas = content.pointer("/components/schemas").cloned().unwrap_or_else(|| json!({}));
    as_draft_04(&mut schemas);
    Map::from_iter([
        ("$schema".to_owned(), "http://json-schema.org/draft-04/schema#".into()),
        ("definitions".to_owned(), schemas),
    ])
}

/// OpenAPI's words in those of draft-04: references, and `nullable`. As deep as the content, which the reader of JSON bounds.
fn as_draft_04(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(as_draft_04),
        Value::Object(object) => {
            object.values_mut().for_each(as_draft_04);
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/components/schemas/")
            {
                *target = format!("#/definitions/{name}");
            }
            if object.get("nullable") == Some(&Value::Bool(true)) {
                nullable(object);
            }
        }
        _ => {}
    }
}

/// A schema that lets null through as well.
fn nullable(object: &mut Map<String, Value>) {
    object.remove("nullable");
    if let Some(Value::Array(values)) = object.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    if let Some(Value::String(kind)) = object.get("type") {
        let kinds = json!([kind, "null"]);
        object.insert("type".to_owned(), kinds);
        return;
    }
    let schema = std::mem::take(object);
    object.insert("anyOf".to_owned(), json!([{ "type": "null" }, schema]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_api(schemas: Value) -> Value {
        json!({ "openapi": "3.0.0", "info": { "version": "1.0.0", "title": "Order" }, "paths": {}, "components": { "schemas": schemas } })
    }

    #[test]
    fn contents_are_checked() {
        let lacking = |member: &str| {
            let mut content = open_api(json!({}));
            content.as_object_mut().map(|content| content.remove(member));
            content.to_string()
        };
        let open = |schemas: Value| open_api(schemas).to_string();
        for (kind, content, expected) in [
            (Kind::OpenApi3, open(json!({ "Order": { "type": "object", "nullable": true, "properties": { "id": { "$ref": "#/components/schemas/Id" } } }, "Id": { "type": "string" } })), None),
            (Kind::OpenApi3, open(json!({})), None),
            (Kind::OpenApi3, "{".to_owned(), Some("The content is no JSON")),
            (Kind::OpenApi3, "[]".to_owned(), Some("The content lacks openapi")),
            (Kind::OpenApi3, lacking("paths"), Some("The content lacks paths")),
            (Kind::OpenApi3, lacking("info"), Some("The content lacks info.title")),
            (Kind::OpenApi3, r#"{"openapi":"3.1.0"}"#.to_owned(), Some("OpenAPI 3.1.0 is not supported, 3.0 is.")),
            (Kind::OpenApi3, open(json!([])), Some("components.schemas is no object.")),
            (Kind::OpenApi3, open(json!({ "A": { "type": "order" } })), Some("The content is no schema: ")),
            (Kind::OpenApi3, open(json!({ "A": { "$ref": "#/components/schemas/B" } })), Some("The content is no schema: ")),
            (Kind::JsonSchema, r#"{"type":"object"}"#.to_owned(), None),
            (Kind::JsonSchema, r#"{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}"#.to_owned(), None),
            (Kind::JsonSchema, r#"{"$schema":"http://json-schema.org/draft-07/schema#","exclusiveMinimum":1}"#.to_owned(), None),
            (Kind::JsonSchema, r#"{"exclusiveMinimum":1}"#.to_owned(), Some("The content is no schema: ")),
            (Kind::JsonSchema, r#"{"$schema":"https://json-schema.org/draft/2020-12/schema"}"#.to_owned(), Some("The JSON Schema https://json-schema.org/draft/2020-12/schema is not supported")),
            (Kind::JsonSchema, r#"{"$ref":"https://example.com/order.json"}"#.to_owned(), Some("The content is no schema: ")),
            (Kind::JsonSchema, "true".to_owned(), Some("A JSON Schema must be an object.")),
            (Kind::JsonSchema, format!("{}1{}", "[".repeat(500), "]".repeat(500)), Some("The content is no JSON: recursion limit")),
        ] {
            match (check(kind, &content), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.starts_with(expected), "{error}"),
                (outcome, _) => panic!("{content}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn events_are_held_to_the_component_that_describes_them() {
        let content = open_api(json!({
            "AWSEvent": { "type": "object", "required": ["detail"], "properties": { "detail": { "$ref": "#/components/schemas/Order" } } },
            "Order": { "type": "object", "required": ["amount"], "properties": { "amount": { "type": "number", "minimum": 0, "nullable": true } } },
        }));
        let validator =
            validator(Kind::OpenApi3, &content.to_string()).unwrap_or_else(|| panic!("a validator"));
        let violation = |amount: Value| validator.violation(&json!({ "detail": { "amount": amount } }));
        assert_eq!((violation(json!(1)), violation(Value::Null)), (Ok(None), Ok(None)));
        let found = violation(json!(-1)).unwrap_or_default().unwrap_or_else(|| panic!("a violation"));
        assert_eq!(found.path, "/detail/amount");
        assert!(found.rule.ends_with("/properties/amount/minimum"), "{found}");
        assert!(json_schema(Kind::OpenApi3, &open_api(json!({ "A": {}, "B": {} }))).is_none());
        assert!(json_schema(Kind::OpenApi3, &open_api(json!({ "A": {} }))).is_some());
    }

    #[test]
    fn references_in_circles_end() {
        for content in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "definitions": { "a": { "$ref": "#/definitions/b" }, "b": { "not": { "$ref": "#/definitions/a" } } }, "$ref": "#/definitions/a" }),
        ] {
            let content = content.to_string();
            // Whether it is taken or refused: nobody is held to it.
            if check(Kind::JsonSchema, &content).is_ok() {
                let validator = validator(Kind::JsonSchema, &content).unwrap_or_else(|| panic!("{content}"));
                assert_eq!(validator.violation(&json!({})), Err(Intricate), "{content}");
            }
        }
    }

    #[test]
    fn an_event_is_not_held_to_what_would_take_for_ever() {
        let next = |number: usize| json!({ "$ref": reference(&format!("d{number}")) });
        let level =
            |number: usize| (format!("d{number}"), json!({ "allOf": [next(number + 1), next(number + 1)] }));
        let mut levels: Map<String, Value> = (0..60).map(level).collect();
        levels.insert("d60".to_owned(), json!({ "type": "object" }));
        let content = json!({ "definitions": levels, "allOf": [next(0)] }).to_string();
        assert_eq!(check(Kind::JsonSchema, &content), Ok(()));
        let validator = validator(Kind::JsonSchema, &content).unwrap_or_else(|| panic!("a validator"));
        assert_eq!(validator.violation(&json!({})), Err(Intricate));
    }
}
