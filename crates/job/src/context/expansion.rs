//! What a reference to a variable means in the names of images and services.

use std::borrow::Cow;

use super::JobContext;
use crate::variables::expand;

/// Variables of type file that gitlab-runner adds itself (`helpers/tls/consts.go`).
const RUNNERS_FILES: [&str; 3] =
    ["CI_SERVER_TLS_CA_FILE", "CI_SERVER_TLS_CERT_FILE", "CI_SERVER_TLS_KEY_FILE"];

impl JobContext {
    /// `text` with the references in it expanded as gitlab-runner expands names of images: a
    /// variable of type file is the path at which the job's scripts find it.
    pub fn expand(&self, text: &str) -> String {
        expand(text, |name| self.reference(name))
    }

    /// What `$name` stands for; nothing for an unknown name.
    pub(crate) fn reference(&self, name: &str) -> Option<Cow<'_, str>> {
        let sent = || self.proofs.variables().get(name).map(|variable| variable.value.as_str());
        let value = self.claims.get(name).or_else(sent)?;
        Some(if self.is_file(name) { self.file_path(name).into() } else { value.into() })
    }

    /// Whether the variable is of type file.
    pub(crate) fn is_file(&self, name: &str) -> bool {
        self.proofs.is_file(name) || RUNNERS_FILES.contains(&name)
    }

    /// Where a script finds the file of the variable `name`. An older gitlab-runner (14.7) says only
    /// where the project is, which its temporary directory is beside (`TmpProjectDir` in
    /// `common/build.go`).
    pub(crate) fn file_path(&self, name: &str) -> String {
        let directory = self.claims.get("RUNNER_TEMP_PROJECT_DIR").map(str::to_owned);
        let project = || self.claims.get("CI_PROJECT_DIR").unwrap_or_default();
        format!("{}/{name}", directory.unwrap_or_else(|| format!("{}.tmp", project())))
    }
}

#[cfg(test)]
mod tests {
    use crate::context::fixture::job;

    #[test]
    fn names_are_expanded_with_what_the_job_sees() {
        let job = job(
            r#"{"id":1,"variables":[{"key":"TAG","value":"$A"},{"key":"SENT","value":"sent"},
                {"key":"FILE","value":"content","file":true}],
                "secrets":{"VAULT":{},"PLAIN":{"file":false}}}"#,
            &[
                ("TAG", "16"),
                ("FILE", "content"),
                ("VAULT", "s3cret"),
                ("PLAIN", "plain"),
                ("CI_PROJECT_DIR", "/builds/p"),
            ],
        );
        let table = [
            ("postgres:$TAG", "postgres:16"),
            ("${SENT}", "sent"),
            ("$NOWHERE.", "."),
            ("$FILE", "/builds/p.tmp/FILE"),
            ("$VAULT", "/builds/p.tmp/VAULT"),
            ("$PLAIN", "plain"),
        ];
        for (text, expected) in table {
            assert_eq!(job.expand(text), expected, "{text}");
        }
    }
}
