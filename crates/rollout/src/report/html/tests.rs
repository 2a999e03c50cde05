use super::*;
use crate::report::sample;

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = html(&sample::failed());
    assert!(page.contains(r#"content="default-src 'none'; style-src 'unsafe-inline'""#));
    for forbidden in ["<script", "<link", "<img", "<iframe", "@import", "src=", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_page_tells_everything() {
    let page = html(&sample::failed());
    for told in [
        "1 of 3 rollouts failed",
        "team/whoami",
        "2025-10-09 08:53:20 UTC",
        "whoami_redis",
        "database &lt;db&gt; &amp; cache: not reachable",
        "curl: (7) Failed to connect",
        "the health check asks port 80",
        "new task t-new-1 on worker1",
        "14.0s failed",
        "503 Service Unavailable",
        "interval: 5s",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!(page.matches("class=\"chart\"").count(), 3);
}

#[test]
fn a_link_is_one_of_http_only() {
    let mut record = sample::failed();
    record.job.url = Some("javascript:alert(1)".to_owned());
    assert!(!html(&record).contains("javascript:"));
}

#[test]
fn a_huge_record_makes_a_page_that_a_browser_can_open() {
    let mut record = sample::failed();
    let task = record.rollouts[0].tasks[1].clone();
    let tasks = (0..500).map(|slot| crate::record::TaskLine { slot: Some(slot), ..task.clone() });
    record.rollouts[0].tasks = tasks.collect();
    let one = record.rollouts[0].clone();
    record.rollouts = vec![one; 100];
    let page = html(&record);
    assert!(page.len() < 8 * 1024 * 1024, "{}", page.len());
    assert!(page.contains("more slots, see rollout.json"));
}

#[test]
fn an_empty_record_is_a_page_too() {
    let mut record = sample::failed();
    record.rollouts.clear();
    record.probe = None;
    record.advice.clear();
    record.took = std::time::Duration::ZERO;
    assert!(html(&record).contains("0 rollouts, none failed"));
}
