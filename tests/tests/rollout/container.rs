//! Deploys from jobs in containers: the same watch, and the reports where `artifacts:` takes them from.

use job::{Failure, Result};
use play::{Cancel, Job, Protocol};
use scenarios::rollouts::{Stack, row};
use scenarios::{Engine, Left, Scenario, left_by};

use crate::play::{Told, job};

const REPORTS: [&str; 3] = ["rollout.html", "rollout.json", "rollout.xml"];

const LIST: &str = "ls rollout.*";
const LISTED: &str = "\nrollout.html\nrollout.json\nrollout.xml\n";

#[tokio::test]
async fn deploys_from_containers_are_watched_and_their_reports_are_artifacts() -> Result<()> {
    let scenario = Scenario::new()?;
    let (manager, gitlab) = (scenario.swarm.manager(), scenario.gitlab().await?);
    let engine =
        Engine::of_the_cluster(&scenario, "")?.profiled("rollout.progress_deadline = \"20s\"")?;
    for (name, user) in [("bad-image", None), ("good-update", Some("1000:1000"))] {
        let Some(row) = row(name) else { panic!("there is no row {name}") };
        let stack = Stack::new(row);
        stack.set(&scenario.swarm, manager).await?;
        let job = gitlab.submit(&in_container(&scenario, &stack, user)?);
        let runner = engine.runner(Protocol::V19);
        let outcome = runner.play(job.spec(), &Cancel::default(), |_| {}).await;
        stack.clear(&scenario.swarm, manager).await?;
        Told::of(&outcome)?.is_the_truth(row, &stack);
        assert_eq!(left_by(job.spec()), Left::default(), "{}", outcome.log_text());
        assert_eq!(engine.left_by(job.spec()).await?, Vec::<String>::new());
        if outcome.is_success() {
            let uploaded = job.dependency();
            let uploaded = uploaded.ok_or_else(|| Failure::system("nothing was uploaded"))?;
            let later = scenario.plain("later", "job:sh").dependency(uploaded);
            let later = gitlab.submit(&later.script([LIST]));
            let outcome = runner.play(later.spec(), &Cancel::default(), |_| {}).await;
            assert!(outcome.log_text().contains(LISTED), "{}", outcome.log_text());
        }
    }
    Ok(())
}

/// The row as a job in a container of docker's image, as this user.
fn in_container(scenario: &Scenario, stack: &Stack, user: Option<&str>) -> Result<Job> {
    let mut job = job(scenario, stack)?.image("docker:19.03.0");
    job.services.clear();
    if let Some(image) = &mut job.image {
        image.user = user.map(str::to_owned);
    }
    Ok(REPORTS.into_iter().fold(job, Job::artifact))
}
