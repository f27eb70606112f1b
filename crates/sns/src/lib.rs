//! SNS, as Pontoon runs it: standard topics, and every message at its subscribers or in a dead-letter queue.
//!
//! What it is: topics that fan out to queues, functions and web servers. A message that is published is, in the same batch, in every queue that is
//! subscribed and accepted by every function; what goes to web servers, or could not be delivered at once, waits in the outbox with its attempts
//! and survives restarts. Messages are signed, and the certificate is served. What it is not: FIFO topics, and the protocols email, sms,
//! application and firehose, are refused.
//!
//! Invariant: an operation fails before it changes anything.
//! Invariant: a notification that was accepted is delivered, filtered out, in its subscription's dead-letter queue, or counted as failed.
//!
//! It follows the API reference and the developer guide of Amazon SNS, and the recordings in `sns/`.

mod deliver;
mod error;
mod metrics;
mod ops;
mod records;
mod service;
pub mod state;
#[cfg(test)]
mod testing;
mod wiring;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use pontoon_core::policy::Document;
use pontoon_core::{
    Access, Arn, MetricBook, OperationSchema, Outbox, Scope, ServiceId, Space, Step, Timestamp,
};

pub use error::Error;
pub use state::signing::Certificates;

use deliver::Delivery;
use records::TopicRecord;
use state::filter::Filter;
use state::signing::Signing;
use state::subscription::{Protocol, Status, SubscriptionRecord};

/// A topic.
struct Topic {
    scope: Scope,
    name: Arc<str>,
    arn: Arc<str>,
    record: TopicRecord,
    policy: Option<Document>,
    /// Its subscriptions' resource names, by their numbers.
    subscriptions: BTreeMap<u64, String>,
    /// The same by what they subscribe.
    by_endpoint: HashMap<(Protocol, Arc<str>), String>,
    /// How many of them have a filter policy.
    filter_policies: usize,
}

/// A subscription.
struct Subscription {
    arn: Arc<str>,
    record: SubscriptionRecord,
    filter: Option<Filter>,
    /// When its endpoint may next be called, where that is throttled.
    next_slot: Timestamp,
}

/// The topics of all accounts and regions.
pub struct Sns {
    topics: HashMap<Scope, BTreeMap<String, Topic>>,
    /// By the scope of their topics and the resource part of their ARNs, `TOPIC:ID`.
    subscriptions: HashMap<Scope, BTreeMap<String, Subscription>>,
    /// Which subscription a token confirms.
    tokens: HashMap<String, (Scope, String)>,
    /// When subscriptions go that nobody confirmed, or whose topic is gone.
    expiries: BTreeSet<(Timestamp, Scope, String)>,
    outbox: Outbox<Delivery>,
    /// Deliveries over HTTP that are being made.
    http_under_way: usize,
    /// Deliveries that wait for their turn at a throttled endpoint.
    slotted: HashSet<u64>,
    signing: Signing,
    metrics: MetricBook,
}

impl Sns {
    /// No topics. The certificate of the signatures will be found in `certificates`.
    #[must_use]
    pub fn new(certificates: Certificates) -> Self {
        Self {
            topics: HashMap::new(),
            subscriptions: HashMap::new(),
            tokens: HashMap::new(),
            expiries: BTreeSet::new(),
            outbox: Outbox::new(ServiceId::Sns),
            http_under_way: 0,
            slotted: HashSet::new(),
            signing: Signing::new(certificates),
            metrics: MetricBook::default(),
        }
    }

    fn topic(&self, scope: Scope, name: &str) -> Option<&Topic> {
        self.topics.get(&scope)?.get(name)
    }

    fn topic_mut(&mut self, scope: Scope, name: &str) -> Option<&mut Topic> {
        self.topics.get_mut(&scope)?.get_mut(name)
    }

    /// The topic that an ARN names, which `parameter` gave, after the caller's right to `action` on it was checked. The step goes on in the
    /// topic's scope.
    fn open(
        &mut self,
        step: &mut Step<'_>,
        (parameter, arn): (&str, &str),
        action: &'static str,
    ) -> Result<&mut Topic, Error> {
        let (scope, name) = topic_of(step.scope, parameter, arn)?;
        let topic = self.topic_mut(scope, &name).ok_or(Error::NO_TOPIC)?;
        step.scope = scope;
        topic.authorize(step, action, &[])?;
        Ok(topic)
    }

    fn subscription(&self, scope: Scope, resource: &str) -> Option<&Subscription> {
        self.subscriptions.get(&scope)?.get(resource)
    }

