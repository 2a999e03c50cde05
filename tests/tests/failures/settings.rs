//! What is the operator's: settings, arguments, and what a profile asks for.

use std::fs;

use job::Result;
use scenarios::{Scenario, errors, settings};

use crate::row::{ATTEMPTS, cannot, deploy, name, systems, table};

const RUNNERS_CONFIGURATION: &str =
    "  hint: correct --settings in gitlab-runner's config.toml, or the file's owner and mode\n";

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_in_every_stage() -> Result<()> {
    let scenario = Scenario::new()?;
    let mistaken = settings("[profile.a]\nplacment = \"host\"\nshell = \"zsh\"\n")?;
    let others = settings("[profile.a]\n[profile.b]\n")?;
    for (arguments, told) in [
        (["--settings", "/nowhere/settings.toml"], format!("\
cannot read the settings /nowhere/settings.toml: No such file or directory (os error 2)
{RUNNERS_CONFIGURATION}")),
        (["--settings", "/tmp"], format!("\
cannot read the settings /tmp: Is a directory (os error 21)
{RUNNERS_CONFIGURATION}")),
        (["--settings", name(&mistaken)], format!("\
the settings {} have 2 mistakes:
  line 2: unknown key `placment`; did you mean `placement`?
  line 3: \"zsh\" is not one of \"bash\", \"sh\"
  hint: settings.toml.example, which comes with the sources of this program, shows every key; the next job reads the file anew
", mistaken.display())),
        (["--settings", name(&others)], format!("\
there is no profile \"default\" in {}
  hint: name one of these with --profile in gitlab-runner's config.toml: a, b; or add a section [profile.default]
", others.display())),
        (["--profile", "production"], "\
there is no profile \"production\" in /etc/swarm-executor/settings.toml
  hint: add a section [profile.production] there, or leave --profile out of gitlab-runner's config.toml
".to_owned()),
        (["--setings", "/tmp"], "\
wrong arguments: unexpected argument '--setings' found
  hint: correct the *_args of [runners.custom] in gitlab-runner's config.toml
".to_owned()),
    ] {
        let outcome = systems(deploy(&scenario, &[]), told.clone()).with(&arguments).check().await;
        assert_eq!(errors(&outcome.cleanup_log), told.repeat(ATTEMPTS));
    }
    Ok(())
}

#[tokio::test]
async fn a_profile_that_asks_the_impossible_is_the_systems() -> Result<()> {
    let scenario = Scenario::new()?;
    let endpoint = &scenario.credentials.endpoint;
    let place = settings("[profile.default]\nbuilds_dir = \"/proc/nowhere\"\n")?;
    let directory = settings(&format!(
        "[profile.default]\ncluster.endpoint = \"{endpoint}\"\ncredentials.directory = \"/nowhere\"\n",
    ))?;
    let command = settings(
        "[profile.default]\ncluster.endpoint = \"unix:///var/run/docker.sock\"\n\
         credentials.command = [\"/nowhere/vault\"]\n",
    )?;
    let diagnostics = settings("")?;
    let refuses = settings(&format!(
        "[diagnostics]\nfile = \"{}\"\n[profile.default]\ncluster.endpoint = \"{endpoint}\"\n\
         credentials.command = [\"sh\", \"-c\", \"echo it is sealed >&2; exit 3\"]\n",
        name(&diagnostics),
    ))?;
    let job = deploy(&scenario, &[]);
    let id = job.id;
    table(vec![
        systems(job, format!("\
cannot make /proc/nowhere/gitlab.example.com-{id}: No such file or directory (os error 2)
  hint: set builds_dir in the profile to where gitlab-runner may write
")).with(&["--settings", name(&place)]),
        systems(deploy(&scenario, &[]), "\
/nowhere/ca.pem (CA certificate) is missing
/nowhere/cert.pem (client certificate) is missing
/nowhere/key.pem (client key) is missing
  hint: put it there, or name another directory in the profile's credentials
").with(&["--settings", name(&directory)]),
        systems(deploy(&scenario, &[]), format!("\
endpoint of [profile.default.cluster] in {} is unix:///var/run/docker.sock, but a cluster is reached by TCP with mutual TLS only
the credentials command /nowhere/vault cannot be started: No such file or directory (os error 2)
  hint: write the manager's address as tcp://HOST:2376
  hint: name a program in the profile's `command` that gitlab-runner's user may execute
", command.display())).with(&["--settings", name(&command)]),
        systems(deploy(&scenario, &[]), "\
the credentials command sh failed (exit status: 3)
  hint: run it by hand as gitlab-runner's user; what it wrote to stderr is in the operator's diagnostics
").with(&["--settings", name(&refuses)]),
    ])
    .await;
    let diagnostics = fs::read_to_string(&diagnostics).map_err(cannot)?;
    assert!(diagnostics.contains(r#""stderr":"it is sealed""#), "{diagnostics}");
    Ok(())
}
