//! A specification, read as dockerd reads it.
//!
//! dockerd knows its fields by name wherever they are, and no two that differ in case only; so a
//! key's own case follows from its letters. Only below the fields that are maps do keys belong to
//! whoever wrote them
//! (<https://github.com/moby/moby/blob/v28.5.2/api/types/swarm/service.go>).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Unclear;
use crate::json::fold;

/// The fields that a specification's meaning is read from. Others are left as written.
const FIELDS: [&str; 58] = [
    "Args",
    "Command",
    "Condition",
    "Configs",
    "Constraints",
    "ContainerSpec",
    "Delay",
    "EndpointSpec",
    "Env",
    "FailureAction",
    "ForceUpdate",
    "Global",
    "GlobalJob",
    "Healthcheck",
    "Image",
    "Interval",
    "Labels",
    "Limits",
    "MaxAttempts",
    "MaxConcurrent",
    "MaxFailureRatio",
    "MaxReplicas",
    "Mode",
    "Monitor",
    "Mounts",
    "Name",
    "Networks",
    "Order",
    "Parallelism",
    "Placement",
    "PluginSpec",
    "Ports",
    "Protocol",
    "PublishedPort",
    "PublishMode",
    "ReadOnly",
    "Replicas",
    "Replicated",
    "ReplicatedJob",
    "Resources",
    "RestartPolicy",
    "Retries",
    "RollbackConfig",
    "Runtime",
    "Secrets",
    "Source",
    "StartInterval",
    "StartPeriod",
    "StopGracePeriod",
    "Target",
    "TargetPort",
    "TaskTemplate",
    "Test",
    "Timeout",
    "TotalCompletions",
    "Type",
    "UpdateConfig",
    "Window",
];

/// Maps, whose keys are nobody's fields.
const MAPS: [&str; 4] = ["driveropts", "labels", "options", "sysctls"];

/// The version in front of a request's path, `1.45` of `/v1.45/services/create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    major: u64,
    minor: u64,
}

impl ApiVersion {
    /// The first one with job modes. Before it, dockerd takes them out of what it is asked for
    /// (`adjustForAPIVersion` in
    /// <https://github.com/moby/moby/blob/v28.5.2/daemon/server/router/swarm/helpers.go>).
    const WITH_JOBS: Self = Self { major: 1, minor: 41 };

    /// Reads numbers as dockerd does: what is none counts as zero.
    pub(crate) fn read(version: &str) -> Self {
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Self { major: next(), minor: next() }
    }
}

/// Reads the body of a request that creates or updates a service.
pub(crate) fn read(body: &[u8], version: Option<ApiVersion>) -> Result<Value, Unclear> {
    let mut twice = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Whole { is_map: false, twice: &mut twice }.deserialize(&mut json);
    let mut spec = match (read, twice) {
        (_, Some(key)) => return Err(Unclear::Twice(key)),
        (Ok(spec @ Value::Object(_)), None) => spec,
        _ => return Err(Unclear::Malformed),
    };
    let modes = spec.get_mut("Mode").and_then(Value::as_object_mut);
    if let Some(modes) = modes.filter(|_| version.is_some_and(|it| it < ApiVersion::WITH_JOBS)) {
        modes.retain(|mode, _| mode != "ReplicatedJob" && mode != "GlobalJob");
    }
    Ok(spec)
}

/// One value with all that is in it.
struct Whole<'t> {
    /// Whether the keys of an object are its writer's own.
    is_map: bool,
    /// The first key that came twice.
    twice: &'t mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut read = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let folded = fold(&key);
            let is_map = !self.is_map && MAPS.contains(&folded.as_str());
            let known = if self.is_map { None } else { field(&folded) };
            let is_new = self.is_map || seen.insert(folded);
            if !is_new {
                *self.twice = Some(key);
                return Err(A::Error::custom("a key that comes twice"));
            }
            let value = object.next_value_seed(Whole { is_map, twice: &mut *self.twice })?;
            read.insert(known.map_or(key, str::to_owned), value);
        }
        Ok(Value::Object(read))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(value) =
            list.next_element_seed(Whole { is_map: false, twice: &mut *self.twice })?
        {
            read.push(value);
        }
        Ok(Value::Array(read))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
}

