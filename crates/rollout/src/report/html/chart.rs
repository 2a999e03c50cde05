//! A service's timeline as SVG: its tasks by slot, how each went, and the probe below.
//!
//! What a colour says, a pattern, a letter or a title says too.

use std::time::Duration;

use maud::{Markup, html};

use super::lanes::{self, Row, begin, end};
use crate::probe::{Outage, Probed};
use crate::record::{Record, Rollout, TaskLine};
use crate::report::amount::{duration, set};
use crate::report::{image, plain, sentence};
use crate::snapshot::TaskState;
use crate::verdict::Verdict;

const WIDTH: f64 = 1040.0;
/// Where the time axis begins, right of the rows' labels.
const LEFT: f64 = 104.0;
const RIGHT: f64 = 1020.0;
const AXIS: f64 = 40.0;
const LANE: f64 = 22.0;
const BAR: f64 = 16.0;
const ROW_GAP: f64 = 10.0;
const PROBE: f64 = 34.0;

/// About how wide a letter in a bar is.
const LETTER: f64 = 6.3;

/// Most lanes that are drawn; what has more can't be read anyway.
const MOST_LANES: usize = 60;

/// The timeline of one service.
pub(super) fn chart(record: &Record, rollout: &Rollout) -> Markup {
    let mut rows = lanes::rows(&rollout.tasks);
    if rows.is_empty() {
        return html! {};
    }
    let more = limit(&mut rows);
    let scale = Scale::of(record, rollout);
    let outages = record.probe.iter().flat_map(|probed| &probed.outages);
    let outages: Vec<_> = outages.collect();
    let bottom = rows.iter().fold(AXIS + ROW_GAP / 2.0, |bottom, row| bottom + row.height());
    let height = bottom + if record.probe.is_some() { PROBE } else { 0.0 };
    html! {
        div class="chart" {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img"
                aria-label=(format!("Timeline of the tasks of {}", rollout.name)) {
                (axis(&scale, height))
                @for outage in &outages { (band(&scale, outage, height)) }
                (draw(&rows, &scale))
                @if let Some(verdict) = &rollout.verdict { (end_line(&scale, verdict, bottom)) }
                @if let Some(probed) = &record.probe { (probe_lane(&scale, probed, bottom)) }
            }
        }
        @if more > 0 { p class="quiet" { "and " (more) " more slots, see rollout.json" } }
    }
}

/// Cuts the rows to what is drawn, and tells how many are not.
fn limit(rows: &mut Vec<Row<'_>>) -> usize {
    let mut lanes = 0;
    let fit = rows.iter().take_while(|row| {
        lanes += row.lanes.len();
        lanes <= MOST_LANES
    });
    let fit = fit.count().max(1);
    let more = rows.len() - fit.min(rows.len());
    rows.truncate(fit);
    for row in rows {
        row.lanes.truncate(MOST_LANES);
    }
    more
}

impl Row<'_> {
    fn height(&self) -> f64 {
        self.lanes.iter().fold(ROW_GAP, |height, _| height + LANE)
    }
}

/// From time to place.
struct Scale {
    end: Duration,
}

impl Scale {
    /// As long as the watch, and as what was seen in it.
    fn of(record: &Record, rollout: &Rollout) -> Self {
        let states = rollout.tasks.iter().flat_map(|task| &task.states).map(|(at, _)| *at);
        let shortest = Duration::from_secs(1);
        Self { end: states.chain([record.took, shortest]).max().unwrap_or(shortest) }
    }

    fn x(&self, at: Duration) -> f64 {
        let share = at.min(self.end).as_secs_f64() / self.end.as_secs_f64();
        LEFT + share * (RIGHT - LEFT)
    }

