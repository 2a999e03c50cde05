//! The example project as a job sees it: its files, its variables, its two deploy jobs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use job::{Failure, Result};
use play::{Image, Job, Service, Sources, Variable};
use tempfile::TempDir;
use testkit::git;
use testkit::nodes::SwarmHandle;
use testkit::pki::Identity;

/// The directory of the example project.
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("examples").join("whoami")
}

/// The four variables that a project has in GitLab.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `DOCKER_SWARM_MASTER`.
    pub endpoint: String,
    /// What the other three hold.
    pub identity: Identity,
}

impl Credentials {
    /// The variables for this manager and client.
    pub fn new(endpoint: &str, identity: Identity) -> Self {
        Self { endpoint: endpoint.to_owned(), identity }
    }

    /// The job with these variables added.
    pub fn give(&self, job: Job) -> Job {
        job.variable(Variable::new("DOCKER_SWARM_MASTER", &self.endpoint))
            .variable(Variable::new("DOCKER_MACHINE_CA", &self.identity.ca))
            .variable(Variable::new("DOCKER_MACHINE_CLIENT_CERT", &self.identity.cert))
            .variable(Variable::new("DOCKER_MACHINE_CLIENT_KEY", &self.identity.key))
    }
}

/// The example project as a git repository to clone.
#[derive(Debug)]
pub struct Repository {
    directory: TempDir,
    commit: String,
}

impl Repository {
    /// Makes one with a single commit.
    ///
    /// # Errors
    /// git fails, or the disk is full.
    pub fn new() -> Result<Self> {
        let make = || {
            let directory = TempDir::with_prefix("repositories-")?;
            let repository = directory.path().join(NAME);
            fs::create_dir(&repository)?;
            for file in [".gitlab-ci.yml", "production.yml"] {
                fs::copy(example().join(file), repository.join(file))?;
            }
            let git = |arguments: &[&str]| run_git(&repository, arguments);
            git(&["init", "--quiet", "--initial-branch", BRANCH])?;
            git(&["add", "--all"])?;
            git(&[
                "-c",
                "user.name=n",
                "-c",
                "user.email=e@x",
                "commit",
                "--quiet",
                "-m",
                "whoami",
            ])?;
            let commit = git(&["rev-parse", "HEAD"])?;
            Ok(Self { directory, commit })
        };
        make().map_err(|error: io::Error| {
            Failure::system("cannot make a repository").caused_by(error)
        })
    }

    /// Where to clone it from on this machine.
    pub fn url(&self) -> String {
        format!("file://{}", self.directory.path().join(NAME).display())
    }

    /// Serves it where the containers of every engine reach it.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn serve(&self, swarm: &SwarmHandle) -> Result<Served> {
        let server = git::Server::start_at(swarm.runner_address(), self.directory.path()).await?;
        Ok(Served { url: server.url(NAME), commit: self.commit.clone(), _server: server })
    }

    /// Its one branch.
    pub fn branch(&self) -> &'static str {
        BRANCH
    }

    /// Its one commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

/// A [`Repository`] that containers clone, until this is dropped.
#[derive(Debug)]
pub struct Served {
    url: String,
    commit: String,
    _server: git::Server,
}

impl Served {
    /// The job with this repository's commit as its sources.
    pub fn give(&self, job: Job) -> Job {
        let mut job = job.sources(Sources::Clone { url: self.url.clone() });
        BRANCH.clone_into(&mut job.git.ref_name);
        self.commit.clone_into(&mut job.git.sha);
        job
    }
}

const NAME: &str = "whoami.git";
const BRANCH: &str = "master";

fn run_git(directory: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git").arg("-C").arg(directory).args(arguments).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A job of the example project that has no script yet.
pub(crate) fn job(name: &str) -> Job {
    let mut job = Job::new(name).sources(Sources::WorkingTree(example()));
    job.id = next_id();
    job.variable(Variable::new("DOCKER_DRIVER", "overlay2"))
        .variable(Variable::new("DOCKER_TLS_CERTDIR", ""))
        .image("docker:19.03.0")
        .service(Service {
            image: Image { name: "docker:19.03.0-dind".to_owned(), ..Image::default() },
            ..Service::default()
        })
}

/// The article's script, unchanged.
pub const ARTICLE: [&str; 9] = [
    r#"export DOCKER_TLS_VERIFY="1""#,
    r#"export DOCKER_HOST="$DOCKER_SWARM_MASTER""#,
    r#"export DOCKER_CERT_PATH="certs""#,
    "mkdir $DOCKER_CERT_PATH",
    r#"echo "$DOCKER_MACHINE_CA" > $DOCKER_CERT_PATH/ca.pem"#,
    r#"echo "$DOCKER_MACHINE_CLIENT_CERT" > $DOCKER_CERT_PATH/cert.pem"#,
    r#"echo "$DOCKER_MACHINE_CLIENT_KEY" > $DOCKER_CERT_PATH/key.pem"#,
    "docker stack deploy -c production.yml whoami",
    "rm -rf $DOCKER_CERT_PATH",
];

/// The article's script with swarm-executor.
pub const SHORT: [&str; 1] = ["docker stack deploy -c production.yml whoami"];

/// An id that no other job on this machine has: tests run in many processes at once.
pub(crate) fn next_id() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    u64::from(std::process::id()) * 1000 + COUNT.fetch_add(1, Ordering::Relaxed)
}
