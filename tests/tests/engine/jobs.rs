//! What jobs are made of: sources, caches, artifacts, variables, scripts, and images of every kind.

use futures::future::try_join_all;
use job::{Failure, Result};
use play::{Image, Job, Protocol, Service, Status, Variable};
use scenarios::{Engine, PROTOCOLS, Scenario};
use testkit::coordinator::JobHandle;

use crate::project::{Project, play, succeeds};

/// Shows what the job was given, and leaves something for the next.
const FIRST: [&str; 6] = [
    "export BEFORE=be''fore",
    r#"echo "$BEFORE, $(cat "$CONFIG"), $(ls production.yml)""#,
    "mkdir -p warm out; cat warm/it out/it 2>/dev/null || echo co''ld",
    "echo war''med >warm/it; echo bui''lt >out/it; echo sources >/tmp/note",
    "for word in several lines; do\n  words=$words-$word\ndone\necho \"all$words\"",
    r"exec 3<>/dev/tcp/backend/8000; printf 'GET / HTTP/1.0\r\n\r\n' >&3; tail -n 1 <&3",
];

/// Shows what the first has left, and asks the cluster.
const SECOND: [&str; 3] =
    ["cat warm/it out/it", "echo >>production.yml && touch made", "docker node ls -q | wc -l"];

/// What the first job says.
pub(crate) const FIRST_SAYS: [&str; 5] = [
    "\nbefore, the file's content, production.yml\n",
    "\ncold\n",
    "\nall-several-lines\n",
    "\nready\n",
    "\nafter sources, success\n",
];

/// What the second job says.
pub(crate) const SECOND_SAYS: [&str; 2] = ["\nwarmed\nbuilt\n", "\n3\n"];

/// A job with all that jobs are made of. Its cache has this key.
pub(crate) fn first(scenario: &Scenario, cache: &str) -> Job {
    let service = Service {
        image: Image { name: "service:slow".to_owned(), ..Image::default() },
        aliases: vec!["backend".to_owned()],
        ..Service::default()
    };
    scenario
        .plain("first", "job:$FLAVOUR")
        .variable(Variable::new("FLAVOUR", "bash"))
        .variable(Variable::file("CONFIG", "the file's content"))
        .service(service)
        .cache(format!("{cache}-$CI_PROJECT_ID"), "warm")
        .artifact("out")
        .script(FIRST)
        .after_script(["echo af''ter $(cat /tmp/note), $CI_JOB_STATUS"])
}

/// A job that has what the first has cached and uploaded. Its user, where the runner is new enough to
/// know of it, isn't root.
pub(crate) fn second(scenario: &Scenario, cache: &str, first: &JobHandle) -> Result<Job> {
    let uploaded = first.dependency();
    let uploaded = uploaded.ok_or_else(|| Failure::system("the first job has uploaded nothing"))?;
    let image = Image {
        name: "docker:19.03.0".to_owned(),
        user: Some("1000:1000".to_owned()),
        ..Image::default()
    };
    let mut job = scenario.plain("second", "");
    job.image = Some(image);
    Ok(job.cache(format!("{cache}-$CI_PROJECT_ID"), "warm").dependency(uploaded).script(SECOND))
}

/// Plays both.
pub(crate) async fn one_after_the_other(
    scenario: &Scenario,
    project: &Project,
    engine: &Engine,
    protocol: Protocol,
) -> Result<()> {
    let cache = protocol.version();
    let job = project.submit(first(scenario, cache));
    succeeds(engine, protocol, job.spec(), &FIRST_SAYS).await?;
    let job = project.submit(second(scenario, cache, &job)?);
    succeeds(engine, protocol, job.spec(), &SECOND_SAYS).await.map(drop)
}

#[tokio::test]
async fn the_next_job_has_what_one_has_cached_and_uploaded() -> Result<()> {
    let scenario = Scenario::new()?;
    let project = Project::new(&scenario).await?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for protocol in PROTOCOLS {
        one_after_the_other(&scenario, &project, &engine, protocol).await?;
    }
    Ok(())
}

