//! The table of what can become of a rollout, row by row.

use std::time::Duration;

use super::story::{DEADLINES, LOOK, Story, job};
use super::{spec, update_config};
use crate::expectation::Deed;
use crate::judge::Judgement;
use crate::snapshot::TaskState::{
    Complete, Failed, New, Orphaned, Pending, Preparing, Ready, Rejected, Running, Shutdown,
    Starting,
};
use crate::snapshot::UpdateState::{
    Completed, Paused, RollbackCompleted, RollbackPaused, RollbackStarted, Updating,
};
use crate::snapshot::{Availability, FailureAction, Mode, Spec, TaskState};
use crate::verdict::{Outcome, Phase, Reason};

const NO_NODE: &str = "no suitable node (scheduling constraints not satisfied on 3 nodes)";

fn message(text: &str) -> String {
    text.to_owned()
}

/// One slot of an update: the old task ends, the new one comes.
fn replace(story: &mut Story, slot: u64) {
    story.task(&format!("a{slot}"), slot, Shutdown).task(&format!("b{slot}"), slot, Starting);
    story.goes_on(1.0).task(&format!("b{slot}"), slot, Running).goes_on(1.0);
}

fn good_update() -> Story {
    let mut story = Story::updated(spec(1, 3), spec(2, 3), &["a1", "a2", "a3"]);
    story.goes_on(0.5).says(Updating, "update in progress");
    (1..=3).for_each(|slot| replace(&mut story, slot));
    story
}

#[test]
fn a_good_update_ends_when_the_updater_has_monitored_it() {
    let mut story = good_update();
    story.goes_on(4.0).says(Completed, "update completed");
    let verdict = story.ends(&Reason::Converged);
    assert_eq!((verdict.outcome, verdict.failures.len()), (Outcome::Succeeded, 0));
}

#[test]
fn an_update_that_was_over_before_the_watch_is_not_monitored_again() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Running);
    story.now.at = Duration::from_secs(6);
    story.says(Completed, "update completed").ends(&Reason::Converged);
}

#[test]
fn a_task_that_was_started_anew_before_completion_has_its_own_time() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Failed);
    story.now.at = Duration::from_secs(8);
    story.task("b2", 1, Running);
    story.now.at = Duration::from_secs(10);
    story.says(Completed, "update completed").goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn a_bad_image_pauses_the_update() {
    let mut story = Story::updated(spec(1, 3), spec(2, 3), &["a1", "a2", "a3"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Preparing).goes_on(3.0);
    assert_eq!(story.progress().phase, Phase::Rolling);
    story.task("b1", 1, Rejected).says(Paused, "update paused due to failure of task b1");
    let verdict =
        story.ends(&Reason::Paused { message: message("update paused due to failure of task b1") });
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(verdict.failures[0].task, "b1");
    assert_eq!(verdict.failures[0].error.as_deref(), Some("No such image: web:2"));
    assert_eq!(verdict.took + LOOK, story.now.at);
}

#[test]
fn a_pause_waits_one_look_for_the_task_that_explains_it() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").goes_on(0.5).says(Paused, "update paused").goes_on(0.5);
    story.task("b1", 1, Failed);
    let verdict = story.ends(&Reason::Paused { message: message("update paused") });
    assert_eq!(verdict.failures.len(), 1);
}

#[test]
fn an_unhealthy_update_that_is_rolled_back_is_followed_to_the_end() {
    let mut story = Story::updated(spec(1, 2), spec(2, 2), &["a1", "a2"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Starting).goes_on(9.0);
    story.task("b1", 1, Failed).error("b1", "task: non-zero exit (137): unhealthy container");
    story.rolls_back("update rolled back due to failure of task b1").goes_on(2.0);
    let goes_back =
        Phase::RollingBack { message: message("update rolled back due to failure of task b1") };
    assert_eq!(story.progress().phase, goes_back);
    story.task("a9", 1, Running).goes_on(5.0).says(RollbackCompleted, "rollback completed");
    let verdict = story.ends(&Reason::RolledBack {
        message: message("update rolled back due to failure of task b1"),
    });
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert!(verdict.failures[0].error.as_ref().unwrap().ends_with("unhealthy container"));
}

#[test]
fn a_rollback_that_was_over_at_the_first_look_is_seen() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").rolls_back("update rolled back").says(RollbackCompleted, "done");
    story.ends(&Reason::RolledBack { message: message("done") });
}

