//! Services beside the job's script: reached by each of their names once they are ready, told of when
//! they aren't, and of no use to anybody else.

use job::{Blame, Result};
use play::{Cancel, Image, Job, Protocol, Service, Status, Variable};
use scenarios::{Engine, Moment, Scenario, at};
use tokio::sync::Notify;

use crate::row::{NEWEST, fails, nothing_is_left, play, play_as, set, warned};

/// Asks a service by its name, as only a program that looks up names can: busybox doesn't.
const ASK: &str =
    r"ask() { exec 3<>/dev/tcp/$1/8000; printf 'GET / HTTP/1.0\r\n\r\n' >&3; tail -n 1 <&3; }";

fn named(image: &str, aliases: &[&str]) -> Service {
    let aliases = aliases.iter().map(ToString::to_string).collect();
    Service { aliases, ..Service::from(image) }
}

/// A job with one service.
fn with(scenario: &Scenario, service: impl Into<Service>) -> Job {
    scenario.plain("with a service", "job:bash").service(service).script(["echo the script runs"])
}

#[tokio::test]
async fn a_job_reaches_each_service_by_each_of_its_names() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let ask = ["jwilder__whoami", "jwilder-whoami", "web", "site", "service", "own"];
    let ask = ask.map(|name| format!("echo \"{name} says $(ask {name})\""));
    for protocol in [Protocol::V14_7, Protocol::V19] {
        let mut whoami = named("$REGISTRY/whoami:latest", &["web", "site"]);
        whoami.variables.push(Variable::new("GREETING", "we are $CI_PROJECT_NAME,"));
        let own = Service {
            image: Image {
                entrypoint: vec!["sh".into(), "-c".into()],
                user: Some("1000".into()),
                ..Service::from("job:sh").image
            },
            command: vec![
                "mkdir /tmp/www; id -u > /tmp/www/index.html; exec httpd -f -p 8000 -h /tmp/www"
                    .into(),
            ],
            variables: vec![Variable::new("HEALTHCHECK_TCP_PORT", "8000")],
            aliases: vec!["own".into()],
        };
        let services = [whoami, own, named("service:slow", &["web"]), "service:healthy".into()];
        let job = services.into_iter().fold(scenario.plain("asks", "job:bash"), Job::service);
        let job = job
            .variable(Variable::new("REGISTRY", "jwilder"))
            .script([ASK.to_owned()].into_iter().chain(ask.clone()));
        let outcome = play_as(protocol, &engine, &job).await?;
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{protocol:?}\n{log}");
        let (greeting, user) = match protocol {
            Protocol::V19 => ("we are app,", "1000"),
            // What came after it, 14.7 leaves out of the file.
            Protocol::V14_7 => ("I'm", "0"),
        };
        for name in ["jwilder__whoami", "jwilder-whoami", "web", "site"] {
            assert!(log.contains(&format!("\n{name} says {greeting} ")), "{name}\n{log}");
        }
        assert!(log.contains(&format!("\nown says {user}\n")), "{log}");
        assert!(log.contains("\nservice says ready\n"), "{log}");
        assert_eq!(
            warned(&outcome),
            "an earlier service is called web, so the service service:slow isn't: give it an \
             `alias` of its own\nan earlier service is called service, so the service \
             service:healthy isn't: give it an `alias` of its own\n",
            "{log}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_never_gets_ready_fails_the_job_with_its_last_words() -> Result<()> {
    const HINT: &str = "  hint: correct the service in .gitlab-ci.yml; if it only needs longer, let \
        the runner's keeper raise service_timeout\n";
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "service_timeout = \"3s\"")?;
    let lenient = "services_must_be_ready = false\nservice_timeout = \"3s\"";
    let lenient = Engine::of_the_cluster(&scenario, lenient)?;
    for (image, why, words) in [
        ("service:deaf", "after 3s none of its ports answers", &[][..]),
        (
            "service:unhealthy",
            "after 3s its health check fails",
            &["The end of the health check of service service:", "  the disk is on fire"],
        ),
        (
            "service:crash",
            "it ended with exit code 3",
            &["The end of the log of service service:", "  no configuration: giving up"],
        ),
    ] {
        let name = image.split_once(':').map_or(image, |(name, _)| name);
        let told = format!("service {name} ({image}) isn't ready: {why}\n");
        let failing = with(&scenario, image);
        let outcome = fails(&engine, &failing, Blame::Job, told.clone() + HINT).await?;
        assert!(!outcome.log_text().contains("the script runs"));
        let going_on = with(&scenario, image);
        let lenient = play(&lenient, &going_on).await?;
        assert_eq!(lenient.status, Status::Success, "{}", lenient.log_text());
        assert_eq!(warned(&lenient), told);
        for log in [outcome.log_text(), lenient.log_text()] {
            assert!(words.iter().all(|words| log.contains(words)), "{log}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_cannot_be_started_is_told_of() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let mut nothing = Service::from("job:sh");
    nothing.command = vec!["no-such-program".into()];
    let mut nobody = Service::from("job:sh");
    nobody.image.user = Some("nobody".into());
    for (service, told) in [
        (nothing, "\
the service job:sh can't be started: the image doesn't have the program it is to run: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"no-such-program\": executable file not found in $PATH: unknown
  hint: check the service's `entrypoint` and `command`
"),
        (nobody, "\
the service job:sh can't be started: the image doesn't know its user or group: unable to find user nobody: no matching entries in passwd file
  hint: name a user by its number, or one that is in the image's /etc/passwd
"),
    ] {
        fails(&engine, &with(&scenario, service), Blame::Job, told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_services_say_is_in_the_job_log_when_a_job_is_debugged() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let mut talking = named("job:sh", &["talker"]);
    talking.command = [
        "sh",
        "-c",
        "echo before; until [ -e /builds/asked ]; do sleep 0.1; done; \
        echo after >&2; touch /builds/told; exec sleep infinity",
    ]
    .map(str::to_owned)
    .into();
    let job = scenario.plain("debugged", "job:bash").service(talking).script([
        "touch /builds/asked",
        "until [ -e /builds/told ]; do sleep 0.1; done",
        // The engine passes on what a service says as it comes, and no sooner than that.
        "sleep 1",
    ]);
    let silent = play(&engine, &job).await?;
    assert!(silent.is_success() && !silent.log_text().contains("[service:"));
    let job = set(job, "CI_DEBUG_SERVICES", "true");
    let log = play(&engine, &job).await?.log_text();
    for said in ["[service:job] before\n", "[service:job] after\n"] {
        assert!(log.contains(said), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn no_job_reaches_what_belongs_to_another() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let whoami = || named("jwilder/whoami:latest", &["web"]);
    let serving = scenario
        .plain("serves", "job:bash")
        .service(whoami())
        .script(["echo stan''ding by", "until [ -e /builds/done ]; do sleep 0.1; done"]);
    let (cancel, ready) = (Cancel::default(), Notify::new());
    let runner = engine.runner(NEWEST);
    let is_ready = at(Moment::Said("standing by"), |_| ready.notify_one());
    let intruding = async {
        ready.notified().await;
        let intruded = intrude(&scenario, &engine, &serving).await;
        let done = ["exec", &container(&serving, "build"), "touch", "/builds/done"];
        intruded.and(engine.node.docker(&done).await)
    };
    let (outcome, intruded) = tokio::join!(runner.play(&serving, &cancel, is_ready), intruding);
    intruded?;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    nothing_is_left(&engine, &serving, &outcome).await
}

/// Jobs with a network of their own, and on the shared one, find nobody of `serving`.
async fn intrude(scenario: &Scenario, engine: &Engine, serving: &Job) -> Result<String> {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let service = container(serving, "service-0");
    let address = engine.node.docker(&["inspect", "--format", format, &service]).await?;
    let script = [
        "getent hosts web || echo nobody is called web".to_owned(),
        format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/8000' || echo nobody is there"),
    ];
    let beside = scenario.plain("intrudes", "job:bash").service("service:slow");
    for job in [beside, scenario.plain("intrudes", "job:bash")] {
        let outcome = play(engine, &job.script(script.clone())).await?;
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{log}");
        for said in ["\nnobody is called web\n", "\nnobody is there\n"] {
            assert!(log.contains(said), "{said}\n{log}");
        }
    }
    Ok(address)
}

fn container(job: &Job, role: &str) -> String {
    format!("swarm-executor-gitlab.example.com-{}-{role}", job.id)
}
