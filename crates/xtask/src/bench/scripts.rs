//! The least that a custom executor can be: four shell scripts that do nothing of their own.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use job::{Failure, Result};
use play::{Exec, Runner};

/// A runner with the four scripts, which are written to `directory`; builds go there as well.
pub(crate) fn runner(directory: &Path) -> Result<Runner> {
    let places = serde_json::json!({
        "builds_dir": directory.join("builds"),
        "cache_dir": directory.join("cache"),
    });
    let script = |name: &str, body: &str| write(&directory.join(name), body).map(Exec::new);
    let build = || {
        Ok(Runner::new(script("run", "exec bash < \"$1\"")?)
            .config(script("config", &format!("echo '{places}'"))?)
            .prepare(script("prepare", "exit 0")?)
            .cleanup(script("cleanup", "exit 0")?))
    };
    build().map_err(|error: io::Error| {
        Failure::system("cannot write the trivial scripts").caused_by(error)
    })
}

fn write(path: &Path, body: &str) -> io::Result<std::path::PathBuf> {
    fs::write(path, format!("#!/bin/sh\n{body}\n"))?;
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    Ok(path.to_owned())
}
