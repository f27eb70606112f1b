//! What is wrong with requests, and which fault is told first.

use std::sync::Arc;

use pontoon_core::Principal;
use pontoon_core::policy::IdentityPolicies;
use serde_json::{Value, json};

use crate::harness::{Tables, table};

/// Checks that each input fails as a `ValidationException` with its message.
#[track_caller]
fn invalid(tables: &mut Tables, operation: &str, cases: &[(Value, &str)]) {
    for (input, message) in cases {
        let (code, found) = tables.fails(operation, input.clone());
        assert_eq!((code.as_str(), found.as_str()), ("ValidationException", *message), "{operation} {input}");
    }
}

#[test]
fn what_the_model_forbids_is_told_together() {
    let mut tables = Tables::new();
    invalid(
        &mut tables,
        "PutItem",
        &[
            (
                json!({}),
                "2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be \
                 null; Value null at 'item' failed to satisfy constraint: Member must not be null",
            ),
            (
                json!({"TableName": "tab", "Item": {}, "ReturnValues": "all"}),
                "1 validation error detected: Value 'all' at 'returnValues' failed to satisfy constraint: Member must \
                 satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
            ),
        ],
    );
    invalid(
        &mut tables,
        "CreateTable",
        &[(
            json!({"KeySchema": []}),
            "The parameter 'TableName' is required but was not present in the request",
        )],
    );
    invalid(
        &mut tables,
        "BatchGetItem",
        &[(json!({"RequestItems": {}}), "The requestItems parameter is required for BatchGetItem")],
    );
}

