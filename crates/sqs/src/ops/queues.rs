//! Queues as such: create, delete, find, list, purge.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_api::sqs::*;
use pontoon_core::{Scope, Space, Step, Timestamp};

use super::Answer;
use crate::records::{self, QueueRecord};
use crate::state::attributes::Attributes;
use crate::state::redrive::RedriveAllow;
use crate::{Error, Queue, Sqs, Wake};

/// How long a name stays taken after its queue was deleted, and how long a queue cannot be purged again.
const COOL_DOWN: Duration = Duration::from_secs(60);
/// How many queues one page lists at most.
const PAGE_MAX: usize = 1_000;

pub fn create(sqs: &mut Sqs, step: &mut Step<'_>, input: CreateQueueInput) -> Answer<CreateQueueOutput> {
    let CreateQueueInput { queue_name: name, attributes, tags } = input;
    let attributes = attributes.unwrap_or_default();
    let fifo = check_name(&name, &attributes)?;
    let scope = step.scope;
    let resource = scope.arn("sqs", &name);
    super::access::authorize(step, "sqs:CreateQueue", &resource)?;
    if let Some(queue) = sqs.queue(scope, &name) {
        return match queue.record.attributes.first_difference(&attributes)? {
            Some(attribute) => Err(Error::QueueNameExists(attribute)),
            None => Ok(CreateQueueOutput { queue_url: Some(queue.url(&step.caller.endpoint)) }.into()),
        };
    }
    let checked = Attributes::of_type(fifo).with(&attributes)?;
    check_redrive(sqs, scope, &resource, &checked)?;
    super::tags::check(&tags.clone().unwrap_or_default())?;
    if let Some(deleted) = sqs.deleted.get(&(scope, name.clone())) {
        if step.now.since(*deleted) < COOL_DOWN {
            return Err(Error::QueueDeletedRecently);
        }
        sqs.deleted.remove(&(scope, name.clone()));
        step.delete(Space::Config, records::deleted_key(scope, &name));
    }
    let record = QueueRecord {
        number: step.ids.u64(),
        numbers_below: 0,
        created_millis: step.now.millis(),
        modified_millis: step.now.millis(),
        purged_millis: None,
        attributes: checked,
        tags: tags.unwrap_or_default(),
    };
    let queue = Queue::new(scope, &name, record, sqs.budget.clone());
    queue.write(step);
    let url = queue.url(&step.caller.endpoint);
    sqs.regions.entry(scope).or_default().insert(name.clone(), queue);
    sqs.active(step.now, (scope, &name));
    Ok(CreateQueueOutput { queue_url: Some(url) }.into())
}

/// Checks a new queue's name; whether it is to be a FIFO queue.
fn check_name(name: &str, attributes: &BTreeMap<String, String>) -> Result<bool, Error> {
    let invalid = |message: &str| Err(Error::InvalidParameterValue(message.to_owned()));
    if name.is_empty() {
        return invalid("Queue name cannot be empty");
    }
    let fifo = attributes.get("FifoQueue").map(|value| value.eq_ignore_ascii_case("true"));
    let stem = name.strip_suffix(".fifo");
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let well_formed = name.len() <= 80 && stem.unwrap_or(name).chars().all(valid);
    match (fifo, stem) {
        (Some(true), Some(stem)) if well_formed && !stem.is_empty() => Ok(true),
        (Some(true), _) => invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
        ),
        (_, None) if well_formed => match fifo {
            Some(_) => Err(Error::InvalidAttributeName("Unknown Attribute FifoQueue.".to_owned())),
            None => Ok(false),
        },
        _ => invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"),
    }
}

/// Checks that the dead-letter queue exists, is of the same account and region, and allows this queue as a source.
pub fn check_redrive(sqs: &Sqs, scope: Scope, arn: &str, attributes: &Attributes) -> Result<(), Error> {
    let Some(redrive) = &attributes.redrive else { return Ok(()) };
    let text = attributes.redrive_text.as_deref().unwrap_or_default();
    let invalid = |reason: &str| {
        Err(Error::InvalidParameterValue(format!(
            "Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}"
        )))
    };
    let Some(target) = sqs.by_arn(&redrive.dead_letter_arn) else {
        return invalid("Dead letter target does not exist.");
    };
    if target.scope != scope {
        return invalid("Dead-letter target owner should be same as the source.");
    }
    if target.is_fifo() != attributes.fifo.is_some() {
        return invalid("Dead-letter queue must be same type of queue as the source.");
    }
    let allowed = match &target.record.attributes.redrive_allow {
        None | Some(RedriveAllow::All) => true,
        Some(RedriveAllow::None) => false,
        Some(RedriveAllow::Queues(sources)) => sources.iter().any(|source| source == arn),
    };
    if allowed { Ok(()) } else { invalid("Dead-letter target does not allow this queue as a source.") }
}

