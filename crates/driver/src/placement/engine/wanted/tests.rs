use job::Blame;

use super::*;
use crate::placement::engine::fixture::{job, stage};

const DIND: &str = r#"{"id":1,"image":{"name":"docker:27"},
    "services":[{"name":"docker:27-dind","alias":"engine"},{"name":"redis:7"}]}"#;

fn wanted(profile: &str, response: &str, claims: &[(&str, &str)]) -> Result<Wanted> {
    Wanted::new(&stage(profile), &job(response, claims))
}

#[test]
fn everything_that_is_refused_is_told_at_once() {
    let profile = "engine.allowed_images = [\"alpine:*\"]\nengine.allowed_services = []\n\
                   engine.memory = \"1g\"\nengine.helper_image = \"He/lper\"";
    let response =
        r#"{"id":1,"image":{"name":"debian:12"},"services":[{"name":"redis:7"},{"name":"a b"}]}"#;
    let failure = wanted(profile, response, &[("SWARM_MEMORY", "2g")]).err().unwrap();
    let told = failure.render();
    for refused in ["debian:12", "redis:7", "a b", "SWARM_MEMORY", "He/lper"] {
        assert!(told.contains(refused), "{refused}: {told}");
    }
}

#[test]
fn names_are_expanded_with_the_jobs_variables() {
    let response = r#"{"id":1,"image":{"name":"$R/app:$TAG","executor_opts":{"docker":
        {"user":"$WHO","platform":"linux/$ARCH"}}},"services":[{"name":"redis:$TAG"}]}"#;
    let claims = [("R", "registry.example.com"), ("TAG", "7"), ("WHO", "1000"), ("ARCH", "arm64")];
    let profile = "engine.helper_image = \"helper:$CI_RUNNER_VERSION\"";
    let claims = [&claims[..], &[("CI_RUNNER_VERSION", "19.4.0")]].concat();
    let wanted = wanted(profile, response, &claims).unwrap();
    assert_eq!(wanted.build.image.reference.to_string(), "registry.example.com/app:7");
    assert_eq!(wanted.build.user.as_deref(), Some("1000"));
    assert_eq!(wanted.build.image.platform.unwrap().to_string(), "linux/arm64");
    assert_eq!(wanted.services[0].asked.image.reference.to_string(), "redis:7");
    assert_eq!(wanted.helper.unwrap().reference.to_string(), "helper:19.4.0");
}

#[test]
fn an_empty_entrypoint_or_command_says_nothing() {
    let response = r#"{"id":1,"image":{"name":"app","entrypoint":[],"command":null},
        "services":[{"name":"db","entrypoint":[""],"command":[]}]}"#;
    let wanted = wanted("", response, &[]).unwrap();
    assert_eq!((wanted.build.entrypoint, wanted.build.command), (None, None));
    let service = &wanted.services[0].asked;
    assert_eq!(
        (service.entrypoint.clone(), service.command.clone()),
        (Some(vec![String::new()]), None)
    );
}

#[test]
fn the_profiles_image_is_for_jobs_that_name_none_and_no_list_forbids_it() {
    let profile = "engine.image = \"alpine:3\"\nengine.allowed_images = []";
    let build = wanted(profile, r#"{"id":1}"#, &[]).unwrap().build;
    assert_eq!(build.image.reference.to_string(), "alpine:3");
    assert_eq!(build.image.asked_by, Blame::System);
    let failure = wanted("", r#"{"id":1}"#, &[]).err().unwrap();
    assert_eq!(failure.blame(), Blame::Job);
    assert!(failure.render().contains("the job names no image"), "{}", failure.render());
}

#[test]
fn docker_in_docker_is_replaced_for_jobs_that_have_the_gateway_and_for_no_others() {
    for (access, containers) in [("gateway", 1), ("certificates", 2), ("none", 2)] {
        let wanted = wanted(&format!("docker_access = \"{access}\""), DIND, &[]).unwrap();
        assert_eq!(wanted.services.len(), containers, "{access}");
        let replaced = matches!(wanted.offer, Offer::Gateway(Some(_)));
        assert_eq!(replaced, access == "gateway", "{access}");
    }
}

#[test]
fn what_a_job_lowers_counts_for_all_of_its_containers() {
    let claims = [("SWARM_MEMORY", "64m"), ("SWARM_SERVICE_TIMEOUT", "5s")];
    let wanted = wanted("engine.memory = \"1g\"", DIND, &claims).unwrap();
    assert_eq!(wanted.engine.limits.memory.unwrap().count(), 64 * 1024 * 1024);
    assert_eq!(wanted.engine.service_timeout.as_secs(), 5);
}
