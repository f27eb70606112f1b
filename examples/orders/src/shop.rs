//! The parts put together: orders in an event store, whose events go onto the bus.

use pontoon::aggregate::Repository;
use pontoon::aws::SdkConfig;
use pontoon::event_store::DynamoDbEventStore;
use pontoon::outbox::Outbox;
use pontoon::projection::Projector;
use pontoon::publish::{EventBus, Publisher};
use pontoon::schema::{EventSchemas, SchemaError, Validator};

use crate::EVENT_SCHEMA;
use crate::order::OrderState;
use crate::projection::CustomerOrders;

/// Publishes events that are valid by the schema onto a bus.
///
/// # Errors
/// If the schema is none, which a test rules out.
pub fn publisher(config: &SdkConfig, bus: &str) -> Result<Publisher<EventBus>, SchemaError> {
    let client = aws_sdk_eventbridge::Client::new(config);
    let schemas = EventSchemas::of_events(Validator::from_text(EVENT_SCHEMA)?);
    Ok(Publisher::new(EventBus::new(client, bus)).validate(schemas))
}

/// The shop: takes commands on orders, publishes what happens, keeps the orders of each customer.
pub struct Shop {
    /// The orders.
    pub orders: Repository<OrderState, DynamoDbEventStore>,
    /// What happened to them, onto the bus.
    pub outbox: Outbox<DynamoDbEventStore, DynamoDbEventStore, Publisher<EventBus>>,
    /// What happened to them, as a table of each customer's orders.
    pub customers: Projector<DynamoDbEventStore, DynamoDbEventStore, CustomerOrders>,
}

impl Shop {
    /// The shop on these tables and this bus.
    ///
    /// # Errors
    /// As [`publisher`].
    pub fn new(config: &SdkConfig, bus: &str, events: &str, customers: &str) -> Result<Self, SchemaError> {
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        let store = DynamoDbEventStore::new(dynamodb.clone(), events);
        let customers = CustomerOrders::new(dynamodb, customers);
        Ok(Self {
            orders: Repository::new(store.clone()).snapshots(50, 1),
            outbox: Outbox::new("orders", store.clone(), store.clone(), publisher(config, bus)?),
            customers: Projector::new(store.clone(), store, customers),
        })
    }
}
