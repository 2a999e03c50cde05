use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A home directory and a `PATH` with a fake helper in it.
struct Machine {
    directory: TempDir,
    warnings: Mutex<Vec<String>>,
}

impl Machine {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), warnings: Mutex::default() }
    }

    fn config(self, config: &serde_json::Value) -> Self {
        self.file(".docker/config.json", &config.to_string())
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A helper that is a shell script; `$server` is what it is asked about.
    fn helper(self, name: &str, script: &str) -> Self {
        let path = self.directory.path().join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\nserver=$(/bin/cat)\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        self
    }

    fn sources(&self) -> Sources {
        Sources {
            home: Some(self.directory.path().to_owned()),
            helpers: Helpers {
                path: Some(self.directory.path().into()),
                timeout: Duration::from_secs(10),
            },
            ..Sources::default()
        }
    }

    async fn login(&self, sources: Sources, image: &str) -> Option<(DockerCredentials, Origin)> {
        let warn = |line: &str| self.warnings.lock().unwrap().push(line.to_owned());
        let registries = Registries::read(sources).unwrap();
        registries.warnings().iter().for_each(|line| warn(line));
        let login = registries.login(&Reference::parse(image).unwrap(), &warn).await?;
        Some((login.for_engine(), login.origin().clone()))
    }

    /// The user at the registry of `image`.
    async fn user(&self, sources: Sources, image: &str) -> Option<String> {
        self.login(sources, image).await?.0.username
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }
}

fn auth(user: &str) -> serde_json::Value {
    use base64::Engine;
    let text = format!("{user}:s3cret:with:colons");
    json!({"auth": base64::engine::general_purpose::STANDARD.encode(text)})
}

fn of_job(url: &str, username: &str) -> RegistryCredential {
    RegistryCredential {
        kind: "registry".into(),
        url: url.into(),
        username: username.into(),
        password: "s3cret".to_owned().into(),
    }
}

fn secret(config: &serde_json::Value) -> Secret {
    config.to_string().into()
}

