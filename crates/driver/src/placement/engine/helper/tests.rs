use super::*;
use crate::placement::engine::fixture::{job, stage};

#[test]
fn the_default_image_is_gitlabs_for_this_runner_and_such_engines() {
    for (architecture, version, tag) in [
        ("x86_64", "19.4.0", "x86_64-v19.4.0"),
        ("amd64", "14.7.0", "x86_64-v14.7.0"),
        ("aarch64", "18.0.1", "arm64-v18.0.1"),
        ("armv7l", "18.0.1", "arm-v18.0.1"),
        ("s390x", "18.0.1", "s390x-v18.0.1"),
        ("x86_64", "19.5.0~pre.41.gd79f3e7", "x86_64-latest"),
        ("x86_64", "development version", "x86_64-latest"),
        ("x86_64", "", "x86_64-latest"),
    ] {
        let name =
            default_image(&job(r#"{"id":1}"#, &[("CI_RUNNER_VERSION", version)]), architecture);
        let repository = "registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper";
        assert_eq!(name, format!("{repository}:{tag}"));
    }
}

#[test]
fn the_operators_image_is_pulled_once_unless_the_profile_says_otherwise() {
    for (profile, expected) in [
        ("", &[PullPolicy::IfNotPresent][..]),
        ("engine.pull_policy = \"always\"", &[PullPolicy::Always]),
        ("engine.pull_policy = [\"always\", \"never\"]", &[PullPolicy::Always, PullPolicy::Never]),
    ] {
        let wanted = wanted("helper:1", &stage(profile).profile.engine).unwrap();
        assert_eq!(wanted.policies, expected, "{profile}");
        assert_eq!(wanted.asked_by, Blame::System);
    }
    assert_eq!(wanted("a b", &stage("").profile.engine).unwrap_err().blame(), Blame::System);
}
