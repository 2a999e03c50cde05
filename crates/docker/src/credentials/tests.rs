use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use job::ExposeSecret;

use super::*;
use crate::certificates_directory;
use crate::mint::{self, Authority, Pair};

fn variables(found: &[(&str, &str)]) -> Result<Credentials> {
    Credentials::from_variables(&VariableNames::default(), |name| {
        found.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    })
}

fn minted() -> (Authority, Pair) {
    let ca = Authority::new("ca");
    let client = ca.client();
    (ca, client)
}

#[test]
fn variables_become_credentials_with_canonical_text() {
    let (ca, client) = minted();
    let mangled = client.key_text.expose_secret().replace('\n', "\\n");
    let credentials = variables(&[
        ("DOCKER_MACHINE_CA", &ca.text()),
        ("DOCKER_MACHINE_CLIENT_CERT", &client.certificate_text),
        ("DOCKER_MACHINE_CLIENT_KEY", &mangled),
    ])
    .unwrap();
    assert_eq!(credentials.ca(), [ca.certificate()]);
    assert_eq!(credentials.chain(), [client.certificate]);
    assert_eq!(credentials.text(Part::Key).expose_secret(), client.key_text.expose_secret());
    assert_eq!(credentials.text(Part::Ca).expose_secret(), ca.text());
}

#[test]
fn everything_wrong_with_the_variables_is_told_at_once() {
    let (ca, _) = minted();
    let failure = variables(&[
        ("DOCKER_MACHINE_CLIENT_CERT", "/home/ci/cert.pem"),
        ("DOCKER_MACHINE_CLIENT_KEY", &ca.text()),
    ])
    .unwrap_err();
    assert_eq!(failure.blame(), Blame::Job);
    assert_eq!(
        failure.to_string(),
        "DOCKER_MACHINE_CA (CA certificate) is missing\n\
         DOCKER_MACHINE_CLIENT_CERT (client certificate) holds the path of a file instead of its content\n\
         DOCKER_MACHINE_CLIENT_KEY (client key) holds a certificate where a private key is expected"
    );
    let told = failure.render();
    assert!(told.contains("Settings > CI/CD > Variables"), "{told}");
    assert!(told.contains("protected branches"), "{told}");
    assert!(!told.contains("/home/ci"), "{told}");
}

#[test]
fn a_missing_variable_is_told_with_what_it_holds_and_where_to_add_it() {
    let failure = missing_variable("DOCKER_SWARM_MASTER", "the cluster's address");
    assert_eq!(failure.blame(), Blame::Job);
    assert_eq!(failure.to_string(), "DOCKER_SWARM_MASTER (the cluster's address) is missing");
    assert_eq!(failure.hints(), variables::WHERE_TO_ADD);
}

#[test]
fn neither_errors_nor_debug_output_hold_any_of_the_key() {
    let (ca, client) = minted();
    let key = client.key_text.expose_secret();
    let line = key.lines().nth(1).unwrap();
    let credentials = mint::credentials(&ca, &client);
    assert!(!format!("{credentials:?}").contains(line));
    let cut = &key[..key.len() - 40];
    let found = [("DOCKER_MACHINE_CLIENT_KEY", cut)];
    let failure = variables(&found).unwrap_err();
    assert!(!failure.render().contains(&line[..8]));
    assert!(!format!("{failure:?}").contains(&line[..8]));
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let (ca, client) = minted();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("certs");
    certificates_directory::write(&path, &mint::credentials(&ca, &client)).unwrap();
    (root, path)
}

#[test]
fn a_directory_becomes_credentials() {
    let (_root, path) = directory();
    let credentials = Credentials::from_directory(&path).unwrap();
    assert_eq!(credentials.origin(), &Origin::Directory(path));
    assert!(credentials.warnings().is_empty());
}

#[test]
fn a_key_open_to_everyone_makes_a_warning() {
    let (_root, path) = directory();
    let key = path.join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let credentials = Credentials::from_directory(&path).unwrap();
    assert_eq!(credentials.warnings().len(), 1);
    assert!(credentials.warnings()[0].contains("chmod 0600"));
}

#[test]
fn files_that_are_missing_are_the_systems_and_told_by_path() {
    let failure = Credentials::from_directory(Path::new("/nonexistent/certs")).unwrap_err();
    assert_eq!(failure.blame(), Blame::System);
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        assert!(failure.to_string().contains(&format!("/nonexistent/certs/{file} (")), "{failure}");
    }
}

