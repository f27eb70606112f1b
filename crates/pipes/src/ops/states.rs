//! Pipes are started, stopped and deleted; each takes a moment, in which what is on its way ends.

use pontoon_api::pipes::*;
use pontoon_core::{Step, Timestamp};

use super::{Answer, authorize};
use crate::run::stop_polling;
use crate::state::pipe::{PipeRecord, State};
use crate::{Error, Key, Pipes};

/// What is shown of a pipe by the operations that change it.
macro_rules! shown {
    ($output:ident, $key:expr, $record:expr) => {
        $output {
            arn: Some(Pipes::arn($key)),
            name: Some($key.1.clone()),
            desired_state: Some(super::states::desired($record).to_owned()),
            current_state: Some($record.state.name().to_owned()),
            creation_time: Some(Timestamp::from_millis($record.created_millis)),
            last_modified_time: Some(Timestamp::from_millis($record.modified_millis)),
        }
        .into()
    };
}
pub(super) use shown;

pub(super) fn desired(record: &PipeRecord) -> &'static str {
    match record.state {
        State::Deleting => "DELETED",
        _ if record.is_wanted => "RUNNING",
        _ => "STOPPED",
    }
}

impl Pipes {
    /// Has a pipe go into a state that passes, from one that does not.
    fn pass_into(
        &mut self,
        step: &mut Step<'_>,
        key: &Key,
        state: State,
        from: fn(State) -> bool,
    ) -> Result<PipeRecord, Error> {
        let Some(pipe) = self.pipes.get_mut(key) else { return Err(Error::NotFound(key.1.clone())) };
        if !from(pipe.record.state) {
            return Err(Error::State { name: key.1.clone(), state: pipe.record.state.name() });
        }
        pipe.record.state = state;
        pipe.record.is_wanted = state == State::Starting;
        pipe.record.reason = None;
        pipe.record.modified_millis = step.now.millis();
        let given_back = stop_polling(step, key, pipe);
        let record = pipe.record.clone();
        crate::records::put(step, key, &record);
        self.set_timer(key);
        self.release_messages(step, key, (&record.source, &record.role_arn), &given_back);
        Ok(record)
    }
}

pub fn start(pipes: &mut Pipes, step: &mut Step<'_>, input: StartPipeInput) -> Answer<StartPipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:StartPipe", &key)?;
    let record = pipes.pass_into(step, &key, State::Starting, |state| {
        matches!(state, State::Stopped | State::CreateFailed | State::UpdateFailed | State::StartFailed)
    })?;
    Ok(shown!(StartPipeOutput, &key, &record))
}

pub fn stop(pipes: &mut Pipes, step: &mut Step<'_>, input: StopPipeInput) -> Answer<StopPipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:StopPipe", &key)?;
    let record = pipes.pass_into(step, &key, State::Stopping, |state| {
        matches!(state, State::Running | State::UpdateFailed | State::StartFailed)
    })?;
    Ok(shown!(StopPipeOutput, &key, &record))
}

pub fn delete(pipes: &mut Pipes, step: &mut Step<'_>, input: DeletePipeInput) -> Answer<DeletePipeOutput> {
    let key = (step.scope, input.name);
    authorize(step, "pipes:DeletePipe", &key)?;
    let record = pipes.pass_into(step, &key, State::Deleting, |state| !state.is_passing())?;
    Ok(shown!(DeletePipeOutput, &key, &record))
}
