//! A pipe and its states.

use std::collections::BTreeMap;

use pontoon_core::{Arn, Scope, Timestamp};
use pontoon_source::{Filters, Pace, Poller};
use serde::{Deserialize, Serialize};

use super::log::LogRecord;
use super::target::{HttpRecord, TargetRecord, batch_max, destination};
use super::template::Template;

/// Messages of a batch, unless the pipe says otherwise.
pub const BATCH_DEFAULT: u32 = 10;
/// How many batches of a pipe are on their way at once.
///
/// DEVIATION: AWS begins with five and goes up to 1,250; processes of one machine do not scale like that.
pub const CONCURRENCY: u32 = 5;

/// What a pipe is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It was made, and is checked.
    Creating,
    /// It was changed, and is checked.
    Updating,
    /// It is about to poll, and is checked.
    Starting,
    /// It polls.
    Running,
    /// It ends what is on its way.
    Stopping,
    /// It does nothing.
    Stopped,
    /// It ends what is on its way, and goes.
    Deleting,
    /// The check failed after it was made.
    CreateFailed,
    /// The check failed after it was changed.
    UpdateFailed,
    /// The check failed after it was started.
    StartFailed,
}

impl State {
    /// AWS's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
            Self::Deleting => "DELETING",
            Self::CreateFailed => "CREATE_FAILED",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::StartFailed => "START_FAILED",
        }
    }

    /// What it becomes when its check fails.
    #[must_use]
    pub fn failed(self) -> Self {
        match self {
            Self::Creating => Self::CreateFailed,
            Self::Updating => Self::UpdateFailed,
            _ => Self::StartFailed,
        }
    }

    /// Whether it goes on by itself.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Starting | Self::Stopping | Self::Deleting)
    }
}

/// A pipe as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipeRecord {
    /// Tells apart pipes that had the same name one after the other, and a pipe before and after a change.
    pub serial: u64,
    /// Description.
    pub description: Option<String>,
    /// Whether it is to run.
    pub is_wanted: bool,
    /// What it is doing.
    pub state: State,
    /// Why, if something failed.
    pub reason: Option<String>,
    /// ARN of the queue.
    pub source: String,
    /// Messages of a batch, as far as given.
    pub batch_size: Option<u32>,
    /// How long a batch that is not full waits, seconds, as far as given.
    pub window_secs: Option<u32>,
    /// Patterns; `None` if filters were never given.
    pub filters: Option<Vec<String>>,
    /// ARN of the function or API destination that enriches.
    pub enrichment: Option<String>,
    /// What that is given, if not the events.
    pub enrichment_template: Option<String>,
    /// What is added to its requests, if it is an API destination.
    #[serde(default)]
    pub enrichment_http: Option<HttpRecord>,
    /// Where it leads.
    pub target: TargetRecord,
    /// Where it tells what it does, as far as given.
    #[serde(default)]
    pub log: Option<LogRecord>,
    /// Role in which it acts.
    pub role_arn: String,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
}

impl PipeRecord {
    /// Events of a batch. Where a stage takes only one at a time there are no batches unless they are asked for, which is refused.
    #[must_use]
    pub fn batch_size(&self) -> u32 {
        let takes_one = |arn: &str| destination(arn).is_ok_and(|stage| batch_max(&stage) == Some(1));
        let stages = [self.enrichment.as_deref(), Some(self.target.arn.as_str())];
        match self.batch_size {
            Some(size) => size,
            None if stages.into_iter().flatten().any(takes_one) => 1,
            None => BATCH_DEFAULT,
        }
    }
}

/// A pipe with what it has under way.
#[derive(Debug)]
pub struct Pipe {
    /// As it is kept.
    pub record: PipeRecord,
    /// Compiled filters.
    pub filters: Filters,
    /// What the enrichment is given.
    pub enrichment_template: Option<Template>,
    /// What the target is given.
    pub target_template: Option<Template>,
    /// Polls and batches.
    pub poller: Poller,
    /// What `Pipes::timers` holds for it.
    pub timer: Option<Timestamp>,
    /// Whether a check is on its way.
    pub is_checking: bool,
}

/// Why a record is no pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// A filter is no pattern, and why.
    Filter(String),
    /// A template has a variable that there is none of.
    Variable(String),
}

impl Pipe {
    /// The pipe of a record, with nothing under way.
    ///
    /// # Errors
    /// If a filter or a template is none.
    pub fn new(record: PipeRecord) -> Result<Self, Unreadable> {
        let template = |text: &Option<String>| {
            let given = text.as_deref().filter(|text| !text.is_empty());
            given.map(Template::parse).transpose().map_err(Unreadable::Variable)
        };
        let patterns = record.filters.as_deref().unwrap_or_default();
        Ok(Self {
            filters: Filters::parse(patterns).map_err(|why| Unreadable::Filter(why.to_string()))?,
            enrichment_template: template(&record.enrichment_template)?,
            target_template: template(&record.target.template)?,
            record,
            poller: Poller::default(),
            timer: None,
            is_checking: false,
        })
    }

    /// How it polls.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace {
            enabled: self.record.state == State::Running,
            batch_size: self.record.batch_size() as usize,
            window_secs: self.record.window_secs.unwrap_or(0),
            concurrency: CONCURRENCY,
        }
    }

    /// When it has something to do of itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.record.state {
            State::Stopping | State::Deleting if self.poller.under_way() > 0 => None,
            state if state.is_passing() => {
                (!self.is_checking).then_some(Timestamp::from_millis(self.record.modified_millis))
            }
            State::Running => self.poller.due(self.pace()),
            _ => None,
        }
    }

    /// Where its queue is: scope and name.
    #[must_use]
    pub fn queue(&self) -> Option<(Scope, &str)> {
        let arn = Arn::parse(&self.record.source)?;
        Some((arn.scope()?, arn.resource))
    }
}
