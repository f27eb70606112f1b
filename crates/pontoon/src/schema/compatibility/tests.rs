use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// The breaks between two versions, in words, under publishers that write what they declare.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let breaks = check(old, new, Mode::Full, Writers::Declared).unwrap();
    breaks.iter().map(ToString::to_string).collect()
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

#[test]
fn breaks_are_explained() {
    let text = || json!({ "type": "string" });
    let tagged = |kind: &str, property: &str| {
        object(json!({ "kind": { "const": kind }, property: text() }), &["kind", property])
    };
    let closed = |properties: Value| {
        let mut schema = object(properties, &[]);
        schema["additionalProperties"] = json!(false);
        schema
    };
    for (old, new, expected) in [
        // A new optional property is none, in open objects.
        (object(json!({ "a": text() }), &["a"]), object(json!({ "a": text(), "b": text() }), &["a"]), vec![]),
        (
            object(json!({ "a": text() }), &["a"]),
            object(json!({ "a": text() }), &[]),
            vec!["forward: /a: required: the old version requires it, events of the new version may lack it"],
        ),
        (
            closed(json!({ "a": text() })),
            closed(json!({ "a": text(), "b": text() })),
            vec![
                "forward: /b: additionalProperties: the new version may write it, the old version takes no properties that it does not declare",
            ],
        ),
        (
            json!({ "type": "integer" }),
            json!({ "type": "number" }),
            vec!["forward: /: type: the new version may write number, the old version takes integer only"],
        ),
        (
            object(json!({ "a": { "type": "number", "minimum": 0 } }), &[]),
            object(json!({ "a": { "type": "number", "exclusiveMinimum": 0 } }), &[]),
            vec!["backward: /a: exclusiveMinimum: the new version has 0, the old version 0"],
        ),
        (
            json!({ "type": "string", "maxLength": 10 }),
            json!({ "type": "string", "maxLength": 20, "format": "uuid" }),
            vec![
                "backward: /: format: the new version takes texts of format \"uuid\" only, the old version does not keep to it",
                "forward: /: maxLength: the old version has 10, the new version 20",
            ],
        ),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "type": "array", "items": { "type": ["string", "null"] } }),
            vec!["forward: /*: type: the new version may write null, the old version takes string only"],
        ),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }),
            vec![
                "forward: /: anyOf: no alternative of the old version takes every number that the new version may write; \
                 of the nearest: the new version may write number, the old version takes integer only",
            ],
        ),
        // Exactly one of the alternatives: a second one that takes the same takes nothing away under `anyOf`, and all under `oneOf`.
        (
            json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }] }),
            json!({ "oneOf": [{ "type": "string" }, { "type": "integer" }, { "type": "null" }] }),
            vec![
                "forward: /: oneOf: no alternative of the old version takes every null that the new version may write; \
                 of the nearest: the new version may write null, the old version takes string only",
            ],
        ),
        (
            json!({ "type": "integer" }),
            json!({ "oneOf": [{ "type": "integer" }, { "type": "number" }] }),
            vec![
                "backward: /: oneOf: the new version takes only what exactly one of its alternatives takes; \
                 some integer that the old version may write may be taken by its alternatives 1 and 2 alike",
                "forward: /: type: the new version may write number, the old version takes integer only",
            ],
        ),
        (
            json!({ "type": "integer", "minimum": 5, "maximum": 9 }),
            json!({ "type": "integer", "minimum": 5, "maximum": 9, "oneOf": [{ "maximum": 4 }, { "minimum": 5 }] }),
            vec![],
        ),
        // Tagged alternatives: a further one, and what was written without a tag.
        (
            json!({ "oneOf": [tagged("card", "number"), tagged("cash", "amount")] }),
            json!({ "oneOf": [tagged("card", "number"), tagged("cash", "amount"), tagged("gift", "code")] }),
            vec![
                "forward: /: oneOf: no alternative of the old version takes every object that the new version may write; \
                 of the nearest: /number the old version requires it, events of the new version may lack it, \
                 and /kind the new version may write \"gift\", which is none of the values that the old version takes",
            ],
        ),
        (
            tagged("card", "number"),
            json!({ "oneOf": [tagged("card", "number"), object(json!({ "kind": { "type": "string" } }), &["kind"])] }),
            vec![
                "backward: /: oneOf: the new version takes only what exactly one of its alternatives takes; \
                 some object that the old version may write may be taken by its alternatives 1 and 2 alike",
                "forward: /number: required: the old version requires it, events of the new version may lack it",
                "forward: /kind: const: the old version takes \"card\" only, the new version may write others",
            ],
        ),
        (
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "string" } } }),
            json!({ "type": "string", "minLength": 1 }),
            vec!["backward: /: minLength: the new version has 1, the old version no limit"],
        ),
        (
            json!({ "not": { "type": "null" } }),
            json!({ "not": { "type": "null" }, "multipleOf": 2 }),
            vec!["backward: /: multipleOf: the new version takes multiples of 2 only"],
        ),
        (
            json!({}),
            json!({ "contains": { "type": "null" } }),
            vec![
                "backward: /: contains: it is not the same in both versions, and it cannot be told whether the new version takes all that the old version writes",
            ],
        ),
        (
            json!({ "additionalProperties": { "type": "integer" } }),
            json!({ "additionalProperties": { "type": "number" } }),
            vec!["forward: /*: type: the new version may write number, the old version takes integer only"],
        ),
    ] {
        assert_eq!(breaks(&old, &new), expected, "{old} -> {new}");
    }
}

