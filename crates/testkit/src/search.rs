//! Looks for bytes on the whole machine: whether a key was left anywhere.
//!
//! Every file system is walked, in memory or on disk, and so is every process's command line and
//! environment. Files that were last changed before the given time can't hold what was made after
//! it and are passed over, which makes the walk a matter of seconds.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memmem::Finder;
use walkdir::{DirEntry, WalkDir};

/// Directories that hold no files of their own: the kernel's views of itself.
const KERNEL: [&str; 3] = ["/dev/pts", "/proc", "/sys"];

/// How much of a file is read at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Bytes by which a PEM text is found again in whatever shape it was left: a line from its middle.
pub fn body_of(pem: &str) -> Vec<u8> {
    let lines: Vec<_> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    lines.get(lines.len() / 2).copied().unwrap_or_default().as_bytes().to_vec()
}

/// Every file changed since `since`, and every running process, that holds `bytes`.
///
/// What changes while it is being read may be missed; a caller lets everything end first.
pub fn holders(bytes: &[u8], since: SystemTime) -> Vec<PathBuf> {
    let finder = Finder::new(bytes);
    let walk = WalkDir::new("/").into_iter().filter_entry(|entry| !is_kernels(entry.path()));
    let files = walk.filter_map(Result::ok).filter(|entry| is_candidate(entry, since));
    files
        .map(DirEntry::into_path)
        .chain(process_texts())
        .filter(|path| holds(path, &finder))
        .collect()
}

fn is_kernels(path: &Path) -> bool {
    KERNEL.iter().any(|directory| path == Path::new(directory))
}

fn is_candidate(entry: &DirEntry, since: SystemTime) -> bool {
    let Ok(metadata) = entry.metadata() else { return false };
    metadata.is_file() && metadata.modified().is_ok_and(|modified| modified >= since)
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

/// Reads in chunks that overlap, so that nothing hides on a boundary.
fn holds(path: &Path, finder: &Finder<'_>) -> bool {
    let Ok(mut file) = fs::File::open(path) else { return false };
    let overlap = finder.needle().len().saturating_sub(1);
    let mut window = Vec::with_capacity(CHUNK + overlap);
    loop {
        let kept = window.len().min(overlap);
        window.drain(..window.len() - kept);
        match file.by_ref().take(CHUNK as u64).read_to_end(&mut window) {
            Ok(0) | Err(_) => return false,
            Ok(_) if finder.find(&window).is_some() => return true,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together at run time: the test program itself must not hold it.
    fn needle(word: &str) -> Vec<u8> {
        format!("{word}-{}", std::process::id()).into_bytes()
    }

    #[test]
    fn bytes_on_a_boundary_are_found_wherever_the_file_is() {
        let since = SystemTime::now() - std::time::Duration::from_mins(1);
        let needle = needle("a needle in a haystack");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &vec![0; CHUNK - 7]).unwrap();
        std::io::Write::write_all(&mut file, &needle).unwrap();
        assert_eq!(holders(&needle, since), [file.path()]);
    }

    #[test]
    fn bytes_in_an_environment_are_found() {
        let needle = needle("a secret in an environment");
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env("SECRET", String::from_utf8(needle.clone()).unwrap())
            .spawn()
            .unwrap();
        let found = holders(&needle, SystemTime::now());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [PathBuf::from(format!("/proc/{}/environ", child.id()))]);
    }
}
