//! The generated types as a whole: they read, write and check what the models say, and every supported operation is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod json;

use std::collections::{BTreeMap, BTreeSet};

use json::{JsonReader, written};
use pontoon_api::{SERVICES, cloudformation, dynamodb, events, lambda, sns, sqs};
use pontoon_core::shape::{Decode, OperationSchema, Protocol, Validate, Violation, Violations};
use serde_json::{Value, json};

/// Decodes an operation's input.
fn decoded<R: 'static>(operation: &OperationSchema, input: &Value) -> (R, Violations) {
    let (request, violations) = (operation.decode)(&mut JsonReader(input)).unwrap();
    let request = request.into_any().downcast::<R>().unwrap();
    (*request, violations)
}

/// The message that an invalid input is answered with; empty if it is valid.
fn complaint(operation: &OperationSchema, input: &Value) -> String {
    let (_, violations) = (operation.decode)(&mut JsonReader(input)).unwrap();
    if violations.is_empty() { String::new() } else { violations.message() }
}

#[test]
fn an_input_is_read_into_its_members() {
    let input = json!({
        "QueueUrl": "q",
        "MessageBody": "",
        "DelaySeconds": 3,
        "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "xyz"}},
        "Unknown": [1],
        "MessageGroupId": null,
    });
    let (request, violations) = decoded::<sqs::Request>(&sqs::operations::SEND_MESSAGE, &input);
    let attribute = sqs::MessageAttributeValue {
        data_type: "Binary".to_owned(),
        binary_value: Some("xyz".into()),
        ..Default::default()
    };
    let expected = sqs::SendMessageInput {
        queue_url: "q".to_owned(),
        delay_seconds: Some(3),
        message_attributes: Some(BTreeMap::from([("a".to_owned(), attribute)])),
        ..Default::default()
    };
    assert_eq!(request, sqs::Request::SendMessage(expected));
    assert!(violations.is_empty(), "an empty body is present: {violations:?}");
}

#[test]
fn what_is_written_is_read_back() {
    let item = json!({
        "s": {"S": "x"}, "n": {"N": "1.50"}, "b": {"B": "raw"}, "yes": {"BOOL": true}, "no": {"NULL": true},
        "ss": {"SS": ["a", "b"]}, "bs": {"BS": ["c"]}, "l": {"L": [{"M": {"deep": {"L": []}}}]},
    });
    let input = json!({"TableName": "orders", "Item": item, "ReturnValues": "ALL_OLD"});
    let read = dynamodb::PutItemInput::decode(&mut JsonReader(&input)).unwrap();
    assert_eq!(read.item["no"], dynamodb::AttributeValue::Null(true));
    assert_eq!(written(&read), input);
}

#[test]
fn a_union_tells_none_and_several_from_one() {
    let read = |value: Value| dynamodb::AttributeValue::decode(&mut JsonReader(&value)).unwrap();
    assert_eq!(read(json!({})), dynamodb::AttributeValue::Unset);
    assert_eq!(read(json!({"S": null})), dynamodb::AttributeValue::Unset);
    assert_eq!(read(json!({"S": "a", "N": "1"})), dynamodb::AttributeValue::Several);
    assert_eq!(read(json!({"S": "a", "N": "1", "BOOL": true})), dynamodb::AttributeValue::Several);
    assert_eq!(read(json!({"N": "1"})), dynamodb::AttributeValue::N("1".to_owned()));
}

#[test]
fn a_wrong_type_is_a_decode_error() {
    let decode =
        |operation: &OperationSchema, input: Value| (operation.decode)(&mut JsonReader(&input)).err();
    assert!(decode(&sqs::operations::SEND_MESSAGE, json!({"QueueUrl": 1})).is_some());
    assert!(decode(&sqs::operations::SEND_MESSAGE, json!({"DelaySeconds": 1_i64 << 40})).is_some());
    assert!(decode(&sqs::operations::SEND_MESSAGE, json!([])).is_some());
    assert!(decode(&dynamodb::operations::PUT_ITEM, json!({"Item": {"a": "b"}})).is_some());
}

