//! Which operation of which service a request means, and in which protocol.
//!
//! AWS tells services apart by host name; here they share one port, so the service comes from `X-Amz-Target`, the path, the `Action` or the credential
//! scope of the signature, whichever the protocol carries.

mod host;
pub mod path;

use std::collections::HashMap;

use http::{HeaderMap, Method, Uri, request::Parts};
use pontoon_core::ApiError;
use pontoon_core::shape::{OperationSchema, Protocol, ServiceSchema};

use crate::protocol::query::form::{self, Pair};
use path::{Labels, PathTable};

/// Where a request goes.
#[derive(Debug)]
pub enum Route {
    /// To an operation.
    Operation(Routed),
    /// Its body is a form that will tell; see [`Router::by_form`].
    Form,
}

/// An operation, and what of the request is known from its path.
#[derive(Debug)]
pub struct Routed {
    /// The operation.
    pub operation: &'static OperationSchema,
    /// The protocol to read and answer in.
    pub protocol: Protocol,
    /// What stood in the placeholders of the path.
    pub labels: Labels,
}

/// Why a request goes nowhere, and how to say so.
#[derive(Debug)]
pub struct Refusal {
    /// The protocol to answer in.
    pub protocol: Protocol,
    /// The service that was meant, if that is known.
    pub service: Option<&'static ServiceSchema>,
    /// What is wrong.
    pub error: ApiError,
}

/// What a name of an operation stands for.
#[derive(Clone, Copy)]
enum Named {
    Supported(&'static OperationSchema),
    Unsupported(&'static ServiceSchema, &'static str),
}

impl Named {
    fn service(self) -> &'static ServiceSchema {
        match self {
            Self::Supported(operation) => operation.service,
            Self::Unsupported(service, _) => service,
        }
    }

    fn routed(self, protocol: Protocol) -> Result<Routed, Refusal> {
        match self {
            Self::Supported(operation) => Ok(Routed { operation, protocol, labels: Labels::default() }),
            Self::Unsupported(service, name) => {
                refuse(protocol, Some(service), ApiError::unsupported(format!("{}:{name}", service.title)))
            }
        }
    }
}

/// The tables by which requests are routed, built once.
pub struct Router {
    services: &'static [&'static ServiceSchema],
    /// `AmazonSQS.SendMessage`
    targets: HashMap<String, Named>,
    /// `GraniteServiceVersion20100801` and `PutMetricData`
    cbor: HashMap<(&'static str, &'static str), Named>,
    /// `Publish`, of each service that has it.
    actions: HashMap<&'static str, Vec<Named>>,
    rest: Vec<(&'static ServiceSchema, PathTable)>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Router of {:?}", self.services)
    }
}

fn refuse(
    protocol: Protocol,
    service: Option<&'static ServiceSchema>,
    error: ApiError,
) -> Result<Routed, Refusal> {
    Err(Refusal { protocol, service, error })
}

