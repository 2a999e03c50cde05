//! Rollouts as a table: what runs before, what a job's script does to it, what somebody else does
//! meanwhile, and what then is the truth. Data only.
//!
//! The scenarios play each row as a job and compare what the job says with the truth. The recorder
//! (`cargo run -p scenarios --example record`) plays them without any job and writes down what the
//! swarm showed, for tests of the judgement: `crates/rollout/tests/histories`.

mod play;
mod table;
mod truth;

pub use play::Stack;
pub use table::{ALONE, SHARED, row};
pub use truth::{Deed, Outcome, Truth};

/// A stack file and the variables that it is deployed with.
#[derive(Clone, Copy, Debug)]
pub struct Deploy {
    /// The file, in `tests/stacks`.
    pub file: &'static str,
    /// What differs from the file's defaults.
    pub variables: &'static [(&'static str, &'static str)],
}

/// One rollout.
///
/// Scripts are lines of a job's `script:`. They run where `stack.yml` is the file of [`Row::change`],
/// with its variables and `STACK`, the stack's name, in their environment.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called.
    pub name: &'static str,
    /// What was deployed, and has settled, before the job.
    pub before: Option<Deploy>,
    /// What happens between that and the job.
    pub earlier: &'static [Other],
    /// What the job's script has at hand.
    pub change: Deploy,
    /// What the job does.
    pub script: &'static [&'static str],
    /// What somebody else does as soon as the job's script has ended.
    pub others: &'static [Other],
    /// What becomes of the service `STACK_web`.
    pub truth: Truth,
}

/// What happens beside the job.
#[derive(Clone, Copy, Debug)]
pub enum Other {
    /// Somebody runs a line of shell.
    Line(&'static str),
    /// The last worker is drained.
    DrainAWorker,
    /// A worker is killed while none of its tasks is being started, or while one is.
    KillAWorker {
        /// Which of both.
        starting: bool,
    },
    /// The manager that leads is killed.
    KillTheLeader,
    /// The manager that the job was given is killed.
    KillTheManager,
}

/// The job's usual script.
pub const DEPLOY: &[&str] = &["docker stack deploy -c stack.yml $STACK"];
