//! Why a container can't be made or started, in the words of the person who has to act.
//!
//! What a profile can say wrong is the system's, what an image lacks or a job can say wrong is
//! whoever's who named it.

use job::{Blame, Failure};

use super::agent::{AGENT_PATH, AgentProgram};
use super::marks::Role;
use super::plan::Subject;
use super::refusal::Refusal;

/// The remedy for a full disk.
pub(super) const MAKE_ROOM: &str =
    "make room on the engine's machine, for instance with `docker system prune`";

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A container of that name is there.
    NameTaken,
    NoNetwork,
    NoAgent,
    NotExecutable,
    NoImage,
    NoUser,
    NoCommand,
    NoRuntime,
    NoDevice,
    Limits,
    Security,
    Mounts,
    Hosts,
    DiskFull,
    Other,
}

/// What engines say, in lower case. The first kind with a match counts: [`Trouble::NoCommand`] has
/// the kernel's most general words, and so is the last.
const SAID: [(Trouble, &[&str]); 13] = [
    (Trouble::NameTaken, &["is already in use by container"]),
    (Trouble::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (Trouble::NotExecutable, &["exec format error"]),
    (Trouble::NoImage, &["no such image"]),
    (Trouble::NoUser, &["unable to find user", "unable to find group"]),
    (
        Trouble::NoRuntime,
        &["unknown runtime", "invalid runtime name", "runtime name", "shim binary"],
    ),
    (Trouble::NoDevice, &["error gathering device information", "could not select device driver"]),
    (
        Trouble::Limits,
        &[
            "range of cpus",
            "cpus are not available",
            "memory limit",
            "minimum memory",
            "memoryswap",
            "rlimit",
            "shm size",
            "cannot allocate memory",
            "cgroup",
        ],
    ),
    (Trouble::Security, &["security-opt", "unknown capability", "seccomp", "apparmor", "selinux"]),
    (Trouble::Hosts, &["add-host", "invalid ip address in add-host"]),
    (
        Trouble::Mounts,
        &[
            "bind source path",
            "invalid mount",
            "invalid volume specification",
            "invalid mode",
            "duplicate mount point",
            "error mounting",
            "tmpfs option",
            "local volume name",
            "error while mounting volume",
            "error while creating mount source path",
        ],
    ),
    (Trouble::NoNetwork, &["network swarm-executor"]),
    (
        Trouble::NoCommand,
        &["executable file not found", "no such file or directory", "permission denied"],
    ),
];

impl Trouble {
    /// What the engine's words mean.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let agent_is_missing =
            refusal.says(AGENT_PATH) && refusal.says("no such file or directory");
        if agent_is_missing {
            return Self::NoAgent;
        }
        let kind = SAID.iter().find(|(_, said)| said.iter().any(|text| refusal.says(text)));
        match kind {
            Some((Self::NoNetwork, _)) if !refusal.says("not found") => Self::Other,
            Some((kind, _)) => *kind,
            None => Self::Other,
        }
    }

    /// The failure to show; the engine's words are its cause.
    pub(super) fn into_failure(self, subject: &Subject, agent: &AgentProgram) -> Failure {
        let message = format!("{subject} can't be started: {}", self.reason(subject, agent));
        let failure = Failure::new(self.blame(subject), message);
        match self.remedy(subject) {
            Some(remedy) => failure.hint(remedy),
            None => failure,
        }
    }

    fn blame(self, subject: &Subject) -> Blame {
        match self {
            Self::NoUser if !subject.user_by_profile => Blame::Job,
            Self::NoCommand | Self::NotExecutable if subject.is_service() => subject.named_by(),
            Self::NameTaken
            | Self::NoNetwork
            | Self::NoAgent
            | Self::NotExecutable
            | Self::NoImage
            | Self::NoUser
            | Self::NoCommand
            | Self::NoRuntime
            | Self::NoDevice
            | Self::Limits
            | Self::Security
            | Self::Mounts
            | Self::Hosts
            | Self::DiskFull
            | Self::Other => Blame::System,
        }
    }

    fn reason(self, subject: &Subject, agent: &AgentProgram) -> String {
        match self {
            Self::NameTaken => "a container of its name is there and can't be removed".to_owned(),
            Self::NoNetwork => "its network is gone".to_owned(),
            Self::NoAgent => format!("{AGENT_PATH} is missing in it"),
            Self::NotExecutable if subject.is_service() => {
                "its program is for another platform".to_owned()
            }
            Self::NotExecutable => {
                format!("the engine can't execute the agent, which is for {}", agent.architecture())
            }
            Self::NoImage => "the engine has lost its image".to_owned(),
            Self::NoUser => "the image doesn't know its user or group".to_owned(),
            Self::NoCommand if subject.is_service() => {
                "the image doesn't have the program it is to run".to_owned()
            }
            Self::NoCommand => "the engine can't execute the agent in it".to_owned(),
            Self::NoRuntime => "the engine doesn't have its runtime".to_owned(),
            Self::NoDevice => "the engine's machine doesn't have a device of it".to_owned(),
            Self::Limits => "the engine can't set its limits".to_owned(),
            Self::Security => "the engine doesn't take its security options".to_owned(),
            Self::Mounts => "the engine can't mount all of its volumes".to_owned(),
            Self::Hosts => "the engine doesn't take its extra hosts".to_owned(),
            Self::DiskFull => "the engine's disk is full".to_owned(),
            Self::Other => "the engine refuses".to_owned(),
        }
    }

    fn remedy(self, subject: &Subject) -> Option<&'static str> {
        Some(match self {
            Self::NotExecutable if subject.is_service() => {
                "name an image for the engine's platform, or its platform in `docker:platform`"
            }
            Self::NotExecutable => "install the agent that is built for the engine's machine",
            Self::NoImage => "retry the job; let nothing remove images while jobs run",
            Self::NoUser if subject.user_by_profile => "check `user` in the profile",
            Self::NoUser => "name a user by its number, or one that is in the image's /etc/passwd",
            Self::NoCommand if subject.is_service() => {
                "check the service's `entrypoint` and `command`"
            }
            Self::NoRuntime => "check `runtime` in the profile, and the engine's daemon.json",
            Self::NoDevice => "check `devices` in the profile",
            Self::Limits => {
                "check the limits in the profile, such as `cpus` and `memory`, and what the engine's machine has"
            }
            Self::Security => "check `security_opt`, `cap_add` and `cap_drop` in the profile",
            Self::Mounts => "check `volumes` and `tmpfs` in the profile",
            Self::Hosts => "check `extra_hosts` in the profile",
            Self::DiskFull => MAKE_ROOM,
            Self::NameTaken => "look for what else removes or makes containers on the engine",
            Self::NoNetwork => "let nothing remove networks while jobs run",
            Self::NoAgent | Self::NoCommand | Self::Other => return None,
        })
    }
}

