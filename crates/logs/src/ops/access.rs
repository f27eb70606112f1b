//! Who may do what.
//!
//! The account's resource policies speak of AWS's services alone ("PutResourcePolicy" of the API reference); users and roles have their own policies.

use pontoon_core::{Access, Principal, Step};

use crate::{Error, Logs};

/// Lambda writes in the name of the function's role, whose policies it has checked itself.
const LAMBDA: &str = "lambda.amazonaws.com";

/// Checks the caller's right to `action` on a log group and one of its streams, named or not. AWS's resource is that of a stream in either case:
/// `log-group:NAME:log-stream:STREAM`, with an empty stream's name for operations on groups.
pub fn authorize(
    logs: &Logs,
    step: &mut Step<'_>,
    action: &'static str,
    (group, stream): (&str, &str),
) -> Result<(), Error> {
    let resource = step.scope.arn("logs", format_args!("log-group:{group}:log-stream:{stream}"));
    authorize_on(logs, step, action, &resource)
}

/// Checks the caller's right to `action` on a resource.
pub fn authorize_on(
    logs: &Logs,
    step: &mut Step<'_>,
    action: &'static str,
    resource: &str,
) -> Result<(), Error> {
    let policy = match step.caller.principal {
        Principal::Service(LAMBDA) => return Ok(()),
        Principal::Service(_) => logs.regions.get(&step.scope).map(|region| &region.policy),
        _ => None,
    };
    let access = Access { action, resource, policy, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}