#[test]
fn keys_mean_registries_as_they_do_to_gitlab_runner() {
    for (key, path) in [
        ("registry.example.com", "registry.example.com"),
        ("Registry.Example.com:5000", "registry.example.com:5000"),
        ("https://registry.example.com:5000/v1/", "registry.example.com:5000"),
        ("HTTP://registry.example.com", "registry.example.com"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("registry.example.com/group/", "registry.example.com/group"),
        ("registry.example.com:5000/Group/app:1", "registry.example.com:5000/Group/app"),
    ] {
        assert_eq!(registry_path(key), path, "{key}");
    }
}

#[test]
fn an_entry_covers_whole_parts_only() {
    assert!(covers("reg.io", "reg.io/a/b"));
    assert!(covers("reg.io/a", "reg.io/a/b"));
    assert!(covers("reg.io/a/b", "reg.io/a/b"));
    assert!(!covers("reg.io/a", "reg.io/ab"));
    assert!(!covers("reg.i", "reg.io/a"));
    assert!(!covers("", "reg.io/a"));
}

#[tokio::test]
async fn the_longest_path_wins_and_of_equals_the_first_source() {
    let machine = Machine::new().config(&json!({"auths": {
        "reg.io": auth("file"), "file.io": auth("file"), "both.io": auth("file"),
    }}));
    let sources = || Sources {
        auth_config: Some(secret(&json!({"auths": {
            "https://reg.io/v1/": auth("variable"), "reg.io/group": auth("variable-group"),
        }}))),
        job: vec![
            of_job("reg.io", "job"),
            of_job("reg.io/group/app", "job-app"),
            of_job("both.io", "job"),
            of_job("job.io", "job"),
        ],
        ..machine.sources()
    };
    for (image, user) in [
        ("reg.io/app", Some("variable")),
        ("reg.io/group/other:1", Some("variable-group")),
        ("reg.io/groups/other", Some("variable")),
        (
            "reg.io/group/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            Some("job-app"),
        ),
        ("file.io/app", Some("file")),
        ("both.io/app", Some("job")),
        ("job.io/app", Some("job")),
        ("alpine", None),
    ] {
        assert_eq!(machine.user(sources(), image).await.as_deref(), user, "{image}");
    }
    assert!(machine.warnings().is_empty());
}

#[tokio::test]
async fn a_login_goes_to_the_engine_with_the_address_that_it_knows() {
    let machine = Machine::new().config(&json!({"auths": {
        "https://index.docker.io/v1/": auth("me"), "reg.io/group": auth("me"),
        "token.io": {"identitytoken": "s3cret"}, "plain.io": {"username": "me", "password": "s3cret"},
        "bearer.io": {"registrytoken": "s3cret"},
    }}));
    let of = async |image: &str| machine.login(machine.sources(), image).await.unwrap().0;
    let hub = of("alpine:3").await;
    assert_eq!(hub.serveraddress.as_deref(), Some("https://index.docker.io/v1/"));
    assert_eq!(hub.password.as_deref(), Some("s3cret:with:colons"));
    assert_eq!(of("reg.io/group/app").await.serveraddress.as_deref(), Some("reg.io"));
    assert_eq!(of("token.io/app").await.identitytoken.as_deref(), Some("s3cret"));
    assert_eq!(of("bearer.io/app").await.registrytoken.as_deref(), Some("s3cret"));
    assert_eq!(of("plain.io/app").await.password.as_deref(), Some("s3cret"));
}

#[tokio::test]
async fn only_credentials_for_registries_count() {
    let machine = Machine::new();
    let other = RegistryCredential { kind: "git".into(), ..of_job("reg.io", "job") };
    let sources = Sources { job: vec![other], ..machine.sources() };
    assert_eq!(machine.user(sources, "reg.io/app").await, None);
}

#[tokio::test]
async fn the_old_name_of_the_docker_config_is_read_too() {
    let config = json!({"auths": {"reg.io": auth("old")}});
    let machine = Machine::new().file(".dockercfg", &config.to_string());
    let (_, origin) = machine.login(machine.sources(), "reg.io/app").await.unwrap();
    assert_eq!(origin, Origin::File(machine.directory.path().join(".dockercfg")));
}

#[tokio::test]
async fn a_helper_is_asked_for_its_server_only_and_hides_the_files_own_entry() {
    let machine = Machine::new()
        .config(&json!({
            "auths": {"reg.io": auth("file"), "other.io": auth("file")},
            "credHelpers": {"reg.io": "fake"},
        }))
        .helper(
            "fake",
            r#"[ "$1 $server" = "get reg.io" ] || exit 9
            echo '{"ServerURL": "reg.io", "Username": "helper", "Secret": "s3cret"}'"#,
        );
    assert_eq!(machine.user(machine.sources(), "reg.io/app").await.as_deref(), Some("helper"));
    assert_eq!(machine.user(machine.sources(), "other.io/app").await.as_deref(), Some("file"));
}

#[tokio::test]
async fn a_store_is_asked_what_it_has_and_then_for_that() {
    let machine = Machine::new()
        .config(&json!({
            "auths": {"https://index.docker.io/v1/": {}, "reg.io": auth("file")},
            "credsStore": "fake",
        }))
        .helper(
            "fake",
            r#"case "$1 $server" in
            "list "*) echo '{"https://index.docker.io/v1/": "hub", "reg.io": "stored"}' ;;
            "get reg.io") echo '{"Username": "stored", "Secret": "s3cret"}' ;;
            "get https://index.docker.io/v1/") echo '{"Username": "<token>", "Secret": "t0ken"}' ;;
            *) exit 9 ;;
        esac"#,
        );
    assert_eq!(machine.user(machine.sources(), "reg.io/app").await.as_deref(), Some("stored"));
    let (hub, _) = machine.login(machine.sources(), "alpine").await.unwrap();
    assert_eq!(hub.identitytoken.as_deref(), Some("t0ken"));
    assert_eq!(machine.user(machine.sources(), "other.io/app").await, None);
    assert!(machine.warnings().is_empty());
}

