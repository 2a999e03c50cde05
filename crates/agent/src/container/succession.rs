//! One session after the other by the same stdin and stdout, behind an engine that copies to and
//! from all who are attached, each at its own pace.

use super::*;
use crate::link::{Key, Link, SessionId, Terms, Way, connect, keep};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::Notify;

/// What is asked and answered in each session, in bytes.
const SIZE: usize = 300;
const ROOM: usize = 1 << 16;

/// What the engine does to one attach.
#[derive(Clone, Debug)]
enum Fate {
    None,
    /// What `run` says from a moment on is still on its way when it has left.
    Delayed(Arc<Delay>),
    /// Such bytes arrive behind so many of this one's.
    Strays(Vec<u8>, usize),
    /// It closes so many bytes after a moment.
    Cut(Arc<Delay>, usize),
}

#[derive(Debug, Default)]
struct Delay {
    begun: Mutex<bool>,
    held: Mutex<Vec<u8>>,
}

impl Delay {
    fn has_begun(&self) -> bool {
        *self.begun.lock().unwrap()
    }
}

/// An engine with one container.
#[derive(Clone)]
struct Engine {
    key: Key,
    stdin: Arc<tokio::sync::Mutex<WriteHalf<DuplexStream>>>,
    attached: Arc<Mutex<Vec<mpsc::UnboundedSender<Vec<u8>>>>>,
    written: Arc<Mutex<usize>>,
    arrivals: mpsc::Sender<Arrival>,
    /// Lets the script that is under way end.
    end: Arc<Notify>,
}

impl Engine {
    fn start() -> Self {
        let (inside, outside) = duplex(ROOM);
        let (stdout, stdin) = split(outside);
        let (sender, arrivals) = mpsc::channel(1);
        let engine = Self {
            key: Key::random().unwrap(),
            stdin: Arc::new(tokio::sync::Mutex::new(stdin)),
            attached: Arc::default(),
            written: Arc::default(),
            arrivals: sender.clone(),
            end: Arc::default(),
        };
        tokio::spawn(stdio(Box::new(inside), sender));
        tokio::spawn(lodge(arrivals, Arc::clone(&engine.end)));
        tokio::spawn(engine.clone().broadcast(stdout));
        engine
    }

    async fn broadcast(self, mut stdout: ReadHalf<DuplexStream>) {
        let mut buffer = vec![0; 100];
        while let Ok(size @ 1..) = stdout.read(&mut buffer).await {
            *self.written.lock().unwrap() += size;
            let send = |to: &mpsc::UnboundedSender<_>| to.send(buffer[..size].to_vec()).is_ok();
            self.attached.lock().unwrap().retain(send);
        }
    }

    fn connect(&self, fate: Fate, ways: &Arc<Mutex<Vec<Way>>>) -> Link {
        let (engine, ways) = (self.clone(), Arc::clone(ways));
        let connector = move |way| {
            ways.lock().unwrap().push(way);
            let (near, far) = duplex(ROOM);
            match way {
                Way::Attach => drop(tokio::spawn(engine.clone().attach(far, fate.clone()))),
                Way::Bridge => drop(tokio::spawn(visit(Box::new(far), engine.arrivals.clone()))),
            }
            std::future::ready(Ok(near))
        };
        connect(self.key, Terms::default(), Way::Attach, connector).unwrap()
    }

    async fn attach(self, stream: DuplexStream, fate: Fate) {
        let (from, to) = split(stream);
        let (sender, output) = mpsc::unbounded_channel();
        self.attached.lock().unwrap().push(sender);
        let up = self.copy_up(from, &fate);
        let Fate::Cut(since, left) = &fate else {
            let never = Delay::default();
            tokio::join!(up, copy_down(output, to, &never, 0));
            return;
        };
        tokio::select! {
            () = copy_down(output, to, since, *left) => {}
            () = async { up.await; std::future::pending().await } => {}
        }
    }

    async fn copy_up(&self, mut from: ReadHalf<DuplexStream>, fate: &Fate) {
        let (mut buffer, mut total) = (vec![0; 50], 0);
        loop {
            let room = match fate {
                Fate::Strays(bytes, at) if total == *at => {
                    self.stdin.lock().await.write_all(bytes).await.unwrap();
                    buffer.len()
                }
                Fate::Strays(_, at) if total < *at => buffer.len().min(at - total),
                _ => buffer.len(),
            };
            let Ok(size @ 1..) = from.read(&mut buffer[..room]).await else { return };
            total += size;
            match fate {
                Fate::Delayed(delay) if delay.has_begun() => {
                    delay.held.lock().unwrap().extend_from_slice(&buffer[..size]);
                }
                _ => self.stdin.lock().await.write_all(&buffer[..size]).await.unwrap(),
            }
        }
    }

