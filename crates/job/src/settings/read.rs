//! From TOML to settings, gathering every mistake on the way.

mod container;
mod engine;
mod rollout;
mod values;

use std::time::Duration;

use toml_span::de_helpers::{TableHelper, expected};
use toml_span::value::{Table, Value, ValueInner};
use toml_span::{DeserError, Deserialize, Error, Span};

use super::{
    Cluster, CredentialSource, Credentials, Destination, Diagnostics, DockerAccess, Placement,
    Profile, Settings, Shell, VariableNames,
};
use values::{AbsolutePath, choice, duration, mistake};

/// Reads the whole file.
pub(super) fn settings(text: &str) -> Result<Settings, DeserError> {
    let mut root = toml_span::parse(text)?;
    Settings::deserialize(&mut root)
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let diagnostics = table.optional("diagnostics").unwrap_or_default();
        let profiles = table.optional::<Profiles>("profile").map(|Profiles(list)| list);
        table.finalize(None)?;
        let profiles = profiles.unwrap_or_default().into_iter().collect();
        Ok(Self { diagnostics, profiles, ..Self::default() })
    }
}

/// The sections `[profile.NAME]`.
struct Profiles(Vec<(String, Profile)>);

impl<'de> Deserialize<'de> for Profiles {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let table = match value.take() {
            ValueInner::Table(table) => table,
            other => return Err(expected("sections [profile.NAME]", other, value.span).into()),
        };
        let mut profiles = Vec::new();
        let mut errors = Vec::new();
        for (name, mut section) in table {
            match Profile::deserialize(&mut section) {
                Ok(profile) => profiles.push((name.name.into_owned(), profile)),
                Err(mut mistakes) => errors.append(&mut mistakes.errors),
            }
        }
        if errors.is_empty() { Ok(Self(profiles)) } else { Err(DeserError { errors }) }
    }
}

impl<'de> Deserialize<'de> for Diagnostics {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let level = table.optional("level").unwrap_or(defaults.level);
        let journald = table.optional_s::<bool>("journald");
        let file = table.optional::<AbsolutePath>("file");
        if let (Some(journald), Some(_)) = (journald.as_ref().filter(|asked| asked.value), &file) {
            table.errors.push(mistake(journald.span, "`file` and `journald` exclude each other"));
        }
        table.finalize(None)?;
        let destination = match (file, journald) {
            (Some(AbsolutePath(path)), _) => Destination::File(path),
            (None, Some(asked)) if !asked.value => Destination::Nowhere,
            (None, Some(_)) => Destination::Journald,
            (None, None) => Destination::Automatic,
        };
        Ok(Self { level, destination })
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let span = value.span;
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let placed = placed(&table.table);
        let access = table.optional_s("docker_access");
        let profile = Self {
            placement: table.optional("placement").unwrap_or_default(),
            shell: table.optional("shell").unwrap_or_default(),
            docker_access: access.as_ref().map_or(defaults.docker_access, |access| access.value),
            builds_dir: table.optional("builds_dir").map(|AbsolutePath(path)| path),
            cache_dir: table.optional("cache_dir").map(|AbsolutePath(path)| path),
            keep_build_dir: table.optional("keep_build_dir").unwrap_or(defaults.keep_build_dir),
            stop_grace: duration(&mut table, "stop_grace", defaults.stop_grace),
            cluster: table.optional("cluster").unwrap_or_default(),
            credentials: table.optional("credentials").unwrap_or_default(),
            engine: table.optional("engine").unwrap_or_default(),
            rollout: table.optional("rollout").unwrap_or_default(),
        };
        if table.errors.is_empty() {
            let access_span = access.map_or(span, |access| access.span);
            table.errors.extend(profile.contradictions(span, access_span));
            table.errors.extend(profile.misplaced(&placed));
        }
        table.finalize(None)?;
        Ok(profile)
    }
}

/// Keys of a profile that count with one placement only: in containers the builds are at
/// `/builds`, the caches at `/cache`, both on volumes of the engine.
const PLACED: [(&str, Placement); 4] = [
    ("builds_dir", Placement::Host),
    ("cache_dir", Placement::Host),
    ("keep_build_dir", Placement::Host),
    ("engine", Placement::Engine),
];

