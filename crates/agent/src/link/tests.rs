//! Both ends of a link over carriers that are cut, fall silent or never come, in paused time.

use super::*;
use crate::{AgentError, Duplex};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

const MIB: usize = 1 << 20;

/// What becomes of a carrier.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// It closes after so many bytes in either direction.
    Cut(usize),
    /// Nothing gets through after so many bytes in either direction, and nobody is told.
    Hole(usize),
    /// There is none.
    Refused,
    Gone,
}

/// The far end's machine, and the network in between.
#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    faults: Mutex<Box<dyn FnMut() -> Fault + Send>>,
    ways: Mutex<Vec<Way>>,
    passed: Arc<AtomicUsize>,
    far: Mutex<Far>,
    sessions: mpsc::UnboundedSender<Link>,
}

#[derive(Default)]
struct Far {
    carriers: Option<mpsc::Sender<Arrival>>,
}

impl World {
    fn new(
        faults: impl FnMut() -> Fault + Send + 'static,
    ) -> (Self, mpsc::UnboundedReceiver<Link>) {
        let (sessions, links) = mpsc::unbounded_channel();
        let faults: Box<dyn FnMut() -> Fault + Send> = Box::new(faults);
        let (faults, ways, passed, far) =
            (Mutex::new(faults), Mutex::default(), Arc::default(), Mutex::default());
        (Self(Arc::new(Inner { faults, ways, passed, far, sessions })), links)
    }

    /// Faults in this order, and none after them.
    fn with(faults: impl IntoIterator<Item = Fault>) -> (Self, mpsc::UnboundedReceiver<Link>) {
        let mut faults: VecDeque<_> = faults.into_iter().collect();
        Self::new(move || faults.pop_front().unwrap_or(Fault::None))
    }

    fn connect(&self, terms: Terms) -> Link {
        let world = self.clone();
        let connector = move |way| {
            let world = world.clone();
            async move { world.carrier(way) }
        };
        connect(Key::random().unwrap(), terms, Way::Attach, connector).unwrap()
    }

    fn carrier(&self, way: Way) -> io::Result<DuplexStream> {
        self.0.ways.lock().unwrap().push(way);
        let fault = self.0.faults.lock().unwrap()();
        match fault {
            Fault::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Fault::Gone => return Err(io::ErrorKind::NotFound.into()),
            _ => {}
        }
        let ((near, inner), (outer, far)) = (duplex(100_000), duplex(100_000));
        tokio::spawn(network(inner, outer, fault, Arc::clone(&self.0.passed)));
        tokio::spawn(self.clone().arrive(far));
        Ok(near)
    }

    async fn arrive(self, stream: DuplexStream) {
        let mut carrier = Carrier::new(Box::new(stream) as Box<dyn Duplex>);
        let Ok(hello) = Hello::find(&mut carrier.stream, &mut carrier.buffer).await else { return };
        let (back, _) = oneshot::channel();
        let carriers = {
            let mut far = self.0.far.lock().unwrap();
            let begin = || {
                let (link, carriers) = keep(hello.terms);
                self.0.sessions.send(link).unwrap();
                carriers
            };
            far.carriers.get_or_insert_with(begin).clone()
        };
        let _ = carriers.send(Arrival { hello, carrier, back }).await;
    }

    fn carriers(&self) -> usize {
        self.0.ways.lock().unwrap().len()
    }
}

async fn network(near: DuplexStream, far: DuplexStream, fault: Fault, passed: Arc<AtomicUsize>) {
    let (near, far) = (tokio::io::split(near), tokio::io::split(far));
    tokio::select! {
        () = transport(near.0, far.1, fault, &passed) => {}
        () = transport(far.0, near.1, fault, &passed) => {}
    }
}

async fn transport(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    fault: Fault,
    passed: &AtomicUsize,
) {
    let limit = match fault {
        Fault::Cut(limit) | Fault::Hole(limit) => limit,
        _ => usize::MAX,
    };
    let (mut buffer, mut total) = (vec![0; 50_000], 0);
    while total < limit {
        let room = buffer.len().min(limit - total);
        let Ok(size @ 1..) = from.read(&mut buffer[..room]).await else { return };
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
        total += size;
        passed.fetch_add(size, Ordering::Relaxed);
    }
    if matches!(fault, Fault::Hole(_)) {
        std::future::pending::<()>().await;
    }
}

/// Bytes in which each position can be told from its neighbours.
fn pattern(from: usize, size: usize) -> Vec<u8> {
    (from..from + size).map(|at| (at ^ (at >> 7) ^ (at >> 15)).to_le_bytes()[0]).collect()
}

async fn write_pattern(to: &mut (impl tokio::io::AsyncWrite + Unpin), size: usize) {
    for at in (0..size).step_by(MIB / 8) {
        to.write_all(&pattern(at, (MIB / 8).min(size - at))).await.unwrap();
    }
}

async fn expect_pattern(from: &mut (impl tokio::io::AsyncRead + Unpin), size: usize) {
    let mut buffer = vec![0; MIB / 8];
    for at in (0..size).step_by(MIB / 8) {
        let chunk = &mut buffer[..(MIB / 8).min(size - at)];
        from.read_exact(chunk).await.unwrap();
        assert!(chunk == pattern(at, chunk.len()), "other bytes from offset {at} on");
    }
}

