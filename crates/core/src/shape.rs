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
    /// Whether anything inside the value (members, elements, keys, entries) is required or constrained; validation passes over the inside
    /// otherwise.
    pub inner: bool,
}

impl Constraints {
    /// No constraint.
    pub const NONE: Self =
        Self { min: None, max: None, pattern: None, matches: None, values: &[], inner: false };
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
    /// Whether the model requires it.
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

/// What a value did wrong.
#[derive(Debug, Clone)]
pub enum Violation {
    /// A required member was absent or null.
    Missing,
    /// Shorter than `min`, or fewer elements.
    TooShort(i64),
    /// Longer than `max`, or more elements.
    TooLong(i64),
    /// A number under `min`.
    TooSmall(i64),
    /// A number over `max`.
    TooLarge(i64),
    /// A string that does not match this pattern.
    Pattern(&'static str),
    /// A string that is none of these values.
    NotOneOf(&'static [&'static str]),
    /// A list with an element that violates these.
    Elements(&'static Constraints),
    /// A map with a key that violates these.
    Keys(&'static Constraints),
    /// A map with a value that violates these.
    Values(&'static Constraints),
}

/// A violation, where it happened and with what value, in the spelling that AWS's messages use.
#[derive(Debug, Clone)]
pub struct Violated {
    /// The path in AWS's spelling: `targets.1.member.id`, `messageAttributes.attr1.member.dataType` (see `events` and `sns` in the recordings).
    pub path: String,
    /// The offending value as AWS prints it (lists in brackets); empty for [`Violation::Missing`].
    pub value: String,
    /// What is wrong with it.
    pub violation: Violation,
}

/// All the violations of one input, those of missing members first, otherwise in the model's order.
///
/// Paths are put together from the inside out: whoever descends takes a [`mark`](Self::mark) and afterwards places what was found since. So a valid
/// input costs no allocation.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<Violated>,
}

impl Violations {
    /// How many violations are kept; further ones are dropped, so that hostile input cannot make a large answer.
    pub const KEPT_MAX: usize = 32;

    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &[Violated] {
        &self.found
    }

    /// Whether the input is valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How much has been found so far, for [`Violations::in_member`] and the like.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.found.len()
    }

    /// Drops what was found since `mark`, because it is reported otherwise.
    pub fn forget(&mut self, mark: usize) {
        self.found.truncate(mark);
    }

    /// Places what was found since `mark` in the member `name`, which messages spell with a lower-case first letter.
    pub fn in_member(&mut self, mark: usize, name: &str) {
        for violated in self.found.iter_mut().skip(mark) {
            let mut chars = name.chars();
            let first = chars.next().map(|c| c.to_ascii_lowercase());
            violated.descend(first.into_iter().chain(chars));
        }
    }

    /// Places what was found since `mark` in the list element `index` (from zero; messages count from one: `1.member`).
    pub fn in_element(&mut self, mark: usize, index: usize) {
        for violated in self.found.iter_mut().skip(mark) {
            violated.descend(format!("{}.member", index + 1).chars());
        }
    }

    /// Places what was found since `mark` in the map entry `key` (`attr1.member`).
    pub fn in_entry(&mut self, mark: usize, key: &str) {
        for violated in self.found.iter_mut().skip(mark) {
            violated.descend(key.chars().chain(".member".chars()));
        }
    }

    /// Records a violation by the value at hand; its path is empty until it is placed.
    pub fn add(&mut self, violation: Violation, value: impl FnOnce() -> String) {
        if self.found.len() < Self::KEPT_MAX {
            self.found.push(Violated { path: String::new(), value: value(), violation });
        }
    }

    /// The message that most of AWS's services give: `2 validation errors detected: Value '…' at '…' failed to satisfy constraint: …; …`
    /// (see `../aws-recordings/events`, `…/logs`).
    #[must_use]
    pub fn message(&self) -> String {
        let (count, plural) = (self.found.len(), if self.found.len() == 1 { "" } else { "s" });
        let each: Vec<String> = self.found.iter().map(Violated::clause).collect();
        format!("{count} validation error{plural} detected: {}", each.join("; "))
    }
}

impl Violated {
    /// Puts a part before the path.
    fn descend(&mut self, part: impl Iterator<Item = char>) {
        let inside = std::mem::take(&mut self.path);
        self.path.extend(part);
        if !inside.is_empty() {
            self.path.push('.');
            self.path.push_str(&inside);
        }
    }

    /// `Value 'x' at 'name' failed to satisfy constraint: Member must …`.
    #[must_use]
    pub fn clause(&self) -> String {
        let must = match &self.violation {
            Violation::Missing => {
                return format!(
                    "Value null at '{}' failed to satisfy constraint: Member must not be null",
                    self.path
                );
            }
            Violation::TooShort(min) => length_at_least(*min),
            Violation::TooLong(max) => length_at_most(*max),
            Violation::TooSmall(min) => format!("Member must have value greater than or equal to {min}"),
            Violation::TooLarge(max) => format!("Member must have value less than or equal to {max}"),
            Violation::Pattern(pattern) => matching(pattern),
            Violation::NotOneOf(values) => one_of(values),
            Violation::Elements(inner) => format!("Member must satisfy constraint: [{}]", inner.demands()),
            Violation::Keys(inner) => format!("Map keys must satisfy constraint: [{}]", inner.demands()),
            Violation::Values(inner) => format!("Map value must satisfy constraint: [{}]", inner.demands()),
        };
        format!("Value '{}' at '{}' failed to satisfy constraint: {must}", self.value, self.path)
    }
}

fn length_at_least(min: i64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn length_at_most(max: i64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

impl Constraints {
    /// Whether nothing is demanded, neither of the value nor inside it.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.min.is_none()
            && self.max.is_none()
            && self.pattern.is_none()
            && self.values.is_empty()
            && !self.inner
    }

    /// All that is demanded of a string, in the order in which Lambda's answers list it for the elements of a list.
    fn demands(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        all.extend(self.max.map(length_at_most));
        all.extend(self.min.map(length_at_least));
        all.extend(self.pattern.map(matching));
        if !self.values.is_empty() {
            all.push(one_of(self.values));
        }
        all.push("Member must not be null".to_owned());
        all.join(", ")
    }
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
    /// In query and XML: the element that wraps the output (`SendMessageResult`), if any.
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
    /// `cloudformation`, `iam`, `sts`, `s3`.
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
