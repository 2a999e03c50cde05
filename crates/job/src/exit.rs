//! Exit codes: the contract with gitlab-runner, chosen in one match.
//!
//! <https://docs.gitlab.com/runner/executors/custom/#error-handling>: a build failure is the job's
//! fault, a system failure may be retried, and any other code is an unknown failure. The two codes
//! are handed over in the environment.

use crate::environment::Environment;
use crate::failure::Blame;

/// The exit codes that gitlab-runner told this stage to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureCodes {
    build: u8,
    system: u8,
}

/// How a stage ended.
#[derive(Debug)]
pub enum Ending {
    /// As it should.
    Success,
    /// The script ended with this exit code, which isn't 0; 128 + n for death by signal n.
    Script(i32),
    /// A failure, already told to whoever reads the job log.
    Failed(Blame),
}

impl FailureCodes {
    /// Reads `BUILD_FAILURE_EXIT_CODE` and `SYSTEM_FAILURE_EXIT_CODE`. What is absent or isn't a
    /// code becomes 1 and 2, which is what gitlab-runner has always used
    /// (`executors/custom/command/command.go`), so that cleanup works with no environment at all.
    pub fn read(environment: &dyn Environment) -> Self {
        let code = |name, default| {
            let given = environment.text(name).and_then(|text| text.trim().parse().ok());
            given.filter(|code| *code != 0).unwrap_or(default)
        };
        Self {
            build: code("BUILD_FAILURE_EXIT_CODE", 1),
            system: code("SYSTEM_FAILURE_EXIT_CODE", 2),
        }
    }

    /// The process's exit code for `ending`.
    pub fn exit_code(self, ending: &Ending) -> u8 {
        match ending {
            Ending::Success => 0,
            Ending::Script(_) | Ending::Failed(Blame::Job) => self.build,
            Ending::Failed(Blame::System) => self.system,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_codes_are_those_that_the_runner_gave() {
        let given = BTreeMap::from([
            ("BUILD_FAILURE_EXIT_CODE".to_owned(), "41".to_owned()),
            ("SYSTEM_FAILURE_EXIT_CODE".to_owned(), "42".to_owned()),
        ]);
        let codes = FailureCodes::read(&given);
        assert_eq!(codes.exit_code(&Ending::Success), 0);
        assert_eq!(codes.exit_code(&Ending::Script(3)), 41);
        assert_eq!(codes.exit_code(&Ending::Failed(Blame::Job)), 41);
        assert_eq!(codes.exit_code(&Ending::Failed(Blame::System)), 42);
    }

    #[test]
    fn a_code_that_would_read_as_success_is_not_believed() {
        let zero = BTreeMap::from([
            ("BUILD_FAILURE_EXIT_CODE".to_owned(), "0".to_owned()),
            ("SYSTEM_FAILURE_EXIT_CODE".to_owned(), "many".to_owned()),
        ]);
        let codes = FailureCodes::read(&zero);
        assert_eq!(codes, FailureCodes { build: 1, system: 2 });
    }
}
