//! Two flows through one bottleneck: does ours leave the kernel's its share, and take its own?
//!
//! Both senders are at the near end of one link, so that both wait in one queue; the kernel at the far
//! end receives from both. Goodput is read each second. Flows that begin together are judged by Jain's
//! index, over all and over what follows the start.

use std::thread;
use std::time::Instant as Clock;

use sidestep_stack::base::Duration;
use sidestep_stack::call::CongestionAlgorithm;

use super::cell::{Cell, Depth, Loss, Party};
use super::flow::{Flow, Sent};
use super::rig::{GridFailed, Guests, Rig, Wanted, far};
use super::schedule::Weighted;

/// What the index of two CUBIC flows must reach.
pub const JAIN_MIN: f64 = 0.95;

/// What is left of the time once both flows have found their place: slow start, and the first
/// convergence after it.
pub const START_UP: Duration = Duration::from_secs(10);

/// Goodput is read so often.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A sender: whose TCP, and its algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender {
    /// Whose.
    pub party: Party,
    /// How.
    pub congestion: CongestionAlgorithm,
}

/// Two flows over a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contest {
    /// The path.
    pub cell: Cell,
    /// Who.
    pub senders: [Sender; 2],
    /// Whether the outcome is judged: two CUBIC flows, ours and the kernel's.
    pub is_judged: bool,
    /// How long.
    pub time: Duration,
    /// Of the link.
    pub seed: u64,
}

/// How a contest went.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// Octets of each flow that were read, up to each second.
    pub octets: Vec<[u64; 2]>,
    /// When that was.
    pub at: Vec<Duration>,
    /// What the senders know.
    pub sent: [Sent; 2],
}

/// Jain's index of fairness: (Σx)² / (n Σx²), from 1/n, where one has all, to 1, where all have the same.
/// Of nothing at all it is 1.
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares == 0.0 {
        return 1.0;
    }
    sum * sum / (shares.len() as f64 * squares)
}

impl Shares {
    /// Bits a second of each flow from `from` on.
    pub fn goodput_from(&self, from: Duration) -> [f64; 2] {
        let (Some(last), Some(end)) = (self.octets.last(), self.at.last()) else {
            return [0.0; 2];
        };
        let first = self.at.iter().rposition(|at| *at <= from);
        let (before, began) = match first {
            Some(place) => (self.octets[place], self.at[place]),
            None => ([0; 2], Duration::ZERO),
        };
        let seconds = end.saturating_sub(began).as_secs_f64().max(1e-9);
        [0, 1].map(|flow| last[flow].saturating_sub(before[flow]) as f64 * 8.0 / seconds)
    }

    /// Jain's index from `from` on.
    pub fn jain_from(&self, from: Duration) -> f64 {
        jain(&self.goodput_from(from))
    }
}

impl Weighted for Contest {
    /// Both fill the path, and ours crosses one device more.
    fn weight(&self) -> u64 {
        self.cell.packets_a_second() * 3 / 2
    }

    fn time(&self) -> Duration {
        self.time
    }
}

/// The contests of the book: CUBIC against CUBIC over several paths, which are judged; then what two
/// flows of one kind do among themselves, and BBR against CUBIC, which are not.
pub fn contests(time: Duration, seed: u64) -> Vec<Contest> {
    let path = |rate_mbit, rtt_ms, depth| Cell {
        rate_mbit,
        rtt_ms,
        loss: Loss::None,
        depth,
    };
    let sender = |party, congestion| Sender { party, congestion };
    let ours = |congestion| sender(Party::Sidestep, congestion);
    let kernel = |congestion| sender(Party::Kernel, congestion);
    let (cubic, bbr) = (CongestionAlgorithm::Cubic, CongestionAlgorithm::Bbr);
    let paths = [
        path(10, 20, Depth::Whole),
        path(10, 20, Depth::Quarter),
        path(10, 100, Depth::Whole),
        path(10, 100, Depth::Quarter),
        path(100, 20, Depth::Whole),
        path(100, 20, Depth::Quarter),
        path(100, 100, Depth::Whole),
    ];
    let contest = |cell, senders, is_judged| Contest {
        cell,
        senders,
        is_judged,
        time,
        seed,
    };
    let mut all: Vec<Contest> = paths
        .into_iter()
        .map(|cell| contest(cell, [ours(cubic), kernel(cubic)], true))
        .collect();
    for cell in [paths[0], paths[2], paths[4]] {
        all.push(contest(cell, [kernel(cubic), kernel(cubic)], false));
        all.push(contest(cell, [ours(bbr), kernel(cubic)], false));
        all.push(contest(cell, [ours(cubic), kernel(bbr)], false));
        all.push(contest(cell, [kernel(bbr), kernel(cubic)], false));
    }
    all
}

/// The ports that the flows go to.
const PORTS: [u16; 2] = [7_000, 7_001];

/// Runs `contest`.
///
/// # Errors
///
/// See [`GridFailed`].
pub fn run(contest: &Contest) -> Result<Shares, GridFailed> {
    let takes_part = contest
        .senders
        .iter()
        .any(|sender| sender.party == Party::Sidestep);
    let guests = if takes_part {
        Guests::WithSidestep
    } else {
        Guests::Kernel
    };
    let rig = Rig::make(&Wanted {
        recipes: contest.cell.recipes()?,
        seed: contest.seed,
        guests: [guests, Guests::Kernel],
        // Each sender chooses for itself.
        congestion: CongestionAlgorithm::Cubic,
        capture: None,
    })?;
    let began = Clock::now();
    let watched = watch(contest, &rig, began);
    let report = rig.finish();
    let shares = watched?;
    report?;
    Ok(shares)
}

fn watch(contest: &Contest, rig: &Rig, began: Clock) -> Result<Shares, GridFailed> {
    let end = began + contest.time;
    let receiver = rig.kernel(1);
    let begin = |number: usize| {
        let sender = contest.senders[number];
        let from = match sender.party {
            Party::Sidestep => rig.sidestep(0).unwrap_or(rig.kernel(0)),
            Party::Kernel => rig.kernel(0),
        };
        let seed = contest.seed.wrapping_add(number as u64);
        Flow::start(
            [from, receiver],
            far(receiver, PORTS[number]),
            sender.congestion,
            seed,
            end,
        )
    };
    let flows = [begin(0)?, begin(1)?];
    let (mut octets, mut at) = (Vec::new(), Vec::new());
    let mut next = began + SAMPLE_EVERY;
    while next < end {
        thread::sleep(next.saturating_duration_since(Clock::now()));
        octets.push([flows[0].octets(), flows[1].octets()]);
        at.push(began.elapsed());
        next += SAMPLE_EVERY;
    }
    let [first, second] = flows.map(Flow::finish);
    let ((first, sent_first), (second, sent_second)) = (first?, second?);
    octets.push([first, second]);
    at.push(contest.time);
    Ok(Shares {
        octets,
        at,
        sent: [sent_first, sent_second],
    })
}
