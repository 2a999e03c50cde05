//! The runtime of a stage: one thread, which is enough for one job and costs a process nothing.

use job::{Failure, Result};

/// Runs `future` to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Failure::system("cannot start").caused_by(error).hint(
                "the machine is short of memory, processes or file descriptors: see ulimit -a",
            )
        })?;
    let result = runtime.block_on(future);
    // A read or write that still blocks must not keep the process.
    runtime.shutdown_background();
    result
}
