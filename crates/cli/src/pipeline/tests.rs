use super::*;

fn planned(text: &str) -> Plan {
    plan(text, "job").unwrap()
}

fn refused(text: &str, name: &str) -> String {
    plan(text, name).unwrap_err().render()
}

#[test]
fn the_articles_job_is_understood() {
    let plan = plan(
        "
image: docker:19.03.0
variables:
  DOCKER_DRIVER: overlay2
  DOCKER_TLS_CERTDIR: \"\"
services:
  - docker:19.03.0-dind
stages:
  - Deploy image
docker deploy:
  stage: Deploy image
  only:
    - master
  script:
    - export DOCKER_HOST=\"$DOCKER_SWARM_MASTER\"
    - docker stack deploy -c production.yml whoami
",
        "docker deploy",
    )
    .unwrap();
    assert_eq!(plan.stage, "Deploy image");
    assert_eq!(plan.image.unwrap().name, "docker:19.03.0");
    assert_eq!(plan.services[0].image.name, "docker:19.03.0-dind");
    assert_eq!(plan.script[1], "docker stack deploy -c production.yml whoami");
    let variables: Vec<_> =
        plan.variables.iter().map(|v| (v.key.as_str(), v.value.as_str())).collect();
    assert_eq!(variables, [("DOCKER_DRIVER", "overlay2"), ("DOCKER_TLS_CERTDIR", "")]);
    assert_eq!(plan.notes, ["`only` is not acted on by try: the job runs anyway"]);
}

#[test]
fn scripts_are_joined_and_flattened_through_anchors() {
    let plan = planned(
        "
.shared: &shared
  - echo a
  - - echo b
default:
  before_script: [echo first]
job:
  script:
    - *shared
    - |
      echo c
      echo d
  after_script: echo last
",
    );
    assert_eq!(plan.script, ["echo first", "echo a", "echo b", "echo c\necho d\n"]);
    assert_eq!(plan.after_script, ["echo last"]);
}

#[test]
fn merge_keys_lay_the_job_over_what_they_name() {
    let plan = planned(
        "
.base: &base
  image: alpine
  variables: {A: base}
.more: &more {after_script: [echo more]}
job:
  <<: [*base, *more]
  variables: {B: own}
  script: [true]
",
    );
    assert_eq!(plan.image.unwrap().name, "alpine");
    assert_eq!(plan.after_script, ["echo more"]);
    assert_eq!(plan.variables, [Variable::new("B", "own")]);
    assert_eq!(plan.script, ["true"]);
}

