use bollard::models::ImageInspect;
use job::{JobKey, Settings};
use serde_json::{Value, json};

use super::*;
use crate::images::{PullPolicy, Reference};

const PROFILE: &str = r#"
    [profile.default]
    placement = "engine"
    [profile.default.engine]
    extra_hosts = ["registry:10.0.0.9"]
    dns = ["10.0.0.53"]
    volumes = ["/etc/ssl/certs:/etc/ssl/certs:ro"]
    cpus = 1.5
    memory = "2g"
    memory_swap = "2g"
    pids_limit = 512
    shm_size = "64m"
    cap_drop = ["NET_RAW"]
    tmpfs = { "/scratch" = "size=64m" }
"#;

/// What the plan of a job by the profile above makes of `by`.
fn planned(network: Network, by: impl FnOnce(&Plan<'_>) -> Spec) -> Value {
    let settings = Settings::parse(PROFILE, "settings.toml".as_ref()).unwrap();
    planned_by(&settings.profile("default").unwrap().engine, network, by)
}

fn planned_by(engine: &Engine, network: Network, by: impl FnOnce(&Plan<'_>) -> Spec) -> Value {
    let marks = JobMarks::new(&JobKey::new("gitlab.example.com", 7), 12, "group/project");
    let agent = AgentProgram::read("/bin/busybox".as_ref()).unwrap();
    let spec = by(&Plan { marks: &marks, network, agent: &agent, engine });
    let text = serde_json::to_string(&spec.body).unwrap();
    serde_json::from_str(&text.replace(agent.volume(), "AGENT")).unwrap()
}

fn wanted() -> WantedImage {
    WantedImage {
        reference: Reference::parse("alpine").unwrap(),
        platform: None,
        policies: vec![PullPolicy::Always],
        asked_by: Blame::Job,
    }
}

fn image() -> BroughtImage {
    let inspect = ImageInspect::default();
    BroughtImage { id: "sha256:1".to_owned(), inspect, policy: PullPolicy::Always }
}

fn labels(role: &str) -> Value {
    json!({
        "swarm-executor.job": "gitlab.example.com-7",
        "swarm-executor.role": role,
        "swarm-executor.project": "group/project",
    })
}

fn volumes() -> Vec<Value> {
    let cache = json!({
        "swarm-executor.role": "cache", "swarm-executor.project": "group/project",
    });
    vec![
        json!({
            "Type": "volume", "Target": "/builds",
            "Source": "swarm-executor-gitlab.example.com-7-builds",
            "VolumeOptions": { "Labels": labels("builds") },
        }),
        json!({
            "Type": "volume", "Target": "/cache",
            "Source": "swarm-executor-cache-gitlab.example.com-12",
            "VolumeOptions": { "Labels": cache },
        }),
    ]
}

fn volumes_and_agent() -> Vec<Value> {
    let agent = json!({
        "Type": "volume", "Target": "/opt/swarm-executor", "Source": "AGENT", "ReadOnly": true,
        "VolumeOptions": { "NoCopy": true, "Labels": { "swarm-executor.role": "agent" } },
    });
    volumes().into_iter().chain([agent]).collect()
}

#[test]
fn the_build_container_is_confined_and_starts_with_the_agent() {
    let terms = BuildTerms {
        user: Some("1000".to_owned()),
        extra_hosts: vec!["docker:127.0.0.1".to_owned()],
        in_memory: BTreeSet::from(["/certs/client".to_owned()]),
    };
    let body = planned(Network::Own, |plan| plan.build(&wanted(), &image(), terms));
    let in_memory = json!({
        "Type": "volume", "Target": "/certs/client",
        "VolumeOptions": {
            "NoCopy": true, "Labels": labels("memory"),
            "DriverConfig": { "Name": "local", "Options": {
                "type": "tmpfs", "device": "tmpfs", "o": FOR_EVERYBODY,
            } },
        },
    });
    let mounts: Vec<_> = volumes_and_agent().into_iter().chain([in_memory]).collect();
    let expected = json!({
        "Hostname": "gitlab-example-com-7",
        "User": "1000",
        "Image": "sha256:1",
        "Tty": false, "OpenStdin": true, "StdinOnce": false,
        "Entrypoint": [
            "/opt/swarm-executor/swarm-executor-agent", "serve",
            "swarm-executor-gitlab.example.com-7-build",
        ],
        "Healthcheck": { "Test": ["NONE"] },
        "Labels": labels("build"),
        "NetworkingConfig": { "EndpointsConfig": {
            "swarm-executor-gitlab.example.com-7": { "Aliases": ["build"] },
        } },
        "HostConfig": {
            "NetworkMode": "swarm-executor-gitlab.example.com-7",
            "LogConfig": { "Type": "none" },
            "RestartPolicy": { "Name": "no" },
            "Init": false,
            "Mounts": mounts,
            "Binds": ["/etc/ssl/certs:/etc/ssl/certs:ro"],
            "Tmpfs": { "/scratch": "size=64m" },
            "ExtraHosts": ["registry:10.0.0.9", "docker:127.0.0.1"],
            "Dns": ["10.0.0.53"],
            "NanoCpus": 1_500_000_000, "Memory": 2_147_483_648_u32, "MemorySwap": 2_147_483_648_u32,
            "PidsLimit": 512, "ShmSize": 67_108_864, "Ulimits": [],
            "Privileged": false, "ReadonlyRootfs": false, "Devices": [],
            "CapAdd": [], "CapDrop": ["NET_RAW"], "SecurityOpt": ["no-new-privileges"],
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn the_helper_is_root_without_the_limits_of_the_job() {
    let body = planned(Network::Shared, |plan| plan.helper(&wanted(), &image()));
    let expected = json!({
        "Hostname": "gitlab-example-com-7",
        "User": "0:0",
        "Image": "sha256:1",
        "Tty": false, "OpenStdin": true, "StdinOnce": false,
        "Entrypoint": [
            "/opt/swarm-executor/swarm-executor-agent", "serve",
            "swarm-executor-gitlab.example.com-7-helper",
        ],
        "Healthcheck": { "Test": ["NONE"] },
        "Labels": labels("helper"),
        "HostConfig": {
            "NetworkMode": "swarm-executor",
            "LogConfig": { "Type": "none" },
            "RestartPolicy": { "Name": "no" },
            "Init": false,
            "Mounts": volumes_and_agent(),
            "Binds": ["/etc/ssl/certs:/etc/ssl/certs:ro"],
            "ExtraHosts": ["registry:10.0.0.9"],
            "Dns": ["10.0.0.53"],
            "SecurityOpt": ["no-new-privileges"],
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn a_service_is_confined_and_its_last_words_can_be_read() {
    let terms = ServiceTerms {
        aliases: vec!["db".to_owned(), "postgres".to_owned()],
        variables: vec![("PASSWORD".to_owned(), "a=b\nc".to_owned())],
        entrypoint: Some(vec![String::new()]),
        command: Some(vec!["postgres".to_owned(), "-c".to_owned(), "fsync=off".to_owned()]),
        user: None,
    };
    let body = planned(Network::Own, |plan| plan.service(1, &wanted(), &image(), terms));
    let expected = json!({
        "Hostname": "gitlab-example-com-7",
        "Image": "sha256:1",
        "Env": ["PASSWORD=a=b\nc"],
        "Entrypoint": [""],
        "Cmd": ["postgres", "-c", "fsync=off"],
        "Labels": labels("service"),
        "NetworkingConfig": { "EndpointsConfig": {
            "swarm-executor-gitlab.example.com-7": { "Aliases": ["db", "postgres"] },
        } },
        "HostConfig": {
            "NetworkMode": "swarm-executor-gitlab.example.com-7",
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "10m", "max-file": "1" } },
            "RestartPolicy": { "Name": "no" },
            "Mounts": volumes(),
            "Binds": ["/etc/ssl/certs:/etc/ssl/certs:ro"],
            "Tmpfs": { "/scratch": "size=64m" },
            "ExtraHosts": ["registry:10.0.0.9"],
            "Dns": ["10.0.0.53"],
            "NanoCpus": 1_500_000_000, "Memory": 2_147_483_648_u32, "MemorySwap": 2_147_483_648_u32,
            "PidsLimit": 512, "ShmSize": 67_108_864, "Ulimits": [],
            "Privileged": false, "ReadonlyRootfs": false, "Devices": [],
            "CapAdd": [], "CapDrop": ["NET_RAW"], "SecurityOpt": ["no-new-privileges"],
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn the_profiles_user_comes_before_the_jobs() {
    let mut engine = Engine::default();
    let by_job = || BuildTerms { user: Some("1000".to_owned()), ..BuildTerms::default() };
    for (profile, terms, expected) in [
        (Some("5"), by_job(), json!("5")),
        (None, by_job(), json!("1000")),
        (None, BuildTerms::default(), json!(null)),
    ] {
        engine.security.user = profile.map(str::to_owned);
        let plan = |plan: &Plan<'_>| plan.build(&wanted(), &image(), terms);
        assert_eq!(planned_by(&engine, Network::Shared, plan)["User"], expected);
    }
}

#[test]
fn what_a_profile_permits_reaches_the_engine() {
    let security = Security {
        privileged: true,
        devices: vec![Device {
            host: "/dev/kvm".to_owned(),
            container: "/dev/kvm".to_owned(),
            permissions: "rw".to_owned(),
        }],
        read_only: true,
        runtime: Some("runsc".to_owned()),
        ..Security::default()
    };
    let mut engine = Engine { security, ..Engine::default() };
    engine.limits.ulimits = vec![Ulimit { name: "nofile".to_owned(), soft: 1024, hard: 4096 }];
    let host = planned_by(&engine, Network::Shared, |plan| {
        plan.build(&wanted(), &image(), BuildTerms::default())
    })["HostConfig"]
        .take();
    assert_eq!(host["Privileged"], true);
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["Runtime"], "runsc");
    assert_eq!(host["Devices"][0]["CgroupPermissions"], "rw");
    assert_eq!(host["Ulimits"], json!([{ "Name": "nofile", "Soft": 1024, "Hard": 4096 }]));
}