/// A key that counts with one placement only, and where it is.
type Placed = (&'static str, Placement, Span);

/// Which of [`PLACED`] a profile has.
fn placed(profile: &Table<'_>) -> Vec<Placed> {
    let find = |(key, placement)| Some((key, placement, profile.get(key)?.span));
    PLACED.into_iter().filter_map(find).collect()
}

impl Profile {
    /// The keys of another placement.
    fn misplaced(&self, keys: &[Placed]) -> Vec<Error> {
        let others = keys.iter().filter(|(_, placement, _)| *placement != self.placement);
        let tell = |(key, placement, span): &Placed| {
            let words = format!("`{key}` is of use with placement = \"{}\" only", placement.name());
            mistake(*span, words)
        };
        others.map(tell).collect()
    }

    /// What no single key shows, once each key is right: credentials of the runner machine stay on
    /// the runner machine.
    fn contradictions(&self, section: Span, access: Span) -> Vec<Error> {
        let mut errors = Vec::new();
        if matches!(self.credentials.source, CredentialSource::Variables(_)) {
            return errors;
        }
        if self.cluster.endpoint.is_none() {
            errors.push(mistake(
                section,
                "credentials of the runner machine need `endpoint` in this profile's [cluster]: \
                 a job could otherwise name any host to present them to",
            ));
        }
        if self.docker_access == DockerAccess::Certificates {
            errors.push(mistake(
                access,
                "docker_access = \"certificates\" would hand credentials of the runner machine \
                 to the job; write \"gateway\", or take the credentials from job variables",
            ));
        }
        errors
    }
}

impl<'de> Deserialize<'de> for Cluster {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let cluster = Self {
            endpoint: table.optional("endpoint"),
            endpoint_variable: table
                .optional("endpoint_variable")
                .unwrap_or(defaults.endpoint_variable),
            connect_timeout: duration(&mut table, "connect_timeout", defaults.connect_timeout),
        };
        table.finalize(None)?;
        Ok(cluster)
    }
}

impl<'de> Deserialize<'de> for Credentials {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let span = value.span;
        let mut table = TableHelper::new(value)?;
        let variables = table.optional::<VariableNames>("variables");
        let directory = table.optional::<AbsolutePath>("directory");
        let command = table.optional::<Vec<String>>("command");
        let timeout_span = table.table.get("command_timeout").map(|value| value.span);
        let timeout = duration(&mut table, "command_timeout", Duration::from_secs(10));
        let expiry_warning = duration(&mut table, "expiry_warning", defaults.expiry_warning);
        let sources = [variables.is_some(), directory.is_some(), command.is_some()];
        if sources.iter().filter(|given| **given).count() > 1 {
            let text = "give one of `variables`, `directory` and `command`, not several";
            table.errors.push(mistake(span, text));
        }
        if let Some(span) = timeout_span.filter(|_| command.is_none()) {
            table.errors.push(mistake(span, "`command_timeout` is of use with `command` only"));
        }
        if command.as_ref().is_some_and(Vec::is_empty) {
            table.errors.push(mistake(span, "`command` must name a program"));
        }
        table.finalize(None)?;
        let source = match (variables, directory, command) {
            (Some(names), _, _) => CredentialSource::Variables(names),
            (_, Some(AbsolutePath(path)), _) => CredentialSource::Directory(path),
            (_, _, Some(argv)) => CredentialSource::Command { argv, timeout },
            (None, None, None) => defaults.source,
        };
        Ok(Self { source, expiry_warning })
    }
}

impl<'de> Deserialize<'de> for VariableNames {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let names = Self {
            ca: table.optional("ca").unwrap_or(defaults.ca),
            certificate: table.optional("cert").unwrap_or(defaults.certificate),
            key: table.optional("key").unwrap_or(defaults.key),
        };
        table.finalize(None)?;
        Ok(names)
    }
}

impl<'de> Deserialize<'de> for Placement {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(
            value,
            &["host", "engine"],
            |name| {
                if name == "engine" { Self::Engine } else { Self::Host }
            },
        )
    }
}

impl<'de> Deserialize<'de> for Shell {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(value, &["bash", "sh"], |name| if name == "sh" { Self::Sh } else { Self::Bash })
    }
}

impl<'de> Deserialize<'de> for DockerAccess {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(value, &["gateway", "certificates", "none"], |name| match name {
            "certificates" => Self::Certificates,
            "none" => Self::None,
            _ => Self::Gateway,
        })
    }
}
