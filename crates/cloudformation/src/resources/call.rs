//! One call to the API of another service, and what its answer means for the resource.

use pontoon_core::shape::{OperationSchema, ServiceSchema};
use pontoon_core::{ApiError, Request, Settled};

use crate::bridge::{self, ValueReader};
use crate::template::Value;

/// A call that a resource makes.
#[derive(Debug)]
pub struct Call {
    /// The API.
    pub service: &'static ServiceSchema,
    /// The operation.
    pub operation: &'static str,
    /// The input, under the names of the model.
    pub input: Value,
    /// What the answer must be.
    pub expectation: Expectation,
    /// What is kept of the answer.
    pub gifts: Vec<Gift>,
}

/// What the answer to a call must be.
#[derive(Debug)]
pub enum Expectation {
    /// Success, or one of these errors, which come to the same.
    Success(&'static [&'static str]),
    /// One of these errors: nothing of the name may exist yet. The identifier is for the message.
    Absence(&'static [&'static str], String),
    /// Success with an output that this function judges.
    Output(fn(&Value) -> Progress),
    /// The same, and what the function needs beside the output.
    AbsenceIn(fn(&Value) -> bool, String),
    /// One of these errors, sooner or later: the thing is being deleted.
    Gone(&'static [&'static str]),
}

/// What an output says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The call has done what it should.
    Done,
    /// The service is still at it.
    Pending,
    /// It failed, with this reason.
    Failed(String),
}

/// What is kept of an answer.
#[derive(Debug)]
pub enum Gift {
    /// The physical id, found in the output under this path.
    PhysicalId(&'static str),
    /// The physical id, known beforehand and true once the call has succeeded.
    Named(String),
    /// Something to be learnt: a name, and its path in the output.
    Attribute(String, &'static str),
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well; the output is there unless the answer was an expected error.
    Well(Option<Value>),
    /// It must be made again later.
    Again(String),
    /// Badly, with the reason of the resource's failure.
    Badly(Failure),
}

/// Why a resource failed, as CloudFormation's handlers report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the service said.
    pub message: String,
    /// CloudFormation's class of error.
    pub handler_code: &'static str,
}

impl Failure {
    /// The reason in the resource's event. `request_token` is the handler's request.
    #[must_use]
    pub fn reason(&self, request_token: &str) -> String {
        format!(
            "Resource handler returned message: \"{}\" (RequestToken: {request_token}, HandlerErrorCode: {})",
            self.message, self.handler_code
        )
    }
}

impl Call {
    /// A call that must succeed.
    #[must_use]
    pub fn new(service: &'static ServiceSchema, operation: &'static str, input: Value) -> Self {
        Self { service, operation, input, expectation: Expectation::Success(&[]), gifts: Vec::new() }
    }

    /// The same call, with errors that are as good as success.
    #[must_use]
    pub fn or(mut self, codes: &'static [&'static str]) -> Self {
        self.expectation = Expectation::Success(codes);
        self
    }

    /// The same call, with another expectation.
    #[must_use]
    pub fn expect(mut self, expectation: Expectation) -> Self {
        self.expectation = expectation;
        self
    }

