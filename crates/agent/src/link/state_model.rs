//! The machine against a model that knows nothing of carriers: what is read at one end is what was
//! written at the other, in order, whatever happens below.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

const KEPT: usize = 300;

fn terms() -> Terms {
    Terms {
        kept: KEPT,
        beat: Duration::from_secs(2),
        silence: Duration::from_secs(7),
        patience: Duration::from_mins(5),
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Left,
    Right,
}

#[derive(Clone, Debug)]
enum Event {
    Write(End, usize),
    Read(End, usize),
    Speak(End),
    /// So many bytes get through to this end.
    Deliver(End, usize),
    /// All on its way is lost, and a new carrier is there.
    Cut,
    Time(u64),
    Finish(End),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (end(), 0..200_usize).prop_map(|(end, size)| Event::Write(end, size)),
        4 => (end(), 0..200_usize).prop_map(|(end, size)| Event::Read(end, size)),
        8 => end().prop_map(Event::Speak),
        8 => (end(), 0..150_usize).prop_map(|(end, size)| Event::Deliver(end, size)),
        2 => Just(Event::Cut),
        2 => (0..5000_u64).prop_map(Event::Time),
    ]
}

/// One end, with what the model knows of it.
struct Side {
    state: State,
    written: Vec<u8>,
    read: Vec<u8>,
    /// On its way to this end.
    underway: Vec<u8>,
    arrived: BytesMut,
}

impl Side {
    fn new(role: Role) -> Self {
        let (written, read, underway) = Default::default();
        Self { state: State::new(role, terms()), written, read, underway, arrived: BytesMut::new() }
    }

    fn write(&mut self, size: usize) {
        // No two neighbouring kilobytes are alike.
        let place = |at: usize| (at ^ (at >> 8)).to_le_bytes()[0];
        let bytes: Vec<u8> = (self.written.len()..).map(place).take(size).collect();
        let taken = self.state.write(&bytes);
        self.written.extend_from_slice(&bytes[..taken]);
    }

    fn read(&mut self, size: usize) {
        let readable = self.state.readable();
        let size = size.min(readable.len());
        self.read.extend_from_slice(&readable[..size]);
        self.state.consume(size);
    }

    fn deliver(&mut self, now: Instant, size: usize) {
        let size = size.min(self.underway.len());
        self.arrived.extend(self.underway.drain(..size));
        self.state.hear(now, &mut self.arrived).unwrap();
    }

    fn holds(&self) -> usize {
        self.state.outgoing.kept.len().max(self.state.incoming.unread.len())
    }
}

struct World {
    left: Side,
    right: Side,
    now: Instant,
    cuts: u8,
}

impl World {
    fn new() -> Self {
        let (left, right) = (Side::new(Role::Run), Side::new(Role::Agent));
        let mut world = Self { left, right, now: Instant::now(), cuts: 0 };
        world.cut();
        world
    }

    /// This end and the other one.
    fn of(&mut self, end: End) -> (&mut Side, &mut Side) {
        match end {
            End::Left => (&mut self.left, &mut self.right),
            End::Right => (&mut self.right, &mut self.left),
        }
    }

    fn apply(&mut self, event: &Event) {
        let now = self.now;
        match *event {
            Event::Write(end, size) => self.of(end).0.write(size),
            Event::Read(end, size) => self.of(end).0.read(size),
            Event::Speak(end) => {
                let (this, other) = self.of(end);
                this.state.speak(now, &mut other.underway);
            }
            Event::Deliver(end, size) => self.of(end).0.deliver(now, size),
            Event::Cut => self.cut(),
            Event::Time(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Event::Finish(end) => self.of(end).0.state.finish(),
        }
    }

    fn cut(&mut self) {
        self.cuts = self.cuts.wrapping_add(1);
        let seal = [self.cuts; 8];
        let (left, right) = (self.left.state.received(), self.right.state.received());
        for (side, theirs) in [(&mut self.left, right), (&mut self.right, left)] {
            side.underway.clear();
            side.arrived.clear();
            side.state.put_down();
            side.state.take_up(self.now, seal, theirs).unwrap();
        }
    }

    fn check(&self) {
        assert!(self.right.written.starts_with(&self.left.read));
        assert!(self.left.written.starts_with(&self.right.read));
        assert!(self.left.holds() <= KEPT && self.right.holds() <= KEPT);
    }

    /// Everything gets through from here on.
    fn settle(&mut self) {
        for end in [End::Left, End::Right].into_iter().cycle().take(64) {
            self.apply(&Event::Speak(end));
            self.apply(&Event::Deliver(end, usize::MAX));
            self.apply(&Event::Read(end, usize::MAX));
            self.apply(&Event::Read(end, usize::MAX));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_happens_to_the_carriers_nothing_is_lost_repeated_or_piled_up(
        events in prop::collection::vec(event(), 0..300)
    ) {
        let mut world = World::new();
        for event in &events {
            world.apply(event);
            world.check();
        }
        world.settle();
        prop_assert_eq!(&world.left.read, &world.right.written);
        prop_assert_eq!(&world.right.read, &world.left.written);
        world.apply(&Event::Finish(End::Left));
        world.apply(&Event::Finish(End::Right));
        world.settle();
        prop_assert!(world.left.state.over() && world.right.state.over());
        prop_assert!(world.left.state.exhausted() && world.right.state.exhausted());
    }

    #[test]
    fn bytes_of_somebody_else_never_pass_for_the_other_ends(
        kept in 0..200_usize, cut in 0..200_usize, stranger in prop::collection::vec(any::<u8>(), 0..400)
    ) {
        let mut world = World::new();
        world.apply(&Event::Write(End::Left, kept));
        world.apply(&Event::Speak(End::Left));
        let whole = cut >= world.right.underway.len();
        world.right.underway.truncate(cut);
        world.right.underway.extend_from_slice(&stranger);
        world.right.arrived.extend_from_slice(&std::mem::take(&mut world.right.underway));
        let _ = world.right.state.hear(world.now, &mut world.right.arrived);
        prop_assert_eq!(world.right.state.received(), if whole { kept as u64 } else { 0 });
    }
}

#[test]
fn a_quiet_end_beats_and_a_deaf_silence_gives_the_carrier_up() {
    let mut world = World::new();
    let begin = world.now;
    let mut out = Vec::new();
    world.left.state.speak(begin, &mut out);
    assert!(out.is_empty());
    world.left.state.speak(begin + terms().beat, &mut out);
    assert_eq!(out.len(), 29);
    assert_eq!(world.left.state.next_beat(), Some(begin + 2 * terms().beat));
    assert_eq!(world.left.state.given_up(), Some(begin + terms().silence));
    world.right.arrived.extend_from_slice(&out);
    world.right.state.hear(begin + terms().beat, &mut world.right.arrived).unwrap();
    assert_eq!(world.right.state.given_up(), Some(begin + terms().beat + terms().silence));
}

#[test]
fn an_end_that_has_received_what_was_never_sent_is_another_links() {
    let mut world = World::new();
    world.left.write(10);
    assert!(world.left.state.take_up(world.now, [0; 8], 11).is_err());
}
