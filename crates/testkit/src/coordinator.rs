//! GitLab's side of a gitlab-runner, played in this process.
//!
//! Owns the part of GitLab's runner API that `gitlab-runner run` and its artifact helpers call,
//! as the caller sees it
//! (<https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/network/gitlab.go>): handing out
//! jobs, taking their log, their artifacts and their end, and telling of a cancel. A job is
//! described as for a played runner, by a [`play::Job`]; its [`JobHandle`] says how it went.
//!
//! A real runner asks for its jobs. A played one takes what [`JobHandle::spec`] says, and its scripts
//! still upload artifacts here and download them.
//!
//! It refuses to be a GitLab: there is one runner, there are no pipelines, and nothing is checked
//! that gitlab-runner doesn't depend on. What it answers is the same for 14.7 and 19.x, because
//! GitLab itself looks at what the runner says it can do, never at its version.
//!
//! ```no_run
//! use std::time::Duration;
//! use play::Job;
//! use testkit::coordinator::{Coordinator, State};
//!
//! # async fn example() -> job::Result<()> {
//! let coordinator = Coordinator::start().await?;
//! // … start a gitlab-runner with `coordinator.url()` and `coordinator.token()`
//! let deploy = coordinator.submit(&Job::new("deploy").script(["docker info"]));
//! let end = deploy.finished(Duration::from_mins(1)).await?;
//! assert_eq!(end.state, State::Success);
//! # Ok(())
//! # }
//! ```

pub mod gitlab_runner;

mod answer;
mod api;
mod handle;
mod progress;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use job::Result;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

pub use handle::{Finished, JobHandle};
pub use progress::{Artifact, State};

use crate::web;
use progress::Progress;

/// A GitLab with one runner. It serves until dropped.
pub struct Coordinator {
    desk: Arc<Desk>,
    _server: AbortOnDropHandle<()>,
}

/// What every connection shares: the runner's token and the jobs.
struct Desk {
    address: SocketAddr,
    token: String,
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
    queue: mpsc::UnboundedSender<Arc<Job>>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Arc<Job>>>,
}

/// One job, from its submission on.
struct Job {
    /// As this GitLab hands it out, with its id and token.
    spec: play::Job,
    progress: watch::Sender<Progress>,
}

impl Coordinator {
    /// Starts to serve on a free port of loopback.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// Starts to serve on a free port of one of this machine's addresses, such as the one that
    /// containers reach it at ([`SwarmHandle::runner_address`]).
    ///
    /// [`SwarmHandle::runner_address`]: crate::nodes::SwarmHandle::runner_address
    ///
    /// # Errors
    ///
    /// This machine doesn't have the address, or there is no free port.
    pub async fn start_at(address: Ipv4Addr) -> Result<Self> {
        let (listener, address) = web::listen(address).await?;
        let desk = Arc::new(Desk::new(address));
        let shared = Arc::clone(&desk);
        let answer = move |request| api::answer(Arc::clone(&shared), request);
        let server = tokio::spawn(web::serve(listener, answer));
        Ok(Self { desk, _server: AbortOnDropHandle::new(server) })
    }

    /// What a runner's `config.toml` takes as `url`, and a job sees as `CI_SERVER_URL`.
    pub fn url(&self) -> String {
        self.desk.url()
    }

    /// The runner's authentication token, different for each coordinator alive on this machine.
    pub fn token(&self) -> &str {
        &self.desk.token
    }

    /// Queues a job for the runner.
    ///
    /// Id, token and repository URL are this GitLab's own, whatever the job says. A runner clones
    /// the commit [`play::Git::sha`] where the job has sources, and of a working tree it gets what
    /// is committed.
    pub fn submit(&self, job: &play::Job) -> JobHandle {
        JobHandle::new(self.desk.submit(job))
    }
}

impl Desk {
    fn new(address: SocketAddr) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        // gitlab-runner names directories by the first eight characters.
        let token = format!("{:05}-played-runner", address.port());
        let waiting = tokio::sync::Mutex::new(waiting);
        Self { address, token, jobs: Mutex::default(), queue, waiting }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The runner's number.
    fn runner_id(&self) -> u64 {
        self.address.port().into()
    }

    fn submit(&self, spec: &play::Job) -> Arc<Job> {
        let mut jobs = self.jobs();
        // Unique among the coordinators alive on this machine, as ids are on one GitLab.
        let id = self.runner_id() * 1000 + jobs.len() as u64;
        let spec = self.adopt(spec, id);
        let job = Arc::new(Job { spec, progress: watch::Sender::default() });
        jobs.insert(id, Arc::clone(&job));
        // The receiver lives as long as the desk does.
        let _ = self.queue.send(Arc::clone(&job));
        job
    }

    fn job(&self, id: u64) -> Option<Arc<Job>> {
        self.jobs().get(&id).cloned()
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next job that is still wanted; waits while there is none.
    async fn next_job(&self) -> Option<Arc<Job>> {
        let mut waiting = self.waiting.lock().await;
        loop {
            let job = waiting.recv().await?;
            if job.progress.borrow().state == State::Pending {
                return Some(job);
            }
        }
    }
}
