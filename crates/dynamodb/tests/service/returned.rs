//! What writes return: attributes before and after, consumed capacity, item collections.

use serde_json::{Value, json};

use crate::harness::Tables;

/// An update of the item `a` of the table `t`.
fn update(expression: &str, values: Value, returned: &str) -> Value {
    json!({
        "TableName": "tab", "Key": {"k": {"S": "a"}}, "UpdateExpression": expression,
        "ExpressionAttributeValues": values, "ReturnValues": returned,
    })
}

#[test]
fn an_update_returns_what_it_is_asked_for() {
    let old = json!({"k": {"S": "a"}, "n": {"N": "1"}, "m": {"M": {"x": {"S": "1"}, "y": {"S": "2"}}},
        "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}, "gone": {"S": "here"}});
    let new = json!({"k": {"S": "a"}, "n": {"N": "3"}, "m": {"M": {"x": {"S": "new"}, "y": {"S": "2"}}},
        "l": {"L": [{"N": "0"}, {"S": "one"}, {"N": "2"}]}, "fresh": {"BOOL": true}});
    let expression = "SET n = n + :two, m.x = :new, l[1] = :one, fresh = :true REMOVE gone";
    let values =
        json!({":two": {"N": "2"}, ":new": {"S": "new"}, ":one": {"S": "one"}, ":true": {"BOOL": true}});
    let updated_old = json!({"n": {"N": "1"}, "m": {"M": {"x": {"S": "1"}}}, "l": {"L": [{"N": "1"}]},
        "gone": {"S": "here"}});
    let updated_new = json!({"n": {"N": "3"}, "m": {"M": {"x": {"S": "new"}}}, "l": {"L": [{"S": "one"}]},
        "fresh": {"BOOL": true}});
    for (returned, expected) in [
        ("NONE", json!({})),
        ("ALL_OLD", json!({"Attributes": old})),
        ("ALL_NEW", json!({"Attributes": new})),
        ("UPDATED_OLD", json!({"Attributes": updated_old})),
        ("UPDATED_NEW", json!({"Attributes": updated_new})),
    ] {
        let mut tables = Tables::with_simple();
        tables.put(old.clone());
        assert_eq!(
            tables.ok("UpdateItem", update(expression, values.clone(), returned)),
            expected,
            "{returned}"
        );
        assert_eq!(tables.get(json!({"k": {"S": "a"}})), new);
    }
}

#[test]
fn an_update_of_nothing_makes_the_item() {
    let mut tables = Tables::with_simple();
    let one = json!({":one": {"N": "1"}});
    for (returned, expected) in [
        ("ALL_OLD", json!({})),
        ("UPDATED_NEW", json!({"Attributes": {"n": {"N": "2"}}})),
        ("ALL_NEW", json!({"Attributes": {"k": {"S": "a"}, "n": {"N": "3"}}})),
    ] {
        assert_eq!(
            tables.ok("UpdateItem", update("ADD n :one", one.clone(), returned)),
            expected,
            "{returned}"
        );
    }
    let key_alone = json!({"TableName": "tab", "Key": {"k": {"S": "b"}}});
    assert_eq!(tables.ok("UpdateItem", key_alone), json!({}));
    assert_eq!(tables.get(json!({"k": {"S": "b"}})), json!({"k": {"S": "b"}}));
}

#[test]
fn a_put_and_a_delete_return_the_old_item_only() {
    let mut tables = Tables::with_simple();
    let item = json!({"k": {"S": "a"}});
    let message = "ReturnValues can only be ALL_OLD or NONE";
    for returned in ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"] {
        for (operation, member) in [("PutItem", "Item"), ("DeleteItem", "Key")] {
            let mut input = json!({"TableName": "tab", "ReturnValues": returned});
            input[member] = item.clone();
            assert_eq!(
                tables.fails(operation, input),
                ("ValidationException".into(), message.into()),
                "{operation} {returned}"
            );
        }
    }
    tables.put(item.clone());
    let delete = json!({"TableName": "tab", "Key": item, "ReturnValues": "ALL_OLD"});
    assert_eq!(tables.ok("DeleteItem", delete.clone()), json!({"Attributes": item}));
    assert_eq!(tables.ok("DeleteItem", delete), json!({}));
}

/// A unit is 1 KB written or 4 KB read, and half of that if the read need not be consistent; transactions count twice.
#[test]
fn capacity_is_counted_by_size() {
    let mut tables = Tables::with_simple();
    let text = |bytes: usize| "x".repeat(bytes);
    let total = |output: &Value| output["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap();
    // `k`, `a` and `v` are three bytes.
    for (bytes, written, read) in [(1021, 1.0, 1.0), (1022, 2.0, 1.0), (4093, 4.0, 1.0), (4094, 5.0, 2.0)] {
        let item = json!({"k": {"S": "a"}, "v": {"S": text(bytes)}});
        let put = json!({"TableName": "tab", "Item": item, "ReturnConsumedCapacity": "TOTAL"});
        tables.ok("DeleteItem", json!({"TableName": "tab", "Key": {"k": {"S": "a"}}}));
        let output = tables.ok("PutItem", put);
        assert_eq!(
            output,
            json!({"ConsumedCapacity": {"TableName": "tab", "CapacityUnits": written}}),
            "{bytes}"
        );
        let mut get =
            json!({"TableName": "tab", "Key": {"k": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"});
        assert!((total(&tables.ok("GetItem", get.clone())) - read / 2.0).abs() < 1e-9, "{bytes}");
        get["ConsistentRead"] = json!(true);
        assert!((total(&tables.ok("GetItem", get)) - read).abs() < 1e-9, "{bytes}");
    }
    // The larger of the item before and after counts.
    let shrink = json!({"TableName": "tab", "Item": {"k": {"S": "a"}}, "ReturnConsumedCapacity": "INDEXES"});
    assert_eq!(
        tables.ok("PutItem", shrink),
        json!({"ConsumedCapacity": {"TableName": "tab", "CapacityUnits": 5.0, "Table": {"CapacityUnits": 5.0}}})
    );
    let transaction = json!({
        "ReturnConsumedCapacity": "TOTAL",
        "TransactItems": [{"Put": {"TableName": "tab", "Item": {"k": {"S": "a"}, "v": {"S": text(1022)}}}}],
    });
    let output = tables.ok("TransactWriteItems", transaction);
    assert_eq!(output["ConsumedCapacity"][0]["CapacityUnits"], 4.0);
    let absent = json!({"TableName": "tab", "Key": {"k": {"S": "none"}}, "ReturnConsumedCapacity": "TOTAL"});
    assert_eq!(
        tables.ok("GetItem", absent),
        json!({"ConsumedCapacity": {"TableName": "tab", "CapacityUnits": 0.5}})
    );
}

#[test]
fn a_failed_condition_shows_the_item_only_if_asked_and_there() {
    let mut tables = Tables::with_simple();
    let failing = |shown: &str| {
        json!({
            "TableName": "tab", "Item": {"k": {"S": "a"}}, "ConditionExpression": "v = :v",
            "ExpressionAttributeValues": {":v": {"S": "never"}}, "ReturnValuesOnConditionCheckFailure": shown,
        })
    };
    assert_eq!(tables.error("PutItem", failing("ALL_OLD")).get("Item"), None);
    tables.put(json!({"k": {"S": "a"}}));
    assert_eq!(tables.error("PutItem", failing("NONE")).get("Item"), None);
    assert_eq!(tables.error("PutItem", failing("ALL_OLD"))["Item"], json!({"k": {"S": "a"}}));
}
