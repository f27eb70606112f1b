//! Idempotency in a DynamoDB table: conditional writes decide who goes on, TTL forgets.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::{Begun, Claim, IdempotencyStore, StoreFuture};
use crate::aws::failure::words;
use crate::handler::BoxError;

/// Remembers in a table whose partition key is the text `id`. Enable TTL on the attribute `expires`, so that DynamoDB deletes what is forgotten.
///
/// ```yaml
/// Idempotency:
///   Type: AWS::DynamoDB::Table
///   Properties:
///     BillingMode: PAY_PER_REQUEST
///     AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
///     KeySchema: [{ AttributeName: id, KeyType: HASH }]
///     TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
/// ```
///
/// ```
/// # fn with(config: &aws_config::SdkConfig) {
/// use pontoon::idempotency::{DynamoDbIdempotency, Idempotency};
/// let once = Idempotency::new(DynamoDbIdempotency::new(aws_sdk_dynamodb::Client::new(config), "idempotency"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DynamoDbIdempotency {
    client: Client,
    table: String,
}

impl DynamoDbIdempotency {
    /// Remembers in this table.
    ///
    /// ```
    /// # fn with(client: aws_sdk_dynamodb::Client) {
    /// let store = pontoon::idempotency::DynamoDbIdempotency::new(client, "idempotency");
    /// # }
    /// ```
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

/// The write is for who holds the key and has not finished.
const IS_HOLDER: &str = "#token = :token AND attribute_not_exists(#result)";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn millis(at: SystemTime) -> AttributeValue {
    AttributeValue::N(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string())
}

/// TTL counts seconds; rounded up, so that DynamoDB forgets no earlier than we do.
fn expiry(at: SystemTime) -> AttributeValue {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_millis(999);
    AttributeValue::N(since.as_secs().to_string())
}

impl IdempotencyStore for DynamoDbIdempotency {
    fn begin<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, Begun> {
        Box::pin(async move {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("id", text(claim.key))
                .item("token", text(claim.token))
                .item("fingerprint", text(claim.fingerprint))
                .item("until", millis(claim.lease_until))
                // A holder that crashes leaves an item behind, which the lease ends and TTL deletes.
                .item("expires", expiry(claim.lease_until + Duration::from_secs(3600)))
                .condition_expression("attribute_not_exists(id) OR #until <= :now")
                .expression_attribute_names("#until", "until")
                .expression_attribute_values(":now", millis(claim.now))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let error = match put.send().await {
                Ok(_) => return Ok(Begun::Granted),
                Err(error) => error,
            };
            if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
                return held(failed.item().ok_or("DynamoDB did not tell which item is there")?, claim);
            }
            Err(words(&error).into())
        })
    }

    fn renew<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let set = "SET #until = :until, expires = :expires";
            self.update(claim, set, claim.lease_until, claim.lease_until + Duration::from_secs(3600), None)
                .await
        })
    }

    fn complete<'a>(
        &'a self,
        claim: &'a Claim<'a>,
        result: &'a str,
        forget_at: SystemTime,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let set = "SET #until = :until, expires = :expires, #result = :result";
            self.update(claim, set, forget_at, forget_at, Some(result)).await
        })
    }

    fn abandon<'a>(&'a self, claim: &'a Claim<'a>) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let delete = self
                .client
                .delete_item()
                .table_name(&self.table)
                .key("id", text(claim.key))
                .condition_expression(IS_HOLDER)
                .expression_attribute_names("#token", "token")
                .expression_attribute_names("#result", "result")
                .expression_attribute_values(":token", text(claim.token));
            match delete.send().await {
                Ok(_) => Ok(()),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
                {
                    Ok(())
                }
                Err(error) => Err(words(&error).into()),
            }
        })
    }
}

impl DynamoDbIdempotency {
    /// Changes the item, if the claim holds the key; whether it does.
    async fn update(
        &self,
        claim: &Claim<'_>,
        set: &str,
        until: SystemTime,
        expires: SystemTime,
        result: Option<&str>,
    ) -> Result<bool, BoxError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(claim.key))
            .update_expression(set)
            .condition_expression(IS_HOLDER)
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#token", "token")
            .expression_attribute_names("#result", "result")
            .expression_attribute_values(":token", text(claim.token))
            .expression_attribute_values(":until", millis(until))
            .expression_attribute_values(":expires", expiry(expires));
        if let Some(result) = result {
            update = update.expression_attribute_values(":result", text(result));
        }
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(words(&error).into()),
        }
    }
}

/// What the item says that is there.
fn held(item: &HashMap<String, AttributeValue>, claim: &Claim<'_>) -> Result<Begun, BoxError> {
    let of = |name: &str| item.get(name);
    let text = |name: &str| of(name).and_then(|value| value.as_s().ok());
    if text("token").is_some_and(|token| token == claim.token) {
        // The put had gone through, and the SDK tried it again because the answer was lost.
        return Ok(Begun::Granted);
    }
    if text("fingerprint").is_some_and(|fingerprint| fingerprint != claim.fingerprint) {
        return Ok(Begun::PayloadChanged);
    }
    if let Some(result) = text("result") {
        return Ok(Begun::Done { result: result.clone() });
    }
    let until = of("until").and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok());
    let until = until.ok_or_else(|| format!("the item of the key {:?} is not one of ours", claim.key))?;
    Ok(Begun::InProgress { until: UNIX_EPOCH + Duration::from_millis(until) })
}
