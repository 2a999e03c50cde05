//! What GitLab would show.

use play::{Cancel, Event, Job, Variable};

use crate::world::World;

#[tokio::test]
async fn the_log_reads_as_gitlabs_does_and_streams_what_it_keeps() {
    let world = World::new();
    let job = Job::new("build").script(["echo one", "echo two\necho three"]);
    let mut streamed = Vec::new();
    let outcome = world
        .runner()
        .play(&job, &Cancel::default(), |event| {
            if let Event::Log(bytes) = event {
                streamed.extend(bytes);
            }
        })
        .await;
    assert_eq!(streamed, outcome.log);
    let log = outcome.log_text();
    let mut rest = log.as_str();
    for expected in [
        "Running with gitlab-runner 19.4.0",
        "Preparing the \"custom\" executor",
        "Using Custom executor with driver shell-driver 1.2...",
        "Preparing environment",
        "Running on ",
        "Getting source from Git repository",
        "Executing \"step_script\" stage of the job script",
        "\x1b[32;1m$ echo one\x1b[0;m\none\n",
        "\x1b[32;1m$ echo two # collapsed multi-line command\x1b[0;m\ntwo\nthree\n",
        "Cleaning up project directory and file based variables",
        "\x1b[32;1mJob succeeded\x1b[0;m\n",
    ] {
        let at = rest.find(expected).unwrap_or_else(|| panic!("{expected:?} not in {log}"));
        rest = &rest[at + expected.len()..];
    }
}

#[tokio::test]
async fn masked_values_never_reach_the_log() {
    let world = World::new();
    let job = Job::new("build").variable(Variable::secret("KEY", "hush-hush-9000")).script([
        "printf 'hush-'; sleep 0.1; echo 'hush-9000!'",
        "echo $KEY >&2",
        "echo token $CI_JOB_TOKEN",
    ]);
    let log = world.play(&job).await.log_text();
    assert!(!log.contains("hush-hush"), "{log}");
    assert!(log.contains("[MASKED]!\n") && log.contains("token [MASKED]\n"), "{log}");
}

#[tokio::test]
async fn sections_are_marked_when_gitlab_can_fold_them() {
    let world = World::new();
    let mut job = Job::new("build").script(["true"]);
    assert!(!world.play(&job).await.log_text().contains("section_"));
    job.trace_sections = true;
    let log = world.play(&job).await.log_text();
    assert!(log.contains("section_start:") && log.contains(":step_script\r\x1b[0K"), "{log}");
}

#[tokio::test]
async fn a_process_that_leaves_its_output_open_keeps_the_job_waiting() {
    let world = World::new();
    world.driver("prepare", "(until [ -e \"$WORLD/late\" ]; do sleep 0.02; done; echo from behind) & touch \"$WORLD/gone\"; { sleep 0.2; touch \"$WORLD/late\"; } & exit 0");
    let log = world.play(&Job::new("build")).await.log_text();
    let (late, next) = (log.find("from behind"), log.find("Preparing environment"));
    assert!(late.is_some() && late < next, "{log}");
}
