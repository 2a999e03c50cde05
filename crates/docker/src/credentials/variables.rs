//! Credentials from the job's variables.

use job::settings::VariableNames;
use job::{Failure, Result};

use super::{Credentials, Origin, Part};
use crate::pem::Flaw;

/// What to do about a variable that is not there
/// (<https://docs.gitlab.com/ci/variables/#protect-a-cicd-variable>).
pub(super) const WHERE_TO_ADD: &[&str] = &[
    "add it in GitLab under Settings > CI/CD > Variables of the project or its group",
    "a protected variable exists only in jobs of protected branches and tags; one with an \
     environment scope only in jobs of that environment",
];

/// What a job gets to read that lacks the variable `name`, which holds `what`.
pub fn missing_variable(name: &str, what: &str) -> Failure {
    let failure = Failure::job(format!("{name} ({what}) is missing"));
    WHERE_TO_ADD.iter().fold(failure, |failure, hint| failure.hint(*hint))
}

impl Credentials {
    /// Reads the job's variables; `look_up` gives a variable's value by its name.
    ///
    /// # Errors
    /// The job's, with everything that is wrong with any of the three.
    pub fn from_variables<T: AsRef<[u8]>>(
        names: &VariableNames,
        look_up: impl Fn(&str) -> Option<T>,
    ) -> Result<Self> {
        let value = |part: Part| look_up(part.variable(names)).ok_or(Flaw::Missing);
        Self::read(Origin::Variables(names.clone()), value)
    }
}
