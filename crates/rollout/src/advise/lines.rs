//! The lines to write in a stack file, nested as they have to be there and no more.
//!
//! A service's name and the values of its labels come from whoever wrote them, so they are quoted
//! wherever YAML or the stack file's own `$` could take them for something else.

use std::time::Duration;

use crate::snapshot::Spec;

/// Lines in the service's part of the stack file, below these keys.
pub(super) fn in_service(spec: &Spec, keys: &[&str], lines: &[String]) -> String {
    let mut written = vec!["services:".to_owned(), format!("  {}:", key(spec))];
    let indented = |depth: usize, line: &str| format!("{}{line}", "  ".repeat(2 + depth));
    written.extend(keys.iter().enumerate().map(|(depth, key)| indented(depth, &format!("{key}:"))));
    written.extend(lines.iter().map(|line| indented(keys.len(), line)));
    written.join("\n")
}

/// Labels of the service, as items of a list.
pub(super) fn labels<'l>(labels: impl IntoIterator<Item = (String, &'l str)>) -> Vec<String> {
    let item = |(name, value)| format!("- {}", quoted(&format!("{name}={value}")));
    labels.into_iter().map(item).collect()
}

/// A text that the stack file can hold whatever it is.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('$', "$$")
}

/// As the stack file has durations, in Go's way; parts of a millisecond are rounded up.
pub(super) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_nanos().div_ceil(1_000_000);
    let (seconds, milliseconds) = (milliseconds / 1000, milliseconds % 1000);
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (milliseconds, "ms"),
    ];
    let written: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if written.is_empty() { "0s".to_owned() } else { written.concat() }
}

/// The service's key: its name without the stack's, which `docker stack deploy` puts in front.
fn key(spec: &Spec) -> String {
    let stack = spec.stack.as_deref().unwrap_or_default();
    let own = spec.name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('_'));
    let name = own.filter(|own| !own.is_empty()).unwrap_or(&spec.name);
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if plain { name.to_owned() } else { quoted(name) }
}

/// What YAML takes for something else than a text (<https://yaml.org/type/bool.html>).
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_nested_below_the_services_own_name() {
        for (name, stack, key) in [
            ("whoami_hello", "whoami", "hello"),
            ("hello", "", "hello"),
            ("whoami_hello", "", "whoami_hello"),
            ("hello", "whoami", "hello"),
            ("s_1", "s", "\"1\""),
            ("s_yes", "s", "\"yes\""),
            ("s_a: b\n- c$d", "s", "\"a: b\\n- c$$d\""),
            ("", "", "\"\""),
        ] {
            let labels = json!({"com.docker.stack.namespace": stack});
            let labels = if stack.is_empty() { json!({}) } else { labels };
            let spec = Spec::read(json!({"Name": name, "Labels": labels})).unwrap();
            assert_eq!(
                in_service(&spec, &["deploy", "update_config"], &["order: start-first".into()]),
                format!(
                    "services:\n  {key}:\n    deploy:\n      update_config:\n        \
                     order: start-first"
                )
            );
        }
    }

    #[test]
    fn durations_are_written_as_go_reads_them() {
        for (milliseconds, expected) in [
            (0, "0s"),
            (1, "1ms"),
            (93_000, "1m33s"),
            (3_600_000, "1h"),
            (90_061_500, "25h1m1s500ms"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
        assert_eq!(duration(Duration::from_nanos(1)), "1ms");
    }
}
