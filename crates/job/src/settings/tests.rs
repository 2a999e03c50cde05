mod engine;
mod rollout;

use super::*;

fn parse(text: &str) -> Result<Settings> {
    Settings::parse(text, Path::new("settings.toml"))
}

fn mistakes(text: &str) -> String {
    parse(text).expect_err("the settings have mistakes").render()
}

#[test]
fn an_empty_file_is_the_default_profile() {
    let settings = parse("").unwrap();
    assert_eq!(settings.profile("default").unwrap(), Profile::default());
    assert_eq!(settings.diagnostics, Diagnostics::default());
}

#[test]
fn every_key_is_read() {
    let settings = parse(
        r#"
        [diagnostics]
        level = "debug"
        file = "/var/log/swarm-executor.json"

        [profile.production]
        placement = "host"
        shell = "sh"
        docker_access = "gateway"
        builds_dir = "/srv/builds"
        cache_dir = "/srv/cache"
        keep_build_dir = true
        stop_grace = "1m 30s"

        [profile.production.cluster]
        endpoint = "tcp://10.0.0.1:2376"
        endpoint_variable = "WHERE"
        connect_timeout = "3s"

        [profile.production.credentials]
        command = ["/usr/bin/vault", "read"]
        command_timeout = "4s"
        expiry_warning = "30d"
        "#,
    )
    .unwrap();
    let profile = settings.profile("production").unwrap();
    assert_eq!(
        settings.diagnostics.destination,
        Destination::File("/var/log/swarm-executor.json".into())
    );
    assert_eq!(profile.shell, Shell::Sh);
    assert_eq!(profile.stop_grace, Duration::from_secs(90));
    assert!(profile.keep_build_dir);
    assert_eq!(profile.cluster.connect_timeout, Duration::from_secs(3));
    assert_eq!(profile.credentials.expiry_warning, 30 * DAY);
    assert_eq!(
        profile.credentials.source,
        CredentialSource::Command {
            argv: vec!["/usr/bin/vault".into(), "read".into()],
            timeout: Duration::from_secs(4)
        }
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = mistakes(
        "[diagnostics]\nlevl = \"info\"\n\n[profile.a]\nshell = \"zsh\"\nstop_grace = \"soon\"\n\
         builds_dir = \"builds\"\n[profile.b]\ndocker_access = 7\n",
    );
    let expected = "the settings settings.toml have 5 mistakes:\n  \
        line 2: unknown key `levl`; did you mean `level`?\n  \
        line 5: \"zsh\" is not one of \"bash\", \"sh\"\n  \
        line 6: `stop_grace` must be a time such as \"10s\", \"5m\" or \"14d\"\n  \
        line 7: the path must be absolute\n  \
        line 9: expected a word in quotes, found integer\n  \
        hint: settings.toml.example, which comes with the sources of this program, shows \
        every key; the next job reads the file anew";
    assert_eq!(text, expected);
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let text = mistakes("[profile.a]\nshell = bash\n");
    assert!(text.contains("line 2: not TOML"), "{text}");
}

#[test]
fn credentials_of_the_machine_need_the_profiles_own_endpoint() {
    let text = mistakes("[profile.a.credentials]\ndirectory = \"/etc/certs\"\n");
    assert!(text.contains("need `endpoint`"), "{text}");
}

#[test]
fn credentials_of_the_machine_are_never_handed_to_the_job() {
    let text = mistakes(
        "[profile.a]\ndocker_access = \"certificates\"\n\
         cluster.endpoint = \"tcp://10.0.0.1:2376\"\ncredentials.directory = \"/etc/certs\"\n",
    );
    assert!(text.contains("line 2: docker_access = \"certificates\" would hand"), "{text}");
}

#[test]
fn an_unknown_profile_names_the_known_ones() {
    let settings = parse("[profile.staging]\n[profile.production]\n").unwrap();
    let text = settings.profile("prod").unwrap_err().render();
    assert!(text.contains("no profile \"prod\"") && text.contains("production, staging"), "{text}");
    assert!(settings.profile("default").is_err(), "a file with profiles has no unwritten one");
}

#[test]
fn a_missing_file_is_a_mistake_only_when_it_was_asked_for() {
    let failure = Settings::load(Some(Path::new("/nowhere/settings.toml"))).unwrap_err();
    assert_eq!(failure.blame(), crate::Blame::System);
    assert!(failure.render().contains("/nowhere/settings.toml"));
}

#[test]
fn a_key_that_is_wrong_hides_no_other_and_invents_none() {
    let text = mistakes(
        "[profile.a]\ncredentials.directory = \"/etc/certs\"\n[profile.a.cluster]\n\
         endpoint = \"tcp://10.0.0.1:2376\"\nconect_timeout = \"3s\"\n",
    );
    assert!(text.contains("line 5: unknown key `conect_timeout`"), "{text}");
    assert!(text.contains("have a mistake"), "{text}");
}

#[test]
fn a_time_is_longer_than_none_and_shorter_than_for_ever() {
    for time in ["0s", "200000years", "-5s", "5"] {
        let text = mistakes(&format!("[profile.a]\nstop_grace = \"{time}\"\n"));
        assert!(text.contains("line 2: `stop_grace` must be a time"), "{time}: {text}");
    }
}

#[test]
fn a_timeout_without_its_command_is_a_mistake() {
    let text = mistakes("[profile.a.credentials]\ncommand_timeout = \"5s\"\n");
    assert!(text.contains("line 2: `command_timeout` is of use with `command` only"), "{text}");
}

#[test]
fn the_journal_can_be_asked_for_and_refused() {
    let destination = |text| parse(text).unwrap().diagnostics.destination;
    assert_eq!(destination(""), Destination::Automatic);
    assert_eq!(destination("diagnostics.journald = true"), Destination::Journald);
    assert_eq!(destination("diagnostics.journald = false"), Destination::Nowhere);
}

#[test]
fn the_example_file_is_as_it_should_be() {
    let settings = parse(include_str!("../../../../settings.toml.example")).unwrap();
    for profile in ["whoami", "production", "builds"] {
        assert!(settings.profile(profile).is_ok(), "{profile}");
    }
}