impl Router {
    /// A router of these services.
    #[must_use]
    pub fn new(services: &'static [&'static ServiceSchema]) -> Self {
        let mut router = Self {
            services,
            targets: HashMap::new(),
            cbor: HashMap::new(),
            actions: HashMap::new(),
            rest: Vec::new(),
        };
        for service in services {
            router.add(service);
        }
        router
    }

    fn add(&mut self, service: &'static ServiceSchema) {
        let speaks = |protocol| service.protocols.contains(&protocol);
        let supported = service.operations.iter().map(|op| (op.name, Named::Supported(op)));
        let unsupported = service.unsupported.iter().map(|name| (*name, Named::Unsupported(service, name)));
        for (name, named) in supported.chain(unsupported) {
            if !service.target_prefix.is_empty() {
                self.targets.insert(format!("{}.{name}", service.target_prefix), named);
            }
            if speaks(Protocol::Cbor) {
                self.cbor.insert((service.cbor_name, name), named);
            }
            if speaks(Protocol::Query) {
                self.actions.entry(name).or_default().push(named);
            }
        }
        if speaks(Protocol::RestJson) || speaks(Protocol::RestXml) {
            self.rest.push((service, PathTable::new(service)));
        }
    }

    /// The service with this name in credential scopes.
    #[must_use]
    pub fn service(&self, signing_name: &str) -> Option<&'static ServiceSchema> {
        self.services.iter().copied().find(|service| service.id == signing_name)
    }

    /// Routes by everything but the body. `signed_for` is the service in the credential scope, if the request has one.
    ///
    /// # Errors
    /// If the request belongs to no service, or to an operation that is not supported.
    pub fn by_head(&self, head: &Parts, signed_for: Option<&str>) -> Result<Route, Refusal> {
        if let Some(target) = head.headers.get("x-amz-target") {
            return self.by_target(target.as_bytes(), &head.headers).map(Route::Operation);
        }
        if let Some((service, operation)) = cbor_path(&head.uri) {
            return self.by_cbor(service, operation).map(Route::Operation);
        }
        let service = signed_for.and_then(|name| self.service(name));
        let is_rest = service.is_some_and(|s| self.rest.iter().any(|(rest, _)| rest.id == s.id));
        if !is_rest && speaks_form(head) {
            return Ok(Route::Form);
        }
        let routed = match (signed_for, service) {
            (Some(name), None) => refuse(protocol_of_errors(head), None, unsupported("the service", name)),
            (_, Some(service)) if !is_rest => unknown_operation(service, protocol_of_errors(head), ""),
            _ => self.by_path(head, service),
        };
        routed.map(Route::Operation)
    }

    fn by_target(&self, target: &[u8], headers: &HeaderMap) -> Result<Routed, Refusal> {
        let text = std::str::from_utf8(target).unwrap_or_default();
        let protocol = json_version(headers);
        if let Some(named) = self.targets.get(text) {
            return named.routed(protocol);
        }
        let (prefix, operation) = text.split_once('.').unwrap_or((text, ""));
        let service =
            self.services.iter().copied().find(|s| !s.target_prefix.is_empty() && s.target_prefix == prefix);
        match service {
            Some(service) => unknown_operation(service, protocol, operation),
            None => refuse(protocol, None, unsupported("the target", text)),
        }
    }

    fn by_cbor(&self, service: &str, operation: &str) -> Result<Routed, Refusal> {
        if let Some(named) = self.cbor.get(&(service, operation)) {
            return named.routed(Protocol::Cbor);
        }
        let known = self.services.iter().copied().find(|s| !s.cbor_name.is_empty() && s.cbor_name == service);
        match known {
            Some(service) => unknown_operation(service, Protocol::Cbor, operation),
            None => refuse(Protocol::Cbor, None, unsupported("the service", service)),
        }
    }

    /// Routes a form by its `Action`; where several services have that action, by the credential scope, then by `Version`.
    ///
    /// # Errors
    /// As [`Router::by_head`].
    pub fn by_form(&self, pairs: &[Pair<'_>], signed_for: Option<&str>) -> Result<Routed, Refusal> {
        let Some(action) = form::get(pairs, "Action") else {
            let service = signed_for.and_then(|name| self.service(name));
            return refuse(
                Protocol::Query,
                service,
                ApiError::client("MissingAction", "The request must contain the parameter Action."),
            );
        };
        let version = form::get(pairs, "Version");
        let named = self.actions.get(action).map_or(&[][..], Vec::as_slice);
        let found = match signed_for {
            Some(name) => {
                let Some(service) = self.service(name) else {
                    return refuse(Protocol::Query, None, unsupported("the service", name));
                };
                let found = named.iter().find(|n| n.service().id == service.id);
                found.ok_or((Some(service), version.unwrap_or(service.api_version)))
            }
            None => {
                let found = named.iter().find(|n| version == Some(n.service().api_version));
                let service = self.services.iter().copied().find(|s| Some(s.api_version) == version);
                let only = named.first().filter(|_| named.len() == 1);
                found.or(only).ok_or((service, version.unwrap_or("unknown")))
            }
        };
        match found {
            Ok(named) => named.routed(Protocol::Query),
            Err((service, version)) => unknown_action(service, action, version),
        }
    }

    fn by_path(&self, head: &Parts, service: Option<&'static ServiceSchema>) -> Result<Routed, Refusal> {
        let bucket = host::bucket(head);
        let wanted = service.map(|s| s.id).or_else(|| {
            let to_lambda = self.rest.iter().any(|(s, table)| s.id != "s3" && table.begins(head.uri.path()));
            let to_s3 = bucket.is_some() || head.uri.path() != "/";
            (!to_lambda && to_s3).then_some("s3")
        });
        for (service, table) in &self.rest {
            let fits = match wanted {
                Some(id) => id == service.id,
                None => table.begins(head.uri.path()),
            };
            if fits {
                let bucket = bucket.filter(|_| service.id == "s3");
                return rest_route(service, table, head, bucket);
            }
        }
        refuse(
            protocol_of_errors(head),
            None,
            ApiError::client(
                "UnknownOperationException",
                "The request names no service: it has neither an X-Amz-Target header, an Action, a known path nor a signature.",
            )
            .with_status(404),
        )
    }
}

