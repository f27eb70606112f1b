"""SQS's model as it was for the query protocol, which botocore no longer ships: today's is for JSON alone."""

import json
import os

import botocore.loaders

# What it had beside today's: the names of lists, maps and members in a form.
LISTS = {
    "ActionNameList": "ActionName",
    "AWSAccountIdList": "AWSAccountId",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "MessageList": "Message",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "TagKeyList": "TagKey",
}
MAPS = {
    "QueueAttributeMap": "Name",
    "MessageSystemAttributeMap": "Name",
    "MessageBodyAttributeMap": "Name",
    "MessageBodySystemAttributeMap": "Name",
    "TagMap": "Key",
}
MEMBERS = {
    "Attributes": "Attribute",
    "MessageAttributes": "MessageAttribute",
    "MessageSystemAttributes": "MessageSystemAttribute",
    "Tags": "Tag",
    "tags": "Tag",
}


def write(directory):
    """Writes it into a directory that botocore loads models from."""
    model = botocore.loaders.Loader().load_service_model("sqs", "service-2")
    model["metadata"].update(protocol="query", protocols=["query"])
    for name in ("awsQueryCompatible", "jsonVersion", "targetPrefix"):
        model["metadata"].pop(name, None)
    for name, operation in model["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    for name, shape in model["shapes"].items():
        if name in LISTS:
            shape["flattened"] = True
            shape["member"]["locationName"] = LISTS[name]
        if name in MAPS:
            shape["flattened"] = True
            shape["key"]["locationName"] = MAPS[name]
            shape["value"]["locationName"] = "Value"
        for member, found in shape.get("members", {}).items():
            if member in MEMBERS and found["shape"] in MAPS:
                found["locationName"] = MEMBERS[member]
    version = os.path.join(directory, "sqs", "2012-11-05")
    os.makedirs(version)
    with open(os.path.join(version, "service-2.json"), "w") as file:
        json.dump(model, file)