/// The field that a key means.
fn field(folded: &str) -> Option<&'static str> {
    FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(folded))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(body: &str) -> Value {
        read(body.as_bytes(), None).unwrap()
    }

    #[test]
    fn keys_get_the_case_that_dockerd_knows_them_by() {
        let asked = r#"{"NAME":"web","tasktemplate":{"containerSPEC":{"HealthCheck":{"test":["NONE"]}}},
            "updateconfig":{"ORDER":"start-first"},"ta\u017fk":1,"Later":[{"mODE":"x"}]}"#;
        let expected = json!({
            "Name": "web",
            "TaskTemplate": {"ContainerSpec": {"Healthcheck": {"Test": ["NONE"]}}},
            "UpdateConfig": {"Order": "start-first"},
            "ta\u{17f}k": 1,
            "Later": [{"Mode": "x"}],
        });
        assert_eq!(spec(asked), expected);
    }

    #[test]
    fn letters_that_go_takes_for_others_are_those() {
        let asked = "{\"Ta\u{17f}\u{212a}Template\":{\"Networ\u{212a}\u{17f}\":null}}";
        assert_eq!(spec(asked), json!({"TaskTemplate": {"Networks": null}}));
    }

    #[test]
    fn the_keys_of_maps_are_their_writers() {
        let asked = r#"{"LABELS":{"name":"a","Name":"b","mode":"c","mode":"d"},
            "TaskTemplate":{"ContainerSpec":{"Sysctls":{"order":"1"}}}}"#;
        let expected = json!({
            "Labels": {"name": "a", "Name": "b", "mode": "d"},
            "TaskTemplate": {"ContainerSpec": {"Sysctls": {"order": "1"}}},
        });
        assert_eq!(spec(asked), expected);
    }

    #[test]
    fn a_key_that_comes_twice_makes_it_unclear_wherever_it_is() {
        for (asked, key) in [
            (r#"{"Mode":{"Global":{}},"mode":{}}"#, "mode"),
            (r#"{"UpdateConfig":null,"UpdateConfig":{"Order":"start-first"}}"#, "UpdateConfig"),
            (r#"{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","TYPE":1}]}}}"#, "TYPE"),
            ("{\"TaskTemplate\":1,\"Ta\u{17f}kTemplate\":2}", "Ta\u{17f}kTemplate"),
            (r#"{"later":1,"Later":2}"#, "Later"),
        ] {
            assert_eq!(read(asked.as_bytes(), None), Err(Unclear::Twice(key.into())), "{asked}");
        }
    }

    #[test]
    fn what_is_no_object_is_unclear_and_what_follows_one_is_dockerds_to_judge() {
        for asked in ["", "[1]", "null", "\"x\"", r#"{"Name":"#, "{\"Name\":\"\u{1}\"}"] {
            assert_eq!(read(asked.as_bytes(), None), Err(Unclear::Malformed), "{asked}");
        }
        assert_eq!(read(b"{\"Name\":\"\xff\"}", None), Err(Unclear::Malformed));
        let deep = "[".repeat(500) + &"]".repeat(500);
        let deep = format!(r#"{{"Name":"web","x":{deep}}}"#);
        assert_eq!(read(deep.as_bytes(), None), Err(Unclear::Malformed));
        assert_eq!(spec(r#"{"Name":"web"} tail"#), json!({"Name": "web"}));
    }

    #[test]
    fn numbers_and_words_stay_what_they_are() {
        let asked = r#"{"a":-1,"b":18446744073709551615,"c":0.25,"d":true,"e":null,"f":"g"}"#;
        let expected = json!({"a": -1, "b": u64::MAX, "c": 0.25, "d": true, "e": null, "f": "g"});
        assert_eq!(spec(asked), expected);
    }

    #[test]
    fn job_modes_are_none_to_an_api_that_does_not_have_them() {
        let job = br#"{"mode":{"replicatedjob":{}}}"#;
        let global = br#"{"Mode":{"GlobalJob":{}}}"#;
        for (version, known) in
            [("1.40", false), ("1.24", false), ("1.41", true), ("1.52", true), ("2", true)]
        {
            let version = Some(ApiVersion::read(version));
            let mode = |body: &[u8]| read(body, version).unwrap()["Mode"].clone();
            let expected = if known { json!({"ReplicatedJob": {}}) } else { json!({}) };
            assert_eq!(mode(job), expected, "{version:?}");
            let expected = if known { json!({"GlobalJob": {}}) } else { json!({}) };
            assert_eq!(mode(global), expected, "{version:?}");
        }
        assert_eq!(spec(r#"{"Mode":{"GlobalJob":{}}}"#), json!({"Mode": {"GlobalJob": {}}}));
    }
}
