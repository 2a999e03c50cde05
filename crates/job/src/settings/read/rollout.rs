//! From TOML to the section `[profile.NAME.rollout]`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize, Spanned};

use super::values::{Parsed, choice, duration, mistake, parsed};
use crate::settings::quantity::{Time, count};
use crate::settings::{Advice, AdviceRule, OnFailure, OnSuperseded, Probe, Rollout, Statuses};

impl<'de> Deserialize<'de> for Rollout {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let on_failure = table.optional("on_failure");
        let own = on_failure.map(|choice| vec![choice]).unwrap_or(defaults.allowed_on_failure);
        let rollout = Self {
            wait: table.optional("wait").unwrap_or(defaults.wait),
            on_failure: on_failure.unwrap_or_default(),
            allowed_on_failure: table.optional("allowed_on_failure").unwrap_or(own),
            on_superseded: table.optional("on_superseded").unwrap_or_default(),
            progress_deadline: duration(
                &mut table,
                "progress_deadline",
                defaults.progress_deadline,
            ),
            deadline: duration(&mut table, "deadline", defaults.deadline),
            advice: table.optional("advice").unwrap_or_default(),
            probe: table.optional("probe").unwrap_or_default(),
        };
        table.finalize(None)?;
        Ok(rollout)
    }
}

impl<'de> Deserialize<'de> for Advice {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let silence = rules(&mut table, "silence");
        let mandatory: Vec<Spanned<Parsed<AdviceRule>>> =
            table.optional("mandatory").unwrap_or_default();
        for Spanned { value: Parsed(rule), span } in &mandatory {
            if silence.contains(rule) {
                let words = format!("\"{rule}\" is silenced, so it can't be mandatory");
                table.errors.push(mistake(*span, words));
            }
        }
        table.finalize(None)?;
        let mandatory = mandatory.into_iter().map(|Spanned { value: Parsed(rule), .. }| rule);
        Ok(Self { silence, mandatory: mandatory.collect() })
    }
}

fn rules(table: &mut TableHelper<'_>, key: &'static str) -> BTreeSet<AdviceRule> {
    list(table, key).unwrap_or_default().into_iter().collect()
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let defaults = Self::default();
        let mut table = TableHelper::new(value)?;
        let interval = parsed(&mut table, "interval", Time::of_interval);
        let probe = Self {
            url: parsed(&mut table, "url", str::parse).map(|url| url.value),
            interval: interval.map_or(defaults.interval, |Spanned { value: Time(time), .. }| time),
            timeout: duration(&mut table, "timeout", defaults.timeout),
            status: status(&mut table).unwrap_or(defaults.status),
            max_failed_requests: parsed(&mut table, "max_failed_requests", count)
                .map(|count| count.value),
            allowed_urls: list(&mut table, "allowed_urls"),
        };
        table.finalize(None)?;
        Ok(probe)
    }
}

/// One status or range, or several.
fn status(table: &mut TableHelper<'_>) -> Option<Statuses> {
    let is_list = table.table.get("status").is_some_and(|value| value.as_array().is_some());
    if !is_list {
        return parsed(table, "status", str::parse).map(|statuses| statuses.value);
    }
    let Spanned { value: parts, span } = table.optional_s::<Vec<Parsed<Statuses>>>("status")?;
    let all = Statuses::all(parts.into_iter().map(|Parsed(statuses)| statuses));
    if all.is_none() {
        table.errors.push(mistake(span, "`status` must name at least one status"));
    }
    all
}

/// A list of texts of which each parses itself.
fn list<T: FromStr<Err: Display>>(
    table: &mut TableHelper<'_>,
    key: &'static str,
) -> Option<Vec<T>> {
    let list: Vec<Parsed<T>> = table.optional(key)?;
    Some(list.into_iter().map(|Parsed(item)| item).collect())
}

impl<'de> Deserialize<'de> for OnFailure {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(value, &["fail", "warn", "rollback"], |name| match name {
            "warn" => Self::Warn,
            "rollback" => Self::Rollback,
            _ => Self::Fail,
        })
    }
}

impl<'de> Deserialize<'de> for OnSuperseded {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        choice(
            value,
            &["pass", "fail"],
            |name| {
                if name == "fail" { Self::Fail } else { Self::Pass }
            },
        )
    }
}