#[test]
fn a_rollback_that_fails_too_is_told_even_when_it_is_called_completed() {
    for state in [RollbackPaused, Completed] {
        let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
        story.says(Updating, "").goes_on(0.5).task("b1", 1, Failed);
        story.rolls_back("update rolled back").goes_on(1.0).says(state, "its words");
        story.ends(&Reason::RollbackPaused { message: message("its words") });
    }
}

#[test]
fn an_unhealthy_update_that_continues_is_completed_and_yet_fails() {
    let mut asked = spec(2, 1);
    asked.update = Some(update_config(FailureAction::Continue));
    let mut story = Story::updated(spec(1, 1), asked, &["a1"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Starting).goes_on(9.0);
    story.task("b1", 1, Failed).task("b2", 1, Starting).goes_on(5.0).says(Completed, "");
    story.goes_on(4.0).task("b2", 1, Failed).task("b3", 1, Starting).goes_on(9.0);
    story.task("b3", 1, Failed);
    let verdict = story.ends(&Reason::CompletedWithoutConvergence);
    assert_eq!(verdict.outcome, Outcome::Failed);
    let told: Vec<_> = verdict.failures.iter().map(|failure| &*failure.task).collect();
    assert_eq!(told, ["b3", "b2", "b1"]);
}

#[test]
fn a_crash_within_monitor_pauses_and_one_after_it_is_not_seen() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").task("b1", 1, Running).task("a1", 1, Shutdown).goes_on(2.0);
    story
        .task("b1", 1, Failed)
        .says(Paused, "paused")
        .ends(&Reason::Paused { message: message("paused") });
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").task("b1", 1, Running).task("a1", 1, Shutdown).goes_on(5.0);
    story.says(Completed, "").ends(&Reason::Converged);
}

#[test]
fn a_first_deploy_converges_after_the_stability_time() {
    let mut story = Story::created(spec(2, 2));
    story.tasks(&["b1", "b2"], Preparing).goes_on(3.0).tasks(&["b1"], Running).goes_on(1.0);
    assert_eq!((story.progress().reached, story.progress().wanted), (1, 2));
    story.tasks(&["b2"], Running).goes_on(5.0);
    assert_eq!(story.progress().phase, Phase::Settling { stability: Duration::from_secs(5) });
    story.ends(&Reason::Converged);
}

#[test]
fn one_crash_of_a_first_deploy_is_forgiven_and_told() {
    let mut story = Story::created(spec(2, 1));
    story.task("b1", 1, Running).goes_on(2.0).task("b1", 1, Failed).task("b2", 1, Ready);
    story.goes_on(5.0).task("b2", 1, Running).goes_on(5.0);
    let verdict = story.ends(&Reason::Converged);
    assert_eq!(verdict.failures.len(), 1);
}

#[test]
fn a_first_deploy_that_crashes_again_and_again_fails_though_swarm_goes_on() {
    let mut story = Story::created(spec(2, 2));
    story.task("b2", 2, Running);
    for id in ["b1", "c1", "d1"] {
        story.gone("next").task(id, 1, Running).goes_on(2.0).task(id, 1, Failed);
        story.task("next", 1, Ready);
        if id != "d1" {
            story.goes_on(5.0);
        }
    }
    let verdict = story.ends(&Reason::CrashLoop { times: 3 });
    assert_eq!(verdict.failures.len(), 3);
}

#[test]
fn failures_that_the_swarm_forgets_are_remembered() {
    let mut story = Story::created(spec(2, 1));
    for id in ["b1", "c1"] {
        story.task(id, 1, Failed).task("next", 1, Ready).goes_on(1.0).gone(id).gone("next");
    }
    story.task("d1", 1, Failed);
    assert_eq!(story.ends(&Reason::CrashLoop { times: 3 }).failures.len(), 3);
}

