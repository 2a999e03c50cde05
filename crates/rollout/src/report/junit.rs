//! `JUnit` XML for GitLab's test report: one case for each service, one for the probe.
//!
//! GitLab shows a case's classname, name and time, and of a failure its body, but not its message;
//! so the body holds everything
//! (<https://docs.gitlab.com/ci/testing/unit_test_reports/#junit-xml-format-specification>).

use std::io;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{explain, json, plain, probe, sentence};
use crate::probe::Probed;
use crate::record::{Record, Rollout};
use crate::verdict::Outcome;

/// The record as `JUnit` XML.
pub fn junit(record: &Record) -> String {
    let record = record.clone().with_texts(plain::text);
    let mut cases: Vec<_> = record.rollouts.iter().map(Case::of_service).collect();
    cases.extend(record.probe.iter().map(|probed| Case::of_probe(probed, record.took)));
    // Memory doesn't fail to be written to.
    String::from_utf8(write(&cases, record.took).unwrap_or_default()).unwrap_or_default()
}

struct Case {
    class: String,
    name: String,
    time: Duration,
    end: End,
}

enum End {
    Good,
    Skipped(String),
    Failed { kind: &'static str, message: String, body: String },
}

impl Case {
    fn of_service(rollout: &Rollout) -> Self {
        let verdict = rollout.verdict.as_ref();
        let message = sentence::verdict(rollout);
        let end = match verdict.map(|verdict| (verdict.outcome, json::kind(&verdict.reason))) {
            Some((Outcome::Succeeded, _)) => End::Good,
            Some((Outcome::Failed, kind)) => End::Failed { kind, body: body(rollout), message },
            Some((Outcome::Superseded, _)) | None => End::Skipped(message),
        };
        Self {
            class: rollout.stack.clone().unwrap_or_else(|| "services without a stack".to_owned()),
            name: rollout.name.clone(),
            time: verdict.map(|verdict| verdict.took).unwrap_or_default(),
            end,
        }
    }

    /// Failed requests make a failed case; whether they fail the job is another question.
    fn of_probe(probed: &Probed, time: Duration) -> Self {
        let message = probe::sentence(probed);
        let outages = probed.outages.iter().map(probe::told);
        let body = std::iter::once(message.clone()).chain(outages).collect::<Vec<_>>().join("\n");
        let end = match probed.fresh.failed + probed.kept.failed {
            0 => End::Good,
            _ => End::Failed { kind: "failed_requests", message, body },
        };
        Self { class: "probe".to_owned(), name: probed.url.clone(), time, end }
    }
}

/// All that is known of a failure.
fn body(rollout: &Rollout) -> String {
    let mut lines = vec![sentence::verdict(rollout)];
    for kind in explain::kinds(rollout) {
        lines.push(sentence::failure(kind.failure, kind.node));
        if !kind.others.is_empty() {
            lines.push(format!("  the same: {}", kind.others.join(", ")));
        }
        let Some(explanation) = kind.explanation else { continue };
        lines.extend(explanation.health.iter().map(|result| {
            format!("  health check, exit code {}: {}", result.exit_code, result.output.trim_end())
        }));
        lines.extend(explanation.log.iter().map(|line| format!("  log: {line}")));
        lines.extend(explanation.hints.iter().map(|hint| format!("  hint: {hint}")));
    }
    lines.extend(rollout.undone.iter().map(|undone| sentence::undone(&rollout.name, undone)));
    lines.join("\n")
}

fn write(cases: &[Case], took: Duration) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = counts(cases, took);
    let counts = || counts.iter().map(|(name, value)| (*name, value.as_str()));
    writer.create_element("testsuites").with_attributes(counts()).write_inner_content(
        |writer| {
            let suite = writer.create_element("testsuite").with_attribute(("name", "rollouts"));
            suite.with_attributes(counts()).write_inner_content(|writer| {
                cases.iter().try_for_each(|case| case.write(writer))
            })?;
            Ok(())
        },
    )?;
    let mut xml = writer.into_inner();
    xml.push(b'\n');
    Ok(xml)
}