    /// The same call; its success makes `name` the physical id.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.gifts.push(Gift::Named(name.into()));
        self
    }

    /// The same call; the physical id is in its output.
    #[must_use]
    pub fn identified(mut self, path: &'static str) -> Self {
        self.gifts.push(Gift::PhysicalId(path));
        self
    }

    /// The same call; an attribute is in its output.
    #[must_use]
    pub fn learn(mut self, attribute: impl Into<String>, path: &'static str) -> Self {
        self.gifts.push(Gift::Attribute(attribute.into(), path));
        self
    }

    /// The typed input.
    ///
    /// # Errors
    /// What the API's model has against the input.
    pub fn request(&self) -> Result<Box<dyn Request>, Failure> {
        let invalid = |message: String| Failure { message, handler_code: "InvalidRequest" };
        let operation: &'static OperationSchema =
            self.service.operations.iter().find(|operation| operation.name == self.operation).ok_or_else(
                || invalid(format!("Pontoon does not support {} of {}.", self.operation, self.service.title)),
            )?;
        let decoded = (operation.decode)(&mut ValueReader::new(&self.input));
        let (request, violations) = decoded.map_err(|error| invalid(error.to_string()))?;
        if violations.is_empty() { Ok(request) } else { Err(invalid(violations.message())) }
    }

    /// What an answer means.
    #[must_use]
    pub fn end(&self, outcome: &Settled) -> Ended {
        let output = outcome.as_ref().map(|output| bridge::to_value(&**output));
        match (&self.expectation, output) {
            (Expectation::Success(_), Ok(output)) => Ended::Well(Some(output)),
            (
                Expectation::Success(codes) | Expectation::Absence(codes, _) | Expectation::Gone(codes),
                Err(error),
            ) if codes.contains(&&*error.code)
                || error.query_code.is_some_and(|code| codes.contains(&code)) =>
            {
                Ended::Well(None)
            }
            (Expectation::Absence(_, identifier), Ok(_)) => self.already_exists(identifier),
            (Expectation::AbsenceIn(is_absent, identifier), Ok(output)) => {
                if is_absent(&output) {
                    Ended::Well(None)
                } else {
                    self.already_exists(identifier)
                }
            }
            (Expectation::Gone(_), Ok(_)) => Ended::Again("it is still being deleted".to_owned()),
            (Expectation::Output(judge), Ok(output)) => match judge(&output) {
                Progress::Done => Ended::Well(Some(output)),
                Progress::Pending => Ended::Again("it has not become ready".to_owned()),
                Progress::Failed(message) => {
                    Ended::Badly(Failure { message, handler_code: "GeneralServiceException" })
                }
            },
            // A queue's name can be used again a minute after its deletion.
            (_, Err(error)) if error.code.contains("QueueDeletedRecently") => {
                Ended::Again(self.service_message(error))
            }
            (_, Err(error)) if error.is_retryable() && error.code != "NotSupportedByPontoon" => {
                Ended::Again(self.service_message(error))
            }
            (_, Err(error)) => Ended::Badly(Failure {
                message: self.service_message(error),
                handler_code: handler_code(error),
            }),
        }
    }

    fn already_exists(&self, identifier: &str) -> Ended {
        Ended::Badly(Failure {
            message: format!("Resource of type '{identifier} already exists."),
            handler_code: "AlreadyExists",
        })
    }

    /// The SDK's wording of a service's error, which handlers pass on.
    fn service_message(&self, error: &ApiError) -> String {
        format!("{} (Service: {}, Status Code: {})", error.message, self.service.title, error.status)
    }
}

/// `T' with identifier 'N'`, the middle of the message that something exists already.
pub(super) fn identifier(kind: &str, name: &str) -> String {
    format!("{kind}' with identifier '{name}'")
}

/// CloudFormation's class of a service's error ("Handler error codes" in the CLI user guide).
fn handler_code(error: &ApiError) -> &'static str {
    let code = &*error.code;
    if code.contains("AlreadyExists") || code == "BucketAlreadyOwnedByYou" || code == "QueueNameExists" {
        "AlreadyExists"
    } else if code.contains("NotFound") || code.contains("NonExistent") || code.starts_with("NoSuch") {
        "NotFound"
    } else if code.contains("AccessDenied") || code.contains("Authorization") {
        "AccessDenied"
    } else if code.contains("Limit") || code.contains("Quota") {
        "ServiceLimitExceeded"
    } else if code.contains("Conflict") || code.contains("InUse") || code.contains("NotEmpty") {
        "ResourceConflict"
    } else if error.fault == pontoon_core::Fault::Server {
        "GeneralServiceException"
    } else {
        "InvalidRequest"
    }
}
