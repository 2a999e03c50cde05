//! The generated scripts, under real shells.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use play::{Cancel, Dependency, Job, Outcome, Protocol, Shell, Sources, Variable};
use sha2::{Digest as _, Sha256};

use crate::world::World;

/// Plays `job` with scripts for `sh`, run by `shell`.
async fn play_in(world: &World, shell: &str, protocol: Protocol, job: &Job) -> Outcome {
    let mut runner = world.runner();
    runner.protocol = protocol;
    runner.shell = if shell == "bash" { Shell::Bash } else { Shell::Sh };
    let bin = world.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let link = bin.join("sh");
    let _ = fs::remove_file(&link);
    let target =
        if shell == "busybox" { "/usr/bin/busybox".into() } else { format!("/bin/{shell}") };
    symlink(target, &link).unwrap();
    world.driver("run", &format!("exec {} \"$1\"", link.display()));
    runner.play(job, &Cancel::default(), |_| {}).await
}

fn job() -> Job {
    Job::new("build")
        .variable(Variable::new("TEXT", "it's \"$5\" `x` \\ ü\n\tnext").raw())
        .variable(Variable::file("CA", "--- pem ---\nüß'\"$HOME\n"))
        .script([
            "printf '<%s>\\n' \"$TEXT\"",
            "cat \"$CA\"",
            "pwd",
            "if [ -n \"$GITLAB_ENV\" ]; then echo LATER=yes >> \"$GITLAB_ENV\"; fi",
        ])
        .after_script(["echo \"later is $LATER\"", "cat"])
}

#[tokio::test]
async fn values_survive_every_shell() {
    for (shell, posix, protocol) in [
        ("bash", false, Protocol::V19),
        ("bash", true, Protocol::V19),
        ("bash", false, Protocol::V14_7),
        ("busybox", false, Protocol::V19),
        ("dash", true, Protocol::V19),
    ] {
        let world = World::new();
        let flag = Variable::new("FF_POSIXLY_CORRECT_ESCAPES", posix.to_string());
        let outcome = play_in(&world, shell, protocol, &job().variable(flag)).await;
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{shell}: {log}");
        for expected in [
            "<it's \"$5\" `x` \\ ü\n\tnext>\n".to_owned(),
            "--- pem ---\nüß'\"$HOME\n".to_owned(),
            world.path("builds/group/app").display().to_string(),
            format!("later is {}\n", if protocol == Protocol::V19 { "yes" } else { "" }),
        ] {
            assert!(log.contains(&expected), "{shell}: {expected:?} not in {log}");
        }
    }
}

#[tokio::test]
async fn the_first_failing_command_ends_the_script_in_every_shell() {
    for shell in ["bash", "busybox"] {
        let world = World::new();
        let job = Job::new("build").script(["echo before", "false", "echo be''hind"]);
        let log = play_in(&world, shell, Protocol::V19, &job).await.log_text();
        assert!(log.contains("before\n") && !log.contains("behind"), "{shell}: {log}");
    }
}

#[tokio::test]
async fn a_failure_inside_a_pipe_counts_under_bash() {
    let world = World::new();
    let outcome = world.play(&Job::new("build").script(["false | true"])).await;
    assert_eq!(outcome.status, play::Status::ScriptFailure(1));
}

fn git(dir: &Path, args: &[&str]) {
    let run = Command::new("git")
        .current_dir(dir)
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(run.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&run.stderr));
}

fn repository(world: &World) -> std::path::PathBuf {
    let source = world.path("source tree");
    fs::create_dir(&source).unwrap();
    git(&source, &["init", "-q"]);
    for (name, text) in
        [("kept", "1"), ("changed", "1"), ("gone", "1"), (".gitignore", "ignored\n")]
    {
        fs::write(source.join(name), text).unwrap();
    }
    git(&source, &["add", "."]);
    git(&source, &["commit", "-q", "-m", "first"]);
    fs::write(source.join("changed"), "2").unwrap();
    fs::write(source.join("new file"), "2").unwrap();
    fs::write(source.join("ignored"), "2").unwrap();
    fs::remove_file(source.join("gone")).unwrap();
    source
}

#[tokio::test]
async fn the_working_tree_is_copied_as_it_is_now() {
    let world = World::new();
    let source = repository(&world);
    let job = Job::new("build").sources(Sources::WorkingTree(source)).script([
        "ls",
        "cat changed; echo",
        "git status --short",
        "git log --format=%s",
    ]);
    let outcome = world.play(&job).await;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    assert!(log.contains("changed\nkept\nnew file\n"), "{log}");
    assert!(
        log.contains("\n2\n") && log.contains(" M changed\n D gone\n?? \"new file\"\n"),
        "{log}"
    );
    assert!(log.contains("\nfirst\n"), "{log}");
}

/// More than one script carries at once, and of bytes that no shell would let through.
#[tokio::test]
async fn a_large_working_tree_comes_whole_in_several_scripts() {
    for shell in ["bash", "busybox"] {
        let world = World::new();
        let source = world.path("large");
        fs::create_dir(&source).unwrap();
        let bytes: Vec<u8> =
            (0..160_000_u32).flat_map(|n| Sha256::digest(n.to_le_bytes())).collect();
        fs::write(source.join("random"), &bytes).unwrap();
        let job = Job::new("build")
            .sources(Sources::WorkingTree(source))
            .script(["cat random > \"$CI_BUILDS_DIR/../found\"", "stat -c %a random"]);
        let outcome = play_in(&world, shell, Protocol::V19, &job).await;
        assert!(outcome.is_success(), "{shell}: {}", outcome.log_text());
        assert!(fs::read(world.path("found")).unwrap() == bytes, "{shell}");
        assert!(outcome.log_text().contains("\n644\n"), "{}", outcome.log_text());
        let scripts = outcome.stage_names().iter().filter(|name| **name == "get_sources").count();
        assert_eq!(scripts, 2, "{shell}");
        let left = fs::read_dir(world.path("builds/group/app.tmp")).unwrap().count();
        assert_eq!(left, 0, "{shell}");
    }
}

