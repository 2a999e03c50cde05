//! What the operator reads: `tracing` events to systemd's journal or to a file of JSON lines.
//!
//! Separate from the job log, and never in its way: a destination that can't be opened is reported
//! once in the job log and the job goes on.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use job::settings::{Destination, Diagnostics};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Starts the diagnostics of this process. `Err` says, for a person, what is missing.
pub(crate) fn start(diagnostics: &Diagnostics) -> Result<(), String> {
    let filter = EnvFilter::try_new(&diagnostics.level).map_err(|error| {
        format!("no diagnostics: `level` \"{}\" of the settings: {error}", diagnostics.level)
    })?;
    let Some(layer) = layer(&diagnostics.destination)? else { return Ok(()) };
    // A second start, as a test in one process may ask for, keeps the first destination.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Ok(())
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn layer(destination: &Destination) -> Result<Option<BoxedLayer>, String> {
    match destination {
        Destination::Automatic => Ok(tracing_journald::layer().ok().map(Layer::boxed)),
        Destination::Journald => match tracing_journald::layer() {
            Ok(layer) => Ok(Some(layer.boxed())),
            Err(error) => Err(format!("diagnostics cannot go to systemd's journal: {error}")),
        },
        Destination::File(path) => json_lines(path).map(Some),
        Destination::Nowhere => Ok(None),
    }
}

fn json_lines(path: &Path) -> Result<BoxedLayer, String> {
    let file =
        OpenOptions::new().create(true).append(true).mode(0o640).open(path).map_err(|error| {
            format!("no diagnostics: `file` {} of the settings: {error}", path.display())
        })?;
    Ok(tracing_subscriber::fmt::layer().json().with_writer(Mutex::new(file)).boxed())
}
