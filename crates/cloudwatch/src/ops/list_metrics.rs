//! `ListMetrics`.

use std::ops::Bound;

use pontoon_api::cloudwatch::*;
use pontoon_core::Step;

use super::{Answer, to_dimensions, token};
use crate::state::metric::{LISTED_FOR, MetricName, RECENT_FOR};
use crate::{CloudWatch, Error, allow};

/// How many metrics a page holds.
const PAGE: usize = 500;
/// How many dimensions may be filtered by.
const FILTERS_MAX: usize = 30;

pub(super) fn list(
    cloudwatch: &mut CloudWatch,
    step: &mut Step<'_>,
    input: &ListMetricsInput,
) -> Answer<ListMetricsOutput> {
    allow(step, "cloudwatch:ListMetrics", "*")?;
    if input.include_linked_accounts == Some(true) || input.owning_account.is_some() {
        return Err(Error::InvalidParameterValue(
            "Pontoon does not support metrics of linked accounts (IncludeLinkedAccounts, OwningAccount)."
                .to_owned(),
        ));
    }
    let filters = input.dimensions.as_deref().unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "The collection Dimensions must not have a size greater than {FILTERS_MAX}."
        )));
    }
    let after: Option<MetricName> = match token::decode_text(input.next_token.as_deref())? {
        None => None,
        // The parameter's error is this one here, and not InvalidNextToken.
        Some(place) => Some(serde_json::from_str(&place).map_err(|_| invalid_token())?),
    };
    let kept_for = if input.recently_active.is_some() { RECENT_FOR } else { LISTED_FOR };
    let since = step.now.before(kept_for);
    let matches = |name: &MetricName| {
        input.metric_name.as_ref().is_none_or(|wanted| *wanted == name.name)
            && filters.iter().all(|filter| {
                name.dimensions.iter().any(|(own, value)| {
                    *own == filter.name && filter.value.as_ref().is_none_or(|wanted| wanted == value)
                })
            })
    };
    // Metrics are in the order of their namespaces: only those of the one asked for are looked at.
    let first = MetricName::new(
        input.namespace.clone().unwrap_or_default(),
        input.namespace.as_ref().and(input.metric_name.clone()).unwrap_or_default(),
        Vec::new(),
    );
    let from = match &after {
        Some(after) if *after >= first => Bound::Excluded(after),
        _ => Bound::Included(&first),
    };
    let of_namespace =
        |name: &MetricName| input.namespace.as_ref().is_none_or(|wanted| *wanted == name.namespace);
    let mut found: Vec<&MetricName> = cloudwatch
        .metrics
        .from(step.scope, from)
        .take_while(|(name, _)| of_namespace(name))
        .filter(|(name, metric)| metric.last_data >= since && matches(name))
        .map(|(name, _)| name)
        .take(PAGE + 1)
        .collect();
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().filter(|_| more);
    let next_token = last.map(|name| token::encode(&crate::records::to_json(name)));
    let metric = |name: &&MetricName| Metric {
        namespace: Some(name.namespace.clone()),
        metric_name: Some(name.name.clone()),
        dimensions: Some(to_dimensions(&name.dimensions)),
    };
    let metrics = found.iter().map(metric).collect();
    Ok(ListMetricsOutput { metrics: Some(metrics), next_token, owning_accounts: None }.into())
}

fn invalid_token() -> Error {
    Error::InvalidParameterValue("Request parameter NextToken is invalid".to_owned())
}
