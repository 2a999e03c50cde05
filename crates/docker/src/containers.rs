//! A job's containers on one engine, with their network and their volumes.
//!
//! [`JobMarks`] names and labels whatever belongs to a job; a [`Plan`] says how each container is to
//! be; [`JobContainers`] makes and starts them, brings the agent to the engine where it is missing,
//! and tells in words a person can use what went wrong; [`services`] watches the job's services,
//! [`ending`] explains a container's end, [`leftovers`] removes all of it.
//!
//! Everything is found by its labels, so that whoever comes after a crash needs no memory: not even
//! the settings, nor an answer of GitLab's. What one job after another uses (the shared network, the
//! agent's volume, the project's cache) bears no job's label and is kept.
//!
//! Nothing is asked of the engine that can be taken for granted: volumes come with the first
//! container that mounts them, and that the agent or the shared network is missing shows when a
//! container doesn't start. So an ordinary job costs one request to create each container and one to
//! start it.
//!
//! What scripts do in there, and how they are reached, is not this module's: see `agent`.

pub mod ending;
pub mod leftovers;
pub mod services;

mod agent;
mod marks;
mod network;
mod place;
mod plan;
mod refusal;
mod trouble;

pub use self::agent::{AGENT_DIRECTORY, AGENT_PATH, AgentProgram};
pub use self::marks::{JOB_LABEL, JobMarks, PROJECT_LABEL, ROLE_LABEL, Role};
pub use self::network::Network;
pub use self::place::{Container, JobContainers};
pub use self::plan::{BUILDS, BuildTerms, CACHE, Plan, ServiceTerms, Spec};
