//! The contract between the generated types (`crates/api`) and the wire protocols (`crates/wire`).
//!
//! A generated type describes itself by a static [`StructSchema`] and walks itself over a [`Writer`] or out of a [`Reader`];
//! a protocol implements those two traits once and so speaks every operation. Neither knows the other.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::time::Timestamp;

mod violation;

pub use violation::{Violated, Violation, Violations};

/// How an instant is spelled on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Whatever the protocol says for the place it stands in.
    Default,
    /// Seconds since the epoch, a number.
    EpochSeconds,
    /// `2026-01-31T12:34:56Z`
    DateTime,
    /// `Sat, 31 Jan 2026 12:34:56 GMT`
    HttpDate,
}

/// Where a member travels in the REST protocols; every other protocol puts all members in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body, under its wire name.
    Body,
    /// In the header of its wire name.
    Header,
    /// In all headers that begin with its wire name (a map).
    Headers,
    /// In the query parameter of its wire name.
    Query,
    /// In the placeholder of its wire name in the path.
    Path,
    /// The response's status code.
    Status,
    /// It *is* the body: a blob as it is, a structure encoded.
    Payload,
}

/// What [`Constraints::min`] and [`Constraints::max`] bound; messages print the bounds accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// The length of a string, a blob, a list or a map.
    Length,
    /// The value of an integer.
    Integer,
    /// The value of a floating-point number.
    Double,
}

/// What the model demands of a value. [`Constraints::NONE`] demands nothing.
#[derive(Clone, Copy, Debug)]
pub struct Constraints {
    /// Smallest length (characters, bytes or elements) or, for numbers, smallest value.
    pub min: Option<i64>,
    /// Largest length or, for numbers, largest value.
    pub max: Option<i64>,
    /// The regular expression that a string must match as a whole, as the model spells it.
    pub pattern: Option<&'static str>,
    /// Whether a string matches `pattern` as a whole; set wherever `pattern` is.
    pub matches: Option<fn(&str) -> bool>,
    /// The values that a string may have, in the model's order; empty means any.
    pub values: &'static [&'static str],
    /// What `min` and `max` bound.
    pub bounds: Bounds,
    /// Whether anything inside the value (members, elements, keys, entries) is required or constrained; validation passes over the inside
    /// otherwise.
    pub inner: bool,
}

impl Constraints {
    /// No constraint.
    pub const NONE: Self = Self {
        min: None,
        max: None,
        pattern: None,
        matches: None,
        values: &[],
        bounds: Bounds::Length,
        inner: false,
    };

    /// Whether nothing is demanded, neither of the value nor inside it.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.min.is_none()
            && self.max.is_none()
            && self.pattern.is_none()
            && self.values.is_empty()
            && !self.inner
    }
}

/// One member of a structure, or the element of a list, or the key or value of a map.
#[derive(Debug)]
pub struct Member {
    /// The model's name of the member (`QueueUrl`), which messages of validation errors use.
    pub name: &'static str,
    /// Its name on the wire in JSON, XML, CBOR, a header, a query parameter or a path.
    pub wire: &'static str,
    /// Its name in the query protocol, in the form and in the XML of the answer; the same as `wire` unless clients of another protocol know it by
    /// another name (SQS). For a flattened list it names the repeated element (`AttributeName`, for `AttributeName.1`).
    pub query: &'static str,
    /// Where it travels in the REST protocols.
    pub location: Location,
    /// Whether the model requires it; of an element or a map's value, whether null is refused.
    pub required: bool,
    /// In XML and query: a list or map whose entries stand without a wrapping element.
    pub flattened: bool,
    /// In XML: an attribute of the parent's element.
    pub xml_attribute: bool,
    /// How an instant is spelled; [`TimestampFormat::Default`] for every other type too.
    pub timestamp: TimestampFormat,
    /// What the model demands of the value.
    pub constraints: &'static Constraints,
}

