//! Which tasks the managers list.

use std::collections::BTreeSet;

use job::Result;
use serde_json::json;
use testkit::nodes::Node;
use testkit::wait::{Seen, until};

use super::service::{LIMIT, Service, ids};

/// A container that takes its time to end.
const SLOW_TO_END: &[&str] = &[
    "--stop-grace-period",
    "4s",
    "web:bare-v1",
    "sh",
    "-c",
    "trap '' TERM; while :; do sleep 1; done",
];

pub(crate) async fn a_service_filter_is_answered_with_404_once_the_service_is_gone(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, &["web:v1"]).await?;
    let (id, name) = (service.id.as_str(), service.name.as_str());
    for value in [id, name] {
        assert_eq!(service.filtered(&[("service", value)]).await?.status, 200);
    }
    service.remove().await?;
    for value in [id, name] {
        let answer = service.filtered(&[("service", value)]).await?;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.body["message"], format!("service {value} not found"));
    }
    let other = Service::create(node, &["web:v1"]).await?;
    let both = other.filtered(&[("service", id), ("service", &other.id)]).await?;
    assert_eq!(both.status, 404, "one that is gone spoils the question for the others: {both:?}");
    let both = other.filtered(&[("name", name), ("name", &other.name)]).await?;
    assert_eq!(both.status, 200, "{both:?}");
    Ok(())
}

pub(crate) async fn a_name_filter_takes_prefixes_and_an_id_prefix_is_a_service(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, &["web:v1"]).await?;
    let (name, id) = (&service.name, &service.id);
    let found = async |filter: &[(&str, &str)]| -> Result<bool> {
        let answer = service.filtered(filter).await?;
        let tasks = answer.body.as_array().cloned().unwrap_or_default();
        Ok(tasks.iter().any(|task| task["ServiceID"] == id.as_str()))
    };
    until("a task", LIMIT, async || match found(&[("name", name)]).await {
        Ok(true) => Seen::Ready(()),
        other => Seen::NotYet(format!("{other:?}")),
    })
    .await?;
    assert!(
        found(&[("name", &name[..name.len() - 1])]).await?,
        "a prefix of a task's service name"
    );
    assert!(!found(&[("name", &name[1..])]).await?, "no other part of it");
    assert!(found(&[("service", &id[..12])]).await?, "a prefix of an ID");
    assert!(!found(&[("service", &name[..name.len() - 1])]).await?, "no prefix of a name");
    Ok(())
}

pub(crate) async fn tasks_of_a_removed_service_are_listed_until_they_have_ended(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, SLOW_TO_END).await?;
    let task = service.until_running(1).await?.tasks[0].clone();
    let id = task["ID"].as_str().unwrap_or_default();
    service.remove().await?;
    let listed = service.tasks().await?;
    assert_eq!(ids(&listed), [id]);
    assert_eq!(listed[0]["Status"]["State"], "running");
    assert_eq!(listed[0]["DesiredState"], "remove");
    assert_eq!(service.up_to_date().await?, Vec::<serde_json::Value>::new());
    let by_id = service.filtered(&[("id", id)]).await?.body;
    assert_eq!(by_id[0]["ID"], id);

    until("the task to go", LIMIT, async || match service.tasks().await {
        Ok(tasks) if tasks.is_empty() => Seen::Ready(()),
        other => Seen::NotYet(format!("{other:?}")),
    })
    .await?;
    assert_eq!(node.get(&format!("/tasks/{id}")).await?.status, 404);
    let its = format!("label=com.docker.swarm.task.id={id}");
    assert_eq!(node.docker(&["ps", "--quiet", "--filter", &its]).await?, "");
    Ok(())
}

pub(crate) async fn tasks_that_a_scale_down_takes_are_up_to_date_to_the_last(
    node: &Node,
) -> Result<()> {
    let replicas = [&["--replicas", "2"], SLOW_TO_END].concat();
    let service = Service::create(node, &replicas).await?;
    service.until_running(2).await?;
    service.scale(1).await?;
    let look = service.until("a task that is to go", |look| look.running() == 1).await?;
    let leaving: Vec<_> = look.tasks.iter().filter(|it| it["DesiredState"] == "remove").collect();
    assert_eq!(leaving.len(), 1, "{look:?}");
    assert_eq!(leaving[0]["Status"]["State"], "running");
    assert_eq!(service.up_to_date().await?.len(), 2);
    let look = service.until("one task", |look| look.tasks.len() == 1).await?;
    assert!(look.service["UpdateStatus"].is_null(), "{look:?}");
    Ok(())
}

pub(crate) async fn of_the_filter_up_to_date_only_the_name_counts(node: &Node) -> Result<()> {
    let service = Service::create(node, &["web:v1"]).await?;
    service.until_running(1).await?;
    service.update(&["--force"]).await?;
    service.until_update("completed").await?;
    let with = async |value| {
        let filters = [("service", service.id.as_str()), ("_up-to-date", value)];
        service.filtered(&filters).await.map(|answer| answer.body)
    };
    let tasks = with("true").await?;
    assert_eq!(tasks.as_array().map(Vec::len), Some(1));
    assert_eq!(service.tasks().await?.len(), 2);
    assert_eq!(with("false").await?, tasks, "false is as true");
    Ok(())
}

pub(crate) async fn labels_and_no_ops_leave_every_task_up_to_date_and_clear_the_status(
    node: &Node,
) -> Result<()> {
    let service = Service::create(node, &["--replicas", "2", "web:v1"]).await?;
    service.until_running(2).await?;
    service.update(&["--force", "--update-parallelism", "0"]).await?;
    service.until_update("completed").await?;
    let tasks: BTreeSet<_> =
        ids(&service.up_to_date().await?).into_iter().map(str::to_owned).collect();
    for update in [&["--label-add", "a=b"][..], &[]] {
        let version = service.inspect().await?["Version"]["Index"].as_u64();
        service.update(update).await?;
        let after = service.inspect().await?;
        assert!(after["UpdateStatus"].is_null(), "{update:?}: {after}");
        assert!(after["PreviousSpec"].is_object(), "{update:?}: {after}");
        assert!(after["Version"]["Index"].as_u64() > version, "{update:?}: {after}");
        let now: BTreeSet<_> =
            ids(&service.up_to_date().await?).into_iter().map(str::to_owned).collect();
        assert_eq!(now, tasks, "{update:?}");
    }
    Ok(())
}

pub(crate) async fn a_forced_update_leaves_only_new_tasks_up_to_date(node: &Node) -> Result<()> {
    let service = Service::create(node, &["--replicas", "2", "web:v1"]).await?;
    let old = service.until_running(2).await?;
    service.update(&["--force", "--update-monitor", "1s"]).await?;
    for task in service.up_to_date().await? {
        assert!(!ids(&old.tasks).contains(&task["ID"].as_str().unwrap_or_default()), "{task}");
        assert_eq!(task["Spec"]["ForceUpdate"], json!(1));
    }
    service.until_update("completed").await?;
    assert_eq!(service.up_to_date().await?.len(), 2);
    assert_eq!(service.tasks().await?.len(), 4);
    Ok(())
}
