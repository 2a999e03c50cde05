//! The same facts of the newest engine that Debian carries, as far as one node shows them.

use futures::{StreamExt, stream};
use job::{Failure, Result};
use testkit::images;
use testkit::nodes::{Node, Swarm, SwarmOptions, fetch_newest_engine};

use super::{jobs, network, reasons, tasks, updates};

/// So many look at the engine at once: what lasts for seconds only has to be seen by each.
const AT_ONCE: usize = 8;

/// Runs facts side by side; what each that isn't one any more has to say.
macro_rules! all {
    ($node:expr; $($module:ident::$fact:ident),* $(,)?) => {{
        let facts: Vec<(&str, std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>)> = vec![
            $({
                let node: Node = $node.clone();
                (stringify!($fact), Box::pin(async move { $module::$fact(&node).await }))
            }),*
        ];
        facts
    }};
}

#[tokio::test]
async fn the_newest_engine_knows_the_same_facts() -> Result<()> {
    if let Err(failure) = fetch_newest_engine().await {
        println!("SKIPPED: {}", failure.render());
        return Ok(());
    }
    let options =
        SwarmOptions { managers: 1, workers: 0, newest_engines: 1, ..SwarmOptions::default() };
    let swarm = Swarm::start(options).await?;
    swarm.load(&images::for_rollouts().await?).await?;
    let node = swarm.newest_engines().next().cloned();
    let node = node.ok_or_else(|| Failure::system("the newest engine isn't there"))?;
    node.docker(&["swarm", "init", "--advertise-addr", &node.ip.to_string()]).await?;
    let facts = all![node;
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
    ];
    // In tasks of their own, so that one that panics takes no other with it.
    let running =
        facts.into_iter().map(|(name, fact)| async move { (name, tokio::spawn(fact).await) });
    let ended: Vec<_> = stream::iter(running).buffer_unordered(AT_ONCE).collect().await;
    let wrong = ended.into_iter().filter_map(|(name, ended)| match ended {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(format!("{name}: {}", failure.render())),
        Err(panic) => Some(format!("{name}: {panic}")),
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "of {}:\n{}", node.engine_version().await?, wrong.join("\n"));
    swarm.stop().await
}