#[test]
fn failures_from_before_the_change_count_for_nothing() {
    let mut story = Story::updated(spec(2, 1), spec(2, 1), &["a1", "a2", "a3", "a4"]);
    for id in ["a1", "a2", "a3"] {
        story.task(id, 1, Failed);
    }
    story.tasks_mut("a4").slot = Some(1);
    assert_eq!(story.ends(&Reason::Unchanged).failures.len(), 0);
}

#[test]
fn whoever_limits_attempts_gets_that_many() {
    let mut asked = spec(2, 1);
    asked.max_attempts = Some(4);
    let mut story = Story::created(asked);
    for id in ["b1", "c1", "d1", "e1"] {
        story.task(id, 1, Failed).task("next", 1, Ready).goes_on(3.0).gone("next");
    }
    story.task("f1", 1, Failed).ends(&Reason::CrashLoop { times: 5 });
}

#[test]
fn a_first_deploy_without_a_fitting_node_fails_with_the_scheduler_s_words() {
    let mut story = Story::created(spec(2, 2));
    story.task("b1", 1, Running).task("b2", 2, Pending).error("b2", NO_NODE);
    story.goes_on(119.0);
    assert_eq!(story.progress().trouble.as_deref(), Some(NO_NODE));
    let verdict = story.ends(&Reason::NoProgress {
        deadline: DEADLINES.progress,
        stuck: format!("1 of 2 tasks run; {NO_NODE}"),
    });
    assert_eq!((verdict.failures[0].task.as_str(), verdict.failures[0].state), ("b2", Pending));
}

#[test]
fn a_global_service_does_without_a_drained_node() {
    let mut story =
        Story::updated(mode(spec(1, 0), Mode::Global), mode(spec(2, 0), Mode::Global), &[]);
    story.node("n3", |node| node.availability = Availability::Drain);
    story.says(Updating, "").task("b1", 1, Running).goes_on(1.0);
    assert_eq!((story.progress().reached, story.progress().wanted), (1, 2));
    story.task("b2", 2, Running).goes_on(5.0).says(Completed, "").ends(&Reason::Converged);
}

