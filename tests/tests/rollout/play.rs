//! Plays a row as a job, and compares what the job tells with the truth.

use std::time::Duration;

use job::{Failure, Result};
use play::{Cancel, Event, Job, Outcome, Protocol, Sources, Variable};
use scenarios::rollouts::{Row, Stack, row};
use scenarios::{Left, Moment, Scenario, at, left_by, runner_with, settings};
use serde_json::Value;
use testkit::nodes::Node;
use tokio::sync::Notify;

/// Said by the script when it has ended; each command is shown before it runs, so it is spelt otherwise.
pub(crate) const ENDED: &str = "the script has ended";
const SAY_ENDED: &str = "echo the script has en''ded";

/// Comes before `rollout.json` in the job log.
const REPORT: &str = "what the rollout was:";
const SAY_REPORT: &str = "echo what the roll''out was:; cat rollout.json";

/// A profile under which a stuck rollout is found out soon.
pub(crate) const SETTINGS: &str = "[profile.default.rollout]\nprogress_deadline = \"20s\"\n";

/// Plays the row with this name on the swarm that all scenarios share.
pub(crate) async fn judged(scenario: &Scenario, name: &str) -> Result<()> {
    let row = row(name).ok_or_else(|| Failure::system(format!("there is no row {name}")))?;
    let stack = Stack::new(row);
    let manager = scenario.swarm.manager();
    stack.set(&scenario.swarm, manager).await?;
    let told = Told::by(scenario, &stack, manager).await?;
    stack.clear(&scenario.swarm, manager).await?;
    told.is_the_truth(row, &stack);
    Ok(())
}

/// What a job told.
pub(crate) struct Told {
    pub(crate) log: String,
    pub(crate) succeeded: bool,
    /// `rollout.json`.
    pub(crate) report: Value,
}

impl Told {
    /// Plays the row's script as a job, and what others do meanwhile.
    pub(crate) async fn by(scenario: &Scenario, stack: &Stack, manager: &Node) -> Result<Self> {
        Self::of_job(scenario, stack, manager, job(scenario, stack)?, SETTINGS).await
    }

    /// The same with a job that does more, under these settings.
    pub(crate) async fn of_job(
        scenario: &Scenario,
        stack: &Stack,
        manager: &Node,
        job: Job,
        settings: &str,
    ) -> Result<Self> {
        let ended = Notify::new();
        let cancel = Cancel::default();
        let told = at(Moment::Said(ENDED), |_| ended.notify_one());
        let others = async {
            // A script that doesn't get to its end has nobody who comes in between.
            match tokio::time::timeout(Duration::from_mins(2), ended.notified()).await {
                Ok(()) => stack.meanwhile(&scenario.swarm, manager).await,
                Err(_) => Ok(()),
            }
        };
        let (outcome, others) = tokio::join!(play_under(settings, &job, &cancel, told), others);
        others?;
        Self::of(&outcome?)
    }

    pub(crate) fn of(outcome: &Outcome) -> Result<Self> {
        let log = outcome.log_text();
        let report = log.split_once(REPORT).map_or("", |(_, report)| report);
        let mut values = serde_json::Deserializer::from_str(report).into_iter::<Value>();
        let report = values.next().and_then(std::result::Result::ok);
        let report = report
            .ok_or_else(|| Failure::system("the job has no rollout.json").caused_by(log.clone()))?;
        Ok(Self { succeeded: outcome.is_success(), log, report })
    }

    /// The names of the services that were judged.
    pub(crate) fn services(&self) -> Vec<&str> {
        let services = self.report["services"].as_array().into_iter().flatten();
        services.filter_map(|service| service["name"].as_str()).collect()
    }

    /// What `rollout.json` says of the service with this name.
    pub(crate) fn service(&self, name: &str) -> &Value {
        let mut services = self.report["services"].as_array().into_iter().flatten();
        services.find(|service| service["name"] == name).unwrap_or(&Value::Null)
    }

    /// Fails with all that is otherwise than it should be.
    pub(crate) fn is_the_truth(&self, row: &Row, stack: &Stack) {
        let truth = &row.truth;
        assert_eq!(self.services(), [stack.service()], "{}", self.log);
        let rollout = &self.report["services"][0];
        let verdict = &rollout["verdict"];
        let mut wrong = Vec::new();
        let mut expect = |what: &str, told: &Value, right: bool| {
            if !right {
                wrong.push(format!("{what} is {told}"));
            }
        };
        let outcome = serde_json::to_value(truth.outcome).unwrap_or_default();
        expect("the outcome", &verdict["outcome"], verdict["outcome"] == outcome);
        let deed = serde_json::to_value(truth.deed).unwrap_or_default();
        expect("the deed", &rollout["deed"], rollout["deed"] == deed);
        let reason = &verdict["reason"];
        expect("the reason", reason, truth.reasons.iter().any(|right| reason == right));
        let succeeds = truth.exit_code == 0;
        expect("success", &self.succeeded.into(), self.succeeded == succeeds);
        for words in truth.words {
            expect("a log without", &(*words).into(), self.log.contains(words));
        }
        assert!(wrong.is_empty(), "{}: {wrong:#?}\n{}", row.name, self.log);
    }
}

/// Plays a job to its end under these settings; nothing of it may be left.
pub(crate) async fn play_under(
    text: &str,
    job: &Job,
    cancel: &Cancel,
    watch: impl FnMut(Event) + Send,
) -> Result<Outcome> {
    let settings = settings(text)?;
    let runner = runner_with(Protocol::V19, &["--settings", &settings.to_string_lossy()]);
    let outcome = runner.play(job, cancel, watch).await;
    assert_eq!(left_by(job), Left::default(), "{}", outcome.log_text());
    Ok(outcome)
}

/// The part of a job log that tells of the rollouts, without the marks of the section.
pub(crate) fn section(log: &str) -> Vec<&str> {
    let begun = log.split_once(":swarm_rollout[collapsed=false]\r\x1b[0K");
    let section = begun.and_then(|(_, rest)| rest.split_once("\x1b[0Ksection_end:"));
    section.map_or_else(Vec::new, |(section, _)| section.lines().collect())
}

/// Tells whoever runs the test a figure.
#[expect(clippy::print_stderr, reason = "nextest shows it with the test's output")]
pub(crate) fn tell(figure: &str) {
    eprintln!("{figure}");
}

/// The row as a job of the example project, which shows `rollout.json` in the end.
pub(crate) fn job(scenario: &Scenario, stack: &Stack) -> Result<Job> {
    Ok(deploying(scenario, stack)?.after_script([SAY_REPORT]))
}

/// The same without an `after_script`.
pub(crate) fn deploying(scenario: &Scenario, stack: &Stack) -> Result<Job> {
    let change = stack.row.change;
    let write = r#"printf '%s\n' "$STACK_FILE" >stack.yml"#;
    let script = [write].into_iter().chain(stack.row.script.iter().copied()).chain([SAY_ENDED]);
    let mut job = scenario.job("deploy").sources(Sources::None).script(script);
    job = job.variable(Variable::new("STACK_FILE", Stack::file(change)?).raw());
    for (name, value) in stack.variables(change) {
        job = job.variable(Variable::new(name, value).raw());
    }
    Ok(job)
}
