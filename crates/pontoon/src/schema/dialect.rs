//! A derived schema in the drafts that others read.

use schemars::Schema;
use schemars::transform::{
    RemoveRefSiblings, ReplaceBoolSchemas, ReplaceConstValue, ReplacePrefixItems,
    ReplaceUnevaluatedProperties, Transform, transform_subschemas,
};
use serde_json::Value;

/// The schema in draft-07, which most editors and code generators read.
///
/// ```
/// use pontoon::{DomainEvent, schema};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// let schema = schema::draft_07(OrderCreated::schema("OrderCreated").unwrap());
/// assert_eq!(schema.get("$schema").unwrap(), "http://json-schema.org/draft-07/schema#");
/// ```
#[must_use]
pub fn draft_07(schema: Schema) -> Schema {
    older(schema, "http://json-schema.org/draft-07/schema#")
}

/// The schema in draft-04, which EventBridge's schema registry keeps.
///
/// ```
/// use pontoon::{DomainEvent, schema};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// # #[event(source = "order-service")]
/// # struct OrderCreated { amount: f64 }
/// let schema = schema::draft_04(OrderCreated::schema("OrderCreated").unwrap());
/// assert_eq!(schema.get("$schema").unwrap(), "http://json-schema.org/draft-04/schema#");
/// ```
#[must_use]
pub fn draft_04(schema: Schema) -> Schema {
    let mut schema = older(schema, "http://json-schema.org/draft-04/schema#");
    Draft04.transform(&mut schema);
    schema
}

fn older(mut schema: Schema, dialect: &str) -> Schema {
    let mut references = References;
    references.transform(&mut schema);
    RemoveRefSiblings::default().transform(&mut schema);
    ReplacePrefixItems::default().transform(&mut schema);
    ReplaceUnevaluatedProperties::default().transform(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        if let Some(definitions) = root.remove("$defs") {
            root.insert("definitions".to_owned(), definitions);
        }
        root.insert("$schema".to_owned(), dialect.into());
    }
    schema
}

/// References to where older drafts keep definitions.
struct References;

impl Transform for References {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(reference)) = schema.get_mut("$ref")
            && let Some(name) = reference.strip_prefix("#/$defs/")
        {
            *reference = format!("#/definitions/{name}");
        }
        transform_subschemas(self, schema);
    }
}

/// What draft-04 writes otherwise than draft-07.
struct Draft04;

impl Transform for Draft04 {
    fn transform(&mut self, schema: &mut Schema) {
        ReplaceConstValue::default().transform(schema);
        let mut booleans = ReplaceBoolSchemas::default();
        booleans.skip_additional_properties = true;
        booleans.transform(schema);
        exclusive_bounds(schema);
    }
}

/// In draft-04 a bound is exclusive by a flag beside it.
fn exclusive_bounds(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if let Some(value) = object.get(exclusive).filter(|value| value.is_number()).cloned() {
                object.insert(bound.to_owned(), value);
                object.insert(exclusive.to_owned(), Value::Bool(true));
            }
        }
    }
    transform_subschemas(&mut |subschema: &mut Schema| exclusive_bounds(subschema), schema);
}