#[test]
fn extends_merges_maps_and_replaces_lists() {
    let plan = planned(
        "
.root: {variables: {A: root, B: root}, script: [echo root]}
.base: {extends: .root, variables: {B: base}, image: base}
.other: {image: {name: other, entrypoint: [\"\"]}}
job:
  extends: [.base, .other]
  script: [echo own]
",
    );
    assert_eq!(plan.variables, [Variable::new("A", "root"), Variable::new("B", "base")]);
    assert_eq!(plan.script, ["echo own"]);
    let image = plan.image.unwrap();
    assert_eq!((image.name.as_str(), image.entrypoint.len()), ("other", 1));
}

#[test]
fn references_are_followed() {
    let plan = planned(
        "
.setup: {script: [echo setup, !reference [.deep, script]]}
.deep: {script: [echo deep]}
.vars: {variables: {URL: https://example.com}}
job:
  variables: {URL: !reference [.vars, variables, URL]}
  script: [!reference [.setup, script], echo own]
",
    );
    assert_eq!(plan.script, ["echo setup", "echo deep", "echo own"]);
    assert_eq!(plan.variables[0].value, "https://example.com");
}

#[test]
fn variables_come_in_every_form() {
    let plan = planned(
        "
variables:
  GLOBAL: {value: g, description: said}
  SHARED: global
job:
  variables: {SHARED: own, NUMBER: 42, TRUTH: true, RAW: {value: $X, expand: false}, EMPTY: }
  script: [true]
",
    );
    let last = |key: &str| plan.variables.iter().rev().find(|v| v.key == key).unwrap().clone();
    for (key, value) in
        [("GLOBAL", "g"), ("SHARED", "own"), ("NUMBER", "42"), ("TRUTH", "true"), ("EMPTY", "")]
    {
        assert_eq!(last(key).value, value, "{key}");
    }
    assert!(last("RAW").raw && !last("SHARED").raw);
}

#[test]
fn services_come_in_every_form() {
    let plan = planned(
        "
job:
  services:
    - redis
    - name: postgres:16
      alias: db,database
      entrypoint: [/start]
      command: [--fast, \"1\"]
      variables: {PGDATA: /data}
      pull_policy: if-not-present
  script: [true]
",
    );
    let service = &plan.services[1];
    assert_eq!(plan.services[0].image.name, "redis");
    assert_eq!(service.aliases, ["db", "database"]);
    assert_eq!(service.image.entrypoint, ["/start"]);
    assert_eq!(service.image.pull_policy, ["if-not-present"]);
    assert_eq!(service.command, ["--fast", "1"]);
    assert_eq!(service.variables, [Variable::new("PGDATA", "/data")]);
}

#[test]
fn inherit_keeps_defaults_and_variables_away() {
    let plan = planned(
        "
default: {image: alpine, before_script: [echo default], retry: 2}
variables: {A: a, B: b}
job:
  inherit: {default: [image], variables: [B]}
  script: [true]
",
    );
    assert_eq!(plan.image.unwrap().name, "alpine");
    assert_eq!(plan.script, ["true"]);
    assert_eq!(plan.variables, [Variable::new("B", "b")]);
    assert_eq!(plan.notes, Vec::<String>::new());
}

#[test]
fn every_keyword_that_is_not_acted_on_is_named_once() {
    let plan = planned(
        "
workflow: {rules: []}
default: {retry: 2, tags: [x]}
job: {script: [true], tags: [y], needs: [], artifacts: {paths: [x]}}
",
    );
    let named: Vec<&str> = plan.notes.iter().filter_map(|note| note.split('`').nth(1)).collect();
    assert_eq!(named, ["workflow", "tags", "needs", "artifacts", "retry"]);
}

#[test]
fn mistakes_are_named_with_place_and_remedy() {
    for (text, expected) in [
        (
            "job: {script: [x], scirpt: [y]}",
            "`scirpt` in job `job` is no keyword of GitLab's\n  hint: did you mean `script`?",
        ),
        (
            "job:\n  script: [x]\n  image: [a]",
            "line 3, column 10: `image` must be a text or a map, and this is a list",
        ),
        (
            "job:\n  script:\n    - echo a: b",
            "line 3, column 7: `script` must be a list of commands, and this is a map\n  hint: a command with `: ` in it must be quoted",
        ),
        (
            "job: {script: [x], extends: .no}",
            "`job` extends `.no`, which this file does not define",
        ),
        ("include: x.yml\njob: {script: [x], extends: .no}", "`include` is not acted on by try"),
        (
            "job: {script: [!reference [.no, script]]}",
            "`!reference [.no, script]` leads nowhere in this file",
        ),
        ("job: {extends: job, script: [x]}", "`extends` goes round in circles"),
        ("job: {script: [!reference [job, script]]}", "`!reference` goes round in circles"),
        (
            "job: {trigger: other/project}",
            "job `job` has no `script`\n  hint: try plays scripts only, and it has `trigger`",
        ),
        (
            "stages: [a]\njob: {stage: b, script: [x]}",
            "the stage `b` of job `job` is not in `stages`",
        ),
        ("job: [x]", "`job` is not a job: a map was expected"),
        ("- a", "line 1, column 1: a map of jobs was expected, and this is a list"),
        ("", "the file is empty"),
    ] {
        let message = refused(text, "job");
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}

#[test]
fn broken_yaml_is_placed_by_line_and_column() {
    let message = refused("job:\n  script: [x\nother: y\n", "job");
    assert!(message.starts_with("the file is not valid YAML: "), "{message}");
    assert!(message.contains("line 3") && message.contains("column"), "{message}");
}

#[test]
fn an_unknown_job_is_answered_with_those_there_are() {
    let text = "default: {}\n.hidden: {script: [x]}\nbuild: {script: [x]}\ndeploy: {script: [x]}\n";
    let message = refused(text, "deplyo");
    assert_eq!(
        message,
        "there is no job `deplyo` in this file\n  hint: did you mean `deploy`?\n  hint: its jobs are: build, deploy"
    );
    assert!(!refused(text, "zzz").contains("did you mean"));
    assert!(refused(text, "default").contains("there is no job `default`"));
}
