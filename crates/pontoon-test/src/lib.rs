//! Pontoon in a test's own process.
//!
//! [`start`] gives a whole Pontoon in milliseconds: EventBridge, SQS, SNS, Lambda, DynamoDB, CloudWatch, Logs and CloudFormation on AWS's wire
//! protocols, in memory, on a port of its own, so that tests run side by side and see nothing of one another. Its clock stands still until the test
//! advances it, and an advance returns when everything that fell due on the way has been done. A test of what happens after fourteen minutes takes
//! milliseconds.
//!
//! ```
//! use pontoon_test::Span as _;
//! use serde_json::json;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let pontoon = pontoon_test::start().await;
//! pontoon.function("Greeter", async |event, _context| {
//!     if event["detail"]["name"].is_string() { Ok(json!({})) } else { Err("nobody to greet") }
//! });
//! let stack = pontoon
//!     .deploy(
//!         r#"
//! Resources:
//!   Bus: { Type: AWS::Events::EventBus, Properties: { Name: people } }
//!   Arrivals:
//!     Type: AWS::Events::Rule
//!     Properties:
//!       EventBusName: !Ref Bus
//!       EventPattern: { detail-type: [Arrived] }
//!       Targets: [{ Id: greeter, Arn: !GetAtt Greeter.Arn, DeadLetterConfig: { Arn: !GetAtt DeadLetters.Arn } }]
//!   Greeter:
//!     Type: AWS::Lambda::Function
//!     Properties: { Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt Role.Arn, Code: ./target/lambda/greeter }
//!   GreeterPermission:
//!     Type: AWS::Lambda::Permission
//!     Properties: { FunctionName: !Ref Greeter, Action: 'lambda:InvokeFunction', Principal: events.amazonaws.com }
//!   Role:
//!     Type: AWS::IAM::Role
//!     Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } }
//!   DeadLetters: { Type: AWS::SQS::Queue }
//! Outputs:
//!   Bus: { Value: !Ref Bus }
//! "#,
//!     )
//!     .await;
//!
//! // Any SDK client of the application's.
//! let config = pontoon.sdk_config();
//! assert!(config.endpoint_url().unwrap().starts_with("http://127.0.0.1:"));
//! pontoon.put_event(stack.output("Bus"), "door", "Arrived", json!({ "name": "Ada" })).await;
//! pontoon.advance(15.minutes()).await;
//! pontoon.expect_event(json!({ "detail-type": ["Arrived"], "detail": { "name": ["Ada"] } })).await;
//! assert_eq!(pontoon.invocations("Greeter").len(), 1);
//! # });
//! ```
//!
//! - [`Pontoon::deploy`] makes a template's resources through CloudFormation; [`Stack`] knows their names.
//! - [`Pontoon::function`] has a Rust function run where the template has a Lambda function, without a process. Functions that no test registers run
//!   as processes, as they would outside of tests.
//! - [`Pontoon::advance`] lets time pass; [`Pontoon::settle`] waits for what is under way.
//! - [`Pontoon::expect_event`] finds what was published, on any bus, by an event pattern; it says why the others do not match.
//! - [`Pontoon::fail`] injects faults: throttling, denial, outages, on calls from outside or on deliveries from service to service.
//! - [`Builder::crashes`] and [`Pontoon::crash`] pull the plug.
//!
//! What it is not: a mock. The services are Pontoon's own, with their limits, errors, policies and metrics.

mod clock;
mod deploy;
mod events;
mod faults;
mod functions;
mod plug;
mod pontoon;
mod template;

pub use clock::Span;
pub use deploy::Stack;
pub use events::PublishedEvent;
pub use faults::{Failure, FaultBuilder};
pub use functions::{Invocation, InvocationContext};
pub use pontoon::{Builder, Pontoon, builder, start};
