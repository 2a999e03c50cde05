//! The agent's program as an engine gets it: checked, named by its content, packed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use elf::ElfBytes;
use elf::abi::{EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, PT_INTERP};
use elf::endian::AnyEndian;
use job::{Failure, JobKey, Result};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::marks::PREFIX;

/// Where the agent's volume is in a container.
pub const AGENT_DIRECTORY: &str = "/opt/swarm-executor";

/// The agent's program in a container.
pub const AGENT_PATH: &str = "/opt/swarm-executor/swarm-executor-agent";

/// What the program is called in its volume.
const FILE_NAME: &str = "swarm-executor-agent";

/// How many hexadecimal digits of its hash are in its volume's name.
const DIGITS: usize = 12;

const BUILD_STATIC: &str = "build it with `cargo rustc -p agent --bin swarm-executor-agent \
    --release -- -C target-feature=+crt-static`, or take it from a release";

/// The program that becomes the first process of build and helper containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProgram {
    bytes: Bytes,
    architecture: String,
    volume: String,
}

/// The words that make the agent the first process of the container with this name.
pub(super) fn serve_command(container: &str) -> Vec<String> {
    [AGENT_PATH, "serve", container].map(str::to_owned).into()
}

/// The words that, executed in the container with this name, connect stdin and stdout to its agent.
pub(super) fn bridge_command(container: &str) -> Vec<String> {
    [AGENT_PATH, "bridge", container].map(str::to_owned).into()
}

impl AgentProgram {
    /// Reads the program at `path` on the runner machine.
    ///
    /// # Errors
    /// The system's: it can't be read, is no program, or would find no libraries in a container.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::system(format!("cannot read the agent {}", path.display()))
                .caused_by(error)
                .hint("install swarm-executor-agent beside the other swarm-executor programs")
        })?;
        let architecture = inspect(&bytes).map_err(|flaw| flaw.into_failure(path))?;
        let hash = format!("{:x}", Sha256::digest(&bytes));
        let volume = format!("{PREFIX}-agent-{}", &hash[..DIGITS]);
        Ok(Self { bytes: bytes.into(), architecture, volume })
    }

    /// What it runs on, in the words of images: `amd64`, `arm64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The name of its volume: another program's is another.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// The program as a tar archive of two entries.
    ///
    /// The engine unpacks one after the other, and removes what it meets under an entry's name. So
    /// the program is written under a name that only this job uses, and appears whole under its own
    /// as a hard link to it. No delivery breaks another one, and none that broke off is in the way.
    pub(super) fn packed(&self, key: &JobKey) -> std::io::Result<Bytes> {
        let written = PathBuf::from(format!("{FILE_NAME}.{key}"));
        let mut tar = Builder::new(Vec::with_capacity(self.bytes.len() + 4096));
        let mut program = header(EntryType::Regular, self.bytes.len() as u64);
        tar.append_data(&mut program, &written, &self.bytes[..])?;
        tar.append_link(&mut header(EntryType::Link, 0), FILE_NAME, &written)?;
        tar.into_inner().map(Bytes::from)
    }
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(size);
    header
}

/// Why a file can't be the agent.
enum Flaw {
    NoProgram,
    Dynamic,
}

/// The architecture of a static program.
fn inspect(bytes: &[u8]) -> Result<String, Flaw> {
    let elf = ElfBytes::<AnyEndian>::minimal_parse(bytes).map_err(|_| Flaw::NoProgram)?;
    if elf.segments().is_some_and(|segments| segments.iter().any(|it| it.p_type == PT_INTERP)) {
        return Err(Flaw::Dynamic);
    }
    Ok(match elf.ehdr.e_machine {
        EM_X86_64 => "amd64".to_owned(),
        EM_AARCH64 => "arm64".to_owned(),
        EM_386 => "386".to_owned(),
        EM_ARM => "arm".to_owned(),
        EM_PPC64 => "ppc64le".to_owned(),
        EM_RISCV => "riscv64".to_owned(),
        EM_S390 => "s390x".to_owned(),
        other => format!("machine {other}"),
    })
}

impl Flaw {
    fn into_failure(self, path: &Path) -> Failure {
        let path = path.display();
        match self {
            Self::NoProgram => {
                Failure::system(format!("the agent {path} is no program")).hint(BUILD_STATIC)
            }
            Self::Dynamic => Failure::system(format!(
                "the agent {path} is linked dynamically; containers need the static build"
            ))
            .hint(BUILD_STATIC),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn refused(path: &Path) -> String {
        AgentProgram::read(path).unwrap_err().render()
    }

    #[test]
    fn a_static_program_is_known_by_its_content() {
        let busybox = Path::new("/bin/busybox");
        let program = AgentProgram::read(busybox).unwrap();
        let expected = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        assert_eq!(program.architecture(), expected);
        assert_eq!(program, AgentProgram::read(busybox).unwrap());
        let mut longer = std::fs::read(busybox).unwrap();
        longer.push(0);
        let other = AgentProgram::read(written(&longer).path()).unwrap();
        assert_ne!(program.volume(), other.volume());
        assert_eq!(program.volume().len(), "swarm-executor-agent-".len() + 12);
    }

    #[test]
    fn what_is_no_static_program_is_refused_with_the_remedy() {
        let dynamic = std::env::current_exe().unwrap();
        assert!(refused(&dynamic).contains("is linked dynamically; containers need the static"));
        for no_program in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01"] {
            let refused = refused(written(no_program).path());
            assert!(refused.contains("is no program") && refused.contains("crt-static"));
        }
        assert!(refused("/nonexistent".as_ref()).contains("cannot read the agent /nonexistent"));
    }

    #[test]
    fn the_program_is_packed_whole_and_linked_to_its_name() {
        let program = AgentProgram::read("/bin/busybox".as_ref()).unwrap();
        let packed = program.packed(&JobKey::new("gitlab.example.com", 1)).unwrap();
        let mut archive = tar::Archive::new(&packed[..]);
        let mut entries = archive.entries().unwrap();
        let mut first = entries.next().unwrap().unwrap();
        let mut content = Vec::new();
        first.read_to_end(&mut content).unwrap();
        assert_eq!(content, program.bytes);
        assert_eq!(first.header().mode().unwrap(), 0o755);
        let link = entries.next().unwrap().unwrap();
        assert_eq!(link.path().unwrap().to_str(), Some(FILE_NAME));
        assert_eq!(link.link_name().unwrap(), Some(first.path().unwrap()));
        assert!(entries.next().is_none());
    }
}
