//! API destinations: web servers as targets, and the requests that they get.
//!
//! Follows "API destinations as targets" of the user guide: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_core::Timestamp;
use pontoon_core::work::{HttpCall, QUOTED_ANSWER_BYTES_MAX};
use serde::{Deserialize, Serialize};

use super::connection::{Authorization, OAuth, Parameter, Parameters, Token};
use pontoon_core::json::{self, JsonPath};

/// How long a web server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Requests a second, unless the destination says otherwise (recorded).
pub const RATE_DEFAULT: u32 = 300;

/// Headers that EventBridge sets itself; others of these names do not go out.
const OWN_HEADERS: [&str; 7] =
    ["accept-encoding", "connection", "content-length", "host", "range", "transfer-encoding", "user-agent"];

/// An API destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDestinationRecord {
    /// The last part of its ARN.
    pub id: String,
    /// Description.
    pub description: Option<String>,
    /// ARN of its connection.
    pub connection_arn: String,
    /// URL; each `*` of its path is a target's parameter.
    pub endpoint: String,
    /// Method.
    pub method: String,
    /// Requests a second.
    pub rate: u32,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
}

/// What a target adds to the requests of its API destination. A value that is a JSON path stands for what it leads to in the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpTarget {
    /// Values of the path's wildcards, in order.
    pub path: Vec<String>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
}

impl HttpTarget {
    /// The same with what its JSON paths lead to in an event.
    #[must_use]
    pub fn of_event(&self, event: &str) -> Self {
        let values = |values: &BTreeMap<String, String>| {
            values.iter().map(|(name, value)| (name.clone(), value_of(value, event))).collect()
        };
        Self {
            path: self.path.iter().map(|value| value_of(value, event)).collect(),
            headers: values(&self.headers),
            query: values(&self.query),
        }
    }
}

/// Turns at a destination that takes so many requests a second: a second's turns at once, further ones in later seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    second: Timestamp,
    used: u32,
}

impl Turns {
    /// Takes the next turn: when it is, which may be now.
    pub fn take(&mut self, now: Timestamp, rate: u32) -> Timestamp {
        let second = Duration::from_secs(1);
        if self.used == 0 || now >= self.second.after(second) {
            *self = Self { second: now, used: 0 };
        }
        if self.used >= rate.max(1) {
            *self = Self { second: self.second.after(second), used: 0 };
        }
        self.used += 1;
        self.second.max(now)
    }
}

/// The request that brings `body` to a destination. What `target` adds goes out as it is; see [`HttpTarget::of_event`].
#[must_use]
pub fn request(
    destination: &ApiDestinationRecord,
    (authorization, token): (Option<&Authorization>, Option<&Token>),
    invocation: Option<&Parameters>,
    target: &HttpTarget,
    body: &str,
) -> HttpCall {
    let none = Parameters::default();
    let invocation = invocation.unwrap_or(&none);
    let mut query: Vec<(String, String)> = target.query.clone().into_iter().collect();
    put_all(&mut query, invocation.query.as_deref());
    let mut headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
    for (name, value) in &target.headers {
        put_header(&mut headers, name, value.clone());
    }
    for parameter in invocation.headers.iter().flatten() {
        put_header(&mut headers, &parameter.key, parameter.value.clone());
    }
    if let Some((name, value)) = authorization.and_then(|authorization| authorization.header(token)) {
        put_header(&mut headers, &name, value);
    }
    headers.retain(|(name, _)| !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()));
    headers.extend(own_headers());
    let body = json::with_fields(body, pairs(invocation.body.as_deref()));
    HttpCall {
        method: method(&destination.method),
        url: with_query(&filled(&destination.endpoint, target.path.iter()), &query),
        headers,
        body: body.into(),
        timeout: TIMEOUT,
        answer_bytes_max: QUOTED_ANSWER_BYTES_MAX,
    }
}

/// The request for a token.
#[must_use]
pub fn token_request(oauth: &OAuth) -> HttpCall {
    let none = Parameters::default();
    let parameters = oauth.parameters.as_ref().unwrap_or(&none);
    let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
    form.push(("client_id".to_owned(), oauth.client_id.clone()));
    form.push(("client_secret".to_owned(), oauth.client_secret.clone()));
    put_all(&mut form, parameters.body.as_deref());
    let mut query = Vec::new();
    put_all(&mut query, parameters.query.as_deref());
    let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
    let method = method(&oauth.method);
    let body = if method == "GET" {
        query.extend(form);
        String::new()
    } else {
        headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        encoded_pairs(&form)
    };
    for parameter in parameters.headers.iter().flatten() {
        put_header(&mut headers, &parameter.key, parameter.value.clone());
    }
    headers.retain(|(name, _)| !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()));
    headers.extend(own_headers());
    HttpCall {
        method,
        url: with_query(&oauth.endpoint, &query),
        headers,
        body: body.into(),
        timeout: TIMEOUT,
        answer_bytes_max: QUOTED_ANSWER_BYTES_MAX,
    }
}