#[test]
fn an_open_object_may_have_held_anything() {
    let old = object(json!({}), &[]);
    let new = object(json!({ "a": { "type": "string" } }), &[]);
    assert_eq!(breaks(&old, &new), [""; 0]);
    let found = check(&old, &new, Mode::Backward, Writers::Anything).unwrap();
    let expected =
        "backward: /a: type: the old version may write anything, the new version takes string only";
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn recursive_and_intricate_schemas_end() {
    let tree = json!({
        "$ref": "#/$defs/tree",
        "$defs": { "tree": { "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } } } } },
    });
    let mut other = tree.clone();
    other["$defs"]["tree"]["required"] = json!(["children"]);
    assert_eq!(breaks(&tree, &tree), [""; 0]);
    assert_eq!(breaks(&tree, &other).len(), 2, "{:?}", breaks(&tree, &other));
    let endless = json!({ "$ref": "#" });
    assert_eq!(breaks(&endless, &endless), [""; 0]);
    // Each level has two ways to the next: a million million ways in all.
    let level = |level: usize| {
        let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
        json!({ "anyOf": [{ "properties": { "a": next } }, { "properties": { "b": next, "a": next } }] })
    };
    let levels: Map<String, Value> = (0..40).map(|number| (number.to_string(), level(number))).collect();
    let mut nested = json!({ "$ref": "#/$defs/0", "$defs": levels });
    nested["$defs"]["40"] = json!({ "type": "string" });
    let mut other = nested.clone();
    other["$defs"]["40"]["maxLength"] = json!(3);
    assert!(breaks(&nested, &other).iter().any(|found| found.contains("too intricate")));
}

#[test]
fn what_is_no_schema_is_refused() {
    let error = check(&json!({ "type": 1 }), &json!({}), Mode::Full, Writers::Declared).unwrap_err();
    assert!(error.to_string().starts_with("the old version: "), "{error}");
}

fn schema() -> impl Strategy<Value = Value> {
    let kind =
        prop::sample::select(vec!["null", "boolean", "integer", "number", "string", "array", "object"]);
    let kinds = prop::collection::btree_set(kind, 1..4).prop_map(|kinds| json!({ "type": kinds }));
    let bound = |keyword: &'static str| (-3i64..4).prop_map(move |bound| json!({ keyword: bound }));
    let size = |keyword: &'static str| (0u64..3).prop_map(move |bound| json!({ keyword: bound }));
    let leaf = prop_oneof![
        kinds,
        Just(json!({})),
        prop::collection::vec(value(), 1..3).prop_map(|values| json!({ "enum": values })),
        value().prop_map(|value| json!({ "const": value })),
        bound("minimum"),
        bound("exclusiveMaximum"),
        (1u64..3).prop_map(|factor| json!({ "multipleOf": factor })),
        size("minLength"),
        size("maxLength"),
        size("maxItems"),
        size("minProperties"),
        prop::sample::select(vec!["a", "b"]).prop_map(|name| json!({ "required": [name] })),
        Just(json!({ "uniqueItems": true })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let name = prop::sample::select(vec!["a".to_owned(), "b".to_owned()]);
        prop_oneof![
            prop::collection::btree_map(name, inner.clone(), 1..3)
                .prop_map(|properties| json!({ "properties": properties })),
            inner.clone().prop_map(|further| json!({ "additionalProperties": further })),
            (inner.clone(), any::<bool>())
                .prop_map(|(a, closed)| json!({ "properties": { "a": a }, "additionalProperties": !closed })),
            inner.clone().prop_map(|items| json!({ "items": items })),
            (inner.clone(), inner.clone())
                .prop_map(|(first, items)| json!({ "prefixItems": [first], "items": items })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|schemas| json!({ "anyOf": schemas })),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|schemas| json!({ "oneOf": schemas })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|schemas| json!({ "allOf": schemas })),
            inner.clone().prop_map(|schema| json!({ "not": schema })),
            inner.clone().prop_map(|schema| json!({ "$ref": "#/$defs/x", "$defs": { "x": schema } })),
            // Several keywords side by side.
            (inner.clone(), inner).prop_map(|(a, b)| {
                let mut both = a.as_object().cloned().unwrap_or_default();
                both.extend(b.as_object().cloned().unwrap_or_default());
                Value::Object(both)
            }),
        ]
    })
    // A reference leads from the root; deeper definitions would be another's.
    .prop_filter("references at the root only", |schema| {
        let inner = schema.as_object().map(|object| {
            object
                .iter()
                .filter(|(key, _)| *key != "$ref")
                .map(|(_, value)| value.to_string())
                .collect::<String>()
        });
        !inner.unwrap_or_default().contains("$ref")
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-4i64..5).prop_map(Value::from),
        Just(json!(0.5)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let name = prop::sample::select(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Held to the validator: what goes together takes every value.
    #[test]
    fn versions_without_a_break_take_each_others_events(
        old in schema(),
        new in schema(),
        values in prop::collection::vec(value(), 24),
    ) {
        for (mode, writer, reader) in [(Mode::Backward, &old, &new), (Mode::Forward, &new, &old)] {
            if !check(&old, &new, mode, Writers::Anything).unwrap().is_empty() {
                continue;
            }
            let (writer, reader) = (Validator::new(writer).unwrap(), Validator::new(reader).unwrap());
            for value in values.iter().filter(|value| writer.validate(value).is_ok()) {
                prop_assert!(reader.validate(value).is_ok(), "{mode:?}: {value}");
            }
        }
    }

    #[test]
    fn a_version_goes_with_itself(schema in schema()) {
        prop_assume!(!schema.to_string().contains("\"not\""));
        for writers in [Writers::Declared, Writers::Anything] {
            let found = check(&schema, &schema, Mode::Full, writers).unwrap();
            prop_assert!(found.is_empty(), "{found:?}");
        }
    }
}
