//! Connections: how API destinations are told who calls.
//!
//! Follows "Connections for endpoint targets" of the user guide and the recordings in `events/test_api_destinations_and_connection`. What AWS keeps in a
//! secret of Secrets Manager is in the connection's own record, in the clear, as everything in the store is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A header, query parameter or field of the body that goes with every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
    /// Whether the value is never shown; kept as it was given, or not given.
    pub is_secret: Option<bool>,
}

/// What goes with every request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Headers.
    pub headers: Option<Vec<Parameter>>,
    /// Query parameters.
    pub query: Option<Vec<Parameter>>,
    /// Fields of the body, if that is a JSON object (or of a token request's form).
    pub body: Option<Vec<Parameter>>,
}

/// How a connection authorizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A header with a secret value.
    ApiKey {
        /// Name of the header.
        name: String,
        /// Its value.
        value: String,
    },
    /// A token that is asked for with the client's credentials.
    OAuth(Box<OAuth>),
}

/// OAuth with client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Where the token is asked for.
    pub endpoint: String,
    /// With which method.
    pub method: String,
    /// What goes with that request.
    pub parameters: Option<Parameters>,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionState {
    /// Its first token is being asked for.
    Authorizing,
    /// It can be used.
    Authorized,
    /// It has no authorization (any more).
    Deauthorized,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRecord {
    /// The last part of its ARN.
    pub id: String,
    /// The last part of its secret's ARN.
    pub secret: String,
    /// Description.
    pub description: Option<String>,
    /// `BASIC`, `API_KEY` or `OAUTH_CLIENT_CREDENTIALS`.
    pub kind: String,
    /// How it authorizes; `None` once it was deauthorized.
    pub authorization: Option<Authorization>,
    /// What goes with every request to an API destination.
    pub invocation: Option<Parameters>,
    /// Where it stands.
    pub state: ConnectionState,
    /// Why it is not authorized.
    pub state_reason: Option<String>,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
    /// Authorized, milliseconds.
    pub authorized_millis: i64,
}

/// A token that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Value of the `Authorization` header.
    pub header: String,
    /// Until when it can be used, if that was said.
    pub until: Option<Timestamp>,
}

impl ConnectionState {
    /// AWS's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorizing => "AUTHORIZING",
            Self::Authorized => "AUTHORIZED",
            Self::Deauthorized => "DEAUTHORIZED",
        }
    }
}

impl Authorization {
    /// AWS's name of this kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "BASIC",
            Self::ApiKey { .. } => "API_KEY",
            Self::OAuth(_) => "OAUTH_CLIENT_CREDENTIALS",
        }
    }

    /// The header that authorizes a request; `None` if a token is needed and not there.
    #[must_use]
    pub fn header(&self, token: Option<&Token>) -> Option<(String, String)> {
        let authorization = |value: String| ("Authorization".to_owned(), value);
        match self {
            Self::Basic { username, password } => {
                let credentials = STANDARD.encode(format!("{username}:{password}"));
                Some(authorization(format!("Basic {credentials}")))
            }
            Self::ApiKey { name, value } => Some((name.clone(), value.clone())),
            Self::OAuth(_) => token.map(|token| authorization(token.header.clone())),
        }
    }
}

impl Token {
    /// Reads the answer to a token request that came at `now`.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub fn parse(answer: &[u8], now: Timestamp) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
            token_type: Option<String>,
            expires_in: Option<serde_json::Value>,
        }
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|_| "the answer of the authorization endpoint has no access_token".to_owned())?;
        let is_text = |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let kind = answer.token_type.filter(|kind| is_text(kind)).unwrap_or_else(|| "Bearer".to_owned());
        if !is_text(&answer.access_token) {
            return Err("the access_token of the authorization endpoint cannot be in a header".to_owned());
        }
        // Some servers say the number as a text.
        let secs = answer.expires_in.and_then(|value| match value {
            serde_json::Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        });
        let until = secs.map(|secs: u64| now.after(std::time::Duration::from_secs(secs)));
        Ok(Self { header: format!("{kind} {}", answer.access_token), until })
    }

    /// Whether it can still be used.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_servers_write_them() {
        let now = Timestamp::from_secs(100);
        let parse = |text: &str| Token::parse(text.as_bytes(), now);
        let token = |header: &str, until: Option<i64>| Token {
            header: header.to_owned(),
            until: until.map(Timestamp::from_secs),
        };
        for (answer, expected) in [
            (
                r#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#,
                token("bearer t", Some(3700)),
            ),
            (r#"{"access_token":"t","expires_in":"60","scope":"x"}"#, token("Bearer t", Some(160))),
            (r#"{"access_token":"t"}"#, token("Bearer t", None)),
        ] {
            assert_eq!(parse(answer), Ok(expected), "{answer}");
        }
        for answer in ["", "[]", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#] {
            assert!(parse(answer).is_err(), "{answer}");
        }
        assert!(token("x", Some(101)).is_valid(now) && !token("x", Some(100)).is_valid(now));
    }

    #[test]
    fn each_kind_has_its_header() {
        let basic = Authorization::Basic { username: "user".into(), password: "pass".into() };
        let expected = ("Authorization".to_owned(), "Basic dXNlcjpwYXNz".to_owned());
        assert_eq!(basic.header(None), Some(expected));
        let key = Authorization::ApiKey { name: "X-Key".into(), value: "v".into() };
        assert_eq!(key.header(None), Some(("X-Key".to_owned(), "v".to_owned())));
    }
}
