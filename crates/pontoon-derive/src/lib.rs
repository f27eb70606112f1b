//! The derive macro of the `pontoon` crate. Use it from there: `use pontoon::DomainEvent`.

mod attributes;
mod expand;

use proc_macro::TokenStream;

/// Makes a struct a kind of domain event, or an enum several, a kind a variant. The type must also derive serde's `Serialize` and `Deserialize`
/// and schemars' `JsonSchema`; their attributes say how the payload is written.
///
/// `#[event(…)]` on the type takes
/// - `source = "order-service"`: who publishes it; required, here or on each variant;
/// - `version = 2`: the version of the payload's schema, 1 unless said;
/// - `name = "OrderCreated"`: the event's type, the struct's or variant's own name unless said;
/// - `prefix = "Order"`, on an enum: what stands before its variants' names;
/// - `upcast(1 = function)`, on a struct or variant: the [`Upcaster`](https://docs.rs/pontoon)s from older versions;
/// - `crate = path`: where the `pontoon` crate is, if under another name.
///
/// A name, source or version may be a constant. Variants take the same but `prefix` and `crate`.
#[proc_macro_derive(DomainEvent, attributes(event))]
pub fn derive_domain_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::domain_event(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