#[test]
fn a_global_service_wants_the_nodes_that_its_constraints_admit() {
    let mut asked = mode(spec(2, 0), Mode::Global);
    asked.constraints = vec!["node.role == manager".into()];
    let mut story = Story::created(asked.clone());
    story.task("b1", 1, Running).goes_on(5.0).ends(&Reason::Converged);
    asked.constraints = vec!["node.labels.zone == mars".into()];
    let mut story = Story::created(asked);
    story.goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn a_global_service_waits_for_a_manager_that_has_forgotten_its_nodes() {
    let mut story = Story::created(mode(spec(2, 0), Mode::Global));
    story.tasks(&["b1", "b2", "b3"], Running).goes_on(4.0);
    story.node("n1", |node| node.ready = false).goes_on(10.0);
    story.node("n1", |node| node.ready = true).ends(&Reason::Converged);
}

#[test]
fn a_worker_killed_in_the_middle_gives_its_tasks_to_others() {
    let mut story = good_update();
    story.node("n2", |node| node.ready = false).goes_on(4.0).says(Completed, "").goes_on(2.0);
    story.tasks_mut("b2").desired = Shutdown;
    story.task("c2", 2, Running);
    story.tasks_mut("c2").node = Some("n1".into());
    story.goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn an_update_that_waits_for_a_lost_task_does_not_hold_up_the_verdict() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Preparing).goes_on(1.0);
    story.node("n1", |node| node.ready = false).tasks_mut("b1").desired = Shutdown;
    story.task("b2", 1, Running).tasks_mut("b2").node = Some("n2".into());
    story.goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn an_update_that_a_lost_task_holds_up_names_the_node() {
    let mut story = Story::updated(spec(1, 2), spec(2, 2), &["a1", "a2"]);
    story.says(Updating, "").task("a1", 1, Shutdown).task("b1", 1, Preparing).goes_on(1.0);
    story.node("n1", |node| node.ready = false).tasks_mut("b1").desired = Shutdown;
    story.task("b2", 1, Running).tasks_mut("b2").node = Some("n2".into());
    story.goes_on(60.0);
    let Reason::NoProgress { stuck, .. } = story.ends_within(100.0).reason else { panic!() };
    assert!(
        stuck.starts_with(
            "1 of 2 tasks run; worker1 is down, and the update waits for a task there "
        ),
        "{stuck}"
    );
}

#[test]
fn an_update_at_rest_with_all_tasks_running_has_succeeded_at_the_progress_deadline() {
    let mut story = good_update();
    story.goes_on(120.0);
    assert_eq!(story.ends_within(10.0).reason, Reason::Converged);
}

#[test]
fn a_leader_killed_in_the_middle_may_be_silent_and_forget() {
    let mut story = good_update();
    story.now.at += Duration::from_secs(20);
    story.service().update = None;
    story.task("b3", 3, Starting).goes_on(1.0).task("b3", 3, Running);
    story.says(Updating, "").goes_on(5.0).says(Completed, "").ends(&Reason::Converged);
}

#[test]
fn an_older_look_of_a_manager_behind_is_passed_over() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    let asked = story.now.service.clone();
    let service = story.service();
    (service.spec, service.version) = (service.previous.take().unwrap(), 50);
    story.goes_on(2.0).now.service = asked;
    story.task("b1", 1, Running).task("a1", 1, Shutdown).goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn silence_ends_at_the_deadlines() {
    let mut story = Story::created(spec(2, 1));
    story.task("b1", 1, Preparing).goes_on(1.0);
    let Judgement::Pending(_) = story.judge.lapse(Duration::from_secs(119)) else { panic!() };
    let Judgement::Ended(verdict) = story.judge.lapse(Duration::from_secs(121)) else { panic!() };
    let stuck = message("0 of 1 tasks run; 1 preparing");
    assert_eq!(verdict.reason, Reason::NoProgress { deadline: DEADLINES.progress, stuck });
}

#[test]
fn a_replicated_job_succeeds_when_all_have_completed() {
    let mut story = Story::created(job(Mode::ReplicatedJob { completions: 3, concurrent: 2 }));
    story.tasks(&["b1", "b2"], Running).iteration(0).goes_on(30.0);
    story.tasks(&["b1", "b2"], Complete).goes_on(1.0).task("b3", 3, Running).goes_on(30.0);
    assert_eq!((story.progress().reached, story.progress().wanted), (2, 3));
    story.task("b3", 3, Complete).ends(&Reason::Completed);
}

#[test]
fn a_job_s_first_slot_has_the_number_that_the_api_leaves_out() {
    let mut story = Story::created(job(Mode::ReplicatedJob { completions: 1, concurrent: 1 }));
    for (id, node) in [("b1", "n1"), ("c1", "n2"), ("d1", "n3")] {
        story.task(id, 1, Failed);
        (story.tasks_mut(id).slot, story.tasks_mut(id).node) = (None, Some(node.into()));
    }
    story.task("e1", 1, Ready).tasks_mut("e1").slot = None;
    story.ends(&Reason::CrashLoop { times: 3 });
}

#[test]
fn a_job_without_attempts_left_has_failed() {
    let mut story = Story::created(job(Mode::ReplicatedJob { completions: 2, concurrent: 2 }));
    story.tasks(&["b1", "b2"], Running).goes_on(2.0).task("b1", 1, Failed).goes_on(2.0);
    story.task("b2", 2, Complete);
    let verdict = story.ends(&Reason::JobFailed);
    assert_eq!(verdict.failures.len(), 1);
}

#[test]
fn a_job_is_judged_by_its_present_execution() {
    let mode = Mode::ReplicatedJob { completions: 1, concurrent: 1 };
    let mut story = Story::updated(job(mode), job(mode), &["a1"]);
    story.task("a1", 1, Complete).tasks_mut("a1").iteration = Some(3);
    story.iteration(4).goes_on(1.0).task("b1", 1, Running).tasks_mut("b1").iteration = Some(4);
    story.goes_on(9.0).task("b1", 1, Complete).ends(&Reason::Completed);
}

#[test]
fn a_job_that_somebody_runs_again_is_superseded() {
    let mut story = Story::created(job(Mode::GlobalJob));
    story.iteration(0).task("b1", 1, Running).goes_on(1.0).iteration(1);
    story.ends(&Reason::SupersededByUpdate);
}

#[test]
fn a_global_job_completes_on_the_nodes_that_it_began_with() {
    let mut story = Story::created(job(Mode::GlobalJob));
    story.node("n3", |node| node.ready = false);
    story.tasks(&["b1", "b2"], Running).goes_on(9.0).task("b1", 1, Complete).goes_on(1.0);
    story.node("n3", |node| node.ready = true).goes_on(1.0).task("b2", 2, Complete);
    story.ends(&Reason::Completed);
}

#[test]
fn a_one_shot_has_completed_when_it_ends_well() {
    for condition in ["none", "on-failure"] {
        let mut story = Story::created(one_shot(condition));
        story.task("b1", 1, Running).goes_on(2.0).task("b1", 1, Complete);
        assert!(story.ends(&Reason::Completed).failures.is_empty());
    }
    let mut story = Story::updated(one_shot("none"), one_shot("none"), &["a1"]);
    story.tasks_mut("a1").up_to_date = false;
    story.says(Updating, "").task("b1", 1, Running).task("a1", 1, Shutdown).goes_on(1.0);
    story.task("b1", 1, Complete).says(Paused, "early termination").ends(&Reason::Completed);
}

#[test]
fn a_pause_for_one_that_ends_well_waits_for_the_others_as_long_as_monitor() {
    let mut asked = one_shot("on-failure");
    asked.mode = Mode::Replicated { replicas: 2 };
    let paused = || {
        let mut story = Story::updated(spec(1, 2), asked.clone(), &["a1", "a2"]);
        story.says(Updating, "").tasks(&["a1", "a2"], Shutdown).tasks(&["b1", "b2"], Running);
        story.goes_on(1.0).task("b1", 1, Complete).says(Paused, "early termination").goes_on(4.5);
        story
    };
    paused().task("b2", 2, Complete).ends(&Reason::Completed);
    paused().ends(&Reason::Paused { message: message("early termination") });
}

#[test]
fn a_one_shot_that_ends_badly_is_exhausted() {
    let mut story = Story::created(one_shot("none"));
    story.task("b1", 1, Running).goes_on(2.0).task("b1", 1, Failed);
    assert_eq!(story.ends(&Reason::Exhausted).outcome, Outcome::Failed);
}

#[test]
fn a_task_that_ends_well_again_and_again_is_a_loop_where_it_shall_run() {
    let mut story = Story::created(spec(2, 1));
    for id in ["b1", "c1", "d1"] {
        story.task(id, 1, Complete);
    }
    assert_eq!(story.ends(&Reason::CrashLoop { times: 3 }).failures.len(), 3);
}

#[test]
fn scaled_to_zero_means_that_no_task_runs() {
    let mut story = Story::updated(spec(1, 2), spec(1, 0), &["a1", "a2"]);
    story.goes_on(2.0).task("a1", 1, Shutdown).goes_on(1.0);
    assert_eq!(story.progress().phase, Phase::Removing);
    assert_eq!((story.progress().reached, story.progress().wanted), (1, 2));
    story.gone("a1").gone("a2").ends(&Reason::ScaledToZero);
}

#[test]
fn scaled_to_zero_does_not_wait_for_a_dead_node() {
    let mut story = Story::updated(spec(1, 1), spec(1, 0), &["a1"]);
    story.node("n1", |node| node.ready = false).goes_on(5.0).ends(&Reason::ScaledToZero);
}

#[test]
fn scaled_up_the_new_tasks_have_to_be_stable() {
    let mut story = Story::updated(spec(1, 1), spec(1, 2), &["a1"]);
    story.goes_on(1.0).task("b2", 2, Running).goes_on(5.0).ends(&Reason::Converged);
}

#[test]
fn scaled_down_the_rest_runs_on() {
    let mut story = Story::updated(spec(1, 3), spec(1, 1), &["a1", "a2", "a3"]);
    story.goes_on(1.0);
    for id in ["a2", "a3"] {
        story.tasks_mut(id).desired = TaskState::Remove;
    }
    story.ends(&Reason::Converged);
}

#[test]
fn labels_and_nothing_at_all_change_no_task() {
    let mut labelled = spec(1, 2);
    labelled.labels.insert("traefik.enable".into(), "true".into());
    for after in [labelled, spec(1, 2)] {
        let mut story = Story::updated(spec(1, 2), after, &["a1", "a2"]);
        story.ends(&Reason::Unchanged);
    }
}

#[test]
fn a_removal_ends_when_tasks_and_networks_are_gone() {
    let mut story = Story::begin(Deed::Removed, Some(spec(1, 2)), None, &["a1", "a2"]);
    story.now.lingering = vec!["shop_default".into()];
    story.goes_on(3.0).task("a1", 1, Shutdown).gone("a2").goes_on(1.0);
    assert_eq!((story.progress().reached, story.progress().wanted), (2, 3));
    story.now.lingering.clear();
    story.ends(&Reason::Removed);
}

#[test]
fn a_removal_that_does_not_end_says_what_is_left() {
    let mut story = Story::begin(Deed::Removed, Some(spec(1, 1)), None, &[]);
    story.now.lingering = vec!["shop_default".into()];
    story.goes_on(119.5);
    let stuck = message("network shop_default is still in use");
    story.ends(&Reason::NoProgress { deadline: DEADLINES.progress, stuck });
}

#[test]
fn a_service_that_somebody_removed_has_failed() {
    let mut story = Story::created(spec(2, 1));
    story.task("b1", 1, Starting).goes_on(1.0).now.service = None;
    assert_eq!(story.ends(&Reason::RemovedByOthers).outcome, Outcome::Failed);
}

#[test]
fn what_somebody_else_writes_supersedes() {
    let mut relabelled = spec(2, 2);
    relabelled.labels.insert("by".into(), "hand".into());
    for theirs in [spec(3, 2), spec(1, 2), relabelled, spec(2, 2)] {
        let mut story = Story::updated(spec(1, 2), spec(2, 2), &["a1", "a2"]);
        story.goes_on(0.5).says(Updating, "").task("b1", 1, Running).goes_on(1.0);
        let verdict = story.somebody_writes(theirs).ends(&Reason::SupersededByUpdate);
        assert_eq!(verdict.outcome, Outcome::Superseded);
    }
}

#[test]
fn the_same_specification_written_twice_by_the_job_is_not_superseded() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.service().previous = Some(story.now.service.clone().unwrap().spec);
    story.goes_on(0.5).says(Updating, "").task("b1", 1, Running).task("a1", 1, Shutdown);
    story.goes_on(5.0).says(Completed, "").ends(&Reason::Converged);
}

