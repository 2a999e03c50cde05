//! The three texts that open a cluster: its CA, a client certificate and that certificate's key.

use std::fmt;
use std::path::PathBuf;

use job::Blame;

/// One of the three texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The CA that signed the server's certificate: `ca.pem`.
    Ca,
    /// The client certificate, with intermediates after it: `cert.pem`.
    Certificate,
    /// The client certificate's private key: `key.pem`.
    Key,
}

/// Where credentials came from, and so who answers for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Variables of the job, by name.
    Variables(VariableNames),
    /// A directory on the runner machine.
    Directory(PathBuf),
    /// A command on the runner machine: the program's name, never its arguments.
    Command(String),
}

/// The names of the three variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableNames {
    /// Holds the CA.
    pub ca: String,
    /// Holds the client certificate.
    pub certificate: String,
    /// Holds the client key.
    pub key: String,
}

impl Default for VariableNames {
    fn default() -> Self {
        Self {
            ca: "DOCKER_MACHINE_CA".into(),
            certificate: "DOCKER_MACHINE_CLIENT_CERT".into(),
            key: "DOCKER_MACHINE_CLIENT_KEY".into(),
        }
    }
}

impl Origin {
    /// Who has to act when the content is wrong.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Variables(_) => Blame::Job,
            Self::Directory(_) | Self::Command(_) => Blame::System,
        }
    }

    /// The part's name as a person would look for it.
    pub fn name_of(&self, part: Part) -> String {
        match self {
            Self::Variables(names) => names.name_of(part).to_owned(),
            Self::Directory(path) => path.join(part.file_name()).display().to_string(),
            Self::Command(program) => format!("\"{}\" from {program}", part.field()),
        }
    }
}

impl VariableNames {
    fn name_of(&self, part: Part) -> &str {
        match part {
            Part::Ca => &self.ca,
            Part::Certificate => &self.certificate,
            Part::Key => &self.key,
        }
    }
}

impl Part {
    /// All three, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::Ca, Self::Certificate, Self::Key];

    /// The file's name in a certificates directory, as the Docker CLI expects it
    /// (<https://docs.docker.com/engine/security/protect-access/#secure-by-default>).
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Ca => "ca.pem",
            Self::Certificate => "cert.pem",
            Self::Key => "key.pem",
        }
    }

    /// The field's name in what a credentials command prints.
    fn field(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Certificate => "cert",
            Self::Key => "key",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ca => "CA certificate",
            Self::Certificate => "client certificate",
            Self::Key => "client key",
        })
    }
}
