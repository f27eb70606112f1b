//! Types of the supported AWS operations, generated from the service models.
//!
//! Each service is a module, behind a feature of its name, with
//!
//! - a structure for every input and output ([`sqs::SendMessageInput`]): members that the model requires are plain, all others `Option`;
//! - `Request`, the enum of all inputs, and `Handler`, the trait that the service's crate implements, one method for each operation;
//! - `SERVICE`, `OPERATIONS` and `operations::*`: the statics by which the wire decodes and encodes, whatever the protocol.
//!
//! The modules are written by `cargo xtask codegen` from `models/`: `models/operations.json` lists what is supported, `models/SERVICE.json` is AWS's
//! published model stripped to those operations, and `models/overlays/SERVICE.json` adds what the published model lacks.
//!
//! Invariant: what is decoded has been checked. An input comes with its [`Violations`](pontoon_core::shape::Violations), and a missing required
//! member is among them, never mistaken for an empty one.

pub mod check;
mod codec;
#[cfg(any(feature = "events", feature = "logs", feature = "schemas"))]
mod internal;
#[cfg(feature = "events")]
pub mod invocation;
#[cfg(feature = "schemas")]
pub mod validation;
#[cfg(all(feature = "events", feature = "logs"))]
pub mod vended;

use pontoon_core::shape::ServiceSchema;

/// Implements a service's `Handler` by naming, for each operation, the function that applies it. `Answer<Output>` is the service's own result.
#[macro_export]
macro_rules! delegate {
    ($service:ty, $error:ty: $($operation:ident($input:ident) -> $output:ident = $to:path;)*) => {
        impl Handler for $service {
            type Error = $error;

            $(fn $operation(&mut self, step: &mut Step<'_>, input: $input) -> Answer<$output> {
                $to(self, step, input)
            })*
        }
    };
}

macro_rules! services {
    ($($feature:literal $module:ident),* $(,)?) => {
        $(
            #[cfg(feature = $feature)]
            pub mod $module;
        )*

        /// Every service that this build has.
        pub static SERVICES: &[&ServiceSchema] = &[$(
            #[cfg(feature = $feature)]
            &$module::SERVICE,
        )*];
    };
}

services! {
    "sqs" sqs,
    "events" events,
    "scheduler" scheduler,
    "pipes" pipes,
    "sns" sns,
    "lambda" lambda,
    "dynamodb" dynamodb,
    "cloudwatch" cloudwatch,
    "logs" logs,
    "schemas" schemas,
    "cloudformation" cloudformation,
    "iam" iam,
    "sts" sts,
    "s3" s3,
}
