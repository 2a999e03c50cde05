//! Whether a script may reach the cluster past the gateway, with credentials of its own.
//!
//! Nobody sees what it changes then; that services changed while it ran is all that can be known, and
//! other jobs' changes count with it. So a script is taken for such a one only where its job has the
//! credentials in its variables, and either they are what it is given or it speaks of TLS.

use job::JobContext;
use job::settings::{CredentialSource, DockerAccess, Profile};

/// By these a docker client is given certificates
/// (<https://docs.docker.com/reference/cli/docker/#environment-variables>).
const SIGNS: [&str; 4] = ["DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "--tls", "context create"];

/// Whether a job's script may go past the gateway.
pub(super) fn is_possible(profile: &Profile, granted: DockerAccess, job: &JobContext) -> bool {
    let has_key = matches!(profile.credentials.source, CredentialSource::Variables(_));
    match granted {
        DockerAccess::None => false,
        DockerAccess::Certificates => has_key,
        DockerAccess::Gateway => {
            let mut lines = job.proofs.script_lines();
            has_key && lines.any(|line| SIGNS.iter().any(|sign| line.contains(sign)))
        }
    }
}
