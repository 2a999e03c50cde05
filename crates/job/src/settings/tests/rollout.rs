//! The section `[profile.NAME.rollout]`.

use super::*;

/// The section with the lines given in it.
fn rollout(lines: &str) -> Rollout {
    let text = format!("[profile.a]\n[profile.a.rollout]\n{lines}\n");
    let settings = parse(&text).unwrap_or_else(|failure| panic!("{}", failure.render()));
    settings.profile("a").unwrap().rollout
}

/// What is told of the lines given in the section, of which the first is line 3.
fn mistake(lines: &str) -> String {
    mistakes(&format!("[profile.a]\n[profile.a.rollout]\n{lines}\n"))
}

#[test]
fn an_empty_section_waits_and_fails_what_failed() {
    assert_eq!(rollout(""), Rollout::default());
    let defaults = Rollout::default();
    assert!(defaults.wait);
    assert_eq!(defaults.on_failure, OnFailure::Fail);
    assert_eq!(defaults.allowed_on_failure, OnFailure::ALL);
}

#[test]
fn every_key_of_the_rollout_is_read() {
    let rollout = rollout(
        r#"
        wait = false
        on_failure = "rollback"
        allowed_on_failure = ["fail", "warn"]
        on_superseded = "fail"
        progress_deadline = "3m"
        deadline = "20m"
        advice.silence = ["traefik-lbswarm", "image-digest"]
        advice.mandatory = ["healthcheck"]
        [profile.a.rollout.probe]
        url = "https://ann:secret@shop.example.com/health?deep=1"
        interval = "100ms"
        timeout = "2s"
        status = [200, "301-302"]
        max_failed_requests = 0
        allowed_urls = ["https://*.example.com/**"]
        "#,
    );
    let expected = Rollout {
        wait: false,
        on_failure: OnFailure::Rollback,
        allowed_on_failure: vec![OnFailure::Fail, OnFailure::Warn],
        on_superseded: OnSuperseded::Fail,
        progress_deadline: Duration::from_mins(3),
        deadline: Duration::from_mins(20),
        advice: Advice {
            silence: [AdviceRule::TraefikLbswarm, AdviceRule::ImageDigest].into(),
            mandatory: [AdviceRule::Healthcheck].into(),
        },
        probe: Probe {
            url: "https://ann:secret@shop.example.com/health?deep=1".parse().ok(),
            interval: Duration::from_millis(100),
            timeout: Duration::from_secs(2),
            status: "200,301-302".parse().unwrap(),
            max_failed_requests: Some(0),
            allowed_urls: Some(vec!["https://*.example.com/**".parse().unwrap()]),
        },
    };
    assert_eq!(rollout, expected);
}

#[test]
fn a_profile_that_chooses_leaves_no_choice_unless_it_lists_some() {
    assert_eq!(rollout("on_failure = \"fail\"").allowed_on_failure, [OnFailure::Fail]);
    assert_eq!(rollout("on_failure = \"warn\"").allowed_on_failure, [OnFailure::Warn]);
    let listed = rollout("on_failure = \"warn\"\nallowed_on_failure = [\"rollback\"]");
    assert_eq!(listed.allowed_on_failure, [OnFailure::Rollback]);
    assert_eq!(rollout("allowed_on_failure = []").allowed_on_failure, []);
}

#[test]
fn statuses_may_be_written_in_several_ways() {
    let status = |text: &str| rollout(&format!("probe.status = {text}")).probe.status;
    assert_eq!(status("204"), status("\"204\""));
    assert_eq!(status("[200, 204]"), status("\"200, 204\""));
    assert_eq!(status("\"200-399\""), Statuses::default());
}

#[test]
fn each_mistake_in_the_rollout_is_told_in_its_own_words() {
    let table = [
        ("wiat = true", "unknown key `wiat`; did you mean `wait`?"),
        ("wait = \"no\"", "expected a bool, found string"),
        ("on_failure = \"undo\"", "\"undo\" is not one of \"fail\", \"warn\", \"rollback\""),
        ("allowed_on_failure = [\"pass\"]", "\"pass\" is not one of \"fail\", \"warn\""),
        ("on_superseded = \"warn\"", "\"warn\" is not one of \"pass\", \"fail\""),
        ("progress_deadline = \"0s\"", "`progress_deadline` must be a time"),
        ("deadline = 5", "`deadline` must be a time"),
        (
            "advice.silence = [\"health-check\"]",
            "\"health-check\": there is no such rule; did you mean \"healthcheck\"?",
        ),
        ("advice.mandatory = [\"?\"]", "\"?\": there is no such rule; known here: healthcheck, "),
        ("advice.silent = []", "unknown key `silent`; did you mean `silence`?"),
        (
            "advice = { silence = [\"monitor\"], mandatory = [\"monitor\"] }",
            "\"monitor\" is silenced, so it can't be mandatory",
        ),
        ("probe.url = \"shop.example.com\"", "`url` must be a URL such as"),
        ("probe.interval = \"99ms\"", "`interval` must be at least 100ms"),
        ("probe.interval = \"often\"", "`interval` must be a time such as"),
        ("probe.timeout = \"0s\"", "`timeout` must be a time such as"),
        ("probe.status = 99", "`status` must be statuses from 200 to 599"),
        ("probe.status = [200, \"5xx\"]", "\"5xx\": must be statuses from 200 to 599"),
        ("probe.status = []", "`status` must name at least one status"),
        ("probe.max_failed_requests = -1", "`max_failed_requests` must be a whole number"),
        ("probe.allowed_urls = [\"http://[\"]", "\"http://[\": must be a pattern such as"),
        ("probe.urls = []", "unknown key `urls`; did you mean `url`?"),
    ];
    for (line, words) in table {
        let text = mistake(line);
        assert!(text.contains("line 3: ") && text.contains(words), "{line}: {text}");
        assert!(text.contains("have a mistake:"), "{line}: {text}");
    }
}

#[test]
fn a_password_in_a_url_that_can_not_be_read_is_not_shown() {
    let text = mistake("probe.url = \"ftp://ann:s3cret@shop.example.com\"");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn all_mistakes_of_the_rollout_are_told_at_once() {
    let text = mistake("wiat = true\nprobe.interval = \"1ms\"\nadvice.silence = [\"monitr\"]");
    for line in ["line 3: unknown key", "line 4: `interval`", "line 5: \"monitr\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