#[test]
fn somebody_s_bad_update_that_goes_back_to_ours_supersedes() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.goes_on(0.5).says(Updating, "").goes_on(0.5);
    story.somebody_writes(spec(3, 1)).now.at += Duration::from_secs(1);
    story.says(Updating, "").rolls_back("update rolled back");
    story.ends(&Reason::SupersededByUpdate);
}

#[test]
fn somebody_s_rollback_supersedes() {
    let mut story = Story::updated(spec(1, 1), spec(2, 1), &["a1"]);
    story.goes_on(0.5).says(Updating, "").goes_on(0.5);
    story.somebody_writes(spec(1, 1)).says(RollbackStarted, "manually requested rollback");
    story.ends(&Reason::SupersededByUpdate);
}

#[test]
fn the_same_bad_image_over_a_paused_update_goes_back_to_itself() {
    let mut story = Story::updated(spec(2, 2), spec(2, 2), &["a1", "a2"]);
    story.tasks_mut("a2").up_to_date = false;
    story.goes_on(0.5).says(Updating, "").goes_on(0.5).task("b2", 2, Failed);
    story.rolls_back("update rolled back").goes_on(1.0).says(RollbackCompleted, "completed");
    story.ends(&Reason::RolledBack { message: message("update rolled back") });
}