/// The same bytes both ways, then the end, which `run` says first.
async fn exchange(mut near: Link, mut far: Link, size: usize) {
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(&mut far);
        tokio::join!(expect_pattern(&mut from, size), write_pattern(&mut to, size));
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    });
    let (mut from, mut to) = tokio::io::split(&mut near);
    tokio::join!(expect_pattern(&mut from, size), write_pattern(&mut to, size));
    near.shutdown().await.unwrap();
    echo.await.unwrap();
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn sixty_four_mebibytes_pass_both_ways_over_hundreds_of_cuts() {
    let mut seed = 7_u64;
    let (world, mut links) = World::new(move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Fault::Cut((seed >> 33) as usize % 400_000)
    });
    let near = world.connect(Terms::default());
    exchange(near, links.recv().await.unwrap(), 64 * MIB).await;
    assert!(world.carriers() > 300, "{} carriers", world.carriers());
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_any_byte_of_a_session_changes_nothing() {
    for limit in 0..1200 {
        for fault in [Fault::Cut(limit), Fault::Hole(limit)] {
            let (world, mut links) = World::with([fault]);
            let near = world.connect(Terms::default());
            let far = links.recv().await.unwrap();
            timeout(Duration::from_secs(30), exchange(near, far, 300))
                .await
                .unwrap_or_else(|_| panic!("stuck with {fault:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_carrier_is_an_attach_and_all_others_are_bridges() {
    let (world, mut links) = World::with([Fault::Cut(1000), Fault::Refused, Fault::Cut(1000)]);
    let near = world.connect(Terms::default());
    exchange(near, links.recv().await.unwrap(), 5000).await;
    let ways = world.0.ways.lock().unwrap().clone();
    assert_eq!(ways, [Way::Attach, Way::Bridge, Way::Bridge, Way::Bridge]);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_left_as_soon_as_the_silence_is_too_long() {
    let (world, mut links) = World::with([Fault::Hole(200_000)]);
    let near = world.connect(Terms::default());
    let began = Instant::now();
    exchange(near, links.recv().await.unwrap(), MIB).await;
    let took = began.elapsed();
    assert!(took > Terms::default().silence, "{took:?}");
    assert!(took < Terms::default().silence + Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_takes_one_carrier_and_few_bytes() {
    let (world, mut links) = World::with([]);
    let near = world.connect(Terms::default());
    let far = links.recv().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let passed = world.0.passed.load(Ordering::Relaxed);
    assert!(passed < 120_000, "{passed} bytes");
    exchange(near, far, 1000).await;
    assert_eq!(world.carriers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_its_time_is_no_lost_carrier() {
    let (world, mut links) = World::with([]);
    let mut near = world.connect(Terms::default());
    let mut far = links.recv().await.unwrap();
    let writing = tokio::spawn(async move {
        write_pattern(&mut far, 8 * MIB).await;
        far
    });
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(!writing.is_finished());
    expect_pattern(&mut near, 8 * MIB).await;
    writing.await.unwrap();
    assert_eq!(world.carriers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_at_the_bound_while_there_is_no_carrier() {
    let refusals = std::iter::repeat_n(Fault::Refused, 30);
    let (world, mut links) = World::with([Fault::Cut(100)].into_iter().chain(refusals));
    let mut near = world.connect(Terms::default());
    let mut far = links.recv().await.unwrap();
    let mut written = 0;
    while let Ok(size) = timeout(Duration::from_secs(1), far.write(&pattern(written, 5000))).await {
        written += size.unwrap();
    }
    assert_eq!(written, Terms::default().kept);
    expect_pattern(&mut near, written).await;
}

#[tokio::test(start_paused = true)]
async fn when_patience_is_over_both_ends_end_and_the_near_one_says_why() {
    let refusals = std::iter::repeat(Fault::Refused);
    let mut faults = [Fault::Cut(1000)].into_iter().chain(refusals);
    let (world, mut links) = World::new(move || faults.next().unwrap());
    let mut near = world.connect(Terms::default());
    let mut far = links.recv().await.unwrap();
    let began = Instant::now();
    let fate = near.fate();
    far.write_all(&[1; 2000]).await.unwrap();
    let mut rest = Vec::new();
    near.read_to_end(&mut rest).await.unwrap();
    let error = fate.explain(AgentError::Lost);
    assert!(matches!(error, AgentError::OutOfReach { .. }), "{error}");
    let took = began.elapsed();
    let patience = Terms::default().patience;
    assert!((patience..patience + Duration::from_secs(3)).contains(&took), "{took:?}");
    let until = timeout(Duration::from_secs(5), far.read(&mut [0])).await.unwrap();
    assert_eq!(until.unwrap(), 0);
    assert_eq!(far.write(&[0]).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_gone_is_waited_for_no_longer() {
    let (world, mut links) = World::with([Fault::Cut(300), Fault::Refused, Fault::Gone]);
    let mut near = world.connect(Terms::default());
    let far = links.recv().await.unwrap();
    let began = Instant::now();
    let fate = near.fate();
    let _ = near.write(&[0; 1000]).await;
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    let error = fate.explain(AgentError::Lost);
    assert!(matches!(error, AgentError::OutOfReach { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn the_end_that_the_agent_says_arrives_over_a_cut_after_any_byte() {
    for limit in 0..1200 {
        let (world, mut links) = World::with([Fault::Cut(limit)]);
        let mut near = world.connect(Terms::default());
        let mut far = links.recv().await.unwrap();
        write_pattern(&mut far, 1000).await;
        drop(far);
        let mut read = Vec::new();
        let ended = timeout(Duration::from_secs(30), near.read_to_end(&mut read)).await;
        ended.unwrap_or_else(|_| panic!("stuck after {limit} bytes")).unwrap();
        assert!(read == pattern(0, 1000), "{} bytes after {limit}", read.len());
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_near_end_ends_the_far_one_also_over_a_cut() {
    let (world, mut links) = World::with([Fault::Hole(400)]);
    let mut near = world.connect(Terms::default());
    let mut far = links.recv().await.unwrap();
    near.write_all(&[7; 1000]).await.unwrap();
    drop(near);
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, [7; 1000]);
}
