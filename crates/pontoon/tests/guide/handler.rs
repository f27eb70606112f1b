use pontoon::Envelope;
use pontoon::handler::{HandleError, Router};
use pontoon::publish::{EventBus, Publisher};

use crate::events::OrderEvent;

/// What this service does with events.
pub fn router(bus: Publisher<EventBus>) -> Router {
    Router::new().on(move |event: Envelope<OrderEvent>, _context| {
        let bus = bus.clone();
        async move { confirm(event, &bus).await }
    })
}

async fn confirm(event: Envelope<OrderEvent>, bus: &Publisher<EventBus>) -> Result<(), HandleError> {
    let OrderEvent::Created { order_id, amount } = event.payload else { return Ok(()) };
    if amount > 10_000.0 {
        return Err(HandleError::permanent("an order above 10,000 is confirmed by hand"));
    }
    // Takes over the correlation of the event being handled, and names it as its cause.
    bus.publish(OrderEvent::Confirmed { order_id }).await?;
    Ok(())
}
