//! Specifications that were seen already, each kept once: a hundred services are looked at again and
//! again, and most looks show what the last one did.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expectation::Expectation;
use crate::snapshot::{Service, Spec};

/// So many are kept of one service: what was there before, what was asked for, and what somebody else
/// made of it.
const KEPT: usize = 3;

/// What was seen, by the service's ID.
#[derive(Default)]
pub(super) struct Specs(HashMap<String, Vec<Arc<Spec>>>);

impl Specs {
    /// Those of an expectation are kept anyway.
    pub(super) fn know(&mut self, expectation: &Expectation) {
        let before = expectation.before.iter().map(|before| &before.spec);
        let after = expectation.after.iter().map(|after| &after.spec);
        let known = self.0.entry(expectation.id.clone()).or_default();
        for spec in before.chain(after) {
            if !known.iter().any(|known| Arc::ptr_eq(known, spec)) {
                keep(known, spec);
            }
        }
    }

    /// The service, with specifications of which there is no second copy.
    pub(super) fn share(&mut self, mut service: Service) -> Service {
        let known = self.0.entry(service.id.clone()).or_default();
        for spec in service.previous.iter_mut().chain([&mut service.spec]) {
            match known.iter().find(|known| *known == spec) {
                Some(known) => *spec = Arc::clone(known),
                None => keep(known, spec),
            }
        }
        service
    }
}

fn keep(known: &mut Vec<Arc<Spec>>, spec: &Arc<Spec>) {
    if known.len() == KEPT {
        known.remove(0);
    }
    known.push(Arc::clone(spec));
}