fn asked_back() -> Story {
    let mut story = Story::begin(Deed::RolledBack, Some(spec(2, 1)), Some(spec(1, 1)), &["a1"]);
    story.says(RollbackStarted, "manually requested rollback").goes_on(1.0);
    story
}

#[test]
fn a_rollback_that_the_job_asked_for_succeeds() {
    let mut story = asked_back();
    story.task("b1", 1, Running).task("a1", 1, Shutdown).goes_on(5.0);
    story.says(RollbackCompleted, "rollback completed").ends(&Reason::RolledBackAsAsked);
}

#[test]
fn a_rollback_that_the_job_asked_for_may_be_paused() {
    for state in [RollbackPaused, Completed] {
        let mut story = asked_back();
        story.task("b1", 1, Failed).says(state, "its words");
        story.ends(&Reason::RollbackPaused { message: message("its words") });
    }
}

#[test]
fn a_change_past_the_gateway_is_judged_from_the_first_look() {
    let mut story = Story::begin(Deed::ChangedMeanwhile, Some(spec(1, 1)), None, &["a1"]);
    story.now.service = Story::updated(spec(1, 1), spec(2, 1), &[]).now.service;
    story.tasks_mut("a1").up_to_date = false;
    story.says(Updating, "").goes_on(1.0).task("b1", 1, Running).task("a1", 1, Shutdown);
    story.goes_on(5.0).says(Completed, "").ends(&Reason::Converged);
}

