//! Dead letters: looked at, grouped, sent back, mended, deleted; on any SQS, AWS's included.
//!
//! [`DeadLetters`] is a dead-letter queue; [`find`] lists those of an account. Everything goes through SQS's public API, which has no way to look at a
//! message without receiving it: *on AWS a look counts as a receive*, and hides the message for as long as the look takes, two minutes at most. A
//! dead-letter queue that itself has a redrive policy can lose messages to that.
//!
//! Why a message is a dead letter is told by what put it there: this crate's hosts attach a [`Burial`], EventBridge and Lambda attach the error that
//! they met, and SQS itself only knows that the message was received too often. Where it came from, and so where it can be sent back to, is its
//! [`DeadLetterOrigin`].
//!
//! ```no_run
//! # async fn with(sqs: aws_sdk_sqs::Client) -> Result<(), pontoon::handler::BoxError> {
//! use pontoon::dead_letters::{DeadLetters, Filter, Redrive};
//!
//! let dead = DeadLetters::new(sqs, "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq");
//! for group in dead.groups(1000).await? {
//!     println!("{} × {} of {}", group.count, group.reason, group.event_type.as_deref().unwrap_or("?"));
//! }
//! let busy = Filter::default().reason("the gateway is busy");
//! let redriven = dead.redrive(&Redrive::new().only(busy).per_second(10.0)).await?;
//! println!("{} sent back", redriven.moved);
//! # Ok(())
//! # }
//! ```

mod burial;
mod filter;
mod letter;
mod origin;
mod redrive;
mod sweep;

use std::collections::{BTreeMap, HashSet};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;

pub use burial::Burial;
pub use filter::Filter;
pub use letter::DeadLetter;
pub use origin::DeadLetterOrigin;
pub use redrive::{Redrive, Redriven};

use crate::aws::failure::words;
use crate::handler::BoxError;
use crate::queue::url_of;
use sweep::{Fate, Sweep};

/// A dead-letter queue. Clones are the same queue.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::dead_letters::DeadLetters;
/// let pontoon = pontoon_test::start().await;
/// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
/// let queue = sqs.create_queue().queue_name("orders-dlq").send().await.unwrap().queue_url.unwrap();
/// sqs.send_message().queue_url(&queue).message_body("not an event").send().await.unwrap();
/// let letters = DeadLetters::new(sqs, queue).peek(10).await.unwrap();
/// assert_eq!((letters.len(), letters[0].body.as_str()), (1, "not an event"));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct DeadLetters {
    client: Client,
    url: String,
}

/// A dead-letter queue that [`find`] found.
///
/// ```
/// # async fn with(sqs: aws_sdk_sqs::Client) {
/// for queue in pontoon::dead_letters::find(&sqs).await.unwrap() {
///     println!("{}: {}", queue.url, queue.messages);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetterQueue {
    /// Its URL.
    pub url: String,
    /// How many messages it holds, approximately; those that somebody has received just now included.
    pub messages: u64,
    /// ARNs of the queues whose redrive policy names it.
    pub sources: Vec<String>,
}

/// Dead letters that are alike.
///
/// ```
/// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
/// let groups = dead.groups(100).await.unwrap();
/// assert!(groups.iter().all(|group| group.count > 0));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Why they are dead letters; numbers in it are written `#`, so that reasons which differ only there are one.
    pub reason: String,
    /// The type of their events, if they are events.
    pub event_type: Option<String>,
    /// How many there are.
    pub count: usize,
    /// When the first was sent.
    pub oldest: Option<Timestamp>,
    /// When the last was sent.
    pub newest: Option<Timestamp>,
    /// The message id of one of them.
    pub example: String,
}

