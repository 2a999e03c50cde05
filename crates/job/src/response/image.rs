//! What the job says of an image, its own or a service's.

use serde::Deserialize;

use super::null_is_default;
use crate::failure::{Failure, Result};
use crate::pull_policy::{PullPolicy, UnknownPolicy};
use crate::variables::Variables;

/// An image that the job or one of its services asks for. Everything in it may hold unexpanded
/// references. An older gitlab-runner leaves out what it doesn't know; 14.7 knows name, alias,
/// entrypoint and command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// A service's further host names, separated by spaces or commas.
    pub alias: Option<String>,
    /// What to start instead of the image's ENTRYPOINT. `[""]` asks for none; the empty list is as
    /// good as an absent one.
    pub entrypoint: Option<Vec<String>>,
    /// What to start instead of the image's CMD.
    pub command: Option<Vec<String>>,
    /// A service's own variables.
    #[serde(deserialize_with = "null_is_default")]
    pub variables: Variables,
    /// When to pull it, in words; [`Image::pull_policies`] reads them.
    #[serde(deserialize_with = "null_is_default")]
    pull_policy: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    executor_opts: ExecutorOptions,
}

impl Image {
    /// When to pull it, in the order to try; empty when the job says nothing.
    ///
    /// # Errors
    /// The job's, for a word that is no pull policy.
    pub fn pull_policies(&self) -> Result<Vec<PullPolicy>> {
        let read = |word: &String| {
            word.parse().map_err(|error: UnknownPolicy| {
                Failure::job(format!("cannot tell when to pull the image {}", self.name))
                    .caused_by(error)
                    .hint("correct `pull_policy` in .gitlab-ci.yml, or leave it out")
            })
        };
        self.pull_policy.iter().map(read).collect()
    }

    /// The platform to pull it for.
    pub fn platform(&self) -> Option<&str> {
        self.executor_opts.docker.platform.as_deref().filter(|platform| !platform.is_empty())
    }

    /// The user to run as, over what the image says.
    pub fn user(&self) -> Option<&str> {
        self.executor_opts.docker.user.as_deref().filter(|user| !user.is_empty())
    }
}

/// The part of an image that counts with some executors only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ExecutorOptions {
    #[serde(deserialize_with = "null_is_default")]
    docker: DockerOptions,
}

/// Absent options are empty texts, for gitlab-runner writes the file anew.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct DockerOptions {
    platform: Option<String>,
    user: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_read_with_all_that_the_job_says_of_it() {
        let image: Image = serde_json::from_str(
            r#"{"name":"postgres:$VERSION","alias":"db,database","entrypoint":[""],"command":["-c"],
                "ports":[{"number":80}],"variables":[{"key":"A","value":"1"}],
                "pull_policy":["always","if-not-present"],
                "executor_opts":{"docker":{"platform":"arm64","user":"dave"},
                                 "kubernetes":{"user":"1000"}}}"#,
        )
        .unwrap();
        assert_eq!(image.alias.as_deref(), Some("db,database"));
        assert_eq!(image.entrypoint, Some(vec![String::new()]));
        assert_eq!(image.command, Some(vec!["-c".to_owned()]));
        assert_eq!(image.variables.expanded("A").as_deref(), Some("1"));
        let policies = image.pull_policies().unwrap();
        assert_eq!(policies, [PullPolicy::Always, PullPolicy::IfNotPresent]);
        assert_eq!((image.platform(), image.user()), (Some("arm64"), Some("dave")));
    }

    #[test]
    fn what_an_image_does_not_say_is_absent() {
        let absent = r#"{"name":"a"}"#;
        let empty = r#"{"name":"a","entrypoint":null,"variables":null,"pull_policy":null,
            "executor_opts":{"docker":{"platform":"","user":""},"kubernetes":{"user":""}}}"#;
        for json in [absent, empty] {
            let image: Image = serde_json::from_str(json).unwrap();
            assert_eq!((image.platform(), image.user()), (None, None), "{json}");
            assert_eq!((&image.entrypoint, &image.command), (&None, &None), "{json}");
            assert_eq!(image.pull_policies().unwrap(), [], "{json}");
        }
    }

    #[test]
    fn an_unknown_pull_policy_is_the_jobs_failure_when_the_image_is_used() {
        let image: Image =
            serde_json::from_str(r#"{"name":"alpine","pull_policy":["sometimes"]}"#).unwrap();
        let failure = image.pull_policies().unwrap_err();
        assert_eq!(failure.blame(), crate::Blame::Job);
        let text = failure.render();
        assert!(text.contains("image alpine: there is no pull policy \"sometimes\""), "{text}");
    }
}
