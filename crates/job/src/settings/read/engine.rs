//! From TOML to the section `[profile.NAME.engine]`.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, Spanned};

use super::container::{DeviceText, ExtraHost, Tmpfs, Ulimits, Volume};
use super::values::{Parsed, choice, duration, mistake, parsed};
use crate::PullPolicy;
use crate::settings::engine::socket;
use crate::settings::{Bytes, Credentials, Engine, Limits, NotAnAmount, Security, Swap};

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
    let has_endpoint = table.contains("endpoint");
    let endpoint: Option<Spanned<String>> = table.optional_s("endpoint");
    let credentials: Option<Spanned<Credentials>> = table.optional_s("credentials");
    let at_socket = endpoint.as_ref().filter(|endpoint| endpoint.value.starts_with("unix:"));
    let is_path = |path: &Path| path.is_absolute();
    if let Some(at) = at_socket.filter(|at| !socket(&at.value).is_some_and(is_path)) {
        table.errors.push(mistake(at.span, "a socket is written \"unix:///path\""));
    }
    if let Some(Spanned { span, .. }) = credentials {
        if !has_endpoint {
            table.errors.push(mistake(
                span,
                "credentials of an engine need `endpoint` beside them; without it the engine is \
                 the cluster's, and so are the credentials",
            ));
        }
        if at_socket.is_some() {
            let words = "an engine at a unix socket takes no credentials; remove them";
            table.errors.push(mistake(span, words));
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
    let has_memory = table.contains("memory");
    let memory = amount(table, "memory", Bytes::of_memory);
    Limits {
        cpus: amount(table, "cpus", str::parse),
        memory,
        memory_swap: memory_swap(table, has_memory, memory),
        pids: amount(table, "pids_limit", str::parse),
        shm_size: amount(table, "shm_size", str::parse),
        ulimits: table.optional("ulimits").map(|Ulimits(list)| list).unwrap_or_default(),
    }
}

fn amount<T>(
    table: &mut TableHelper<'_>,
    key: &'static str,
    parse: fn(&str) -> Result<T, NotAnAmount>,
) -> Option<T> {
    parsed(table, key, parse).map(|amount| amount.value)
}

/// Memory and swap space together; the engine refuses less than the memory alone.
fn memory_swap(
    table: &mut TableHelper<'_>,
    has_memory: bool,
    memory: Option<Bytes>,
) -> Option<Swap> {
    let Spanned { value: swap, span } = parsed(table, "memory_swap", str::parse)?;
    if !has_memory {
        table.errors.push(mistake(span, "`memory_swap` is of use with `memory` only"));
    }
    if let (Some(memory), Swap::Total(total)) = (memory, swap)
        && total < memory
    {
        let words = "`memory_swap` is memory and swap space together, so at least `memory`";
        table.errors.push(mistake(span, words));
    }
    Some(swap)
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