    fn ticks(&self) -> Vec<Duration> {
        const STEPS: [u64; 15] =
            [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
        let fits = |step: &&u64| self.end.as_secs() / **step <= 12;
        let step = STEPS.iter().find(fits).copied().unwrap_or(86400);
        let count = (self.end.as_secs() / step).min(100);
        (0..=count).map(|tick| Duration::from_secs(tick * step)).collect()
    }
}

fn axis(scale: &Scale, height: f64) -> Markup {
    html! {
        g class="axis" { @for tick in scale.ticks() {
            line x1=(px(scale.x(tick))) x2=(px(scale.x(tick))) y1=(px(AXIS - 6.0)) y2=(px(height)) {}
            text x=(px(scale.x(tick))) y="12" { (set(tick)) }
        } }
    }
}

fn draw(rows: &[Row<'_>], scale: &Scale) -> Markup {
    let mut top = AXIS;
    html! { @for row in rows { ({
        let drawn = draw_row(row, scale, top);
        top += row.height();
        drawn
    }) } }
}

fn draw_row(row: &Row<'_>, scale: &Scale, top: f64) -> Markup {
    let mut lane_top = top + ROW_GAP / 2.0;
    html! {
        g class="row" {
            line class="rule" x1="0" x2=(WIDTH) y1=(px(top)) y2=(px(top)) {}
            text class="label" x="4" y=(px(lane_top + 12.0)) {
                (plain::truncate(&row.label, 15)) title { (row.label) }
            }
            @for lane in &row.lanes { ({
                let drawn = html! { @for task in lane { (bar(task, scale, lane_top)) } };
                lane_top += LANE;
                drawn
            }) }
        }
    }
}

fn bar(task: &TaskLine, scale: &Scale, top: f64) -> Markup {
    let age = if task.new { "new" } else { "old" };
    let (left, right) = (scale.x(begin(task)), scale.x(end(task).unwrap_or(scale.end)));
    let (left, width) = (left, (right - left).max(2.0));
    let label = label(task, width);
    html! {
        g class=(format!("task {age}")) {
            title { (title(task)) }
            @for (state, from, until) in spans(task, scale) {
                rect class=(look(state)) x=(px(from)) y=(px(top)) width=(px((until - from).max(1.0)))
                    height=(BAR) {}
            }
            rect class="frame" x=(px(left)) y=(px(top)) width=(px(width)) height=(BAR) rx="3" {}
            @if !label.is_empty() {
                text class="name" x=(px(left + 5.0)) y=(px(top + 11.7)) { (label) }
            }
            (mark(task, right, top))
        }
    }
}

/// The stretches of a task's life, and where they are drawn.
fn spans<'a>(
    task: &'a TaskLine,
    scale: &'a Scale,
) -> impl Iterator<Item = (TaskState, f64, f64)> + 'a {
    let untils = task.states.iter().skip(1).map(|(at, _)| *at).chain([scale.end]);
    let spans = task.states.iter().zip(untils).take_while(|((_, state), _)| !state.is_terminal());
    spans.map(|((from, state), until)| (*state, scale.x(*from), scale.x(until)))
}

/// How a state is drawn.
fn look(state: TaskState) -> &'static str {
    match state {
        TaskState::Preparing => "preparing",
        TaskState::Starting => "starting",
        TaskState::Running => "running",
        _ => "waiting",
    }
}

/// `new · worker1`, as far as it fits.
fn label(task: &TaskLine, width: f64) -> String {
    let age = if task.new { "new" } else { "old" };
    let full = match (&task.node, task.slot) {
        (Some(node), Some(_)) => format!("{age} · {node}"),
        _ => age.to_owned(),
    };
    let fits = (1_usize..=40).take_while(|count| letters(*count) + 10.0 <= width).count();
    if fits < 3 { String::new() } else { plain::truncate(&full, fits) }
}

fn letters(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, |count| f64::from(count) * LETTER)
}

/// How it ended, right of its bar.
fn mark(task: &TaskLine, right: f64, top: f64) -> Markup {
    let end = task.states.iter().map(|(_, state)| *state).find(|state| state.is_terminal());
    let (class, sign) = match end {
        Some(TaskState::Failed | TaskState::Rejected | TaskState::Orphaned) => ("failed", "✗"),
        Some(TaskState::Complete) => ("complete", "✓"),
        _ => return html! {},
    };
    html! {
        circle class=(class) cx=(px(right)) cy=(px(top + BAR / 2.0)) r="7.5" {}
        text class=(format!("sign {class}")) x=(px(right)) y=(px(top + BAR / 2.0 + 3.8)) { (sign) }
    }
}

fn title(task: &TaskLine) -> String {
    let age = if task.new { "new" } else { "old" };
    let node = task.node.as_deref().unwrap_or("no node");
    let states =
        task.states.iter().map(|(at, state)| format!("{} {}", duration(*at), state.name()));
    let states = states.collect::<Vec<_>>().join("\n");
    let error = task.error.as_ref().map(|error| format!("\n{error}")).unwrap_or_default();
    format!("{age} task {} on {node}\n{}\n{states}{error}", task.id, image::short(&task.image))
}

