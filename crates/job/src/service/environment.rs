//! What a service is told of the job: its public variables, and the service's own.
//!
//! As `GetServiceVariables` in gitlab-runner's `common/build.go` has it (19.4): the public variables
//! with the values that the job sees, and those that gitlab-runner adds itself; then the service's
//! own, expanded with all of the job's, so that a job can hand one a secret on purpose.
//!
//! Nobody marks in the environment what gitlab-runner added. It is what neither the coordinator sent
//! nor a secret is. A variable of type file is given as the path at which the job's scripts find it,
//! never as its content; 14.7 gave the content.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::context::JobContext;
use crate::response::Image;
use crate::variables::{Variable, expand};

/// Tells a custom executor of the services; no service is told of it.
const SERVICES: &str = "CI_JOB_SERVICES";

impl JobContext {
    /// The environment of `service`, each name once. Its values may be secrets.
    pub fn service_environment(&self, service: &Image) -> Vec<(String, String)> {
        let mut environment: BTreeMap<String, String> = self.public_variables().collect();
        for variable in service.variables.iter() {
            environment.insert(variable.key.clone(), self.value_for(service, variable));
        }
        environment.into_iter().collect()
    }

    fn public_variables(&self) -> impl Iterator<Item = (String, String)> {
        let public = self.claims.iter().filter(|(name, _)| self.is_public(name));
        public.map(|(name, value)| {
            let value = if self.is_file(name) { self.file_path(name) } else { value.to_owned() };
            (name.to_owned(), value)
        })
    }

    /// Whether a service may know it. Of several variables with one name the last one says it.
    fn is_public(&self, name: &str) -> bool {
        let sent = self.proofs.variables().get(name);
        name != SERVICES
            && !self.proofs.is_secret(name)
            && sent.is_none_or(|variable| variable.public)
    }

    /// The value of one of the service's own variables: what it refers to is looked for among those
    /// first.
    fn value_for(&self, service: &Image, variable: &Variable) -> String {
        let own = |name: &str| service.variables.get(name).map(|own| Cow::from(own.value.as_str()));
        match variable {
            Variable { file: true, key, .. } => self.file_path(key),
            Variable { raw: true, value, .. } => value.clone(),
            Variable { value, .. } => {
                expand(value, |name| own(name).or_else(|| self.reference(name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::context::fixture::job;

    /// The environment of the job's only service.
    fn environment(response: &str, claims: &[(&str, &str)]) -> Vec<(String, String)> {
        let job = job(response, claims);
        job.service_environment(&job.proofs.services()[0])
    }

    fn pairs<const N: usize>(list: [(&str, &str); N]) -> Vec<(String, String)> {
        list.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_service_is_told_what_is_public_and_what_the_runner_adds() {
        let found = environment(
            r#"{"id":1,"services":[{"name":"db"}],
                "variables":[{"key":"OPEN","value":"<$SECRET>","public":true},
                             {"key":"SECRET","value":"s3cret","masked":true},
                             {"key":"TWICE","value":"open","public":true},
                             {"key":"TWICE","value":"s3cret"}],
                "secrets":{"VAULT":{"vault":{}},"OPEN_BUT_VAULT":{}}}"#,
            &[
                ("OPEN", "<s3cret>"),
                ("SECRET", "s3cret"),
                ("TWICE", "s3cret"),
                ("VAULT", "s3cret"),
                ("OPEN_BUT_VAULT", "s3cret"),
                ("CI_JOB_SERVICES", "[]"),
                ("CI_PROJECT_DIR", "/builds/p"),
            ],
        );
        assert_eq!(found, pairs([("CI_PROJECT_DIR", "/builds/p"), ("OPEN", "<s3cret>")]));
    }

    #[test]
    fn a_services_own_variables_are_expanded_with_all_of_the_jobs() {
        let found = environment(
            r#"{"id":1,"variables":[{"key":"SECRET","value":"s3cret"},
                                    {"key":"USER","value":"job","public":true},
                                    {"key":"CERT","value":"PEM","file":true}],
                "services":[{"name":"db","variables":[
                    {"key":"PASSWORD","value":"$SECRET-$UNKNOWN"},
                    {"key":"USER","value":"own"},
                    {"key":"GREETING","value":"hi ${USER}"},
                    {"key":"RAW","value":"$SECRET","raw":true},
                    {"key":"CERT_FILE","value":"$CERT"},
                    {"key":"TLS","value":"$CI_SERVER_TLS_KEY_FILE"}]}]}"#,
            &[
                ("SECRET", "s3cret"),
                ("USER", "job"),
                ("CERT", "PEM"),
                ("RUNNER_TEMP_PROJECT_DIR", "/builds/p.tmp"),
                ("CI_SERVER_TLS_KEY_FILE", "PEM"),
            ],
        );
        let expected = pairs([
            ("CERT_FILE", "/builds/p.tmp/CERT"),
            ("CI_SERVER_TLS_KEY_FILE", "/builds/p.tmp/CI_SERVER_TLS_KEY_FILE"),
            ("GREETING", "hi own"),
            ("PASSWORD", "s3cret-"),
            ("RAW", "$SECRET"),
            ("RUNNER_TEMP_PROJECT_DIR", "/builds/p.tmp"),
            ("TLS", "/builds/p.tmp/CI_SERVER_TLS_KEY_FILE"),
            ("USER", "own"),
        ]);
        assert_eq!(found, expected);
    }
}
