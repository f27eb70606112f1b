//! What `#[event(…)]` says, and what of `#[serde(…)]` concerns events.

use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, LitInt, LitStr, Path, Result, Token};

/// The `#[event(…)]` of a type or of a variant.
#[derive(Default)]
pub struct EventAttributes {
    pub name: Option<Expr>,
    pub source: Option<Expr>,
    pub version: Option<Expr>,
    pub prefix: Option<LitStr>,
    pub upcasters: Vec<(LitInt, Path)>,
    pub krate: Option<Path>,
}

/// Where attributes stand, which decides what they may say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Struct,
    Enum,
    Variant,
}

impl EventAttributes {
    /// Reads all `#[event(…)]` among `attributes`.
    pub fn read(attributes: &[Attribute], place: Place) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| read.take(&meta, place))?;
        }
        Ok(read)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match (key.as_str(), place) {
            ("name", Place::Enum) => {
                Err(meta.error("an enum's variants have names; `prefix` stands before them"))
            }
            ("name", _) => once(&mut self.name, text(meta, 128)?, meta),
            ("source", _) => once(&mut self.source, text(meta, 256)?, meta),
            ("version", _) => once(&mut self.version, version(meta)?, meta),
            ("prefix", Place::Enum) => once(&mut self.prefix, meta.value()?.parse()?, meta),
            ("crate", Place::Struct | Place::Enum) => {
                once(&mut self.krate, meta.value()?.call(Path::parse_mod_style)?, meta)
            }
            ("upcast", Place::Struct | Place::Variant) => upcasters(meta, &mut self.upcasters),
            ("prefix" | "crate" | "upcast", _) => Err(meta.error("this does not belong here")),
            _ => Err(meta.error("expected `name`, `source`, `version`, `prefix`, `upcast` or `crate`")),
        }
    }
}

/// `(1 = function, 2 = function)`.
fn upcasters(meta: &ParseNestedMeta<'_>, upcasters: &mut Vec<(LitInt, Path)>) -> Result<()> {
    let content;
    syn::parenthesized!(content in meta.input);
    let step = |input: syn::parse::ParseStream<'_>| {
        let from: LitInt = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok((from, input.parse::<Path>()?))
    };
    for (from, function) in content.parse_terminated(step, Token![,])? {
        if upcasters.iter().any(|(known, _)| known.base10_digits() == from.base10_digits()) {
            return Err(Error::new(from.span(), "a second upcaster from this version"));
        }
        upcasters.push((from, function));
    }
    Ok(())
}

fn once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(meta.error("said twice"));
    }
    Ok(())
}

/// Text or a constant; what is text is held to EventBridge's limit.
fn text(meta: &ParseNestedMeta<'_>, chars_max: usize) -> Result<Expr> {
    let value: Expr = meta.value()?.parse()?;
    if let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &value {
        let chars = text.value().chars().count();
        if chars == 0 || chars > chars_max {
            return Err(Error::new(text.span(), format!("must have 1 to {chars_max} characters")));
        }
    }
    Ok(value)
}

fn version(meta: &ParseNestedMeta<'_>) -> Result<Expr> {
    let value: Expr = meta.value()?.parse()?;
    match &value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(version), .. })
            if version.base10_parse::<u32>()? == 0 =>
        {
            Err(Error::new(version.span(), "versions count from 1"))
        }
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(_), .. }) | Expr::Path(_) => Ok(value),
        other => Err(Error::new(other.span(), "a version is a whole number")),
    }
}

/// Refuses what would make serde write the enum in another way than by the tag that the event's type stands for.
pub fn refuse_serde(attributes: &[Attribute], refused: &[&str]) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if refused.iter().any(|name| meta.path.is_ident(name)) {
                return Err(meta.error("the event's type is the tag: a domain event cannot have this"));
            }
            // The values of others are serde's concern.
            if meta.input.peek(Token![=]) {
                meta.value()?.parse::<Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<proc_macro2::TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
