//! How much work a schema can be: subschemas that refer to others twice double it at each step, so that a small schema can keep a validator busy for ever.
//!
//! The bound is one of the worst case: every alternative is tried, and of an object's properties the one that is the most work lies on every path.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The work that is spent on one event: more than any real schema is for an event of a mebibyte, and less than a second.
const EFFORT_MAX: u64 = 5_000_000;
/// As deep as a reader of JSON goes.
const DEPTH_MAX: usize = 128;
/// What a rule that runs over a text counts for.
const TEXT_EFFORT: u64 = 20;

/// What one path through an event can cost, by its length: the last entry holds for longer ones too.
#[derive(Debug)]
pub struct Effort(Vec<u64>);

impl Effort {
    /// Of a schema.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        let mut graph = Graph { root: schema, known: HashMap::new(), nodes: Vec::new() };
        let root = graph.node(schema);
        let mut by_depth: Vec<u64> = Vec::new();
        let mut before: Vec<u64> = Vec::new();
        for _ in 0..=DEPTH_MAX {
            let now = graph.efforts(&before);
            by_depth.push(now[root]);
            if now == before || now[root] > EFFORT_MAX {
                break;
            }
            before = now;
        }
        Self(by_depth)
    }

    /// Whether an event can be held to the schema within bounds.
    #[must_use]
    pub fn is_bounded_for(&self, event: &Value) -> bool {
        let (depth, values) = measure(event);
        let path = self.0.get(depth).or(self.0.last()).copied().unwrap_or(0);
        path.saturating_mul(values) <= EFFORT_MAX
    }
}

/// How deep a value is, and how many values it has. As deep as the value, which the reader of JSON bounds.
fn measure(value: &Value) -> (usize, u64) {
    let within = |(depth, values): (usize, u64), inner: &Value| {
        let (inner_depth, inner_values) = measure(inner);
        (depth.max(inner_depth + 1), values + inner_values)
    };
    match value {
        Value::Array(items) => items.iter().fold((0, 1), within),
        Value::Object(object) => object.values().fold((0, 1), within),
        _ => (0, 1),
    }
}

/// A subschema.
#[derive(Default)]
struct Node {
    /// The work of its own rules.
    own: u64,
    /// Subschemas for the same value.
    same: Vec<usize>,
    /// Subschemas for values within, in groups of which each value meets one at most.
    within: Vec<Vec<usize>>,
}

/// The subschemas that a schema reaches.
struct Graph<'s> {
    root: &'s Value,
    /// By address.
    known: HashMap<*const Value, usize>,
    nodes: Vec<Node>,
}

impl<'s> Graph<'s> {
    /// The number of a subschema, with all that it reaches. References can be many, nesting is bounded; so what they lead to is visited later.
    fn node(&mut self, schema: &'s Value) -> usize {
        let first = self.number(schema);
        let mut open = vec![schema];
        while let Some(schema) = open.pop() {
            let number = self.number(schema);
            let Value::Object(rules) = schema else { continue };
            self.nodes[number] = self.read(rules, &mut open);
        }
        first
    }

    fn number(&mut self, schema: &'s Value) -> usize {
        let next = self.nodes.len();
        let number = *self.known.entry(std::ptr::from_ref(schema)).or_insert(next);
        if number == next {
            self.nodes.push(Node { own: 1, ..Node::default() });
        }
        number
    }

    /// A subschema that is met for the first time is still to be read.
    fn meet(&mut self, schema: &'s Value, open: &mut Vec<&'s Value>) -> usize {
        let is_new = !self.known.contains_key(&std::ptr::from_ref(schema));
        if is_new {
            open.push(schema);
        }
        self.number(schema)
    }

    fn read(&mut self, rules: &'s Map<String, Value>, open: &mut Vec<&'s Value>) -> Node {
        let mut node = Node { own: 1, ..Node::default() };
        for (keyword, rule) in rules {
            let listed = || rule.as_array().into_iter().flatten();
            let named = || rule.as_object().into_iter().flat_map(Map::values);
            match keyword.as_str() {
                "allOf" | "anyOf" | "oneOf" => {
                    node.same.extend(listed().map(|schema| self.meet(schema, open)))
                }
                "not" | "if" | "then" | "else" => node.same.push(self.meet(rule, open)),
                "dependencies" => node.same.extend(named().map(|schema| self.meet(schema, open))),
                "$ref" => match self.target(rule) {
                    Some(target) => node.same.push(self.meet(target, open)),
                    // It leads by names that are not followed here.
                    None => node.own = u64::MAX,
                },
                "properties" => {
                    let group = named().map(|schema| self.meet(schema, open)).collect();
                    node.within.push(group);
                }
                "patternProperties" => {
                    node.within
                        .extend(named().map(|schema| vec![self.meet(schema, open)]).collect::<Vec<_>>());
                }
                "items" if rule.is_array() => {
                    let group = listed().map(|schema| self.meet(schema, open)).collect();
                    node.within.push(group);
                }
                "items" | "additionalItems" | "additionalProperties" | "contains" | "propertyNames" => {
                    node.within.push(vec![self.meet(rule, open)]);
                }
                "enum" | "required" => node.own = node.own.saturating_add(listed().count() as u64),
                "pattern" | "format" => node.own = node.own.saturating_add(TEXT_EFFORT),
                _ => {}
            }
        }
        node
    }

