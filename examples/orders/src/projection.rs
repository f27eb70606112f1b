//! The projection: the orders of each customer, in a table to be read.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use pontoon::event_store::{Filter, Recorded};
use pontoon::handler::BoxError;
use pontoon::projection::Projection;

use crate::order::OrderEvent;

/// Keeps one item for each order, under its customer. Each write sets all that follows from its event, so an event that comes again does no harm.
#[derive(Clone, Debug)]
pub struct CustomerOrders {
    client: Client,
    table: String,
}

impl CustomerOrders {
    /// Into the table of that name, whose keys are `customerId` and `orderId`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

impl Projection for CustomerOrders {
    type Error = BoxError;

    fn name(&self) -> &str {
        "customer-orders"
    }

    fn filter(&self) -> Filter {
        Filter::events::<OrderEvent>()
    }

    fn is_transient(&self, error: &BoxError) -> bool {
        error.is::<aws_sdk_dynamodb::Error>()
    }

    async fn apply(&mut self, event: &Recorded) -> Result<(), BoxError> {
        let event = event.decode::<OrderEvent>()?;
        let order = event.payload.order();
        self.client
            .put_item()
            .table_name(&self.table)
            .item("customerId", AttributeValue::S(order.customer_id.clone()))
            .item("orderId", AttributeValue::S(order.order_id.clone()))
            .item("status", AttributeValue::S(order.status.as_str().into()))
            .item("amount", AttributeValue::N(order.amount.to_string()))
            .send()
            .await
            .map_err(aws_sdk_dynamodb::Error::from)?;
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), BoxError> {
        let mut pages = self.client.scan().table_name(&self.table).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let mut item = item.map_err(|error| DisplayErrorContext(error).to_string())?;
            let mut key = |name: &str| item.remove(name).ok_or_else(|| format!("an item without {name}"));
            let delete = self.client.delete_item().table_name(&self.table);
            let delete = delete.key("customerId", key("customerId")?).key("orderId", key("orderId")?);
            delete.send().await.map_err(aws_sdk_dynamodb::Error::from)?;
        }
        Ok(())
    }
}