fn counts(cases: &[Case], took: Duration) -> [(&'static str, String); 5] {
    let count = |wanted: fn(&End) -> bool| cases.iter().filter(|it| wanted(&it.end)).count();
    [
        ("tests", cases.len().to_string()),
        ("failures", count(|end| matches!(end, End::Failed { .. })).to_string()),
        ("errors", "0".to_owned()),
        ("skipped", count(|end| matches!(end, End::Skipped(_))).to_string()),
        ("time", seconds(took)),
    ]
}

impl Case {
    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let class = plain::line(&self.class, 200);
        let name = plain::line(&self.name, 200);
        let time = seconds(self.time);
        let case = writer.create_element("testcase").with_attributes([
            ("classname", class.as_str()),
            ("name", name.as_str()),
            ("time", time.as_str()),
        ]);
        match &self.end {
            End::Good => case.write_empty()?,
            End::Skipped(message) => case.write_inner_content(|writer| {
                let skipped = writer.create_element("skipped");
                skipped.write_text_content(BytesText::new(message)).map(|_| ())
            })?,
            End::Failed { kind, message, body } => case.write_inner_content(|writer| {
                let message = plain::line(message, 500);
                let failure = writer.create_element("failure");
                let failure = failure.with_attributes([("type", *kind), ("message", &message)]);
                failure.write_text_content(BytesText::new(body)).map(|_| ())
            })?,
        };
        Ok(())
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_service_and_the_probe_is_a_case() {
        let xml = junit(&sample::failed());
        let document = roxmltree::Document::parse(&xml).unwrap();
        let cases: Vec<_> =
            document.descendants().filter(|it| it.has_tag_name("testcase")).collect();
        let told: Vec<_> = cases
            .iter()
            .map(|case| {
                let attribute = |name| case.attribute(name).unwrap().to_owned();
                let end = case.first_element_child().map(|end| end.tag_name().name());
                (attribute("classname"), attribute("name"), attribute("time"), end)
            })
            .collect();
        let case = |class: &str, name: &str, time: &str, end| {
            (class.to_owned(), name.to_owned(), time.to_owned(), end)
        };
        assert_eq!(
            told,
            [
                case("whoami", "whoami_hello", "24.500", Some("failure")),
                case("whoami", "whoami_redis", "9.100", None),
                case("whoami", "whoami_agent", "3.000", Some("skipped")),
                case("probe", "http://whoami.example.com/", "30.000", Some("failure")),
            ]
        );
        let suite = document.descendants().find(|it| it.has_tag_name("testsuite")).unwrap();
        assert_eq!(suite.attribute("failures"), Some("2"));
        assert_eq!(suite.attribute("skipped"), Some("1"));
        assert_eq!(suite.attribute("tests"), Some("4"));
    }

    #[test]
    fn a_failure_s_body_says_everything() {
        let xml = junit(&sample::failed());
        let document = roxmltree::Document::parse(&xml).unwrap();
        let failure = document.descendants().find(|it| it.has_tag_name("failure")).unwrap();
        assert_eq!(failure.attribute("type"), Some("rolled_back"));
        assert_eq!(
            failure.text().unwrap(),
            "\
The swarm took the update of whoami_hello back, the previous version runs again: update rolled back \
due to failure or early termination of task t-new-1.
slot 1 on worker1 failed with exit code 1: task: non-zero exit (1): dockerexec: unhealthy container
  the same: slot 2 on worker2
  health check, exit code 1: curl: (7) Failed to connect
  health check, exit code 1: curl: (7) Failed to connect
  log: starting
  log: listening on :8000
  log: database <db> & cache: not reachable
  hint: the health check asks port 80, the service listens on 8000"
        );
    }
}
