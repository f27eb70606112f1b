// Queues through the SDK for JavaScript: today's, which speaks JSON, or one of 2023, which speaks the query protocol.
//
// Usage: sqs.mjs ENDPOINT NODE_DIRECTORY PACKAGE
//
// The SDK checks the MD5 of every body that it is answered. Every wait is bounded.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [endpoint, directory, name] = process.argv.slice(2);
const sdk = createRequire(`${directory}/package.json`)(name);
const client = new sdk.SQSClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "secret" },
  maxAttempts: 1,
});
const call = (operation, input) =>
  client.send(new sdk[`${operation}Command`](input), { abortSignal: AbortSignal.timeout(30_000) });

// What the SDK of 2023 calls by the names of their shapes.
const CODES = Object.fromEntries(
  ["EmptyBatchRequest", "QueueDeletedRecently"].map((name) => [name, `AWS.SimpleQueueService.${name}`]),
);
CODES.QueueDoesNotExist = "AWS.SimpleQueueService.NonExistentQueue";

/** The code of a call that must fail, as the query protocol has it. */
async function refused(operation, input) {
  try {
    await call(operation, input);
  } catch (error) {
    assert.equal(error.$fault, "client", error);
    const code = error.Code ?? error.name;
    return CODES[code] ?? code;
  }
  assert.fail(`${operation} succeeded`);
}

async function create(QueueName, Attributes) {
  const { QueueUrl } = await call("CreateQueue", { QueueName, Attributes });
  const shown = await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
  for (const [attribute, value] of Object.entries(Attributes)) {
    assert.equal(shown.Attributes[attribute], value);
  }
  return [QueueUrl, shown.Attributes.QueueArn];
}

