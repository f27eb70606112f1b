//! Any sequence of writes, restarts and reads against a map that does the same in the plainest way.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::Tables;

#[derive(Clone, Debug)]
enum Act {
    Put { key: Key, number: i64, only_new: bool },
    Add { key: Key, number: i64 },
    Delete { key: Key, only_if: Option<i64> },
    Transact { keys: Vec<Key>, number: i64, unless: Key },
    Query { hash: u8, low: i64, high: i64, forward: bool, page: usize },
    Scan { segments: usize, page: usize },
    Restart,
}

/// Hash and range key.
type Key = (u8, i64);

fn key() -> impl Strategy<Value = Key> {
    (0..4_u8, prop_oneof![-3..4_i64, Just(-100), Just(1000)])
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (key(), any::<i64>(), any::<bool>()).prop_map(|(key, number, only_new)| Act::Put { key, number, only_new }),
        4 => (key(), -5..5_i64).prop_map(|(key, number)| Act::Add { key, number }),
        3 => (key(), proptest::option::of(-2..3_i64)).prop_map(|(key, only_if)| Act::Delete { key, only_if }),
        2 => (proptest::collection::btree_set(key(), 1..4), -5..5_i64, key())
            .prop_map(|(keys, number, unless)| Act::Transact { keys: keys.into_iter().collect(), number, unless }),
        3 => (0..5_u8, -4..4_i64, 0..6_i64, any::<bool>(), 1..5_usize)
            .prop_map(|(hash, low, span, forward, page)| Act::Query { hash, low, high: low + span, forward, page }),
        2 => (1..4_usize, 1..7_usize).prop_map(|(segments, page)| Act::Scan { segments, page }),
        1 => Just(Act::Restart),
    ]
}

/// What the table should hold: a number under each key.
type Model = BTreeMap<Key, i128>;

fn wire_key((hash, range): Key) -> Value {
    json!({"k": {"S": hash.to_string()}, "r": {"N": range.to_string()}})
}

fn wire_item(key: Key, number: i128) -> Value {
    let mut item = wire_key(key);
    item["n"] = json!({"N": number.to_string()});
    item
}

fn number(text: &Value) -> i128 {
    text["N"].as_str().unwrap().parse().unwrap()
}

fn read_back(item: &Value) -> (Key, i128) {
    let hash = item["k"]["S"].as_str().unwrap().parse().unwrap();
    ((hash, i64::try_from(number(&item["r"])).unwrap()), number(&item["n"]))
}

fn pages(tables: &mut Tables, operation: &str, mut input: Value) -> Vec<(Key, i128)> {
    let mut found = Vec::new();
    loop {
        let page = tables.ok(operation, input.clone());
        found.extend(page["Items"].as_array().unwrap().iter().map(read_back));
        match page.get("LastEvaluatedKey") {
            Some(key) => input["ExclusiveStartKey"] = key.clone(),
            None => return found,
        }
    }
}

fn do_act(tables: &mut Tables, model: &mut Model, act: Act) {
    match act {
        Act::Put { key, number, only_new } => {
            let mut put =
                json!({"TableName": "tab", "Item": wire_item(key, number.into()), "ReturnValues": "ALL_OLD"});
            if only_new {
                put["ConditionExpression"] = json!("attribute_not_exists(k)");
            }
            let expected = match model.get(&key) {
                Some(_) if only_new => Err(()),
                old => Ok(old.map_or(Value::Null, |old| wire_item(key, *old))),
            };
            let output = tables.call("PutItem", &put).map(|output| output["Attributes"].clone());
            assert_eq!(output.map_err(|_| ()), expected);
            if expected.is_ok() {
                model.insert(key, number.into());
            }
        }
        Act::Add { key, number } => {
            let value = model.entry(key).or_default();
            *value += i128::from(number);
            let update = json!({
                "TableName": "tab", "Key": wire_key(key), "UpdateExpression": "ADD n :n", "ReturnValues": "ALL_NEW",
                "ExpressionAttributeValues": {":n": {"N": number.to_string()}},
            });
            assert_eq!(tables.ok("UpdateItem", update)["Attributes"], wire_item(key, *value));
        }
        Act::Delete { key, only_if } => {
            let mut delete = json!({"TableName": "tab", "Key": wire_key(key)});
            if let Some(least) = only_if {
                delete["ConditionExpression"] = json!("n >= :n");
                delete["ExpressionAttributeValues"] = json!({":n": {"N": least.to_string()}});
            }
            let holds =
                only_if.is_none_or(|least| model.get(&key).is_some_and(|value| *value >= least.into()));
            assert_eq!(tables.call("DeleteItem", &delete).is_ok(), holds);
            if holds {
                model.remove(&key);
            }
        }
        Act::Transact { keys, number, unless } => {
            let mut actions: Vec<Value> = keys
                .iter()
                .map(|key| json!({"Put": {"TableName": "tab", "Item": wire_item(*key, number.into())}}))
                .collect();
            if !keys.contains(&unless) {
                actions.push(json!({"ConditionCheck": {
                    "TableName": "tab", "Key": wire_key(unless), "ConditionExpression": "attribute_not_exists(n)",
                }}));
            }
            let holds = keys.contains(&unless) || !model.contains_key(&unless);
            let transaction = json!({"TransactItems": actions});
            assert_eq!(tables.call("TransactWriteItems", &transaction).is_ok(), holds);
            if holds {
                model.extend(keys.into_iter().map(|key| (key, i128::from(number))));
            }
        }
        Act::Query { hash, low, high, forward, page } => {
            let mut expected: Vec<(Key, i128)> =
                model.range((hash, low)..=(hash, high)).map(|(key, value)| (*key, *value)).collect();
            if !forward {
                expected.reverse();
            }
            let query = json!({
                "TableName": "tab", "KeyConditionExpression": "k = :k AND r BETWEEN :lo AND :hi",
                "ExpressionAttributeValues": {
                    ":k": {"S": hash.to_string()}, ":lo": {"N": low.to_string()}, ":hi": {"N": high.to_string()},
                },
                "ScanIndexForward": forward, "Limit": page,
            });
            assert_eq!(pages(tables, "Query", query), expected);
        }
        Act::Scan { segments, page } => {
            let mut found = Vec::new();
            for segment in 0..segments {
                let scan =
                    json!({"TableName": "tab", "Segment": segment, "TotalSegments": segments, "Limit": page});
                found.extend(pages(tables, "Scan", scan));
            }
            assert_eq!(found.len(), model.len());
            assert_eq!(&found.into_iter().collect::<Model>(), model);
        }
        Act::Restart => tables.restart(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_table_does_what_a_map_does(acts in proptest::collection::vec(act(), 1..40)) {
        let mut tables = Tables::with_ranged();
        let mut model = Model::new();
        for act in acts {
            do_act(&mut tables, &mut model, act);
        }
        let table = tables.ok("DescribeTable", json!({"TableName": "tab"}))["Table"].clone();
        prop_assert_eq!(&table["ItemCount"], &json!(model.len()));
        for (key, value) in &model {
            prop_assert_eq!(tables.get(wire_key(*key)), wire_item(*key, *value));
        }
    }
}
