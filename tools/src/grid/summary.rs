//! From runs to ratios: what a row of the table says, and what the table says altogether.
//!
//! A ratio is between sums over all runs of a cell, for a single run over a path that loses at random
//! proves little. The command prints what is made here.

use std::fmt::Write as _;

use super::cell::{Cell, Pair};
use super::plan::Job;
use super::run::Outcome;

/// What Sidestep must reach of the kernel's goodput in every cell.
pub const RATIO_MIN: f64 = 0.95;

/// What it must reach in the median: 1.00 to two places. A path that both fill leaves thousandths between
/// them, by when the last packet of the time came.
pub const MEDIAN_MIN: f64 = 0.995;

/// The runs of one pair over one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Goodput {
    /// How many there were.
    pub runs: u32,
    /// Octets that were read in all of them.
    pub octets: u64,
    /// How long they took together.
    pub seconds: f64,
    /// Segments that were sent again.
    pub retransmissions: u64,
    /// Retransmission timeouts; `None` if the kernel does not count them.
    pub timeouts: Option<u64>,
}

impl Goodput {
    fn add(&mut self, outcome: &Outcome) {
        let timeouts = match self.runs {
            0 => Some(0),
            _ => self.timeouts,
        };
        self.runs += 1;
        self.octets += outcome.octets;
        self.seconds += outcome.time.as_secs_f64();
        self.retransmissions += outcome.sent.retransmissions;
        self.timeouts = timeouts
            .zip(outcome.sent.timeouts)
            .map(|(all, one)| all + one);
    }

    /// Millions of bits a second.
    pub fn mbit(&self) -> f64 {
        self.octets as f64 * 8.0 / 1e6 / self.seconds.max(1e-9)
    }
}

/// A cell and how its pairs fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the plan.
    pub number: usize,
    /// The path.
    pub cell: Cell,
    /// By pair, in the order of [`Pair`].
    pub pairs: Vec<(Pair, Goodput)>,
}

impl Row {
    /// A pair's, if it ran.
    pub fn of(&self, pair: Pair) -> Option<&Goodput> {
        let found = self.pairs.iter().find(|(it, _)| *it == pair);
        found.map(|(_, goodput)| goodput)
    }

    /// The goodput of `pair` in parts of the kernel's own; `None` if either did not run.
    pub fn ratio(&self, pair: Pair) -> Option<f64> {
        let kernel = self.of(Pair::KernelToKernel)?.mbit();
        (kernel > 0.0).then_some(self.of(pair)?.mbit() / kernel)
    }

    /// The goodput of `pair` in parts of what the rate leaves for text.
    pub fn share(&self, pair: Pair) -> Option<f64> {
        Some(self.of(pair)?.mbit() * 1e6 / self.cell.most())
    }

    /// And in parts of what a flow at this loss gets on average, were it to last ([`Cell::expected`]).
    pub fn share_of_expected(&self, pair: Pair) -> Option<f64> {
        Some(self.of(pair)?.mbit() * 1e6 / self.cell.expected())
    }
}

/// One row for each cell that ran, in the order of the plan.
pub fn rows<'a>(runs: impl IntoIterator<Item = (&'a Job, &'a Outcome)>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (job, outcome) in runs {
        let at = rows.partition_point(|row| row.number < job.number);
        if rows.get(at).is_none_or(|row| row.number != job.number) {
            let (number, cell) = (job.number, job.cell);
            rows.insert(
                at,
                Row {
                    number,
                    cell,
                    pairs: Vec::new(),
                },
            );
        }
        let Some(row) = rows.get_mut(at) else {
            continue;
        };
        let place = row.pairs.partition_point(|(pair, _)| *pair < job.pair);
        if row
            .pairs
            .get(place)
            .is_none_or(|(pair, _)| *pair != job.pair)
        {
            row.pairs.insert(place, (job.pair, Goodput::default()));
        }
        if let Some((_, goodput)) = row.pairs.get_mut(place) {
            goodput.add(outcome);
        }
    }
    rows
}

/// What all ratios of one direction come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many cells have a ratio.
    pub cells: usize,
    /// The least one.
    pub least: f64,
    /// The one in the middle; the mean of two if their number is even.
    pub median: f64,
    /// Cells below [`RATIO_MIN`], each with its ratio, the least first.
    pub below: Vec<(Cell, f64)>,
}

impl Summary {
    /// Whether that is at least as good as the kernel.
    pub fn is_enough(&self) -> bool {
        self.below.is_empty() && self.median >= MEDIAN_MIN
    }

    /// Of the ratios of some cells; `None` if there are none.
    pub fn of(ratios: impl IntoIterator<Item = (Cell, f64)>) -> Option<Self> {
        let mut ratios: Vec<(Cell, f64)> = ratios.into_iter().collect();
        ratios.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let cells = ratios.len();
        let (_, least) = *ratios.first()?;
        let (_, lower) = *ratios.get((cells - 1) / 2)?;
        let (_, upper) = *ratios.get(cells / 2)?;
        ratios.retain(|(_, ratio)| *ratio < RATIO_MIN);
        Some(Self {
            cells,
            least,
            median: (lower + upper) / 2.0,
            below: ratios,
        })
    }
}

fn number(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
}

fn mbit(goodput: Option<&Goodput>) -> String {
    let places = |value: f64| if value < 10.0 { 2 } else { 1 };
    let mbit = goodput.map(Goodput::mbit);
    number(mbit, mbit.map_or(1, places))
}

fn timeouts(row: &Row, pair: Pair) -> String {
    let count = row.of(pair).and_then(|goodput| goodput.timeouts);
    count.map_or_else(|| "–".to_owned(), |count| count.to_string())
}

/// Markdown: one table for the cells that ran with the kernel, one for those that were simulated.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let (simulated, real): (Vec<&Row>, Vec<&Row>) = rows
        .iter()
        .partition(|row| row.of(Pair::SidestepToSidestep).is_some());
    if !real.is_empty() {
        text.push_str(
            "| Mbit/s | RTT | loss | queue | kernel→kernel | Sidestep→kernel | ratio | \
             kernel→Sidestep | ratio | RTOs k→k, S→k, k→S |\n\
             |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
    }
    for row in real {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} {} | {} | {} | {} | {} | {}, {}, {} |",
            path(&row.cell),
            mbit(row.of(Pair::KernelToKernel)),
            mbit(row.of(Pair::SidestepToKernel)),
            number(row.ratio(Pair::SidestepToKernel), 2),
            mbit(row.of(Pair::KernelToSidestep)),
            number(row.ratio(Pair::KernelToSidestep), 2),
            timeouts(row, Pair::KernelToKernel),
            timeouts(row, Pair::SidestepToKernel),
            timeouts(row, Pair::KernelToSidestep),
        );
    }
    if !simulated.is_empty() {
        text.push_str(
            "\n| Mbit/s | RTT | loss | queue | Sidestep→Sidestep (simulated) | of the rate | of CUBIC's \
             average | RTOs |\n\
             |---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
    }
    for row in simulated {
        let pair = Pair::SidestepToSidestep;
        let _ = writeln!(
            text,
            "{} {} | {} | {} | {} |",
            path(&row.cell),
            mbit(row.of(pair)),
            number(row.share(pair), 2),
            number(row.share_of_expected(pair), 2),
            timeouts(row, pair),
        );
    }
    text
}

fn path(cell: &Cell) -> String {
    format!(
        "| {} | {} ms | {} | {} BDP: {} |",
        cell.rate_mbit,
        cell.rtt_ms,
        cell.loss,
        cell.depth,
        cell.queue_packets()
    )
}
