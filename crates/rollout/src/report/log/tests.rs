use super::*;
use crate::report::sample::{progress, seconds, verdict};
use crate::report::{sample, section, summary};
use crate::verdict::Reason;

fn expectation(name: &str) -> Expectation {
    Expectation {
        id: format!("id-{name}"),
        name: name.to_owned(),
        stack: None,
        deed: Deed::Updated,
        before: None,
        after: None,
    }
}

fn log(names: &[&str]) -> LogLines {
    let expectations: Vec<_> = names.iter().map(|name| expectation(name)).collect();
    LogLines::new(&expectations, Masker::default())
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(Line::text).collect()
}

#[test]
fn what_is_held_back_is_told_when_it_is_due_and_nothing_twice() {
    let mut log = log(&["web"]);
    let mut told = Vec::new();
    let mut step = |at: f64, reached: Option<u64>| {
        if let Some(reached) = reached {
            log.note("id-web", &progress(reached, 3));
        }
        let lines = log.due(seconds(at));
        told.extend(lines.iter().map(|line| format!("{at} {line}")));
    };
    step(0.0, Some(0));
    step(0.2, Some(1));
    step(0.4, Some(2));
    step(0.6, Some(2));
    step(1.0, None);
    step(2.5, Some(2));
    step(4.0, Some(1));
    step(8.0, Some(2));
    step(20.0, Some(2));
    assert_eq!(
        told,
        [
            "0 web: 0 of 3 tasks updated and running",
            "1 web: 2 of 3 tasks updated and running",
            "4 web: 1 of 3 tasks updated and running",
            "8 web: 2 of 3 tasks updated and running, again at 8s",
        ]
    );
}

#[test]
fn a_rollout_from_its_first_line_to_its_end() {
    let mut log = log(&["web"]);
    let mut told = Vec::new();
    let steps = [
        (0.0, progress(0, 2)),
        (3.0, progress(1, 2)),
        (3.4, Progress { trouble: Some("task: non-zero exit (1)".to_owned()), ..progress(1, 2) }),
        (4.2, Progress { trouble: Some("task: non-zero exit (1)".to_owned()), ..progress(1, 2) }),
        (
            5.5,
            Progress {
                phase: Phase::RollingBack { message: "update rolled back".to_owned() },
                ..progress(1, 2)
            },
        ),
    ];
    for (at, progress) in &steps {
        log.note("id-web", progress);
        told.extend(log.due(seconds(*at)));
    }
    let message = "update rolled back".to_owned();
    log.end("id-web", &verdict(Outcome::Failed, Reason::RolledBack { message }, 9.0));
    told.extend(log.due(seconds(9.0)));
    assert_eq!(
        texts(&told),
        [
            "web: 0 of 2 tasks updated and running",
            "web: 1 of 2 tasks updated and running",
            "web: 1 of 2 tasks updated and running; task: non-zero exit (1)",
            "web: the swarm goes back to the previous version, 1 of 2 tasks running: update rolled \
             back",
            "web: ✗ rolled back after 9.0s",
        ]
    );
    assert_eq!(told[2].tone, Tone::Warning);
    assert_eq!(told[4].tone, Tone::Bad);
}

#[test]
fn of_many_services_one_line_tells() {
    let names: Vec<_> = (0..100).map(|number| format!("web{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut log = log(&names);
    let mut told = Vec::new();
    for tick in 0..240_u64 {
        for number in 0..100 {
            if tick >= 10 + number * 2 {
                let end = verdict(Outcome::Succeeded, Reason::Converged, 3.0);
                log.end(&format!("id-web{number}"), &end);
            } else {
                log.note(&format!("id-web{number}"), &progress(tick % 4, 3));
            }
        }
        told.extend(log.due(Duration::from_millis(tick * 250)));
    }
    assert!(told.len() < 12, "{:?}", texts(&told));
    assert_eq!(
        told[0].text(),
        "rollouts: 0 of 100 rollouts ended; web99: 0 of 3 tasks updated and running; web98: 0 of 3 \
         tasks updated and running; and 98 more"
    );
    assert_eq!(log.standing().text(), "cancelled: 100 of 100 rollouts ended");
}

#[test]
fn a_cancelled_watch_says_how_things_stand() {
    let mut log = log(&["web", "api"]);
    log.end("id-web", &verdict(Outcome::Failed, Reason::JobFailed, 3.0));
    log.note("id-api", &progress(1, 3));
    assert_eq!(
        log.standing().text(),
        "cancelled: 1 of 2 rollouts ended, 1 failed (web); api: 1 of 3 tasks updated and running"
    );
}

#[test]
fn secrets_are_masked_before_a_line_is_made() {
    let masker = Masker::new(["hunter2-hunter2"]).unwrap();
    let mut log = LogLines::new(&[expectation("web")], masker);
    let trouble = Some("password hunter2\x1b[1m-hunter2 is wrong".to_owned());
    log.note("id-web", &Progress { trouble, ..progress(0, 1) });
    assert_eq!(
        texts(&log.due(seconds(0.0))),
        ["web: 0 of 1 task updated and running; password [MASKED] is wrong"]
    );
}

/// The contract with whoever reads the log: ten replicas, updated one by one within a minute, with
/// trouble on the way, rolled back in the end, with requests that failed and much to advise on.
#[test]
fn the_log_of_ten_replicas_in_a_minute_has_less_than_forty_lines() {
    let mut log = log(&["whoami_hello"]);
    let mut lines = 1;
    let mut last = None;
    for tick in 0..300_u64 {
        let at = Duration::from_millis(tick * 200);
        let trouble = (tick % 40 > 20).then(|| format!("task: non-zero exit ({})", tick % 40));
        let phase = match tick {
            0..200 => Phase::Rolling,
            200..280 => Phase::RollingBack { message: "update rolled back".to_owned() },
            _ => Phase::Settling { stability: seconds(5.0) },
        };
        log.note("id-whoami_hello", &Progress { reached: tick / 30, wanted: 10, phase, trouble });
        for line in log.due(at) {
            assert!(last.is_none_or(|last| at.saturating_sub(last) >= Duration::from_secs(1)));
            last = Some(at);
            assert!(!line.text().is_empty());
            lines += 1;
        }
    }
    let mut record = sample::failed();
    record.rollouts.truncate(1);
    let rollout = &mut record.rollouts[0];
    rollout.explanations = (1..=10)
        .map(|slot| {
            let mut explanation = rollout.explanations[0].clone();
            explanation.failure = sample::failure(&format!("task-{slot}"), slot);
            explanation.failure.exit_code = Some(i64::try_from(slot).unwrap());
            explanation.hints.push(format!("hint {slot}"));
            explanation
        })
        .collect();
    let outage = record.probe.as_ref().unwrap().outages[0].clone();
    record.probe.as_mut().unwrap().outages = vec![outage; 20];
    record.advice = (0..17)
        .map(|number| {
            let mut advice = record.advice[0].clone();
            advice.reason = format!("reason {number}");
            advice
        })
        .collect();
    lines += summary(&record).len();
    lines += section::end(record.began, "rollout").lines().count();
    assert!(lines < 40, "{lines}");
    assert!(lines > 25, "nothing was tested: {lines}");
}