/// Every queue that some queue's redrive policy names, with what it holds.
///
/// # Errors
/// SQS's, in words.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pontoon = pontoon_test::start().await;
/// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
/// assert!(pontoon::dead_letters::find(&sqs).await.unwrap().is_empty());
/// # });
/// ```
pub async fn find(client: &Client) -> Result<Vec<DeadLetterQueue>, BoxError> {
    let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut pages = client.list_queues().max_results(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| words(&error))?;
        for url in page.queue_urls.unwrap_or_default() {
            let names = [QueueAttributeName::QueueArn, QueueAttributeName::RedrivePolicy];
            let mut attributes = attributes(client, &url, &names).await?;
            let Some(policy) = attributes.remove(&QueueAttributeName::RedrivePolicy) else { continue };
            let policy: serde_json::Value = serde_json::from_str(&policy)?;
            let arn = attributes.remove(&QueueAttributeName::QueueArn).unwrap_or_default();
            if let Some(target) = policy["deadLetterTargetArn"].as_str() {
                sources.entry(target.to_owned()).or_default().push(arn);
            }
        }
    }
    let mut queues = Vec::new();
    for (arn, sources) in sources {
        let url = url_of(client, &arn).await?;
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let counts = attributes(client, &url, &names).await?;
        let messages = counts.values().filter_map(|count| count.parse::<u64>().ok()).sum();
        queues.push(DeadLetterQueue { url, messages, sources });
    }
    Ok(queues)
}

/// The URL of a queue that is named by its URL, or by its name in the caller's account.
///
/// # Errors
/// If there is no such queue; SQS's, in words.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pontoon = pontoon_test::start().await;
/// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
/// sqs.create_queue().queue_name("orders-dlq").send().await.unwrap();
/// let url = pontoon::dead_letters::queue_url(&sqs, "orders-dlq").await.unwrap();
/// assert!(url.ends_with("/000000000000/orders-dlq"));
/// # });
/// ```
pub async fn queue_url(client: &Client, queue: &str) -> Result<String, BoxError> {
    if queue.contains("://") {
        return Ok(queue.to_owned());
    }
    let found = client.get_queue_url().queue_name(queue).send().await.map_err(|error| words(&error))?;
    found.queue_url.ok_or_else(|| format!("{queue} has no URL").into())
}

async fn attributes(
    client: &Client,
    url: &str,
    names: &[QueueAttributeName],
) -> Result<std::collections::HashMap<QueueAttributeName, String>, BoxError> {
    let ask = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
    let answer = ask.send().await.map_err(|error| words(&error))?;
    Ok(answer.attributes.unwrap_or_default())
}

impl DeadLetters {
    /// The dead letters in the queue with this URL.
    ///
    /// ```
    /// # fn with(sqs: aws_sdk_sqs::Client) {
    /// use pontoon::dead_letters::DeadLetters;
    /// let dead = DeadLetters::new(sqs, "http://127.0.0.1:4566/000000000000/orders-dlq");
    /// # }
    /// ```
    pub fn new(client: Client, queue_url: impl Into<String>) -> Self {
        Self { client, url: queue_url.into() }
    }

    /// Looks at up to `limit` dead letters and leaves them where they are. It counts as a receive of each.
    ///
    /// # Errors
    /// SQS's, in words.
    ///
    /// ```
    /// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
    /// for letter in dead.peek(10).await.unwrap() {
    ///     println!("{}: {}", letter.message_id, letter.reason);
    /// }
    /// # }
    /// ```
    pub async fn peek(&self, limit: usize) -> Result<Vec<DeadLetter>, BoxError> {
        let mut letters = Vec::new();
        let mut sweep = Sweep::begin(self, limit);
        while let Some(letter) = sweep.next().await? {
            letters.push(letter.clone());
            sweep.decide(letter, Fate::Keep).await?;
        }
        sweep.end().await?;
        Ok(letters)
    }