fn rest_route(
    service: &'static ServiceSchema,
    table: &PathTable,
    head: &Parts,
    bucket: Option<&str>,
) -> Result<Routed, Refusal> {
    let protocol =
        if service.protocols.contains(&Protocol::RestXml) { Protocol::RestXml } else { Protocol::RestJson };
    match table.find(head, bucket) {
        Ok((operation, labels)) => Ok(Routed { operation, protocol, labels }),
        Err(error) => refuse(protocol, Some(service), error),
    }
}

/// The refusal of something that belongs to none of the services, named as far as a message may be long.
fn unsupported(what: &str, name: &str) -> ApiError {
    let name: String = name.chars().take(128).collect();
    ApiError::unsupported(format!("{what} {name}"))
}

/// The refusal of a name that the service's model does not have.
fn unknown_operation(
    service: &'static ServiceSchema,
    protocol: Protocol,
    operation: &str,
) -> Result<Routed, Refusal> {
    if protocol == Protocol::Query {
        return unknown_action(Some(service), operation, service.api_version);
    }
    let error = ApiError::client("UnknownOperationException", "");
    refuse(protocol, Some(service), error)
}

fn unknown_action(
    service: Option<&'static ServiceSchema>,
    action: &str,
    version: &str,
) -> Result<Routed, Refusal> {
    let message = format!("Could not find operation {action} for version {version}");
    refuse(Protocol::Query, service, ApiError::client("InvalidAction", message))
}

/// Service and operation of `/service/NAME/operation/OP`, under any prefix, as rpc-v2-cbor requires.
fn cbor_path(uri: &Uri) -> Option<(&str, &str)> {
    let mut parts = uri.path().rsplitn(5, '/');
    let operation = parts.next()?;
    let is_operation = parts.next()? == "operation";
    let service = parts.next()?;
    let is_service = parts.next()? == "service";
    (is_operation && is_service).then_some((service, operation))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
    })
}

fn speaks_form(head: &Parts) -> bool {
    let in_query = head.uri.query().is_some_and(|q| q.split('&').any(|pair| pair.starts_with("Action=")));
    in_query || (head.method == Method::POST && is_form(&head.headers))
}

/// JSON's version by the content type; 1.0 unless it says otherwise.
fn json_version(headers: &HeaderMap) -> Protocol {
    match headers.get(http::header::CONTENT_TYPE) {
        Some(value) if value.as_bytes().starts_with(b"application/x-amz-json-1.1") => Protocol::Json11,
        _ => Protocol::Json10,
    }
}

/// The protocol in which to refuse a request of no recognisable service.
fn protocol_of_errors(head: &Parts) -> Protocol {
    let content_type = head.headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], |v| v.as_bytes());
    if content_type.starts_with(b"application/x-www-form") {
        Protocol::Query
    } else if content_type.starts_with(b"application/cbor") {
        Protocol::Cbor
    } else {
        Protocol::Json10
    }
}