    /// A whole session, and the ways that it took. `near_the_end` comes before its last bytes.
    async fn session(
        &self,
        number: u8,
        fate: Fate,
        near_the_end: impl AsyncFnOnce(&mut Link),
    ) -> Vec<Way> {
        let ways = Arc::default();
        let mut link = self.connect(fate, &ways);
        link.write_all(&[number; SIZE]).await.unwrap();
        let mut answer = [0; SIZE];
        link.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [!number; SIZE]);
        near_the_end(&mut link).await;
        self.end.notify_one();
        let mut rest = Vec::new();
        link.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [number; SIZE]);
        ways.lock().unwrap().clone()
    }

    async fn plain_session(&self, number: u8, fate: Fate) -> Vec<Way> {
        self.session(number, fate, async |_| ()).await
    }
}

async fn copy_down(
    mut output: mpsc::UnboundedReceiver<Vec<u8>>,
    mut to: WriteHalf<DuplexStream>,
    since: &Delay,
    mut left: usize,
) {
    while let Some(mut bytes) = output.recv().await {
        if since.has_begun() {
            bytes.truncate(left);
            left -= bytes.len();
        }
        if to.write_all(&bytes).await.is_err() || (since.has_begun() && left == 0) {
            return;
        }
    }
}

/// Serves one session after the other, as the agent does.
async fn lodge(mut arrivals: mpsc::Receiver<Arrival>, end: Arc<Notify>) {
    let mut latest: Option<(SessionId, mpsc::Sender<Arrival>)> = None;
    while let Some(arrival) = arrivals.recv().await {
        let session = arrival.hello.session;
        if latest.as_ref().is_none_or(|(id, _)| *id != session) {
            let (link, carriers) = keep(arrival.hello.terms);
            tokio::spawn(script(link, Arc::clone(&end)));
            latest = Some((session, carriers));
        }
        let _ = latest.as_ref().unwrap().1.send(arrival).await;
    }
}

async fn script(mut link: Link, end: Arc<Notify>) {
    let mut question = [0; SIZE];
    link.read_exact(&mut question).await.unwrap();
    link.write_all(&question.map(|byte| !byte)).await.unwrap();
    end.notified().await;
    link.write_all(&question).await.unwrap();
}

/// Runs a test in paused time, in which an hour is soon over.
fn in_paused_time(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let hour = Duration::from_hours(1);
    runtime.block_on(async { timeout(hour, test).await.expect("it hangs") });
}

/// What `run` still says to an agent that doesn't listen any more: frames, and in them whatever
/// the job's docker connections carry.
async fn leave_behind(engine: &Engine, size: usize) -> Vec<u8> {
    let delay = Arc::<Delay>::default();
    let late = async |link: &mut Link| {
        *delay.begun.lock().unwrap() = true;
        for _ in 0..4 {
            link.write_all(b"\0swexln1 and whatever else the daemon says").await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    };
    let ways = engine.session(1, Fate::Delayed(Arc::clone(&delay)), late).await;
    assert_eq!(ways, [Way::Attach]);
    let mut held = delay.held.lock().unwrap().clone();
    assert!(held.len() > 250, "{} bytes", held.len());
    held.truncate(size);
    held
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn strays_of_a_former_session_cost_the_next_one_nothing(size in 0..300_usize) {
        in_paused_time(async {
            let engine = Engine::start();
            let strays = leave_behind(&engine, size).await;
            assert_eq!(engine.plain_session(2, Fate::Strays(strays, 0)).await, [Way::Attach]);
            assert_eq!(engine.plain_session(3, Fate::None).await, [Way::Attach]);
        });
    }

    #[test]
    fn strays_that_come_too_late_never_pass_for_the_next_sessions_bytes(
        size in 1..300_usize, at in 1..600_usize
    ) {
        in_paused_time(async {
            let engine = Engine::start();
            let strays = leave_behind(&engine, size).await;
            let ways = engine.plain_session(2, Fate::Strays(strays, at)).await;
            assert!(ways.len() <= 2, "{ways:?}");
        });
    }
}

#[test]
fn a_session_that_is_cut_at_its_end_is_told_the_rest_and_stdout_is_never_written_to_again() {
    let mut bridged = 0;
    for left in 1..SIZE + 100 {
        in_paused_time(async {
            let engine = Engine::start();
            let end = Arc::<Delay>::default();
            let begin = async |_: &mut Link| *end.begun.lock().unwrap() = true;
            let ways = engine.session(1, Fate::Cut(Arc::clone(&end), left), begin).await;
            let (was_cut, written) = (ways.len() > 1, *engine.written.lock().unwrap());
            let next = engine.plain_session(2, Fate::None).await;
            let still_written = *engine.written.lock().unwrap() > written;
            assert_eq!((still_written, next.len() == 1), (!was_cut, !was_cut), "{left}: {next:?}");
            bridged += usize::from(was_cut);
        });
    }
    assert!(bridged > SIZE, "{bridged} sessions were cut");
}