/// Messages as the recordings under `lambda_`, `events`, `sns` and `cloudformation` have them.
#[test]
fn violations_are_worded_as_aws_words_them() {
    let long = "second-invalid-target-id-0123456789012345678901234567890123456789";
    let cases = [
        (
            &events::operations::PUT_TARGETS,
            json!({"Rule": "r", "Targets": [{"Id": "!@#$@!#$", "Arn": "arn"}]}),
            r"1 validation error detected: Value '!@#$@!#$' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+".to_owned(),
        ),
        (
            &events::operations::PUT_TARGETS,
            json!({"Rule": "r", "Targets": [{"Id": "a", "Arn": "arn"}, {"Id": long, "Arn": "arn"}]}),
            format!(
                "1 validation error detected: Value '{long}' at 'targets.2.member.id' failed to satisfy constraint: \
                 Member must have length less than or equal to 64"
            ),
        ),
        (
            &sns::operations::PUBLISH,
            json!({"TopicArn": "t", "Message": "m", "MessageAttributes": {"attr1": {"StringValue": "v"}}}),
            "1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' failed to satisfy \
             constraint: Member must not be null"
                .to_owned(),
        ),
        (
            &sns::operations::PUBLISH_BATCH,
            json!({"TopicArn": "t", "PublishBatchRequestEntries": [
                {"Id": "1", "Message": "m", "MessageAttributes": {"attr1": {"StringValue": "v"}}},
            ]}),
            "1 validation error detected: Value null at \
             'publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType' failed to satisfy \
             constraint: Member must not be null"
                .to_owned(),
        ),
        (
            &lambda::operations::CREATE_FUNCTION,
            json!({"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}, "Architectures": ["X86_64"]}),
            "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
                .to_owned(),
        ),
        (
            &lambda::operations::CREATE_FUNCTION,
            json!({"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}, "Architectures": ["x86_64", "arm64"]}),
            "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member \
             must have length less than or equal to 1"
                .to_owned(),
        ),
        (
            &lambda::operations::CREATE_ALIAS,
            json!({"FunctionName": "f", "Name": "a", "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": -1.0}}}),
            "1 validation error detected: Value '{2=-1.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
             constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must \
             have value greater than or equal to 0.0, Member must not be null]"
                .to_owned(),
        ),
        (
            &lambda::operations::CREATE_ALIAS,
            json!({"FunctionName": "f", "Name": "a", "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}}}),
            "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to \
             satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, \
             Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"
                .to_owned(),
        ),
        (
            &lambda::operations::CREATE_FUNCTION,
            json!({"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {},
                "VpcConfig": {"SubnetIds": ["bad"]}}),
            "1 validation error detected: Value '[bad]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than \
             or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]"
                .to_owned(),
        ),
        (
            &lambda::operations::GET_FUNCTION,
            json!({"FunctionName": "f", "Qualifier": "invalid-qualifier-with-?-char"}),
            r"1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+".to_owned(),
        ),
        (
            &cloudformation::operations::CREATE_STACK,
            json!({"StackName": "*@da591fa3_$"}),
            "1 validation error detected: Value '*@da591fa3_$' at 'stackName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
                .to_owned(),
        ),
        (
            &sqs::operations::SEND_MESSAGE,
            json!({"QueueUrl": null}),
            "2 validation errors detected: Value null at 'queueUrl' failed to satisfy constraint: Member must not be null; \
             Value null at 'messageBody' failed to satisfy constraint: Member must not be null"
                .to_owned(),
        ),
    ];
    for (operation, input, expected) in cases {
        assert_eq!(complaint(operation, &input), expected, "{operation:?} {input}");
    }
}

#[test]
fn lengths_count_characters_elements_and_entries() {
    let name = |name: &str| complaint(&events::operations::DESCRIBE_RULE, &json!({"Name": name}));
    assert_eq!(name(&"a".repeat(64)), "");
    assert!(name(&"a".repeat(65)).contains("less than or equal to 64"));
    assert!(name("").contains("Member must have length greater than or equal to 1"));
    let description =
        |text: String| complaint(&events::operations::PUT_RULE, &json!({"Name": "r", "Description": text}));
    assert_eq!(description("é".repeat(512)), "", "512 characters are 1024 bytes");
    assert!(description("é".repeat(513)).contains("less than or equal to 512"));
    let targets = complaint(&events::operations::PUT_TARGETS, &json!({"Rule": "r", "Targets": []}));
    assert!(targets.contains("Value '[]' at 'targets' failed to satisfy constraint"), "{targets}");
    let limit = |limit: i64| complaint(&events::operations::LIST_RULES, &json!({"Limit": limit}));
    assert_eq!(limit(100), "");
    assert!(limit(0).contains("Value '0' at 'limit'") && limit(101).contains("less than or equal to 100"));
}

#[test]
fn structures_in_messages_are_printed_as_java_does() {
    let entry = json!({"Source": "a", "Detail": "{}"});
    let message = complaint(&events::operations::PUT_EVENTS, &json!({"Entries": vec![entry; 11]}));
    let first = "Value '[PutEventsRequestEntry(time=null, source=a, resources=null, detailType=null, detail={}, \
                 eventBusName=null, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null), ";
    assert!(message.contains(first), "{message}");
}

#[test]
fn a_missing_element_is_not_an_empty_one() {
    let message = complaint(&sqs::operations::UNTAG_QUEUE, &json!({"QueueUrl": "q", "TagKeys": ["a", null]}));
    assert!(message.contains("Value null at 'tagKeys.2.member'"), "{message}");
}

#[test]
fn what_is_missing_has_no_other_fault() {
    assert_eq!(
        complaint(&dynamodb::operations::GET_ITEM, &json!({"Key": {}})),
        "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"
    );
    assert!(
        complaint(&events::operations::PUT_RULE, &json!({"Name": ""}))
            .contains("length greater than or equal to 1")
    );
}

#[test]
fn violations_of_hostile_input_are_bounded() {
    let targets: Vec<Value> = (0..10_000).map(|_| json!({"Id": "!", "Arn": ""})).collect();
    let (_, violations) = decoded::<events::Request>(
        &events::operations::PUT_TARGETS,
        &json!({"Rule": "r", "Targets": targets}),
    );
    assert_eq!(violations.found().len(), Violations::KEPT_MAX);
}

#[test]
fn typed_inputs_are_checked_like_decoded_ones() {
    let mut violations = Violations::new();
    let input =
        events::PutRuleInput { name: "a b".to_owned(), state: Some("ON".to_owned()), ..Default::default() };
    input.validate(&mut violations);
    assert!(matches!(violations.found()[0].violation, Violation::Pattern(_)));
    assert!(matches!(violations.found()[1].violation, Violation::NotOneOf(_)));
    assert_eq!(violations.found().len(), 2);
}

#[test]
fn exactly_the_listed_operations_are_supported() {
    let listed: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("../../../models/operations.json")).unwrap();
    let listed: BTreeSet<Vec<String>> = listed.into_values().collect();
    let generated: BTreeSet<Vec<String>> = SERVICES
        .iter()
        .map(|service| service.operations.iter().map(|operation| operation.name.to_owned()).collect())
        .collect();
    assert_eq!(generated, listed);
    for service in SERVICES {
        for operation in service.operations {
            assert!(std::ptr::eq(operation.service, *service), "{operation:?}");
            assert!(!service.unsupported.contains(&operation.name), "{operation:?}");
        }
    }
}

#[test]
fn every_operation_decodes_an_empty_input_to_its_own_request() {
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        let (request, violations) = (operation.decode)(&mut JsonReader(&json!({}))).unwrap();
        assert!(std::ptr::eq(request.operation(), *operation), "{operation:?}");
        let required = operation.input.members.iter().filter(|member| member.required);
        let missing = violations.found().iter().filter(|found| matches!(found.violation, Violation::Missing));
        assert_eq!(missing.count(), required.count(), "{operation:?}");
    }
}

#[test]
fn rest_paths_name_required_members_and_all_others_post_to_the_root() {
    for service in SERVICES {
        let rest = service.protocols.iter().any(|p| matches!(p, Protocol::RestJson | Protocol::RestXml));
        for operation in service.operations {
            if !rest {
                assert_eq!((operation.method, operation.path), ("POST", "/"), "{operation:?}");
                continue;
            }
            for placeholder in operation.path.split('{').skip(1) {
                let name = placeholder.split('}').next().unwrap().trim_end_matches('+');
                let member = operation.input.members.iter().find(|member| member.wire == name);
                assert!(member.is_some_and(|member| member.required), "{operation:?} {name}");
            }
        }
    }
}

#[test]
fn sqs_has_its_query_names_beside_its_json_names() {
    let names = |operation: &OperationSchema| -> Vec<(&str, &str)> {
        operation.input.members.iter().map(|member| (member.wire, member.query)).collect()
    };
    assert!(names(&sqs::operations::GET_QUEUE_ATTRIBUTES).contains(&("AttributeNames", "AttributeName")));
    assert!(names(&sqs::operations::CREATE_QUEUE).contains(&("Attributes", "Attribute")));
    assert!(names(&sqs::operations::CREATE_QUEUE).contains(&("tags", "Tag")));
    assert!(
        names(&sqs::operations::SEND_MESSAGE_BATCH).contains(&("Entries", "SendMessageBatchRequestEntry"))
    );
    let errors = sqs::operations::SEND_MESSAGE.errors;
    assert!(
        errors
            .iter()
            .any(|e| e.shape == "QueueDoesNotExist" && e.code == "AWS.SimpleQueueService.NonExistentQueue")
    );
    assert_eq!(sqs::operations::SEND_MESSAGE.result_wrapper, Some("SendMessageResult"));
    assert_eq!(sqs::operations::DELETE_MESSAGE.result_wrapper, None);
}
