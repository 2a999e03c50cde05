use super::*;
use crate::report::sample::{failure, progress, rollout, seconds, verdict};

#[test]
fn progress_reads_as_a_person_would_say_it() {
    let phase = |phase| Progress { phase, ..two_of_three() };
    let trouble = Some("no suitable node (1 node not available)".to_owned());
    let message = "update rolled back".to_owned();
    for (deed, is_job, progress, expected) in [
        (Deed::Updated, false, two_of_three(), "2 of 3 tasks updated and running"),
        (Deed::Created, false, two_of_three(), "2 of 3 tasks running"),
        (Deed::Created, true, two_of_three(), "2 of 3 tasks complete"),
        (
            Deed::RolledBack,
            false,
            two_of_three(),
            "2 of 3 tasks back at the previous version and running",
        ),
        (
            Deed::Updated,
            false,
            phase(Phase::Settling { stability: seconds(5.0) }),
            "2 of 3 tasks updated and running, and have to stay so for 5s",
        ),
        (
            Deed::Updated,
            false,
            phase(Phase::RollingBack { message }),
            "the swarm goes back to the previous version, 2 of 3 tasks running: update rolled back",
        ),
        (Deed::Removed, false, phase(Phase::Removing), "being removed, 2 of 3 tasks gone"),
        (
            Deed::Removed,
            false,
            Progress { wanted: 0, ..phase(Phase::Removing) },
            "being removed, 2 tasks left",
        ),
        (Deed::Updated, false, progress(0, 0), "waiting for its tasks to end"),
        (
            Deed::Created,
            false,
            Progress { trouble, ..progress(0, 1) },
            "0 of 1 task running; no suitable node (1 node not available)",
        ),
    ] {
        assert_eq!(super::progress(deed, is_job, &progress), expected);
    }
}

fn two_of_three() -> Progress {
    progress(2, 3)
}

#[test]
fn every_reason_is_a_whole_sentence_with_the_service_s_name() {
    let message = || "update paused due to failure of task abc.".to_owned();
    let stuck = || "2 of 3 tasks run".to_owned();
    let deadline = seconds(120.0);
    for (reason, expected) in [
        (Reason::Converged, "web is as asked for: 2 of 3 tasks running, and they stayed so."),
        (Reason::Unchanged, "Nothing about the tasks of web changed, and they run."),
        (Reason::Completed, "Every task of web has completed."),
        (Reason::ScaledToZero, "No task of web runs any more, as asked for."),
        (Reason::Removed, "web is gone, and so are its tasks."),
        (Reason::RolledBackAsAsked, "web is back at its previous version, as the job asked for."),
        (
            Reason::SupersededByUpdate,
            "Somebody else updated web before this rollout had ended; how it would have ended is not \
             known.",
        ),
        (Reason::RemovedByOthers, "Somebody else removed web before this rollout had ended."),
        (
            Reason::Paused { message: message() },
            "The swarm paused the update of web and leaves old and new tasks as they are: update \
             paused due to failure of task abc.",
        ),
        (
            Reason::RolledBack { message: String::new() },
            "The swarm took the update of web back, the previous version runs again.",
        ),
        (
            Reason::RollbackPaused { message: message() },
            "The swarm wanted to take the update of web back and failed at that too: update paused \
             due to failure of task abc.",
        ),
        (
            Reason::CrashLoop { times: 3 },
            "Tasks of web end again and again, in one slot 3 times so far; the swarm would go on for \
             ever.",
        ),
        (
            Reason::Exhausted,
            "Tasks of web have ended, and by its restart policy none come after them: 2 of 3 tasks \
             running.",
        ),
        (
            Reason::CompletedWithoutConvergence,
            "The swarm calls the update of web completed, but 2 of 3 tasks are running.",
        ),
        (Reason::JobFailed, "A task of the job web failed for good."),
        (
            Reason::NoProgress { deadline, stuck: stuck() },
            "The rollout of web made no progress for 2m 00s: 2 of 3 tasks run.",
        ),
        (
            Reason::OutOfTime { deadline, stuck: stuck() },
            "The rollout of web was not done after 2m 00s: 2 of 3 tasks run.",
        ),
    ] {
        let mut rollout = rollout("web");
        rollout.progress = two_of_three();
        rollout.verdict = Some(verdict(Outcome::Failed, reason, 1.0));
        assert_eq!(super::verdict(&rollout), expected);
    }
    assert_eq!(
        super::verdict(&rollout("web")),
        "The watch ended before the rollout of web did: 0 of 3 tasks updated and running."
    );
}

#[test]
fn a_failed_task_is_told_with_place_code_and_error() {
    assert_eq!(
        super::failure(&failure("a", 2), Some("worker7")),
        "slot 2 on worker7 failed with exit code 1: task: non-zero exit (1): dockerexec: unhealthy \
         container"
    );
    let pending = TaskFailure {
        slot: None,
        node: None,
        state: TaskState::Pending,
        error: Some(
            "no suitable node (scheduling constraints not satisfied on 3 nodes)".to_owned(),
        ),
        exit_code: None,
        ..failure("b", 1)
    };
    assert_eq!(
        super::failure(&pending, None),
        "the task waits for a node: no suitable node (scheduling constraints not satisfied on 3 \
         nodes)"
    );
}

#[test]
fn what_became_of_taking_back_is_one_sentence() {
    let told = |deed, verdict, error: Option<&str>| {
        undone("web", &Undone { deed, verdict, error: error.map(str::to_owned) })
    };
    let good = Some(verdict(Outcome::Succeeded, Reason::Converged, 4.0));
    assert_eq!(
        told(UndoDeed::Restored, good, None),
        "Taking web back: its previous specification was asked for again; running after 4.0s."
    );
    assert_eq!(
        told(UndoDeed::Removed, None, Some("update out of sequence")),
        "Taking web back: the job had created it, and it was removed; that failed: update out of \
         sequence."
    );
}
