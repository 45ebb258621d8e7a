use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{GaveUp, Groups, Race, Racer};
use crate::deadline::Deadline;

/// What becomes of an attempt, so many milliseconds after it began.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Opens(u64),
    Fails(u64),
    Hangs,
}

/// A world with a clock of its own, where every address has a fate and everything is written down.
#[derive(Debug, Default)]
struct World {
    now_ms: u64,
    fates: BTreeMap<&'static str, Fate>,
    begun: Vec<(&'static str, u64)>,
    /// Connections that are open and that nobody has closed.
    open: Vec<&'static str>,
    /// Attempts that go on.
    running: Vec<&'static str>,
}

type Shared = Rc<RefCell<World>>;

struct Tries(Shared);

#[derive(Debug)]
struct Try {
    world: Shared,
    address: &'static str,
    begun_ms: u64,
}

impl Drop for Try {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.running.retain(|running| *running != self.address);
    }
}

#[derive(Debug)]
struct Conn {
    world: Shared,
    address: &'static str,
}

impl Drop for Conn {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.open.retain(|open| *open != self.address);
    }
}

type Error = (&'static str, &'static str);

impl Racer for Tries {
    type Address = &'static str;
    type Attempt = Try;
    type Conn = Conn;
    type Error = Error;

    fn begin(&mut self, address: &&'static str) -> Try {
        let mut world = self.0.borrow_mut();
        let begun_ms = world.now_ms;
        world.begun.push((address, begun_ms));
        world.running.push(address);
        Try {
            world: Rc::clone(&self.0),
            address,
            begun_ms,
        }
    }

    fn poll(&mut self, attempt: &mut Try, _cx: &mut Context<'_>) -> Poll<Result<Conn, Error>> {
        let address = attempt.address;
        let mut world = self.0.borrow_mut();
        let age = world.now_ms - attempt.begun_ms;
        match world.fates[address] {
            Fate::Opens(after) if age >= after => {
                world.open.push(address);
                let world = Rc::clone(&self.0);
                Poll::Ready(Ok(Conn { world, address }))
            }
            Fate::Fails(after) if age >= after => Poll::Ready(Err((address, "refused"))),
            Fate::Opens(_) | Fate::Fails(_) | Fate::Hangs => Poll::Pending,
        }
    }

    fn gave_up(&self, address: &&'static str, why: GaveUp) -> Error {
        match why {
            GaveUp::Timeout => (address, "timeout"),
            GaveUp::Canceled => (address, "canceled"),
        }
    }
}

/// A race on its world, at the millisecond 1.
struct Track {
    world: Shared,
    race: Race<Tries>,
}

const START_MS: u64 = 1;
const DELAY: Duration = Duration::from_millis(300);

fn at_ms(ms: u64) -> Deadline {
    Deadline::from_nanos(ms * 1_000_000)
}

/// Addresses that begin with `6` are of IPv6. `deadline_ms` counts from the start.
fn track(fates: &[(&'static str, Fate)], delay: Duration, deadline_ms: Option<u64>) -> Track {
    let world = Rc::new(RefCell::new(World {
        now_ms: START_MS,
        fates: fates.iter().copied().collect(),
        ..World::default()
    }));
    let addresses: Vec<_> = fates.iter().map(|(address, _)| *address).collect();
    let groups = Groups::split(addresses, |address| address.starts_with('6'));
    let deadline = deadline_ms.map_or(Deadline::NONE, |ms| at_ms(START_MS + ms));
    let race = Race::new(Tries(Rc::clone(&world)), groups, delay, deadline);
    Track { world, race }
}

impl Track {
    fn poll(&mut self) -> Poll<Result<Conn, Option<Error>>> {
        let now = at_ms(self.world.borrow().now_ms);
        self.race.poll(&mut Context::from_waker(Waker::noop()), now)
    }

    /// Runs to the end, stopping at each millisecond. Gives the outcome and when it came, counted
    /// from the start. At the end of a minute nobody wins.
    fn run(&mut self) -> (Result<Conn, Option<Error>>, u64) {
        for ms in START_MS..60_000 {
            self.world.borrow_mut().now_ms = ms;
            let due = self.race.next_deadline() <= at_ms(ms);
            match self.poll() {
                Poll::Ready(outcome) => return (outcome, ms - START_MS),
                Poll::Pending => {
                    let next = self.race.next_deadline();
                    assert!(
                        next > at_ms(ms),
                        "after {ms} ms {next:?} is over, due: {due}"
                    );
                }
            }
        }
        panic!("the race has no end");
    }

    /// When each address was begun, counted from the start.
    fn begun(&self) -> Vec<(&'static str, u64)> {
        let world = self.world.borrow();
        world
            .begun
            .iter()
            .map(|(it, ms)| (*it, ms - START_MS))
            .collect()
    }
}

#[test]
fn addr_list_partition() {
    let split = |addresses: &[&'static str]| {
        let groups = Groups::split(addresses.to_vec(), |address| address.starts_with('6'));
        (groups.primaries, groups.fallbacks)
    };
    assert_eq!(split(&[]), (vec![], vec![]));
    assert_eq!(split(&["4a"]), (vec!["4a"], vec![]));
    assert_eq!(split(&["6a", "6b"]), (vec!["6a", "6b"], vec![]));
    assert_eq!(split(&["4a", "6a"]), (vec!["4a"], vec!["6a"]));
    assert_eq!(
        split(&["6a", "4a", "6b", "4b"]),
        (vec!["6a", "6b"], vec!["4a", "4b"]),
        "the order within a group is kept"
    );
}

#[test]
fn a_primary_that_opens_before_the_delay_runs_alone() {
    let mut track = track(
        &[("6a", Fate::Opens(299)), ("4a", Fate::Opens(0))],
        DELAY,
        None,
    );
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap().address, ms), ("6a", 299));
    assert_eq!(track.begun(), [("6a", 0)]);
}

