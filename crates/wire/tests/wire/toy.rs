//! A service made up for these tests: one structure with every kind of member, and operations that echo it, in every protocol.

use std::any::Any;
use std::collections::BTreeMap;

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::*;

const fn member(name: &'static str, query: &'static str) -> Member {
    Member {
        name,
        wire: name,
        query,
        location: Location::Body,
        required: false,
        flattened: false,
        xml_attribute: false,
        timestamp: TimestampFormat::Default,
        constraints: &Constraints::NONE,
    }
}

const fn at(name: &'static str, wire: &'static str, location: Location) -> Member {
    Member { wire, location, ..member(name, wire) }
}

/// What the toy operations take and give back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thing {
    pub text: Option<String>,
    pub number: Option<i64>,
    pub ratio: Option<f64>,
    pub flag: Option<bool>,
    pub blob: Option<Bytes>,
    pub at: Option<Timestamp>,
    pub tags: Option<BTreeMap<String, String>>,
    pub names: Option<Vec<String>>,
    pub parts: Option<Vec<Thing>>,
    pub inner: Option<Box<Thing>>,
    pub document: Option<serde_json::Value>,
}

pub static NAMES: ListSchema = ListSchema { member: member("member", "") };
pub static FLAT_NAMES: ListSchema = ListSchema { member: member("Name", "") };
pub static PARTS: ListSchema = ListSchema { member: member("member", "") };
pub static TAGS: MapSchema = MapSchema { key: member("key", ""), value: member("value", "") };

/// As in most services: lists and maps with an element around them.
pub static THING: StructSchema = StructSchema {
    name: "Thing",
    members: &[
        member("Text", ""),
        member("Number", ""),
        member("Ratio", ""),
        member("Flag", ""),
        member("Blob", ""),
        member("At", ""),
        member("Tags", ""),
        member("Names", ""),
        member("Parts", ""),
        member("Inner", ""),
        member("Document", ""),
    ],
    payload: None,
    xml_namespace: None,
};

/// As in SQS: flattened, and with other names in the query protocol.
pub static FLAT_THING: StructSchema = StructSchema {
    name: "FlatThing",
    members: &[
        member("Text", "Txt"),
        member("Number", ""),
        member("Ratio", ""),
        member("Flag", ""),
        member("Blob", ""),
        member("At", ""),
        Member { flattened: true, ..member("Tags", "Tag") },
        Member { flattened: true, ..member("Names", "Name") },
        Member { flattened: true, ..member("Parts", "Part") },
        member("Inner", ""),
        member("Document", ""),
    ],
    payload: None,
    xml_namespace: None,
};

/// As in Lambda and S3: members in path, query, headers and body.
pub static REST_THING: StructSchema = StructSchema {
    name: "RestThing",
    members: &[
        Member { required: true, ..at("Text", "Text", Location::Path) },
        at("Number", "number", Location::Query),
        at("Ratio", "Ratio", Location::Body),
        at("Flag", "x-flag", Location::Header),
        at("Blob", "Blob", Location::Body),
        at("At", "x-at", Location::Header),
        at("Tags", "x-tag-", Location::Headers),
        at("Names", "name", Location::Query),
        at("Parts", "Parts", Location::Body),
        at("Inner", "Inner", Location::Body),
        at("Document", "Document", Location::Body),
    ],
    payload: None,
    xml_namespace: None,
};

/// With a blob as the whole body.
pub static PAYLOAD_THING: StructSchema = StructSchema {
    name: "PayloadThing",
    members: &[
        Member { required: true, ..at("Text", "Text", Location::Path) },
        at("Number", "x-status", Location::Status),
        at("Ratio", "x-ratio", Location::Header),
        at("Flag", "x-flag", Location::Header),
        at("Blob", "Blob", Location::Payload),
        at("At", "x-at", Location::Header),
        at("Tags", "x-tag-", Location::Headers),
        at("Names", "name", Location::Query),
        at("Parts", "Parts", Location::Query),
        at("Inner", "Inner", Location::Query),
        at("Document", "Document", Location::Query),
    ],
    payload: Some(4),
    xml_namespace: None,
};

struct TagValues<'a>(&'a BTreeMap<String, String>, bool);
impl Encode for TagValues<'_> {
    fn encode(&self, to: &mut dyn Writer) {
        MapOf(&TAGS, self.1, self.0).encode(to);
    }
}