    /// Groups up to `limit` dead letters by reason and type, the largest group first. It counts as a receive of each.
    ///
    /// # Errors
    /// SQS's, in words.
    ///
    /// ```
    /// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
    /// for group in dead.groups(1000).await.unwrap() {
    ///     println!("{} × {}", group.count, group.reason);
    /// }
    /// # }
    /// ```
    pub async fn groups(&self, limit: usize) -> Result<Vec<Group>, BoxError> {
        let mut groups: BTreeMap<(String, Option<String>), Group> = BTreeMap::new();
        for letter in self.peek(limit).await? {
            let key = (without_numbers(&letter.reason), letter.event_type.clone());
            let group = groups.entry(key).or_insert_with_key(|(reason, event_type)| Group {
                reason: reason.clone(),
                event_type: event_type.clone(),
                count: 0,
                oldest: letter.sent_at,
                newest: letter.sent_at,
                example: letter.message_id.clone(),
            });
            group.count += 1;
            group.oldest = group.oldest.min(letter.sent_at);
            group.newest = group.newest.max(letter.sent_at);
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Ok(groups)
    }

    /// Sends dead letters back to where they came from; what `redrive` says. Each is sent before it is deleted here, so that a failure in between leaves
    /// it in both queues rather than in none.
    ///
    /// # Errors
    /// SQS's, in words; what was sent back before is.
    ///
    /// ```
    /// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
    /// use pontoon::dead_letters::Redrive;
    /// let would = dead.redrive(&Redrive::new().dry_run()).await.unwrap();
    /// println!("{} would be sent back", would.moved);
    /// # }
    /// ```
    pub async fn redrive(&self, redrive: &Redrive) -> Result<Redriven, BoxError> {
        redrive::run(self, redrive).await
    }

    /// Sends one dead letter back, with another body if one is given.
    ///
    /// # Errors
    /// If there is no such message, or nothing tells where it came from; SQS's, in words.
    ///
    /// ```
    /// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
    /// dead.resend("5fea7756-0ea4-451a-a703-a558b933e274", Some(r#"{"orderId":"mended"}"#), None).await.unwrap();
    /// # }
    /// ```
    pub async fn resend(
        &self,
        message_id: &str,
        body: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), BoxError> {
        let letter = self.take(message_id).await?;
        let target = redrive::target_of(self, &letter, to).await?.ok_or_else(|| {
            format!("the message {message_id} is to be sent to no queue that is known; say to which. Its origin: {}", letter.origin)
        });
        let sent = match target {
            Ok(target) => redrive::send(self, &letter, body.unwrap_or(&letter.body), &target).await,
            Err(reason) => Err(reason.into()),
        };
        match sent {
            Ok(()) => sweep::delete(self, &letter).await,
            Err(reason) => {
                sweep::give_back(self, &letter).await?;
                Err(reason)
            }
        }
    }

    /// Deletes the dead letters that `filter` takes, for good; how many there were. An empty filter takes all.
    ///
    /// # Errors
    /// SQS's, in words; what was deleted before is.
    ///
    /// ```
    /// # async fn with(dead: pontoon::dead_letters::DeadLetters) {
    /// use pontoon::dead_letters::Filter;
    /// let deleted = dead.delete(&Filter::default().event_type("OrderCreated")).await.unwrap();
    /// # }
    /// ```
    pub async fn delete(&self, filter: &Filter) -> Result<usize, BoxError> {
        let mut deleted = 0;
        let mut sweep = Sweep::begin(self, usize::MAX);
        while let Some(letter) = sweep.next().await? {
            let takes = filter.takes(&letter);
            sweep.decide(letter, if takes { Fate::Delete } else { Fate::Keep }).await?;
            deleted += usize::from(takes);
        }
        sweep.end().await?;
        Ok(deleted)
    }

    /// Receives the message with this id, and gives back those before it.
    async fn take(&self, message_id: &str) -> Result<DeadLetter, BoxError> {
        let mut sweep = Sweep::begin(self, usize::MAX);
        let mut found = None;
        while let Some(letter) = sweep.next().await? {
            if letter.message_id == message_id {
                found = Some(letter);
                break;
            }
            sweep.decide(letter, Fate::Keep).await?;
        }
        sweep.end().await?;
        found.ok_or_else(|| format!("the message {message_id} is not in {}", self.url).into())
    }
}

/// The text with each number as `#`.
fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_ascii_digit() {
            plain.push(character);
        } else if !plain.ends_with('#') {
            plain.push('#');
        }
    }
    plain
}

/// Messages seen in a sweep, by their ids.
type Seen = HashSet<String>;
