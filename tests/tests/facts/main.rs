//! Facts about swarms that the judgement of rollouts rests on, found out on real ones: this machine's
//! engine, and Debian's newest. A fact that changes with another release fails here, by its own name.

mod jobs;
mod leader;
mod network;
mod newest;
mod reasons;
mod service;
mod tasks;
mod updates;

use job::Result;
use testkit::nodes::SwarmHandle;

/// Makes a test of each fact, on the swarm that all scenarios share.
macro_rules! facts {
    ($($module:ident::$fact:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $fact() -> Result<()> {
                let swarm = SwarmHandle::attach_from_env()?;
                $module::$fact(swarm.manager()).await
            }
        )*
    };
}

facts! {
    jobs::a_jobs_first_iteration_and_slot_are_left_out_for_being_zero,
    jobs::a_forced_job_runs_again_under_the_next_iteration,
    jobs::a_job_that_has_used_up_its_attempts_leaves_failed_tasks_and_no_word_about_it,
    jobs::a_one_shot_that_has_ended_stays_complete_with_no_successor,
    network::a_network_can_be_removed_with_its_service_and_goes_with_the_last_task,
    reasons::no_suitable_node_names_what_excluded_the_nodes,
    reasons::a_global_service_that_fits_no_node_has_no_tasks_at_all,
    reasons::an_image_that_is_nowhere_is_rejected_by_its_name,
    reasons::an_unhealthy_task_fails_while_starting_and_its_container_tells_why,
    reasons::an_unhealthy_task_that_ends_well_is_complete_and_says_nothing,
    tasks::a_service_filter_is_answered_with_404_once_the_service_is_gone,
    tasks::a_name_filter_takes_prefixes_and_an_id_prefix_is_a_service,
    tasks::tasks_of_a_removed_service_are_listed_until_they_have_ended,
    tasks::tasks_that_a_scale_down_takes_are_up_to_date_to_the_last,
    tasks::of_the_filter_up_to_date_only_the_name_counts,
    tasks::labels_and_no_ops_leave_every_task_up_to_date_and_clear_the_status,
    tasks::a_forced_update_leaves_only_new_tasks_up_to_date,
    updates::a_failure_action_never_fires_on_a_first_deploy,
    updates::a_failure_action_never_fires_on_a_scale_up,
    updates::a_paused_update_names_the_task,
    updates::a_rollback_keeps_its_beginning_and_forgets_the_previous_specification,
    updates::a_rollback_that_fails_is_paused_in_the_words_of_an_update,
    updates::a_rollback_that_shall_roll_back_is_completed_though_it_has_failed,
    updates::a_rollback_by_hand_says_so_and_begins_anew,
    updates::a_failure_that_is_looked_at_after_monitor_does_not_count,
}

/// Only of a swarm of several nodes.
#[tokio::test]
async fn the_cli_ends_well_in_the_middle_of_a_global_update() -> Result<()> {
    let swarm = SwarmHandle::attach_from_env()?;
    updates::the_cli_ends_well_in_the_middle_of_a_global_update(swarm.manager()).await
}

/// Only of a swarm of several nodes.
#[tokio::test]
async fn one_client_certificate_opens_the_engine_of_every_node() -> Result<()> {
    reasons::one_client_certificate_opens_the_engine_of_every_node(&SwarmHandle::attach_from_env()?)
        .await
}