#[test]
fn a_fallback_wins_after_300_ms_if_the_primary_hangs() {
    let mut track = track(&[("6a", Fate::Hangs), ("4a", Fate::Opens(10))], DELAY, None);
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap().address, ms), ("4a", 310));
    assert_eq!(track.begun(), [("6a", 0), ("4a", 300)]);
}

#[test]
fn a_primary_may_still_win_after_the_fallback_began() {
    let fates = [("6a", Fate::Opens(320)), ("4a", Fate::Opens(100))];
    let (outcome, ms) = track(&fates, DELAY, None).run();
    assert_eq!((outcome.unwrap().address, ms), ("6a", 320));
}

#[test]
fn the_fallback_begins_at_once_when_the_primaries_have_failed() {
    let fates = [
        ("6a", Fate::Fails(20)),
        ("4a", Fate::Opens(10)),
        ("6b", Fate::Fails(30)),
    ];
    let mut track = track(&fates, DELAY, None);
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap().address, ms), ("4a", 60));
    assert_eq!(track.begun(), [("6a", 0), ("6b", 20), ("4a", 50)]);
}

#[test]
fn the_primaries_go_on_in_turn_while_the_fallbacks_run() {
    let fates = [
        ("6a", Fate::Fails(400)),
        ("6b", Fate::Opens(50)),
        ("4a", Fate::Fails(10)),
        ("4b", Fate::Hangs),
    ];
    let mut track = track(&fates, DELAY, None);
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap().address, ms), ("6b", 450));
    assert_eq!(
        track.begun(),
        [("6a", 0), ("4a", 300), ("4b", 310), ("6b", 400)]
    );
}

#[test]
fn when_all_fail_the_error_is_that_of_the_first_address() {
    let fates = [
        ("6a", Fate::Fails(350)),
        ("6b", Fate::Fails(1)),
        ("4a", Fate::Fails(1)),
    ];
    let mut track = track(&fates, DELAY, None);
    let (outcome, ms) = track.run();
    assert_eq!(outcome.unwrap_err(), Some(("6a", "refused")));
    assert_eq!(ms, 351, "it is told when the last one has failed");
}

#[test]
fn the_fallbacks_may_fail_last() {
    let fates = [("6a", Fate::Fails(5)), ("4a", Fate::Fails(500))];
    let (outcome, ms) = track(&fates, DELAY, None).run();
    assert_eq!((outcome.unwrap_err(), ms), (Some(("6a", "refused")), 505));
}

#[test]
fn without_an_address_there_is_no_error_to_tell() {
    let mut track = track(&[], DELAY, None);
    assert!(matches!(track.poll(), Poll::Ready(Err(None))));
}

#[test]
fn a_zero_delay_lets_both_families_run_at_once() {
    let fates = [("6a", Fate::Opens(9)), ("4a", Fate::Opens(8))];
    let mut track = track(&fates, Duration::ZERO, None);
    assert_eq!(track.run().1, 8);
    assert_eq!(track.begun(), [("6a", 0), ("4a", 0)]);
}

#[test]
fn one_group_is_never_raced_but_tried_in_order() {
    let world = Rc::new(RefCell::new(World {
        now_ms: START_MS,
        fates: [("6a", Fate::Fails(700)), ("4a", Fate::Opens(1))].into(),
        ..World::default()
    }));
    let groups = Groups::one(vec!["6a", "4a"]);
    let race = Race::new(Tries(Rc::clone(&world)), groups, DELAY, Deadline::NONE);
    let mut track = Track { world, race };
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap().address, ms), ("4a", 701));
    assert_eq!(track.begun(), [("6a", 0), ("4a", 700)]);
}

