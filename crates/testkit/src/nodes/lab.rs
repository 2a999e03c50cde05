//! One lab on this machine: a number that nobody else has, and the guardian that takes everything
//! down when its owner ends, however it ends.
//!
//! Labs of dead guardians are swept whenever a new lab opens. Claiming and sweeping happen under a
//! lock on the directory that holds the labs' state, so processes side by side don't collide.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use job::{Failure, Result};
use rustix::process::geteuid;

use super::process::Process;
use super::site::{self, STATE_PREFIX, STATE_ROOT, Site, address, state};
use crate::program::SYSTEM_PATH;

const GUARDIAN: &str = concat!(include_str!("guardian.sh"), include_str!("remove.sh"));
const REMOVE: &str = include_str!("remove.sh");

/// An open lab; dropping it closes it.
#[derive(Debug)]
pub(super) struct Lab {
    site: Site,
    /// Holds the pipe whose end is the lab's end.
    guardian: Option<Child>,
}

impl Lab {
    /// Sweeps, then opens a lab under a free number. Blocks, usually for a few milliseconds.
    pub(super) fn open() -> Result<Self> {
        if !geteuid().is_root() {
            return Err(Failure::system("network namespaces and dockerd need root")
                .hint("run the same command as root"));
        }
        let lock = File::open(STATE_ROOT).and_then(|root| root.lock().map(|()| root));
        let _lock = lock.map_err(|error| trouble("lock", Path::new(STATE_ROOT), error))?;
        sweep()?;
        let number = claim()?;
        match guard(number) {
            Ok(lab) => Ok(lab),
            Err(failure) => {
                remove(number)?;
                Err(failure)
            }
        }
    }

    pub(super) fn site(&self) -> Site {
        self.site
    }

    /// Takes everything down and waits until nothing is left. Blocks for as long as that takes.
    pub(super) fn close(&mut self) -> Result<()> {
        let Some(mut guardian) = self.guardian.take() else { return Ok(()) };
        drop(guardian.stdin.take());
        let state = self.site.state();
        let status = guardian.wait().map_err(|error| trouble("wait for", &state, error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::system(format!("cannot remove {}: guardian {status}", state.display())))
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(failure) = self.close() {
            tracing::warn!(lab = self.site.number, "{}", failure.render());
        }
    }
}

/// Removes what labs without a guardian have left.
fn sweep() -> Result<()> {
    let root = Path::new(STATE_ROOT);
    for entry in fs::read_dir(root).map_err(|error| trouble("read", root, error))? {
        let name = entry.map_err(|error| trouble("read", root, error))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(STATE_PREFIX)?.parse().ok());
        if let Some(number) = number.filter(|number| !is_guarded(*number)) {
            tracing::info!(lab = number, "sweeping a lab whose guardian is dead");
            remove(number)?;
        }
    }
    Ok(())
}

fn is_guarded(number: u8) -> bool {
    site::guardian(number).is_some_and(Process::is_alive)
}

fn remove(number: u8) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", REMOVE, "remove", &number.to_string()]).stdin(Stdio::null());
    let output = command.output().map_err(|error| trouble("remove", &state(number), error))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::system(format!("cannot remove {}", state(number).display())).caused_by(stderr))
}

/// Makes the state directory of the first number whose directory and subnet are free.
fn claim() -> Result<u8> {
    let addresses = Command::new("ip").args(["-4", "route", "show", "table", "all"]).output();
    let addresses = addresses.map_err(|error| {
        Failure::system("cannot run `ip`").caused_by(error).hint("install iproute2")
    })?;
    let addresses = String::from_utf8_lossy(&addresses.stdout);
    for number in 0..=u8::MAX {
        let directory = state(number);
        if addresses.contains(&subnet_prefix(number)) || directory.exists() {
            continue;
        }
        let made = DirBuilder::new().mode(0o700).create(&directory);
        return made.map(|()| number).map_err(|error| trouble("make", &directory, error));
    }
    Err(Failure::system("every subnet of 10.213.0.0/16 is in use"))
}

/// The subnet as text, up to its last dot.
fn subnet_prefix(number: u8) -> String {
    address(number, 0).to_string().trim_end_matches('0').to_owned()
}

/// Starts the guardian and reads from it which process is the lab's.
fn guard(number: u8) -> Result<Lab> {
    let directory = state(number);
    let log = directory.join("guardian.log");
    let stderr = File::create(&log).map_err(|error| trouble("make", &log, error))?;
    let mut command = Command::new("sh");
    command.args(["-c", GUARDIAN, "guardian", &number.to_string()]).current_dir("/");
    command.env("PATH", SYSTEM_PATH);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    // A group of its own, which a Ctrl-C at the terminal doesn't reach.
    command.process_group(0);
    let mut guardian = command.spawn().map_err(|error| trouble("guard", &directory, error))?;
    match introduce(&mut guardian, number) {
        Ok(site) => Ok(Lab { site, guardian: Some(guardian) }),
        Err(error) => {
            let said = fs::read_to_string(&log).unwrap_or_default();
            drop(guardian.stdin.take());
            let _ = guardian.wait();
            Err(trouble("guard", &directory, error).hint(said.trim()))
        }
    }
}

/// Writes down who the guardian is, and learns which process is the lab's first.
fn introduce(child: &mut Child, number: u8) -> io::Result<Site> {
    let guardian = Process::running(child.id()).ok_or(io::ErrorKind::NotFound)?;
    guardian.write(&site::guardian_file(number))?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut line = String::new();
    BufReader::new(stdout.take(32)).read_line(&mut line)?;
    let process = line.trim().parse().map_err(|_| io::ErrorKind::UnexpectedEof)?;
    let process = Process::running(process).ok_or(io::ErrorKind::NotFound)?;
    Ok(Site { number, process, guardian })
}

fn trouble(verb: &str, path: &Path, error: io::Error) -> Failure {
    Failure::system(format!("cannot {verb} {}", path.display())).caused_by(error)
}
