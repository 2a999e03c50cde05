//! When an image is pulled: `always`, `if-not-present`, `never`
//! (<https://docs.gitlab.com/runner/executors/docker/#configure-how-runners-pull-images>).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before every use; the registry is asked even if nothing is to be transferred.
    Always,
    /// If the engine has no image of that name.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// A word that is no pull policy.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("there is no pull policy {0:?}, only always, if-not-present and never")]
pub struct UnknownPolicy(String);

impl fmt::Display for PullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::IfNotPresent => "if-not-present",
            Self::Never => "never",
        })
    }
}

impl FromStr for PullPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        [Self::Always, Self::IfNotPresent, Self::Never]
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or_else(|| UnknownPolicy(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_by_their_names_only() {
        for policy in [PullPolicy::Always, PullPolicy::IfNotPresent, PullPolicy::Never] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("Always".parse::<PullPolicy>().unwrap_err().to_string().contains("\"Always\""));
    }
}
