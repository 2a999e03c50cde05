//! Platforms as images name them: `linux/arm64/v8`, or an architecture alone.
//!
//! Engines before API 1.49 can't be asked for an image by platform, so what an engine has is
//! compared here. Other names of architectures are understood as containerd understands them
//! (<https://github.com/containerd/platforms/blob/main/database.go>).

use std::fmt;

use bollard::models::ImageInspect;
use job::{Blame, Failure, Result};

/// A platform that an image is asked for. Displays as `os/architecture[/variant]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Reads `linux/arm64/v8`, `linux/arm64` or `arm64`; the last one means Linux.
    ///
    /// # Errors
    /// The failure of whoever wrote it.
    pub fn parse(text: &str, written_by: Blame) -> Result<Self> {
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        match parts.as_slice() {
            _ if !parts.iter().all(|part| word(part)) => Err(wrong(text, written_by)),
            ["linux" | "windows"] => Err(wrong(text, written_by)),
            [architecture] => Ok(Self::new("linux", architecture, None)),
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => Err(wrong(text, written_by)),
        }
    }

    fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, implied) = match architecture {
            "x86_64" | "x86-64" => ("amd64", None),
            "i386" => ("386", None),
            "aarch64" => ("arm64", None),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            other => (other, None),
        };
        let variant =
            variant.or(implied).filter(|variant| (architecture, *variant) != ("arm64", "v8"));
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// The platform of an image that the engine has, as far as it says.
    pub(super) fn of(image: &ImageInspect) -> Option<Self> {
        let (os, architecture) = (image.os.as_deref()?, image.architecture.as_deref()?);
        let variant = image.variant.as_deref().filter(|variant| !variant.is_empty());
        Some(Self::new(os, architecture, variant))
    }

    /// Whether an image for `other` will do; a variant counts only where both name one.
    pub(super) fn accepts(&self, other: &Self) -> bool {
        let variants = self.variant.as_ref().zip(other.variant.as_ref());
        self.os == other.os
            && self.architecture == other.architecture
            && variants.is_none_or(|(ours, theirs)| ours == theirs)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

fn wrong(text: &str, written_by: Blame) -> Failure {
    Failure::new(written_by, format!("{text:?} is no platform"))
        .hint("write it like linux/amd64 or linux/arm/v7")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        Platform::parse(text, Blame::Job).unwrap()
    }

    #[test]
    fn platforms_are_normalised() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("arm64", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("armhf", "linux/arm/v7"),
        ] {
            assert_eq!(platform(text).to_string(), expected, "{text}");
        }
        for text in ["", "linux", "linux/", "a/b/c/d", "linux/am d64"] {
            assert!(Platform::parse(text, Blame::Job).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_variant_counts_only_where_both_name_one() {
        for (wanted, has, accepted) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm64", "linux/arm64/v8", true),
        ] {
            assert_eq!(platform(wanted).accepts(&platform(has)), accepted, "{wanted} {has}");
        }
    }
}
