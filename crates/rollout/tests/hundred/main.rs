//! What a watch costs: requests and memory, whatever the number of services and events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the figures are worth reading")]

mod manager;
mod stack;

use std::time::{Duration, Instant};

use rollout::judge::Deadlines;
use rollout::record::timeline::Timeline;
use rollout::watch::Watch;

use manager::Manager;
use stack::{Stack, State};

/// For how long is watched.
const TIME: Duration = Duration::from_secs(10);

/// Requests per second.
const MOST: f64 = 10.0;

/// How much more memory a hundred services may take than one, at the peak, in KiB: their specifications
/// of before and after, the answers, and what the manager needs for these, which is played in here.
const MOST_MEMORY: u64 = 12 * 1024;

#[tokio::test]
async fn a_hundred_services_cost_no_more_requests_than_one() {
    let rates = [1, 10, 100].map(|services| rate(Stack { services, state: State::Rolls }));
    let rates = futures::future::join_all(rates).await;
    assert!(rates[2] < rates[0] + 1.0, "{rates:?}");
}

#[tokio::test]
async fn a_hundred_networks_that_are_in_use_are_asked_for_in_turn() {
    rate(Stack { services: 100, state: State::Lingers }).await;
}

#[tokio::test]
async fn a_hundred_services_take_little_memory() {
    let one = peak(Stack { services: 1, state: State::Rolls }).await;
    let all = peak(Stack { services: 100, state: State::Rolls }).await;
    println!("peaks with one service and with 100: {one} and {all} KiB");
    assert!(all < one + MOST_MEMORY, "{one} and {all} KiB");
}

/// Requests per second.
async fn rate(stack: Stack) -> f64 {
    let manager = Manager::of(stack);
    let began = Instant::now();
    watch(&manager, stack, TIME).await;
    let asked = manager.asked();
    let count = u32::try_from(asked.len()).unwrap();
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    println!("{stack:?}: {} requests, {rate:.1} per second", asked.len());
    assert!(rate < MOST, "{stack:?}: {rate} per second: {asked:?}");
    let looks = asked.iter().filter(|path| *path == "/services").count();
    assert!(looks > 4, "{stack:?}: {looks} looks only");
    rate
}

/// The most memory that this process has had so far, in KiB, of which the manager's is a part.
async fn peak(stack: Stack) -> u64 {
    let manager = Manager::of(stack);
    watch(&manager, stack, Duration::from_secs(3)).await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Watches for so long; nothing ends meanwhile.
async fn watch(manager: &Manager, stack: Stack, time: Duration) {
    let deadlines = Deadlines { progress: Duration::from_mins(10), total: Duration::from_hours(1) };
    let expectations = stack.expectations();
    let mut watch =
        Watch::new(manager.swarm(), Instant::now(), expectations, deadlines, Timeline::new);
    let mut looks = 0;
    let ended = tokio::time::timeout(time, watch.until_ended(|_| looks += 1)).await;
    assert!(ended.is_err(), "{ended:?}");
    let ended = watch.watched.iter().filter(|watched| watched.verdict.is_some()).count();
    let seen = watch.watched.iter().filter(|watched| watched.progress.is_some()).count();
    assert_eq!((ended, seen), (0, stack.services), "{looks} looks");
}
