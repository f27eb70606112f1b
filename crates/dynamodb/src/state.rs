//! The nouns of DynamoDB and what they do: values, keys, expressions. Pure, and free of wire types.

use std::borrow::Cow;
use std::fmt;

pub mod expression;
pub mod key;
pub mod legacy;
pub mod number;
pub mod path;
pub mod table;
pub mod value;

/// Why a request is not valid: the message of the `ValidationException` it is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid(Cow<'static, str>);

impl Invalid {
    /// The message as it stands.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Invalid {
        Invalid(message.into())
    }

    /// `One or more parameter values were invalid: …`
    pub fn parameters(what: impl fmt::Display) -> Invalid {
        Invalid(Cow::Owned(format!("One or more parameter values were invalid: {what}")))
    }

    /// The same fault with something said before it.
    #[must_use]
    pub fn within(self, before: impl fmt::Display) -> Invalid {
        Invalid(Cow::Owned(format!("{before}{}", self.0)))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}
