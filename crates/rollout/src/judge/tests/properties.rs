//! What holds whatever the orchestrator, the tasks and other people do.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Behaviour, STEP, Wish, World};
use crate::expectation::Deed;
use crate::judge::{Deadlines, Judge, Judgement};
use crate::snapshot::{FailureAction, Order, UpdateConfig};
use crate::verdict::{Outcome, Reason, Verdict};

const DEADLINES: Deadlines =
    Deadlines { progress: Duration::from_secs(40), total: Duration::from_secs(150) };
/// Between two looks, in milliseconds.
const LOOK: u64 = 500;

/// What somebody else does.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    OtherImage,
    OtherReplicas,
    TheSame,
    Back,
    Remove,
}

#[derive(Clone, Debug)]
struct Scenario {
    deed: Deed,
    before: Wish,
    wish: Wish,
    behaviour: Behaviour,
    other: Behaviour,
    meddling: Option<(u64, Meddling)>,
    election: Option<u64>,
    skew: [i64; 3],
    /// Which looks are dropped, over and over.
    dropped: Vec<bool>,
}

/// How a scenario ended, and the swarm at that moment.
struct Ending {
    verdict: Verdict,
    world: World,
    began: u64,
    /// The tasks that were there before.
    before: BTreeSet<String>,
    /// Whether somebody else wrote, and whether that removed the service.
    meddled: Option<Meddling>,
}

fn play(scenario: &Scenario, drops: bool) -> Ending {
    let Scenario { deed, before, wish, .. } = scenario;
    let mut world =
        World::new(&[(1, Behaviour::Runs(300)), (2, scenario.behaviour), (3, scenario.other)]);
    world.skew = scenario.skew;
    if *deed != Deed::Created {
        world.write(before.spec());
        world.run(10_000);
    }
    let wish = match deed {
        Deed::Created | Deed::Updated | Deed::ChangedMeanwhile => Some(wish.spec()),
        Deed::RolledBack => {
            world.write(wish.spec());
            world.run(30_000);
            None
        }
        Deed::Removed => None,
    };
    let deed = match deed {
        // What has already gone back can't be asked back, and is removed instead.
        Deed::RolledBack if world.service.as_ref().unwrap().previous.is_none() => Deed::Removed,
        deed => *deed,
    };
    let expectation = world.expect(deed, wish);
    world.went_back = false;
    let (began, before) = (world.now, expectation.before.clone().map(|before| before.tasks));
    let mut judge = Judge::new(expectation, DEADLINES);
    let mut meddled = None;
    let (mut looks, mut dropped) = (0, 0);
    loop {
        let at = world.now - began;
        if at.is_multiple_of(LOOK) {
            looks += 1;
            let drop = drops && dropped < 5 && scenario.dropped[looks % scenario.dropped.len()];
            dropped = if drop { dropped + 1 } else { 0 };
            if !drop && let Judgement::Ended(verdict) = judge.see(&world.snapshot(began)) {
                let before = before.unwrap_or_default();
                return Ending { verdict, world, began, before, meddled };
            }
        }
        assert!(at <= 160_000, "{judge:?}");
        if let Some((_, what)) = scenario.meddling.filter(|(when, _)| *when == at) {
            meddled = meddle(&mut world, &scenario.wish, what).or(meddled);
        }
        if scenario.election == Some(at) {
            world.elect();
        }
        world.step();
    }
}

fn meddle(world: &mut World, wish: &Wish, what: Meddling) -> Option<Meddling> {
    let service = world.service.as_ref()?;
    let (spec, has_previous) = (service.spec.clone(), service.previous.is_some());
    match what {
        Meddling::OtherImage => world.write(Wish { image: 3, ..wish.clone() }.spec()),
        Meddling::OtherReplicas => {
            world.write(Wish { replicas: wish.replicas + 1, ..wish.clone() }.spec());
        }
        Meddling::TheSame => world.write((*spec).clone()),
        Meddling::Back if has_previous => world.roll_back(),
        Meddling::Back => return None,
        Meddling::Remove => world.remove(),
    }
    Some(what)
}

