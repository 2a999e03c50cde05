//! `swarm-executor`, the command for people. Everything is in the library, for tests to reach.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
