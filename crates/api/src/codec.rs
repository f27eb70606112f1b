//! What generated code is made with: adapters for lists and maps, and the traits that look the same for every type.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pontoon_core::shape::{
    Constraints, Decode, DecodeError, Encode, ListSchema, Location, MapSchema, Member, Output, Reader,
    Request, TimestampFormat, Validate, Violations, Writer,
};
use pontoon_core::{ApiError, Reply};
use regex::Regex;

use crate::check::Requiring;

/// A member that travels in the body and of which nothing is demanded.
pub(crate) const MEMBER: Member = Member {
    name: "",
    wire: "",
    query: "",
    location: Location::Body,
    required: false,
    flattened: false,
    xml_attribute: false,
    timestamp: TimestampFormat::Default,
    constraints: &Constraints::NONE,
};

/// The same for a list or map without a wrapping element.
pub(crate) const FLATTENED: Member = Member { flattened: true, ..MEMBER };

/// A regular expression of a model, compiled when it is first needed.
pub(crate) struct Pattern {
    source: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// A pattern in the syntax of the `regex` crate.
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Whether the whole of `text` matches; the pattern carries its own anchors.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| match Regex::new(self.source) {
            Ok(regex) => regex,
            Err(error) => panic!("code generation has compiled every pattern, this one too: {error}"),
        });
        compiled.is_match(text)
    }
}

/// A list ready to be written: schema, whether it is flattened, elements, and how to write one.
pub(crate) struct List<'a, T>(
    pub(crate) &'static ListSchema,
    pub(crate) bool,
    pub(crate) &'a [T],
    pub(crate) fn(&T, &mut dyn Writer),
);

/// A map ready to be written: schema, whether it is flattened, entries, and how to write a value.
pub(crate) struct Map<'a, T>(
    pub(crate) &'static MapSchema,
    pub(crate) bool,
    pub(crate) &'a BTreeMap<String, T>,
    pub(crate) fn(&T, &mut dyn Writer),
);

/// A value with the function that writes it.
struct By<'a, T>(&'a T, fn(&T, &mut dyn Writer));

impl<T> Encode for By<'_, T> {
    fn encode(&self, to: &mut dyn Writer) {
        (self.1)(self.0, to);
    }
}

impl<T> Encode for List<'_, T> {
    fn encode(&self, to: &mut dyn Writer) {
        to.list(self.0, self.1, self.2.len(), &mut |each| {
            self.2.iter().for_each(|value| each(&By(value, self.3)));
        });
    }
}

impl<T> Encode for Map<'_, T> {
    fn encode(&self, to: &mut dyn Writer) {
        to.map(self.0, self.1, self.2.len(), &mut |each| {
            self.2.iter().for_each(|(key, value)| each(key, &By(value, self.3)));
        });
    }
}

/// How a value is read.
pub(crate) type Read<T> = fn(&mut dyn Reader) -> Result<T, DecodeError>;

/// Reads a list.
pub(crate) fn list<T>(
    from: &mut dyn Reader,
    schema: &'static ListSchema,
    flattened: bool,
    read: Read<T>,
) -> Result<Vec<T>, DecodeError> {
    let mut values = Vec::new();
    from.list(schema, flattened, &mut |from| {
        values.push(read(from)?);
        Ok(())
    })?;
    Ok(values)
}

/// Reads a map. Of entries with the same key the last one counts.
pub(crate) fn map<T>(
    from: &mut dyn Reader,
    schema: &'static MapSchema,
    flattened: bool,
    read: Read<T>,
) -> Result<BTreeMap<String, T>, DecodeError> {
    let mut values = BTreeMap::new();
    from.map(schema, flattened, &mut |key, from| {
        values.insert(key, read(from)?);
        Ok(())
    })?;
    Ok(values)
}

/// Reads an integer of 32 bits.
pub(crate) fn integer(from: &mut dyn Reader) -> Result<i32, DecodeError> {
    let wide = from.integer()?;
    i32::try_from(wide).map_err(|_| DecodeError::new(format!("{wide} is out of range for an Integer")))
}

/// Reads an operation's input, and checks it.
pub(crate) fn decode<I: Decode + Validate, R: Request>(
    from: &mut dyn Reader,
    wrap: fn(I) -> R,
) -> Result<(Box<dyn Request>, Violations), DecodeError> {
    let mut violations = Violations::new();
    let input = I::decode(&mut Requiring::new(from, &mut violations))?;
    input.validate(&mut violations);
    violations.forget_faults_of_missing();
    Ok((Box::new(wrap(input)), violations))
}

/// An operation's answer with its types erased.
pub(crate) fn erase<T: Output, E: Into<ApiError>>(
    answer: Result<Reply<T>, E>,
) -> Result<Reply<Box<dyn Output>>, ApiError> {
    answer.map(Reply::erase).map_err(Into::into)
}

/// The error that most services give for an input that violates the model.
pub(crate) fn validation_exception(violations: &Violations) -> ApiError {
    ApiError::client("ValidationException", violations.message())
}

/// A structure without members is written and read.
macro_rules! empty {
    ($name:ident, $schema:expr) => {
        impl pontoon_core::shape::Encode for $name {
            fn encode(&self, to: &mut dyn pontoon_core::shape::Writer) {
                to.structure(&$schema, &mut |_| {});
            }
        }

        impl pontoon_core::shape::Decode for $name {
            fn decode(
                from: &mut dyn pontoon_core::shape::Reader,
            ) -> Result<Self, pontoon_core::shape::DecodeError> {
                from.structure(&$schema, &mut |_, _| Ok(()))?;
                Ok(Self {})
            }
        }
    };
}

/// Outputs and error details are carried by the engine.
macro_rules! outputs {
    ($($name:ident),*) => {$(
        impl pontoon_core::shape::Output for $name {
            fn as_any(&self) -> &dyn std::any::Any {
                self
            }

            fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
                self
            }
        }
    )*};
}

/// Inputs are checked against the constraints that their schemas hold.
macro_rules! inputs {
    ($($name:ident),*) => {$(
        impl pontoon_core::shape::Validate for $name {
            fn validate(&self, violations: &mut pontoon_core::shape::Violations) {
                crate::check::check(self, violations);
            }
        }
    )*};
}

/// The part of `Request` that is the same for every service.
macro_rules! request_any {
    () => {
        fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
            self
        }
    };
}

/// Turns the engine's request back into the service's own.
macro_rules! request_from_any {
    ($name:ident) => {
        impl TryFrom<Box<dyn pontoon_core::shape::Request>> for $name {
            type Error = pontoon_core::ApiError;

            /// Fails with an internal error if the request is another service's, which the engine's routing rules out.
            fn try_from(request: Box<dyn pontoon_core::shape::Request>) -> Result<Self, Self::Error> {
                let operation = request.operation();
                match request.into_any().downcast() {
                    Ok(own) => Ok(*own),
                    Err(_) => Err(crate::codec::misrouted(operation)),
                }
            }
        }
    };
}

pub(crate) use {empty, inputs, outputs, request_any, request_from_any};

/// The error for a request that reached the wrong service.
pub(crate) fn misrouted(operation: &'static pontoon_core::shape::OperationSchema) -> ApiError {
    ApiError::server("InternalFailure", format!("{operation:?} was handed to another service."))
}
