use pontoon::Envelope;
use pontoon::function::Function;
use pontoon::publish::{EventBus, Publisher};
use pontoon_test::{Pontoon, Span as _, Stack};
use serde_json::json;

use crate::events::OrderEvent;
use crate::handler::router;

async fn start() -> (Pontoon, Stack, Publisher<EventBus>) {
    let pontoon = pontoon_test::start().await;
    let config = pontoon.sdk_config();
    let bus = Publisher::new(EventBus::new(aws_sdk_eventbridge::Client::new(&config), "shop"));
    let function = Function::new(router(bus.clone())).with_sqs(aws_sdk_sqs::Client::new(&config));
    // Runs where the template has the function, without a process.
    pontoon.function("Confirm", move |event, _context| {
        let function = function.clone();
        async move { function.invoke(&event.to_string(), None).await }
    });
    let stack = pontoon.deploy(include_str!("template.yaml")).await;
    (pontoon, stack, bus)
}

#[tokio::test]
async fn an_order_is_confirmed() {
    let (pontoon, _stack, bus) = start().await;
    let order = Envelope::new(OrderEvent::Created { order_id: "123".into(), amount: 99.99 });
    bus.publish_envelope(&order).await.unwrap();
    let confirmed = pontoon.expect_event(json!({ "detail-type": ["OrderConfirmed"] })).await.event;
    assert_eq!(confirmed["detail"]["orderId"], "123");
    assert_eq!(confirmed["detail"]["metadata"]["causationId"], order.id.as_str());
}

#[tokio::test]
async fn a_large_order_is_a_dead_letter_and_raises_the_alarm() {
    let (pontoon, stack, bus) = start().await;
    bus.publish(OrderEvent::Created { order_id: "124".into(), amount: 20_000.0 }).await.unwrap();
    pontoon.advance(15.minutes()).await;

    let config = pontoon.sdk_config();
    let receive = aws_sdk_sqs::Client::new(&config).receive_message().queue_url(stack.output("DeadLetters"));
    let letter = receive.send().await.unwrap().messages.unwrap().remove(0);
    assert!(letter.body.unwrap().contains("\"orderId\":\"124\""));
    let alarms = aws_sdk_cloudwatch::Client::new(&config).describe_alarms().send().await.unwrap();
    let state = alarms.metric_alarms()[0].state_value().unwrap();
    assert_eq!(state.as_str(), "ALARM");
}
