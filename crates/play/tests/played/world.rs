//! A directory with a driver of four shell scripts, and a runner that uses them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use play::{Cancel, Exec, Job, Outcome, Runner};
use tempfile::TempDir;

/// Prints a config whose directories lie in the world.
const CONFIG: &str = r#"
printf '{"builds_dir": "%s/builds", "cache_dir": "%s/cache",
         "driver": {"name": "shell-driver", "version": "1.2"}}' "$WORLD" "$WORLD"
"#;

/// Runs the script and passes its exit code on, as the protocol wants it.
const RUN: &str = r#"
"${PLAYED_SHELL:-bash}" "$1"
code=$?
[ $code -eq 0 ] && exit 0
[ -n "$BUILD_EXIT_CODE_FILE" ] && echo $code > "$BUILD_EXIT_CODE_FILE"
exit "$BUILD_FAILURE_EXIT_CODE"
"#;

pub(crate) struct World {
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("tmp")).unwrap();
        world.driver("config", CONFIG);
        world.driver("prepare", "true");
        world.driver("run", RUN);
        world.driver("cleanup", "true");
        world
    }

    /// Replaces one of the driver's scripts. Each first notes that it was called.
    pub(crate) fn driver(&self, stage: &str, body: &str) {
        let text = format!(
            "#!/bin/bash\nexport WORLD={}\necho \"{stage} $2\" >> \"$WORLD/calls\"\n{body}\n",
            self.dir.path().display()
        );
        let path = self.path(stage);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn runner(&self) -> Runner {
        let mut runner = Runner::new(Exec::new(self.path("run")))
            .config(Exec::new(self.path("config")))
            .prepare(Exec::new(self.path("prepare")))
            .cleanup(Exec::new(self.path("cleanup")));
        runner.temp_dir = Some(self.path("tmp"));
        runner.retry_interval = Duration::from_millis(1);
        runner
    }

    pub(crate) async fn play(&self, job: &Job) -> Outcome {
        self.runner().play(job, &Cancel::default(), |_| {}).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Who was called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(|line| line.trim().to_owned()).collect()
    }

    /// What the runner left in its directory for temporary files.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        entries(&self.path("tmp"))
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}