#[test]
fn the_loser_is_closed() {
    // Both are open in the same millisecond.
    let fates = [("6a", Fate::Opens(400)), ("4a", Fate::Opens(100))];
    let mut track = track(&fates, DELAY, None);
    let (outcome, _) = track.run();
    let winner = outcome.unwrap();
    drop(track.race);
    assert_eq!(track.world.borrow().running, [] as [&str; 0]);
    assert_eq!(track.world.borrow().open, ["6a"]);
    drop(winner);
    assert_eq!(track.world.borrow().open, [] as [&str; 0]);
}

#[test]
fn the_time_left_is_shared_equally_and_the_floor_is_two_seconds() {
    let hang = |count: usize, deadline_ms| {
        let names = ["4a", "4b", "4c", "4d", "4e"];
        let fates: Vec<_> = names[..count].iter().map(|it| (*it, Fate::Hangs)).collect();
        let mut track = track(&fates, DELAY, Some(deadline_ms));
        let (outcome, ms) = track.run();
        assert_eq!(outcome.unwrap_err(), Some(("4a", "timeout")));
        assert_eq!(ms, deadline_ms, "all of the time is used");
        track.begun().iter().map(|(_, ms)| *ms).collect::<Vec<_>>()
    };
    assert_eq!(hang(1, 12_000), [0]);
    assert_eq!(hang(4, 12_000), [0, 3_000, 6_000, 9_000]);
    // What does not suffice for all is taken from those at the end.
    assert_eq!(hang(5, 6_000), [0, 2_000, 4_000]);
    assert_eq!(hang(2, 3_999), [0, 2_000]);
    assert_eq!(hang(3, 1_999), [0]);
}

#[test]
fn a_share_that_was_not_used_is_left_to_the_others() {
    let fates = [
        ("4a", Fate::Fails(0)),
        ("4b", Fate::Hangs),
        ("4c", Fate::Hangs),
    ];
    let mut track = track(&fates, DELAY, Some(12_000));
    let (outcome, _) = track.run();
    assert_eq!(outcome.unwrap_err(), Some(("4a", "refused")));
    assert_eq!(track.begun(), [("4a", 0), ("4b", 0), ("4c", 6_000)]);
}

#[test]
fn each_family_shares_the_time_for_itself() {
    let fates = [
        ("6a", Fate::Hangs),
        ("6b", Fate::Hangs),
        ("4a", Fate::Hangs),
    ];
    let mut track = track(&fates, DELAY, Some(10_000));
    let (outcome, ms) = track.run();
    assert_eq!(
        (outcome.unwrap_err(), ms),
        (Some(("6a", "timeout")), 10_000)
    );
    assert_eq!(track.begun(), [("6a", 0), ("4a", 300), ("6b", 5_000)]);
}

#[test]
fn past_the_deadline_nothing_is_begun() {
    let mut track = track(
        &[("4a", Fate::Opens(0)), ("6a", Fate::Opens(0))],
        DELAY,
        Some(0),
    );
    let (outcome, ms) = track.run();
    assert_eq!((outcome.unwrap_err(), ms), (Some(("4a", "timeout")), 0));
    assert_eq!(track.begun(), []);
}

#[test]
fn an_attempt_that_opens_at_its_last_moment_counts() {
    let (outcome, _) = track(&[("4a", Fate::Opens(5_000))], DELAY, Some(5_000)).run();
    assert_eq!(outcome.unwrap().address, "4a");
    let (outcome, _) = track(&[("4a", Fate::Opens(5_001))], DELAY, Some(5_000)).run();
    assert_eq!(outcome.unwrap_err(), Some(("4a", "timeout")));
}

#[test]
fn giving_up_drops_all_attempts_and_names_the_address_that_was_tried() {
    let mut track = track(&[("6a", Fate::Hangs), ("4a", Fate::Hangs)], DELAY, None);
    assert!(track.poll().is_pending());
    track.world.borrow_mut().now_ms += 300;
    assert!(track.poll().is_pending());
    assert_eq!(track.race.attempts().count(), 2);
    let error = track.race.give_up(GaveUp::Canceled);
    assert_eq!(error, Some(("6a", "canceled")));
    assert_eq!(track.world.borrow().running, [] as [&str; 0]);
}

#[test]
fn giving_up_before_the_beginning_names_the_first_address() {
    let track = track(&[("6a", Fate::Hangs)], DELAY, None);
    assert_eq!(
        track.race.give_up(GaveUp::Canceled),
        Some(("6a", "canceled"))
    );
}

#[test]
fn the_fallbacks_delay_does_not_wake_anybody_if_there_are_none() {
    let mut track = track(&[("6a", Fate::Hangs)], DELAY, None);
    assert!(track.poll().is_pending());
    assert_eq!(track.race.next_deadline(), Deadline::NONE);
}
