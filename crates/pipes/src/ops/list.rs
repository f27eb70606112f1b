//! ListPipes: by name, in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pontoon_api::pipes::*;
use pontoon_core::{Step, Timestamp};

use super::{Answer, authorize, states};
use crate::state::pipe::PipeRecord;
use crate::{Error, Key, Pipes};

/// Entries of a page, unless the caller wants fewer.
const PAGE_MAX: usize = 100;

pub fn list(pipes: &mut Pipes, step: &mut Step<'_>, input: ListPipesInput) -> Answer<ListPipesOutput> {
    let scope = step.scope;
    authorize(step, "pipes:ListPipes", &(scope, "*".to_owned()))?;
    let after = input.next_token.as_deref().map(decode).transpose()?;
    let begins =
        |text: &str, prefix: &Option<String>| prefix.as_ref().is_none_or(|prefix| text.starts_with(prefix));
    let is = |text: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| wanted == text);
    let found = pipes
        .pipes
        .range((scope, String::new())..)
        .take_while(|((of, _), _)| *of == scope)
        .filter(|((_, name), _)| after.as_ref().is_none_or(|after| name > after))
        .filter(|((_, name), pipe)| {
            let record = &pipe.record;
            begins(name, &input.name_prefix)
                && begins(&record.source, &input.source_prefix)
                && begins(&record.target.arn, &input.target_prefix)
                && is(states::desired(record), &input.desired_state)
                && is(record.state.name(), &input.current_state)
        });
    let limit =
        input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut found: Vec<_> = found.take(limit + 1).collect();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|((_, name), _)| URL_SAFE_NO_PAD.encode(name));
    let found = found.into_iter().map(|(key, pipe)| summary(key, &pipe.record)).collect();
    Ok(ListPipesOutput { pipes: Some(found), next_token: next }.into())
}

fn decode(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::Validation("Invalid NextToken.".into()))
}

fn summary(key: &Key, record: &PipeRecord) -> Pipe {
    Pipe {
        name: Some(key.1.clone()),
        arn: Some(Pipes::arn(key)),
        desired_state: Some(states::desired(record).to_owned()),
        current_state: Some(record.state.name().to_owned()),
        state_reason: record.reason.clone(),
        creation_time: Some(Timestamp::from_millis(record.created_millis)),
        last_modified_time: Some(Timestamp::from_millis(record.modified_millis)),
        source: Some(record.source.clone()),
        target: Some(record.target.arn.clone()),
        enrichment: record.enrichment.clone(),
    }
}
