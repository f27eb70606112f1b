//! What decides where messages of topics go, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::Scope;
use serde_json::{Value, json};

use crate::Sns;

impl Sns {
    /// The topics and subscriptions of a scope.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let topics = self.topics.get(&scope).into_iter().flat_map(|topics| topics.values());
        let topics =
            topics.map(|topic| json!({ "name": &*topic.name, "arn": &*topic.arn, "policy": topic.record.attributes.policy }));
        let subscriptions = self.subscriptions.get(&scope).into_iter().flat_map(|all| all.values());
        let subscriptions = subscriptions.map(|subscription| {
            let record = &subscription.record;
            json!({
                "arn": &*subscription.arn,
                "topic": subscription.arn.rsplit_once(':').map(|(topic, _)| topic),
                "protocol": record.protocol.as_str(),
                "endpoint": &*record.endpoint,
                "filtered": record.settings.filter.is_some(),
            })
        });
        json!({ "topics": topics.collect::<Vec<_>>(), "subscriptions": subscriptions.collect::<Vec<_>>() })
    }
}
