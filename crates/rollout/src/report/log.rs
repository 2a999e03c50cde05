//! Lines for the job log while the watch goes on.
//!
//! What is new is noted when it is seen and told when it is due: no line twice for a service, at
//! most one line a second, and the longer the watch takes, the rarer the lines. What is held back
//! is not lost, since a line always tells the latest state. Of more than a few services one line
//! tells together.

mod crowd;
mod pace;

use std::collections::HashSet;
use std::time::Duration;

use pace::Pace;

use super::amount::duration;
use super::{Line, Masker, Tone, plain, sentence};
use crate::expectation::{Deed, Expectation};
use crate::snapshot::Mode;
use crate::verdict::{Outcome, Phase, Progress, Verdict};

/// Up to so many services have lines of their own.
const FEW: usize = 3;

/// Room for what is put behind a line that was told before.
const WIDEST: usize = super::COLUMNS - 20;

/// What of all rollouts is told when.
#[derive(Debug)]
pub struct LogLines {
    services: Vec<Service>,
    masker: Masker,
    together: Teller,
    /// How many states were noted so far.
    noted: u64,
}

#[derive(Debug)]
struct Service {
    id: String,
    name: String,
    deed: Deed,
    is_job: bool,
    state: Option<String>,
    trouble: bool,
    noted: u64,
    ended: Option<Outcome>,
    teller: Teller,
}

/// Tells the latest text of one kind: none twice, none too soon.
#[derive(Debug, Default)]
struct Teller {
    waiting: Option<(Tone, String)>,
    urgent: bool,
    last: String,
    told: HashSet<String>,
    pace: Pace,
    /// What the last noted state was like: a change of it is urgent.
    kind: Option<u8>,
}

impl LogLines {
    /// For the services that are expected to do something.
    pub fn new(expectations: &[Expectation], masker: Masker) -> Self {
        let services = expectations.iter().map(Service::new).collect();
        Self { services, masker, together: Teller::default(), noted: 0 }
    }

    /// Notes how far the service with this ID is.
    pub fn note(&mut self, id: &str, progress: &Progress) {
        let Some(service) = self.services.iter_mut().find(|service| service.id == id) else {
            return;
        };
        let words = sentence::progress(service.deed, service.is_job, progress);
        service.state = Some(self.masker.mask(&plain::text(&self.masker.mask(&words))));
        service.trouble = progress.trouble.is_some();
        let tone = if service.trouble { Tone::Warning } else { Tone::Plain };
        self.changed(id, tone, kind(progress));
    }

    /// Notes that the service with this ID has got its verdict.
    pub fn end(&mut self, id: &str, verdict: &Verdict) {
        let Some(service) = self.services.iter_mut().find(|service| service.id == id) else {
            return;
        };
        let (sign, word) = (sentence::sign(Some(verdict)), sentence::word(Some(verdict)));
        service.state = Some(format!("{sign} {word} after {}", duration(verdict.took)));
        service.ended = Some(verdict.outcome);
        let tone = match verdict.outcome {
            Outcome::Succeeded => Tone::Good,
            Outcome::Failed => Tone::Bad,
            Outcome::Superseded => Tone::Warning,
        };
        self.changed(id, tone, u8::MAX);
    }

    /// The lines that are due at this time since the watch began. To be asked for after every look,
    /// and once a second meanwhile.
    pub fn due(&mut self, at: Duration) -> Vec<Line> {
        let services = self.services.len();
        if services > FEW {
            return self.due_together(at).into_iter().collect();
        }
        let due = |service: &mut Service| service.teller.due(at, services);
        self.services.iter_mut().filter_map(due).collect()
    }

    /// How things stand, in one line: the last one of a watch that is cancelled.
    pub fn standing(&self) -> Line {
        Line::new(Tone::Warning, format!("cancelled: {}", crowd::words(&self.services)))
    }

    fn changed(&mut self, id: &str, tone: Tone, kind: u8) {
        let few = self.services.len() <= FEW;
        self.noted += 1;
        let Some(service) = self.services.iter_mut().find(|service| service.id == id) else {
            return;
        };
        service.noted = self.noted;
        if few {
            let state = service.state.as_deref().unwrap_or_default();
            service.teller.note(tone, &format!("{}: {state}", service.name), kind);
        }
    }

    /// The one line of many services; another failure among them is urgent.
    fn due_together(&mut self, at: Duration) -> Option<Line> {
        if self.noted == 0 {
            return None;
        }
        let failed = self.services.iter().filter(|it| it.ended == Some(Outcome::Failed)).count();
        let tone = if failed > 0 { Tone::Bad } else { Tone::Plain };
        let text = format!("rollouts: {}", crowd::words(&self.services));
        self.together.note(tone, &text, u8::try_from(failed).unwrap_or(u8::MAX));
        self.together.due(at, 1)
    }
}

impl Service {
    fn new(expectation: &Expectation) -> Self {
        let spec = expectation.after.as_ref().map(|after| &after.spec);
        let spec = spec.or(expectation.before.as_ref().map(|before| &before.spec));
        let is_job = spec
            .is_some_and(|spec| matches!(spec.mode, Mode::ReplicatedJob { .. } | Mode::GlobalJob));
        Self {
            id: expectation.id.clone(),
            name: plain::line(&expectation.name, 63),
            deed: expectation.deed,
            is_job,
            state: None,
            trouble: false,
            noted: 0,
            ended: None,
            teller: Teller::default(),
        }
    }
}

impl Teller {
    fn note(&mut self, tone: Tone, text: &str, kind: u8) {
        let text = plain::line(text, WIDEST);
        self.urgent |= self.kind.replace(kind) != Some(kind);
        self.waiting = (text != self.last).then_some((tone, text));
    }

    fn due(&mut self, at: Duration, tellers: usize) -> Option<Line> {
        if self.waiting.is_none() || !self.pace.allows(at, self.urgent, tellers) {
            return None;
        }
        let (tone, text) = self.waiting.take()?;
        self.urgent = false;
        self.last.clone_from(&text);
        let again = !self.told.insert(text.clone());
        let back = if again { format!(", again at {}s", at.as_secs()) } else { String::new() };
        Some(Line::new(tone, text + &back))
    }
}

/// Which kind of state this is.
fn kind(progress: &Progress) -> u8 {
    let phase = match progress.phase {
        Phase::Rolling => 0,
        Phase::Settling { .. } => 1,
        Phase::RollingBack { .. } => 2,
        Phase::Removing => 3,
    };
    phase * 2 + u8::from(progress.trouble.is_some())
}

#[cfg(test)]
mod tests;
