//! The policy that reads each service for what will drop requests, before it goes to the cluster.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::policy::{Decision, Policy, RequestFacts, Verdict};
use gateway::service::{self, Asked, ServiceFacts};
use gateway::touched::Change;
use job::settings::Advice as Rules;
use rollout::advise::{Advice, Facts, Image, Login, advise};
use rollout::report;
use rollout::snapshot::{Healthcheck, Spec};

use crate::job_log::JobLog;

/// The rule by which what can't be read is refused.
const UNREADABLE: &str = "advice";

/// The advice on the services of one job, by their names: what was last asked for counts.
#[derive(Clone)]
pub(super) struct Advised {
    rules: Rules,
    advice: Arc<Mutex<BTreeMap<String, Vec<Advice>>>>,
}

impl Advised {
    pub(super) fn by(rules: &Rules) -> Self {
        Self { rules: rules.clone(), advice: Arc::default() }
    }

    /// All of it, each rule once per service.
    pub(super) fn list(&self) -> Vec<Advice> {
        self.advice().values().flatten().cloned().collect()
    }

    /// Tells it to a job whose rollouts nobody waits for.
    pub(super) fn tell(&self, log: JobLog) {
        for line in report::advised(&self.list()) {
            log.line(line.painted());
        }
    }

    /// The policy that lets `rest` decide first.
    pub(super) fn before<P: Policy>(&self, rest: P) -> Advising<P> {
        Advising { advised: self.clone(), rest }
    }

    /// Reads a service, and keeps what is to be told of it. The answer is what may not be so.
    fn read(&self, service: &ServiceFacts<'_>) -> Option<Decision> {
        let spec = match service.asked {
            Asked::Spec(whole) => Spec::read(whole.clone()),
            Asked::Unclear(_) => None,
        };
        let Some(spec) = spec else {
            return (!self.rules.mandatory.is_empty()).then(|| unreadable(service));
        };
        let health = service.image.healthcheck().and_then(Healthcheck::read);
        let image = match service.image {
            service::Image::Unknown => Image::Unknown,
            service::Image::Known { .. } => Image::Known(health.as_ref()),
        };
        let login = login(service);
        let mut advice = advise(&Facts { image, login, ..Facts::of(&spec) });
        advice.retain(|advice| !self.rules.silence.contains(&advice.rule));
        let broken = advice.iter().find(|advice| self.rules.mandatory.contains(&advice.rule));
        let refusal = broken.map(|advice| Decision {
            verdict: Verdict::RefuseInWords { words: advice.to_string() },
            rule: Cow::Borrowed(advice.rule.name()),
        });
        self.advice().insert(spec.name, advice);
        refusal
    }

    fn advice(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Advice>>> {
        self.advice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another policy, and after it the rules that the profile makes mandatory.
pub(super) struct Advising<P> {
    advised: Advised,
    rest: P,
}

impl<P: Policy> Policy for Advising<P> {
    fn decide(&self, facts: &RequestFacts<'_>) -> Decision {
        let decision = self.rest.decide(facts);
        let allowed = decision.verdict == Verdict::Allow;
        let service = facts.service.filter(|service| allowed && asks_for_something(service.change));
        service.and_then(|service| self.advised.read(&service)).unwrap_or(decision)
    }

    fn wants_image(&self, facts: &RequestFacts<'_>) -> bool {
        let asks = facts.service.is_some_and(|service| asks_for_something(service.change));
        asks || self.rest.wants_image(facts)
    }
}

/// A rollback takes no notice of the specification that comes with it.
fn asks_for_something(change: Change) -> bool {
    matches!(change, Change::Created | Change::Updated { .. })
}

fn login<'f>(service: &ServiceFacts<'f>) -> Login<'f> {
    match (service.login, service.change) {
        (service::Login::Brought { user }, _) => Login::Brought { user: user.as_deref() },
        (service::Login::Absent, Change::Created) => Login::Absent,
        (service::Login::Absent, _) => Login::Unknown,
    }
}

fn unreadable(service: &ServiceFacts<'_>) -> Decision {
    let why = match service.asked {
        Asked::Unclear(why) => why.to_string(),
        Asked::Spec(_) => "is no specification of a service".to_owned(),
    };
    let words = format!(
        "the specification {why}, so the rules that this runner makes mandatory can't be checked"
    );
    Decision { verdict: Verdict::RefuseInWords { words }, rule: Cow::Borrowed(UNREADABLE) }
}