/// A structure's members, in the model's order.
#[derive(Debug)]
pub struct StructSchema {
    /// The model's name of the shape.
    pub name: &'static str,
    /// The members; generated code refers to them by their index.
    pub members: &'static [Member],
    /// Index of the member that is the REST payload, if any.
    pub payload: Option<usize>,
    /// XML namespace of the element, if the shape has one of its own.
    pub xml_namespace: Option<&'static str>,
}

/// A list's element.
#[derive(Debug)]
pub struct ListSchema {
    /// The element; its `wire` name is `member` unless the model says otherwise.
    pub member: Member,
}

/// A map's key and value.
#[derive(Debug)]
pub struct MapSchema {
    /// The key; `wire` is `key` unless the model says otherwise.
    pub key: Member,
    /// The value; `wire` is `value` unless the model says otherwise.
    pub value: Member,
}

/// Why bytes could not be read as the shape that was expected: malformed, truncated, or of a wrong type. The protocol turns it into AWS's
/// `SerializationException` (JSON), `MalformedInput` (query) and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong, in AWS's words where it has some.
    pub message: Cow<'static, str>,
}

impl DecodeError {
    /// An error with this message.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

/// What a generated type reads itself from: a cursor at one value. Each method consumes the value.
///
/// Absent members are simply not visited, and so are explicit nulls, but for lists and maps that may hold them.
pub trait Reader {
    /// Consumes a null if the value is one, and says whether it was.
    fn null(&mut self) -> Result<bool, DecodeError>;
    /// A boolean.
    fn bool(&mut self) -> Result<bool, DecodeError>;
    /// An integer of at most 64 bits; the caller narrows it.
    fn integer(&mut self) -> Result<i64, DecodeError>;
    /// A number, including the strings `NaN`, `Infinity` and `-Infinity`.
    fn double(&mut self) -> Result<f64, DecodeError>;
    /// A string.
    fn string(&mut self) -> Result<String, DecodeError>;
    /// Bytes; base64 where the protocol has no bytes of its own.
    fn blob(&mut self) -> Result<Bytes, DecodeError>;
    /// An instant in the given format, or the protocol's own where that is `Default`.
    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError>;
    /// A structure: calls `visit` once for each member that is present and not null, with its index in `schema.members`. Unknown members are
    /// passed over.
    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError>;
    /// A list: calls `each` for every element in order. `flattened` is the member's.
    fn list(
        &mut self,
        schema: &'static ListSchema,
        flattened: bool,
        each: &mut Each<'_>,
    ) -> Result<(), DecodeError>;
    /// A map: calls `each` for every entry. `flattened` is the member's.
    fn map(
        &mut self,
        schema: &'static MapSchema,
        flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError>;
    /// Any JSON value at all (the model's document type).
    fn document(&mut self) -> Result<serde_json::Value, DecodeError>;
}

/// Receives the members of a structure by index.
pub type Visit<'v> = dyn FnMut(usize, &mut dyn Reader) -> Result<(), DecodeError> + 'v;
/// Receives the elements of a list.
pub type Each<'v> = dyn FnMut(&mut dyn Reader) -> Result<(), DecodeError> + 'v;
/// Receives the entries of a map.
pub type EachEntry<'v> = dyn FnMut(String, &mut dyn Reader) -> Result<(), DecodeError> + 'v;

/// What a generated type writes itself to.
pub trait Writer {
    /// A null element of a sparse list or map.
    fn null(&mut self);
    /// A boolean.
    fn bool(&mut self, value: bool);
    /// An integer.
    fn integer(&mut self, value: i64);
    /// A floating-point number; `NaN` and infinities are spelled as strings where the protocol needs that.
    fn double(&mut self, value: f64);
    /// A string.
    fn string(&mut self, value: &str);
    /// Bytes.
    fn blob(&mut self, value: &[u8]);
    /// An instant.
    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat);
    /// A structure: `fill` gets a [`StructWriter`] and hands it the members that are set, in the model's order.
    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter));
    /// A list of `len` elements: `fill` writes each by one call on the writer it is given.
    fn list(&mut self, schema: &'static ListSchema, flattened: bool, len: usize, fill: &mut Fill<'_>);
    /// A map of `len` entries: `fill` writes each by one call with key and value.
    fn map(&mut self, schema: &'static MapSchema, flattened: bool, len: usize, fill: &mut FillEntries<'_>);
    /// Any JSON value.
    fn document(&mut self, value: &serde_json::Value);
}

