//! Looks for a private key on the whole machine: whether it was left anywhere.
//!
//! Every file system that this process sees is walked, in memory or on disk, and so are the command
//! line and the environment of every other process; what processes hold in memory is not. Files
//! that last changed before the given time can't hold what was made after it and are passed over,
//! which makes the walk a matter of seconds. The time is that of the inode (`st_ctime`, inode(7)),
//! for `cp -p` and `tar -x` set the other one to what it was elsewhere.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use job::{Failure, Result};
use walkdir::{DirEntry, WalkDir};

/// Directories that hold no files of their own: the kernel's views of itself.
const KERNEL: [&str; 3] = ["/dev/pts", "/proc", "/sys"];

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// A key that is looked for in every shape in which it may have been left: DER, PEM however its
/// lines are broken and ended, and base64 of PEM.
pub struct SecretKey {
    shapes: AhoCorasick,
    /// Of the longest shape, in bytes.
    length: usize,
}

impl SecretKey {
    /// The key in `pem`, a P-256 key as [`crate::pki`] makes them unless told otherwise.
    pub fn of(pem: &str) -> Result<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD
            .decode(&body)
            .map_err(|error| Failure::system("no PEM to search for").caused_by(error))?;
        let start = secret_number(&der)
            .ok_or_else(|| Failure::system("only keys of P-256 can be searched for"))?;
        Self::in_shapes(shapes(&der[start..start + NUMBER]))
    }

    fn in_shapes(shapes: Vec<Vec<u8>>) -> Result<Self> {
        let length = shapes.iter().map(Vec::len).max().unwrap_or_default();
        let shapes = AhoCorasick::new(shapes)
            .map_err(|error| Failure::system("cannot search for this").caused_by(error))?;
        Ok(Self { shapes, length })
    }

    /// Every file changed since `since`, and every running process, that holds the key.
    ///
    /// What changes while it is being read may be missed; a caller lets everything end first.
    pub fn holders(&self, since: SystemTime) -> Vec<PathBuf> {
        let walk = WalkDir::new("/").into_iter().filter_entry(|entry| !is_kernels(entry.path()));
        let files = walk.filter_map(Result::ok).filter(|entry| is_candidate(entry, since));
        files
            .map(DirEntry::into_path)
            .chain(process_texts())
            .filter(|path| self.is_in(path))
            .collect()
    }

    /// Reads in chunks that overlap, so that nothing hides on a boundary.
    fn is_in(&self, path: &Path) -> bool {
        let Ok(mut file) = fs::File::open(path) else { return false };
        let overlap = self.length.saturating_sub(1);
        let mut window = Vec::with_capacity(CHUNK + overlap);
        loop {
            let kept = window.len().min(overlap);
            window.drain(..window.len() - kept);
            match file.by_ref().take(CHUNK as u64).read_to_end(&mut window) {
                Ok(0) | Err(_) => return false,
                Ok(_) if self.shapes.is_match(&window) => return true,
                Ok(_) => {}
            }
        }
    }
}

/// Size of the number that is the secret of a P-256 key, in bytes.
const NUMBER: usize = 32;

/// Where that number starts: an OCTET STRING of its size, in PKCS#8 as in SEC1
/// (<https://www.rfc-editor.org/rfc/rfc5915#section-3>). The rest of the file is public.
fn secret_number(der: &[u8]) -> Option<usize> {
    let start = der.windows(2).position(|head| head == [0x04, 0x20])? + 2;
    (start + NUMBER <= der.len()).then_some(start)
}

/// The shapes of a number. Texts are cut in three, for a line break of PEM and one of the base64
/// around it break at most two of the pieces.
fn shapes(number: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = encoded(number)
        .iter()
        .flat_map(|text| text.chunks(text.len().div_ceil(3)))
        .map(<[u8]>::to_vec)
        .collect();
    let around: Vec<_> = pieces.iter().flat_map(|piece| encoded(piece)).collect();
    [vec![number.to_vec()], pieces, around].concat()
}

/// What base64 makes of `bytes` that lie anywhere, which is at one of three offsets: the characters
/// that depend on nothing around them.
fn encoded(bytes: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|offset| {
        let padded = [&[0; 3][..offset], bytes].concat();
        let text = STANDARD_NO_PAD.encode(&padded).into_bytes();
        text[(offset * 8).div_ceil(6)..padded.len() * 8 / 6].to_vec()
    })
}

