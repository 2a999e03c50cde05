//! The section `[profile.NAME.engine]`.

use super::*;
use crate::PullPolicy;

/// The engine of a profile with the lines given in its section.
fn engine(lines: &str) -> Engine {
    let text = format!("[profile.a]\nplacement = \"engine\"\n[profile.a.engine]\n{lines}\n");
    parse(&text)
        .unwrap_or_else(|failure| panic!("{}", failure.render()))
        .profile("a")
        .unwrap()
        .engine
}

/// What is wrong with the line given in the section, which is the file's line 4.
fn mistake(line: &str) -> String {
    mistakes(&format!("[profile.a]\nplacement = \"engine\"\n[profile.a.engine]\n{line}\n"))
}

#[test]
fn a_profile_needs_to_say_no_more_than_its_placement() {
    let settings = parse("profile.a.placement = \"engine\"").unwrap();
    let profile = settings.profile("a").unwrap();
    assert_eq!(profile.placement, Placement::Engine);
    assert_eq!(profile.engine, Engine::default());
    assert_eq!(profile.engine.security.security_opt, ["no-new-privileges"]);
}

#[test]
fn every_key_of_the_engine_is_read() {
    let engine = engine(
        r#"
        endpoint = "tcp://build.example.com:2376"
        credentials.directory = "/etc/certs"
        helper_image = "helper:1"
        image = "alpine:3"
        pull_policy = ["always", "if-not-present"]
        allowed_pull_policies = ["never"]
        allowed_images = ["alpine:*"]
        allowed_services = []
        service_timeout = "1m"
        services_must_be_ready = false
        reconnect_timeout = "90s"
        cpus = 1.5
        memory = "2g"
        memory_swap = "3g"
        pids_limit = 100
        shm_size = 67108864
        ulimits = { nofile = "1024:2048", core = 0, memlock = -1 }
        privileged = false
        user = "1000:1000"
        cap_add = ["NET_ADMIN"]
        cap_drop = ["ALL"]
        security_opt = ["seccomp=unconfined"]
        devices = ["/dev/fuse", "/dev/kvm:r", "/dev/a:/dev/b", "/dev/a:/dev/b:rw"]
        read_only = true
        runtime = "runsc"
        extra_hosts = ["db:10.0.0.7", "six:::1", "own:[::1]", "host:host-gateway"]
        dns = ["10.0.0.53", "::1"]
        tmpfs = { "/tmp" = "rw,size=64m" }
        volumes = ["/srv/data:/data:ro", "tools:/tools"]
        "#,
    );
    let device = |host: &str, container: &str, permissions: &str| Device {
        host: host.into(),
        container: container.into(),
        permissions: permissions.into(),
    };
    let ulimit = |name: &str, soft, hard| Ulimit { name: name.into(), soft, hard };
    let expected = Engine {
        endpoint: Some("tcp://build.example.com:2376".into()),
        credentials: Some(Credentials {
            source: CredentialSource::Directory("/etc/certs".into()),
            ..Credentials::default()
        }),
        helper_image: Some("helper:1".into()),
        image: Some("alpine:3".into()),
        pull_policy: vec![PullPolicy::Always, PullPolicy::IfNotPresent],
        allowed_pull_policies: Some(vec![PullPolicy::Never]),
        allowed_images: Some(vec!["alpine:*".into()]),
        allowed_services: Some(vec![]),
        service_timeout: Duration::from_mins(1),
        services_must_be_ready: false,
        reconnect_timeout: Duration::from_secs(90),
        limits: Limits {
            cpus: "1.5".parse().ok(),
            memory: "2g".parse().ok(),
            memory_swap: "3g".parse().ok(),
            pids: "100".parse().ok(),
            shm_size: "64m".parse().ok(),
            ulimits: vec![
                ulimit("core", 0, 0),
                ulimit("memlock", -1, -1),
                ulimit("nofile", 1024, 2048),
            ],
        },
        security: Security {
            privileged: false,
            user: Some("1000:1000".into()),
            cap_add: vec!["NET_ADMIN".into()],
            cap_drop: vec!["ALL".into()],
            security_opt: vec!["seccomp=unconfined".into()],
            devices: vec![
                device("/dev/fuse", "/dev/fuse", "rwm"),
                device("/dev/kvm", "/dev/kvm", "r"),
                device("/dev/a", "/dev/b", "rwm"),
                device("/dev/a", "/dev/b", "rw"),
            ],
            read_only: true,
            runtime: Some("runsc".into()),
        },
        extra_hosts: ["db:10.0.0.7", "six:::1", "own:[::1]", "host:host-gateway"]
            .map(str::to_owned)
            .into(),
        dns: vec!["10.0.0.53".parse().unwrap(), "::1".parse().unwrap()],
        tmpfs: [("/tmp".to_owned(), "rw,size=64m".to_owned())].into(),
        volumes: ["/srv/data:/data:ro", "tools:/tools"].map(str::to_owned).into(),
    };
    assert_eq!(engine, expected);
}

#[test]
fn what_may_be_written_in_several_ways_is() {
    assert_eq!(engine("pull_policy = \"never\"").pull_policy, [PullPolicy::Never]);
    let two = engine("cpus = 2");
    assert_eq!(two, engine("cpus = 2.0"));
    assert_eq!(two, engine("cpus = \"2\""));
    assert_eq!(engine("memory = 2147483648"), engine("memory = \"2g\""));
    let unlimited = engine("memory = \"2g\"\nmemory_swap = -1").limits.memory_swap;
    assert_eq!(unlimited, Some(Swap::Unlimited));
    let socket = engine("endpoint = \"unix:///run/docker.sock\"");
    assert_eq!(socket.socket(), Some(Path::new("/run/docker.sock")));
    assert_eq!(engine("endpoint = \"tcp://h:2376\"").socket(), None);
}

