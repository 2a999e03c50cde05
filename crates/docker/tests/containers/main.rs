//! A job's containers on real engines, the one of this machine and the newest; the stories side by
//! side, each a job of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod endings;
mod lab;
mod leftovers;
mod services;
mod starts;

use lab::Lab;
use testkit::nodes::fetch_newest_engine;

#[tokio::test]
async fn containers_on_real_engines() {
    let newest_engines = match fetch_newest_engine().await {
        Ok(()) => 1,
        Err(failure) => {
            println!("SKIPPED for the newest engine: {}", failure.render());
            0
        }
    };
    let lab = Lab::open(newest_engines).await;
    for bench in lab.benches() {
        tokio::join!(
            agents::a_missing_agent_is_delivered_and_the_container_started(&bench),
            agents::containers_of_one_job_share_a_delivery(&bench),
            agents::rivals_deliver_the_same_agent(&bench),
            agents::a_delivery_that_broke_off_is_made_good(&bench),
            agents::an_image_without_anything_takes_the_agent(&bench),
            starts::a_container_of_the_same_name_is_replaced(&bench),
            starts::a_container_that_was_written_down_is_started_later(&bench),
            starts::the_shared_network_is_made_once_by_rivals(&bench),
            starts::services_are_found_by_their_aliases(&bench),
            starts::what_the_engine_refuses_is_told(&bench),
            starts::a_service_without_its_program_is_the_jobs_failure(&bench),
            leftovers::all_of_a_job_is_removed_and_nothing_else(&bench),
            leftovers::rivals_remove_the_same_job(&bench),
            leftovers::what_cannot_be_removed_is_named(&bench),
            services::services_become_ready_or_say_why_not(&bench),
            services::a_log_is_followed_and_taken_up_after_a_cut(&bench),
            endings::an_end_is_explained(&bench),
            endings::a_process_killed_for_want_of_memory_is_told_while_the_first_one_lives(&bench),
        );
    }
    lab.close().await;
}
