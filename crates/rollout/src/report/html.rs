//! One page that holds everything, to be opened from a job's artifacts: no script, nothing from
//! elsewhere, to be read in light and dark, and without colours.
//!
//! [`maud`] escapes every text. A page that a browser were to take for something else could still
//! load and run nothing, for its policy forbids it
//! (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CSP>).

mod chart;
mod failure;
mod lanes;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::amount::{counted, duration};
use super::{advice, image, plain, probe, sentence, table};
use crate::probe::Probed;
use crate::record::{Job, Record, Rollout};
use crate::verdict::{Outcome, Verdict};

const STYLE: &str = include_str!("html/style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// So many timelines are drawn; rollout.json has the tasks of all.
const MOST_CHARTS: usize = 40;

/// The record as one HTML page.
pub fn html(record: &Record) -> String {
    let record = record.clone().with_texts(plain::text);
    page(&record).into_string()
}

fn page(record: &Record) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (headline(record)) " – " (record.job.project) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (chart::patterns())
                (header(record))
                main {
                    (overview(&record.rollouts))
                    @if let Some(probed) = &record.probe { (probe_section(probed)) }
                    @if !record.rollouts.is_empty() { (chart::legend(record.probe.is_some())) }
                    (services(record))
                    (advice_section(record))
                }
            }
        }
    }
}

/// `1 of 3 rollouts failed`
fn headline(record: &Record) -> String {
    let all = u64::try_from(record.rollouts.len()).unwrap_or(u64::MAX);
    let count = |outcome| record.rollouts.iter().filter(|it| outcome_of(it) == outcome).count();
    if record.cancelled {
        let open = count(None);
        return format!("Cancelled, {open} of {} not ended", counted(all, "rollout"));
    }
    match count(Some(Outcome::Failed)) {
        0 => format!("{}, none failed", counted(all, "rollout")),
        failed => format!("{failed} of {} failed", counted(all, "rollout")),
    }
}

fn header(record: &Record) -> Markup {
    let failed = record.rollouts.iter().any(|it| outcome_of(it) == Some(Outcome::Failed));
    let class = match (failed, record.cancelled) {
        (true, _) => "bad",
        (false, true) => "open",
        (false, false) => "good",
    };
    html! {
        header class=(class) {
            h1 { (headline(record)) }
            p class="facts" {
                (job(&record.job))
                span { "began " (began(record)) }
                span { "watched for " (duration(record.took)) }
            }
        }
    }
}

fn job(job: &Job) -> Markup {
    let name = format!("{} #{}", job.name, job.id);
    // Any other scheme could be a script.
    let url =
        job.url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    html! {
        span { strong { (job.project) } }
        span {
            "job "
            @if let Some(url) = url { a href=(url) rel="noreferrer" { (name) } } @else { (name) }
        }
        @if !job.sha.is_empty() {
            span { "commit " code { (plain::truncate(&job.sha, 12)) } }
        }
    }
}

fn began(record: &Record) -> Markup {
    let began = OffsetDateTime::from(record.began);
    let shown = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    html! {
        time datetime=(began.format(&Rfc3339).unwrap_or_default()) {
            (began.format(shown).unwrap_or_default())
        }
    }
}

fn overview(rollouts: &[Rollout]) -> Markup {
    html! {
        div class="card wide" {
            table {
                thead { tr {
                    th { "Service" } th { "Asked" } th { "Image" } th { "Replicas" } th { "Verdict" }
                    th class="number" { "Time" }
                } }
                tbody { @for (number, rollout) in rollouts.iter().enumerate() {
                    (overview_row(number, rollout))
                } }
            }
        }
    }
}

fn overview_row(number: usize, rollout: &Rollout) -> Markup {
    let images = [&rollout.before, &rollout.after].into_iter().flatten();
    let images: Vec<_> = images.map(|asked| asked.image.as_str()).collect();
    let change = image::change(rollout.before.as_ref(), rollout.after.as_ref());
    html! {
        tr {
            td { a href=(format!("#service-{number}")) { (plain::truncate(&rollout.name, 63)) } }
            td { (sentence::deed(rollout.deed)) }
            td title=(images.join(" → ")) { code { (plain::truncate(&change, 120)) } }
            td class="nowrap" { (table::replicas(rollout)) }
            td { (badge(rollout.verdict.as_ref())) }
            td class="number" {
                @if let Some(verdict) = &rollout.verdict { (duration(verdict.took)) }
            }
        }
    }
}

fn badge(verdict: Option<&Verdict>) -> Markup {
    let class = match verdict.map(|verdict| verdict.outcome) {
        Some(Outcome::Succeeded) => "badge good",
        Some(Outcome::Failed) => "badge bad",
        Some(Outcome::Superseded) | None => "badge open",
    };
    html! { span class=(class) { (sentence::sign(verdict)) " " (sentence::word(verdict)) } }
}

fn probe_section(probed: &Probed) -> Markup {
    let failed = probed.fresh.failed + probed.kept.failed;
    html! {
        section class="card" {
            h2 {
                "Probe "
                @if failed == 0 { span class="badge good" { "✓ none failed" } }
                @else { span class="badge bad" { "✗ " (failed) " failed" } }
            }
            p { (probe::sentence(probed)) "." }
            @if !probed.outages.is_empty() {
                ul class="outages" { @for outage in &probed.outages { li { (probe::told(outage)) } } }
            }
        }
    }
}

fn services(record: &Record) -> Markup {
    html! {
        @for (number, rollout) in record.rollouts.iter().enumerate() {
            section class="card" id=(format!("service-{number}")) {
                h2 { (plain::truncate(&rollout.name, 63)) " " (badge(rollout.verdict.as_ref())) }
                p { (sentence::verdict(rollout)) }
                @if let Some(undone) = &rollout.undone {
                    p class="undone" { (sentence::undone(&rollout.name, undone)) }
                }
                @if number < MOST_CHARTS { (chart::chart(record, rollout)) }
                @else { p class="quiet" { "Its tasks are in rollout.json." } }
                (failure::failures(rollout))
            }
        }
    }
}

fn advice_section(record: &Record) -> Markup {
    let pieces = advice::pieces(&record.advice);
    html! {
        @if !pieces.is_empty() {
            section class="card" {
                h2 { "Advice" }
                p class="quiet" { "What may drop requests at the next deploy, and the lines to write." }
                @for piece in &pieces {
                    article class="advice" {
                        h3 { code { (piece.rule()) } " " (piece.services.join(", ")) }
                        p { (piece.advice.reason) }
                        @if !piece.advice.lines.is_empty() { pre { (piece.advice.lines) } }
                    }
                }
            }
        }
    }
}

fn outcome_of(rollout: &Rollout) -> Option<Outcome> {
    rollout.verdict.as_ref().map(|verdict| verdict.outcome)
}

#[cfg(test)]
mod tests;