/// An image, what is replaced of it, a script, and what it says.
struct Row {
    image: &'static str,
    entrypoint: &'static [&'static str],
    user: Option<&'static str>,
    script: &'static [&'static str],
    says: &'static [&'static str],
}

const PLAIN: Row = Row { image: "", entrypoint: &[], user: None, script: &[], says: &[] };

/// What a user who isn't root may do with sources that another container has cloned.
const WRITES: &str = "echo >>production.yml; mkdir made; mv production.yml made; rm -r made";

const FROM_ENTRYPOINT: &[&str] = &[r#"echo "<$FROM_ENTRYPOINT>""#];

const ROWS: [Row; 6] = [
    Row {
        image: "job:nonroot",
        script: &[
            WRITES,
            "test -S /var/run/docker.sock -a -w /var/run/docker.sock",
            "id -un",
            "cd; pwd",
        ],
        says: &["\njob\n", "\n/home/job\n"],
        ..PLAIN
    },
    Row {
        image: "docker:$VERSION",
        user: Some("1000:1000"),
        script: &[WRITES, "id -u", "docker node ls -q | wc -l"],
        says: &["\n1000\n", "\n3\n"],
        ..PLAIN
    },
    Row {
        image: "job:sh",
        script: &["readlink /proc/$$/exe", WRITES],
        says: &["\n/bin/busybox\n"],
        ..PLAIN
    },
    Row {
        image: "job:entrypoint",
        script: FROM_ENTRYPOINT,
        says: &["\n<set before the script>\n"],
        ..PLAIN
    },
    Row {
        image: "job:entrypoint",
        entrypoint: &[""],
        script: FROM_ENTRYPOINT,
        says: &["\n<>\n"],
        ..PLAIN
    },
    Row {
        image: "job:entrypoint",
        entrypoint: &["sh", "-c", r#"FROM_ENTRYPOINT="by $CI_JOB_NAME" exec "$@""#, "own"],
        script: FROM_ENTRYPOINT,
        says: &["\n<by own>\n"],
        ..PLAIN
    },
];

#[tokio::test]
async fn scripts_run_in_images_of_every_kind() -> Result<()> {
    let scenario = Scenario::new()?;
    let project = Project::new(&scenario).await?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for protocol in PROTOCOLS {
        // `image:docker:user` is younger than 14.7.
        let known = ROWS.iter().filter(|row| row.user.is_none() || protocol != Protocol::V14_7);
        let jobs = known.map(async |row| {
            let mut job = scenario.plain("own", "").script(row.script.iter().copied());
            job.image = Some(Image {
                name: row.image.to_owned(),
                entrypoint: row.entrypoint.iter().map(ToString::to_string).collect(),
                user: row.user.map(str::to_owned),
                ..Image::default()
            });
            let job = project.submit(job.variable(Variable::new("VERSION", "19.03.0")));
            succeeds(&engine, protocol, job.spec(), row.says).await
        });
        try_join_all(jobs).await?;
    }
    Ok(())
}

/// GitLab's own `set -e` is in every script.
#[tokio::test]
async fn a_script_that_fails_in_its_middle_fails_the_job_with_its_exit_code() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    for protocol in PROTOCOLS {
        for image in ["job:nonroot", "job:sh"] {
            let job = scenario
                .plain("fails", image)
                .script(["echo fir''st\n(exit 7)\necho ne''ver", "echo ne''ver"])
                .after_script(["echo af''ter, $CI_JOB_STATUS"]);
            let outcome = play(&engine, protocol, &job).await?;
            let log = outcome.log_text();
            let failed = match protocol {
                Protocol::V14_7 => Status::BuildFailure,
                Protocol::V19 => Status::ScriptFailure(7),
            };
            assert_eq!(outcome.status, failed, "{log}");
            assert!(log.contains("\nfirst\n") && log.contains("\nafter, failed\n"), "{log}");
            assert!(!log.contains("\nnever\n"), "{log}");
        }
    }
    Ok(())
}
