//! The operations: one file a close family. Each validates in AWS's order, calls the state, and shapes the reply.

mod attributes;
mod confirm;
#[cfg(test)]
mod conservation;
mod list;
mod message;
mod permissions;
mod publish;
mod subscribe;
mod subscription_attributes;
mod tags;
#[cfg(test)]
mod tests;
mod topics;

use pontoon_api::sns::*;
use pontoon_core::shape::Violations;
use pontoon_core::{Access, ApiError, OperationSchema, Reply, Scope, Step};

use crate::{Error, Sns, Subscription};

/// What an operation gives back.
type Answer<T> = Result<Reply<T>, Error>;

/// Checks the caller's right to `action` on a resource that has no policy of its own.
fn authorize(step: &mut Step<'_>, action: &'static str, resource: &str) -> Result<(), Error> {
    let access = Access { action, resource, policy: None, context: &[] };
    step.authorize(&access).map_err(|denial| Error::AuthorizationError(denial.message))
}

/// Checks the caller's right to `action` on a subscription: it belongs to who made it and to the topic's account. The step goes on in the topic's scope.
fn authorize_subscription(
    step: &mut Step<'_>,
    action: &'static str,
    (scope, subscription): (Scope, &Subscription),
) -> Result<(), Error> {
    let account = match subscription.record.owner() {
        Some(owner) if step.caller.account == owner => owner,
        _ => scope.account,
    };
    step.scope = Scope { account, ..scope };
    let authorized = authorize(step, action, &subscription.arn);
    step.scope = scope;
    authorized
}

impl Handler for Sns {
    type Error = Error;

    /// test_empty_or_wrong_message_attributes: the common message under a code of SNS's own.
    fn invalid(&self, _operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        Some(ApiError::client("ValidationError", violations.message()))
    }

    fn add_permission(
        &mut self,
        step: &mut Step<'_>,
        input: AddPermissionInput,
    ) -> Answer<AddPermissionOutput> {
        permissions::add(self, step, input)
    }

    fn confirm_subscription(
        &mut self,
        step: &mut Step<'_>,
        input: ConfirmSubscriptionInput,
    ) -> Answer<ConfirmSubscriptionOutput> {
        confirm::confirm(self, step, &input)
    }

    fn create_topic(&mut self, step: &mut Step<'_>, input: CreateTopicInput) -> Answer<CreateTopicOutput> {
        topics::create(self, step, input)
    }

    fn delete_topic(&mut self, step: &mut Step<'_>, input: DeleteTopicInput) -> Answer<DeleteTopicOutput> {
        topics::delete(self, step, &input)
    }

    fn get_subscription_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: GetSubscriptionAttributesInput,
    ) -> Answer<GetSubscriptionAttributesOutput> {
        subscription_attributes::get(self, step, &input)
    }

    fn get_topic_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: GetTopicAttributesInput,
    ) -> Answer<GetTopicAttributesOutput> {
        attributes::get(self, step, &input)
    }

    fn list_subscriptions(
        &mut self,
        step: &mut Step<'_>,
        input: ListSubscriptionsInput,
    ) -> Answer<ListSubscriptionsOutput> {
        list::subscriptions(self, step, &input)
    }

    fn list_subscriptions_by_topic(
        &mut self,
        step: &mut Step<'_>,
        input: ListSubscriptionsByTopicInput,
    ) -> Answer<ListSubscriptionsByTopicOutput> {
        list::subscriptions_by_topic(self, step, &input)
    }

    fn list_tags_for_resource(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsForResourceInput,
    ) -> Answer<ListTagsForResourceOutput> {
        tags::list(self, step, &input)
    }

    fn list_topics(&mut self, step: &mut Step<'_>, input: ListTopicsInput) -> Answer<ListTopicsOutput> {
        list::topics(self, step, &input)
    }

    fn publish(&mut self, step: &mut Step<'_>, input: PublishInput) -> Answer<PublishOutput> {
        publish::publish(self, step, input)
    }

    fn publish_batch(&mut self, step: &mut Step<'_>, input: PublishBatchInput) -> Answer<PublishBatchOutput> {
        publish::publish_batch(self, step, input)
    }

    fn remove_permission(
        &mut self,
        step: &mut Step<'_>,
        input: RemovePermissionInput,
    ) -> Answer<RemovePermissionOutput> {
        permissions::remove(self, step, &input)
    }

    fn set_subscription_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: SetSubscriptionAttributesInput,
    ) -> Answer<SetSubscriptionAttributesOutput> {
        subscription_attributes::set(self, step, &input)
    }

    fn set_topic_attributes(
        &mut self,
        step: &mut Step<'_>,
        input: SetTopicAttributesInput,
    ) -> Answer<SetTopicAttributesOutput> {
        attributes::set(self, step, &input)
    }

    fn subscribe(&mut self, step: &mut Step<'_>, input: SubscribeInput) -> Answer<SubscribeOutput> {
        subscribe::subscribe(self, step, input)
    }

    fn tag_resource(&mut self, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
        tags::tag(self, step, input)
    }

    fn unsubscribe(&mut self, step: &mut Step<'_>, input: UnsubscribeInput) -> Answer<UnsubscribeOutput> {
        confirm::unsubscribe(self, step, &input)
    }

    fn untag_resource(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Answer<UntagResourceOutput> {
        tags::untag(self, step, &input)
    }
}
