//! Makes a described job one of this GitLab's own.
//!
//! Its numbers, its credential, its server and the way to its sources are this GitLab's to say;
//! all else is handed out as described.

use play::{Job, Sources, Variable};
use serde_json::{Value, json};

use super::Desk;

impl Desk {
    /// The job under this id, in a project that lies on this server.
    pub(super) fn adopt(&self, job: &Job, id: u64) -> Job {
        let mut job = job.clone();
        job.id = id;
        job.token = format!("played-job-{id}");
        job.git.repo_url = format!("{}/{}.git", self.url(), job.project.full_path);
        let strategy = match job.sources {
            Sources::None => "none",
            Sources::Empty => "empty",
            Sources::Clone { .. } | Sources::WorkingTree(_) => return job,
        };
        job.variables.insert(0, Variable::new("GIT_STRATEGY", strategy));
        job
    }

    /// The job as GitLab answers `POST /jobs/request`.
    pub(super) fn describe(&self, job: &Job) -> Value {
        let mut answer = job.answer(self.runner_id(), "played");
        let repository = match &job.sources {
            Sources::None | Sources::Empty => return answer,
            Sources::Clone { url } => url.clone(),
            Sources::WorkingTree(directory) => format!("file://{}", directory.display()),
        };
        answer["git_info"]["repo_url"] = json!(repository);
        answer
    }
}
