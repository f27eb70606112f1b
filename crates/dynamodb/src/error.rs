//! The errors of DynamoDB, in AWS's words.

use pontoon_api::dynamodb::{
    CancellationReason, ConditionalCheckFailedException, TransactionCanceledException,
};
use pontoon_core::ApiError;
use pontoon_core::shape::{Violation, Violations};

use crate::ops::values;
use crate::state::Invalid;
use crate::state::value::Item;

/// Each variant is an AWS code; messages are those of the recordings in `dynamodb/`, or of the service as
/// conformance suites have recorded it.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// `ValidationException`
    Invalid(Invalid),
    /// What was asked for does exist in AWS and not here. A `ValidationException` too, because no code of the
    /// service says so; it names the feature.
    Unsupported(String),
    /// `ResourceNotFoundException` of an operation on items.
    NotFound,
    /// `ResourceNotFoundException` of an operation on tables, with the table's name.
    TableNotFound(String),
    /// `ResourceNotFoundException` of an operation on tags, with the whole message.
    ResourceNotFound(String),
    /// `TableNotFoundException`, with the table's name.
    BackupTableNotFound(String),
    /// `ResourceInUseException` of a table that exists already, with its name.
    TableExists(String),
    /// `ConditionalCheckFailedException`, with the item if the request asked for it.
    ConditionFailed(Option<Item>),
    /// `TransactionCanceledException`, with a reason for every action in order.
    Canceled(Vec<Reason>),
    /// `IdempotentParameterMismatchException`
    TokenReused,
    /// `AccessDeniedException`, with the whole message.
    AccessDenied(String),
}

/// Why an action cancelled its transaction, or that it did not.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It would have succeeded.
    None,
    /// Its condition failed; with the item if the request asked for it.
    ConditionFailed(Option<Item>),
    /// It did not fit the table or the item.
    Invalid(Invalid),
}

const CONDITION_FAILED: &str = "The conditional request failed";

impl From<Invalid> for Error {
    fn from(fault: Invalid) -> Error {
        Error::Invalid(fault)
    }
}

impl Error {
    /// A `ValidationException`.
    pub(crate) fn invalid(message: impl Into<String>) -> Error {
        Error::Invalid(Invalid::new(message.into()))
    }

    /// The refusal of a feature of AWS's DynamoDB.
    pub(crate) fn unsupported(feature: &str) -> Error {
        Error::Unsupported(feature.to_owned())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        let validation = |message: String| ApiError::client("ValidationException", message);
        match error {
            Error::Invalid(fault) => validation(fault.to_string()),
            Error::Unsupported(feature) => {
                validation(format!("Pontoon does not support {feature} of DynamoDB tables"))
            }
            Error::NotFound => ApiError::client("ResourceNotFoundException", "Requested resource not found"),
            Error::TableNotFound(name) => ApiError::client(
                "ResourceNotFoundException",
                format!("Requested resource not found: Table: {name} not found"),
            ),
            Error::ResourceNotFound(message) => ApiError::client("ResourceNotFoundException", message),
            Error::BackupTableNotFound(name) => {
                ApiError::client("TableNotFoundException", format!("Table not found: {name}"))
            }
            Error::TableExists(name) => {
                ApiError::client("ResourceInUseException", format!("Table already exists: {name}"))
            }
            Error::ConditionFailed(item) => {
                ApiError::client("ConditionalCheckFailedException", CONDITION_FAILED)
                    .with_detail(ConditionalCheckFailedException { item: item.map(values::to_wire) })
            }
            Error::Canceled(reasons) => canceled(reasons),
            Error::TokenReused => ApiError::client(
                "IdempotentParameterMismatchException",
                "The provided client token was used in a previous request with different parameters",
            ),
            Error::AccessDenied(message) => ApiError::client("AccessDeniedException", message),
        }
    }
}

fn canceled(reasons: Vec<Reason>) -> ApiError {
    let reasons: Vec<CancellationReason> = reasons
        .into_iter()
        .map(|reason| {
            let (code, message, item) = match reason {
                Reason::None => ("None", None, None),
                Reason::ConditionFailed(item) => {
                    ("ConditionalCheckFailed", Some(CONDITION_FAILED.to_owned()), item)
                }
                Reason::Invalid(fault) => ("ValidationError", Some(fault.to_string()), None),
            };
            CancellationReason { item: item.map(values::to_wire), code: Some(code.to_owned()), message }
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.code.as_deref()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    ApiError::client("TransactionCanceledException", message)
        .with_detail(TransactionCanceledException { cancellation_reasons: Some(reasons) })
}

/// The orders in which the service's messages list the values of its enumerations, which are not the
/// published model's.
const ENUM_ORDERS: [&str; 13] = [
    "INDEXES, TOTAL, NONE",
    "SIZE, NONE",
    "ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW",
    "ALL_OLD, NONE",
    "SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES",
    "OR, AND",
    "IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS",
    "ADD, DELETE, PUT",
    "B, N, S",
    "HASH, RANGE",
    "PROVISIONED, PAY_PER_REQUEST",
    "STANDARD, STANDARD_INFREQUENT_ACCESS",
    "ALL, INCLUDE, KEYS_ONLY",
];

/// Words what the model found wrong with an input, as the service does.
pub(crate) fn violated(operation: &str, violations: &Violations) -> Error {
    let missing = |path: &str| {
        violations
            .found()
            .iter()
            .any(|found| found.path == path && matches!(found.violation, Violation::Missing))
    };
    let empty = |path: &str| {
        violations
            .found()
            .iter()
            .any(|found| found.path == path && matches!(found.violation, Violation::TooShort(_)))
    };
    if matches!(operation, "CreateTable" | "UpdateTable" | "DeleteTable" | "DescribeTable")
        && missing("tableName")
    {
        return Error::invalid("The parameter 'TableName' is required but was not present in the request");
    }
    if matches!(operation, "BatchGetItem" | "BatchWriteItem")
        && (missing("requestItems") || empty("requestItems"))
    {
        return Error::invalid(format!("The requestItems parameter is required for {operation}"));
    }
    let clauses: Vec<String> = violations.found().iter().map(clause).collect();
    let plural = if clauses.len() == 1 { "" } else { "s" };
    Error::invalid(format!("{} validation error{plural} detected: {}", clauses.len(), clauses.join("; ")))
}

fn clause(violated: &pontoon_core::shape::Violated) -> String {
    let clause = violated.clause();
    let Violation::NotOneOf(values) = &violated.violation else {
        return clause;
    };
    let sorted = |list: &mut Vec<&str>| list.sort_unstable();
    let mut given = values.to_vec();
    sorted(&mut given);
    let known = ENUM_ORDERS.into_iter().find(|order| {
        let mut listed: Vec<&str> = order.split(", ").collect();
        sorted(&mut listed);
        listed == given
    });
    match known {
        Some(order) => clause.replace(&values.join(", "), order),
        None => clause,
    }
}
