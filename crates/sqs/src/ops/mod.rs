//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod access;
mod attributes;
mod batch;
mod carried;
mod delete;
mod fifo;
mod moves;
mod queues;
mod receive;
mod send;
mod tags;

pub use carried::with_trace_header;
use pontoon_api::sqs::*;
use pontoon_core::shape::{Violated, Violation, Violations};
use pontoon_core::{ApiError, OperationSchema, Reply, Step};

use crate::{Error, Sqs};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

impl Handler for Sqs {
    type Error = Error;

    /// SQS names the missing parameter and words everything else itself, so only what is missing is refused here.
    fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        // A batch without entries is an error of its own, and in a form an empty list is none at all.
        let missing = |violated: &&Violated| {
            matches!(violated.violation, Violation::Missing) && !violated.path.eq_ignore_ascii_case("entries")
        };
        let violated = violations.found().iter().find(missing)?;
        let name = violated.path.rsplit('.').find(|part| *part != "member").unwrap_or_default();
        let mut chars = name.chars();
        let first: String = chars.next().map(|c| c.to_ascii_uppercase()).into_iter().collect();
        let message = format!("The request must contain the parameter {first}{}.", chars.as_str());
        let error = ApiError::client("MissingRequiredParameterException", message);
        Some(error.with_query_code("MissingParameter"))
    }

    fn add_permission(
        &mut self,
        step: &mut Step<'_>,
        input: AddPermissionInput,
    ) -> Answer<AddPermissionOutput> {
        access::add(self, step, input)
    }

    fn cancel_message_move_task(
        &mut self,
        step: &mut Step<'_>,
        input: CancelMessageMoveTaskInput,
    ) -> Answer<CancelMessageMoveTaskOutput> {
        moves::cancel(self, step, &input)
    }

    fn change_message_visibility(
        &mut self,
        step: &mut Step<'_>,
        input: ChangeMessageVisibilityInput,
    ) -> Answer<ChangeMessageVisibilityOutput> {
        delete::change_visibility(self, step, &input)
    }

    fn change_message_visibility_batch(
        &mut self,
        step: &mut Step<'_>,
        input: ChangeMessageVisibilityBatchInput,
    ) -> Answer<ChangeMessageVisibilityBatchOutput> {
        delete::change_visibility_batch(self, step, input)
    }

    fn create_queue(&mut self, step: &mut Step<'_>, input: CreateQueueInput) -> Answer<CreateQueueOutput> {
        queues::create(self, step, input)
    }

    fn delete_message(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteMessageInput,
    ) -> Answer<DeleteMessageOutput> {
        delete::delete(self, step, &input)
    }

    fn delete_message_batch(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteMessageBatchInput,
    ) -> Answer<DeleteMessageBatchOutput> {
        delete::delete_batch(self, step, input)
    }

    fn delete_queue(&mut self, step: &mut Step<'_>, input: DeleteQueueInput) -> Answer<DeleteQueueOutput> {
        queues::delete(self, step, &input)
    }

    fn get_queue_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: GetQueueAttributesInput,
    ) -> Answer<GetQueueAttributesOutput> {
        attributes::get(self, step, input)
    }

    fn get_queue_url(&mut self, step: &mut Step<'_>, input: GetQueueUrlInput) -> Answer<GetQueueUrlOutput> {
        queues::url(self, step, &input)
    }

    fn list_dead_letter_source_queues(
        &mut self,
        step: &mut Step<'_>,
        input: ListDeadLetterSourceQueuesInput,
    ) -> Answer<ListDeadLetterSourceQueuesOutput> {
        queues::dead_letter_sources(self, step, &input)
    }

    fn list_message_move_tasks(
        &mut self,
        step: &mut Step<'_>,
        input: ListMessageMoveTasksInput,
    ) -> Answer<ListMessageMoveTasksOutput> {
        moves::list(self, step, &input)
    }

    fn list_queue_tags(
        &mut self,
        step: &mut Step<'_>,
        input: ListQueueTagsInput,
    ) -> Answer<ListQueueTagsOutput> {
        tags::list(self, step, &input)
    }

    fn list_queues(&mut self, step: &mut Step<'_>, input: ListQueuesInput) -> Answer<ListQueuesOutput> {
        queues::list(self, step, &input)
    }

    fn purge_queue(&mut self, step: &mut Step<'_>, input: PurgeQueueInput) -> Answer<PurgeQueueOutput> {
        queues::purge(self, step, &input)
    }

    fn receive_message(
        &mut self,
        step: &mut Step<'_>,
        input: ReceiveMessageInput,
    ) -> Answer<ReceiveMessageOutput> {
        receive::receive(self, step, input)
    }

    fn remove_permission(
        &mut self,
        step: &mut Step<'_>,
        input: RemovePermissionInput,
    ) -> Answer<RemovePermissionOutput> {
        access::remove(self, step, &input)
    }

    fn send_message(&mut self, step: &mut Step<'_>, input: SendMessageInput) -> Answer<SendMessageOutput> {
        send::send(self, step, input)
    }

    fn send_message_batch(
        &mut self,
        step: &mut Step<'_>,
        input: SendMessageBatchInput,
    ) -> Answer<SendMessageBatchOutput> {
        send::send_batch(self, step, input)
    }

    fn set_queue_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: SetQueueAttributesInput,
    ) -> Answer<SetQueueAttributesOutput> {
        attributes::set(self, step, &input)
    }

    fn start_message_move_task(
        &mut self,
        step: &mut Step<'_>,
        input: StartMessageMoveTaskInput,
    ) -> Answer<StartMessageMoveTaskOutput> {
        moves::start(self, step, input)
    }

    fn tag_queue(&mut self, step: &mut Step<'_>, input: TagQueueInput) -> Answer<TagQueueOutput> {
        tags::tag(self, step, input)
    }

    fn untag_queue(&mut self, step: &mut Step<'_>, input: UntagQueueInput) -> Answer<UntagQueueOutput> {
        tags::untag(self, step, &input)
    }
}
