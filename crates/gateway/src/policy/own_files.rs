//! Whose file system: a job that mounts a directory of its own names one that an engine elsewhere
//! does not have.
//!
//! `docker run -v $PWD:/src` makes dockerd look for the path on its own machine and, where nothing
//! is there, silently create an empty directory
//! (<https://docs.docker.com/engine/storage/bind-mounts/#differences-between--v-and---mount-behavior>).
//! The job then fails much later, over files that are plainly there. So it is told at once.
//!
//! This explains a mistake and protects nothing: paths are compared as written, no symbolic link is
//! followed, and a directory that merely contains the job's, such as `/`, is the engine's own.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use super::{Decision, Policy, RequestFacts, Verdict};

/// The name of the rule.
const RULE: &str = "own-files";

/// Refuses to mount what is the job's own, and leaves all else to another policy.
#[derive(Clone, Debug)]
pub struct OwnFiles<P> {
    directories: Vec<PathBuf>,
    rest: P,
}

impl<P: Policy> OwnFiles<P> {
    /// `directories` exist where the job's script runs, with all that is in them, and mean nothing
    /// to an engine elsewhere. One that isn't absolute is left out: a bind never is relative.
    pub fn new<D: AsRef<Path>>(directories: impl IntoIterator<Item = D>, rest: P) -> Self {
        let directories = directories.into_iter().map(|directory| clean(directory.as_ref()));
        Self {
            directories: directories.filter(|directory| directory.is_absolute()).collect(),
            rest,
        }
    }

    fn hold(&self, source: &str) -> bool {
        let source = clean(Path::new(source));
        self.directories.iter().any(|directory| source.starts_with(directory))
    }
}

impl<P: Policy> Policy for OwnFiles<P> {
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        let decision = self.rest.decide(facts);
        let own = facts.binds.iter().find(|source| self.hold(source));
        match own.filter(|_| decision.verdict == Verdict::Allow) {
            Some(path) => Decision {
                verdict: Verdict::OwnFile { path: path.clone() },
                rule: Cow::Borrowed(RULE),
            },
            None => decision,
        }
    }

    fn wants_image(&self, facts: &RequestFacts<'_>) -> bool {
        self.rest.wants_image(facts)
    }
}

/// The path without `.`, `..` and superfluous slashes.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::policy::Permit;
    use crate::route::Route;

    /// Refuses everything.
    struct Closed;

    impl Policy for Closed {
        fn decide(&self, _: &RequestFacts<'_>) -> Decision {
            Decision { verdict: Verdict::Refuse, rule: Cow::Borrowed("closed") }
        }
    }

    fn decide(policy: &impl Policy, binds: &[&str]) -> Decision {
        let (method, path) = (Method::POST, "/containers/create");
        let binds: Vec<_> = binds.iter().map(ToString::to_string).collect();
        let route = Route::of(&method, path);
        let facts =
            RequestFacts { method: &method, path, route: &route, binds: &binds, service: None };
        policy.decide(&facts)
    }

    #[test]
    fn a_bind_of_the_jobs_own_is_refused_however_it_is_written() {
        let policy = OwnFiles::new(["/builds", "/cache/./"], Permit);
        for path in [
            "/builds",
            "/builds/",
            "/builds/group/project",
            "//builds/./x",
            "/builds/../builds/x",
            "/srv/../../builds",
            "/cache",
        ] {
            let decision = decide(&policy, &["/srv", path]);
            assert_eq!(decision.verdict, Verdict::OwnFile { path: path.into() });
            assert_eq!(decision.rule, "own-files");
        }
    }

    #[test]
    fn a_bind_of_the_engines_own_is_allowed() {
        let policy = OwnFiles::new(["/builds"], Permit);
        for path in ["/", "/var/run/docker.sock", "/builds2", "/builds/../srv", "/srv/builds"] {
            assert_eq!(decide(&policy, &[path]), decide(&Permit, &[]), "{path}");
        }
    }

    #[test]
    fn without_a_directory_or_with_a_relative_one_nothing_is_the_jobs_own() {
        for directories in [vec![], vec![""], vec!["builds"]] {
            let policy = OwnFiles::new(directories, Permit);
            assert_eq!(decide(&policy, &["/builds"]).verdict, Verdict::Allow);
        }
    }

    #[test]
    fn what_another_rule_refuses_stays_that_rules() {
        assert_eq!(decide(&OwnFiles::new(["/builds"], Closed), &["/builds"]).rule, "closed");
    }
}
