//! JSON as Go reads it.
//!
//! dockerd decodes with `encoding/json`: keys match without regard to case, of equal keys the last
//! one counts, and an object that comes twice is read into what is there already
//! (<https://pkg.go.dev/encoding/json#Unmarshal>). Reading more strictly would understand another
//! request than the one that dockerd carries out.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A key as Go compares it: without regard to case, of which two letters of other scripts are cases
/// of ASCII's as well (<https://github.com/golang/go/blob/go1.24.0/src/encoding/json/fold.go>).
pub(crate) fn fold(key: &str) -> String {
    // The Kelvin sign is a `k` in lower case already.
    key.to_lowercase().replace('\u{17f}', "s")
}

/// Leaves out the value of a key that nobody asks for.
pub(crate) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Reads the first JSON value of a body, as Go's `Decoder` does; whatever follows is dockerd's to
/// judge.
pub(crate) fn read<T: Fields>(body: &[u8]) -> Option<T> {
    Object::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok().map(|read| read.0)
}

/// What is read of an object, key by key.
pub(crate) trait Fields: Default {
    /// Takes the value of a key, given in lower case, or leaves it to be skipped.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// An object in a place of its own, such as in a list.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = T::default();
        Onto(&mut fields).deserialize(deserializer)?;
        Ok(Self(fields))
    }
}

/// Reads an object onto what was read of its predecessors; null is an object without keys.
pub(crate) struct Onto<'t, T>(pub(crate) &'t mut T);

impl<'de, T: Fields> DeserializeSeed<'de> for Onto<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for Onto<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.take(&fold(&key), &mut map)?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
