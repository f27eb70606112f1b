//! Tables: their configuration, their counts, their end, and that they outlive the process.

use serde_json::{Value, json};

use crate::harness::{Tables, table};

fn described(tables: &mut Tables) -> Value {
    tables.ok("DescribeTable", json!({"TableName": "tab"}))["Table"].clone()
}

#[test]
fn items_and_bytes_are_counted() {
    let mut tables = Tables::with_simple();
    let counts = |tables: &mut Tables| {
        let table = described(tables);
        (table["ItemCount"].as_i64().unwrap(), table["TableSizeBytes"].as_i64().unwrap())
    };
    assert_eq!(counts(&mut tables), (0, 0));
    tables.put(json!({"k": {"S": "a"}, "v": {"S": "12345678"}}));
    tables.put(json!({"k": {"S": "b"}}));
    assert_eq!(counts(&mut tables), (2, 11 + 2));
    tables.put(json!({"k": {"S": "a"}, "v": {"S": "1"}}));
    assert_eq!(counts(&mut tables), (2, 4 + 2));
    let remove = json!({"TableName": "tab", "Key": {"k": {"S": "a"}}});
    tables.ok("DeleteItem", remove.clone());
    tables.ok("DeleteItem", remove);
    assert_eq!(counts(&mut tables), (1, 2));
    let fails =
        json!({"TableName": "tab", "Item": {"k": {"S": "c"}}, "ConditionExpression": "attribute_exists(k)"});
    tables.error("PutItem", fails);
    tables.restart();
    assert_eq!(counts(&mut tables), (1, 2));
}

#[test]
fn tables_and_items_outlive_the_process() {
    let mut tables = Tables::with_ranged();
    let item = json!({"k": {"S": "a"}, "r": {"N": "1"}, "deep": {"M": {"l": {"L": [{"NS": ["1", "2.5"]}]}}}});
    tables.put(item.clone());
    let before = described(&mut tables);
    tables.restart();
    assert_eq!(described(&mut tables), before);
    assert_eq!(tables.get(json!({"k": {"S": "a"}, "r": {"N": "1.0"}})), item);
}

#[test]
fn a_deleted_table_is_emptied_and_its_name_is_free() {
    let mut tables = Tables::with_simple();
    for number in 0..300 {
        tables.put(json!({"k": {"S": number.to_string()}}));
    }
    tables.ok("DeleteTable", json!({"TableName": "tab"}));
    assert_eq!(
        tables.fails("GetItem", json!({"TableName": "tab", "Key": {"k": {"S": "1"}}})),
        ("ResourceNotFoundException".into(), "Requested resource not found".into())
    );
    tables.create("tab", json!([["k", "S"]]));
    assert_eq!(tables.get(json!({"k": {"S": "1"}})), Value::Null);
    // What was begun is taken up again after a restart.
    tables.restart();
    tables.put(json!({"k": {"S": "new"}}));
    tables.pass(1);
    assert_eq!(tables.keys_stored(), 2, "one item and one tally");
    assert_eq!(described(&mut tables)["ItemCount"], 1);
}

#[test]
fn a_protected_table_is_not_deleted() {
    let mut tables = Tables::with_simple();
    tables.ok("UpdateTable", json!({"TableName": "tab", "DeletionProtectionEnabled": true}));
    let (code, message) = tables.fails("DeleteTable", json!({"TableName": "tab"}));
    assert_eq!(code, "ValidationException");
    assert_eq!(
        message,
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
    );
    tables.ok("UpdateTable", json!({"TableName": "tab", "DeletionProtectionEnabled": false}));
    tables.ok("DeleteTable", json!({"TableName": "tab"}));
}

#[test]
fn billing_and_throughput_change() {
    let mut tables = Tables::with_simple();
    assert_eq!(described(&mut tables)["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    let provisioned = json!({
        "TableName": "tab", "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
    });
    let updated = tables.ok("UpdateTable", provisioned.clone());
    assert_eq!(updated["TableDescription"]["TableStatus"], "UPDATING");
    let table = described(&mut tables);
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["ProvisionedThroughput"]["ReadCapacityUnits"], 3);
    let mut same = provisioned;
    same.as_object_mut().unwrap().remove("BillingMode");
    assert_eq!(
        tables.fails("UpdateTable", same).1,
        "The provisioned throughput for the table will not change. The requested value equals the current value. \
         Current ReadCapacityUnits provisioned for the table: 3. Requested ReadCapacityUnits: 3. Current \
         WriteCapacityUnits provisioned for the table: 4. Requested WriteCapacityUnits: 4. Refer to the Amazon DynamoDB \
         Developer Guide for current limits and how to request higher limits."
    );
    assert_eq!(
        tables.fails("UpdateTable", json!({"TableName": "tab"})).0,
        "ValidationException",
        "nothing to update"
    );
}

#[test]
fn tables_are_listed_in_pages() {
    let mut tables = Tables::new();
    for name in ["ccc", "aaa", "bbb"] {
        tables.create(name, json!([["k", "S"]]));
    }
    let first = tables.ok("ListTables", json!({"Limit": 2}));
    assert_eq!(first, json!({"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}));
    let rest = tables.ok("ListTables", json!({"ExclusiveStartTableName": "bbb"}));
    assert_eq!(rest, json!({"TableNames": ["ccc"]}));
}

#[test]
fn tags_come_and_go() {
    let mut tables = Tables::new();
    let mut create = table("tab", &json!([["k", "S"]]));
    create["Tags"] = json!([{"Key": "a", "Value": "1"}]);
    let arn = tables.ok("CreateTable", create)["TableDescription"]["TableArn"].clone();
    tables.ok("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "b", "Value": "2"}]}));
    tables.ok("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]}));
    tables.restart();
    assert_eq!(
        tables.ok("ListTagsOfResource", json!({"ResourceArn": arn})),
        json!({"Tags": [{"Key": "b", "Value": "2"}]})
    );
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let with = |member: &str, value: Value| {
        let mut create = table("tab", &json!([["k", "S"]]));
        create[member] = value;
        create
    };
    let index = json!([{
        "IndexName": "index", "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }]);
    for (create, feature) in [
        (with("GlobalSecondaryIndexes", index), "GlobalSecondaryIndexes"),
        (
            with("StreamSpecification", json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"})),
            "StreamSpecification",
        ),
    ] {
        let mut tables = Tables::new();
        let (code, message) = tables.fails("CreateTable", create);
        assert_eq!(code, "ValidationException");
        assert!(message.contains("Pontoon does not support") && message.contains(feature), "{message}");
        assert_eq!(tables.ok("ListTables", json!({})), json!({"TableNames": []}));
    }
}

#[test]
fn activity_is_published_by_the_minute() {
    let mut tables = Tables::with_simple();
    tables.put(json!({"k": {"S": "a"}}));
    tables.put(json!({"k": {"S": "b"}}));
    tables.get(json!({"k": {"S": "a"}}));
    tables.error(
        "PutItem",
        json!({"TableName": "tab", "Item": {"k": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(k)"}),
    );
    tables.pass(120);
    let sum = |tables: &Tables, name: &str| -> f64 {
        let data = tables.metrics.iter().filter(|datum| datum.name == name);
        data.flat_map(|datum| &datum.values).map(|(value, count)| value * count).sum()
    };
    for (name, expected) in [
        ("ConsumedWriteCapacityUnits", 3.0),
        ("ConsumedReadCapacityUnits", 0.5),
        ("ConditionalCheckFailedRequests", 1.0),
    ] {
        assert!((sum(&tables, name) - expected).abs() < 1e-9, "{name}: {}", sum(&tables, name));
    }
}
