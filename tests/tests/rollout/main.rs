//! Rollouts judged: each row of the table as a whole job, the article's experiment, and what else
//! follows a deploy.

mod advice;
mod alone;
mod article;
mod both;
mod bypass;
mod cancel;
mod choices;
mod container;
mod hostile;
mod log;
mod play;
mod speed;
mod undo;

use job::Result;
use scenarios::Scenario;

use play::judged;

/// Makes a test of each row.
macro_rules! rows {
    ($($test:ident: $row:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() -> Result<()> {
                judged(&Scenario::new()?, $row).await
            }
        )*

        #[test]
        fn every_row_is_played() {
            let played = [$($row),*];
            let rows = scenarios::rollouts::SHARED.iter().map(|row| row.name);
            assert!(rows.eq(played), "{played:?}");
        }
    };
}

rows! {
    a_good_update: "good-update",
    a_first_deploy: "first-deploy",
    an_image_that_is_nowhere: "bad-image",
    an_unhealthy_version_is_rolled_back: "unhealthy-rollback",
    an_unhealthy_version_pauses: "unhealthy-pause",
    an_unhealthy_version_goes_on: "unhealthy-continue",
    a_crash_within_monitor: "crash-within-monitor",
    a_crash_after_monitor: "crash-after-monitor",
    a_first_deploy_that_crashes_again_and_again: "first-deploy-crash-loop",
    a_first_deploy_that_fits_no_node: "first-deploy-without-node",
    a_job_that_succeeds: "job-succeeds",
    a_job_that_fails: "job-fails",
    a_one_shot: "one-shot",
    a_one_shot_that_fails: "one-shot-fails",
    a_scale_to_zero: "scale-to-zero",
    a_scale_up_from_zero: "scale-up-from-zero",
    a_label_and_nothing_else: "label-only",
    a_deploy_of_nothing_new: "no-op",
    a_removal_by_the_job: "removed-by-the-job",
    a_removal_right_after_the_deploy: "created-and-removed",
    a_removal_by_somebody_else: "removed-by-others",
    an_update_by_somebody_else: "superseded",
    a_rollback_by_the_job: "rolled-back-by-the-job",
    a_rollback_that_pauses: "rollback-paused",
    a_rollback_that_is_called_completed: "rollback-rolled-back",
}
