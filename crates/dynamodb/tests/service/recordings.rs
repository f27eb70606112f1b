//! What AWS answered in the recordings under `dynamodb/`, each test named after the recording it replays.

use serde_json::{Value, json};

use crate::harness::{Tables, table};

/// The table of most recordings: hash key `id`, a string.
fn tables() -> Tables {
    let mut tables = Tables::new();
    tables.create("tab", json!([["id", "S"]]));
    tables
}

/// Takes out of a description what differs from run to run.
fn without_volatile(mut description: Value) -> Value {
    let object = description.as_object_mut().unwrap();
    assert!(object.remove("TableId").unwrap().as_str().unwrap().len() == 36);
    object.remove("CreationDateTime");
    description
}

#[test]
fn table_crud() {
    let mut tables = Tables::new();
    let mut create = table("tab", &json!([["id", "S"]]));
    create["BillingMode"] = Value::Null;
    create["ProvisionedThroughput"] = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let created = tables.ok("CreateTable", create);
    assert_eq!(created["TableDescription"]["CreationDateTime"], 1_700_000_000.0);
    let mut expected = json!({
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "DeletionProtectionEnabled": false, "ItemCount": 0,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        "TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tab",
        "TableName": "tab", "TableSizeBytes": 0, "TableStatus": "CREATING",
    });
    assert_eq!(without_volatile(created["TableDescription"].clone()), expected);

    let described = tables.ok("DescribeTable", json!({"TableName": "tab"}));
    expected["TableStatus"] = json!("ACTIVE");
    expected["WarmThroughput"] =
        json!({"ReadUnitsPerSecond": 5, "Status": "ACTIVE", "WriteUnitsPerSecond": 5});
    assert_eq!(without_volatile(described["Table"].clone()), expected);

    let deleted = tables.ok("DeleteTable", json!({"TableName": "tab"}));
    assert_eq!(
        without_volatile(deleted["TableDescription"].clone()),
        json!({
            "DeletionProtectionEnabled": false, "ItemCount": 0,
            "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            "TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tab",
            "TableName": "tab", "TableSizeBytes": 0, "TableStatus": "DELETING",
        })
    );
    assert_eq!(
        tables.fails("DeleteTable", json!({"TableName": "non-existent"})),
        (
            "ResourceNotFoundException".into(),
            "Requested resource not found: Table: non-existent not found".into()
        )
    );
}

#[test]
fn create_duplicate_table() {
    assert_eq!(
        tables().fails("CreateTable", table("tab", &json!([["id", "S"]]))),
        ("ResourceInUseException".into(), "Table already exists: tab".into())
    );
}

#[test]
fn dynamodb_pay_per_request() {
    let mut create = table("tab", &json!([["id", "S"]]));
    create["ProvisionedThroughput"] = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let message = "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be \
                   specified when BillingMode is PAY_PER_REQUEST";
    assert_eq!(Tables::new().fails("CreateTable", create), ("ValidationException".into(), message.into()));
}

#[test]
fn return_values_in_put_item() {
    let mut tables = tables();
    let first = json!({"id": {"S": "id1"}, "data": {"S": "foobar"}});
    let second = json!({"id": {"S": "id2"}, "data": {"S": "foobar"}});
    let put =
        |item: &Value, returned: &str| json!({"TableName": "tab", "Item": item, "ReturnValues": returned});
    assert_eq!(tables.ok("PutItem", put(&first, "ALL_OLD")), json!({}));
    assert_eq!(tables.ok("PutItem", put(&first, "ALL_OLD")), json!({"Attributes": first}));
    assert_eq!(tables.ok("PutItem", put(&first, "ALL_OLD")), json!({"Attributes": first}));
    assert_eq!(tables.ok("PutItem", put(&second, "ALL_OLD")), json!({}));
    assert_eq!(tables.ok("PutItem", put(&second, "NONE")), json!({}));
}

#[test]
fn empty_and_binary_values() {
    let mut tables = tables();
    assert_eq!(
        tables.ok("PutItem", json!({"TableName": "tab", "Item": {"id": {"S": "id1"}, "data": {"S": ""}}})),
        json!({})
    );
    assert_eq!(
        tables
            .ok("PutItem", json!({"TableName": "tab", "Item": {"id": {"S": "id2"}, "data": {"B": "kA=="}}})),
        json!({})
    );
    assert_eq!(tables.get(json!({"id": {"S": "id2"}}))["data"], json!({"B": "kA=="}));
}

