//! From TOML to what a container is given: limits of a process, devices, hosts, volumes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;
use toml_span::de_helpers::{TableHelper, expected};
use toml_span::value::{Value, ValueInner};
use toml_span::{DeserError, Deserialize, Error, Span};

use super::values::{Parsed, mistake};
use crate::settings::{Device, Ulimit};

/// Where this program itself puts volumes into a container.
const TAKEN: [&str; 3] = ["/builds", "/cache", "/opt/swarm-executor"];

/// `{ nofile = "1024:2048", core = 0 }`.
pub(super) struct Ulimits(pub(super) Vec<Ulimit>);

/// Names of limits, as the docker CLI has them
/// (<https://docs.docker.com/reference/cli/docker/container/run/#ulimit>).
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

impl<'de> Deserialize<'de> for Ulimits {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let list = ULIMITS.into_iter().filter_map(|name| {
            let Parsed(UlimitRange { soft, hard }) = table.optional(name)?;
            Some(Ulimit { name: name.to_owned(), soft, hard })
        });
        let list = list.collect();
        table.finalize(None)?;
        Ok(Self(list))
    }
}

/// `soft:hard`, or one number for both.
struct UlimitRange {
    soft: i64,
    hard: i64,
}

#[derive(Debug, Error)]
#[error("a limit is a number, or \"soft:hard\" with soft not above hard; -1 is no limit")]
struct NotAUlimit;

impl FromStr for UlimitRange {
    type Err = NotAUlimit;

    fn from_str(text: &str) -> Result<Self, NotAUlimit> {
        let number = |text: &str| text.parse().ok().filter(|number: &i64| *number >= -1);
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        match (number(soft), number(hard)) {
            (Some(soft), Some(-1)) => Ok(Self { soft, hard: -1 }),
            (Some(soft), Some(hard)) if (0..=hard).contains(&soft) => Ok(Self { soft, hard }),
            _ => Err(NotAUlimit),
        }
    }
}

#[derive(Debug, Error)]
#[error(
    "a device is written \"/dev/fuse\", \"/dev/fuse:/dev/fuse\" or \"/dev/fuse:/dev/fuse:rwm\""
)]
pub(super) struct NotADevice;

/// A device, as the docker CLI reads `--device`.
pub(super) struct DeviceText(pub(super) Device);

impl FromStr for DeviceText {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let is_path = |part: &str| part.starts_with('/');
        let is_permissions =
            |part: &str| !part.is_empty() && part.chars().all(|c| matches!(c, 'r' | 'w' | 'm'));
        let (host, container, permissions) = match *text.split(':').collect::<Vec<_>>() {
            [host] => (host, host, "rwm"),
            [host, permissions] if is_permissions(permissions) => (host, host, permissions),
            [host, container] => (host, container, "rwm"),
            [host, container, permissions] if is_permissions(permissions) => {
                (host, container, permissions)
            }
            _ => return Err(NotADevice),
        };
        if !is_path(host) || !is_path(container) {
            return Err(NotADevice);
        }
        let [host, container, permissions] = [host, container, permissions].map(str::to_owned);
        Ok(Self(Device { host, container, permissions }))
    }
}

/// `name:address`; the engine takes an IPv6 address with and without brackets.
pub(super) struct ExtraHost(pub(super) String);

#[derive(Debug, Error)]
#[error("a host is written \"name:address\", with an IP address or host-gateway")]
pub(super) struct NotAHost;

impl FromStr for ExtraHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let (name, address) = text.split_once(':').ok_or(NotAHost)?;
        let bracketed = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
        let is_address = address == "host-gateway"
            || address.parse::<IpAddr>().is_ok()
            || bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        if is_name && is_address { Ok(Self(text.to_owned())) } else { Err(NotAHost) }
    }
}

/// `source:target[:options]`.
pub(super) struct Volume(pub(super) String);

#[derive(Debug, Error)]
pub(super) enum NotAVolume {
    #[error(
        "a volume is written \"source:/target\" or \"source:/target:options\", the source being an \
         absolute path on the engine's machine or a volume's name"
    )]
    Form,
    #[error("{0} is where a volume of this program's is")]
    Taken(&'static str),
}

impl FromStr for Volume {
    type Err = NotAVolume;

    fn from_str(text: &str) -> Result<Self, NotAVolume> {
        let parts: Vec<&str> = text.split(':').collect();
        let ([source, target] | [source, target, _]) = *parts else { return Err(NotAVolume::Form) };
        if !(source.starts_with('/') || is_volume_name(source)) || !target.starts_with('/') {
            return Err(NotAVolume::Form);
        }
        taken(target)
            .map_or_else(|| Ok(Self(text.to_owned())), |place| Err(NotAVolume::Taken(place)))
    }
}

/// Whether an engine takes `name` for a volume's (moby's `daemon/names/names.go`).
fn is_volume_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// Which of [`TAKEN`] this is.
fn taken(target: &str) -> Option<&'static str> {
    let target = target.trim_end_matches('/');
    TAKEN.into_iter().find(|place| *place == target)
}

/// Directories in memory: `{ "/tmp" = "rw,size=64m" }`.
pub(super) struct Tmpfs(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tmpfs {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let table = match value.take() {
            ValueInner::Table(table) => table,
            other => return Err(expected("a table", other, value.span).into()),
        };
        let (mut places, mut errors) = (BTreeMap::new(), Vec::new());
        for (path, mut options) in table {
            errors.extend(tmpfs_mistake(&path.name, path.span));
            match String::deserialize(&mut options) {
                Ok(options) => drop(places.insert(path.name.into_owned(), options)),
                Err(mut mistakes) => errors.append(&mut mistakes.errors),
            }
        }
        if errors.is_empty() { Ok(Self(places)) } else { Err(DeserError { errors }) }
    }
}

fn tmpfs_mistake(path: &str, span: Span) -> Option<Error> {
    if let Some(place) = taken(path) {
        return Some(mistake(span, NotAVolume::Taken(place).to_string()));
    }
    (!path.starts_with('/')).then(|| mistake(span, format!("{path:?}: the path must be absolute")))
}