    /// What a reference within the schema leads to.
    fn target(&self, reference: &Value) -> Option<&'s Value> {
        self.root.pointer(&percent_decoded(reference.as_str()?.strip_prefix('#')?)?)
    }

    /// The effort of each subschema for a value whose inner values cost `before`; nothing, if it has none within.
    fn efforts(&self, before: &[u64]) -> Vec<u64> {
        let mut efforts: Vec<Option<u64>> = vec![None; self.nodes.len()];
        let mut under_way = vec![false; self.nodes.len()];
        for number in 0..self.nodes.len() {
            self.settle(number, before, &mut efforts, &mut under_way);
        }
        efforts.into_iter().map(|effort| effort.unwrap_or(u64::MAX)).collect()
    }

    /// Works out the effort of a subschema after those of the ones for the same value; a circle of them has no end.
    fn settle(&self, number: usize, before: &[u64], efforts: &mut [Option<u64>], under_way: &mut [bool]) {
        let mut open = vec![(number, false)];
        while let Some((number, is_ready)) = open.pop() {
            if efforts[number].is_some() {
                continue;
            }
            let node = &self.nodes[number];
            if is_ready {
                under_way[number] = false;
                let same = node.same.iter().map(|other| efforts[*other].unwrap_or(u64::MAX));
                let within = node.within.iter().map(|group| {
                    group.iter().map(|other| before.get(*other).copied().unwrap_or(0)).max().unwrap_or(0)
                });
                efforts[number] = Some(same.chain(within).fold(node.own, u64::saturating_add));
            } else if under_way[number] {
                efforts[number] = Some(u64::MAX);
            } else {
                under_way[number] = true;
                open.push((number, true));
                open.extend(
                    node.same.iter().filter(|other| efforts[**other].is_none()).map(|other| (*other, false)),
                );
            }
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_bounded(schema: &Value, event: &Value) -> bool {
        Effort::of(schema).is_bounded_for(event)
    }

    /// Lists in lists.
    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!([]), |inner, _| json!([inner]))
    }

    #[test]
    fn what_doubles_at_each_step_has_no_bound() {
        let level = |number: usize| {
            let next = json!({ "$ref": format!("#/definitions/d{}", number + 1) });
            json!({ "allOf": [next, next] })
        };
        let mut levels: Map<String, Value> =
            (0..40).map(|number| (format!("d{number}"), level(number))).collect();
        levels.insert("d40".to_owned(), json!({ "type": "object" }));
        let doubling = json!({ "definitions": levels, "allOf": [{ "$ref": "#/definitions/d0" }] });
        assert!(!is_bounded(&doubling, &json!({})));
        // Doubling from level to level of the event: a matter of how deep that is.
        let list = json!({ "items": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } });
        assert!(is_bounded(&list, &nested(5)));
        assert!(!is_bounded(&list, &nested(100)));
        for endless in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "not": { "$ref": "#" } }] }),
            json!({ "$ref": "#named" }),
        ] {
            assert!(!is_bounded(&endless, &json!({})), "{endless}");
        }
    }

    #[test]
    fn what_schemas_of_events_are_like_is_bounded() {
        let tree = json!({
            "definitions": { "tree": { "properties": { "name": { "type": "string", "format": "uuid" }, "children": { "items": { "$ref": "#/definitions/tree" } } } } },
            "$ref": "#/definitions/tree",
        });
        let node = |inner: Value| json!({ "name": "n", "children": [inner] });
        assert!(is_bounded(&tree, &(0..50).fold(json!({}), |inner, _| node(inner))));
        let encoded = json!({ "definitions": { "a b": {} }, "$ref": "#/definitions/a%20b" });
        assert!(is_bounded(&encoded, &json!({})));
        let values: Vec<String> = (0..1000).map(|number| format!("value-{number}")).collect();
        let closed = json!({ "properties": { "lines": { "items": { "enum": values } } }, "additionalProperties": false });
        assert!(is_bounded(&closed, &json!({ "lines": vec!["value-1"; 1000] })));
    }
}