fn config() -> impl Strategy<Value = UpdateConfig> {
    (
        0..3_u64,
        select(vec![0, 0, 1000, 6000]),
        select(vec![FailureAction::Pause, FailureAction::Continue, FailureAction::Rollback]),
        select(vec![2, 5]),
        select(vec![0.0, 0.0, 0.5]),
        select(vec![Order::StopFirst, Order::StartFirst]),
    )
        .prop_map(|(parallelism, delay, failure_action, monitor, max_failure_ratio, order)| {
            UpdateConfig {
                parallelism,
                delay: Duration::from_millis(delay),
                failure_action,
                monitor: Some(Duration::from_secs(monitor)),
                max_failure_ratio,
                order,
            }
        })
}

fn wish(image: impl Strategy<Value = u64>) -> impl Strategy<Value = Wish> {
    let restart = select(vec!["any", "any", "on-failure", "none"]);
    let attempts = select(vec![0, 0, 2]);
    (image, 0..4_u64, config(), config(), restart, attempts).prop_map(
        |(image, replicas, config, rollback, restart, max_attempts)| Wish {
            image,
            replicas,
            config,
            rollback,
            restart,
            max_attempts,
        },
    )
}

/// Behaviour that is the same for all tasks of an image, and shows within any `monitor`.
fn plain() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        3 => (1..60_u64).prop_map(|tenths| Behaviour::Runs(tenths * STEP)),
        1 => Just(Behaviour::IsRejected),
        1 => Just(Behaviour::IsStuck),
        1 => (0..15_u64).prop_map(|tenths| Behaviour::Crashes(tenths * STEP)),
        1 => (0..15_u64).prop_map(|tenths| Behaviour::Completes(tenths * STEP)),
    ]
}

fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    let tenths = || (0..100_u64).prop_map(|tenths| tenths * STEP);
    prop_oneof![
        2 => plain(),
        1 => tenths().prop_map(Behaviour::Crashes),
        1 => tenths().prop_map(Behaviour::Completes),
        2 => (tenths(), 1..6_usize)
            .prop_map(|(after, times)| Behaviour::CrashesAtFirst(after, times)),
    ]
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let deed = select(vec![
        Deed::Created,
        Deed::Updated,
        Deed::Updated,
        Deed::Updated,
        Deed::RolledBack,
        Deed::Removed,
    ]);
    let what = select(vec![
        Meddling::OtherImage,
        Meddling::OtherReplicas,
        Meddling::TheSame,
        Meddling::Back,
        Meddling::Remove,
    ]);
    let meddling =
        proptest::option::of((0..300_u64, what)).prop_map(|it| it.map(|(at, w)| (at * STEP, w)));
    let election =
        proptest::option::weighted(0.3, 0..300_u64).prop_map(|at| at.map(|at| at * STEP));
    (
        deed,
        wish(Just(1)),
        wish(select(vec![1, 2, 2, 2])),
        any_behaviour(),
        any_behaviour(),
        meddling,
        election,
        [-900..900_i64, -900..900_i64, -900..900_i64],
        proptest::collection::vec(any::<bool>(), 3..40),
    )
        .prop_map(
            |(deed, before, wish, behaviour, other, meddling, election, skew, dropped)| Scenario {
                deed,
                before,
                wish,
                behaviour,
                other,
                meddling,
                election,
                skew,
                dropped,
            },
        )
}

/// Without other people, and with tasks of which a look too few hides nothing.
fn steady_scenario() -> impl Strategy<Value = Scenario> {
    (scenario(), plain()).prop_map(|(scenario, behaviour)| Scenario {
        behaviour,
        other: behaviour,
        meddling: None,
        election: None,
        ..scenario
    })
}

impl Ending {
    fn reason(&self) -> &Reason {
        &self.verdict.reason
    }

    fn at(&self) -> u64 {
        u64::try_from(self.verdict.took.as_millis()).unwrap()
    }

    /// Whether as many tasks of the present specification run as it asks for.
    fn runs(&self, wish: &Wish) -> bool {
        let slots: BTreeSet<_> = self.world.running().map(|actor| actor.task.slot).collect();
        slots.len() as u64 == wish.replicas
    }

