//! Tells the ledger of what passes the gateway.

use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::touched::{Change, Touched};
use gateway::witness::Witness;
use rollout::expectation::Deed;
use rollout::ledger::Ledger;

use super::probing::Probing;

/// Has services looked at before and after a job changes them.
pub(super) struct LedgerWitness {
    pub(super) ledger: Ledger,
    /// Begins with the first change.
    pub(super) probe: Option<Probing>,
}

impl Witness for LedgerWitness {
    fn before<'w>(&'w self, change: &'w Change, asked: Option<&'w str>) -> BoxFuture<'w, ()> {
        async move {
            self.ledger.begin();
            if let Some(probe) = &self.probe {
                probe.begin();
            }
            if let Some(asked) = asked.filter(|_| *change != Change::Created) {
                self.ledger.before(asked).await;
            }
        }
        .boxed()
    }

    fn after<'w>(&'w self, touched: &'w Touched) -> BoxFuture<'w, ()> {
        async move {
            let asked = touched.id.as_deref().unwrap_or(&touched.asked);
            self.ledger.after(asked, deed(touched.change)).await;
        }
        .boxed()
    }
}

fn deed(change: Change) -> Deed {
    match change {
        Change::Created => Deed::Created,
        Change::Updated { .. } => Deed::Updated,
        Change::RolledBack { .. } => Deed::RolledBack,
        Change::Removed => Deed::Removed,
    }
}