#[test]
fn values_are_checked_before_the_table_is_looked_up() {
    let mut tables = Tables::new();
    let put = |value: Value| json!({"TableName": "none", "Item": {"a": value}});
    invalid(
        &mut tables,
        "PutItem",
        &[
            (
                put(json!({})),
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ),
            (
                put(json!({"S": "a", "N": "1"})),
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            ),
            (put(json!({"N": "one"})), "The parameter cannot be converted to a numeric value: one"),
            (
                put(json!({"N": "1e126"})),
                "Number overflow. Attempting to store a number with magnitude larger than supported range",
            ),
            (
                put(json!({"N": "1e-131"})),
                "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            ),
            (
                put(json!({"N": "123456789012345678901234567890123456789"})),
                "Attempting to store more than 38 significant digits in a Number",
            ),
            (
                put(json!({"SS": []})),
                "One or more parameter values were invalid: An string set  may not be empty",
            ),
            (put(json!({"NS": ["1", "1.0"]})), "Input collection contains duplicates"),
            (
                json!({"TableName": "none", "Item": {"a": {"S": "x".repeat(400 * 1024)}}}),
                "Item size has exceeded the maximum allowed size",
            ),
        ],
    );
    assert_eq!(
        tables.fails("PutItem", put(json!({"S": "a"}))),
        ("ResourceNotFoundException".into(), "Requested resource not found".into())
    );
}

#[test]
fn keys_must_fit_the_table() {
    let mut tables = Tables::with_ranged();
    let put = |item: Value| json!({"TableName": "tab", "Item": item});
    invalid(
        &mut tables,
        "PutItem",
        &[
            (
                put(json!({"k": {"S": "a"}})),
                "One or more parameter values were invalid: Missing the key r in the item",
            ),
            (
                put(json!({"k": {"S": "a"}, "r": {"S": "1"}})),
                "One or more parameter values were invalid: Type mismatch for key r expected: N actual: S",
            ),
            (
                put(json!({"k": {"S": ""}, "r": {"N": "1"}})),
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: k",
            ),
            (
                put(json!({"k": {"S": "x".repeat(2049)}, "r": {"N": "1"}})),
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 \
                 bytes",
            ),
        ],
    );
    let get = |key: Value| json!({"TableName": "tab", "Key": key});
    let mismatch = "The provided key element does not match the schema";
    invalid(
        &mut tables,
        "GetItem",
        &[
            (get(json!({"k": {"S": "a"}})), mismatch),
            (get(json!({"k": {"S": "a"}, "r": {"S": "1"}})), mismatch),
            (get(json!({"k": {"S": "a"}, "r": {"N": "1"}, "x": {"N": "1"}})), mismatch),
        ],
    );
    let long = json!({"k": {"S": "x".repeat(2048)}, "r": {"N": "1"}});
    tables.put(long.clone());
    assert_eq!(tables.get(long.clone()), long);
}

#[test]
fn expressions_are_checked_with_their_substitutes() {
    let mut tables = Tables::with_simple();
    let update = |expression: &str, names: Value, values: Value| {
        json!({
            "TableName": "tab", "Key": {"k": {"S": "a"}}, "UpdateExpression": expression,
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
        })
    };
    let v = || json!({":v": {"N": "1"}});
    invalid(
        &mut tables,
        "UpdateItem",
        &[
            (
                update("", Value::Null, Value::Null),
                "Invalid UpdateExpression: The expression can not be empty;",
            ),
            (
                update("SET a = :v", Value::Null, Value::Null),
                "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute \
                 value: :v",
            ),
            (
                update("SET #a = :v", Value::Null, v()),
                "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; \
                 attribute name: #a",
            ),
            (
                update("SET a = :v", json!({"#x": "x"}), v()),
                "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}",
            ),
            (
                update("REMOVE a", Value::Null, v()),
                "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
            ),
            (
                update("SET name = :v", Value::Null, v()),
                "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name",
            ),
            (
                update("SET k = :v", Value::Null, v()),
                "One or more parameter values were invalid: Cannot update attribute k. This attribute is part of the key",
            ),
            (
                update("SET a.b = :v", Value::Null, v()),
                "The document path provided in the update expression is invalid for update",
            ),
            (
                update("SET b = a", Value::Null, Value::Null),
                "The provided expression refers to an attribute that does not exist in the item",
            ),
            (
                update("SET a = :v, a = :v", Value::Null, v()),
                "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of \
                 these paths; path one: [a], path two: [a]",
            ),
        ],
    );
    let mixed = json!({
        "TableName": "tab", "Item": {"k": {"S": "a"}}, "Expected": {}, "ConditionExpression": "attribute_exists(k)",
    });
    invalid(
        &mut tables,
        "PutItem",
        &[(
            mixed,
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
             {Expected} Expression parameters: {ConditionExpression}",
        )],
    );
}

#[test]
fn queries_must_name_the_key() {
    let mut tables = Tables::with_ranged();
    let query = |condition: &str, values: Value| json!({"TableName": "tab", "KeyConditionExpression": condition, "ExpressionAttributeValues": values});
    let k = || json!({":k": {"S": "a"}});
    let both = || json!({":k": {"S": "a"}, ":r": {"N": "1"}});
    invalid(
        &mut tables,
        "Query",
        &[
            (
                json!({"TableName": "tab"}),
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ),
            (query("r = :r", json!({":r": {"N": "1"}})), "Query condition missed key schema element: k"),
            (query("k > :k", k()), "Query key condition not supported"),
            (query("k = :k AND x = :r", both()), "Query condition missed key schema element: r"),
            (
                query("k = :k AND r = :k", k()),
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ),
            (query("k = :k OR r = :r", both()), "Invalid operator used in KeyConditionExpression: OR"),
            (
                json!({
                    "TableName": "tab", "KeyConditionExpression": "k = :k", "FilterExpression": "r > :r",
                    "ExpressionAttributeValues": both(),
                }),
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: r",
            ),
            (
                json!({
                    "TableName": "tab", "KeyConditionExpression": "k = :k", "ExpressionAttributeValues": k(),
                    "ExclusiveStartKey": {"k": {"S": "b"}, "r": {"N": "1"}},
                }),
                "The provided starting key is outside query boundaries based on provided conditions",
            ),
            (
                json!({
                    "TableName": "tab", "KeyConditionExpression": "k = :k", "ExpressionAttributeValues": k(),
                    "IndexName": "none",
                }),
                "The table does not have the specified index: none",
            ),
        ],
    );
}

#[test]
fn tables_must_make_sense() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut create = table("tab", &json!([["k", "S"], ["r", "N"]]));
        change(&mut create);
        create
    };
    let mut tables = Tables::new();
    invalid(
        &mut tables,
        "CreateTable",
        &[
            (
                with(&|create| create["TableName"] = json!("a")),
                "1 validation error detected: Value 'a' at 'tableName' failed to satisfy constraint: Member must have length \
                 greater than or equal to 3",
            ),
            (
                with(&|create| create["BillingMode"] = json!("PROVISIONED")),
                "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be \
                 specified when BillingMode is PROVISIONED",
            ),
            (
                with(&|create| {
                    create["AttributeDefinitions"] = json!([{"AttributeName": "k", "AttributeType": "S"}])
                }),
                "Invalid KeySchema: Some index key attribute have no definition",
            ),
        ],
    );
}

