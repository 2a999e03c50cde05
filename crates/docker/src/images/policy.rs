//! When an image is pulled: `always`, `if-not-present`, `never`, or a list of them as fallback
//! order (<https://docs.gitlab.com/runner/executors/docker/#configure-how-runners-pull-images>).
//!
//! A job may ask by `pull_policy` for what the profile allows. That protects images that are on the
//! engine already because another job was allowed to pull them: only `always` asks the registry
//! whether this job is, too.

use job::{Blame, Failure, Result};

pub use job::PullPolicy;

/// The policies to try, in this order.
///
/// `job` is what the job asks for and `profile` what the profile says; without both it is `always`.
/// Of these, what `allowed` has is left. Without `allowed` a job is limited to the profile's own
/// policies, as in GitLab Runner; a profile that says nothing at all permits every policy.
///
/// # Errors
/// If nothing is left: the job's if it asked, else the system's.
pub fn effective(
    job: &[PullPolicy],
    profile: &[PullPolicy],
    allowed: Option<&[PullPolicy]>,
) -> Result<Vec<PullPolicy>> {
    let (blame, asked) = match (job, profile) {
        ([], []) => (Blame::System, &[PullPolicy::Always][..]),
        ([], profile) => (Blame::System, profile),
        (job, _) => (Blame::Job, job),
    };
    let (setting, limit) = match (allowed, profile) {
        (Some(allowed), _) => ("allowed_pull_policies", allowed),
        (None, []) => return Ok(asked.to_vec()),
        (None, profile) => ("pull_policy", profile),
    };
    let left: Vec<_> = asked.iter().copied().filter(|policy| limit.contains(policy)).collect();
    if left.is_empty() { Err(refusal(blame, asked, setting, limit)) } else { Ok(left) }
}

fn refusal(blame: Blame, asked: &[PullPolicy], setting: &str, limit: &[PullPolicy]) -> Failure {
    let whose = match blame {
        Blame::Job => "the job's",
        Blame::System => "the profile's",
    };
    let limit = if limit.is_empty() { "nothing".to_owned() } else { listed(limit) };
    Failure::new(
        blame,
        format!("{whose} pull policy {} is refused: {setting} permits {limit}", listed(asked)),
    )
    .hint(match blame {
        Blame::Job => "change `pull_policy` in .gitlab-ci.yml, or leave it out",
        Blame::System => "let the profile's pull_policy and allowed_pull_policies agree",
    })
}

/// `always, if-not-present`.
pub(super) fn listed(policies: &[PullPolicy]) -> String {
    let words: Vec<_> = policies.iter().map(ToString::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::PullPolicy::{Always, IfNotPresent, Never};
    use super::*;

    #[test]
    fn what_is_asked_for_and_allowed_is_tried_in_the_order_asked() {
        type Case<'a> = (&'a [PullPolicy], &'a [PullPolicy], Option<&'a [PullPolicy]>);
        let table: &[(Case<'_>, &[PullPolicy])] = &[
            ((&[], &[], None), &[Always]),
            ((&[], &[IfNotPresent], None), &[IfNotPresent]),
            ((&[], &[Always, IfNotPresent], None), &[Always, IfNotPresent]),
            ((&[Never], &[], None), &[Never]),
            ((&[Never, Always], &[Always], None), &[Always]),
            ((&[IfNotPresent], &[Always], Some(&[IfNotPresent])), &[IfNotPresent]),
            ((&[Never, IfNotPresent], &[], Some(&[IfNotPresent, Never])), &[Never, IfNotPresent]),
            ((&[], &[Always, Never], Some(&[Never])), &[Never]),
            ((&[Always, Always], &[], Some(&[Always])), &[Always, Always]),
        ];
        for ((job, profile, allowed), expected) in table {
            let policies = effective(job, profile, *allowed).unwrap();
            assert_eq!(policies, *expected, "{job:?} {profile:?} {allowed:?}");
        }
    }

    #[test]
    fn a_refused_policy_is_its_askers() {
        let failure = effective(&[Never], &[Always], None).unwrap_err();
        assert_eq!(failure.blame(), Blame::Job);
        assert_eq!(
            failure.to_string(),
            "the job's pull policy never is refused: pull_policy permits always"
        );
        let failure = effective(&[IfNotPresent], &[], Some(&[])).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the job's pull policy if-not-present is refused: allowed_pull_policies permits nothing"
        );
        let failure = effective(&[], &[], Some(&[Never])).unwrap_err();
        assert_eq!(failure.blame(), Blame::System);
    }
}
