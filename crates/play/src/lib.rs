//! Plays gitlab-runner's custom executor for one job: scripts, environment, order of stages.
//!
//! This crate owns a second, independent reading of what gitlab-runner does, so that the four
//! stage binaries can be run as in real life, with real processes, files and signals, where no
//! GitLab is at hand: by `swarm-executor try`, and by tests that need exact control over the
//! protocol version, a cancel, or the death of a stage.
//! A GitLab that is played for a real gitlab-runner hands out the same [`Job`], by [`Job::answer`].
//!
//! It refuses to know anything of this project: it spawns executables by path and depends on no
//! other crate here, so it cannot inherit a misunderstanding that it is meant to reveal. What it
//! does was read from gitlab-runner 19.4.0 and 14.7.0, chiefly
//! <https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/executors/custom/custom.go>,
//! `common/build.go` and `shells/`. Not played, because no driver should depend on it: feature
//! flags as variables, caches on a server, submodules, native steps, and the masking of token
//! prefixes and URLs that no variable holds.
//!
//! ```no_run
//! use play::{Cancel, Event, Exec, Job, Runner};
//!
//! # async fn example() {
//! let runner = Runner::new(Exec::new("/opt/driver/run")).prepare(Exec::new("/opt/driver/prepare"));
//! let job = Job::new("deploy").script(["docker info"]);
//! let outcome = runner
//!     .play(&job, &Cancel::default(), |event| {
//!         if let Event::Log(bytes) = event {
//!             // what GitLab would show, as it comes
//!             drop(bytes);
//!         }
//!     })
//!     .await;
//! assert!(outcome.is_success());
//! # }
//! ```

mod answer;
mod attempt;
mod cancel;
mod config;
mod environment;
mod escape;
mod exit;
mod job;
mod log;
mod mask;
mod outcome;
mod output;
mod player;
mod process;
mod protocol;
mod response;
mod runner;
mod script;
mod tree;
mod variables;
mod writer;

pub use cancel::Cancel;
pub use exit::Exit;
pub use job::{Cache, Credential, Dependency, Git, Image, Job, Project, Service, Sources, Step};
pub use nix::sys::signal::Signal;
pub use outcome::{Event, Outcome, Process, StageRecord, Status};
pub use protocol::Protocol;
pub use runner::{Exec, ExitCodes, Runner, Shell};
pub use variables::{Variable, Variables};