#[test]
fn who_may_not_is_told_before_anything_else() {
    let mut tables = Tables::with_simple();
    tables.caller.principal =
        Principal::Role { arn: "arn:aws:iam::000000000000:role/reader".into(), session: "session".into() };
    tables.caller.identity = Some(Arc::new(IdentityPolicies::default()));
    let message = |action: &str, table: &str| {
        format!(
            "User: arn:aws:sts::000000000000:assumed-role/reader/session is not authorized to perform: dynamodb:{action} on \
             resource: arn:aws:dynamodb:us-east-1:000000000000:table/{table} because no identity-based policy allows the \
             dynamodb:{action} action"
        )
    };
    let bad_item = json!({"a": {"N": "no number"}});
    for (operation, input, table) in [
        ("PutItem", json!({"TableName": "tab", "Item": bad_item}), "tab"),
        ("GetItem", json!({"TableName": "none", "Key": bad_item}), "none"),
        ("Scan", json!({"TableName": "tab", "FilterExpression": ""}), "tab"),
        ("DescribeTable", json!({"TableName": "tab"}), "tab"),
    ] {
        let expected = ("AccessDeniedException".to_owned(), message(operation, table));
        assert_eq!(tables.fails(operation, input), expected);
    }
}

#[test]
fn an_arn_reaches_neither_other_accounts_nor_other_regions() {
    let mut tables = Tables::with_simple();
    for (region, account, code) in [
        ("us-east-1", "000000000000", None),
        ("us-east-1", "111111111111", Some("AccessDeniedException")),
        ("eu-west-1", "000000000000", Some("ResourceNotFoundException")),
    ] {
        let arn = format!("arn:aws:dynamodb:{region}:{account}:table/tab");
        let put = json!({"TableName": arn, "Item": {"k": {"S": "a"}}});
        let failed = tables.call("PutItem", &put).err();
        assert_eq!(failed.as_ref().and_then(|error| error["code"].as_str()), code, "{failed:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let mut tables = Tables::with_simple();
    let text = |bytes: usize| json!({"S": "x".repeat(bytes)});
    let largest = json!({"k": {"S": "a"}, "v": text(400 * 1024 - 3)});
    tables.put(largest.clone());
    let grow = json!({
        "TableName": "tab", "Key": {"k": {"S": "a"}}, "UpdateExpression": "SET w = :w",
        "ExpressionAttributeValues": {":w": {"S": "x"}},
    });
    invalid(
        &mut tables,
        "UpdateItem",
        &[(grow, "Item size to update has exceeded the maximum allowed size")],
    );
    assert_eq!(tables.get(json!({"k": {"S": "a"}})), largest);

    let put = |number: usize| {
        json!({"Put": {"TableName": "tab", "Item": {
            "k": {"S": number.to_string()}, "v": text(350_000),
        }}})
    };
    let eleven: Vec<Value> = (0..11).map(put).collect();
    tables.ok("TransactWriteItems", json!({"TransactItems": eleven}));
    let twelve: Vec<Value> = (0..12).map(put).collect();
    assert_eq!(tables.fails("TransactWriteItems", json!({"TransactItems": twelve})).0, "ValidationException");

    let mut deep = json!({"N": "1"});
    for _ in 0..32 {
        deep = json!({"L": [deep]});
    }
    tables.put(json!({"k": {"S": "deep"}, "v": deep}));
    let deeper = json!({"TableName": "tab", "Item": {"k": {"S": "deep"}, "v": {"L": [deep]}}});
    invalid(
        &mut tables,
        "PutItem",
        &[(
            deeper,
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
        )],
    );
}

#[test]
fn batches_and_transactions_are_bounded() {
    let mut tables = Tables::with_simple();
    let key = |number: usize| json!({"k": {"S": number.to_string()}});
    let puts = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"PutRequest": {"Item": key(n)}})).collect()
    };
    let keys = |count: usize| -> Vec<Value> { (0..count).map(key).collect() };
    let gets = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"Get": {"TableName": "tab", "Key": key(n)}})).collect()
    };
    for (operation, most, more, limit) in [
        (
            "BatchWriteItem",
            json!({"RequestItems": {"tab": puts(25)}}),
            json!({"RequestItems": {"tab": puts(26)}}),
            25,
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"tab": {"Keys": keys(100)}}}),
            json!({"RequestItems": {"tab": {"Keys": keys(101)}}}),
            100,
        ),
        ("TransactGetItems", json!({"TransactItems": gets(100)}), json!({"TransactItems": gets(101)}), 100),
    ] {
        tables.ok(operation, most);
        let (code, message) = tables.fails(operation, more);
        assert_eq!(code, "ValidationException", "{operation}");
        assert!(message.contains(&format!("length less than or equal to {limit}")), "{operation}: {message}");
    }
    // Two tables share the batch's bound.
    tables.create("two", json!([["k", "S"]]));
    let both = json!({"RequestItems": {"tab": puts(13), "two": puts(13)}});
    invalid(&mut tables, "BatchWriteItem", &[(both, "Too many items requested for the BatchWriteItem call")]);
    let both = json!({"RequestItems": {"tab": {"Keys": keys(51)}, "two": {"Keys": keys(50)}}});
    invalid(&mut tables, "BatchGetItem", &[(both, "Too many items requested for the BatchGetItem call")]);
}
