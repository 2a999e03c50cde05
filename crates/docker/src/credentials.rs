//! The three texts that open a cluster: its CA, a client certificate and that certificate's key.
//!
//! They come from the job's variables, from a directory on the runner machine or from a command
//! that the operator names. Whatever is wrong with any of the three is reported together, by the
//! name under which a person finds it. Whether they fit together and are valid today is for
//! [`Identity`](crate::Identity) to say.

mod command;
mod directory;
#[cfg(test)]
mod tests;
mod variables;

use std::fmt;
use std::path::PathBuf;

use job::settings::VariableNames;
use job::{Blame, Failure, Result, Secret};
use rustls::pki_types::CertificateDer;

use crate::pem::{self, Flaw, PrivateKey};

pub use self::command::Command;
pub use self::variables::missing_variable;

/// Read and well-formed credentials. `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct Credentials {
    origin: Origin,
    ca: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKey,
    warnings: Vec<String>,
}

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
            Self::Variables(names) => part.variable(names).to_owned(),
            Self::Directory(path) => path.join(part.file_name()).display().to_string(),
            Self::Command(program) => format!("\"{}\" from {program}", part.field()),
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

    /// The variable that holds it.
    fn variable(self, names: &VariableNames) -> &str {
        match self {
            Self::Ca => &names.ca,
            Self::Certificate => &names.certificate,
            Self::Key => &names.key,
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

impl Credentials {
    /// Where they came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The same credentials, answered for by where they first came from: for a copy that was made
    /// in between.
    #[must_use]
    pub fn attributed_to(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The CA's certificates, at least one.
    pub fn ca(&self) -> &[CertificateDer<'static>] {
        &self.ca
    }

    /// The client's certificate and the intermediates that came with it.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The client's private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// What is odd about where they were found.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// One part as canonical PEM, for a certificates directory.
    pub fn text(&self, part: Part) -> Secret {
        match part {
            Part::Ca => pem::certificates_text(&self.ca).into(),
            Part::Certificate => pem::certificates_text(&self.chain).into(),
            Part::Key => self.key.to_text(),
        }
    }

    /// Reads what `look_up` finds for each part.
    fn read<T>(origin: Origin, look_up: impl Fn(Part) -> Result<T, Flaw>) -> Result<Self>
    where
        T: AsRef<[u8]>,
    {
        let ca = look_up(Part::Ca).and_then(|text| pem::certificates(text.as_ref()));
        let chain = look_up(Part::Certificate).and_then(|text| pem::certificates(text.as_ref()));
        let key = look_up(Part::Key).and_then(|text| pem::private_key(text.as_ref()));
        match (ca, chain, key) {
            (Ok(ca), Ok(chain), Ok(key)) => {
                Ok(Self { origin, ca, chain, key, warnings: Vec::new() })
            }
            (ca, chain, key) => {
                let flaws = Part::ALL.into_iter().zip([ca.err(), chain.err(), key.err()]);
                let flaws: Vec<_> = flaws.filter_map(|(part, flaw)| Some((part, flaw?))).collect();
                Err(origin.failure(&flaws))
            }
        }
    }
}

impl Origin {
    /// Every flaw in one failure, each with the name of its part.
    fn failure(&self, flaws: &[(Part, Flaw)]) -> Failure {
        let lines: Vec<_> = flaws
            .iter()
            .map(|(part, flaw)| format!("{} ({part}) {flaw}", self.name_of(*part)))
            .collect();
        let mut hints: Vec<_> = flaws.iter().filter_map(|(_, flaw)| flaw.remedy()).collect();
        if flaws.iter().any(|(_, flaw)| matches!(flaw, Flaw::Missing | Flaw::Empty)) {
            hints.extend(self.where_to_add());
        }
        let failure = Failure::new(self.blame(), lines.join("\n"));
        hints.into_iter().fold(failure, Failure::hint)
    }

    fn where_to_add(&self) -> &'static [&'static str] {
        match self {
            Self::Variables(_) => variables::WHERE_TO_ADD,
            Self::Directory(_) => {
                &["put it there, or name another directory in the profile's credentials"]
            }
            Self::Command(_) => {
                &["it must print one JSON object with \"ca\", \"cert\" and \"key\""]
            }
        }
    }
}
