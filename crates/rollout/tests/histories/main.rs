//! Histories of a real swarm, judged: whenever one looks, the verdict is the truth, and it comes when
//! that can be known, neither before nor much after.
//!
//! The truth is read from the swarm's own JSON by other code than the judge's ([`shown`]).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "when each verdict came is worth reading")]

mod recorded;
mod shown;

use std::time::Duration;

use rollout::judge::{Deadlines, Judge, Judgement};
use rollout::verdict::Verdict;

use recorded::History;

const DEADLINES: Deadlines =
    Deadlines { progress: Duration::from_secs(20), total: Duration::from_mins(10) };

/// Between two looks of a watch.
const INTERVAL: Duration = Duration::from_millis(600);

/// Between the first looks of two watches of the same history.
const SHIFT: Duration = Duration::from_millis(100);

/// How long after the truth can be known a verdict may come: it needs a second look.
const LATENCY: Duration = Duration::from_secs(2);

/// Longer than any history and than the progress deadline after it.
const LONGEST: Duration = Duration::from_mins(4);

/// Makes a test of each history.
macro_rules! histories {
    ($($test:ident: $row:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                is_the_truth($row);
            }
        )*

        #[test]
        fn every_history_is_judged() {
            assert_eq!(History::rows(), [$($row),*]);
        }
    };
}

histories! {
    an_image_that_is_nowhere: "bad-image",
    a_crash_after_monitor: "crash-after-monitor",
    a_crash_within_monitor: "crash-within-monitor",
    a_global_service_with_a_drained_node: "drained-node",
    a_first_deploy: "first-deploy",
    a_first_deploy_that_crashes_again_and_again: "first-deploy-crash-loop",
    a_first_deploy_that_fits_no_node: "first-deploy-without-node",
    a_good_update: "good-update",
    a_job_that_fails: "job-fails",
    a_job_that_succeeds: "job-succeeds",
    a_label_and_nothing_else: "label-only",
    a_leader_killed: "leader-killed",
    a_deploy_of_nothing_new: "no-op",
    a_one_shot: "one-shot",
    a_one_shot_that_fails: "one-shot-fails",
    a_removal_by_somebody_else: "removed-by-others",
    a_removal_by_the_job: "removed-by-the-job",
    a_rollback_that_pauses: "rollback-paused",
    a_rollback_that_is_called_completed: "rollback-rolled-back",
    a_rollback_by_the_job: "rolled-back-by-the-job",
    a_scale_to_zero: "scale-to-zero",
    a_scale_up_from_zero: "scale-up-from-zero",
    an_update_by_somebody_else: "superseded",
    an_unhealthy_version_goes_on: "unhealthy-continue",
    an_unhealthy_version_pauses: "unhealthy-pause",
    an_unhealthy_version_is_rolled_back: "unhealthy-rollback",
    a_worker_killed: "worker-killed",
}

fn is_the_truth(row: &str) {
    let history = History::of(row);
    let shifts = (0..).map(|number| SHIFT * number).take_while(|shift| *shift < INTERVAL);
    for shift in shifts {
        let verdict = judged(&history, shift);
        let reason = shown::word(&verdict.reason);
        let told = format!("{row} from {shift:?} on: {verdict:#?}");
        let outcome = serde_json::to_value(verdict.outcome).unwrap();
        assert_eq!(outcome, *history.truth.outcome, "{told}");
        assert!(history.truth.reasons.contains(&reason), "{told}");
        let known = shown::known(&history, &verdict.reason, DEADLINES);
        let known = known.unwrap_or_else(|| panic!("nothing shows it: {told}"));
        println!("{row}: {reason} known at {known:.2?}, told at {:.2?}", verdict.took);
        assert!(verdict.took >= known, "known at {known:?} only: {told}");
        assert!(verdict.took <= known.max(first(&history)) + LATENCY, "known at {known:?}: {told}");
    }
}

fn first(history: &History) -> Duration {
    history.looks[0].at
}

/// The verdict of a watch that looks for the first time so long after the first look of the history.
fn judged(history: &History, shift: Duration) -> Verdict {
    let mut judge = Judge::new(history.expectation(), DEADLINES);
    let mut at = first(history) + shift;
    while at < LONGEST {
        if let Some(snapshot) = history.at(at)
            && let Judgement::Ended(verdict) = judge.see(&snapshot)
        {
            return verdict;
        }
        at += INTERVAL;
    }
    panic!("no verdict: {judge:#?}");
}
