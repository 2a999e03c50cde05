//! Images that can't be had or aren't permitted, and registries with a login.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use job::{Blame, Failure, Result};
use play::{Cancel, Credential, Image, Job, Outcome, Runner, Service};
use scenarios::{Engine, Scenario};
use tempfile::TempDir;
use testkit::images;
use testkit::registry::{Login, Registry};

use crate::row::{NEWEST, fails, nothing_is_left, set};

const LOGIN: Login = Login { user: "puller", password: "s3cret:with:colons" };

fn job(scenario: &Scenario, image: impl AsRef<str>) -> Job {
    scenario.plain("of an image", image.as_ref()).script(["echo the script runs"])
}

#[tokio::test]
async fn what_a_profile_forbids_is_the_jobs_or_its_own() -> Result<()> {
    let scenario = Scenario::new()?;
    let any = job(&scenario, "job:sh");
    let eager = always(any.clone());
    let beside = any.clone().service("service:slow");
    for (setting, job, blame, told) in [
        (
            "allowed_images = [\"docker:*\", \"reg.example.com/**\"]",
            &any,
            Blame::Job,
            "\
the image job:sh is refused: it matches nothing in allowed_images (docker:*, reg.example.com/**)
  hint: use an image that matches, or ask the runner's keeper to extend allowed_images
",
        ),
        (
            "allowed_images = []",
            &any,
            Blame::Job,
            "\
the image job:sh is refused: allowed_images permits none
  hint: ask the runner's keeper to list it in allowed_images
",
        ),
        (
            "allowed_services = [\"job:*\"]",
            &beside,
            Blame::Job,
            "\
the image service:slow is refused: it matches nothing in allowed_services (job:*)
  hint: use an image that matches, or ask the runner's keeper to extend allowed_services
",
        ),
        (
            "allowed_services = []",
            &beside,
            Blame::Job,
            "\
the image service:slow is refused: allowed_services permits none
  hint: ask the runner's keeper to list it in allowed_services
",
        ),
        (
            "",
            &eager,
            Blame::Job,
            "\
the job's pull policy always is refused: pull_policy permits if-not-present
  hint: change `pull_policy` in .gitlab-ci.yml, or leave it out
",
        ),
        (
            "allowed_pull_policies = [\"if-not-present\", \"never\"]",
            &eager,
            Blame::Job,
            "\
the job's pull policy always is refused: allowed_pull_policies permits if-not-present, never
  hint: change `pull_policy` in .gitlab-ci.yml, or leave it out
",
        ),
        (
            "allowed_pull_policies = []",
            &any,
            Blame::System,
            "\
the profile's pull policy if-not-present is refused: allowed_pull_policies permits nothing
  hint: let the profile's pull_policy and allowed_pull_policies agree
",
        ),
        (
            "memory = \"64m\"",
            &set(any.clone(), "SWARM_MEMORY", "65m"),
            Blame::Job,
            "\
SWARM_MEMORY asks for 65m; the profile permits 64m at most
  hint: a job can lower the profile's limits only: ask for less, or leave it out
",
        ),
    ] {
        let engine = Engine::of_the_cluster(&scenario, setting)?;
        fails(&engine, job, blame, told).await?;
    }
    let empty = Engine::of_the_cluster(&scenario, "allowed_images = []\nallowed_services = []")?;
    let both = "\
the image job:sh is refused: allowed_images permits none
the image service:slow is refused: allowed_services permits none
  hint: ask the runner's keeper to list it in allowed_images
  hint: ask the runner's keeper to list it in allowed_services
";
    fails(&empty, &beside, Blame::Job, both).await.map(drop)
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "")?;
    let address = scenario.swarm.runner_address();
    let all = images::jobs().await?;
    let open = Registry::start_at(address, &all, None).await?;
    let private = Registry::start_at(address, &all, Some(LOGIN)).await?;
    let of_platform = |name: &str, platform: &str| {
        let image = Image { platform: Some(platform.to_owned()), ..Service::from(name).image };
        Job { image: Some(image), ..job(&scenario, "") }
    };
    let never = |image: &str| {
        let mut job = job(&scenario, image);
        if let Some(image) = &mut job.image {
            image.pull_policy = vec!["never".to_owned()];
        }
        job
    };
    let mut nobody = job(&scenario, "job:sh");
    if let Some(image) = &mut nobody.image {
        image.user = Some("nosuch".to_owned());
    }
    let rejected = auth_config(&private, Login { password: "wrong", ..LOGIN });
    let any = Engine::of_the_cluster(
        &scenario,
        "allowed_pull_policies = [\"never\", \"if-not-present\"]",
    )?;
    let (at_open, at_private) = (open.host(), private.host());
    for (engine, job, told) in [
        (&engine, job(&scenario, open.name("job:nosuch")), format!("\
{at_open} has no image {at_open}/job:nosuch: manifest unknown
  hint: check its name and tag
")),
        (&engine, job(&scenario, private.name("job:sh")), format!("\
{at_private} gives the image {at_private}/job:sh only after a login: Head \"http://{at_private}/v2/job/manifests/sh\": no basic auth credentials
  hint: put a login for {at_private} into the CI/CD variable DOCKER_AUTH_CONFIG
")),
        (&engine, set(job(&scenario, private.name("job:sh")), "DOCKER_AUTH_CONFIG", &rejected), format!("\
{at_private} rejects the login from DOCKER_AUTH_CONFIG for the image {at_private}/job:sh: unauthorized
  hint: renew the login for {at_private} in the CI/CD variable DOCKER_AUTH_CONFIG
")),
        (&engine, of_platform(&open.name("job:sh"), "linux/s390x"), format!("\
the image {at_open}/job:sh is for linux/amd64, not for linux/s390x
  hint: name an image for that platform
")),
        (&engine, of_platform("job:sh", "linux/s390x/v1/x"), "\
\"linux/s390x/v1/x\" is no platform
  hint: write it like linux/amd64 or linux/arm/v7
".to_owned()),
        (&engine, job(&scenario, "Not An Image"), "\
the image name \"Not An Image\" has an upper-case letter in \"Not An Image\"
  hint: write it in lower case; only a tag may have upper-case letters
".to_owned()),
        (&engine, nobody, "\
the build container of image job:sh can't be started: the image doesn't know its user or group: unable to find user nosuch: no matching entries in passwd file
  hint: name a user by its number, or one that is in the image's /etc/passwd
".to_owned()),
        (&any, never("job:nosuch"), "\
the engine has no image job:nosuch, and the pull policy never forbids to pull it
  hint: pull it on the engine beforehand, or use the pull policy if-not-present
".to_owned()),
    ] {
        fails(engine, &job, Blame::Job, told).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_private_image_is_pulled_with_whose_login_comes_first() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::of_the_cluster(&scenario, "allowed_pull_policies = [\"always\"]")?;
    let address = scenario.swarm.runner_address();
    let registry = Registry::start_at(address, &images::jobs().await?, Some(LOGIN)).await?;
    let name = registry.name("job:sh");
    let wrong = Login { password: "wrong", ..LOGIN };
    let mut by_job = always(job(&scenario, &name));
    by_job.credentials.push(Credential {
        kind: "registry".to_owned(),
        url: registry.host(),
        username: LOGIN.user.to_owned(),
        password: LOGIN.password.to_owned(),
    });
    let by_variable = set(by_job.clone(), "DOCKER_AUTH_CONFIG", &auth_config(&registry, LOGIN));
    let machine = Machine::new(&registry)?;
    machine.config(&auth_config(&registry, wrong))?;
    for (job, origin) in
        [(&by_variable, "DOCKER_AUTH_CONFIG"), (&by_job, "the job's own credentials")]
    {
        pulled(&engine, &machine, job, &name, origin).await?;
    }
    let plain = always(job(&scenario, &name));
    let file = machine.home().join(".docker/config.json").display().to_string();
    machine.config(&auth_config(&registry, LOGIN))?;
    pulled(&engine, &machine, &plain, &name, &file).await?;
    machine.config(&format!("{{\"credHelpers\": {{\"{}\": \"testkit\"}}}}", registry.host()))?;
    pulled(&engine, &machine, &plain, &name, &file).await?;
    engine.node.docker(&["rmi", &name]).await.map(drop)
}

/// The job with the wish that the registry be asked each time.
fn always(mut job: Job) -> Job {
    if let Some(image) = &mut job.image {
        image.pull_policy = vec!["always".to_owned()];
    }
    job
}

/// The job pulls the image anew with the login from there, and the log tells it in a few lines.
async fn pulled(
    engine: &Engine,
    machine: &Machine,
    job: &Job,
    name: &str,
    origin: &str,
) -> Result<()> {
    let outcome = machine.play(engine, job).await;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{origin}\n{log}");
    let lines: Vec<_> = log.lines().filter(|line| line.contains(name)).collect();
    assert_eq!(lines.len(), 2, "{log}");
    let (announced, done) = (lines[0], lines[1]);
    assert_eq!(announced, format!("Pulling image {name} with the login from {origin} …"));
    let done_words = [format!("Pulled {name} (sha256:"), format!("Image {name} is up to date (")];
    assert!(done_words.iter().any(|words| done.starts_with(words)), "{done}");
    assert!(!log.contains(LOGIN.password), "{log}");
    nothing_is_left(engine, job, &outcome).await
}

fn auth_config(registry: &Registry, login: Login) -> String {
    format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{}\"}}}}}}", registry.host(), login.encoded())
}

/// A runner machine: a home directory, and a credential helper on `PATH`.
struct Machine(TempDir);

impl Machine {
    fn new(registry: &Registry) -> Result<Self> {
        let make = || {
            let directory = TempDir::with_prefix("home-")?;
            let helper = directory.path().join("docker-credential-testkit");
            let Login { user, password } = LOGIN;
            fs::write(
                &helper,
                format!(
                    "#!/bin/sh\n[ \"$1 $(cat)\" = 'get {}' ] || exit 9\n\
                 echo '{{\"Username\": \"{user}\", \"Secret\": \"{password}\"}}'\n",
                    registry.host()
                ),
            )?;
            fs::set_permissions(&helper, fs::Permissions::from_mode(0o700))?;
            Ok(Self(directory))
        };
        make().map_err(cannot)
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    fn config(&self, text: &str) -> Result<()> {
        let directory = self.home().join(".docker");
        fs::create_dir_all(&directory).map_err(cannot)?;
        fs::write(directory.join("config.json"), text).map_err(cannot)
    }

    async fn play(&self, engine: &Engine, job: &Job) -> Outcome {
        let home = self.home().display().to_string();
        let path = format!("{home}:/usr/local/bin:/usr/bin:/bin");
        let environment = [("HOME", home), ("PATH", path)];
        let environment = environment.map(|(name, value)| (name.into(), value.into())).into();
        let runner = Runner { os_environment: Some(environment), ..engine.runner(NEWEST) };
        runner.play(job, &Cancel::default(), |_| {}).await
    }
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::system("cannot set up the test").caused_by(error)
}
