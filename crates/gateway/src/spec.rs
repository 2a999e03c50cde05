//! The few fields of a service's JSON that are read here, as Go would read them.
//!
//! dockerd decodes with `encoding/json`: keys match without regard to case, and of equal keys the
//! last one counts (<https://pkg.go.dev/encoding/json#Unmarshal>). Reading more strictly would
//! remember another service than the one that dockerd creates.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// The label by which `docker stack deploy` marks what it creates
/// (<https://github.com/docker/cli/blob/master/cli/compose/convert/compose.go>).
const STACK_LABEL: &str = "com.docker.stack.namespace";

/// Of the body of `POST /services/create` and `/services/{id}/update`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceSpec {
    pub(crate) name: Option<String>,
    pub(crate) stack: Option<String>,
}

/// Of the answer to `POST /services/create`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) id: Option<String>,
}

/// Reads the first JSON value of a body, as Go's `Decoder` does; whatever follows is dockerd's to
/// judge.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    T::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()
}

/// Reads an object key by key.
trait Fields: Default {
    /// Takes the value of a key, given in lower case, or leaves it to be skipped.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

impl Fields for ServiceSpec {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value()?,
            "labels" => {
                let labels: Option<BTreeMap<String, String>> = map.next_value()?;
                self.stack = labels.and_then(|mut labels| labels.remove(STACK_LABEL));
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Fields for Created {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ServiceSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyCase(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Created {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyCase(PhantomData))
    }
}

struct AnyCase<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for AnyCase<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut fields = T::default();
        while let Some(key) = map.next_key::<String>()? {
            fields.take(&key.to_lowercase(), &mut map)?;
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> ServiceSpec {
        read(json.as_bytes()).unwrap()
    }

    #[test]
    fn keys_match_in_any_case_and_the_last_one_counts() {
        assert_eq!(spec(r#"{"Name":"a","nAME":"b"}"#).name.as_deref(), Some("b"));
    }

    #[test]
    fn labels_keep_their_case_and_other_fields_are_skipped() {
        let spec = spec(
            r#"{"TaskTemplate":{"Name":"x"},"LABELS":{"com.docker.stack.namespace":"s"},"Mode":1}"#,
        );
        assert_eq!(spec, ServiceSpec { name: None, stack: Some("s".into()) });
    }

    #[test]
    fn null_is_nothing() {
        assert_eq!(spec(r#"{"Name":null,"Labels":null}"#), ServiceSpec::default());
    }
}