    /// The present tasks that this rollout made, and since when each runs.
    fn made(&self) -> impl Iterator<Item = u64> {
        let new = self.world.running().filter(|actor| !self.before.contains(&actor.task.id));
        new.map(|actor| actor.running_since.unwrap())
    }
}

/// For how long its tasks have to run.
fn monitor(scenario: &Scenario) -> u64 {
    let wish = asked(scenario);
    let config = if scenario.deed == Deed::RolledBack { &wish.rollback } else { &wish.config };
    u64::try_from(config.monitor.unwrap().as_millis()).unwrap()
}

/// What shall be in force at a good end.
fn asked(scenario: &Scenario) -> &Wish {
    if scenario.deed == Deed::RolledBack { &scenario.before } else { &scenario.wish }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn success_is_what_runs(scenario in scenario()) {
        for drops in [false, true] {
            let ending = play(&scenario, drops);
            let wish = asked(&scenario);
            match ending.reason() {
                Reason::Converged | Reason::Unchanged | Reason::RolledBackAsAsked => {
                    let service = ending.world.service.as_ref().unwrap();
                    prop_assert_eq!(&*service.spec, &wish.spec());
                    prop_assert!(!ending.world.went_back);
                    prop_assert!(ending.runs(wish) || wish.restart != "any", "{:?}", ending.world);
                }
                Reason::Completed => {
                    prop_assert!(wish.restart != "any" && wish.replicas > 0);
                    prop_assert!(!ending.world.went_back);
                }
                Reason::ScaledToZero | Reason::Removed => {
                    let ended = |actor: &super::model::Actor| actor.task.state.is_terminal();
                    prop_assert!(ending.world.actors.iter().all(ended));
                }
                _ => prop_assert_ne!(ending.verdict.outcome, Outcome::Succeeded),
            }
        }
    }

    #[test]
    fn no_task_is_believed_before_the_stability_time(scenario in scenario()) {
        let ending = play(&scenario, false);
        if matches!(ending.reason(), Reason::Converged | Reason::RolledBackAsAsked) {
            let monitor = monitor(&scenario);
            for since in ending.made() {
                prop_assert!(ending.world.now - since >= monitor, "{:?}", ending.world);
            }
        }
    }

    #[test]
    fn others_are_blamed_only_if_they_meddled(scenario in scenario()) {
        let ending = play(&scenario, true);
        match ending.reason() {
            Reason::SupersededByUpdate => prop_assert!(ending.meddled.is_some()),
            Reason::RemovedByOthers => {
                prop_assert!(matches!(ending.meddled, Some(Meddling::Remove)));
            }
            _ => {}
        }
    }

    #[test]
    fn all_ends_in_time(scenario in scenario()) {
        for drops in [false, true] {
            let ending = play(&scenario, drops);
            prop_assert!(ending.verdict.took <= DEADLINES.total + Duration::from_secs(3));
            prop_assert!(ending.verdict.failures.len() <= 20);
        }
    }

    #[test]
    fn a_look_too_few_changes_no_outcome(scenario in steady_scenario()) {
        let (all, some) = (play(&scenario, false), play(&scenario, true));
        prop_assert_eq!(
            all.verdict.outcome, some.verdict.outcome,
            "{:?} or {:?}", all.verdict, some.verdict
        );
    }

    #[test]
    fn a_verdict_comes_within_two_seconds(scenario in steady_scenario()) {
        let ending = play(&scenario, false);
        let said = ending.world.said_at.saturating_sub(ending.began);
        let latest = match ending.reason() {
            Reason::Converged | Reason::RolledBackAsAsked => {
                let monitor = monitor(&scenario);
                let stable = ending.made().map(|since| since + monitor - ending.began).max();
                said.max(stable.unwrap_or(0))
            }
            Reason::Paused { .. }
            | Reason::RolledBack { .. }
            | Reason::RollbackPaused { .. }
            | Reason::Unchanged => said,
            _ => return Ok(()),
        };
        prop_assert!(ending.at() <= latest + 2000, "{} > {latest}: {:?}", ending.at(), ending.verdict);
    }
}