#[tokio::test]
async fn of_a_repository_come_as_many_commits_as_the_depth_says() {
    let world = World::new();
    let source = repository(&world);
    git(&source, &["commit", "-q", "-a", "-m", "second"]);
    for (depth, expected) in [(0, "2\n"), (1, "1\n")] {
        let mut job = Job::new("build")
            .sources(Sources::WorkingTree(source.clone()))
            .script(["git rev-list --count HEAD"]);
        job.git.depth = depth;
        let log = world.play(&job).await.log_text();
        assert!(log.contains(&format!("HEAD\x1b[0;m\n{expected}")), "{depth}: {log}");
    }
}

#[tokio::test]
async fn a_working_tree_that_cannot_be_read_is_the_systems_failure() {
    let world = World::new();
    let job = Job::new("build").sources(Sources::WorkingTree(world.path("nowhere")));
    let outcome = world.play(&job).await;
    assert_eq!(outcome.status, play::Status::SystemFailure);
    let log = outcome.log_text();
    assert!(log.contains("cannot pack the working tree") && log.contains("nowhere"), "{log}");
}

#[tokio::test]
async fn a_directory_without_git_is_copied_whole() {
    let world = World::new();
    fs::create_dir_all(world.path("plain/sub")).unwrap();
    fs::write(world.path("plain/sub/file"), "deep").unwrap();
    let job = Job::new("build")
        .sources(Sources::WorkingTree(world.path("plain")))
        .script(["cat sub/file"]);
    let log = world.play(&job).await.log_text();
    assert!(log.contains("deep"), "{log}");
}

#[tokio::test]
async fn a_repository_is_fetched_and_checked_out_and_the_stage_can_be_repeated() {
    let world = World::new();
    let source = repository(&world);
    let job = Job::new("build")
        .sources(Sources::Clone { url: source.display().to_string() })
        .script(["cat changed", "git log --format=%s"]);
    for _ in 0..2 {
        let outcome = world.play(&job).await;
        let log = outcome.log_text();
        assert!(outcome.is_success(), "{log}");
        assert!(log.contains("\n1") && log.contains("first\n"), "{log}");
    }
}

/// A `gitlab-runner` that notes what it was called with and, for the archive of a cache, with which
/// variables.
const NOTING: &str = r#"[ "$1" = --version ] && exit
echo "$*" >>"$WORLD/asked"
[ "$1" = cache-archiver ] && [ $# -gt 8 ] && cat "${@: -1}" >>"$WORLD/asked"
exit 0"#;

async fn asked_of_the_runner(protocol: Protocol) -> String {
    let world = World::new();
    world.driver("gitlab-runner", NOTING);
    world.driver("run", r#"PATH="$WORLD:$PATH" bash "$1""#);
    let mut runner = world.runner();
    runner.protocol = protocol;
    let job = Job::new("build")
        .script(["true"])
        .cache("$CI_COMMIT_REF_SLUG", "warm/")
        .artifact("out/")
        .dependency(Dependency {
            id: 7,
            name: "earlier".into(),
            file_name: "a.zip".into(),
            size: 1,
        });
    let outcome = runner.play(&job, &Cancel::default(), |_| {}).await;
    assert!(outcome.is_success(), "{}", outcome.log_text());
    let log = outcome.log_text();
    for told in ["Successfully extracted cache", "Created cache", "Uploading artifacts..."] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
    world.read("asked").replace(&world.path("").display().to_string(), "/")
}

#[tokio::test]
async fn caches_and_artifacts_are_moved_by_the_runner_that_the_script_finds() {
    let server = "--url https://gitlab.example.com --token played-job-token";
    assert_eq!(
        asked_of_the_runner(Protocol::V14_7).await,
        format!(
            "cache-extractor --file ../../../cache/group/app/main/cache.zip --timeout 10\n\
             artifacts-downloader {server} --id 7\n\
             cache-archiver --file ../../../cache/group/app/main/cache.zip --timeout 10 \
             --path warm/\n\
             artifacts-uploader {server} --id 4242 --path out/ \
             --artifact-format zip --artifact-type archive\n"
        )
    );
    let hashed = "0d6e4079e36703ebd37c00722f5891d28b0e2811dc114b129215123adcce3605";
    assert_eq!(
        asked_of_the_runner(Protocol::V19).await,
        format!(
            "cache-extractor --file ../../../cache/group/app/main/cache.zip --timeout 10\n\
             artifacts-downloader {server} --id 7\n\
             cache-archiver --file ../../../cache/group/app/main/cache.zip \
             --alternate-file ../../../cache/group/app/{hashed}/cache.zip --timeout 10 \
             --path warm/ --env-file /builds/group/app.tmp/gitlab_runner_cache_env\n\
             CACHE_METADATA=\"{{\\\"cachekey\\\":\\\"main\\\"}}\"\n\
             artifacts-uploader {server} --id 4242 \
             --timeout 1h0m0s --response-header-timeout 10m0s --path out/ \
             --artifact-format zip --artifact-type archive\n"
        )
    );
}
