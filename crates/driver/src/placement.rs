//! Where a job's script runs: `host`, a process on the runner machine.

mod host;

pub(crate) use host::{
    DOCKER_VARIABLES, HostPlace, MARK, end_processes, gateway_address, mark, script_environment,
};
