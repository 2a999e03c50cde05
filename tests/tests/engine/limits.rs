//! What a profile grants and withholds, as a script finds it.

use job::Result;
use play::Job;
use scenarios::{Engine, Scenario};

use crate::row::{play, set};

/// A profile that says something of everything.
const CONFINED: &str = r#"
cpus = 1.5
memory = "96m"
memory_swap = "96m"
pids_limit = 77
shm_size = "12m"
ulimits = { nofile = "321:654", core = 0 }
cap_drop = ["NET_RAW", "MKNOD"]
cap_add = ["SYS_PTRACE"]
user = "1000:1000"
devices = ["/dev/null:/dev/given:rw"]
extra_hosts = ["db.example.com:192.0.2.7"]
dns = ["192.0.2.53"]
tmpfs = { "/scratch" = "rw,size=3m" }
volumes = ["confined-by-test:/given"]
read_only = true
"#;

/// Prints what the container has, each a line that begins with its name.
const REPORT: [&str; 15] = [
    "v2=/sys/fs/cgroup v1=/sys/fs/cgroup",
    "first() { for file; do if [ -e $file ]; then cat $file; return; fi; done; echo none; }",
    "echo memory $(first $v2/memory.max $v1/memory/memory.limit_in_bytes)",
    "echo cpu $(first $v2/cpu.max $v1/cpu/cpu.cfs_quota_us | cut -d ' ' -f 1)",
    "echo pids $(first $v2/pids.max $v1/pids/pids.max)",
    "echo shm $(df -k /dev/shm | tail -n 1)",
    "echo nofile $(ulimit -Sn) $(ulimit -Hn) core $(ulimit -c)",
    "echo user $(id -u):$(id -g)",
    "echo status $(grep -E '^(CapBnd|NoNewPrivs):' /proc/self/status)",
    "echo device $(if [ -c /dev/given ] && echo it > /dev/given; then echo there; fi)",
    "echo hosts $(grep db.example.com /etc/hosts)",
    "echo scratch $(grep ' /scratch ' /proc/mounts)",
    "echo given $(grep -c ' /given ' /proc/mounts)",
    "echo root $(if touch /it 2> /dev/null; then echo writable; else echo read-only; fi)",
    "echo \"the job's docker sees $(docker node ls --format '{{.Hostname}}' | sort | head -n 1)\"",
];

/// What [`REPORT`] says of this.
fn told<'a>(log: &'a str, name: &str) -> &'a str {
    let mut lines = log.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(first, _)| *first == name).map_or("", |(_, rest)| rest)
}

#[tokio::test]
async fn a_container_has_what_its_profile_says_and_its_job_less() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, CONFINED)?;
    let job: Job = scenario.plain("confined", "docker:19.03.0").script(REPORT);
    let outcome = play(&engine, &job).await?;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    for (name, expected) in [
        ("memory", "100663296"),
        ("cpu", "150000"),
        ("pids", "77"),
        ("nofile", "321 654 core 0"),
        ("user", "1000:1000"),
        // Docker's own set without NET_RAW and MKNOD, and with SYS_PTRACE.
        ("status", "CapBnd: 00000000a00c05fb NoNewPrivs: 1"),
        ("device", "there"),
        ("hosts", "192.0.2.7 db.example.com"),
        ("given", "1"),
        ("root", "read-only"),
    ] {
        assert_eq!(told(&log, name), expected, "{name}\n{log}");
    }
    assert!(told(&log, "shm").contains(" 12288 "), "{log}");
    assert!(told(&log, "scratch").contains("size=3072k"), "{log}");
    assert!(log.contains("\nthe job's docker sees manager1\n"), "{log}");
    let lowered = [
        ("SWARM_MEMORY", "48m", "memory", "50331648"),
        ("SWARM_CPUS", "0.5", "cpu", "50000"),
        ("SWARM_PIDS_LIMIT", "55", "pids", "55"),
    ];
    let job = lowered.iter().fold(job, |job, (name, value, ..)| set(job, name, value));
    let log = play(&engine, &job).await?.log_text();
    for (_, _, name, expected) in lowered {
        assert_eq!(told(&log, name), expected, "{log}");
    }
    engine.node.docker(&["volume", "rm", "confined-by-test"]).await.map(drop)
}
