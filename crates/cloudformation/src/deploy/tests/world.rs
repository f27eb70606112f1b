//! CloudFormation with a store and scripted services around it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use pontoon_api::{cloudformation as api, dynamodb, events, sqs};
use pontoon_core::policy::PolicyMode;
use pontoon_core::step::{Ground, Settings};
use pontoon_core::{
    ApiError, Batch, Caller, Ids, Output, Reply, Request, Scope, Service, Settled, Step, Store, Ticket,
    Timestamp,
};

use crate::CloudFormation;

/// The services that stacks call, as far as these tests need them.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) queues: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) tables: BTreeMap<String, u32>,
    /// Calls, `Operation name`, that fail once after this many have succeeded.
    pub(super) failing: BTreeMap<String, u32>,
    /// How many more calls that create or change succeed before one fails.
    pub(super) fuse: Option<u32>,
    /// How often a new table is described as being created.
    pub(super) creating: u32,
    pub(super) calls: Vec<String>,
    /// What the default event bus was told.
    pub(super) told: Vec<events::PutEventsRequestEntry>,
}

impl Fake {
    pub(super) fn answer(&mut self, request: Box<dyn Request>) -> Settled {
        let operation = request.operation().name;
        let any = request.into_any();
        let any = match any.downcast::<events::Request>() {
            Ok(request) => return self.events(*request),
            Err(any) => any,
        };
        match any.downcast::<sqs::Request>() {
            Ok(request) => self.sqs(operation, *request),
            Err(any) => match any.downcast::<dynamodb::Request>() {
                Ok(request) => self.dynamodb(operation, *request),
                Err(_) => panic!("{operation} is not among the scripted operations"),
            },
        }
    }

    fn events(&mut self, request: events::Request) -> Settled {
        let events::Request::PutEvents(input) = request else {
            panic!("stacks of these tests have no rules");
        };
        self.told.extend(input.entries);
        Ok(Box::new(events::PutEventsOutput::default()))
    }

