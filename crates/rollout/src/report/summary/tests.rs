use super::*;
use crate::record::Explanation;
use crate::report::sample;
use crate::snapshot::TaskState;
use crate::verdict::TaskFailure;

fn text(record: &Record) -> String {
    summary(record).iter().flat_map(|line| [line.text().to_owned(), "\n".to_owned()]).collect()
}

#[test]
fn the_end_of_the_log_after_a_failure() {
    assert_eq!(
        text(&sample::failed()),
        "\
SERVICE       ASKED    IMAGE                                 REPLICAS     VERDICT        TIME
whoami_hello  updated  registry.example.com/whoami:1 → :2    0/3          ✗ rolled back  24.5s
whoami_redis  updated  redis:7@aaaaaaaaaaaa → @bbbbbbbbbbbb  3/3 (was 1)  ✓ running      9.1s
whoami_agent  created  agent:5                               2/2          – superseded   3.0s
The swarm took the update of whoami_hello back, the previous version runs again: update rolled back \
due to failure or early termination of task t-new-1.
  slot 1 on worker1 failed with exit code 1: task: non-zero exit (1): dockerexec: unhealthy container
    health check, exit code 1: curl: (7) Failed to connect
    log: starting
    log: listening on :8000
    log: database <db> & cache: not reachable
    the same: slot 2 on worker2
  hint: the health check asks port 80, the service listens on 8000
Somebody else updated whoami_agent before this rollout had ended; how it would have ended is not known.
Probe of http://whoami.example.com/: 600 requests, 5 failed (4 of 300 on fresh connections, 1 of 300 \
on kept ones); longest gap 1.3s
  2.6s to 3.9s: 5 failed, 503 Service Unavailable; meanwhile whoami_hello slot 1: old task on worker1 \
shut down, new task on worker1 pulling its image
Advice, so that the next deploy drops no requests:
  healthcheck (whoami_hello, whoami_redis): without a health check requests reach a task before it \
listens
      healthcheck:
        test: curl --fail http://localhost:8000/
        interval: 5s
"
    );
}

#[test]
fn what_a_task_printed_is_told_though_another_one_is_stuck() {
    let mut record = sample::failed();
    let explanations = &mut record.rollouts[0].explanations;
    let stuck = TaskFailure {
        state: TaskState::Preparing,
        error: None,
        exit_code: None,
        ..sample::failure("t-stuck", 3)
    };
    let (log, health, hints) = (Vec::new(), Vec::new(), Vec::new());
    explanations.insert(0, Explanation { failure: stuck, node: None, log, health, hints });
    let text = text(&record);
    for words in [
        " is getting its image\n",
        "\n    health check, exit code 1: curl: (7) Failed to connect\n",
        "\n    log: listening on :8000\n",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn the_end_of_the_log_when_all_is_well() {
    let mut record = sample::failed();
    record.rollouts.remove(2);
    record.rollouts.remove(0);
    record.advice.clear();
    let probed = record.probe.as_mut().unwrap();
    (probed.fresh.failed, probed.kept.failed) = (0, 0);
    probed.outages.clear();
    assert_eq!(
        text(&record),
        "\
SERVICE       ASKED    IMAGE                                 REPLICAS     VERDICT    TIME
whoami_redis  updated  redis:7@aaaaaaaaaaaa → @bbbbbbbbbbbb  3/3 (was 1)  ✓ running  9.1s
Probe of http://whoami.example.com/: 600 requests, none failed; longest gap 1.3s
"
    );
}

#[test]
fn much_advice_is_told_in_two_lines_each_and_then_counted() {
    let mut record = sample::failed();
    let one = record.advice[0].clone();
    record.advice = (0..20)
        .map(|number| {
            let mut advice = one.clone();
            advice.reason = format!("reason {number}");
            advice
        })
        .collect();
    let lines = advice::lines(&record.advice, 6);
    let lines: Vec<_> = lines.iter().map(Line::text).collect();
    assert_eq!(
        lines,
        [
            "Advice, so that the next deploy drops no requests:",
            "  healthcheck (whoami_hello): reason 0",
            "      healthcheck: › test: curl --fail http://localhost:8000/ › interval: 5s",
            "  healthcheck (whoami_hello): reason 1",
            "      healthcheck: › test: curl --fail http://localhost:8000/ › interval: 5s",
            "  and 18 more, see rollout.html",
        ]
    );
}

#[test]
fn one_service_has_at_most_twelve_lines_whatever_failed() {
    let mut rollout = sample::failed().rollouts.remove(0);
    for kinds in [1, 2, 5, 50] {
        rollout.explanations = (0..kinds)
            .map(|number| {
                let mut explanation = sample::failed().rollouts[0].explanations[0].clone();
                explanation.failure = sample::failure(&format!("t{number}"), 1);
                explanation.failure.exit_code = Some(number);
                explanation.log = vec!["line".to_owned(); 100];
                explanation.hints = vec![format!("hint {number}")];
                explanation
            })
            .collect();
        let lines = explain::lines(&rollout);
        assert!(lines.len() <= explain::MOST_LINES, "{kinds}: {}", lines.len());
        let told =
            lines.iter().filter(|line| line.text().contains("failed with exit code")).count();
        assert!(told >= usize::try_from(kinds).unwrap().min(2), "{lines:#?}");
    }
}

#[test]
fn a_hundred_failures_don_t_flood_the_log() {
    let mut record = sample::failed();
    let one = record.rollouts[0].clone();
    record.rollouts = vec![one; 100];
    let lines = summary(&record);
    assert!(lines.len() < 125, "{}", lines.len());
    assert!(lines.iter().any(|line| line.text() == "and 85 more, see rollout.html"));
}
