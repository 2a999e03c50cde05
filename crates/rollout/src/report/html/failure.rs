//! The failures of one service, whole.

use maud::{Markup, html};

use crate::record::{Explanation, HealthResult, Rollout};
use crate::report::explain::{Kind, kinds};
use crate::report::sentence;

pub(super) fn failures(rollout: &Rollout) -> Markup {
    html! { @for kind in kinds(rollout) { (failure(&kind)) } }
}

fn failure(kind: &Kind<'_>) -> Markup {
    html! {
        article class="failure" {
            h3 { (sentence::failure(kind.failure, kind.node)) }
            @if !kind.others.is_empty() {
                p class="quiet" { "The same: " (kind.others.join(", ")) "." }
            }
            @if let Some(explanation) = kind.explanation { (details(explanation)) }
        }
    }
}

fn details(explanation: &Explanation) -> Markup {
    html! {
        @for hint in &explanation.hints { p class="hint" { strong { "Hint: " } (hint) } }
        @if !explanation.health.is_empty() {
            h4 { "Health check" }
            pre { @for result in &explanation.health { (health(result)) } }
        }
        @if !explanation.log.is_empty() {
            h4 { "Last lines of its log" }
            pre { (explanation.log.join("\n")) }
        }
    }
}

fn health(result: &HealthResult) -> Markup {
    html! {
        span class="quiet" { (result.at) " exit code " (result.exit_code) } "\n"
        (result.output.trim_end()) "\n"
    }
}
