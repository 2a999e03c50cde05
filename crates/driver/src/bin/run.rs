//! `swarm-executor-run`, called by gitlab-runner.

fn main() -> std::process::ExitCode {
    driver::run()
}