    fn subscription_mut(&mut self, scope: Scope, resource: &str) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(&scope)?.get_mut(resource)
    }

    /// The subscription that an ARN names.
    fn subscription_by_arn(&self, arn: &str) -> Option<&Subscription> {
        let arn = Arn::parse(arn)?;
        self.subscription(arn.scope()?, arn.resource)
    }

    /// The topic of a subscription, if it still exists.
    fn topic_of_subscription(&self, record: &SubscriptionRecord) -> Option<&Topic> {
        let arn = Arn::parse(&record.topic)?;
        self.topic(arn.scope()?, arn.resource).filter(|topic| topic.record.number == record.topic_number)
    }

    /// Puts a subscription, new or loaded, into every index.
    fn index(&mut self, scope: Scope, resource: &str, subscription: Subscription) {
        let record = &subscription.record;
        if let Some(token) = &record.token {
            self.tokens.insert(token.clone(), (scope, resource.to_owned()));
        }
        if let Some(millis) = record.expires_millis {
            self.expiries.insert((Timestamp::from_millis(millis), scope, resource.to_owned()));
        }
        let name = resource.split(':').next().unwrap_or_default();
        if record.status != Status::Ended
            && let Some(topic) =
                self.topic_mut(scope, name).filter(|topic| topic.record.number == record.topic_number)
        {
            topic.subscriptions.insert(record.number, resource.to_owned());
            topic.by_endpoint.insert((record.protocol, Arc::clone(&record.endpoint)), resource.to_owned());
            topic.filter_policies += usize::from(record.settings.filter.is_some());
        }
        self.subscriptions.entry(scope).or_default().insert(resource.to_owned(), subscription);
    }

    /// Takes a subscription out of every index.
    fn unindex(&mut self, scope: Scope, resource: &str) -> Option<Subscription> {
        let subscription = self.subscriptions.get_mut(&scope)?.remove(resource)?;
        let record = &subscription.record;
        if let Some(token) = &record.token {
            self.tokens.remove(token);
        }
        if let Some(millis) = record.expires_millis {
            self.expiries.remove(&(Timestamp::from_millis(millis), scope, resource.to_owned()));
        }
        let name = resource.split(':').next().unwrap_or_default();
        if let Some(topic) =
            self.topic_mut(scope, name).filter(|topic| topic.record.number == record.topic_number)
            && topic.subscriptions.remove(&record.number).is_some()
        {
            topic.by_endpoint.remove(&(record.protocol, Arc::clone(&record.endpoint)));
            topic.filter_policies -= usize::from(record.settings.filter.is_some());
        }
        Some(subscription)
    }

    /// Changes a subscription's record, its indexes and what is stored of it.
    fn change(
        &mut self,
        step: &mut Step<'_>,
        scope: Scope,
        resource: &str,
        change: impl FnOnce(&mut Subscription),
    ) {
        let Some(mut subscription) = self.unindex(scope, resource) else { return };
        change(&mut subscription);
        step.put(
            Space::Config,
            records::subscription_key(scope, resource),
            records::to_json(&subscription.record),
        );
        self.index(scope, resource, subscription);
    }

    /// Removes a subscription for good.
    fn forget(&mut self, step: &mut Step<'_>, scope: Scope, resource: &str) {
        self.unindex(scope, resource);
        step.delete(Space::Config, records::subscription_key(scope, resource));
    }

    /// Makes the key that messages are signed with, if there is none yet.
    fn prepare_signing(&mut self, step: &mut Step<'_>) {
        if let Some(record) = self.signing.prepare(step.ids, step.now) {
            step.put(Space::Config, records::signing_key(), records::to_json(&record));
        }
    }
}

impl Topic {
    fn new(scope: Scope, name: &str, record: TopicRecord) -> Self {
        let arn = scope.arn("sns", name);
        let text = record.attributes.policy.clone();
        let text = text.unwrap_or_else(|| state::attributes::default_policy(scope, &arn));
        Self {
            scope,
            name: name.into(),
            arn: arn.into(),
            policy: Document::parse(&text).ok(),
            record,
            subscriptions: BTreeMap::new(),
            by_endpoint: HashMap::new(),
            filter_policies: 0,
        }
    }

    /// Checks the caller's right to `action` on the topic.
    fn authorize(
        &self,
        step: &mut Step<'_>,
        action: &'static str,
        context: &[(&str, &str)],
    ) -> Result<(), Error> {
        let access = Access { action, resource: &self.arn, policy: self.policy.as_ref(), context };
        step.authorize(&access).map_err(|denial| Error::AuthorizationError(denial.message))
    }

    /// Takes over a changed record.
    fn set(&mut self, step: &mut Step<'_>, record: TopicRecord) {
        let Self { policy, record, .. } = Self::new(self.scope, &self.name, record);
        self.policy = policy;
        self.record = record;
        self.write(step);
    }

    fn write(&self, step: &mut Step<'_>) {
        step.put(Space::Config, records::topic_key(self.scope, &self.name), records::to_json(&self.record));
    }
}

impl Subscription {
    fn new(scope: Scope, resource: &str, record: SubscriptionRecord, filter: Option<Filter>) -> Self {
        Self { arn: scope.arn("sns", resource).into(), record, filter, next_slot: Timestamp::EPOCH }
    }
}

/// Whether an operation can be asked for without a signature: what the URLs in messages ask for. `ConfirmSubscription` is believed because of
/// its token; `Unsubscribe` wants a signature after all where the confirmation said so.
#[must_use]
pub fn needs_no_signature(operation: &OperationSchema) -> bool {
    operation.service.id == "sns" && matches!(operation.name, "ConfirmSubscription" | "Unsubscribe")
}

/// Scope and name of the topic that an ARN names, which `parameter` gave; it must be in the region of `here`.
fn topic_of(here: Scope, parameter: &str, arn: &str) -> Result<(Scope, String), Error> {
    // test_publish_wrong_arn_format, test_cross_region_access
    let elements = arn.split(':').count();
    if elements < 6 {
        return Err(Error::invalid(format_args!(
            "{parameter} Reason: An ARN must have at least 6 elements, not {elements}"
        )));
    }
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "sns" && !arn.resource.contains(':'));
    let found = parsed.and_then(|arn| Some((arn.scope()?, arn.resource.to_owned())));
    found.filter(|(scope, _)| scope.region == here.region).ok_or_else(|| Error::invalid(parameter))
}
