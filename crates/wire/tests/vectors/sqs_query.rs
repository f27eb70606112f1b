//! SQS by the query protocol, which the client library has forgotten but older clients speak. Names from the API reference's examples.

use std::collections::BTreeMap;

use pontoon_api::{SERVICES, sqs};
use pontoon_core::shape::{OperationSchema, Output, Protocol};
use pontoon_wire::protocol::{encode, query};
use pontoon_wire::routing::Router;
use serde_json::{Value, json};

use crate::print;

/// What is read out of a form.
fn read(form: &str) -> Value {
    let pairs = query::form::parse(form.as_bytes()).unwrap();
    let routed = Router::new(SERVICES).by_form(&pairs, Some("sqs")).unwrap();
    print(query::decode(routed.operation, &pairs).unwrap().0)
}

/// The result element of an answer, its wrapper included.
fn written(operation: &'static OperationSchema, output: &dyn Output) -> String {
    let answer = encode(Protocol::Query, operation, output, "id");
    let text = String::from_utf8(answer.body).unwrap();
    let end = text.find("<ResponseMetadata>").unwrap();
    let start = text.find("xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">").unwrap();
    text[start..end].split_once('>').unwrap().1.to_owned()
}

#[test]
fn forms_are_read_by_their_old_names() {
    for (form, expected) in [
        (
            "Action=CreateQueue&QueueName=q&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40&Tag.1.Key=k&Tag.1.Value=v",
            json!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "40"}, "tags": {"k": "v"}}),
        ),
        (
            "Action=GetQueueAttributes&QueueUrl=u&AttributeName.1=All&AttributeName.2=Policy",
            json!({"QueueUrl": "u", "AttributeNames": ["All", "Policy"]}),
        ),
        (
            "Action=SendMessage&QueueUrl=u&MessageBody=a%20b&DelaySeconds=3&MessageAttribute.1.Name=n\
             &MessageAttribute.1.Value.StringValue=s&MessageAttribute.1.Value.DataType=String\
             &MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.StringValue=Root\
             &MessageSystemAttribute.1.Value.DataType=String",
            json!({
                "QueueUrl": "u", "MessageBody": "a b", "DelaySeconds": 3,
                "MessageAttributes": {"n": {"StringValue": "s", "DataType": "String"}},
                "MessageSystemAttributes": {"AWSTraceHeader": {"StringValue": "Root", "DataType": "String"}},
            }),
        ),
        (
            "Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x\
             &SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=y\
             &SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n\
             &SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=Number",
            json!({"QueueUrl": "u", "Entries": [
                {"Id": "a", "MessageBody": "x"},
                {"Id": "b", "MessageBody": "y", "MessageAttributes": {"n": {"DataType": "Number"}}},
            ]}),
        ),
        (
            "Action=ReceiveMessage&QueueUrl=u&MaxNumberOfMessages=10&AttributeName.1=SentTimestamp\
             &MessageSystemAttributeName.1=All&MessageAttributeName.1=n.*&WaitTimeSeconds=20",
            json!({
                "QueueUrl": "u", "MaxNumberOfMessages": 10, "AttributeNames": ["SentTimestamp"],
                "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["n.*"], "WaitTimeSeconds": 20,
            }),
        ),
        (
            "Action=DeleteMessageBatch&QueueUrl=u&DeleteMessageBatchRequestEntry.1.Id=a&DeleteMessageBatchRequestEntry.1.ReceiptHandle=h",
            json!({"QueueUrl": "u", "Entries": [{"Id": "a", "ReceiptHandle": "h"}]}),
        ),
        (
            "Action=AddPermission&QueueUrl=u&Label=l&AWSAccountId.1=000000000000&ActionName.1=*",
            json!({"QueueUrl": "u", "Label": "l", "AWSAccountIds": ["000000000000"], "Actions": ["*"]}),
        ),
        (
            "Action=UntagQueue&QueueUrl=u&TagKey.1=a&TagKey.2=b",
            json!({"QueueUrl": "u", "TagKeys": ["a", "b"]}),
        ),
    ] {
        assert_eq!(read(form), expected, "{form}");
    }
}

#[test]
fn answers_are_written_by_their_old_names() {
    let attributes = BTreeMap::from([("DelaySeconds".to_owned(), "5".to_owned())]);
    let message = sqs::Message {
        message_id: Some("m".to_owned()),
        body: Some("<b>".to_owned()),
        attributes: Some(BTreeMap::from([("SentTimestamp".to_owned(), "1".to_owned())])),
        message_attributes: Some(BTreeMap::from([(
            "n".to_owned(),
            sqs::MessageAttributeValue {
                string_value: Some("s".to_owned()),
                data_type: "String".to_owned(),
                ..Default::default()
            },
        )])),
        ..Default::default()
    };
    let cases: [(&'static OperationSchema, Box<dyn Output>, &str); 6] = [
        (
            &sqs::operations::LIST_QUEUES,
            Box::new(sqs::ListQueuesOutput {
                queue_urls: Some(vec!["a".to_owned(), "b".to_owned()]),
                ..Default::default()
            }),
            "<ListQueuesResult><QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl></ListQueuesResult>",
        ),
        (
            &sqs::operations::GET_QUEUE_ATTRIBUTES,
            Box::new(sqs::GetQueueAttributesOutput { attributes: Some(attributes) }),
            "<GetQueueAttributesResult><Attribute><Name>DelaySeconds</Name><Value>5</Value></Attribute></GetQueueAttributesResult>",
        ),
        (
            &sqs::operations::RECEIVE_MESSAGE,
            Box::new(sqs::ReceiveMessageOutput { messages: Some(vec![message]) }),
            "<ReceiveMessageResult><Message><MessageId>m</MessageId><Body>&lt;b&gt;</Body><Attribute><Name>SentTimestamp</Name>\
             <Value>1</Value></Attribute><MessageAttribute><Name>n</Name><Value><StringValue>s</StringValue>\
             <DataType>String</DataType></Value></MessageAttribute></Message></ReceiveMessageResult>",
        ),
        (
            &sqs::operations::DELETE_MESSAGE_BATCH,
            Box::new(sqs::DeleteMessageBatchOutput {
                successful: vec![sqs::DeleteMessageBatchResultEntry { id: "a".to_owned() }],
                failed: vec![sqs::BatchResultErrorEntry {
                    id: "b".to_owned(),
                    sender_fault: true,
                    code: "c".to_owned(),
                    message: None,
                }],
            }),
            "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>\
             <BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault><Code>c</Code></BatchResultErrorEntry>\
             </DeleteMessageBatchResult>",
        ),
        (
            &sqs::operations::LIST_QUEUE_TAGS,
            Box::new(sqs::ListQueueTagsOutput {
                tags: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
            }),
            "<ListQueueTagsResult><Tag><Key>k</Key><Value>v</Value></Tag></ListQueueTagsResult>",
        ),
        (&sqs::operations::DELETE_QUEUE, Box::new(sqs::DeleteQueueOutput {}), ""),
    ];
    for (operation, output, expected) in cases {
        assert_eq!(written(operation, output.as_ref()), expected, "{operation:?}");
    }
}
