//! Transactions and batches.

use serde_json::{Value, json};

use crate::harness::Tables;

fn key(text: &str) -> Value {
    json!({"k": {"S": text}})
}

fn write(actions: Value) -> Value {
    json!({"TransactItems": actions})
}

fn put(text: &str) -> Value {
    json!({"Put": {"TableName": "tab", "Item": key(text)}})
}

#[test]
fn every_action_says_why_it_cancels() {
    let mut tables = Tables::with_simple();
    tables.put(json!({"k": {"S": "a"}, "s": {"S": "text"}}));
    let transaction = write(json!([
        put("new"),
        {"Update": {
            "TableName": "tab", "Key": key("a"), "UpdateExpression": "SET s = s + :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }},
        {"Put": {"TableName": "tab", "Item": {"wrong": {"S": "x"}}}},
        {"Delete": {
            "TableName": "tab", "Key": key("b"), "ConditionExpression": "attribute_exists(k)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }},
        {"ConditionCheck": {"TableName": "tab", "Key": key("c"), "ConditionExpression": "attribute_not_exists(k)"}},
    ]));
    let error = tables.error("TransactWriteItems", transaction);
    assert_eq!(
        error["CancellationReasons"],
        json!([
            {"Code": "None"},
            {"Code": "ValidationError", "Message": "An operand in the update expression has an incorrect data type"},
            {"Code": "ValidationError",
                "Message": "One or more parameter values were invalid: Missing the key k in the item"},
            {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
            {"Code": "None"},
        ])
    );
    assert_eq!(tables.get(key("new")), Value::Null, "all or nothing");
}

#[test]
fn a_transaction_does_everything_at_once() {
    let mut tables = Tables::with_simple();
    tables.create("other", json!([["k", "S"]]));
    tables.put(key("gone"));
    tables.put(json!({"k": {"S": "shown"}, "n": {"N": "1"}}));
    tables.ok(
        "TransactWriteItems",
        write(json!([
            put("new"),
            {"Put": {"TableName": "other", "Item": key("new")}},
            {"Delete": {"TableName": "tab", "Key": key("gone")}},
            {"Update": {
                "TableName": "tab", "Key": key("shown"), "UpdateExpression": "SET n = n + n",
                "ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}},
            }},
        ])),
    );
    let get = |table: &str, text: &str| json!({"Get": {"TableName": table, "Key": key(text)}});
    let read =
        write(json!([get("tab", "new"), get("other", "new"), get("tab", "gone"), get("tab", "shown")]));
    assert_eq!(
        tables.ok("TransactGetItems", read)["Responses"],
        json!([{"Item": key("new")}, {"Item": key("new")}, {}, {"Item": {"k": {"S": "shown"}, "n": {"N": "2"}}}])
    );
}

#[test]
fn two_actions_on_one_item_are_refused() {
    let mut tables = Tables::with_simple();
    let twice = write(json!([put("a"), {"Delete": {"TableName": "tab", "Key": key("a")}}]));
    assert_eq!(
        tables.fails("TransactWriteItems", twice),
        (
            "ValidationException".into(),
            "Transaction request cannot include multiple operations on one item".into()
        )
    );
}

#[test]
fn a_token_is_remembered_for_ten_minutes() {
    let mut tables = Tables::with_simple();
    let add = |amount: &str| {
        json!({
            "ClientRequestToken": "token", "ReturnConsumedCapacity": "TOTAL",
            "TransactItems": [{"Update": {
                "TableName": "tab", "Key": key("a"), "UpdateExpression": "ADD n :n",
                "ExpressionAttributeValues": {":n": {"N": amount}},
            }}],
        })
    };
    let n = |tables: &mut Tables| tables.get(key("a"))["n"]["N"].clone();
    let first = tables.ok("TransactWriteItems", add("1"));
    assert_eq!(
        first["ConsumedCapacity"],
        json!([{"TableName": "tab", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}])
    );
    tables.pass(599);
    tables.restart();
    let repeated = tables.ok("TransactWriteItems", add("1"));
    assert_eq!(
        repeated["ConsumedCapacity"],
        json!([{"TableName": "tab", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}])
    );
    assert_eq!(n(&mut tables), "1");
    assert_eq!(tables.fails("TransactWriteItems", add("2")).0, "IdempotentParameterMismatchException");
    tables.pass(2);
    tables.ok("TransactWriteItems", add("2"));
    assert_eq!(n(&mut tables), "3");
    tables.pass(3600);
    assert_eq!(tables.keys_stored(), 2, "an item and a tally; no token");
}

#[test]
fn a_failed_transaction_is_not_remembered() {
    let mut tables = Tables::with_simple();
    let transaction = json!({
        "ClientRequestToken": "token",
        "TransactItems": [{"Put": {
            "TableName": "tab", "Item": {"k": {"S": "b"}}, "ConditionExpression": "attribute_exists(k)",
        }}],
    });
    tables.error("TransactWriteItems", transaction.clone());
    tables.put(key("b"));
    tables.ok("TransactWriteItems", transaction);
}

#[test]
fn a_batch_writes_and_reads_several_tables() {
    let mut tables = Tables::with_simple();
    tables.create("other", json!([["k", "S"]]));
    tables.put(key("gone"));
    let batch = json!({"ReturnConsumedCapacity": "TOTAL", "RequestItems": {
        "tab": [{"PutRequest": {"Item": key("a")}}, {"DeleteRequest": {"Key": key("gone")}}],
        "other": [{"PutRequest": {"Item": key("b")}}],
    }});
    assert_eq!(
        tables.ok("BatchWriteItem", batch),
        json!({"UnprocessedItems": {}, "ConsumedCapacity": [
            {"TableName": "other", "CapacityUnits": 1.0}, {"TableName": "tab", "CapacityUnits": 2.0},
        ]})
    );
    let read = json!({"RequestItems": {
        "tab": {"Keys": [key("a"), key("gone")], "ConsistentRead": true}, "other": {"Keys": [key("b")]},
    }});
    assert_eq!(tables.ok("BatchGetItem", read)["Responses"], json!({"tab": [key("a")], "other": [key("b")]}));
    let twice = json!({"RequestItems": {"tab": [{"PutRequest": {"Item": key("a")}}, {"DeleteRequest": {"Key": key("a")}}]}});
    assert_eq!(tables.fails("BatchWriteItem", twice).1, "Provided list of item keys contains duplicates");
    let twice = json!({"RequestItems": {"tab": {"Keys": [key("a"), key("a")]}}});
    assert_eq!(tables.fails("BatchGetItem", twice).1, "Provided list of item keys contains duplicates");
}

#[test]
fn a_batch_read_gives_back_what_exceeds_sixteen_megabytes() {
    let mut tables = Tables::with_simple();
    let text = "x".repeat(390 * 1024);
    let keys: Vec<Value> = (0..50).map(|number| key(&format!("{number:02}"))).collect();
    for key in &keys {
        let mut item = key.clone();
        item["v"] = json!({"S": text});
        tables.put(item);
    }
    let output = tables.ok("BatchGetItem", json!({"RequestItems": {"tab": {"Keys": keys}}}));
    let read = output["Responses"]["tab"].as_array().unwrap().len();
    let left = output["UnprocessedKeys"]["tab"]["Keys"].as_array().unwrap().len();
    assert_eq!(read + left, 50);
    assert!((41..=43).contains(&read), "{read} items of 390 KB");
}