    pub(super) fn note(&mut self, operation: &str, name: &str) -> Result<(), ApiError> {
        self.calls.push(format!("{operation} {name}"));
        if matches!(operation, "CreateQueue" | "SetQueueAttributes") && self.fuse.is_some() {
            self.fuse = self.fuse.and_then(|left| left.checked_sub(1));
            if self.fuse.is_none() {
                return Err(ApiError::client("InvalidAttributeValue", "scripted"));
            }
        }
        let key = format!("{operation} {name}");
        match self.failing.get_mut(&key) {
            Some(0) => {
                self.failing.remove(&key);
                return Err(ApiError::client("InvalidAttributeValue", "scripted"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    pub(super) fn sqs(&mut self, operation: &str, request: sqs::Request) -> Settled {
        let name_of = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
        let absent = || ApiError::client("QueueDoesNotExist", "The specified queue does not exist.");
        match request {
            sqs::Request::GetQueueUrl(input) => {
                self.note(operation, &input.queue_name)?;
                let found = self.queues.contains_key(&input.queue_name);
                let output = sqs::GetQueueUrlOutput { queue_url: Some(url(&input.queue_name)) };
                if found { Ok(Box::new(output)) } else { Err(absent()) }
            }
            sqs::Request::CreateQueue(input) => {
                self.note(operation, &input.queue_name)?;
                self.queues.insert(input.queue_name.clone(), input.attributes.unwrap_or_default());
                Ok(Box::new(sqs::CreateQueueOutput { queue_url: Some(url(&input.queue_name)) }))
            }
            sqs::Request::SetQueueAttributes(input) => {
                let name = name_of(&input.queue_url);
                self.note(operation, &name)?;
                self.queues.get_mut(&name).ok_or_else(absent)?.extend(input.attributes);
                Ok(Box::new(sqs::SetQueueAttributesOutput {}))
            }
            sqs::Request::DeleteQueue(input) => {
                let name = name_of(&input.queue_url);
                self.note(operation, &name)?;
                self.queues.remove(&name).ok_or_else(absent)?;
                Ok(Box::new(sqs::DeleteQueueOutput {}))
            }
            other => panic!("{other:?} is not among the scripted operations"),
        }
    }

    pub(super) fn dynamodb(&mut self, operation: &str, request: dynamodb::Request) -> Settled {
        let absent = || ApiError::client("ResourceNotFoundException", "Requested resource not found");
        match request {
            dynamodb::Request::CreateTable(input) => {
                self.note(operation, &input.table_name)?;
                self.tables.insert(input.table_name, self.creating);
                Ok(Box::new(dynamodb::CreateTableOutput::default()))
            }
            dynamodb::Request::DescribeTable(input) => {
                self.note(operation, &input.table_name)?;
                let left = self.tables.get_mut(&input.table_name).ok_or_else(absent)?;
                let status = if *left == 0 { "ACTIVE" } else { "CREATING" };
                *left = left.saturating_sub(1);
                let table = dynamodb::TableDescription {
                    table_status: Some(status.to_owned()),
                    table_arn: Some(format!(
                        "arn:aws:dynamodb:us-east-1:000000000000:table/{}",
                        input.table_name
                    )),
                    ..dynamodb::TableDescription::default()
                };
                Ok(Box::new(dynamodb::DescribeTableOutput { table: Some(table) }))
            }
            dynamodb::Request::DeleteTable(input) => {
                self.note(operation, &input.table_name)?;
                self.tables.remove(&input.table_name).ok_or_else(absent)?;
                Ok(Box::new(dynamodb::DeleteTableOutput::default()))
            }
            other => panic!("{other:?} is not among the scripted operations"),
        }
    }
}

pub(super) fn url(name: &str) -> String {
    format!("http://localhost:4566/000000000000/{name}")
}

/// CloudFormation with a store and scripted services around it.
pub(super) struct World {
    pub(super) cloudformation: CloudFormation,
    pub(super) store: Arc<dyn Store>,
    pub(super) fake: Fake,
    pub(super) ids: Ids,
    pub(super) next_park: u64,
    pub(super) now: Timestamp,
    pub(super) settings: Settings,
    /// Whether answers to calls get lost, as they do when the process dies.
    pub(super) deaf: bool,
}

pub(super) enum Next {
    Hop(pontoon_core::Hop),
    Settled(Ticket, Settled),
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            cloudformation: CloudFormation::new(None),
            store: pontoon_store::memory(),
            fake: Fake::default(),
            ids: Ids::from_seed(7),
            next_park: 0,
            now: Timestamp::from_secs(1_700_000_000),
            settings: Settings { policies: PolicyMode::Warn, endpoint: "http://localhost:4566".into() },
            deaf: false,
        }
    }

    pub(super) fn caller() -> Caller {
        Caller::of_account(Scope::default().account, "request", "http://localhost:4566")
    }

    /// One command: a step, and everything that follows from it, as the engine does it.
    pub(super) fn command<T>(&mut self, act: impl FnOnce(&mut CloudFormation, &mut Step<'_>) -> T) -> T {
        let mut batch = Batch::new();
        let mut queue = VecDeque::new();
        let value = self.step(&mut batch, &mut queue, act);
        while let Some(next) = queue.pop_front() {
            match next {
                Next::Hop(hop) => {
                    let outcome = self.fake.answer(hop.request);
                    if let Some(ticket) = hop.ticket.filter(|_| !self.deaf) {
                        queue.push_back(Next::Settled(ticket, outcome));
                    }
                }
                Next::Settled(ticket, outcome) => {
                    let Ticket { scope, token, .. } = ticket;
                    self.step(&mut batch, &mut queue, |cloudformation, step| {
                        step.scope = scope;
                        cloudformation.settled(step, token, outcome);
                    });
                }
            }
        }
        self.store.apply(batch).unwrap();
        value
    }

    pub(super) fn step<T>(
        &mut self,
        batch: &mut Batch,
        queue: &mut VecDeque<Next>,
        act: impl FnOnce(&mut CloudFormation, &mut Step<'_>) -> T,
    ) -> T {
        let caller = Self::caller();
        let ground = Ground { store: self.store.as_ref(), pending: batch, settings: &self.settings };
        let mut step =
            Step::new(self.now, Scope::default(), &caller, &mut self.ids, &mut self.next_park, &ground);
        let value = act(&mut self.cloudformation, &mut step);
        let (writes, effects) = step.finish();
        batch.append(writes);
        queue.extend(effects.hops.into_iter().map(Next::Hop));
        value
    }

    /// Makes a request, then lets everything happen that is due by now.
    pub(super) fn request(&mut self, request: api::Request) -> Result<Box<dyn Output>, ApiError> {
        let reply = self.command(|cloudformation, step| cloudformation.call(step, Box::new(request)));
        self.run_due();
        match reply? {
            Reply::Ready(output) => Ok(output),
            _ => panic!("nothing here is answered later"),
        }
    }

    pub(super) fn run_due(&mut self) {
        while self.cloudformation.next_due().is_some_and(|due| due <= self.now) {
            self.command(|cloudformation, step| cloudformation.run_due(step));
        }
    }

    /// Lets time pass until nothing is due any more.
    pub(super) fn settle(&mut self) {
        while let Some(due) = self.cloudformation.next_due() {
            self.now = self.now.max(due);
            self.run_due();
        }
    }

    pub(super) fn restart(&mut self) {
        self.cloudformation = CloudFormation::new(None);
        self.cloudformation.load(self.store.as_ref()).unwrap();
        self.deaf = false;
        self.command(|cloudformation, step| cloudformation.start(step));
        self.run_due();
    }

    pub(super) fn create(&mut self, template: &str) -> Result<(), ApiError> {
        self.create_with(api::CreateStackInput {
            template_body: Some(template.to_owned()),
            ..Default::default()
        })
    }

    pub(super) fn create_with(&mut self, input: api::CreateStackInput) -> Result<(), ApiError> {
        let input = api::CreateStackInput { stack_name: "stack".to_owned(), ..input };
        self.request(api::Request::CreateStack(input)).map(drop)
    }

    pub(super) fn update(&mut self, template: &str) -> Result<(), ApiError> {
        let input = api::UpdateStackInput {
            stack_name: "stack".to_owned(),
            template_body: Some(template.to_owned()),
            ..Default::default()
        };
        self.request(api::Request::UpdateStack(input)).map(drop)
    }

    pub(super) fn delete(&mut self) {
        let input = api::DeleteStackInput { stack_name: "stack".to_owned(), ..Default::default() };
        self.request(api::Request::DeleteStack(input)).unwrap();
    }

    pub(super) fn status(&mut self) -> (String, String) {
        let id = self.stack_id();
        let input = api::DescribeStacksInput { stack_name: Some(id), ..Default::default() };
        let output = self.request(api::Request::DescribeStacks(input)).unwrap();
        let output: &api::DescribeStacksOutput = output.as_any().downcast_ref().unwrap();
        let stack = &output.stacks.as_ref().unwrap()[0];
        (stack.stack_status.clone(), stack.stack_status_reason.clone().unwrap_or_default())
    }

    pub(super) fn stack_id(&self) -> String {
        let stacks = self.cloudformation.state.get(Scope::default()).unwrap();
        stacks.iter().next().unwrap().id.clone()
    }

    /// The events, oldest first, without what varies.
    pub(super) fn events(&mut self) -> String {
        let input = api::DescribeStackEventsInput { stack_name: self.stack_id(), next_token: None };
        let output = self.request(api::Request::DescribeStackEvents(input)).unwrap();
        let output: &api::DescribeStackEventsOutput = output.as_any().downcast_ref().unwrap();
        let mut text = String::new();
        for event in output.stack_events.as_ref().unwrap().iter().rev() {
            let physical_id = event.physical_resource_id.clone().unwrap_or_default();
            let logical = event.logical_resource_id.clone().unwrap_or_default();
            let name =
                if logical == "stack" { "" } else { physical_id.rsplit('/').next().unwrap_or_default() };
            let name = masked(name);
            let reason =
                event.resource_status_reason.clone().map(|reason| format!(": {}", masked_token(&reason)));
            let status = event.resource_status.clone().unwrap_or_default();
            text.push_str(&format!("{logical} [{name}] {status}{}\n", reason.unwrap_or_default()));
        }
        text
    }

    /// A change set with its changes and their values.
    pub(super) fn changes(&mut self, name: &str) -> String {
        let input = api::DescribeChangeSetInput {
            stack_name: Some("stack".to_owned()),
            change_set_name: name.to_owned(),
            include_property_values: Some(true),
            ..Default::default()
        };
        let output = self.request(api::Request::DescribeChangeSet(input)).unwrap();
        let output: &api::DescribeChangeSetOutput = output.as_any().downcast_ref().unwrap();
        let mut text =
            format!("{:?} {:?} {:?}\n", output.status, output.execution_status, output.status_reason);
        for change in output.changes.iter().flatten() {
            let change = change.resource_change.as_ref().unwrap();
            let (action, logical) =
                (change.action.as_deref().unwrap(), change.logical_resource_id.as_deref().unwrap());
            text.push_str(&format!(
                "{action} {logical} {:?} {:?}\n",
                change.replacement, change.policy_action
            ));
            for detail in change.details.iter().flatten() {
                let target = detail.target.as_ref().unwrap();
                text.push_str(&format!(
                    "  {} {} {} {:?} -> {:?} ({}, {:?})\n",
                    target.path.as_deref().unwrap_or_default(),
                    detail.change_source.as_deref().unwrap(),
                    detail.evaluation.as_deref().unwrap(),
                    target.before_value,
                    target.after_value,
                    target.requires_recreation.as_deref().unwrap(),
                    detail.causing_entity,
                ));
            }
        }
        text
    }

    pub(super) fn queues(&self) -> BTreeSet<String> {
        self.fake.queues.keys().map(|name| masked(name)).collect()
    }
}

/// A made-up name without its random end.
pub(super) fn masked(name: &str) -> String {
    match name.rsplit_once('-') {
        Some((start, random)) if random.len() == 12 && name.starts_with("stack-") => format!("{start}-*"),
        _ => name.to_owned(),
    }
}

pub(super) fn masked_token(reason: &str) -> String {
    match (reason.find("RequestToken: "), reason.find(", HandlerErrorCode")) {
        (Some(start), Some(end)) => format!("{}RequestToken: *{}", &reason[..start], &reason[end..]),
        _ => reason.to_owned(),
    }
}