#[test]
fn a_privileged_container_is_denied_nothing_unless_the_profile_lists_it() {
    let options = |lines| engine(lines).security.security_opt;
    assert!(options("privileged = true").is_empty());
    assert_eq!(options("privileged = true\nsecurity_opt = [\"a\"]"), ["a"]);
    assert!(options("security_opt = []").is_empty());
}

#[test]
fn each_mistake_in_the_engine_is_told_in_its_own_words() {
    let table = [
        ("endpoint = \"unix:docker.sock\"", "a socket is written \"unix:///path\""),
        ("credentials.directory = \"/c\"", "credentials of an engine need `endpoint`"),
        ("pull_policy = []", "`pull_policy` must name at least one policy"),
        ("pull_policy = \"Always\"", "\"Always\" is not one of \"always\", \"if-not-present\""),
        ("allowed_pull_policies = [\"maybe\"]", "\"maybe\" is not one of"),
        ("cpus = 0", "`cpus` must be a number of CPUs"),
        ("cpus = nan", "`cpus` must be a number of CPUs"),
        ("cpus = true", "expected a text in quotes, found boolean"),
        ("memory = \"2x\"", "`memory` must be a number of bytes"),
        ("memory = \"5m\"", "`memory` must be at least 6m"),
        ("memory_swap = \"2g\"", "`memory_swap` is of use with `memory` only"),
        ("pids_limit = 0", "`pids_limit` must be a whole number, at least 1"),
        ("pids_limit = -1", "`pids_limit` must be a whole number"),
        ("shm_size = \"-1\"", "`shm_size` must be a number of bytes"),
        ("ulimits = { nofiles = 1 }", "unknown key `nofiles`; did you mean `nofile`?"),
        ("ulimits = { nofile = \"2:1\" }", "soft not above hard"),
        ("ulimits = { nofile = \"-1:1\" }", "soft not above hard"),
        ("ulimits = { nofile = -2 }", "a limit is a number"),
        ("devices = [\"dev/fuse\"]", "\"dev/fuse\": a device is written"),
        ("devices = [\"/dev/a:/dev/b:x\"]", "a device is written"),
        ("extra_hosts = [\"db=10.0.0.7\"]", "a host is written \"name:address\""),
        ("extra_hosts = [\"db:elsewhere\"]", "a host is written \"name:address\""),
        ("dns = [\"dns.example.com\"]", "\"dns.example.com\": invalid IP address"),
        ("tmpfs = { tmp = \"rw\" }", "\"tmp\": the path must be absolute"),
        ("tmpfs = { \"/builds/\" = \"\" }", "/builds is where a volume of this program's is"),
        ("volumes = [\"/data\"]", "a volume is written"),
        ("volumes = [\"a b:/data\"]", "a volume is written"),
        ("volumes = [\"/data:data\"]", "a volume is written"),
        ("volumes = [\"x1:/cache\"]", "/cache is where a volume of this program's is"),
        ("previleged = true", "unknown key `previleged`; did you mean `privileged`?"),
    ];
    for (line, words) in table {
        let text = mistake(line);
        assert!(text.contains("line 4: ") && text.contains(words), "{line}: {text}");
        assert!(text.contains("have a mistake:"), "{line}: {text}");
    }
}

#[test]
fn memory_and_swap_together_are_no_less_than_memory() {
    let text = mistake("memory_swap = \"1g\"\nmemory = \"2g\"");
    assert!(text.contains("line 4: `memory_swap` is memory and swap space together"), "{text}");
}

#[test]
fn a_wrong_key_makes_no_mistake_of_those_that_need_it() {
    for line in
        ["memory = \"x\"\nmemory_swap = \"1g\"", "endpoint = 7\ncredentials.directory = \"/c\""]
    {
        let text = mistake(line);
        assert!(text.contains("have a mistake:\n  line 4:"), "{line}: {text}");
    }
}

#[test]
fn an_engine_at_a_socket_takes_no_credentials() {
    let text = mistake("credentials.directory = \"/c\"\nendpoint = \"unix:///run/docker.sock\"");
    assert!(text.contains("line 4: an engine at a unix socket takes no credentials"), "{text}");
}

#[test]
fn keys_of_the_other_placement_are_mistakes() {
    let text = mistakes(
        "[profile.a]\nplacement = \"engine\"\nbuilds_dir = \"/b\"\ncache_dir = \"/c\"\n\
         keep_build_dir = false\n[profile.b]\n[profile.b.engine]\nprivileged = true\n",
    );
    let lines = [
        "line 3: `builds_dir` is of use with placement = \"host\" only",
        "line 4: `cache_dir` is of use with placement = \"host\" only",
        "line 5: `keep_build_dir` is of use with placement = \"host\" only",
        "line 7: `engine` is of use with placement = \"engine\" only",
    ];
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_misspelled_placement_makes_no_other_mistake_of_it() {
    let text = mistakes("[profile.a]\nplacement = \"engin\"\n[profile.a.engine]\ncpus = 1\n");
    assert!(text.contains("have a mistake:\n  line 2: \"engin\" is not one of"), "{text}");
}

#[test]
fn credentials_of_the_machine_stay_on_it_whatever_the_placement() {
    let text = mistakes(
        "[profile.a]\nplacement = \"engine\"\ndocker_access = \"certificates\"\n\
         cluster.endpoint = \"tcp://10.0.0.1:2376\"\ncredentials.directory = \"/etc/certs\"\n",
    );
    assert!(text.contains("line 3: docker_access = \"certificates\" would hand"), "{text}");
}
