//! The domain: what can happen to an order, and when.

use pontoon::DomainEvent;
use pontoon::aggregate::Aggregate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order as its events carry it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Its id, a UUID.
    pub order_id: String,
    /// Whose it is.
    pub customer_id: String,
    /// How far it is.
    pub status: Status,
    /// What it is worth; not negative.
    pub amount: f64,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was placed.
    Pending,
    /// It is being paid and packed.
    Processing,
    /// It was delivered.
    Completed,
    /// It will not be delivered.
    Cancelled,
}

impl Status {
    /// As events and tables spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What happens to orders: `OrderCreated`, `OrderUpdated` and `OrderCancelled` of `order-service`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(source = "order-service", prefix = "Order")]
pub enum OrderEvent {
    /// A customer placed it.
    Created(Order),
    /// It came further.
    Updated(Order),
    /// The customer or the shop gave it up.
    Cancelled(Order),
}

impl OrderEvent {
    /// The order after the event.
    #[must_use]
    pub fn order(&self) -> &Order {
        let (Self::Created(order) | Self::Updated(order) | Self::Cancelled(order)) = self;
        order
    }
}

/// What is asked of an order.
#[derive(Clone, Debug)]
pub enum OrderCommand {
    /// Take the order of a customer.
    Place(Order),
    /// It is so far now.
    Advance(Status),
    /// Give it up.
    Cancel,
}

/// Why an order refuses a command.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// There is another order of this id.
    #[error("there is an order of this id already")]
    Exists,
    /// There is no order of this id.
    #[error("there is no such order")]
    Missing,
    /// The amount is negative or no number.
    #[error("an order cannot be worth {0}")]
    Amount(f64),
    /// It cannot come to that status from its own.
    #[error("an order that is {from} cannot become {to}", from = from.as_str(), to = to.as_str())]
    Status {
        /// Its status.
        from: Status,
        /// The one asked for.
        to: Status,
    },
}

/// An order as its events have made it; nothing before the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderState(Option<Order>);

impl OrderState {
    /// The order, if it was placed.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.0.as_ref()
    }
}

impl Aggregate for OrderState {
    const KIND: &'static str = "order";
    type Event = OrderEvent;
    type Command = OrderCommand;
    type Error = OrderError;

    fn decide(&self, command: &OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
        let (order, to) = match (&self.0, command) {
            // Whoever asks twice is told the same twice.
            (Some(order), OrderCommand::Place(again)) if order == again => return Ok(Vec::new()),
            (Some(_), OrderCommand::Place(_)) => return Err(OrderError::Exists),
            (None, OrderCommand::Place(order)) if order.amount >= 0.0 => {
                return Ok(vec![OrderEvent::Created(order.clone())]);
            }
            (None, OrderCommand::Place(order)) => return Err(OrderError::Amount(order.amount)),
            (None, _) => return Err(OrderError::Missing),
            (Some(order), OrderCommand::Advance(to)) => (order, *to),
            (Some(order), OrderCommand::Cancel) => (order, Status::Cancelled),
        };
        let from = order.status;
        let changed = Order { status: to, ..order.clone() };
        match (from, to) {
            _ if from == to => Ok(Vec::new()),
            (Status::Pending | Status::Processing, Status::Cancelled) => {
                Ok(vec![OrderEvent::Cancelled(changed)])
            }
            (Status::Pending, Status::Processing) | (Status::Processing, Status::Completed) => {
                Ok(vec![OrderEvent::Updated(changed)])
            }
            _ => Err(OrderError::Status { from, to }),
        }
    }

    fn evolve(&mut self, event: &OrderEvent) {
        self.0 = Some(event.order().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: Status) -> Order {
        Order { order_id: "123".into(), customer_id: "anna".into(), status, amount: 99.99 }
    }

    fn after(events: &[OrderEvent]) -> OrderState {
        let mut state = OrderState::default();
        events.iter().for_each(|event| state.evolve(event));
        state
    }

    #[test]
    fn an_order_goes_from_pending_to_completed_or_is_cancelled_on_the_way() {
        use Status::{Cancelled, Completed, Pending, Processing};
        let statuses = [Pending, Processing, Completed, Cancelled];
        let possible =
            [(Pending, Processing), (Processing, Completed), (Pending, Cancelled), (Processing, Cancelled)];
        for from in statuses {
            for to in statuses {
                let decided = after(&[OrderEvent::Created(order(from))]).decide(&OrderCommand::Advance(to));
                match decided {
                    Ok(events) if from == to => assert!(events.is_empty()),
                    Ok(events) => {
                        assert!(possible.contains(&(from, to)));
                        assert_eq!(after(&events).order().map(|order| order.status), Some(to));
                    }
                    Err(error) => {
                        assert!(!possible.contains(&(from, to)));
                        assert_eq!(error, OrderError::Status { from, to });
                    }
                }
            }
        }
    }

    #[test]
    fn an_order_is_placed_once() {
        let place = OrderCommand::Place(order(Status::Pending));
        let placed = OrderState::default().decide(&place);
        assert_eq!(placed, Ok(vec![OrderEvent::Created(order(Status::Pending))]));
        let state = after(&[OrderEvent::Created(order(Status::Pending))]);
        assert_eq!(state.decide(&place), Ok(vec![]));
        let other = OrderCommand::Place(Order { amount: 1.0, ..order(Status::Pending) });
        assert_eq!(state.decide(&other), Err(OrderError::Exists));
        assert_eq!(OrderState::default().decide(&OrderCommand::Cancel), Err(OrderError::Missing));
        let negative = OrderCommand::Place(Order { amount: -1.0, ..order(Status::Pending) });
        assert_eq!(OrderState::default().decide(&negative), Err(OrderError::Amount(-1.0)));
    }
}
