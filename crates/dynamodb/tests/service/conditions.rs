//! Conditions, filters and updates through the operations that take them, in expressions and in the older parameters.

use serde_json::{Value, json};

use crate::harness::Tables;

fn item() -> Value {
    json!({
        "k": {"S": "a"}, "n": {"N": "5"}, "s": {"S": "text"}, "set": {"SS": ["x", "y"]}, "null": {"NULL": true},
        "list": {"L": [{"S": "x"}, {"N": "1"}]}, "map": {"M": {"in": {"N": "2"}}}, "b": {"B": "AAH/"},
    })
}

#[test]
fn a_condition_decides_whether_a_write_happens() {
    let values =
        json!({":n": {"N": "5.0"}, ":m": {"N": "9"}, ":s": {"S": "te"}, ":t": {"S": "N"}, ":x": {"S": "x"}});
    for (condition, holds) in [
        ("n = :n", true),
        ("n <> :n", false),
        ("n < :m AND n <= :n", true),
        ("n BETWEEN :n AND :m", true),
        ("n IN (:m, :n)", true),
        ("n IN (:m, :s)", false),
        ("begins_with(s, :s)", true),
        ("contains(#set, :x) AND contains(#list, :x)", true),
        ("attribute_type(n, :t)", true),
        ("attribute_exists(#map.#in) AND NOT attribute_exists(#map.#out)", true),
        ("attribute_not_exists(k)", false),
        ("size(#list) < :n OR size(s) > :m", true),
        ("#list[0] = :x", true),
        ("#list[7] = :x", false),
        ("absent <> :n", true),
        ("absent = :n OR absent < :n", false),
        ("s < :n", false),
        ("NOT (n = :n AND NOT s = :s)", false),
    ] {
        let mut tables = Tables::with_simple();
        tables.put(item());
        let used = |given: &Value| -> Value {
            let object = given.as_object().unwrap().iter();
            object
                .filter(|(name, _)| condition.contains(name.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let mut put =
            json!({"TableName": "tab", "Item": {"k": {"S": "a"}}, "ConditionExpression": condition});
        let names = used(&json!({"#set": "set", "#list": "list", "#map": "map", "#in": "in", "#out": "out"}));
        let values = used(&values);
        for (member, given) in [("ExpressionAttributeNames", names), ("ExpressionAttributeValues", values)] {
            if given.as_object().unwrap().is_empty() {
                continue;
            }
            put[member] = given;
        }
        let result = tables.call("PutItem", &put);
        assert_eq!(result.is_ok(), holds, "{condition}: {result:?}");
        let stored = tables.get(json!({"k": {"S": "a"}}));
        assert_eq!(stored == json!({"k": {"S": "a"}}), holds, "{condition}");
    }
}

#[test]
fn the_older_parameters_mean_the_same() {
    for (expected, holds) in [
        (json!({"n": {"Value": {"N": "5"}}}), true),
        (json!({"n": {"Exists": false}}), false),
        (json!({"n": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "5"}]}}), false),
        (json!({"set": {"ComparisonOperator": "CONTAINS", "AttributeValueList": [{"S": "x"}]}}), true),
        (json!({"missing": {"ComparisonOperator": "NULL"}, "s": {"ComparisonOperator": "NOT_NULL"}}), true),
    ] {
        let mut tables = Tables::with_simple();
        tables.put(item());
        let put = json!({"TableName": "tab", "Item": {"k": {"S": "a"}}, "Expected": expected});
        assert_eq!(tables.call("PutItem", &put).is_ok(), holds, "{expected}");
    }
    let mut tables = Tables::with_simple();
    tables.put(item());
    let updates = json!({
        "n": {"Action": "ADD", "Value": {"N": "2"}}, "s": {"Action": "DELETE"}, "new": {"Value": {"S": "v"}},
        "set": {"Action": "DELETE", "Value": {"SS": ["x"]}},
    });
    let update = json!({
        "TableName": "tab", "Key": {"k": {"S": "a"}}, "AttributeUpdates": updates, "ReturnValues": "UPDATED_NEW",
    });
    assert_eq!(
        tables.ok("UpdateItem", update)["Attributes"],
        json!({"n": {"N": "7"}, "new": {"S": "v"}, "set": {"SS": ["y"]}})
    );
    let get = json!({"TableName": "tab", "Key": {"k": {"S": "a"}}, "AttributesToGet": ["n", "none"]});
    assert_eq!(tables.ok("GetItem", get)["Item"], json!({"n": {"N": "7"}}));
    let scan = json!({
        "TableName": "tab", "ScanFilter": {"n": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "7"}]}},
    });
    assert_eq!(tables.ok("Scan", scan), json!({"Count": 0, "ScannedCount": 1, "Items": []}));
}

#[test]
fn a_projection_takes_what_is_there_and_keeps_the_way_to_it() {
    let mut tables = Tables::with_simple();
    tables.put(item());
    let get = |projection: &str| {
        json!({
            "TableName": "tab", "Key": {"k": {"S": "a"}}, "ProjectionExpression": projection,
            "ExpressionAttributeNames": {"#list": "list", "#map": "map"},
        })
    };
    assert_eq!(
        tables.ok("GetItem", get("#list[1], #map.nil, #map.zilch, n"))["Item"],
        json!({"list": {"L": [{"N": "1"}]}, "n": {"N": "5"}})
    );
    assert_eq!(
        tables.fails("GetItem", get("#list[1], #map, #map.nil")).1,
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these \
         paths; path one: [map], path two: [map, nil]"
    );
}