#[tokio::test]
async fn what_a_helper_does_not_have_is_looked_for_elsewhere() {
    let machine = Machine::new()
        .config(&json!({"credHelpers": {"reg.io/app": "fake"}}))
        .helper("fake", "echo credentials not found in native keychain; exit 1");
    let sources = Sources { job: vec![of_job("reg.io", "job")], ..machine.sources() };
    assert_eq!(machine.user(sources, "reg.io/app").await.as_deref(), Some("job"));
    assert!(machine.warnings().is_empty());
}

#[tokio::test]
async fn a_helper_that_fails_takes_its_source_out_and_is_told_without_its_output() {
    for (script, words) in [
        (
            "echo s3cret; echo s3cret >&2; exit 3",
            "docker-credential-fake get failed (exit status: 3)",
        ),
        ("echo s3cret", "docker-credential-fake get does not answer as a credential helper does"),
    ] {
        let machine = Machine::new()
            .config(&json!({
                "auths": {"reg.io": auth("file")},
                "credHelpers": {"reg.io/group": "fake"},
            }))
            .helper("fake", script);
        let sources = Sources { job: vec![of_job("reg.io", "job")], ..machine.sources() };
        assert_eq!(machine.user(sources, "reg.io/group/app").await.as_deref(), Some("job"));
        let [warning] = &machine.warnings()[..] else { panic!("{:?}", machine.warnings()) };
        assert!(warning.ends_with(words) && warning.contains("config.json"), "{warning}");
        assert!(!warning.contains("s3cret"), "{warning}");
    }
}

#[tokio::test]
async fn a_helper_that_takes_too_long_or_is_missing_is_told() {
    let machine = Machine::new()
        .config(&json!({"credHelpers": {"reg.io": "slow", "gone.io": "gone"}}))
        .helper("slow", "exec /bin/sleep 60");
    let mut sources = machine.sources();
    sources.helpers.timeout = Duration::from_millis(50);
    assert_eq!(machine.user(sources, "reg.io/app").await, None);
    assert_eq!(machine.user(machine.sources(), "gone.io/app").await, None);
    let warnings = machine.warnings();
    assert!(
        warnings[0].ends_with("docker-credential-slow get took longer than 50ms"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("docker-credential-gone cannot be started: "), "{warnings:?}");
}

#[tokio::test]
async fn a_malformed_config_is_told_by_its_place_only() {
    let machine = Machine::new().file(".docker/config.json", r#"{"auths": "s3cret"}"#);
    let bad = json!({"auths": {"reg.io": {"auth": "s3cret!"}}});
    let sources = Sources {
        auth_config: Some(secret(&bad)),
        job: vec![of_job("reg.io", "job")],
        ..machine.sources()
    };
    assert_eq!(machine.user(sources, "reg.io/app").await.as_deref(), Some("job"));
    let warnings = machine.warnings();
    assert_eq!(
        warnings[0],
        "Registry credentials from DOCKER_AUTH_CONFIG are left out: its \"auth\" for reg.io is not \
         the base64 of user:password"
    );
    assert!(
        warnings[1].ends_with("it is not a docker config: line 1, column 18 is not as expected"),
        "{warnings:?}"
    );
}

#[test]
fn a_helper_that_is_a_path_is_refused_as_its_writers() {
    for config in [json!({"credsStore": "../evil"}), json!({"credHelpers": {"reg.io": "/bin/sh"}})]
    {
        let sources = Sources { auth_config: Some(secret(&config)), ..Sources::default() };
        let failure = Registries::read(sources).unwrap_err();
        assert_eq!(failure.blame(), Blame::Job);
        assert!(failure.to_string().contains("which is no name"), "{failure}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let sources = Sources {
        auth_config: Some(secret(
            &json!({"auths": {"reg.io": auth("me"), "t.io": {"identitytoken": "s3cret"}}}),
        )),
        job: vec![of_job("reg.io", "job")],
        ..Sources::default()
    };
    assert!(!format!("{sources:?}").contains("s3cret"));
    let registries = Registries::read(sources).unwrap();
    assert!(!format!("{registries:?}").contains("s3cret"));
}