/// A thing under one of the four schemas.
#[derive(Clone, Debug)]
pub struct ThingOf(pub &'static StructSchema, pub Thing);

impl Encode for ThingOf {
    fn encode(&self, to: &mut dyn Writer) {
        encode(&self.1, self.0, to);
    }
}

impl Output for ThingOf {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

struct Under<'a>(&'static StructSchema, &'a Thing);
impl Encode for Under<'_> {
    fn encode(&self, to: &mut dyn Writer) {
        encode(self.1, self.0, to);
    }
}

fn nested(schema: &'static StructSchema) -> &'static StructSchema {
    if std::ptr::eq(schema, &FLAT_THING) { &FLAT_THING } else { &THING }
}

fn encode(thing: &Thing, schema: &'static StructSchema, to: &mut dyn Writer) {
    let member = |index: usize| &schema.members[index];
    to.structure(schema, &mut |fields| {
        let mut put = |index: usize, value: Option<&dyn Encode>| {
            if let Some(value) = value {
                fields.member(index, value);
            }
        };
        put(0, thing.text.as_ref().map(|v| v as &dyn Encode));
        put(1, thing.number.as_ref().map(|v| v as &dyn Encode));
        put(2, thing.ratio.as_ref().map(|v| v as &dyn Encode));
        put(3, thing.flag.as_ref().map(|v| v as &dyn Encode));
        put(4, thing.blob.as_ref().map(|v| v as &dyn Encode));
        let at = thing.at.map(|at| TimestampIn(member(5).timestamp, at));
        put(5, at.as_ref().map(|v| v as &dyn Encode));
        let tags = thing.tags.as_ref().map(|tags| TagValues(tags, member(6).flattened));
        put(6, tags.as_ref().map(|v| v as &dyn Encode));
        let flat = member(7).flattened;
        let names =
            thing.names.as_ref().map(|names| ListOf(if flat { &FLAT_NAMES } else { &NAMES }, flat, names));
        put(7, names.as_ref().map(|v| v as &dyn Encode));
        let parts: Option<Vec<Under<'_>>> =
            thing.parts.as_ref().map(|parts| parts.iter().map(|part| Under(nested(schema), part)).collect());
        let parts = parts.as_ref().map(|parts| ListOf(&PARTS, member(8).flattened, parts));
        put(8, parts.as_ref().map(|v| v as &dyn Encode));
        let inner = thing.inner.as_ref().map(|inner| Under(nested(schema), inner));
        put(9, inner.as_ref().map(|v| v as &dyn Encode));
        put(10, thing.document.as_ref().map(|v| v as &dyn Encode));
    });
}

/// Reads a thing under a schema.
pub fn decode(schema: &'static StructSchema, from: &mut dyn Reader) -> Result<Thing, DecodeError> {
    let mut thing = Thing::default();
    from.structure(schema, &mut |index, reader| {
        let flattened = schema.members[index].flattened;
        match index {
            0 => thing.text = Some(reader.string()?),
            1 => thing.number = Some(reader.integer()?),
            2 => thing.ratio = Some(reader.double()?),
            3 => thing.flag = Some(reader.bool()?),
            4 => thing.blob = Some(reader.blob()?),
            5 => thing.at = Some(reader.timestamp(schema.members[5].timestamp)?),
            6 => {
                let mut tags = BTreeMap::new();
                reader.map(&TAGS, flattened, &mut |key, value| {
                    tags.insert(key, value.string()?);
                    Ok(())
                })?;
                thing.tags = Some(tags);
            }
            7 => {
                let mut names = Vec::new();
                reader.list(if flattened { &FLAT_NAMES } else { &NAMES }, flattened, &mut |value| {
                    names.push(value.string()?);
                    Ok(())
                })?;
                thing.names = Some(names);
            }
            8 => {
                let mut parts = Vec::new();
                reader.list(&PARTS, flattened, &mut |value| {
                    parts.push(decode(nested(schema), value)?);
                    Ok(())
                })?;
                thing.parts = Some(parts);
            }
            9 => thing.inner = Some(Box::new(decode(nested(schema), reader)?)),
            _ => thing.document = Some(reader.document()?),
        }
        Ok(())
    })?;
    Ok(thing)
}

/// The request of a toy operation.
#[derive(Debug)]
pub struct ToyRequest(pub &'static OperationSchema, pub Thing);

impl Request for ToyRequest {
    fn operation(&self) -> &'static OperationSchema {
        self.0
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

fn decoded(operation: &'static OperationSchema, reader: &mut dyn Reader) -> Decoded {
    let thing = decode(operation.input, reader)?;
    let mut violations = Violations::new();
    if operation.input.members[0].required && thing.text.is_none() {
        violations.add(Violation::Missing, String::new);
        violations.in_member(0, "Text");
    }
    Ok((Box::new(ToyRequest(operation, thing)), violations))
}

macro_rules! operation {
    ($name:ident, $service:ident, $text:literal, $method:literal, $path:literal, $status:literal, $shape:ident) => {
        pub static $name: OperationSchema = OperationSchema {
            service: &$service,
            name: $text,
            method: $method,
            path: $path,
            status: $status,
            input: &$shape,
            output: &$shape,
            result_wrapper: Some(concat!($text, "Result")),
            errors: &[
                ErrorSchema {
                    shape: "NoSuchThing",
                    code: "Toy.NoSuchThing",
                    status: 400,
                    sender: true,
                    message: "message",
                },
                ErrorSchema {
                    shape: "NoSuchKey",
                    code: "NoSuchKey",
                    status: 404,
                    sender: true,
                    message: "Message",
                },
            ],
            decode: |reader| decoded(&$name, reader),
        };
    };
}

operation!(QUEUE_ECHO, QUEUES, "Echo", "POST", "/", 200, FLAT_THING);
operation!(TOPIC_ECHO, TOPICS, "Echo", "POST", "/", 200, THING);
operation!(TOPIC_PUBLISH, TOPICS, "Publish", "POST", "/", 200, THING);
operation!(METRIC_ECHO, METRICS, "PutEcho", "POST", "/", 200, THING);
operation!(TABLE_ECHO, TABLES, "Echo", "POST", "/", 200, THING);
operation!(FUNCTION_CREATE, FUNCTIONS, "CreateThing", "POST", "/2015-03-31/things/{Text}", 201, REST_THING);
operation!(
    FUNCTION_INVOKE,
    FUNCTIONS,
    "Invoke",
    "POST",
    "/2015-03-31/things/{Text}/invocations",
    200,
    PAYLOAD_THING
);
operation!(BUCKET_PUT, BUCKETS, "PutThing", "PUT", "/{Bucket}/{Text+}", 200, PAYLOAD_THING);
operation!(BUCKET_HEAD, BUCKETS, "HeadThing", "HEAD", "/{Bucket}/{Text+}", 200, PAYLOAD_THING);
operation!(BUCKET_TAG, BUCKETS, "TagThing", "PUT", "/{Bucket}/{Text+}?tagging", 204, REST_THING);
operation!(BUCKET_LIST, BUCKETS, "ListObjectsV2", "GET", "/{Bucket}?list-type=2", 200, REST_THING);

const SERVICE: ServiceSchema = ServiceSchema {
    id: "",
    title: "",
    api_version: "",
    target_prefix: "",
    cbor_name: "",
    error_prefix: "",
    xml_namespace: "http://toy/",
    protocols: &[],
    operations: &[],
    unsupported: &["Levitate"],
};

pub static QUEUES: ServiceSchema = ServiceSchema {
    id: "sqs",
    title: "SQS",
    api_version: "2012-11-05",
    target_prefix: "AmazonSQS",
    error_prefix: "com.amazonaws.sqs",
    protocols: &[Protocol::Json10, Protocol::Query],
    operations: &[&QUEUE_ECHO],
    ..SERVICE
};
pub static TOPICS: ServiceSchema = ServiceSchema {
    id: "sns",
    title: "SNS",
    api_version: "2010-03-31",
    protocols: &[Protocol::Query],
    operations: &[&TOPIC_ECHO, &TOPIC_PUBLISH],
    ..SERVICE
};
pub static METRICS: ServiceSchema = ServiceSchema {
    id: "monitoring",
    title: "CloudWatch",
    api_version: "2010-08-01",
    target_prefix: "GraniteServiceVersion20100801",
    cbor_name: "GraniteServiceVersion20100801",
    protocols: &[Protocol::Cbor, Protocol::Json10, Protocol::Query],
    operations: &[&METRIC_ECHO],
    ..SERVICE
};
pub static TABLES: ServiceSchema = ServiceSchema {
    id: "dynamodb",
    title: "DynamoDB",
    api_version: "2012-08-10",
    target_prefix: "DynamoDB_20120810",
    error_prefix: "com.amazonaws.dynamodb.v20120810",
    protocols: &[Protocol::Json10],
    operations: &[&TABLE_ECHO],
    ..SERVICE
};
pub static FUNCTIONS: ServiceSchema = ServiceSchema {
    id: "lambda",
    title: "Lambda",
    api_version: "2015-03-31",
    protocols: &[Protocol::RestJson],
    operations: &[&FUNCTION_CREATE, &FUNCTION_INVOKE],
    ..SERVICE
};
pub static BUCKETS: ServiceSchema = ServiceSchema {
    id: "s3",
    title: "S3",
    api_version: "2006-03-01",
    protocols: &[Protocol::RestXml],
    operations: &[&BUCKET_PUT, &BUCKET_HEAD, &BUCKET_TAG, &BUCKET_LIST],
    ..SERVICE
};

/// All toy services.
pub static SERVICES: &[&ServiceSchema] = &[&QUEUES, &TOPICS, &METRICS, &TABLES, &FUNCTIONS, &BUCKETS];