pub fn delete(sqs: &mut Sqs, step: &mut Step<'_>, input: &DeleteQueueInput) -> Answer<DeleteQueueOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:DeleteQueue")?;
    let (scope, name) = (queue.scope, queue.name.to_string());
    let left = queue.empty(step, true);
    let waiters: Vec<_> = std::iter::from_fn(|| queue.waiters.take_first()).collect();
    if let Some(due) = queue.due.take() {
        let wake = Wake::Queue(scope, queue.name.clone());
        sqs.due.remove(&(due, wake));
    }
    for waiter in waiters {
        sqs.parked.remove(&waiter.park);
        step.unpark(waiter.park, Err(Error::QueueDoesNotExist.into()));
    }
    if let Some(left) = left {
        sqs.sweep(step, left);
    }
    sqs.regions.entry(scope).or_default().remove(&name);
    sqs.forget_deleted(step);
    sqs.deleted.insert((scope, name.clone()), step.now);
    step.delete(Space::Config, records::queue_key(scope, &name));
    step.put(Space::Config, records::deleted_key(scope, &name), step.now.millis().to_be_bytes().to_vec());
    Ok(DeleteQueueOutput {}.into())
}

impl Sqs {
    /// Forgets names that may be used again.
    fn forget_deleted(&mut self, step: &mut Step<'_>) {
        self.deleted.retain(|(scope, name), at| {
            let kept = step.now.since(*at) < COOL_DOWN;
            if !kept {
                step.delete(Space::Config, records::deleted_key(*scope, name));
            }
            kept
        });
    }
}

pub fn purge(sqs: &mut Sqs, step: &mut Step<'_>, input: &PurgeQueueInput) -> Answer<PurgeQueueOutput> {
    let queue = sqs.open(step, &input.queue_url, "sqs:PurgeQueue")?;
    let purged_at = queue.record.purged_millis.map(Timestamp::from_millis);
    if purged_at.is_some_and(|at| step.now.since(at) < COOL_DOWN) {
        return Err(Error::PurgeQueueInProgress(queue.name.to_string()));
    }
    queue.record.purged_millis = Some(step.now.millis());
    queue.write(step);
    let left = queue.empty(step, false);
    let (scope, name) = (queue.scope, queue.name.clone());
    if let Some(left) = left {
        sqs.sweep(step, left);
    }
    sqs.reschedule(scope, &name);
    Ok(PurgeQueueOutput {}.into())
}

pub fn url(sqs: &mut Sqs, step: &mut Step<'_>, input: &GetQueueUrlInput) -> Answer<GetQueueUrlOutput> {
    let mut scope = step.scope;
    if let Some(owner) = &input.queue_owner_aws_account_id {
        scope.account = owner.parse().map_err(|()| Error::QueueDoesNotExist)?;
    }
    let queue = sqs.queue(scope, &input.queue_name).ok_or(Error::QueueDoesNotExist)?;
    super::access::authorize_on(step, "sqs:GetQueueUrl", queue)?;
    Ok(GetQueueUrlOutput { queue_url: Some(queue.url(&step.caller.endpoint)) }.into())
}

pub fn list(sqs: &mut Sqs, step: &mut Step<'_>, input: &ListQueuesInput) -> Answer<ListQueuesOutput> {
    super::access::authorize(step, "sqs:ListQueues", "*")?;
    let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
    let queues = sqs.regions.get(&step.scope).into_iter().flat_map(|queues| queues.values());
    let chosen = queues.filter(|queue| queue.name.starts_with(prefix));
    let (urls, next_token) = page(chosen, step, input.max_results, input.next_token.as_deref())?;
    Ok(ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token }.into())
}

pub fn dead_letter_sources(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &ListDeadLetterSourceQueuesInput,
) -> Answer<ListDeadLetterSourceQueuesOutput> {
    let arn = std::sync::Arc::clone(&sqs.open(step, &input.queue_url, "sqs:ListDeadLetterSourceQueues")?.arn);
    let queues = sqs.regions.get(&step.scope).into_iter().flat_map(|queues| queues.values());
    let names_it =
        |queue: &&Queue| queue.record.attributes.redrive.as_ref().is_some_and(|r| *r.dead_letter_arn == *arn);
    let (queue_urls, next_token) =
        page(queues.filter(names_it), step, input.max_results, input.next_token.as_deref())?;
    Ok(ListDeadLetterSourceQueuesOutput { queue_urls, next_token }.into())
}

/// One page of queue URLs by name, and the token of the next: the last name, in base64. A token comes only when a page size was asked for.
fn page<'a>(
    queues: impl Iterator<Item = &'a Queue>,
    step: &Step<'_>,
    max: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let invalid = |what: &str, reason: &str| {
        Error::InvalidParameterValue(format!("Value {what} for parameter {reason}"))
    };
    let size = match max {
        None => PAGE_MAX,
        Some(max) => {
            usize::try_from(max).ok().filter(|max| (1..=PAGE_MAX).contains(max)).ok_or_else(|| {
                invalid(
                    &max.to_string(),
                    "MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.",
                )
            })?
        }
    };
    let after = match token {
        None => None,
        Some(token) => {
            Some(STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(
                || invalid(token, "NextToken is invalid. Reason: Invalid or expired next token."),
            )?)
        }
    };
    let mut chosen: Vec<&Queue> =
        queues.filter(|queue| after.as_deref().is_none_or(|after| *queue.name > *after)).collect();
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    let more = chosen.len() > size && max.is_some();
    chosen.truncate(size);
    let next = more.then(|| chosen.last().map(|queue| STANDARD.encode(queue.name.as_bytes()))).flatten();
    Ok((chosen.iter().map(|queue| queue.url(&step.caller.endpoint)).collect(), next))
}