impl Subject {
    /// Whether what it starts is the image's, not the agent.
    pub(super) fn is_service(&self) -> bool {
        matches!(self.role, Role::Service(_))
    }

    fn named_by(&self) -> Blame {
        if self.image_by_job { Blame::Job } else { Blame::System }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.role {
            Role::Service(_) => write!(f, "the service {}", self.image),
            Role::Build => write!(f, "the build container of image {}", self.image),
            Role::Helper => write!(f, "the helper container of image {}", self.image),
            Role::Courier => write!(f, "the agent's courier of image {}", self.image),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble::*;
    use super::*;

    /// From engines 20.10.24 and 28.5.2, with runc 1.1.5.
    #[test]
    fn what_engines_say_is_understood() {
        for (words, kind) in [
            (
                "Conflict. The container name \"/t1\" is already in use by container \"a936\". You have to remove (or rename) that container to be able to reuse that name.",
                NameTaken,
            ),
            ("network swarm-executor not found", NoNetwork),
            (
                "Could not attach to network swarm-executor: rpc error: code = NotFound desc = network swarm-executor not found",
                NoNetwork,
            ),
            (
                "failed to set up container networking: network swarm-executor-gitlab.com-7 not found",
                NoNetwork,
            ),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/opt/swarm-executor/swarm-executor-agent\": stat /opt/swarm-executor/swarm-executor-agent: no such file or directory: unknown",
                NoAgent,
            ),
            (
                "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"/opt/swarm-executor/swarm-executor-agent\": stat /opt/swarm-executor/swarm-executor-agent: no such file or directory: unknown",
                NoAgent,
            ),
            ("exec /opt/swarm-executor/swarm-executor-agent: exec format error", NotExecutable),
            ("No such image: sha256:0000", NoImage),
            ("unable to find user nosuch: no matching entries in passwd file", NoUser),
            ("unable to find group nosuch: no matching entries in group file", NoUser),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown",
                NoCommand,
            ),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/etc/passwd\": permission denied: unknown",
                NoCommand,
            ),
            ("Unknown runtime specified runsc", NoRuntime),
            ("unknown or invalid runtime name: runsc", NoRuntime),
            (
                "error gathering device information while adding custom device \"/dev/kvmx\": no such file or directory",
                NoDevice,
            ),
            ("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", Limits),
            ("Minimum memory limit allowed is 6MB", Limits),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown",
                Limits,
            ),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: wrong rlimit value: RLIMIT_NOPE: unknown",
                Limits,
            ),
            ("invalid CapAdd: unknown capability: \"CAP_NOPE\"", Security),
            ("invalid --security-opt 2: \"nope=1\"", Security),
            (
                "Decoding seccomp profile failed: invalid character '/' looking for beginning of value",
                Security,
            ),
            ("bad format for add-host: \"nope\"", Hosts),
            (
                "invalid mount config for type \"bind\": bind source path does not exist: /nope",
                Mounts,
            ),
            ("invalid mount path: 'relative' mount path must be absolute", Mounts),
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting \"tmpfs\" to rootfs at \"/x\": mount tmpfs:/x (via /proc/self/fd/6), flags: 0xe, data: size=bogus: invalid argument: unknown",
                Mounts,
            ),
            ("mkdir /var/lib/docker/overlay2/0-init: no space left on device", DiskFull),
            ("network swarm-executor is ambiguous (2 matches found on name)", Other),
            ("the moon is in the wrong phase", Other),
        ] {
            assert_eq!(Trouble::of(&Refusal::new(500, words)), kind, "{words}");
        }
    }
}