/// The headers of every request (user guide, "Headers included in requests"), without those that the client sets of itself.
fn own_headers() -> impl Iterator<Item = (String, String)> {
    [
        ("User-Agent", "Amazon/EventBridge/ApiDestinations"),
        ("Range", "bytes=0-1048575"),
        ("Accept-Encoding", "gzip,deflate"),
        ("Connection", "close"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// A method of the model's lists.
fn method(name: &str) -> &'static str {
    ["POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]
        .into_iter()
        .find(|method| *method == name)
        .unwrap_or("POST")
}

fn pairs(parameters: Option<&[Parameter]>) -> impl Iterator<Item = (&str, &str)> {
    parameters.into_iter().flatten().map(|parameter| (parameter.key.as_str(), parameter.value.as_str()))
}

/// Adds parameters, each in place of one with the same name.
fn put_all(to: &mut Vec<(String, String)>, parameters: Option<&[Parameter]>) {
    for (key, value) in pairs(parameters) {
        to.retain(|(name, _)| name != key);
        to.push((key.to_owned(), value.to_owned()));
    }
}

/// Sets a header in place of one of the same name. What cannot be in a header is left out of it.
fn put_header(headers: &mut Vec<(String, String)>, name: &str, value: String) {
    let value: String = value.chars().filter(|c| (' '..='~').contains(c) || *c == '\t').collect();
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value));
}

/// A parameter's value: what it leads to if it is a JSON path as a whole (user guide, "Target parameters"), else itself.
fn value_of(value: &str, event: &str) -> String {
    let Some(path) = value.starts_with("$.").then(|| JsonPath::parse(value).ok()).flatten() else {
        return value.to_owned();
    };
    let found = path.value(event).unwrap_or_default();
    json::unquoted(&found).unwrap_or(found)
}

/// The endpoint with the wildcards of its path filled in. Wildcards beyond the values stay.
fn filled(endpoint: &str, values: std::slice::Iter<'_, String>) -> String {
    let (path, query) = match endpoint.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (endpoint, None),
    };
    let mut values = values;
    let mut pieces = path.split('*');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match values.next() {
            Some(value) => out.push_str(&percent_encoded(value)),
            None => out.push('*'),
        }
        out.push_str(piece);
    }
    out.extend(query.map(|query| format!("?{query}")));
    out
}

fn with_query(url: &str, query: &[(String, String)]) -> String {
    let (url, _fragment) = url.split_once('#').unwrap_or((url, ""));
    match query {
        [] => url.to_owned(),
        query => format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, encoded_pairs(query)),
    }
}

fn encoded_pairs(pairs: &[(String, String)]) -> String {
    let pairs =
        pairs.iter().map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    pairs.collect::<Vec<String>>().join("&")
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Why a URL cannot be called.
///
/// DEVIATION: AWS takes `https` only; `http` is for servers that stand beside Pontoon on a developer's machine.
#[must_use]
pub fn url_fault(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("The URL must begin with https:// (or, with Pontoon, http://).");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains(['@', '*', ' ']) {
        return Some("The URL must name a host, without credentials and wildcards.");
    }
    None
}

/// What a `Retry-After` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// To wait at least so long.
    Wait(Duration),
    /// A negative number: not to try again.
    Never,
}