/// Writes the elements of a list, each by one call of what it is given.
pub type Fill<'f> = dyn FnMut(&mut dyn FnMut(&dyn Encode)) + 'f;
/// Writes the entries of a map, each by one call of what it is given.
pub type FillEntries<'f> = dyn FnMut(&mut dyn FnMut(&str, &dyn Encode)) + 'f;
/// What decoding an input gives: the input, and what the model finds wrong with it.
pub type Decoded = Result<(Box<dyn Request>, Violations), DecodeError>;

/// Receives a structure's members.
pub trait StructWriter {
    /// Writes the member at `index` of the schema.
    fn member(&mut self, index: usize, value: &dyn Encode);
}

/// A value that can write itself.
pub trait Encode {
    /// Writes the value by exactly one call on `to`.
    fn encode(&self, to: &mut dyn Writer);
}

/// A value that can read itself. Required members that are missing are left at their default: [`Validate`] reports them, because AWS reports them
/// together with the other violations.
pub trait Decode: Sized {
    /// Reads the value by exactly one call on `from`.
    ///
    /// # Errors
    /// If the bytes are malformed or of another type.
    fn decode(from: &mut dyn Reader) -> Result<Self, DecodeError>;
}

/// A value that can check itself against the model's constraints.
pub trait Validate {
    /// Adds what is wrong to `violations`.
    fn validate(&self, violations: &mut Violations);
}

/// The decoded input of any operation, as the engine carries it.
pub trait Request: Any + Send + fmt::Debug {
    /// The operation that this is the input of.
    fn operation(&self) -> &'static OperationSchema;
    /// For downcasting to the service's own request enum.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// The output of any operation (or the members of a modelled error), as the engine carries it.
pub trait Output: Any + Send + Sync + fmt::Debug + Encode {
    /// For downcasting to the operation's own output type.
    fn as_any(&self) -> &dyn Any;
    /// For downcasting to the operation's own output type, by value.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// What the wire needs to know of one operation.
pub struct OperationSchema {
    /// Which service it belongs to.
    pub service: &'static ServiceSchema,
    /// The model's name: `SendMessage`.
    pub name: &'static str,
    /// HTTP method of the REST binding (`POST` elsewhere).
    pub method: &'static str,
    /// Path template of the REST binding (`/2015-03-31/functions/{FunctionName}`), with fixed query parameters behind `?`; `/` elsewhere.
    pub path: &'static str,
    /// Status of a success.
    pub status: u16,
    /// The input's shape.
    pub input: &'static StructSchema,
    /// The output's shape.
    pub output: &'static StructSchema,
    /// In query: the element that wraps the output (`SendMessageResult`), if any. In REST XML: the root element, where it is not named after the
    /// output's shape (`ListAllMyBucketsResult`).
    pub result_wrapper: Option<&'static str>,
    /// The modelled errors' codes.
    pub errors: &'static [ErrorSchema],
    /// Reads the input and checks it against the model. A violated input is still returned (with defaults where members are missing),
    /// because the service words the error.
    pub decode: fn(&mut dyn Reader) -> Decoded,
}

impl fmt::Debug for OperationSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service.id, self.name)
    }
}

/// One error that an operation declares.
#[derive(Debug)]
pub struct ErrorSchema {
    /// The shape's name, which JSON protocols send: `QueueDoesNotExist`.
    pub shape: &'static str,
    /// The code that query and XML send: `AWS.SimpleQueueService.NonExistentQueue`; the shape's name if the model has no other.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the sender is at fault.
    pub sender: bool,
    /// How the shape spells the member with the message: `message` or `Message`; empty if it models none.
    pub message: &'static str,
}

/// The protocols that a service's clients have spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0 (`application/x-amz-json-1.0`).
    Json10,
    /// AWS JSON 1.1 (`application/x-amz-json-1.1`).
    Json11,
    /// Form in, XML out.
    Query,
    /// REST with JSON bodies.
    RestJson,
    /// REST with XML bodies (S3).
    RestXml,
    /// Smithy RPC v2 with CBOR bodies.
    Cbor,
}

