//! Waiting for the job's services, before its first script.
//!
//! What a HEALTHCHECK says the engine tells. Whether a port answers is found out from where the
//! scripts will be, by the agent in the build container: nobody else is on that network.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Mutex;
use std::time::Duration;

use agent::Start;
use bollard::Docker;
use docker::containers::services::{self, LastWords, Readiness, Verdict, judge, last_words};
use docker::containers::{AGENT_PATH, JobMarks};
use docker::images::BroughtImage;
use job::{Failure, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{Instant, sleep};

use super::reach::Reach;
use super::record::Containers;
use super::wanted::Wanted;
use crate::job_log::JobLog;

/// Between two questions for the services' states.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a service has to run that shows by nothing else that it is ready: most that fail do so
/// at once.
const STEADY: Duration = Duration::from_millis(300);

/// How long the agent's connection is waited for, when it was cut.
const PATIENCE: Duration = Duration::from_secs(30);

/// The services of one job, while they start.
pub(super) struct Services<'a> {
    log: JobLog,
    docker: &'a Docker,
    /// To the agent in the build container.
    reach: &'a Reach,
    marks: &'a JobMarks,
    wanted: &'a Wanted,
    starting: Vec<Starting<'a>>,
    /// The numbers of those of which a port has answered.
    answered: Mutex<BTreeSet<usize>>,
}

/// A service that starts.
struct Starting<'a> {
    id: &'a str,
    /// How a person knows it.
    name: &'a str,
    /// What it is called on the network.
    host: &'a str,
    image: String,
    readiness: Readiness,
}

/// A service that isn't ready, and why.
struct Unready<'a> {
    service: &'a Starting<'a>,
    why: String,
}

impl<'a> Services<'a> {
    pub(super) fn new(
        log: JobLog,
        docker: &'a Docker,
        reach: &'a Reach,
        marks: &'a JobMarks,
        wanted: &'a Wanted,
        images: &[BroughtImage],
        made: &'a Containers,
    ) -> Self {
        let each = wanted.services.iter().zip(images).zip(&made.services);
        let services = each.map(|((wanted, image), made)| Starting {
            id: &made.id,
            name: &made.name,
            host: wanted.names.first().map_or("", String::as_str),
            image: wanted.asked.image.reference.to_string(),
            readiness: Readiness::of(image, &wanted.environment),
        });
        let (starting, answered) = (services.collect(), Mutex::default());
        Self { log, docker, reach, marks, wanted, starting, answered }
    }

    /// Returns when all of them are ready or, if the profile doesn't insist, aren't in time.
    ///
    /// # Errors
    /// The job's, when a service ends or isn't ready in time, after what it said last.
    pub(super) async fn wait(&self) -> Result<()> {
        if self.starting.is_empty() {
            return Ok(());
        }
        let unready = tokio::select! {
            unready = self.watch() => unready?,
            failure = self.ask_ports() => return Err(failure),
        };
        for unready in &unready {
            self.tell(unready).await;
        }
        let failures = unready.iter().map(Unready::failure);
        match failures.reduce(Failure::and) {
            Some(failure) if self.wanted.engine.services_must_be_ready => Err(failure),
            _ => Ok(()),
        }
    }

    /// Asks for states until all are ready, one never will be, or time is over.
    async fn watch(&self) -> Result<Vec<Unready<'_>>> {
        let start = Instant::now();
        let deadline = start + self.wanted.engine.service_timeout;
        loop {
            let states = services::states(self.docker, self.marks).await?;
            let is_over = Instant::now() >= deadline;
            let mut unready = Vec::new();
            let mut waits = false;
            for (number, service) in self.starting.iter().enumerate() {
                let answers = match service.readiness {
                    Readiness::Nothing => start.elapsed() >= STEADY,
                    Readiness::Health | Readiness::Ports(_) => self.has_answered(number),
                };
                match judge(&service.readiness, states.get(&number).copied(), answers) {
                    Verdict::Ready => {}
                    Verdict::Never(why) => unready.push(Unready { service, why }),
                    Verdict::NotYet(why) if is_over => {
                        let time = humantime::format_duration(self.wanted.engine.service_timeout);
                        unready.push(Unready { service, why: format!("after {time} {why}") });
                    }
                    Verdict::NotYet(_) => waits = true,
                }
            }
            let decided = !unready.is_empty() && self.wanted.engine.services_must_be_ready;
            if !waits || decided {
                return Ok(unready);
            }
            sleep(PAUSE).await;
        }
    }

    fn has_answered(&self, number: usize) -> bool {
        self.answered.lock().is_ok_and(|answered| answered.contains(&number))
    }

    /// Asks the ports from the build container, for as long as anybody waits; only a failure of
    /// that ends it.
    async fn ask_ports(&self) -> Failure {
        let targets: Vec<String> = self.starting.iter().flat_map(Starting::targets).collect();
        if !targets.is_empty()
            && let Err(error) = self.probe(&targets).await
        {
            return Failure::system("cannot ask the job's services whether they answer")
                .caused_by(error);
        }
        std::future::pending().await
    }

    async fn probe(&self, targets: &[String]) -> Result<(), agent::AgentError> {
        let seconds = self.wanted.engine.service_timeout.as_secs().max(1).to_string();
        let words = [AGENT_PATH.to_owned(), "probe".to_owned(), seconds];
        let start = Start {
            command: words.iter().chain(targets).map(OsString::from).collect(),
            directory: "/".into(),
            ..Start::default()
        };
        let (session, _) = self.reach.session(PATIENCE)?;
        let mut running = session.start(start, &[]).await?;
        let mut lines = BufReader::new(&mut running.output).lines();
        while let Some(line) = lines.next_line().await? {
            let ready = line.strip_prefix("ready ").unwrap_or_default();
            let of_service =
                |service: &Starting<'_>| service.targets().any(|target| target == ready);
            let number = self.starting.iter().position(of_service);
            if let (Some(number), Ok(mut answered)) = (number, self.answered.lock()) {
                answered.insert(number);
            }
        }
        running.exited().await?;
        self.reach.ended_in_order();
        Ok(())
    }

    /// What the service said last.
    async fn tell(&self, unready: &Unready<'_>) {
        let Starting { id, name, .. } = unready.service;
        let words = last_words(self.docker, id).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "the service's last words are unknown");
            LastWords::default()
        });
        for (what, lines) in [("log", &words.log), ("health check", &words.health)] {
            if !lines.is_empty() {
                self.log.line(format!("The end of the {what} of service {name}:"));
                for line in lines {
                    self.log.line(format!("  {line}"));
                }
            }
        }
        if !self.wanted.engine.services_must_be_ready {
            self.log.warning(unready.words());
        }
    }
}

impl Starting<'_> {
    /// The ports to ask, each `HOST:PORT`.
    fn targets(&self) -> impl Iterator<Item = String> {
        let ports = match &self.readiness {
            Readiness::Ports(ports) => ports.as_slice(),
            Readiness::Health | Readiness::Nothing => &[],
        };
        ports.iter().map(|port| format!("{}:{port}", self.host))
    }
}

impl Unready<'_> {
    fn failure(&self) -> Failure {
        Failure::job(self.words()).hint(
            "correct the service in .gitlab-ci.yml; if it only needs longer, let the runner's \
             keeper raise service_timeout",
        )
    }

    fn words(&self) -> String {
        let Starting { name, image, .. } = self.service;
        format!("service {name} ({image}) isn't ready: {}", self.why)
    }
}
