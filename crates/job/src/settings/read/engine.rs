//! From TOML to the section `[profile.NAME.engine]`.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, Error, Spanned};

use super::container::{DeviceText, ExtraHost, Tmpfs, Ulimits, Volume};
use super::values::{Parsed, choice, duration, mistake};
use crate::PullPolicy;
use crate::settings::engine::socket;
use crate::settings::{Bytes, Credentials, Engine, Limits, Security, Swap};

impl<'de> Deserialize<'de> for Engine {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let (endpoint, credentials) = access(&mut table);
        let engine = Self {
            endpoint,
            credentials,
            helper_image: table.optional("helper_image"),
            image: table.optional("image"),
            pull_policy: pull_policy(&mut table),
            allowed_pull_policies: table.optional("allowed_pull_policies").map(Policies::list),
            allowed_images: table.optional("allowed_images"),
            allowed_services: table.optional("allowed_services"),
            service_timeout: duration(&mut table, "service_timeout", defaults.service_timeout),
            services_must_be_ready: table
                .optional("services_must_be_ready")
                .unwrap_or(defaults.services_must_be_ready),
            reconnect_timeout: duration(
                &mut table,
                "reconnect_timeout",
                defaults.reconnect_timeout,
            ),
            limits: limits(&mut table),
            security: security(&mut table),
            extra_hosts: parsed_list(&mut table, "extra_hosts", |ExtraHost(line)| line),
            dns: parsed_list(&mut table, "dns", |address: IpAddr| address),
            tmpfs: table.optional("tmpfs").map(|Tmpfs(places)| places).unwrap_or_default(),
            volumes: parsed_list(&mut table, "volumes", |Volume(volume)| volume),
        };
        table.finalize(None)?;
        Ok(engine)
    }
}

/// Where the engine is and who to be there. Credentials are presented only to an address of the
/// profile's own, never to one that a job variable names.
fn access(table: &mut TableHelper<'_>) -> (Option<String>, Option<Credentials>) {
    let endpoint: Option<Spanned<String>> = table.optional_s("endpoint");
    let credentials: Option<Spanned<Credentials>> = table.optional_s("credentials");
    if let Some(Spanned { value, span }) = &endpoint
        && (value.starts_with("unix:") && !socket(value).is_some_and(Path::is_absolute))
    {
        table.errors.push(mistake(*span, "a socket is written \"unix:///path\""));
    }
    if let Some(Spanned { span, .. }) = credentials {
        match &endpoint {
            None => table.errors.push(mistake(
                span,
                "credentials of an engine need `endpoint` beside them; without it the engine is \
                 the cluster's, and so are the credentials",
            )),
            Some(endpoint) if endpoint.value.starts_with("unix:") => table.errors.push(mistake(
                span,
                "an engine at a unix socket takes no credentials; remove them",
            )),
            Some(_) => {}
        }
    }
    (endpoint.map(|text| text.value), credentials.map(|given| given.value))
}

fn pull_policy(table: &mut TableHelper<'_>) -> Vec<PullPolicy> {
    let Some(Spanned { value: Policies(policies), span }) = table.optional_s("pull_policy") else {
        return Vec::new();
    };
    if policies.is_empty() {
        table.errors.push(mistake(span, "`pull_policy` must name at least one policy"));
    }
    policies
}

fn limits(table: &mut TableHelper<'_>) -> Limits {
    let memory = parsed(table, "memory");
    let swap = parsed(table, "memory_swap");
    table.errors.extend(memory_mistakes(memory.as_ref(), swap.as_ref()));
    Limits {
        cpus: parsed(table, "cpus").map(|cpus| cpus.value),
        memory: memory.map(|memory| memory.value),
        memory_swap: swap.map(|swap| swap.value),
        pids: parsed(table, "pids_limit").map(|pids| pids.value),
        shm_size: parsed(table, "shm_size").map(|bytes| bytes.value),
        ulimits: table.optional("ulimits").map(|Ulimits(list)| list).unwrap_or_default(),
    }
}

/// What the engine would refuse at every job's first container.
fn memory_mistakes(memory: Option<&Spanned<Bytes>>, swap: Option<&Spanned<Swap>>) -> Vec<Error> {
    let mut errors = Vec::new();
    if let Some(Spanned { span, .. }) = memory.filter(|memory| memory.value < Bytes::LEAST_MEMORY) {
        errors.push(mistake(*span, format!("`memory` must be at least {}", Bytes::LEAST_MEMORY)));
    }
    match (memory, swap) {
        (None, Some(swap)) => {
            errors.push(mistake(swap.span, "`memory_swap` is of use with `memory` only"));
        }
        (Some(memory), Some(Spanned { value: Swap::Total(total), span }))
            if *total < memory.value =>
        {
            let words = "`memory_swap` is memory and swap space together, so at least `memory`";
            errors.push(mistake(*span, words));
        }
        _ => {}
    }
    errors
}

fn security(table: &mut TableHelper<'_>) -> Security {
    let defaults = Security::default();
    let privileged = table.optional("privileged").unwrap_or(defaults.privileged);
    Security {
        privileged,
        user: table.optional("user"),
        cap_add: table.optional("cap_add").unwrap_or_default(),
        cap_drop: table.optional("cap_drop").unwrap_or_default(),
        security_opt: table
            .optional("security_opt")
            .unwrap_or_else(|| Security::default_options(privileged)),
        devices: parsed_list(table, "devices", |DeviceText(device)| device),
        read_only: table.optional("read_only").unwrap_or(defaults.read_only),
        runtime: table.optional("runtime"),
    }
}

/// A text or number that parses itself.
fn parsed<T>(table: &mut TableHelper<'_>, key: &'static str) -> Option<Spanned<T>>
where
    T: FromStr<Err: Display>,
{
    let Spanned { value: Parsed(value), span } = table.optional_s(key)?;
    Some(Spanned { value, span })
}

/// A list of texts of which each parses itself.
fn parsed_list<T, U>(table: &mut TableHelper<'_>, key: &'static str, open: fn(T) -> U) -> Vec<U>
where
    T: FromStr<Err: Display>,
{
    let list: Vec<Parsed<T>> = table.optional(key).unwrap_or_default();
    list.into_iter().map(|Parsed(item)| open(item)).collect()
}

impl<'de> Deserialize<'de> for PullPolicy {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(value, &["always", "if-not-present", "never"], |name| match name {
            "if-not-present" => Self::IfNotPresent,
            "never" => Self::Never,
            _ => Self::Always,
        })
    }
}

/// One pull policy, or several in the order to try.
struct Policies(Vec<PullPolicy>);

impl Policies {
    fn list(self) -> Vec<PullPolicy> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Policies {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        if value.as_array().is_some() {
            return Vec::deserialize(value).map(Self);
        }
        PullPolicy::deserialize(value).map(|policy| Self(vec![policy]))
    }
}
