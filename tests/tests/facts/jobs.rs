//! The job modes, and services that are used as jobs.

use job::Result;
use serde_json::{Value, json};
use testkit::nodes::Node;

use super::service::Service;

const JOB: &[&str] = &["--mode", "replicated-job", "--replicas", "2", "web:bare-v1", "true"];

/// Go leaves zeroes out of its JSON.
pub(crate) async fn a_jobs_first_iteration_and_slot_are_left_out_for_being_zero(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, JOB).await?;
    let look = service.until("two complete tasks", |look| look.count("complete") == 2).await?;
    assert_eq!(look.service["JobStatus"]["JobIteration"], json!({}));
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    let mut slots: Vec<_> = look.tasks.iter().map(|task| task["Slot"].as_u64()).collect();
    slots.sort_unstable();
    assert_eq!(slots, [None, Some(1)]);
    for task in &look.tasks {
        assert_eq!(task["JobIteration"], json!({}));
        assert_eq!(task["DesiredState"], "complete");
    }
    Ok(())
}

pub(crate) async fn a_forced_job_runs_again_under_the_next_iteration(node: &Node) -> Result<()> {
    let service = Service::create(node, JOB).await?;
    service.until("two complete tasks", |look| look.count("complete") == 2).await?;
    service.update(&["--force"]).await?;
    let look = service.until("four complete tasks", |look| look.count("complete") == 4).await?;
    assert_eq!(look.service["JobStatus"]["JobIteration"]["Index"], 1);
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    let new = service.up_to_date().await?;
    assert_eq!(new.len(), 2);
    assert!(new.iter().all(|task| task["JobIteration"]["Index"] == 1), "{new:?}");
    Ok(())
}

pub(crate) async fn a_job_that_has_used_up_its_attempts_leaves_failed_tasks_and_no_word_about_it(
    node: &Node,
) -> Result<()> {
    let restart = ["--restart-condition", "on-failure", "--restart-max-attempts", "1"];
    let crash = ["--restart-delay", "0s", "web:bare-v1", "sh", "-c", "exit 3"];
    let mode = ["--mode", "replicated-job"];
    let service = Service::create(node, &[&mode[..], &restart, &crash].concat()).await?;
    // A second job that begins when the attempts are used up shows that no third one comes.
    service.until("two failed tasks", |look| look.count("failed") == 2).await?;
    let other = Service::create(node, JOB).await?;
    other.until("two complete tasks", |look| look.count("complete") == 2).await?;
    let look = service.look().await?;
    assert_eq!(look.tasks.len(), 2, "{look:?}");
    assert!(look.tasks.iter().all(|task| task["DesiredState"] == "shutdown"), "{look:?}");
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn a_one_shot_that_has_ended_stays_complete_with_no_successor(
    node: &Node,
) -> Result<()> {
    let service =
        Service::create(node, &["--restart-condition", "none", "web:bare-v1", "true"]).await?;
    service.until("a complete task", |look| look.count("complete") == 1).await?;
    let other = Service::create(node, JOB).await?;
    other.until("two complete tasks", |look| look.count("complete") == 2).await?;
    let look = service.look().await?;
    assert_eq!(look.tasks.len(), 1, "{look:?}");
    assert_eq!(look.tasks[0]["DesiredState"], "shutdown");
    assert_eq!(look.tasks[0]["Status"]["Err"], Value::Null);
    Ok(())
}
