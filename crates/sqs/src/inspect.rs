//! What Pontoon's own API shows of queues. Looking changes nothing: no receive is counted, no message becomes invisible.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_core::{Scope, Space, StoreRead, Timestamp};
use serde_json::{Value, json};

use crate::state::message::{AttributeValue, Content};
use crate::state::queue::Place;
use crate::{Queue, Sqs, records};

impl Sqs {
    /// The queues of a scope by name.
    pub(crate) fn show_queues(&self, scope: Scope, now: Timestamp, store: &dyn StoreRead) -> Value {
        let mut queues: Vec<&Queue> =
            self.regions.get(&scope).into_iter().flat_map(|queues| queues.values()).collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        json!({ "queues": queues.into_iter().map(|queue| queue.summary(now, store)).collect::<Vec<_>>() })
    }
}

impl Sqs {
    /// What of a scope's queues decides what becomes of messages.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let queues = self.regions.get(&scope).into_iter().flat_map(|queues| queues.values());
        let shown = queues.map(|queue| {
            let attributes = &queue.record.attributes;
            json!({
                "name": &*queue.name,
                "arn": &*queue.arn,
                "policy": attributes.policy,
                "visibilityTimeoutSeconds": attributes.visibility_timeout_secs,
                "deadLetterTarget": attributes.redrive.as_ref().map(|redrive| &redrive.dead_letter_arn),
            })
        });
        json!({ "queues": shown.collect::<Vec<_>>() })
    }
}

impl Queue {
    fn summary(&self, now: Timestamp, store: &dyn StoreRead) -> Value {
        let counts = self.messages.counts_at(now);
        let age = self.oldest_sent_at(store).map(|sent_at| now.since(sent_at).as_secs());
        let redrive = self.record.attributes.redrive.as_ref();
        json!({
            "name": &*self.name,
            "type": if self.is_fifo() { "fifo" } else { "standard" },
            "visible": counts.visible,
            "inFlight": counts.in_flight,
            "delayed": counts.delayed,
            "oldestSeconds": age,
            "waiting": self.waiters.len(),
            "deadLetterTarget": redrive.map(|redrive| &redrive.dead_letter_arn),
        })
    }

    fn oldest_sent_at(&self, store: &dyn StoreRead) -> Option<Timestamp> {
        let read = |key: &[u8]| store.get(Space::Queue, key).ok()?;
        let exact = |(since, number)| match self.messages.get(number) {
            Some(message) => message.sent_at,
            None => records::read_resting(self.record.number, number, false, read)
                .map_or(since, |resting| resting.message.sent_at),
        };
        self.messages.oldest_of_each().map(exact).min()
    }

    /// The queue, and its first `max` messages; `None` if a content cannot be read, which the store's owner will have been told.
    pub(crate) fn show(&self, now: Timestamp, max: usize, store: &dyn StoreRead) -> Option<Value> {
        let mut shown = self.summary(now, store);
        let upcoming = self.messages.upcoming(max).into_iter();
        let messages: Option<Vec<Value>> =
            upcoming.map(|(number, place)| self.show_message(now, number, place, store)).collect();
        let attributes: serde_json::Map<String, Value> = self
            .record
            .attributes
            .texts()
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Value::String(text)))
            .collect();
        shown["arn"] = json!(&*self.arn);
        shown["attributes"] = Value::Object(attributes);
        shown["tags"] = json!(self.record.tags);
        shown["messages"] = Value::Array(messages?);
        shown["messagesInMemory"] = json!(self.messages.held());
        if let Some(groups) = self.messages.groups_in_flight() {
            shown["groups"] = json!(self.messages.groups());
            shown["groupsInFlight"] = json!(groups);
        }
        if let Some(noise) = self.messages.noise() {
            shown["groups"] = json!(self.messages.groups());
            shown["noisyGroups"] = json!(noise.tenants);
        }
        if let Some(recent) = &self.recent {
            shown["deduplicationIdsRemembered"] = json!(recent.sends.len());
        }
        Some(shown)
    }

    fn show_message(
        &self,
        now: Timestamp,
        number: u64,
        place: Place,
        store: &dyn StoreRead,
    ) -> Option<Value> {
        let read = |key: &[u8]| store.get(Space::Queue, key).ok()?;
        let (queue, received) = (self.record.number, self.messages.was_received(number));
        let message = match self.messages.get(number) {
            Some(message) => message.clone(),
            None => records::read_resting(queue, number, received, read)?.message,
        };
        let bytes = message.content.or_else(|| read(&records::content_key(queue, number)))?;
        let content = Content::decode(&bytes)?;
        let place = match place {
            _ if message.due <= now => "visible",
            Place::Visible => "visible",
            Place::InFlight => "inFlight",
            Place::Delayed => "delayed",
        };
        let attributes: serde_json::Map<String, Value> = content
            .attributes
            .iter()
            .map(|attribute| {
                let value = match &attribute.value {
                    AttributeValue::Text(text) => text.clone(),
                    AttributeValue::Binary(bytes) => STANDARD.encode(bytes),
                };
                (attribute.name.clone(), json!({ "type": attribute.data_type, "value": value }))
            })
            .collect();
        Some(json!({
            "messageId": pontoon_core::ids::format_uuid(content.id),
            "place": place,
            "visibleAt": (place != "visible").then(|| message.due.iso_millis()),
            "sentAt": content.sent_at.iso_millis(),
            "receives": message.receive_count,
            "group": content.group,
            "deduplicationId": content.deduplication_id,
            "deadLetterSource": content.dead_letter_source,
            "attributes": attributes,
            "body": content.body,
        }))
    }
}