#[test]
fn a_change_past_the_gateway_that_was_rolled_back_by_the_first_look_has_failed() {
    let mut story = Story::begin(Deed::ChangedMeanwhile, Some(spec(1, 1)), None, &["a1"]);
    story.now.service = Story::updated(spec(1, 1), spec(2, 1), &[]).now.service;
    story.says(Updating, "").rolls_back("back").says(RollbackCompleted, "done");
    story.ends(&Reason::RolledBack { message: message("done") });
}

#[test]
fn the_progress_deadline_begins_anew_with_progress_only() {
    let mut story = Story::created(spec(2, 2));
    story.tasks(&["b1", "b2"], New).goes_on(100.0).tasks(&["b1"], Preparing).goes_on(100.0);
    story.tasks(&["b2"], Running).goes_on(100.0).tasks(&["b1"], Failed).task("c1", 1, Preparing);
    story.goes_on(10.0).task("c1", 1, Failed).task("d1", 1, New).goes_on(9.0);
    let stuck = message("1 of 2 tasks run; 1 new");
    story.ends(&Reason::NoProgress { deadline: DEADLINES.progress, stuck });
}

#[test]
fn pauses_that_the_specification_asks_for_are_no_lack_of_progress() {
    let mut asked = spec(2, 2);
    let mut config = update_config(FailureAction::Pause);
    config.delay = Duration::from_mins(10);
    asked.update = Some(config);
    let mut story = Story::updated(spec(1, 2), asked, &["a1", "a2"]);
    story.says(Updating, "");
    replace(&mut story, 1);
    story.goes_on(599.0);
    replace(&mut story, 2);
    story.goes_on(580.0);
}

#[test]
fn all_ends_with_the_total_deadline() {
    let mut story = Story::created(spec(2, 99));
    for slot in 1..=19 {
        story.task(&format!("b{slot}"), slot, Running).goes_on(60.0);
    }
    story.goes_on(59.5);
    let stuck = message("19 of 99 tasks run");
    story.ends(&Reason::OutOfTime { deadline: DEADLINES.total, stuck });
}

#[test]
fn what_is_told_of_failures_is_bounded() {
    let mut story = Story::created(spec(2, 400));
    for slot in 1..=400 {
        story.task(&format!("b{slot}"), slot, Failed).error(&format!("b{slot}"), &"x".repeat(5000));
    }
    story.look();
    for id in ["c1", "d1"] {
        story.task(id, 1, Orphaned);
    }
    let verdict = story.ends(&Reason::Exhausted);
    assert_eq!(verdict.failures.len(), 20);
    assert!(verdict.failures.iter().all(|one| one.error.as_ref().is_none_or(|e| e.len() <= 2000)));
}

#[test]
fn after_the_end_nothing_changes() {
    let mut story = Story::updated(spec(1, 1), spec(1, 1), &["a1"]);
    let verdict = story.ends(&Reason::Unchanged);
    story.now.service = None;
    assert_eq!(story.look(), Judgement::Ended(verdict.clone()));
    assert_eq!(story.judge.lapse(Duration::from_hours(9)), Judgement::Ended(verdict));
}

fn mode(spec: Spec, mode: Mode) -> Spec {
    Spec { mode, ..spec }
}

fn one_shot(condition: &str) -> Spec {
    Spec { restart_condition: Some(condition.to_owned()), ..spec(2, 1) }
}
