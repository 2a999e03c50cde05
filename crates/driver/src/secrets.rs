//! Where secrets come to lie in a build directory, by the job's own hand or by gitlab-runner's.
//!
//! The article's job says `export DOCKER_CERT_PATH="certs"` in its script, makes that directory and
//! echoes three secrets into it; when the line after fails, its own `rm -rf` never runs. So both
//! the job's variable and every assignment in its script are looked at. gitlab-runner itself writes
//! file-type variables beside the project and removes them only in a stage that a timeout skips
//! (`cleanup_file_variables`, <https://docs.gitlab.com/runner/executors/custom/#run>).
//!
//! All paths are what the job says. Here they are compared as words, without `.` and `..`, which is
//! exact where no name is a symbolic link; the wiping follows none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use job::{Claims, expand};
use serde::{Deserialize, Serialize};

use crate::placement::HostPlace;

const VARIABLE: &str = "DOCKER_CERT_PATH";

/// Where to look for a job's secrets: absolute paths inside its build directory.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct SecretPlaces {
    /// Where a script may have made `ca.pem`, `cert.pem` and `key.pem`.
    pub(crate) certificates: BTreeSet<PathBuf>,
    /// Where gitlab-runner writes file-type variables, and nothing but secrets.
    pub(crate) variables: Option<PathBuf>,
}

impl SecretPlaces {
    /// The places of a job with this script, when it runs at `place`.
    ///
    /// In a directory that is the job's alone, all of it counts; in one that other jobs share, only
    /// the project.
    pub(crate) fn of<'a>(
        place: &HostPlace,
        claims: &'a Claims,
        script: impl Iterator<Item = &'a str>,
    ) -> Self {
        let builds = plain(&place.builds_directory);
        let named = claims.get("CI_PROJECT_DIR").and_then(|path| inside(&builds, Path::new(path)));
        let Some(project) = named.filter(|project| *project != builds) else {
            return Self::default();
        };
        let bounds = if place.shared { &project } else { &builds };
        let lookup = |name: &str| if name == "PWD" { project.to_str() } else { claims.get(name) };
        let variable = claims.get(VARIABLE).filter(|value| !value.is_empty());
        let certificates = variable
            .into_iter()
            .chain(script.flat_map(assignments))
            .filter_map(|value| inside(bounds, &project.join(expand(value, lookup))))
            .collect();
        Self { certificates, variables: Some(beside(&project)) }
    }
}

/// `path` without `.` and `..`, unless it then is outside of `root`.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let path = plain(path);
    path.starts_with(root).then_some(path)
}

fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            Component::RootDir | Component::Normal(_) | Component::Prefix(_) => {
                plain.push(component);
            }
        }
        plain
    })
}

/// gitlab-runner's `RUNNER_TEMP_PROJECT_DIR`.
fn beside(project: &Path) -> PathBuf {
    let mut path = OsString::from(project);
    path.push(".tmp");
    PathBuf::from(path)
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

    fn place(shared: bool) -> HostPlace {
        HostPlace { builds_directory: "/b".into(), cache_directory: "/cache".into(), shared }
    }

    fn certificates(place: &HostPlace, script: &[&str]) -> Vec<PathBuf> {
        let claims = claims(&[("CI_PROJECT_DIR", "/b/g/p")]);
        let places = SecretPlaces::of(place, &claims, script.iter().copied());
        places.certificates.into_iter().collect()
    }

    #[test]
    fn the_articles_own_export_is_found() {
        let script = ["export DOCKER_TLS_VERIFY=\"1\"", "export DOCKER_CERT_PATH=\"certs\""];
        assert_eq!(certificates(&place(false), &script), [PathBuf::from("/b/g/p/certs")]);
    }

    #[test]
    fn every_way_to_assign_is_read() {
        let table = [
            ("DOCKER_CERT_PATH=certs docker ps", "/b/g/p/certs"),
            ("export A=1 DOCKER_CERT_PATH='my certs'; ls", "/b/g/p/my certs"),
            ("DOCKER_CERT_PATH=$CI_PROJECT_DIR/x&& ls", "/b/g/p/x"),
            ("export DOCKER_CERT_PATH=\"${PWD}/./y/../z\"", "/b/g/p/z"),
        ];
        for (line, expected) in table {
            assert_eq!(certificates(&place(false), &[line]), [PathBuf::from(expected)], "{line}");
        }
    }

    #[test]
    fn what_only_resembles_an_assignment_is_not_one() {
        let script =
            ["echo $DOCKER_CERT_PATH", "MY_DOCKER_CERT_PATH=x", "export DOCKER_CERT_PATH="];
        assert!(certificates(&place(false), &script).is_empty());
    }

    #[test]
    fn the_jobs_variable_counts_too() {
        let claims = claims(&[("CI_PROJECT_DIR", "/b/p"), (VARIABLE, "tls")]);
        let places = SecretPlaces::of(&place(false), &claims, std::iter::empty());
        assert_eq!(places.certificates, [PathBuf::from("/b/p/tls")].into());
        assert_eq!(places.variables, Some("/b/p.tmp".into()));
    }

    #[test]
    fn no_path_leads_out_of_the_build_directory() {
        for path in ["/etc/docker", "../../../etc", "/b/../etc", "/bb"] {
            let line = format!("export DOCKER_CERT_PATH={path}");
            assert!(certificates(&place(false), &[&line]).is_empty(), "{path}");
        }
        for project in ["/etc", "/b/../etc", "/b"] {
            let claims = claims(&[("CI_PROJECT_DIR", project), (VARIABLE, "docker")]);
            let places = SecretPlaces::of(&place(true), &claims, std::iter::empty());
            assert_eq!(places, SecretPlaces::default(), "{project}");
        }
    }

    #[test]
    fn in_a_shared_directory_other_projects_are_out_of_reach() {
        let script = ["export DOCKER_CERT_PATH=../other/certs"];
        assert_eq!(certificates(&place(false), &script), [PathBuf::from("/b/g/other/certs")]);
        assert!(certificates(&place(true), &script).is_empty());
    }
}
