//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod check;
mod list;
mod pipes;
mod states;
mod tags;

use pontoon_api::pipes::*;
use pontoon_core::{Access, Reply, Step};

use crate::{Error, Key, Pipes};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Checks the caller's right to an action on a pipe. Pipes have no policies of their own.
fn authorize(step: &mut Step<'_>, action: &'static str, key: &Key) -> Result<(), Error> {
    let resource = Pipes::arn(key);
    let access = Access { action, resource: &resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AccessDenied(denial.message))
}

pontoon_api::delegate! { Pipes, Error:
    create_pipe(CreatePipeInput) -> CreatePipeOutput = pipes::create;
    delete_pipe(DeletePipeInput) -> DeletePipeOutput = states::delete;
    describe_pipe(DescribePipeInput) -> DescribePipeOutput = pipes::describe;
    list_pipes(ListPipesInput) -> ListPipesOutput = list::list;
    list_tags_for_resource(ListTagsForResourceInput) -> ListTagsForResourceOutput = tags::list;
    start_pipe(StartPipeInput) -> StartPipeOutput = states::start;
    stop_pipe(StopPipeInput) -> StopPipeOutput = states::stop;
    tag_resource(TagResourceInput) -> TagResourceOutput = tags::tag;
    untag_resource(UntagResourceInput) -> UntagResourceOutput = tags::untag;
    update_pipe(UpdatePipeInput) -> UpdatePipeOutput = pipes::update;
}