/// What the wire needs to know of one service.
pub struct ServiceSchema {
    /// Our short name and the name in ARNs' service part and SigV4 scopes: `sqs`, `events`, `sns`, `lambda`, `dynamodb`, `monitoring`, `logs`,
    /// `cloudformation`, `iam`, `sts`, `s3`, `scheduler`, `pipes`.
    pub id: &'static str,
    /// The model's service id: `SQS`, `EventBridge`, `CloudWatch Logs`.
    pub title: &'static str,
    /// Version date in the query protocol and paths: `2012-11-05`.
    pub api_version: &'static str,
    /// What comes before the dot in `X-Amz-Target`, empty if the service has no JSON protocol.
    pub target_prefix: &'static str,
    /// The service name in rpc-v2-cbor paths (`GraniteServiceVersion20100801`), empty if it does not speak it.
    pub cbor_name: &'static str,
    /// What `__type` carries before the `#` in JSON errors (`com.amazonaws.sqs`), empty where the bare code is sent.
    pub error_prefix: &'static str,
    /// Namespace of XML answers.
    pub xml_namespace: &'static str,
    /// The protocols spoken.
    pub protocols: &'static [Protocol],
    /// The supported operations.
    pub operations: &'static [&'static OperationSchema],
    /// Every other operation of the model, for explicit refusals.
    pub unsupported: &'static [&'static str],
}

impl fmt::Debug for ServiceSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl Encode for String {
    fn encode(&self, to: &mut dyn Writer) {
        to.string(self);
    }
}

impl Encode for bool {
    fn encode(&self, to: &mut dyn Writer) {
        to.bool(*self);
    }
}

impl Encode for i32 {
    fn encode(&self, to: &mut dyn Writer) {
        to.integer(i64::from(*self));
    }
}

impl Encode for i64 {
    fn encode(&self, to: &mut dyn Writer) {
        to.integer(*self);
    }
}

impl Encode for f32 {
    fn encode(&self, to: &mut dyn Writer) {
        to.double(f64::from(*self));
    }
}

impl Encode for f64 {
    fn encode(&self, to: &mut dyn Writer) {
        to.double(*self);
    }
}

impl Encode for Bytes {
    fn encode(&self, to: &mut dyn Writer) {
        to.blob(self);
    }
}

impl Encode for serde_json::Value {
    fn encode(&self, to: &mut dyn Writer) {
        to.document(self);
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, to: &mut dyn Writer) {
        match self {
            Some(value) => value.encode(to),
            None => to.null(),
        }
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, to: &mut dyn Writer) {
        (**self).encode(to);
    }
}

/// A list with its schema, ready to be written; generated code wraps lists in it.
#[derive(Debug)]
pub struct ListOf<'a, T>(pub &'static ListSchema, pub bool, pub &'a [T]);

impl<T: Encode> Encode for ListOf<'_, T> {
    fn encode(&self, to: &mut dyn Writer) {
        to.list(self.0, self.1, self.2.len(), &mut |each| self.2.iter().for_each(|value| each(value)));
    }
}

/// A map with its schema, ready to be written; generated code wraps maps in it.
#[derive(Debug)]
pub struct MapOf<'a, T>(pub &'static MapSchema, pub bool, pub &'a BTreeMap<String, T>);

impl<T: Encode> Encode for MapOf<'_, T> {
    fn encode(&self, to: &mut dyn Writer) {
        to.map(self.0, self.1, self.2.len(), &mut |each| {
            self.2.iter().for_each(|(key, value)| each(key, value))
        });
    }
}

/// An instant with its format, ready to be written; generated code wraps instants in it.
#[derive(Debug, Clone, Copy)]
pub struct TimestampIn(pub TimestampFormat, pub Timestamp);

impl Encode for TimestampIn {
    fn encode(&self, to: &mut dyn Writer) {
        to.timestamp(self.1, self.0);
    }
}
