//! Operations between Pontoon's own services that AWS has not. They travel as hops like any other, and never over the wire: they are in no table of
//! operations.

/// Has an input and an output be those of an operation of a service, between services only.
macro_rules! operation {
    ($service:path, $name:literal, $input:ident, $output:ident) => {
        const _: () = {
            static NO_MEMBERS: pontoon_core::shape::StructSchema = pontoon_core::shape::StructSchema {
                name: $name,
                members: &[],
                payload: None,
                xml_namespace: None,
            };

            static OPERATION: pontoon_core::shape::OperationSchema = pontoon_core::shape::OperationSchema {
                service: &$service,
                name: $name,
                method: "POST",
                path: "/",
                status: 200,
                input: &NO_MEMBERS,
                output: &NO_MEMBERS,
                result_wrapper: None,
                errors: &[],
                decode: |_| unreachable!("it is in no table by which requests are read"),
            };

            impl pontoon_core::shape::Request for $input {
                fn operation(&self) -> &'static pontoon_core::shape::OperationSchema {
                    &OPERATION
                }

                fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
                    self
                }
            }

            impl pontoon_core::shape::Output for $output {
                fn as_any(&self) -> &dyn std::any::Any {
                    self
                }

                fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
                    self
                }
            }

            /// Nobody reads it from a wire.
            impl pontoon_core::shape::Encode for $output {
                fn encode(&self, to: &mut dyn pontoon_core::shape::Writer) {
                    to.structure(&NO_MEMBERS, &mut |_| {});
                }
            }
        };
    };
}
pub(crate) use operation;
