//! Jobs and profiles for the tests beside.

use std::collections::BTreeMap;

use docker::images::{Platform, Reference, WantedImage};
use job::settings::Settings;
use job::{Blame, JobContext, ProcessEnvironment, PullPolicy};

use super::wanted::Asked;
use crate::arguments::StageArguments;
use crate::job_log::JobLog;
use crate::stage::Stage;

/// The job that `response` describes, with `claims` as gitlab-runner would export them.
pub(super) fn job(response: &str, claims: &[(&str, &str)]) -> JobContext {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), response).unwrap();
    let claims = claims.iter().map(|(name, value)| (format!("CUSTOM_ENV_{name}"), *value));
    let response = ("JOB_RESPONSE_FILE".to_owned(), file.path().to_str().unwrap());
    let environment = claims.chain([response]).map(|(name, value)| (name, value.to_owned()));
    JobContext::read(&environment.collect::<BTreeMap<_, _>>()).unwrap()
}

/// A stage of a profile with placement `engine` and these lines; the section `engine` comes last.
pub(super) fn stage(profile: &str) -> Stage<'static> {
    let text = format!("[profile.default]\nplacement = \"engine\"\n{profile}\n");
    let settings = Settings::parse(&text, "settings.toml".as_ref()).unwrap();
    Stage {
        environment: &ProcessEnvironment,
        arguments: StageArguments::default(),
        profile: settings.profile("default").unwrap(),
        settings_path: "settings.toml".into(),
        log: JobLog::Stderr,
        no_diagnostics: None,
    }
}

/// An image that a job asks for by name only.
pub(super) fn asked(name: &str) -> Asked {
    let image = WantedImage {
        reference: Reference::parse(name).unwrap(),
        platform: None::<Platform>,
        policies: vec![PullPolicy::Always],
        asked_by: Blame::Job,
    };
    Asked { image, entrypoint: None, command: None, user: None }
}
