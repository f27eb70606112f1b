//! Shapes written as contents.
//!
//! The form is that of AWS's own discovery: the event as the component `AWSEvent`, its detail and every object within as components of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::naming::pascal_case;
use super::shape::{Shape, Text};

/// The component that describes whole events.
pub const EVENT: &str = "AWSEvent";
/// What every event of EventBridge has.
const ENVELOPE: [&str; 9] =
    ["detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account"];

/// The OpenAPI 3 content of events of EventBridge with this source and detail type. `resources` and `detail` are the shapes of those members.
#[must_use]
pub fn event(source: &str, detail_type: &str, resources: &Shape, detail: &Shape) -> Value {
    let title = pascal_case(detail_type);
    let mut components = Components::default();
    components.names.insert(EVENT.to_owned(), 1);
    let detail = components.schema(&title, detail);
    let resources = components.schema("Resources", resources);
    let text = || json!({ "type": "string" });
    let event = json!({
        "type": "object",
        "required": ENVELOPE,
        "x-amazon-events-detail-type": detail_type,
        "x-amazon-events-source": source,
        "properties": {
            "detail": detail,
            "account": text(),
            "detail-type": text(),
            "id": text(),
            "region": text(),
            "resources": resources,
            "source": text(),
            "time": { "type": "string", "format": "date-time" },
            "version": text(),
        },
    });
    components.done.insert(EVENT.to_owned(), event);
    document(&title, components)
}

/// The OpenAPI 3 content of objects that are no events of EventBridge.
#[must_use]
pub fn plain(shape: &Shape) -> Value {
    let mut components = Components::default();
    components.schema("Event", shape);
    document("Event", components)
}

fn document(title: &str, components: Components) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "version": "1.0.0", "title": title },
        "paths": {},
        "components": { "schemas": components.done },
    })
}

/// The components of a content while it is written.
#[derive(Default)]
struct Components {
    done: BTreeMap<String, Value>,
    /// How often a name was wanted.
    names: BTreeMap<String, usize>,
}

impl Components {
    /// The schema of a shape; objects become components, named after where they stand.
    fn schema(&mut self, name: &str, shape: &Shape) -> Value {
        let mut kinds: Vec<Value> = Vec::new();
        if let Some(text) = shape.text {
            kinds.push(match text {
                Text::Any => json!({ "type": "string" }),
                Text::DateTime => json!({ "type": "string", "format": "date-time" }),
            });
        }
        if shape.number {
            kinds.push(json!({ "type": "number" }));
        }
        if shape.boolean {
            kinds.push(json!({ "type": "boolean" }));
        }
        if let Some(items) = &shape.items {
            // AWS writes so of lists in which nothing was seen.
            let items = match **items == Shape::default() {
                true => json!({ "type": "object" }),
                false => self.schema(name, items),
            };
            kinds.push(json!({ "type": "array", "items": items }));
        }
        if let Some(properties) = &shape.properties {
            kinds.push(self.object(name, properties));
        }
        match (kinds.len(), shape.null) {
            // A reference stands alone, and nothing else says that it may be null.
            (1, true) if kinds[0].get("$ref").is_some() => json!({ "nullable": true, "allOf": kinds }),
            (1, is_null) => {
                let mut kind = kinds.swap_remove(0);
                if is_null {
                    kind["nullable"] = true.into();
                }
                kind
            }
            // Nothing but null was seen; anything may come.
            (0, _) => json!({}),
            (_, false) => json!({ "anyOf": kinds }),
            (_, true) => json!({ "nullable": true, "anyOf": kinds }),
        }
    }

    fn object(&mut self, name: &str, properties: &BTreeMap<String, super::shape::Property>) -> Value {
        let count = self.names.entry(pascal_case(name)).or_default();
        *count += 1;
        let name = match *count {
            1 => pascal_case(name),
            count => format!("{}_{}", pascal_case(name), count - 1),
        };
        // Taken before what is within, which may want the same name.
        self.done.insert(name.clone(), Value::Null);
        let required: Vec<&String> =
            properties.iter().filter(|(_, property)| property.required).map(|(name, _)| name).collect();
        let mut schema = Map::from_iter([("type".to_owned(), "object".into())]);
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let within =
            properties.iter().map(|(name, property)| (name.clone(), self.schema(name, &property.shape)));
        let within: Map<String, Value> = within.collect();
        schema.insert("properties".to_owned(), within.into());
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.done.insert(name, schema.into());
        reference
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::content::{Kind, check, validator};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>()
                .prop_filter_map("JSON", |number| serde_json::Number::from_f64(number).map(Value::Number)),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            prop::sample::select(vec![
                "2026-01-31T12:00:00Z",
                "2026-01-31T12:00:00.123+01:00",
                "2026-02-30T12:00:00Z",
                "2026-01-31T12:00:60Z",
                "2026-01-31 12:00:00Z",
                "2026-01-31T12:00Z....",
                "9999-12-31T23:59:59-23:59",
                "2026-01-31T24:00:00Z",
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let name = prop::sample::select(vec![
                "a",
                "b",
                "order items",
                "$ref",
                "nullable",
                "type",
                "AWSEvent",
                "~/",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// A discovered schema is one, and takes every event that it was learnt from.
        #[test]
        fn a_discovered_schema_takes_what_it_was_learnt_from(details in prop::collection::vec(value(), 1..4)) {
            let detail = details.iter().map(Shape::of).reduce(Shape::merge).unwrap_or_default();
            let resources = Shape::of(&json!(["arn"])).merge(Shape::of(&json!([])));
            let content = event("shop", "AWS event", &resources, &detail).to_string();
            prop_assert_eq!(check(Kind::OpenApi3, &content), Ok(()), "{}", content);
            let validator = validator(Kind::OpenApi3, &content).ok_or_else(|| TestCaseError::fail("it describes no events"))?;
            for detail in &details {
                let event = json!({
                    "version": "0", "id": "1", "detail-type": "AWS event", "source": "shop", "account": "000000000000",
                    "time": "2026-01-31T12:00:00Z", "region": "us-east-1", "resources": [], "detail": detail,
                });
                prop_assert_eq!(validator.violation(&event), Ok(None), "{}", content);
            }
        }
    }
}
