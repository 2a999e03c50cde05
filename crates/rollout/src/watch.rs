//! Looks at the swarm until every rollout has ended.
//!
//! Service events wake it, polls decide: there are no events of tasks
//! (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/System/operation/SystemEvents>).
//! A look costs three requests, whatever the number of services, or four where networks have to become
//! free, and a list of the nodes every two seconds: fewer than ten requests per second in all.

mod contact;
mod events;
mod gathering;

use std::time::{Duration, Instant};

use job::Result;

use crate::expectation::{Deed, Expectation};
use crate::judge::{Deadlines, Judge, Judgement};
use crate::record::timeline::Timeline;
use crate::record::{Asked, Explanation, Rollout, Undone};
use crate::snapshot::{Node, Snapshot};
use crate::swarm::{Look, Swarm, Wanted};
use crate::verdict::{Progress, Verdict};
use contact::Contact;
use events::Events;

pub use gathering::Gathering;

/// Between two looks, also when events come: four requests every half second, and the nodes.
const PAUSE: Duration = Duration::from_millis(500);

/// For so much longer an event is waited for.
const EVENT: Duration = Duration::from_millis(100);

/// The rollouts of one job.
pub struct Watch {
    swarm: Swarm,
    look: Look,
    began: Instant,
    contact: Contact,
    /// In the order of the first change.
    pub watched: Vec<Watched>,
}

/// One rollout that is being watched.
pub struct Watched {
    /// What the job did.
    pub expectation: Expectation,
    /// Every task seen so far.
    pub timeline: Timeline,
    /// How far it was at the last look; none before the first.
    pub progress: Option<Progress>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    judge: Judge,
    /// When this watch began: a judge's time begins with it.
    since: Duration,
    wanted: Wanted,
}

/// What a look has brought.
pub struct News<'w> {
    /// When, since the watch's clock began.
    pub at: Duration,
    /// The rollouts that were looked at.
    pub watched: &'w [Watched],
}

impl Watch {
    /// Of what was done, from now on; times count from `began`, and `timeline_of` has what was seen
    /// before.
    pub fn new(
        swarm: Swarm,
        began: Instant,
        expectations: Vec<Expectation>,
        deadlines: Deadlines,
        mut timeline_of: impl FnMut(&Expectation) -> Timeline,
    ) -> Self {
        let since = began.elapsed();
        let mut look = Look::default();
        look.know(&expectations);
        let watched = expectations.into_iter().map(|expectation| {
            let timeline = timeline_of(&expectation);
            Watched::new(expectation, deadlines, timeline, since)
        });
        let contact = Contact::within(deadlines.progress);
        Self { swarm, look, began, contact, watched: watched.collect() }
    }

    /// Looks until every rollout has ended. After each look `tell` is told.
    ///
    /// It can be dropped at any time: what was seen until then is in `watched`.
    ///
    /// # Errors
    /// No manager has answered for the progress deadline.
    pub async fn until_ended(&mut self, mut tell: impl FnMut(News<'_>)) -> Result<()> {
        let mut events = Events::of(self.swarm.clone());
        while self.look().await? {
            tell(News { at: self.began.elapsed(), watched: &self.watched });
            tokio::time::sleep(PAUSE).await;
            let _ = tokio::time::timeout(EVENT, events.next()).await;
        }
        tell(News { at: self.began.elapsed(), watched: &self.watched });
        Ok(())
    }

    /// A further watch by the same clock, of what is done about the same services. Their timelines go
    /// over to it, until [`Watch::resume`].
    #[must_use]
    pub fn follow_up(&mut self, expectations: Vec<Expectation>, deadlines: Deadlines) -> Self {
        let watched = &mut self.watched;
        let timeline_of = |expectation: &Expectation| {
            let fresh = Timeline::new(expectation);
            let same = watched.iter_mut().find(|watched| watched.expectation.id == expectation.id);
            match same {
                Some(same) => std::mem::replace(&mut same.timeline, fresh),
                None => fresh,
            }
        };
        Self::new(self.swarm.clone(), self.began, expectations, deadlines, timeline_of)
    }

    /// Takes the timelines of a follow-up back, and tells its verdicts in their order.
    pub fn resume(&mut self, follow_up: Self) -> Vec<Option<Verdict>> {
        let mut verdicts = Vec::new();
        for Watched { expectation, timeline, verdict, .. } in follow_up.watched {
            let same = self.watched.iter_mut().find(|it| it.expectation.id == expectation.id);
            if let Some(same) = same {
                same.timeline = timeline;
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    /// The nodes as they were last seen.
    pub fn nodes(&self) -> &[Node] {
        self.look.nodes()
    }

    /// Looks once, at those that have not ended. The answer is whether any of them goes on.
    async fn look(&mut self) -> Result<bool> {
        let going: Vec<_> =
            self.watched.iter_mut().filter(|watched| watched.verdict.is_none()).collect();
        let wanted: Vec<_> = going.iter().map(|watched| watched.wanted.clone()).collect();
        let at = self.began.elapsed();
        match self.look.at(&self.swarm, &wanted, at).await {
            Ok(snapshots) => {
                self.contact.made();
                for (watched, snapshot) in going.into_iter().zip(snapshots) {
                    watched.see(snapshot);
                }
            }
            Err(failure) => self.contact.lost(&failure)?,
        }
        Ok(self.watched.iter().any(|watched| watched.verdict.is_none()))
    }
}

impl Watched {
    fn new(
        expectation: Expectation,
        deadlines: Deadlines,
        timeline: Timeline,
        since: Duration,
    ) -> Self {
        let wanted = Wanted::of(&expectation);
        let judge = Judge::new(expectation.clone(), deadlines);
        Self { expectation, timeline, progress: None, verdict: None, judge, since, wanted }
    }

    fn see(&mut self, mut snapshot: Snapshot) {
        self.timeline.see(&snapshot);
        snapshot.at = snapshot.at.saturating_sub(self.since);
        match self.judge.see(&snapshot) {
            Judgement::Pending(progress) => self.progress = Some(progress),
            Judgement::Ended(verdict) => {
                self.verdict = Some(Verdict { took: self.since + verdict.took, ..verdict });
            }
        }
    }
}

impl Watched {
    /// All that is known of it, for the record.
    pub fn rollout(&self, explanations: Vec<Explanation>, undone: Option<Undone>) -> Rollout {
        let Expectation { id, name, stack, deed, before, after } = &self.expectation;
        Rollout {
            id: id.clone(),
            name: name.clone(),
            stack: stack.clone(),
            deed: *deed,
            before: before.as_ref().map(|before| Asked::of(&before.spec)),
            after: after.as_ref().map(|after| Asked::of(&after.spec)),
            verdict: self.verdict.clone(),
            progress: self.progress.clone().unwrap_or_default(),
            explanations,
            tasks: self.timeline.lines(),
            undone,
        }
    }
}

impl Wanted {
    /// What to look at for an expectation.
    pub fn of(expectation: &Expectation) -> Self {
        let removed = (expectation.deed == Deed::Removed).then_some(expectation.before.as_ref());
        let networks = removed.flatten().map(|before| before.spec.networks.clone());
        Self {
            id: expectation.id.clone(),
            name: expectation.name.clone(),
            networks: networks.unwrap_or_default(),
        }
    }
}
