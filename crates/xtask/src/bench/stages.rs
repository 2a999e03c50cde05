//! What each stage of a job took.

use std::time::Duration;

use play::Outcome;

use super::pairs::{Pairs, Short};
use super::table::Row;

/// The stages of one job by their names, in the job's order.
pub(crate) type Took = Vec<(String, Duration)>;

/// What the stages of a played job took.
pub(crate) fn took(outcome: &Outcome) -> Took {
    outcome.stages.iter().map(|record| (record.stage.clone(), record.took)).collect()
}

/// Each stage that both ways have, in the order of the job.
#[derive(Default)]
pub(crate) struct Stages(Vec<(String, Pairs)>);

impl Stages {
    pub(crate) fn add(&mut self, plain: &Took, ours: &Took) {
        for (stage, ours) in ours {
            if let Some((_, plain)) = plain.iter().find(|(name, _)| name == stage) {
                self.of(stage).add(*plain, *ours);
            }
        }
    }

    fn of(&mut self, stage: &str) -> &mut Pairs {
        let known = self.0.iter().position(|(name, _)| name == stage);
        let index = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push((stage.to_owned(), Pairs::default()));
        }
        &mut self.0[index].1
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row> {
        self.0.iter().map(|(stage, pairs)| row(format!("  {stage}"), pairs))
    }
}

/// Beside each other, without an aim.
pub(crate) fn row(what: String, pairs: &Pairs) -> Row {
    Row {
        what,
        plain: pairs.plain().milliseconds(),
        ours: pairs.ours().milliseconds(),
        figure: format!("adds {} ms, {}×", Short(pairs.added() * 1e3), Short(pairs.ratio())),
        aim: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stages: &[(&str, u64)]) -> Took {
        let took =
            |(stage, seconds): &(&str, u64)| (stage.to_string(), Duration::from_secs(*seconds));
        stages.iter().map(took).collect()
    }

    #[test]
    fn a_stage_that_only_one_way_has_is_left_out() {
        let mut stages = Stages::default();
        for _ in 0..2 {
            let plain = of(&[("prepare", 2), ("cleanup", 1)]);
            let ours = of(&[("config", 1), ("prepare", 3), ("cleanup", 1)]);
            stages.add(&plain, &ours);
        }
        let rows: Vec<_> = stages.rows().map(|row| (row.what, row.figure)).collect();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(rows[0], ("  prepare".to_owned(), "adds 1000 ms, 1.50×".to_owned()));
        assert_eq!(rows[1].0, "  cleanup");
    }
}
