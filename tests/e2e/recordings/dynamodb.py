"""Tables and items, as DynamoDB was recorded to answer."""

from botocore.exceptions import ClientError

from pontoon_e2e.replay import not_replayed, run, scenario

DYNAMODB = "dynamodb/test_dynamodb"
STREAMS = "dynamodbstreams/test_dynamodb_streams"
OF = "TestDynamoDB::test_"
ID = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
THROUGHPUT = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}


def create(aws, name="table", **options):
    return aws.dynamodb.create_table(TableName=name, **(ID | THROUGHPUT | options))


def s(value):
    return {"S": value}


def text(call, **arguments):
    """How boto3 words what a call is refused with."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error)
    return None


@scenario(DYNAMODB, f"{OF}return_values_in_put_item")
def _(aws):
    create(aws)
    first, changed, second = (
        {"id": s("id1"), "data": s("foobar")},
        {"id": s("id1"), "data": s("foobar2")},
        {"id": s("id2"), "data": s("foobar")},
    )
    for label, item, options in (
        ("PutFirstItem", first, {"ReturnValues": "ALL_OLD"}),
        ("PutFirstItemOLD", first, {"ReturnValues": "ALL_OLD"}),
        ("PutFirstItemB", changed, {"ReturnValues": "ALL_OLD"}),
        ("PutSecondItem", second, {"ReturnValues": "ALL_OLD"}),
        ("PutSecondItemReturnNone", second, {"ReturnValues": "NONE"}),
    ):
        aws.check(label, aws.dynamodb.put_item(TableName="table", Item=item, **options))


@scenario(DYNAMODB, f"{OF}empty_and_binary_values")
def _(aws):
    create(aws)
    aws.check("PutFirstItem", aws.dynamodb.put_item(TableName="table", Item={"id": s("id1"), "data": s("")}))
    aws.check("PutSecondItem", aws.dynamodb.put_item(TableName="table", Item={"id": s("id2"), "data": {"B": b"\x90"}}))


@scenario(DYNAMODB, f"{OF}batch_write_binary")
def _(aws):
    create(aws)
    put = {"PutRequest": {"Item": {"id": s("1"), "data": {"B": b"\xfe"}}}}
    aws.check("Response", aws.dynamodb.batch_write_item(RequestItems={"table": [put]}))


@scenario(DYNAMODB, f"{OF}create_duplicate_table")
def _(aws):
    aws.bound["<test-table>"] = "table"
    create(aws)
    aws.check("Error", text(create, aws=aws))


@scenario(DYNAMODB, f"{OF}dynamodb_pay_per_request")
def _(aws):
    aws.check("Error", text(create, aws=aws, BillingMode="PAY_PER_REQUEST"))


@scenario(DYNAMODB, f"{OF}transaction_write_items")
def _(aws):
    arn = create(aws)["TableDescription"]["TableArn"]
    for label, table in (("Response", "table"), ("Response_using_table_arn", arn)):
        for key in ("id1", "id2", "id3"):
            aws.dynamodb.put_item(TableName="table", Item={"id": s(key), "name": s(key)})
        of = {"TableName": table}
        update = {"UpdateExpression": "SET attr1 = :one", "ExpressionAttributeValues": {":one": s("value1")}}
        items = [
            {"ConditionCheck": {**of, "Key": {"id": s("id1")}, "ConditionExpression": "attribute_exists(id)"}},
            {"Put": {**of, "Item": {"id": s("id4")}}},
            {"Update": {**of, "Key": {"id": s("id2")}, **update}},
            {"Delete": {**of, "Key": {"id": s("id3")}}},
        ]
        aws.check(label, aws.dynamodb.transact_write_items(TransactItems=items))


@scenario(DYNAMODB, f"{OF}transaction_write_canceled")
def _(aws):
    create(aws)
    aws.dynamodb.put_item(TableName="table", Item={"id": s("id1")})
    items = [
        {"ConditionCheck": {"TableName": "table", "Key": {"id": s("id1")}, "ConditionExpression": "attribute_not_exists(id)"}},
        {"Put": {"TableName": "table", "Item": {"id": s("id2")}}},
    ]
    aws.check("Error", text(aws.dynamodb.transact_write_items, TransactItems=items))


@scenario(DYNAMODB, f"{OF}transaction_write_binary_data")
def _(aws):
    create(aws)
    item = {"id": s("someUser"), "binaryData": {"B": b"foobar"}}
    aws.check("WriteResponse", aws.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item}}]))
    got = aws.dynamodb.get_item(TableName="table", Key={"id": s("someUser")})["Item"]
    # Recorded as Python prints bytes.
    got["binaryData"] = {"B": repr(got["binaryData"]["B"])}
    aws.check("GetItem", got)


@scenario(DYNAMODB, f"{OF}transact_get_items")
def _(aws):
    arn = create(aws)["TableDescription"]["TableArn"]
    for label, table, name in (("TransactGetItems", "table", "John"), ("TransactGetItems-with-TableArn", arn, "Sarah")):
        aws.dynamodb.put_item(TableName="table", Item={"id": s(name)})
        get = {"Get": {"TableName": table, "Key": {"id": s(name)}}}
        aws.check(label, aws.dynamodb.transact_get_items(TransactItems=[get]))


@scenario(DYNAMODB, f"{OF}batch_write_items")
def _(aws):
    create(aws)
    aws.dynamodb.put_item(TableName="table", Item={"id": s("Fred")})
    requests = [{"DeleteRequest": {"Key": {"id": s("Fred")}}}, {"PutRequest": {"Item": {"id": s("Bob")}}}]
    aws.check("BatchWriteResponse", aws.dynamodb.batch_write_item(RequestItems={"table": requests}))


@scenario(DYNAMODB, f"{OF}dynamodb_get_batch_items")
def _(aws):
    aws.bound["<test-table>"] = "table"
    create(aws)
    aws.check("Response", aws.dynamodb.batch_get_item(RequestItems={"table": {"Keys": [{"id": s("missing")}]}}))


@scenario(DYNAMODB, f"{OF}dynamodb_idempotent_writing")
def _(aws):
    create(aws)
    put = {"Put": {"TableName": "table", "Item": {"id": s("id1"), "name": s("name1")}}}
    same = {"ClientRequestToken": "a-token", "TransactItems": [put]}
    for label in ("Response1", "Response2"):
        aws.check(label, aws.dynamodb.transact_write_items(**same))


@scenario(DYNAMODB, f"{OF}batch_write_not_matching_schema")
def _(aws):
    create(aws)
    requests = {"table": [{"DeleteRequest": {"Key": {"id": s("1"), "other": s("2")}}}]}
    aws.check("ValidationException", text(aws.dynamodb.batch_write_item, RequestItems=requests))


@scenario(DYNAMODB, f"{OF}batch_write_not_existing_table")
def _(aws):
    put = {"Put": {"TableName": "missing", "Item": {"id": s("1")}}}
    aws.fails("exc-not-found-transact-write-items", aws.dynamodb.transact_write_items, TransactItems=[put])


@scenario(DYNAMODB, f"{OF}return_values_on_conditions_check_failure")
def _(aws):
    create(aws)
    aws.dynamodb.put_item(TableName="table", Item={"id": s("456"), "price": {"N": "650"}, "product": s("sporting goods")})
    delete = {
        "TableName": "table",
        "Key": {"id": s("456")},
        "ConditionExpression": "price between :low and :high",
        "ExpressionAttributeValues": {":low": {"N": "500"}, ":high": {"N": "600"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    aws.fails("items", aws.dynamodb.delete_item, **delete)


@scenario(DYNAMODB, f"{OF}table_crud")
def _(aws):
    aws.check("create-table", create(aws))
    aws.dynamodb.get_waiter("table_exists").wait(TableName="table", WaiterConfig={"Delay": 1})
    aws.check("describe-table", aws.dynamodb.describe_table(TableName="table"))
    aws.check("delete-table", aws.dynamodb.delete_table(TableName="table"))
    aws.fails("delete-non-existent-table", aws.dynamodb.delete_table, TableName="non-existent")


@scenario(DYNAMODB, f"{OF}table_warm_throughput")
def _(aws):
    warm = {"ReadUnitsPerSecond": 1000, "WriteUnitsPerSecond": 1200}
    aws.check("create-table", create(aws, WarmThroughput=warm))
    aws.dynamodb.get_waiter("table_exists").wait(TableName="table", WaiterConfig={"Delay": 1})
    aws.check("describe-table", aws.dynamodb.describe_table(TableName="table"))


not_replayed(
    DYNAMODB,
    "needs streams",
    f"{OF}batch_write_items_streaming",
    f"{OF}data_encoding_consistency",
    f"{OF}dynamodb_stream*",
    f"{OF}stream*",
    f"{OF}transact_write_items_streaming*",
)
not_replayed(
    DYNAMODB,
    "needs PartiQL",
    f"{OF}dynamodb_execute_*",
    f"{OF}dynamodb_batch_execute_statement",
    f"{OF}dynamodb_partiql_missing",
)
not_replayed(DYNAMODB, "needs secondary indexes", f"{OF}valid_local_secondary_index", f"{OF}gsi_with_billing_mode*")
not_replayed(DYNAMODB, "needs keys of KMS", f"{OF}dynamodb_create_table_with_partial_sse_specification", f"{OF}dynamodb_update_table_without_sse_*")
not_replayed(DYNAMODB, "needs backups", f"{OF}continuous_backup_update")
not_replayed(DYNAMODB, "needs Kinesis", f"{OF}kinesis_streaming_destination_crud")
not_replayed(DYNAMODB, "needs Contributor Insights", f"{OF}dynamodb_describe_contributor_insights")
not_replayed(STREAMS, "needs streams", "*")

run()
