//! `swarm-executor-cleanup`, called by gitlab-runner.

fn main() -> std::process::ExitCode {
    driver::cleanup()
}