fn is_kernels(path: &Path) -> bool {
    KERNEL.iter().any(|directory| path == Path::new(directory))
}

fn is_candidate(entry: &DirEntry, since: SystemTime) -> bool {
    let Ok(metadata) = entry.metadata() else { return false };
    metadata.is_file() && changed(&metadata) >= since
}

fn changed(metadata: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
    let nanoseconds = u64::try_from(metadata.ctime_nsec()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

fn process_texts() -> impl Iterator<Item = PathBuf> {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let own = std::process::id().to_string();
    processes
        .filter(move |entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name != own && name.bytes().all(|byte| byte.is_ascii_digit())
        })
        .flat_map(|entry| ["cmdline", "environ"].map(|text| entry.path().join(text)))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::pki::{Authority, Identity};

    fn identity() -> Identity {
        Authority::new("a").unwrap().client("c").issue().unwrap()
    }

    /// Times of files lag behind the clock by a tick of the kernel.
    fn just_now() -> SystemTime {
        SystemTime::now() - Duration::from_millis(100)
    }

    #[test]
    fn the_key_on_a_boundary_is_found_wherever_the_file_is() {
        let (identity, before) = (identity(), just_now());
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = [&vec![0; CHUNK - 99], identity.key.as_bytes()].concat();
        fs::write(file.path(), text).unwrap();
        assert_eq!(SecretKey::of(&identity.key).unwrap().holders(before), [file.path()]);
    }

    #[test]
    fn the_key_in_an_environment_is_found() {
        let identity = identity();
        let mut child = Command::new("sleep").arg("60").env("KEY", &identity.key).spawn().unwrap();
        let found = SecretKey::of(&identity.key).unwrap().holders(SystemTime::now());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [PathBuf::from(format!("/proc/{}/environ", child.id()))]);
    }

    /// What `script` makes of the key on its stdin, in a file.
    fn shaped(key: &str, script: &str) -> tempfile::NamedTempFile {
        let (input, output) =
            (tempfile::tempfile().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::os::unix::fs::FileExt::write_all_at(&input, key.as_bytes(), 0).unwrap();
        let made = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", script])
            .stdin(input)
            .stdout(output.reopen().unwrap())
            .stderr(Stdio::inherit())
            .status();
        assert!(made.unwrap().success(), "{script}");
        output
    }

    #[test]
    fn the_key_is_found_in_every_shape() {
        let shapes = [
            "cat",
            "openssl pkey -outform DER",
            "openssl ec",
            "openssl ec | base64",
            "sed 's/$/\\r/'",
            "tr '\\n' ' '",
            "sed 's/^/    /'",
            "grep -v -- ----- | tr -d '\\n' | fold --width 76",
            "base64",
            "base64 --wrap 0",
            "openssl base64",
            "(printf x; cat) | base64",
            "(printf xx; cat) | base64",
            "sed 's/$/\\r/' | base64",
        ];
        for _ in 0..16 {
            let identity = identity();
            let key = SecretKey::of(&identity.key).unwrap();
            for shape in shapes {
                assert!(key.is_in(shaped(&identity.key, shape).path()), "{shape}");
            }
        }
    }

    #[test]
    fn a_certificate_is_not_taken_for_its_key() {
        let identity = identity();
        let key = SecretKey::of(&identity.key).unwrap();
        for shape in ["cat", "openssl x509 -outform DER", "base64"] {
            assert!(!key.is_in(shaped(&identity.cert, shape).path()), "{shape}");
        }
        assert!(!key.is_in(shaped(&identity.key, "openssl pkey -pubout").path()));
    }

    #[test]
    fn a_copy_with_the_times_of_long_ago_is_found() {
        let (identity, before) = (identity(), just_now());
        let directory = tempfile::tempdir().unwrap();
        let (old, copy) = (directory.path().join("old"), directory.path().join("copy"));
        fs::write(&old, &identity.key).unwrap();
        let long_ago = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        fs::File::options().write(true).open(&old).unwrap().set_times(long_ago).unwrap();
        Command::new("cp").arg("-p").args([&old, &copy]).status().unwrap();
        fs::remove_file(old).unwrap();
        assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
        assert_eq!(SecretKey::of(&identity.key).unwrap().holders(before), [copy]);
    }
}
