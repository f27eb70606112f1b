//! Message move tasks: a dead-letter queue redriven to where its messages came from, or elsewhere.

use std::collections::BTreeSet;

use pontoon_api::sqs::*;
use pontoon_core::records::to_json;
use pontoon_core::{Scope, Space, Step, TraceNote, TraceRecord};

use super::Answer;
use crate::state::fifo::Round;
use crate::state::move_task::{MoveTask, Status, TASKS_KEPT};
use crate::{Error, Queue, Sqs, Wake, records};

pub fn start(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: StartMessageMoveTaskInput,
) -> Answer<StartMessageMoveTaskOutput> {
    let StartMessageMoveTaskInput { source_arn, destination_arn, max_number_of_messages_per_second: rate } =
        input;
    let rate = match rate {
        None => None,
        Some(rate) => Some(u32::try_from(rate).ok().filter(|rate| (1..=500).contains(rate)).ok_or_else(|| {
            Error::InvalidParameterValue(format!(
                "Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500, if provided."
            ))
        })?),
    };
    let source = own_queue(sqs, step, &source_arn).ok_or(Error::ResourceNotFound(
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ))?;
    super::access::authorize_on(step, "sqs:StartMessageMoveTask", source)?;
    let names_it = |queue: &Queue| {
        queue.record.attributes.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_arn == source_arn)
    };
    if !sqs.regions.get(&step.scope).is_some_and(|queues| queues.values().any(names_it)) {
        return Err(Error::InvalidParameterValue(
            "Source queue must be configured as a Dead Letter Queue.".to_owned(),
        ));
    }
    let fifo = source.is_fifo();
    if let Some(destination) = &destination_arn {
        let target = own_queue(sqs, step, destination).ok_or(Error::ResourceNotFound(
            "The resource that you specified for the DestinationArn parameter doesn't exist.",
        ))?;
        if target.is_fifo() != fifo {
            return Err(Error::InvalidParameterValue(
                "Source queue and destination queue must be of the same type.".to_owned(),
            ));
        }
        if *destination == source_arn {
            return Err(Error::InvalidParameterValue(
                "Source queue arn and destination queue arn cannot be the same.".to_owned(),
            ));
        }
    }
    let tasks = sqs.tasks.entry(step.scope).or_default();
    if tasks.iter().any(|task| task.source_arn == source_arn && task.status == Status::Running) {
        return Err(Error::InvalidParameterValue(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
                .to_owned(),
        ));
    }
    let task = new_task(sqs, step, source_arn, destination_arn, rate);
    let handle = task.handle();
    step.put(Space::Config, records::task_key(step.scope, &task.id), to_json(&task));
    sqs.due.insert((step.now, Wake::Task(step.scope, task.id.clone())));
    sqs.tasks.entry(step.scope).or_default().push(task);
    sqs.forget_old_tasks(step);
    Ok(StartMessageMoveTaskOutput { task_handle: Some(handle) }.into())
}

fn new_task(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    source_arn: String,
    destination_arn: Option<String>,
    rate: Option<u32>,
) -> MoveTask {
    let source = sqs.by_arn(&source_arn).map(|queue| (queue.scope, queue.name.clone()));
    let visible = source.and_then(|(scope, name)| sqs.queue_mut(scope, &name)).map_or(0, |queue| {
        queue.messages.advance(step.now);
        queue.messages.counts().visible
    });
    MoveTask {
        id: step.ids.uuid(),
        source_arn,
        destination_arn,
        rate,
        started_millis: step.now.millis(),
        moved: 0,
        to_move: visible as u64,
        status: Status::Running,
        failure: None,
        next_millis: step.now.millis(),
    }
}

/// A queue of the step's own account and region.
fn own_queue<'s>(sqs: &'s Sqs, step: &Step<'_>, arn: &str) -> Option<&'s Queue> {
    sqs.by_arn(arn).filter(|queue| queue.scope == step.scope)
}

pub fn cancel(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &CancelMessageMoveTaskInput,
) -> Answer<CancelMessageMoveTaskOutput> {
    let (id, source_arn) = MoveTask::read_handle(&input.task_handle).ok_or_else(|| {
        Error::InvalidParameterValue("Value for parameter TaskHandle is invalid.".to_owned())
    })?;
    let source = own_queue(sqs, step, &source_arn).ok_or(Error::ResourceNotFound(
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ))?;
    super::access::authorize_on(step, "sqs:CancelMessageMoveTask", source)?;
    let tasks = sqs.tasks.entry(step.scope).or_default();
    let task =
        tasks.iter_mut().find(|task| task.id == id).ok_or(Error::ResourceNotFound("Task does not exist."))?;
    if task.status != Status::Running {
        return Err(Error::ResourceNotFound("Only active tasks can be cancelled."));
    }
    if let Some(due) = task.due() {
        sqs.due.remove(&(due, Wake::Task(step.scope, id)));
    }
    task.status = Status::Cancelled;
    step.put(Space::Config, records::task_key(step.scope, &task.id), to_json(task));
    Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: Some(task.moved as i64) }.into())
}