async function standard(prefix) {
  const [dead, arn] = await create(`${prefix}-dead`, { MessageRetentionPeriod: "1209600" });
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 1 });
  const [QueueUrl] = await create(prefix, { VisibilityTimeout: "60", RedrivePolicy });
  const attributes = {
    text: { DataType: "String.custom", StringValue: "grüße <&\"'>" },
    number: { DataType: "Number", StringValue: "1e3" },
    bytes: { DataType: "Binary", BinaryValue: Uint8Array.from([0, 127, 128, 255]) },
  };
  const body = "größe 😀\r\n\t&=%+";
  const sent = await call("SendMessage", { QueueUrl, MessageBody: body, MessageAttributes: attributes });
  const Entries = ["a", "b"].map((Id) => ({ Id, MessageBody: Id, DelaySeconds: Id === "b" ? 901 : 0 }));
  const batch = await call("SendMessageBatch", { QueueUrl, Entries });
  assert.deepEqual(batch.Successful.map((entry) => entry.Id), ["a"]);
  assert.deepEqual(batch.Failed.map((entry) => [entry.Id, entry.Code, entry.SenderFault]), [
    ["b", "InvalidParameterValue", true],
  ]);
  const receive = { QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"], AttributeNames: ["All"] };
  const { Messages: got } = await call("ReceiveMessage", receive);
  assert.deepEqual(got.map((message) => message.Body), [body, "a"]);
  assert.equal(got[0].MessageId, sent.MessageId);
  assert.equal(got[0].MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.equal(got[0].MessageAttributes.text.StringValue, attributes.text.StringValue);
  assert.deepEqual([...got[0].MessageAttributes.bytes.BinaryValue], [0, 127, 128, 255]);
  assert.equal(got[0].Attributes.ApproximateReceiveCount, "1");

  const handles = got.map((message, at) => ({ Id: `${at}`, ReceiptHandle: message.ReceiptHandle }));
  const changed = await call("ChangeMessageVisibilityBatch", {
    QueueUrl,
    Entries: [{ ...handles[0], VisibilityTimeout: 0 }, { Id: "bad", ReceiptHandle: "x", VisibilityTimeout: 0 }],
  });
  assert.deepEqual([changed.Successful[0].Id, changed.Failed[0].Code], ["0", "ReceiptHandleIsInvalid"]);
  const deleted = await call("DeleteMessageBatch", { QueueUrl, Entries: [handles[1]] });
  assert.equal(deleted.Successful.length, 1);

  // Received once, it goes to the dead-letter queue when it would be received again, and is moved back from there.
  assert.equal((await call("ReceiveMessage", receive)).Messages?.length ?? 0, 0);
  const sources = await call("ListDeadLetterSourceQueues", { QueueUrl: dead });
  assert.deepEqual(sources.queueUrls, [QueueUrl]);
  await call("StartMessageMoveTask", { SourceArn: arn });
  const { Messages: back } = await call("ReceiveMessage", { ...receive, WaitTimeSeconds: 10 });
  assert.deepEqual(back.map((message) => message.Body), [body]);
  const { Results: tasks } = await call("ListMessageMoveTasks", { SourceArn: arn });
  assert.equal(tasks[0].ApproximateNumberOfMessagesMoved, 1);
  return QueueUrl;
}

async function fifo(prefix) {
  const [QueueUrl] = await create(`${prefix}.fifo`, { FifoQueue: "true", ContentBasedDeduplication: "true" });
  const send = (MessageGroupId, MessageBody) => call("SendMessage", { QueueUrl, MessageGroupId, MessageBody });
  const first = await send("a", "1");
  assert.equal((await send("a", "1")).SequenceNumber, first.SequenceNumber);
  const second = await send("a", "2");
  assert.ok(second.SequenceNumber > first.SequenceNumber);
  await send("b", "3");
  const receive = async () => (await call("ReceiveMessage", { QueueUrl, AttributeNames: ["All"] })).Messages ?? [];
  const [one] = await receive();
  const [other] = await receive();
  assert.deepEqual([one.Body, other.Body], ["1", "3"], "the second of a blocked group waits");
  assert.equal(one.Attributes.SequenceNumber, first.SequenceNumber);
  assert.equal((await receive()).length, 0);
  await call("DeleteMessage", { QueueUrl, ReceiptHandle: one.ReceiptHandle });
  assert.equal((await receive())[0].Body, "2");
  assert.equal(await refused("SendMessage", { QueueUrl, MessageBody: "m" }), "MissingParameter");
  const delayed = { QueueUrl, MessageBody: "m", MessageGroupId: "a", DelaySeconds: 1 };
  assert.equal(await refused("SendMessage", delayed), "InvalidParameterValue");
}

async function errors(QueueUrl) {
  const gone = { QueueUrl: `${QueueUrl}-gone`, MessageBody: "m" };
  assert.equal(await refused("SendMessage", gone), "AWS.SimpleQueueService.NonExistentQueue");
  assert.equal(await refused("GetQueueUrl", { QueueName: "gone" }), "AWS.SimpleQueueService.NonExistentQueue");
  assert.equal(await refused("CreateQueue", { QueueName: "no.name" }), "InvalidParameterValue");
  assert.equal(await refused("SendMessage", { QueueUrl, MessageBody: "\u0001" }), "InvalidMessageContents");
  assert.equal(await refused("ReceiveMessage", { QueueUrl, WaitTimeSeconds: 21 }), "InvalidParameterValue");
  assert.equal(await refused("DeleteMessage", { QueueUrl, ReceiptHandle: "x" }), "ReceiptHandleIsInvalid");
  const empty = await refused("SendMessageBatch", { QueueUrl, Entries: [] });
  assert.equal(empty, "AWS.SimpleQueueService.EmptyBatchRequest");
  const named = { QueueUrl, AttributeNames: ["Nothing"] };
  assert.equal(await refused("GetQueueAttributes", named), "InvalidAttributeName");
  await call("DeleteQueue", { QueueUrl });
  const again = { QueueName: QueueUrl.split("/").pop() };
  assert.equal(await refused("CreateQueue", again), "AWS.SimpleQueueService.QueueDeletedRecently");
}

const prefix = `js-${name.replace(/[^a-z]/g, "")}`;
const url = await standard(prefix);
await fifo(prefix);
await errors(url);
console.log("DONE");
