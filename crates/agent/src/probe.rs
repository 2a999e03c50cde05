//! Whether services answer: TCP connections to all of them at once, again and again.
//!
//! Names are looked up in `/etc/hosts` and by the resolver of the place, and nowhere else: what
//! else the image's `/etc/nsswitch.conf` names would be loaded from the image, which holds modules
//! for its own C library, not for a program that brings its own.

use futures::Stream;
use futures::stream::FuturesUnordered;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// What one attempt may take. A container that isn't there yet makes connections wait.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Between two attempts; a port that nobody listens at refuses at once.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of one target, as it was given.
pub type Probed = (String, io::Result<()>);

/// Tries to connect to each `HOST:PORT` until it has answered or `patience` is over, and yields
/// each as soon as that is known: who answers, in the order of their answers, then the others
/// with what the last attempt ended with.
pub fn probe(targets: Vec<String>, patience: Duration) -> impl Stream<Item = Probed> {
    look_up_without_modules();
    let deadline = Instant::now() + patience;
    let watch = |target: String| async move {
        let answered = until_answered(&target, deadline).await;
        (target, answered)
    };
    targets.into_iter().map(watch).collect::<FuturesUnordered<_>>()
}

async fn until_answered(target: &str, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let attempt = timeout(ATTEMPT.min(left), TcpStream::connect(target)).await;
        let Err(error) = attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) else {
            return Ok(());
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

/// Has glibc (<https://sourceware.org/git/?p=glibc.git;a=blob;f=nss/nss.h;hb=glibc-2.36>) use the
/// two ways of looking up a host's name that have been built into it since 2.34
/// (<https://sourceware.org/git/?p=glibc.git;a=blob;f=nss/nss_module.c;hb=glibc-2.36>), so that
/// they work in a static program too.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "std looks names up by glibc and can't tell it how")]
fn look_up_without_modules() {
    use std::ffi::{c_char, c_int};
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    // SAFETY: both are C strings, which the function only reads.
    if unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) } != 0 {
        tracing::debug!("names are looked up as the image says");
    }
}

#[cfg(not(target_env = "gnu"))]
fn look_up_without_modules() {}
