//! From the type to its `impl DomainEvent`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Error, Expr, Fields, Ident, LitInt, Path, Result, parse_quote};

use crate::attributes::{EventAttributes, Place, refuse_serde};

/// One kind of event: an `EventType` and what leads to its version.
struct Kind {
    name: Expr,
    source: Expr,
    version: Expr,
    upcasters: Vec<(LitInt, Path)>,
}

/// The implementation.
///
/// # Errors
/// What the attributes or the type's shape do not allow, where it stands.
pub fn domain_event(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            "a kind of event has one payload: it cannot be generic",
        ));
    }
    let ident = &input.ident;
    let (attributes, kinds, event_type, shape) = match &input.data {
        Data::Struct(_) => {
            let attributes = EventAttributes::read(&input.attrs, Place::Struct)?;
            let kind = kind(ident, &attributes, None)?;
            (attributes, vec![kind], quote!(&Self::TYPES[0]), "struct")
        }
        Data::Enum(data) => {
            let attributes = EventAttributes::read(&input.attrs, Place::Enum)?;
            refuse_serde(
                &input.attrs,
                &["tag", "content", "untagged", "from", "try_from", "into", "remote"],
            )?;
            let kinds = variants(data, &attributes)?;
            let event_type = event_type_of_variants(data);
            (attributes, kinds, event_type, "variant")
        }
        Data::Union(_) => return Err(Error::new(ident.span(), "a union cannot be a domain event")),
    };
    let krate = attributes.krate.unwrap_or_else(|| parse_quote!(::pontoon));
    let types = kinds.iter().map(|Kind { name, source, version, .. }| {
        quote!(#krate::EventType { name: #name, source: #source, version: #version })
    });
    let upcasters = kinds.iter().flat_map(|kind| {
        let name = &kind.name;
        let krate = &krate;
        kind.upcasters.iter().map(
            move |(from, apply)| quote!(#krate::Upcaster { event_type: #name, from: #from, apply: #apply }),
        )
    });
    let encode = format_ident!("encode_{shape}");
    let decode = format_ident!("decode_{shape}");
    let schema = format_ident!("{shape}_schema");
    Ok(quote! {
        #[automatically_derived]
        impl #krate::DomainEvent for #ident {
            const TYPES: &'static [#krate::EventType] = &[#(#types),*];
            const UPCASTERS: &'static [#krate::Upcaster] = &[#(#upcasters),*];

            fn event_type(&self) -> &'static #krate::EventType {
                #event_type
            }

            fn encode(&self) -> ::core::result::Result<::std::boxed::Box<#krate::derive::RawValue>, #krate::derive::JsonError> {
                #krate::derive::#encode(self)
            }

            fn decode(
                event_type: &str,
                payload: &#krate::derive::RawValue,
            ) -> ::core::result::Result<Self, #krate::DecodeError> {
                #krate::derive::#decode(event_type, payload)
            }

            fn schema(event_type: &str) -> ::core::option::Option<#krate::derive::Schema> {
                #krate::derive::#schema::<Self>(event_type)
            }
        }
    })
}

/// What a struct or variant says of itself, and else what its enum says.
fn kind(ident: &Ident, own: &EventAttributes, of_enum: Option<&EventAttributes>) -> Result<Kind> {
    let inherited = |pick: fn(&EventAttributes) -> &Option<Expr>| {
        pick(own).clone().or_else(|| of_enum.and_then(|attributes| pick(attributes).clone()))
    };
    let prefix = of_enum.and_then(|attributes| attributes.prefix.as_ref()).map(syn::LitStr::value);
    let default_name = format!("{}{ident}", prefix.unwrap_or_default());
    let source = inherited(|attributes| &attributes.source)
        .ok_or_else(|| Error::new(ident.span(), "who publishes it? add #[event(source = \"…\")]"))?;
    let version = inherited(|attributes| &attributes.version).unwrap_or_else(|| parse_quote!(1));
    check_upcasters(&own.upcasters, &version)?;
    Ok(Kind {
        name: own.name.clone().unwrap_or_else(|| parse_quote!(#default_name)),
        source,
        version,
        upcasters: own.upcasters.clone(),
    })
}

/// Upcasters start below the current version, and none is missing between the oldest and the current one.
fn check_upcasters(upcasters: &[(LitInt, Path)], version: &Expr) -> Result<()> {
    let Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(version), .. }) = version else { return Ok(()) };
    let version: u32 = version.base10_parse()?;
    let mut known = Vec::new();
    for (from, _) in upcasters {
        let number: u32 = from.base10_parse()?;
        if number == 0 || number >= version {
            let message =
                format!("the current version is {version}: upcasters start at 1 to {}", version - 1);
            return Err(Error::new(from.span(), message));
        }
        known.push(number);
    }
    for (from, _) in upcasters {
        let next = from.base10_parse::<u32>()? + 1;
        if next != version && !known.contains(&next) {
            return Err(Error::new(
                from.span(),
                format!("it leads to version {next}, from which no upcaster goes on"),
            ));
        }
    }
    Ok(())
}

