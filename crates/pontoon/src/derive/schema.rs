//! Schemas of payloads: a struct's own, and a variant's out of the enum's.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::tag::variant_names;
use crate::event::DomainEvent;

/// The schema of a struct's payload, titled with the event's type.
pub fn struct_schema<T: DomainEvent + JsonSchema>(event_type: &str) -> Option<Schema> {
    T::find_type(event_type)?;
    let mut schema = root::<T>();
    schema.insert("title".to_owned(), event_type.into());
    Some(schema)
}

/// The schema of the content of the variant that has this type, titled with it.
pub fn variant_schema<T: DomainEvent + JsonSchema + DeserializeOwned>(event_type: &str) -> Option<Schema> {
    let place = T::TYPES.iter().position(|known| known.name == event_type)?;
    let name = *variant_names::<T>().get(place)?;
    let root = root::<T>();
    let root = root.as_object()?;
    let variants = root.get("oneOf").and_then(Value::as_array);
    let variant =
        variants.and_then(|variants| variants.iter().find(|variant| content_of(variant, name).is_some()));
    // A variant without content is not an object with one property but a text: its payload is null.
    let content = variant.and_then(|variant| content_of(variant, name)).cloned();
    let mut schema = match content.unwrap_or_else(|| json!({ "type": "null" })) {
        Value::Object(schema) => inlined(schema, root),
        Value::Bool(true) => Map::new(),
        _ => return None,
    };
    for (key, value) in [("$schema", root.get("$schema")), ("$defs", root.get("$defs"))] {
        if let Some(value) = value {
            schema.insert(key.to_owned(), value.clone());
        }
    }
    let description = variant.and_then(|variant| variant.get("description"));
    if let Some(description) = description {
        schema.entry("description").or_insert_with(|| description.clone());
    }
    schema.insert("title".to_owned(), event_type.into());
    Some(Schema::from(schema))
}

fn root<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

/// What stands under the tag `name` in the schema of a variant.
fn content_of<'a>(variant: &'a Value, name: &str) -> Option<&'a Value> {
    variant.get("properties")?.get(name)
}

/// A definition in the place of a reference to it.
fn inlined(schema: Map<String, Value>, root: &Map<String, Value>) -> Map<String, Value> {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
    let definition = name.and_then(|name| root.get("$defs")?.get(name)?.as_object()).cloned();
    match definition {
        Some(definition) if schema.len() == 1 => definition,
        _ => schema,
    }
}
