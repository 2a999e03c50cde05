//! The one place that reads the process's environment.
//!
//! Everything else takes an [`Environment`], so that each variable is parsed once, at the edge, and
//! tests pass a map.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Where variables come from: the process, or a map in tests.
pub trait Environment {
    /// The value of `name`, if it is set to anything, the empty text included.
    fn get(&self, name: &str) -> Option<OsString>;

    /// Every variable, in no particular order.
    fn all(&self) -> Vec<(OsString, OsString)>;

    /// The value of `name` as text; a value that isn't UTF-8 has its bad bytes replaced.
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// Like [`Environment::text`], with the empty text counting as unset.
    fn non_empty(&self, name: &str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty())
    }
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn all(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<OsString> {
        BTreeMap::get(self, name).map(OsString::from)
    }

    fn all(&self) -> Vec<(OsString, OsString)> {
        self.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}
