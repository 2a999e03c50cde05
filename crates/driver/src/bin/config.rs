//! `swarm-executor-config`, called by gitlab-runner.

fn main() -> std::process::ExitCode {
    driver::config()
}
