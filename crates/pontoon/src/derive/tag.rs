//! Reading payloads: a struct as it is, an enum's variant by its place among the types.

use std::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess,
    Visitor,
};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::event::{DecodeError, DomainEvent};

/// The struct of this payload.
///
/// # Errors
/// If the type has another name, or the payload is not one of its kind.
pub fn decode_struct<T: DomainEvent + DeserializeOwned>(
    event_type: &str,
    payload: &RawValue,
) -> Result<T, DecodeError> {
    place::<T>(event_type)?;
    serde_json::from_str(payload.get())
        .map_err(|source| DecodeError::Payload { event_type: event_type.to_owned(), source })
}

/// The enum of this payload: the variant at the place of its type.
///
/// # Errors
/// If no variant has that type, or the payload is not one of its kind.
pub fn decode_variant<T: DomainEvent + DeserializeOwned>(
    event_type: &str,
    payload: &RawValue,
) -> Result<T, DecodeError> {
    let index = place::<T>(event_type)?;
    T::deserialize(Tagged { index, payload })
        .map_err(|source| DecodeError::Payload { event_type: event_type.to_owned(), source })
}

fn place<T: DomainEvent>(event_type: &str) -> Result<u32, DecodeError> {
    let place = T::TYPES.iter().position(|known| known.name == event_type);
    place
        .and_then(|place| u32::try_from(place).ok())
        .ok_or_else(|| DecodeError::UnknownType { event_type: event_type.to_owned(), known: T::TYPES })
}

/// The names that serde knows an enum's variants by, in their order.
pub(super) fn variant_names<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(Probe) {
        Err(Asked(names)) => names,
        Ok(_) => &[],
    }
}

/// A payload as the variant at `index` of an enum. Derived code takes a variant by its place as well as by its name.
struct Tagged<'de> {
    index: u32,
    payload: &'de RawValue,
}

impl<'de> Deserializer<'de> for Tagged<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("the enum's Deserialize does not read it as variants of an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let index: U32Deserializer<Error> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = Error;

    /// Whatever the payload is: a later version may say more than that it happened.
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let mut payload = serde_json::Deserializer::from_str(self.payload.get());
        let value = seed.deserialize(&mut payload)?;
        payload.end().map(|()| value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let mut payload = serde_json::Deserializer::from_str(self.payload.get());
        let value = payload.deserialize_tuple(len, visitor)?;
        payload.end().map(|()| value)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut payload = serde_json::Deserializer::from_str(self.payload.get());
        let value = payload.deserialize_struct("", fields, visitor)?;
        payload.end().map(|()| value)
    }
}

/// Reads nothing; it learns what an enum's variants are called.
struct Probe;

/// What the enum asked for.
#[derive(Debug)]
struct Asked(&'static [&'static str]);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is read")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(&[]))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(variants))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
