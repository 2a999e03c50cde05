//! Where a job's own script puts secrets into its build directory.
//!
//! The article's job says `export DOCKER_CERT_PATH="certs"` in its script, makes that directory and
//! echoes three secrets into it; when the line after fails, its own `rm -rf` never runs. So both
//! the job's variable and every assignment in its script are looked at. gitlab-runner itself writes
//! file-type variables beside the project, and removes them only in a stage that a timeout skips.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use job::{Claims, JobResponse, expand};

const VARIABLE: &str = "DOCKER_CERT_PATH";

/// Every place to look at, absolute; whether it lies inside the build directory is for the wiping
/// to find out, which follows neither `..` nor symlinks.
pub(super) fn places(response: Option<&JobResponse>, claims: &Claims) -> BTreeSet<PathBuf> {
    let Some(project) = claims.get("CI_PROJECT_DIR").map(Path::new) else { return BTreeSet::new() };
    let lines =
        response.into_iter().flat_map(|response| &response.steps).flat_map(|step| &step.script);
    let assigned = lines.flat_map(|line| assignments(line));
    let variable = claims.get(VARIABLE).filter(|value| !value.is_empty());
    let lookup = |name: &str| if name == "PWD" { project.to_str() } else { claims.get(name) };
    variable.into_iter().chain(assigned).map(|value| project.join(expand(value, lookup))).collect()
}

/// The values that `line` assigns to the variable.
fn assignments(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(VARIABLE).filter_map(|(at, name)| {
        let value = line[at + name.len()..].strip_prefix('=')?;
        let starts_a_word =
            line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?,
            _ => value.split([' ', '\t', '\n', ';', '&', '|', ')']).next()?,
        };
        (starts_a_word && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn claims(entries: &[(&str, &str)]) -> Claims {
        let environment: BTreeMap<String, String> = entries
            .iter()
            .map(|(name, value)| (format!("CUSTOM_ENV_{name}"), (*value).to_owned()))
            .collect();
        Claims::read(&environment)
    }

    fn response(script: &[&str]) -> JobResponse {
        let json = serde_json::json!({"id": 1, "steps": [{"name": "script", "script": script}]});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_articles_own_export_is_found() {
        let places = places(
            Some(&response(&[
                "export DOCKER_TLS_VERIFY=\"1\"",
                "export DOCKER_CERT_PATH=\"certs\"",
            ])),
            &claims(&[("CI_PROJECT_DIR", "/builds/p")]),
        );
        assert_eq!(places, [PathBuf::from("/builds/p/certs")].into());
    }

    #[test]
    fn every_way_to_assign_is_read() {
        let table = [
            ("DOCKER_CERT_PATH=certs docker ps", "/b/certs"),
            ("export A=1 DOCKER_CERT_PATH='my certs'; ls", "/b/my certs"),
            ("DOCKER_CERT_PATH=$CI_PROJECT_DIR/x&& ls", "/b/x"),
            ("export DOCKER_CERT_PATH=\"${PWD}/y\"", "/b/y"),
            ("export DOCKER_CERT_PATH=/elsewhere", "/elsewhere"),
        ];
        for (line, expected) in table {
            let found = places(Some(&response(&[line])), &claims(&[("CI_PROJECT_DIR", "/b")]));
            assert_eq!(found, [PathBuf::from(expected)].into(), "{line}");
        }
    }

    #[test]
    fn what_only_resembles_an_assignment_is_not_one() {
        let script =
            ["echo $DOCKER_CERT_PATH", "MY_DOCKER_CERT_PATH=x", "export DOCKER_CERT_PATH="];
        let found = places(Some(&response(&script)), &claims(&[("CI_PROJECT_DIR", "/b")]));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn the_jobs_variable_counts_too() {
        let claims = claims(&[("CI_PROJECT_DIR", "/b"), (VARIABLE, "tls")]);
        assert_eq!(places(None, &claims), [PathBuf::from("/b/tls")].into());
    }
}
