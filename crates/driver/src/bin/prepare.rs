//! `swarm-executor-prepare`, called by gitlab-runner.

fn main() -> std::process::ExitCode {
    driver::prepare()
}