impl RetryAfter {
    /// Reads the header: seconds, or a date.
    #[must_use]
    pub fn parse(text: &str, now: Timestamp) -> Option<Self> {
        let text = text.trim();
        match text.parse::<i64>() {
            Ok(secs) => Some(match u64::try_from(secs) {
                Ok(secs) => Self::Wait(Duration::from_secs(secs)),
                Err(_) => Self::Never,
            }),
            Err(_) => Timestamp::parse_http_date(text).map(|at| Self::Wait(at.since(now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"source":"s","detail":{"id":"a/b c","n":1.50,"flag":true}}"#;

    fn destination(endpoint: &str) -> ApiDestinationRecord {
        ApiDestinationRecord {
            id: String::new(),
            description: None,
            connection_arn: String::new(),
            endpoint: endpoint.into(),
            method: "PUT".into(),
            rate: RATE_DEFAULT,
            created_millis: 0,
            modified_millis: 0,
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn list(pairs: &[(&str, &str)]) -> Option<Vec<Parameter>> {
        let parameter = |(key, value): &(&str, &str)| Parameter {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            is_secret: None,
        };
        Some(pairs.iter().map(parameter).collect())
    }

    fn header<'c>(call: &'c HttpCall, name: &str) -> Vec<&'c str> {
        let found = call.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn a_request_has_what_target_and_connection_say_and_the_connection_wins() {
        let target = HttpTarget {
            path: vec!["$.detail.id".into(), "x".into()],
            headers: map(&[("X-Id", "$.detail.id"), ("x-both", "target"), ("user-agent", "mine")]),
            query: map(&[("n", "$.detail.n"), ("both", "target"), ("gone", "$.detail.gone"), ("$", "$.[")]),
        };
        let invocation = Parameters {
            headers: list(&[("X-Both", "connection"), ("Content-Type", "application/cloudevents+json")]),
            query: list(&[("both", "connection & more")]),
            body: list(&[("tenant", "t\"1"), ("source", "other")]),
        };
        let key = Authorization::ApiKey { name: "X-Key".into(), value: "secret".into() };
        let call = request(
            &destination("https://example.com/a/*/b/*/*?q=*"),
            (Some(&key), None),
            Some(&invocation),
            &target.of_event(EVENT),
            EVENT,
        );
        assert_eq!((call.method, call.timeout), ("PUT", Duration::from_secs(5)));
        assert_eq!(
            call.url,
            "https://example.com/a/a%2Fb%20c/b/x/*?q=*&%24=%24.%5B&gone=&n=1.50&both=connection%20%26%20more"
        );
        assert_eq!(header(&call, "X-Id"), ["a/b c"]);
        assert_eq!(header(&call, "X-Both"), ["connection"]);
        assert_eq!(header(&call, "X-Key"), ["secret"]);
        assert_eq!(header(&call, "Content-Type"), ["application/cloudevents+json"]);
        assert_eq!(header(&call, "User-Agent"), ["Amazon/EventBridge/ApiDestinations"]);
        assert_eq!(header(&call, "Range"), ["bytes=0-1048575"]);
        let body = std::str::from_utf8(&call.body).unwrap();
        assert_eq!(
            body,
            r#"{"detail":{"id":"a/b c","n":1.50,"flag":true},"tenant":"t\"1","source":"other"}"#
        );
    }

    #[test]
    fn a_request_without_parameters_is_the_input_as_json() {
        let call = request(&destination("http://h/"), (None, None), None, &HttpTarget::default(), "\"text\"");
        assert_eq!((call.url.as_str(), &call.body[..]), ("http://h/", &b"\"text\""[..]));
        assert_eq!(header(&call, "Content-Type"), ["application/json; charset=utf-8"]);
        let invocation = Parameters { body: list(&[("a", "b")]), ..Default::default() };
        let call = request(
            &destination("http://h/"),
            (None, None),
            Some(&invocation),
            &HttpTarget::default(),
            "[1]",
        );
        assert_eq!(&call.body[..], b"[1]", "only objects have fields");
    }

    #[test]
    fn a_token_is_asked_for_with_the_clients_credentials() {
        let mut oauth = OAuth {
            client_id: "id".into(),
            client_secret: "s&cret".into(),
            endpoint: "https://auth/token?v=1".into(),
            method: "POST".into(),
            parameters: Some(Parameters {
                headers: list(&[("X-A", "b")]),
                query: list(&[("q", "1")]),
                body: list(&[("scope", "a b"), ("grant_type", "other")]),
            }),
        };
        let call = token_request(&oauth);
        assert_eq!((call.method, call.url.as_str()), ("POST", "https://auth/token?v=1&q=1"));
        assert_eq!(&call.body[..], b"client_id=id&client_secret=s%26cret&scope=a%20b&grant_type=other");
        assert_eq!(header(&call, "Content-Type"), ["application/x-www-form-urlencoded"]);
        assert_eq!(header(&call, "X-A"), ["b"]);
        oauth.method = "GET".into();
        oauth.parameters = None;
        let call = token_request(&oauth);
        assert_eq!(
            call.url,
            "https://auth/token?v=1&grant_type=client_credentials&client_id=id&client_secret=s%26cret"
        );
        assert!(call.body.is_empty());
    }

    #[test]
    fn turns_are_so_many_a_second_and_none_is_lost() {
        let mut turns = Turns::default();
        let at = |secs: f64| Timestamp::from_secs_f64(secs);
        let taken: Vec<Timestamp> = (0..5).map(|_| turns.take(at(10.0), 2)).collect();
        assert_eq!(taken, [at(10.0), at(10.0), at(11.0), at(11.0), at(12.0)]);
        assert_eq!(turns.take(at(10.5), 2), at(12.0));
        assert_eq!(turns.take(at(10.6), 2), at(13.0));
        assert_eq!(turns.take(at(13.5), 2), at(13.5));
        assert_eq!(turns.take(at(100.0), 2), at(100.0));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap();
        for (text, expected) in [
            ("120", Some(RetryAfter::Wait(Duration::from_secs(120)))),
            (" 0 ", Some(RetryAfter::Wait(Duration::ZERO))),
            ("-1", Some(RetryAfter::Never)),
            ("Sat, 31 Jan 2026 12:01:00 GMT", Some(RetryAfter::Wait(Duration::from_secs(60)))),
            ("Sat, 31 Jan 2026 11:00:00 GMT", Some(RetryAfter::Wait(Duration::ZERO))),
            ("soon", None),
        ] {
            assert_eq!(RetryAfter::parse(text, now), expected, "{text}");
        }
    }

    #[test]
    fn only_urls_that_can_be_called_are_taken() {
        for (url, is_good) in [
            ("https://example.com/api", true),
            ("http://127.0.0.1:8080", true),
            ("ftp://example.com", false),
            ("example.com", false),
            ("https://", false),
            ("https://user@example.com/", false),
            ("https://*.example.com/", false),
        ] {
            assert_eq!(url_fault(url).is_none(), is_good, "{url}");
        }
    }
}