fn variants(data: &DataEnum, of_enum: &EventAttributes) -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for variant in &data.variants {
        refuse_serde(
            &variant.attrs,
            &["untagged", "other", "skip", "skip_serializing", "skip_deserializing", "with"],
        )?;
        if let Fields::Unnamed(fields) = &variant.fields
            && fields.unnamed.len() != 1
        {
            return Err(Error::new(fields.span(), "a payload is one value or has named fields"));
        }
        let own = EventAttributes::read(&variant.attrs, Place::Variant)?;
        let kind = kind(&variant.ident, &own, Some(of_enum))?;
        let name = &kind.name;
        if kinds.iter().any(|known: &Kind| known.name == *name) {
            return Err(Error::new(variant.ident.span(), "another variant has this name"));
        }
        kinds.push(kind);
    }
    Ok(kinds)
}

fn event_type_of_variants(data: &DataEnum) -> TokenStream {
    let arms = data.variants.iter().enumerate().map(|(place, variant)| {
        let ident = &variant.ident;
        quote!(Self::#ident { .. } => &Self::TYPES[#place])
    });
    quote!(match *self { #(#arms),* })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type with that text derives, or does not for this reason.
    fn check(input: &str, expected: std::result::Result<(), &str>) {
        let input: DeriveInput = syn::parse_str(input).unwrap_or_else(|error| panic!("{input}: {error}"));
        let got = domain_event(&input).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(got.as_ref().copied().map_err(String::as_str), expected, "{}", quote!(#input));
    }

    #[test]
    fn types_that_can_be_events() {
        for input in [
            r#"#[event(source = "s")] struct A { a: u8 }"#,
            r#"#[event(source = SOURCE, version = VERSION, name = names::A)] struct A(u8);"#,
            r#"#[event(source = "s", version = 3, upcast(1 = one, 2 = versions::two))] struct A;"#,
            r#"#[event(prefix = "Order", crate = other::pontoon)] enum A { #[event(source = "s")] B, #[event(source = "t")] C { a: u8 } }"#,
            r#"#[event(source = "s")] #[serde(rename_all = "camelCase", bound(serialize = "T: X"))] enum A { B(u8) }"#,
        ] {
            check(input, Ok(()));
        }
    }

    #[test]
    fn what_cannot_be_an_event_says_why() {
        for (input, reason) in [
            ("struct A;", "who publishes it? add #[event(source = \"…\")]"),
            (
                r#"#[event(source = "s")] struct A<T>(T);"#,
                "a kind of event has one payload: it cannot be generic",
            ),
            (r#"#[event(source = "s")] union A { a: u8 }"#, "a union cannot be a domain event"),
            (r#"#[event(source = "")] struct A;"#, "must have 1 to 256 characters"),
            (r#"#[event(source = "s", source = "t")] struct A;"#, "said twice"),
            (r#"#[event(source = "s", version = 0)] struct A;"#, "versions count from 1"),
            (r#"#[event(source = "s", version = "2")] struct A;"#, "a version is a whole number"),
            (r#"#[event(source = "s", prefix = "x")] struct A;"#, "this does not belong here"),
            (
                r#"#[event(source = "s", name = "x")] enum A {}"#,
                "an enum's variants have names; `prefix` stands before them",
            ),
            (
                r#"#[event(source = "s", kind = "x")] struct A;"#,
                "expected `name`, `source`, `version`, `prefix`, `upcast` or `crate`",
            ),
            (
                r#"#[event(source = "s", version = 2, upcast(2 = f))] struct A;"#,
                "the current version is 2: upcasters start at 1 to 1",
            ),
            (
                r#"#[event(source = "s", version = 4, upcast(1 = f, 3 = g))] struct A;"#,
                "it leads to version 2, from which no upcaster goes on",
            ),
            (
                r#"#[event(source = "s", version = 3, upcast(1 = f, 1 = g))] struct A;"#,
                "a second upcaster from this version",
            ),
            (
                r#"#[event(source = "s")] #[serde(tag = "t")] enum A { B }"#,
                "the event's type is the tag: a domain event cannot have this",
            ),
            (
                r#"#[event(source = "s")] enum A { #[serde(skip)] B }"#,
                "the event's type is the tag: a domain event cannot have this",
            ),
            (r#"#[event(source = "s")] enum A { B(u8, u8) }"#, "a payload is one value or has named fields"),
            (
                r#"#[event(source = "s")] enum A { B, #[event(name = "B")] C }"#,
                "another variant has this name",
            ),
        ] {
            check(input, Err(reason));
        }
    }
}
