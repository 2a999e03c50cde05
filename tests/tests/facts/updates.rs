//! What the orchestrator says of an update, and when it says nothing.

use job::Result;
use serde_json::{Value, json};
use testkit::nodes::Node;
use tokio::time::timeout;

use super::service::{LIMIT, Service, ids};

/// Of three tasks on one node, which run once and never again: what has been can't be returned to.
const FICKLE: &str =
    "if [ -e /once/$SLOT ]; then sleep 1; exit 1; fi; touch /once/$SLOT; exec sleep infinity";

/// The first of them crashes.
const WORSE: &str = "if [ $SLOT = 1 ]; then sleep 1; exit 3; fi; exec sleep infinity";

pub(crate) async fn a_failure_action_never_fires_on_a_first_deploy(node: &Node) -> Result<()> {
    let action = ["--update-failure-action", "pause", "--update-monitor", "10m"];
    let crash = ["--restart-delay", "0s", "web:bare-v1", "sh", "-c", "exit 1"];
    let service = Service::create(node, &[&action[..], &crash].concat()).await?;
    let look = service.until("three crashes", |look| look.count("failed") >= 3).await?;
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn a_failure_action_never_fires_on_a_scale_up(node: &Node) -> Result<()> {
    let action = ["--update-failure-action", "pause", "--update-monitor", "10m"];
    let slot = ["--restart-delay", "0s", "--env", "SLOT={{.Task.Slot}}", "web:bare-v1"];
    let crash = ["sh", "-c", "if [ $SLOT = 2 ]; then exit 1; fi; exec sleep infinity"];
    let service = Service::create(node, &[&action[..], &slot, &crash].concat()).await?;
    service.until_running(1).await?;
    service.scale(2).await?;
    let look = service.until("three crashes", |look| look.count("failed") >= 3).await?;
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn a_paused_update_names_the_task(node: &Node) -> Result<()> {
    let service = Service::create(node, &["--update-monitor", "1m", "web:v1"]).await?;
    service.until_running(1).await?;
    service.update(&["--image", "web:bare-v2", "--env-add", "CRASH_AFTER=0"]).await?;
    let look = service.until_update("paused").await?;
    assert!(look.service["UpdateStatus"]["CompletedAt"].is_null(), "{look:?}");
    let failed = names_a_failed_task(&look, "update paused due to failure or early termination of");
    assert!(failed, "{look:?}");
    Ok(())
}

pub(crate) async fn a_rollback_keeps_its_beginning_and_forgets_the_previous_specification(
    node: &Node,
) -> Result<()> {
    let action = ["--update-failure-action", "rollback", "--update-parallelism", "0"];
    let times =
        ["--update-monitor", "1m", "--rollback-monitor", "10s", "--stop-grace-period", "1s"];
    // Of two tasks one crashes, and the other has to be replaced once more: where the crashed one is the
    // only one, its restart can be of the previous specification already, and the rollback then is over
    // before anybody sees it.
    let two =
        ["--replicas", "2", "--env", "SLOT={{.Task.Slot}}", "web:bare-v1", "sleep", "infinity"];
    let service = Service::create(node, &[&action[..], &times, &two].concat()).await?;
    service.until_running(2).await?;
    let first = service.inspect().await?["Spec"].clone();
    service.update(&["--args", &format!("sh -c '{WORSE}'")]).await?;
    let started = service.until_update("rollback_started").await?;
    let words = "update rolled back due to failure or early termination of";
    assert!(names_a_failed_task(&started, words), "{started:?}");
    let ended = service.until_update("rollback_completed").await?;
    assert_eq!(ended.update_message(), "rollback completed");
    assert_eq!(ended.service["Spec"], first);
    assert!(ended.service["PreviousSpec"].is_null(), "{ended:?}");
    let began = |look: &Value| look["UpdateStatus"]["StartedAt"].clone();
    assert_eq!(began(&started.service), began(&ended.service));
    Ok(())
}

pub(crate) async fn a_rollback_that_fails_is_paused_in_the_words_of_an_update(
    node: &Node,
) -> Result<()> {
    let service = fickle(node, "pause").await?;
    let look = service.until_update("rollback_paused").await?;
    let words = "update paused due to failure or early termination of task ";
    assert!(look.update_message().starts_with(words), "{look:?}");
    assert!(look.service["PreviousSpec"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn a_rollback_that_shall_roll_back_is_completed_though_it_has_failed(
    node: &Node,
) -> Result<()> {
    let service = fickle(node, "rollback").await?;
    service.until_update("rollback_started").await?;
    let look = service.until_update("completed").await?;
    assert_eq!(look.update_message(), "update completed");
    let crashed = "task: non-zero exit (1)";
    assert!(look.errors().contains(&crashed), "a task of the rollback has failed: {look:?}");
    Ok(())
}

/// What runs only once, and an update that fails, so that it is to be returned to.
async fn fickle(node: &Node, action: &str) -> Result<Service> {
    let here = format!("node.hostname=={}", node.name);
    let volume = format!("type=volume,source=once{action}{},target=/once", std::process::id());
    let place = ["--constraint", &here, "--mount", &volume, "--env", "SLOT={{.Task.Slot}}"];
    let update = ["--update-parallelism", "0", "--update-failure-action", "rollback"];
    let rollback = ["--rollback-parallelism", "0", "--rollback-monitor", "1m"];
    let times = ["--update-monitor", "1m", "--stop-grace-period", "1s", "--restart-delay", "1s"];
    let rest = ["--replicas", "3", "web:bare-v1", "sh", "-c", FICKLE];
    let arguments = [&place[..], &update, &rollback, &times, &rest].concat();
    let service = Service::create(node, &arguments).await?;
    service.until_running(3).await?;
    // The CLI won't write this action, and a stack file will.
    let mut spec = service.inspect().await?;
    let version = spec["Version"]["Index"].take();
    let mut spec = spec["Spec"].take();
    spec["RollbackConfig"]["FailureAction"] = json!(action);
    let path = format!("/services/{}/update?version={version}", service.id);
    let answer = node.post(&path, &spec).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let version = service.inspect().await?["Version"]["Index"].take();
    spec["TaskTemplate"]["ContainerSpec"]["Args"] = json!(["sh", "-c", WORSE]);
    let path = format!("/services/{}/update?version={version}", service.id);
    let answer = node.post(&path, &spec).await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(service)
}

pub(crate) async fn a_rollback_by_hand_says_so_and_begins_anew(node: &Node) -> Result<()> {
    let monitors = ["--update-monitor", "1s", "--rollback-monitor", "20s", "web:v1"];
    let service = Service::create(node, &monitors).await?;
    service.until_running(1).await?;
    service.update(&["--image", "web:v2"]).await?;
    let updated = service.until_update("completed").await?;
    node.docker(&["service", "rollback", "--detach", &service.name]).await?;
    let started = service.until_update("rollback_started").await?;
    assert_eq!(started.update_message(), "manually requested rollback");
    let ended = service.until_update("rollback_completed").await?;
    let began = |look: &Value| look["UpdateStatus"]["StartedAt"].clone();
    assert_ne!(began(&updated.service), began(&ended.service));
    assert_eq!(began(&started.service), began(&ended.service));
    let image = |spec: &str| ended.service[spec]["TaskTemplate"]["ContainerSpec"]["Image"].clone();
    assert_eq!((image("Spec"), image("PreviousSpec")), (json!("web:v1"), json!("web:v2")));
    Ok(())
}

/// The updater reads of failures between slots, and again when the last one is done. By then `monitor`
/// has passed for the first one.
pub(crate) async fn a_failure_that_is_looked_at_after_monitor_does_not_count(
    node: &Node,
) -> Result<()> {
    let monitor = ["--replicas", "2", "--update-monitor", "4s", "--restart-delay", "10m"];
    let times = ["--health-start-period", "5m", "--stop-grace-period", "1s", "web:v1"];
    let service = Service::create(node, &[&monitor[..], &times].concat()).await?;
    service.until_running(2).await?;
    // Each new task runs after ten seconds, and crashes two seconds later.
    let slow = ["--env-add", "LISTEN_AFTER=10", "--env-add", "CRASH_AFTER=2"];
    service.update(&slow).await?;
    let first = service.until("a crash", |look| look.count("failed") == 1).await?;
    let failed = first.tasks.iter().find(|task| task["Status"]["State"] == "failed");
    let failed = failed.and_then(|task| task["ID"].as_str()).unwrap_or("none").to_owned();
    let paused = service.until_update("paused").await?;
    assert!(!paused.update_message().contains(&failed), "{paused:?}");
    assert_eq!(paused.count("failed"), 2, "{paused:?}");
    Ok(())
}

/// Its denominator is the new tasks that it has seen, so one that runs for `monitor` is all of them.
pub(crate) async fn the_cli_ends_well_in_the_middle_of_a_global_update(node: &Node) -> Result<()> {
    let mode = ["--mode", "global", "--stop-grace-period", "1s"];
    let update = ["--update-parallelism", "1", "--update-delay", "2m", "--update-monitor", "1s"];
    let service = Service::create(node, &[&mode[..], &update, &["web:v1"]].concat()).await?;
    service.until_running(3).await?;
    let update = ["service", "update", "--detach=false", "--quiet", "--no-resolve-image"];
    let image = ["--image", "web:v2", &service.name];
    let arguments = [&update[..], &image].concat();
    let ended = timeout(LIMIT, node.docker(&arguments)).await;
    assert!(matches!(ended, Ok(Ok(_))), "{ended:?}");
    let look = service.look().await?;
    assert_eq!(look.update_state(), "updating");
    assert!(service.up_to_date().await?.len() < 3, "{look:?}");
    Ok(())
}

/// Whether the update's message is these words and the ID of a task that has failed.
fn names_a_failed_task(look: &super::service::Look, words: &str) -> bool {
    let named = look.update_message().strip_prefix(words).and_then(|it| it.strip_prefix(" task "));
    named.is_some_and(|id| ids(&look.tasks).contains(&id))
}