#[test]
fn return_values_on_conditions_check_failure() {
    let mut tables = tables();
    let item = json!({"id": {"S": "456"}, "price": {"N": "650"}, "product": {"S": "sporting goods"}});
    tables.put(item.clone());
    let error = tables.error(
        "DeleteItem",
        json!({
            "TableName": "tab", "Key": {"id": {"S": "456"}},
            "ConditionExpression": "price between :lo and :hi",
            "ExpressionAttributeValues": {":lo": {"N": "500"}, ":hi": {"N": "600"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }),
    );
    assert_eq!(
        error,
        json!({
            "code": "ConditionalCheckFailedException", "message": "The conditional request failed", "Item": item,
        })
    );
}

#[test]
fn batches_and_transactions_on_items() {
    let mut tables = tables();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tab";
    let unprocessed = json!({"UnprocessedItems": {}});
    let put = |id: &str| json!({"PutRequest": {"Item": {"id": {"S": id}, "data": {"B": "kA=="}}}});
    assert_eq!(
        tables.ok("BatchWriteItem", json!({"RequestItems": {"tab": [put("a"), put("b")]}})),
        unprocessed
    );
    for (name, id) in [("tab", "John"), (arn, "Sarah")] {
        let put = json!({"Put": {"TableName": name, "Item": {"id": {"S": id}}}});
        assert_eq!(tables.ok("TransactWriteItems", json!({"TransactItems": [put]})), json!({}));
        let get = json!({"Get": {"TableName": name, "Key": {"id": {"S": id}}}});
        assert_eq!(
            tables.ok("TransactGetItems", json!({"TransactItems": [get]})),
            json!({"Responses": [{"Item": {"id": {"S": id}}}]})
        );
    }
    let keys = json!({"RequestItems": {"tab": {"Keys": [{"id": {"S": "no such"}}]}}});
    assert_eq!(tables.ok("BatchGetItem", keys), json!({"Responses": {"tab": []}, "UnprocessedKeys": {}}));
    let wrong = json!({"RequestItems": {"tab": [{"PutRequest": {"Item": {"other": {"S": "x"}}}}]}});
    assert_eq!(
        tables.fails("BatchWriteItem", wrong),
        ("ValidationException".into(), "The provided key element does not match the schema".into())
    );
    let absent = json!({"TransactItems": [{"Put": {"TableName": "none", "Item": {"id": {"S": "x"}}}}]});
    assert_eq!(
        tables.fails("TransactWriteItems", absent),
        ("ResourceNotFoundException".into(), "Requested resource not found".into())
    );
}

#[test]
fn transaction_write_canceled() {
    let mut tables = tables();
    tables.put(json!({"id": {"S": "a"}}));
    let transaction = json!({"TransactItems": [
        {"ConditionCheck": {
            "TableName": "tab", "Key": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)",
        }},
        {"Put": {"TableName": "tab", "Item": {"id": {"S": "b"}}}},
    ]});
    assert_eq!(
        tables.error("TransactWriteItems", transaction),
        json!({
            "code": "TransactionCanceledException",
            "message": "Transaction cancelled, please refer cancellation reasons for specific reasons \
                        [ConditionalCheckFailed, None]",
            "CancellationReasons": [
                {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
                {"Code": "None"},
            ],
        })
    );
    assert_eq!(tables.get(json!({"id": {"S": "b"}})), Value::Null);
}

#[test]
fn dynamodb_idempotent_writing() {
    let mut tables = tables();
    let write = json!({
        "ClientRequestToken": "token",
        "TransactItems": [{"Update": {
            "TableName": "tab", "Key": {"id": {"S": "a"}}, "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }}],
    });
    assert_eq!(tables.ok("TransactWriteItems", write.clone()), json!({}));
    assert_eq!(tables.ok("TransactWriteItems", write), json!({}));
    assert_eq!(tables.get(json!({"id": {"S": "a"}}))["n"], json!({"N": "1"}));
}
