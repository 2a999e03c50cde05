//! A settings file for one test.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// The file, in a directory of its own where diagnostics may go too.
pub(crate) struct Settings {
    directory: TempDir,
    file: String,
}

impl Settings {
    /// These settings, with every diagnostic going to a file beside them.
    pub(crate) fn new(profiles: &str) -> Self {
        let directory = TempDir::with_prefix("settings-").unwrap();
        let file = directory.path().join("settings.toml").display().to_string();
        let settings = Self { directory, file };
        let diagnostics = settings.diagnostics();
        let diagnostics = diagnostics.display();
        let text = format!("[diagnostics]\nlevel = 'info'\nfile = '{diagnostics}'\n{profiles}");
        fs::write(&settings.file, text).unwrap();
        settings
    }

    /// What makes the programs read them.
    pub(crate) fn arguments(&self) -> [&str; 2] {
        ["--settings", &self.file]
    }

    /// Where the diagnostics go.
    pub(crate) fn diagnostics(&self) -> PathBuf {
        self.directory.path().join("diagnostics.json")
    }
}