fn end_line(scale: &Scale, verdict: &Verdict, bottom: f64) -> Markup {
    let x = scale.x(verdict.took);
    let text = format!("{} {}", sentence::sign(Some(verdict)), sentence::word(Some(verdict)));
    // Near the right edge the words stand left of the line.
    let (anchor, words) = if x > RIGHT - 150.0 { ("end", x - 5.0) } else { ("start", x + 5.0) };
    html! {
        g class="verdict" {
            line x1=(px(x)) x2=(px(x)) y1=(px(AXIS - 16.0)) y2=(px(bottom)) {}
            text x=(px(words)) y=(px(AXIS - 8.0)) text-anchor=(anchor) { (text) }
        }
    }
}

/// An outage behind the tasks, for what they did then to be seen.
fn band(scale: &Scale, outage: &Outage, height: f64) -> Markup {
    let (left, right) = (scale.x(outage.from), scale.x(outage.until));
    html! {
        rect class="band" x=(px(left)) y=(px(AXIS)) width=(px((right - left).max(2.0)))
            height=(px(height - AXIS)) {}
    }
}

fn probe_lane(scale: &Scale, probed: &Probed, top: f64) -> Markup {
    let middle = top + PROBE / 2.0;
    html! {
        g class="probe" {
            line class="rule" x1="0" x2=(WIDTH) y1=(px(top)) y2=(px(top)) {}
            text class="label" x="4" y=(px(middle + 4.0)) { "probe" }
            rect class="answered" x=(px(LEFT)) y=(px(middle - 3.0)) width=(px(RIGHT - LEFT)) height="6"
                rx="3" {}
            @for outage in &probed.outages { (outage_mark(scale, outage, middle)) }
        }
    }
}

fn outage_mark(scale: &Scale, outage: &Outage, middle: f64) -> Markup {
    let (left, right) = (scale.x(outage.from), scale.x(outage.until));
    let width = (right - left).max(3.0);
    html! {
        g {
            title { (crate::report::probe::told(outage)) }
            rect class="outage" x=(px(left)) y=(px(middle - 7.0)) width=(px(width)) height="14" rx="2" {}
            text class="outage-count" x=(px(left + width + 4.0)) y=(px(middle - 8.0)) {
                (outage.failed) " failed"
            }
        }
    }
}

/// The patterns of the bars, once for the page.
pub(super) fn patterns() -> Markup {
    html! {
        svg class="patterns" aria-hidden="true" width="0" height="0" { defs {
            @for age in ["old", "new"] {
                pattern id=(format!("starting-{age}")) width="7" height="7" class=(age)
                    patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect class="ground" width="7" height="7" {}
                    rect class="ink" width="3.4" height="7" {}
                }
                pattern id=(format!("preparing-{age}")) width="6" height="6" class=(age)
                    patternUnits="userSpaceOnUse" {
                    rect class="ground" width="6" height="6" {}
                    circle class="ink" cx="3" cy="3" r="1.5" {}
                }
            }
            pattern id="outage" width="5" height="5" patternUnits="userSpaceOnUse"
                patternTransform="rotate(-45)" {
                rect class="outage-ground" width="5" height="5" {}
                rect class="outage-ink" width="2" height="5" {}
            }
        } }
    }
}

/// What the bars mean.
pub(super) fn legend(probed: bool) -> Markup {
    let bar = |age: &str, look: &str| {
        html! {
            svg class="swatch" viewBox="0 0 34 16" aria-hidden="true" {
                g class=(format!("task {age}")) {
                    rect class=(look) width="34" height="16" {}
                    rect class="frame" x="0.5" y="0.5" width="33" height="15" rx="3" {}
                }
            }
        }
    };
    html! {
        ul class="legend" {
            li { (bar("old", "running")) "old task, running" }
            li { (bar("new", "running")) "new task, running" }
            li { (bar("new", "waiting")) "waiting for a node or its turn" }
            li { (bar("new", "preparing")) "getting its image" }
            li { (bar("new", "starting")) "starting, until healthy" }
            li { span class="mark bad" { "✗" } "failed" }
            li { span class="mark good" { "✓" } "completed" }
            @if probed { li { span class="mark outage" {} "requests failed" } }
        }
    }
}

/// A coordinate, in tenths.
fn px(at: f64) -> String {
    format!("{at:.1}")
}