pub fn list(
    sqs: &mut Sqs,
    step: &mut Step<'_>,
    input: &ListMessageMoveTasksInput,
) -> Answer<ListMessageMoveTasksOutput> {
    let max = input.max_results.unwrap_or(1);
    let max = usize::try_from(max).ok().filter(|max| (1..=10).contains(max)).ok_or_else(|| {
        Error::InvalidParameterValue(format!(
            "Value {max} for parameter MaxResults is invalid. Reason: Must be between 1 and 10, if provided."
        ))
    })?;
    let source = own_queue(sqs, step, &input.source_arn).ok_or(Error::ResourceNotFound(
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ))?;
    super::access::authorize_on(step, "sqs:ListMessageMoveTasks", source)?;
    let tasks = sqs.tasks.get(&step.scope).into_iter().flatten().rev();
    let results = tasks.filter(|task| task.source_arn == input.source_arn).take(max).map(shape).collect();
    Ok(ListMessageMoveTasksOutput { results: Some(results) }.into())
}

fn shape(task: &MoveTask) -> ListMessageMoveTasksResultEntry {
    ListMessageMoveTasksResultEntry {
        // Only a running task can be cancelled, and only its handle is shown.
        task_handle: (task.status == Status::Running).then(|| task.handle()),
        status: Some(task.status.as_str().to_owned()),
        source_arn: Some(task.source_arn.clone()),
        destination_arn: task.destination_arn.clone(),
        max_number_of_messages_per_second: task.rate.map(|rate| rate as i32),
        approximate_number_of_messages_moved: Some(task.moved as i64),
        approximate_number_of_messages_to_move: Some(task.to_move as i64),
        failure_reason: task.failure.clone(),
        started_timestamp: Some(task.started_millis),
    }
}

impl Sqs {
    /// Moves the next messages of a task.
    pub(crate) fn move_on(&mut self, step: &mut Step<'_>, scope: Scope, id: &str) {
        let tasks = self.tasks.entry(scope).or_default();
        let Some(mut task) =
            tasks.iter().find(|task| task.id == id && task.status == Status::Running).cloned()
        else {
            return;
        };
        let (chunk, wait) = task.pace();
        let mut touched = BTreeSet::new();
        for _ in 0..chunk {
            match self.move_one(step, &task) {
                Moved::To(queue) => {
                    task.moved += 1;
                    touched.insert(queue);
                }
                Moved::NothingLeft => {
                    task.status = Status::Completed;
                    break;
                }
                Moved::NoDestination => {
                    task.fail("AWS.SimpleQueueService.NonExistentQueue");
                    break;
                }
                Moved::UnknownSource => {
                    task.fail("CouldNotDetermineMessageSource");
                    break;
                }
            }
        }
        task.next_millis = step.now.after(wait).millis();
        self.due.extend(task.due().map(|at| (at, Wake::Task(scope, task.id.clone()))));
        step.put(Space::Config, records::task_key(scope, &task.id), to_json(&task));
        if let Some(known) = self.tasks.entry(scope).or_default().iter_mut().find(|known| known.id == id) {
            *known = task;
        }
        for name in touched {
            self.serve(step, scope, &name);
        }
    }

    /// Moves one visible message. It arrives as a new message: new id, sent now, never received.
    fn move_one(&mut self, step: &mut Step<'_>, task: &MoveTask) -> Moved {
        let Some(source) = self.by_arn(&task.source_arn) else { return Moved::NoDestination };
        let (scope, name) = (source.scope, source.name.clone());
        let Some(source) = self.queue_mut(scope, &name) else { return Moved::NoDestination };
        source.messages.advance(step.now);
        let Some(number) = source.hold_next(step, Round::default()) else { return Moved::NothingLeft };
        let mut content = source.content(step, number);
        let Some(destination) = task.destination_arn.clone().or_else(|| content.dead_letter_source.clone())
        else {
            return Moved::UnknownSource;
        };
        let Some(target) = self.by_arn(&destination) else { return Moved::NoDestination };
        let (target_scope, target_name, target_arn) =
            (target.scope, target.name.to_string(), target.arn.to_string());
        if let Some(source) = self.queue_mut(scope, &name) {
            source.remove(step, number);
        }
        content.id = step.ids.uuid_bytes();
        content.sent_at = step.now;
        content.visible_at = step.now;
        content.dead_letter_source = None;
        content.carried_receives = 0;
        step.note(TraceNote {
            traces: content.traces.clone(),
            record: TraceRecord::delivered(step.now, "redriven", &*task.source_arn, target_arn),
        });
        self.put_moved(step, (target_scope, &target_name), &content, None);
        self.reschedule(scope, &name);
        Moved::To(target_name)
    }

    /// Keeps only the latest ended tasks of each source.
    fn forget_old_tasks(&mut self, step: &mut Step<'_>) {
        let scope = step.scope;
        let Some(tasks) = self.tasks.get_mut(&scope) else { return };
        let mut counts = std::collections::HashMap::<String, usize>::new();
        let mut kept = Vec::with_capacity(tasks.len());
        for task in tasks.drain(..).rev() {
            let count = counts.entry(task.source_arn.clone()).or_default();
            *count += 1;
            if *count <= TASKS_KEPT || task.status == Status::Running {
                kept.push(task);
            } else {
                step.delete(Space::Config, records::task_key(scope, &task.id));
            }
        }
        kept.reverse();
        *tasks = kept;
    }
}

/// What came of moving one message.
enum Moved {
    /// It is in the queue of this name.
    To(String),
    /// No message is visible.
    NothingLeft,
    /// The queue that it is to go to is gone, or its own is.
    NoDestination,
    /// It was not dead-lettered, so there is nowhere to move it back to
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html>).
    UnknownSource,
}
