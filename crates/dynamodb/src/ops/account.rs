//! `DescribeLimits`, `DescribeEndpoints`

use pontoon_api::dynamodb::{DescribeEndpointsOutput, DescribeLimitsOutput, Endpoint};
use pontoon_core::{Access, Reply, Step};

use crate::{DynamoDb, Error};

/// The quotas of a new account (Service quotas, "Throughput default quotas").
const ACCOUNT_UNITS_MAX: i64 = 80_000;
const TABLE_UNITS_MAX: i64 = 40_000;
/// How long clients may keep an endpoint, in minutes.
const ENDPOINT_MINUTES: i64 = 1440;

impl DynamoDb {
    pub(crate) fn limits(&self, step: &mut Step<'_>) -> Result<Reply<DescribeLimitsOutput>, Error> {
        authorize_any(step, "dynamodb:DescribeLimits")?;
        Ok(Reply::Ready(DescribeLimitsOutput {
            account_max_read_capacity_units: Some(ACCOUNT_UNITS_MAX),
            account_max_write_capacity_units: Some(ACCOUNT_UNITS_MAX),
            table_max_read_capacity_units: Some(TABLE_UNITS_MAX),
            table_max_write_capacity_units: Some(TABLE_UNITS_MAX),
        }))
    }

    pub(crate) fn endpoints(&self, step: &mut Step<'_>) -> Result<Reply<DescribeEndpointsOutput>, Error> {
        authorize_any(step, "dynamodb:DescribeEndpoints")?;
        let endpoint = &*step.caller.endpoint;
        let address = endpoint.split_once("://").map_or(endpoint, |(_, address)| address);
        let endpoint = Endpoint { address: address.to_owned(), cache_period_in_minutes: ENDPOINT_MINUTES };
        Ok(Reply::Ready(DescribeEndpointsOutput { endpoints: vec![endpoint] }))
    }
}

/// Checks the caller's right to an action that concerns no table in particular.
///
/// # Errors
/// The denial.
pub(crate) fn authorize_any(step: &mut Step<'_>, action: &'static str) -> Result<(), Error> {
    let access = Access { action, resource: "*", policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}