/// A shell stands for whatever fetches secrets.
fn command(script: &str) -> Command {
    Command {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: Vec::new(),
        timeout: Duration::from_secs(10),
    }
}

/// A file that a command can print, and the key in it.
fn printable(directory: &Path) -> (String, String) {
    let text = |part: Part| std::fs::read_to_string(directory.join(part.file_name())).unwrap();
    let [ca, cert, key] = Part::ALL.map(text);
    let printed = serde_json::json!({ "ca": ca, "cert": cert, "key": key, "lease": 3600 });
    let file = directory.join("printed.json");
    std::fs::write(&file, printed.to_string()).unwrap();
    (file.display().to_string(), key)
}

#[tokio::test]
async fn a_command_becomes_credentials_whatever_else_it_prints() {
    let (_root, path) = directory();
    let (file, key) = printable(&path);
    let much = "head -c 1000000 /dev/zero | tr '\\0' x >&2";
    let command = command(&format!("{much} && cat {file}"));
    let credentials = Credentials::from_command(&command).await.unwrap();
    assert_eq!(credentials.origin(), &Origin::Command("/bin/sh".into()));
    assert_eq!(credentials.text(Part::Key).expose_secret(), key);
}

#[tokio::test]
async fn a_daemon_that_a_command_starts_is_not_waited_for() {
    let (_root, path) = directory();
    let (file, _) = printable(&path);
    let end = fifo(&path);
    let daemon = format!("setsid sh -c 'read line <{}' &", end.display());
    Credentials::from_command(&command(&format!("{daemon} cat {file}"))).await.unwrap();
    std::fs::write(end, "end\n").unwrap();
}

fn fifo(directory: &Path) -> PathBuf {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let path = directory.join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path
}

async fn told_of(command: &Command) -> String {
    let failure = Credentials::from_command(command).await.unwrap_err();
    assert_eq!(failure.blame(), Blame::System);
    failure.render()
}

#[tokio::test]
async fn what_a_command_that_fails_wrote_is_for_the_operator_only() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let diagnostics =
        tracing_subscriber::fmt().with_writer(Mutex::new(log.reopen().unwrap())).finish();
    let _operator = tracing::subscriber::set_default(diagnostics);
    let told = told_of(&command("echo sealed-key; echo 'vault is sealed' >&2; exit 3")).await;
    assert_eq!(
        told,
        "the credentials command /bin/sh failed (exit status: 3)\n  hint: run it by hand as \
         gitlab-runner's user; what it wrote to stderr is in the operator's diagnostics"
    );
    let diagnostics = std::fs::read_to_string(log.path()).unwrap();
    assert!(diagnostics.contains("vault is sealed"), "{diagnostics}");
    assert!(!diagnostics.contains("sealed-key"), "{diagnostics}");
}

#[tokio::test]
async fn a_command_that_prints_something_else_is_told_without_its_output() {
    let told = told_of(&command(r#"echo '{"ca": 1234567}'"#)).await;
    assert!(told.contains("does not print what is expected (line 1, column "), "{told}");
    assert!(!told.contains("1234567"), "{told}");
    let told = told_of(&command("echo '{}'")).await;
    assert!(told.contains("\"key\" from /bin/sh (client key) is missing"), "{told}");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let root = tempfile::tempdir().unwrap();
    let fifo = fifo(root.path());
    let mut hanging = command(&format!("sleep 600 >{} & wait", fifo.display()));
    hanging.timeout = Duration::from_millis(500);
    // The end of file comes when nobody is left that could write.
    let left = tokio::task::spawn_blocking(|| std::fs::read(fifo));
    let told = told_of(&hanging).await;
    assert!(told.contains("took longer than 500ms\n  hint: run it by hand"), "{told}");
    assert!(told.contains("raise command_timeout"), "{told}");
    assert_eq!(left.await.unwrap().unwrap(), b"");
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_told_by_name() {
    let mut missing = command("");
    missing.program = "/nonexistent/vault".into();
    assert!(
        told_of(&missing).await.starts_with(
            "the credentials command /nonexistent/vault cannot be started: No such file"
        )
    );
}
