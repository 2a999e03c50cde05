//! Somebody who looks at a service before and after the job changes it.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::touched::{Change, Touched};

/// Longest that a change, and then the job's answer, waits for a look. Below the time for which an
/// answer may be silent towards a job that has ended its input, see [`crate::line`].
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at services around the changes that a job makes to them.
///
/// Both looks are waited for, so that the first one sees the service as it was, and the job's next
/// command comes after the second. Neither is waited for longer than three seconds: a look that
/// takes longer is dropped, and the change goes its way.
pub trait Witness: Send + Sync {
    /// A change is about to go to the cluster, which may yet decline it. `asked` is the service as
    /// the request names it: a name, an ID or the beginning of an ID; the new name for a creation,
    /// none where that can't be read.
    fn before<'w>(&'w self, change: &'w Change, asked: Option<&'w str>) -> BoxFuture<'w, ()>;

    /// The cluster has accepted it.
    fn after<'w>(&'w self, touched: &'w Touched) -> BoxFuture<'w, ()>;
}

/// Waits for a look, if not for ever.
pub(crate) async fn wait(look: BoxFuture<'_, ()>) {
    if tokio::time::timeout(PATIENCE, look).await.is_err() {
        tracing::warn!(seconds = PATIENCE.as_secs(), "a look at a service took too long");
    }
}
