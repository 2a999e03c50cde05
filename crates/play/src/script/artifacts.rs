//! The stages that fetch the artifacts of earlier jobs and upload this one's.

use super::{RUNNER, Scripts, with_runner};
use crate::Dependency;
use crate::environment::Server;
use crate::writer::Writer;

/// How long an upload may take, and how long the server may think about it: the defaults.
const TIMEOUTS: [&str; 4] = ["--timeout", "1h0m0s", "--response-header-timeout", "10m0s"];

impl Scripts<'_> {
    /// Of every earlier job that has any.
    pub(super) fn download_artifacts(&self, writer: &mut Writer) -> bool {
        let has_any = |earlier: &&Dependency| !earlier.file_name.is_empty();
        let earlier: Vec<_> = self.job.dependencies.iter().filter(has_any).collect();
        if earlier.is_empty() {
            return false;
        }
        self.enter_project(writer);
        with_runner(writer, "Artifacts downloading", |writer| {
            for earlier in earlier {
                self.download(writer, earlier);
            }
        });
        true
    }

    fn download(&self, writer: &mut Writer, earlier: &Dependency) {
        writer.notice(&format!("Downloading artifacts for {} ({})...", earlier.name, earlier.id));
        let call = self.call("artifacts-downloader", earlier.id);
        writer.command(&call.each_ref().map(String::as_str));
    }

    /// All paths go into one archive.
    pub(super) fn upload_artifacts(&self, writer: &mut Writer) -> bool {
        let paths = &self.job.artifacts;
        if paths.is_empty() {
            return false;
        }
        self.enter_project(writer);
        let call = self.call("artifacts-uploader", self.job.id);
        let mut words = call.each_ref().map(String::as_str).to_vec();
        if self.protocol.is_modern() {
            words.extend(TIMEOUTS);
        }
        words.extend(paths.iter().flat_map(|path| ["--path", path.as_str()]));
        words.extend(["--artifact-format", "zip", "--artifact-type", "archive"]);
        with_runner(writer, "Uploading artifacts", |writer| {
            writer.notice("Uploading artifacts...");
            writer.command(&words);
        });
        true
    }

    /// A runner's GitLab is the one that the job's project lies on. It lets a job fetch what it depends
    /// on by the job's own token.
    fn call(&self, command: &str, id: u64) -> [String; 8] {
        let (url, id) = (Server::of(&self.job.git.repo_url).url, id.to_string());
        let token = self.job.token.as_str();
        [RUNNER, command, "--url", &url, "--token", token, "--id", &id].map(str::to_owned)
    }
}
