//! What a service's author may write, and its tasks may print, breaks no report; and what the job keeps
//! secret is in none.

use std::fs;
use std::path::Path;

use job::{Failure, Result};
use play::{Cancel, Variable};
use roxmltree::Document;
use scenarios::Scenario;
use scenarios::rollouts::{DEPLOY, Deed, Deploy, Outcome, Row, Stack, Truth};
use serde_json::Value;
use tempfile::TempDir;

use crate::play::{deploying, play_under, section};

const HOSTILE: Row = Row {
    name: "hostile",
    before: None,
    earlier: &[],
    change: Deploy { file: "hostile.yml", variables: &[] },
    script: DEPLOY,
    others: &[],
    truth: Truth {
        deed: Deed::Created,
        outcome: Outcome::Failed,
        reasons: &["crash_loop"],
        words: &[],
        exit_code: 1,
        seconds: 40,
    },
};

/// A crash loop of health checks takes its time.
const SETTINGS: &str = "[profile.default.rollout]\nprogress_deadline = \"90s\"\n";

/// Markup, a colour that the programs don't use, a title for the terminal, the end of a section of the
/// log, a second line, characters that turn text around.
const ATTACK: &str = "</td></script><script>alert(1)</script>]]>&\"'\x1b[35mpurple\x1b]0;title\x07\
    section_end:1:swarm_rollout\r\x1b[0Kgone\nERROR: a second line\u{202e}drawkcab";

/// What the job keeps secret, and its task prints.
const TOKEN: &str = "glpat-0123456789abcdef";

#[tokio::test]
async fn nothing_hostile_gets_through_and_nothing_secret() -> Result<()> {
    let scenario = Scenario::new()?;
    let (stack, manager) = (Stack::new(&HOSTILE), scenario.swarm.manager());
    let kept = TempDir::with_prefix("reports-")
        .map_err(|error| Failure::system("cannot make a directory").caused_by(error))?;
    let job = deploying(&scenario, &stack)?
        .after_script([r#"cp rollout.json rollout.html rollout.xml "$KEPT""#])
        .variable(Variable::new("ATTACK", ATTACK).raw())
        .variable(Variable::new("LONG", format!("<b>{}", "long\x1b[35m".repeat(600))).raw())
        .variable(Variable::secret("TOKEN", TOKEN))
        .variable(Variable::new("KEPT", kept.path().to_string_lossy()));
    let outcome = play_under(SETTINGS, &job, &Cancel::default(), |_| {}).await?;
    stack.clear(&scenario.swarm, manager).await?;
    let log = outcome.log_text();
    assert!(!outcome.is_success(), "{log}");
    let section = section(&log);
    assert!(section.len() > 5, "{log}");
    for line in &section {
        assert_eq!(obeyed_in(line), None, "{line:?}\n{log}");
        assert!(!line.contains("section_end:1:") && !line.contains('\r'), "{line:?}\n{log}");
    }
    let told = section.join("\n");
    assert!(told.contains("health check, exit code 1: </td></script>"), "{log}");
    assert!(told.contains("token [MASKED]"), "{log}");
    let file = |name| read(kept.path(), name);
    let (json, html, xml) = (file("rollout.json")?, file("rollout.html")?, file("rollout.xml")?);
    for (name, text) in [("json", &json), ("html", &html), ("xml", &xml)] {
        assert_eq!(obeyed_in(text), None, "{name}: {text}");
        assert!(!text.contains(TOKEN), "{name}: {text}");
        assert!(text.contains("[MASKED]"), "{name}: {text}");
    }
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    let report: Value = serde_json::from_str(&json)
        .map_err(|error| Failure::system("rollout.json is no JSON").caused_by(error))?;
    assert_eq!(report["services"][0]["verdict"]["outcome"], "failed", "{json}");
    let document = Document::parse(&xml)
        .map_err(|error| Failure::system("rollout.xml is no XML").caused_by(error))?;
    let failures = document.descendants().filter(|node| node.has_tag_name("failure"));
    assert_eq!(failures.count(), 1, "{xml}");
    assert!(!document.descendants().any(|node| node.has_tag_name("script")), "{xml}");
    Ok(())
}

/// What a terminal or a browser would obey, markup aside.
fn obeyed_in(text: &str) -> Option<&'static str> {
    let obeyed = ["\x1b[35m", "\x1b]0;", "\x07", "\u{202e}", "\r\x1b[0K"];
    obeyed.into_iter().find(|obeyed| text.contains(obeyed))
}

fn read(directory: &Path, name: &str) -> Result<String> {
    fs::read_to_string(directory.join(name))
        .map_err(|error| Failure::system(format!("cannot read {name}")).caused_by(error))
}
