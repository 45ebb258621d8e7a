//! The arithmetic of the grid: its cells, its plan, its schedule, its ratios and Jain's index.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use sidestep_stack::base::Duration;
use sidestep_stack::call::CongestionAlgorithm;

use super::fairness::{Shares, contests, jain};
use super::*;
use crate::link::{Counters, Rate};

fn cell(rate_mbit: u32, rtt_ms: u32, loss: Loss, depth: Depth) -> Cell {
    Cell {
        rate_mbit,
        rtt_ms,
        loss,
        depth,
    }
}

fn percent(text: &str) -> Loss {
    text.parse().unwrap()
}

fn plan() -> Plan {
    Plan {
        rates: vec![10, 100, 1_000],
        rtts: vec![1, 20, 100, 300],
        losses: ["0", "0.1%", "1%", "3%", "bursts"].map(percent).to_vec(),
        depths: vec![Depth::Quarter, Depth::Whole],
        pairs: Pair::REAL.to_vec(),
        runs: 3,
        runs_lossless: 2,
        time: None,
        seed: 1,
    }
}

#[test]
fn words_of_the_grid_are_read_as_they_are_written_and_others_refused() {
    for text in ["0", "0.1%", "1%", "3%", "12.345%", "100%", "bursts"] {
        assert_eq!(percent(text).to_string(), text);
    }
    for text in [
        "", "1", "%", "0.0%", "101%", "1.2345%", "-1%", "1e1%", "+1%", "none",
    ] {
        assert_eq!(text.parse::<Loss>(), Err(NotOfTheGrid::Loss), "{text}");
    }
    for text in ["0.25", "1"] {
        assert_eq!(text.parse::<Depth>().unwrap().to_string(), text);
    }
    assert_eq!("2".parse::<Depth>(), Err(NotOfTheGrid::Depth));
    assert_eq!("kernel-sidestep".parse(), Ok(Pair::KernelToSidestep));
    assert_eq!("kernel".parse::<Pair>(), Err(NotOfTheGrid::Pair));
}

#[test]
fn a_queue_is_a_part_of_the_path_but_never_less_than_two_initial_windows() {
    let packets = |rate, rtt, depth| cell(rate, rtt, Loss::None, depth).queue_packets();
    // 100 Mbit/s for 100 ms are 1,250,000 octets, 833 packets of 1,500.
    assert_eq!(packets(100, 100, Depth::Whole), 833);
    assert_eq!(packets(100, 100, Depth::Quarter), 208);
    assert_eq!(packets(10, 1, Depth::Whole), 20);
    assert_eq!(packets(10, 20, Depth::Whole), 20);
    assert_eq!(packets(10, 25, Depth::Whole), 20);
    assert_eq!(packets(10, 26, Depth::Whole), 21);
}

#[test]
fn every_cell_has_a_recipe_that_loses_only_where_the_data_goes() {
    for cell in plan().cells() {
        let [there, back] = cell.recipes().unwrap();
        let bits = u64::from(cell.rate_mbit) * 1_000_000;
        assert_eq!(there.rate.map(Rate::bits), Some(bits));
        assert_eq!(there.delay * 2, Duration::from_millis(cell.rtt_ms.into()));
        assert_eq!(there.delay, back.delay);
        assert_eq!(there.gilbert.is_some(), cell.loss == Loss::Bursts);
        let is_random = matches!(cell.loss, Loss::Random { .. });
        assert_eq!(there.loss.is_none(), !is_random);
        assert!(back.rate.is_none() && back.loss.is_none() && back.gilbert.is_none());
    }
}

#[test]
fn a_flow_lasts_six_seconds_or_sixty_round_trips() {
    let time = |rtt| cell(10, rtt, Loss::None, Depth::Whole).time();
    assert_eq!(time(1), Duration::from_secs(6));
    assert_eq!(time(100), Duration::from_secs(6));
    assert_eq!(time(300), Duration::from_secs(18));
}

#[test]
fn what_is_expected_is_the_path_without_loss_and_falls_with_loss_and_round_trip() {
    let of = |rate, rtt, loss| cell(rate, rtt, percent(loss), Depth::Whole).expected() / 1e6;
    let near = |value: f64, wanted: f64| (value - wanted).abs() < wanted / 100.0;
    assert!(near(of(100, 100, "0"), 96.53));
    // A path so short that loss does not matter is full.
    assert!(near(of(100, 1, "0.1%"), 96.53));
    // Reno's window at 1 %: 12.25 segments; at 100 ms that is more than CUBIC's 5.9.
    assert!(near(of(100, 100, "1%"), 12.25 * 1_448.0 * 8.0 / 0.1 / 1e6));
    // CUBIC's at 0.1 % and 300 ms: 76.0 segments, more than Reno's 38.7.
    assert!(near(of(100, 300, "0.1%"), 76.0 * 1_448.0 * 8.0 / 0.3 / 1e6));
    assert!(of(100, 300, "3%") < of(100, 300, "1%"));
    // A burst is one event, so it costs as much as a loss of one in a thousand.
    assert_eq!(of(100, 100, "bursts"), of(100, 100, "0.1%"));
}

#[test]
fn the_grid_has_eighty_cells_in_real_time_and_forty_in_the_simulator() {
    let plan = plan();
    let cells = plan.cells();
    assert_eq!(cells.len(), 120);
    let real = cells.iter().filter(|it| it.clock() == Time::Real).count();
    assert_eq!(real, 80);
    let simulated = plan.jobs(Time::Virtual);
    assert_eq!(simulated.len(), 40);
    assert!(
        simulated
            .iter()
            .all(|job| job.pair == Pair::SidestepToSidestep)
    );
}

#[test]
fn a_cell_has_more_runs_where_one_meets_few_losses_but_no_more_than_four_times_as_many() {
    let jobs = plan().jobs(Time::Real);
    let runs = |rate, rtt, loss| {
        let cell = cell(rate, rtt, percent(loss), Depth::Whole);
        let of = |pair| {
            jobs.iter()
                .filter(move |job| job.cell == cell && job.pair == pair)
        };
        assert!(
            Pair::REAL
                .iter()
                .all(|pair| of(*pair).count() == of(Pair::KernelToKernel).count())
        );
        of(Pair::KernelToKernel).count()
    };
    assert_eq!(runs(10, 300, "0"), 2);
    // 50,000 packets, 500 losses.
    assert_eq!(runs(100, 1, "1%"), 3);
    // Reno's 7.07 segments in 100 ms, 3 % of them for six seconds: 12.7 losses.
    assert_eq!(runs(100, 100, "3%"), 8);
    assert_eq!(runs(100, 300, "0.1%"), 12);
}

#[test]
fn the_losses_of_a_run_are_the_same_for_every_pair_and_others_for_every_other_run() {
    let jobs = plan().jobs(Time::Real);
    for job in &jobs {
        for other in &jobs {
            let is_same = (job.number, job.run) == (other.number, other.run);
            assert_eq!(is_same, job.seed == other.seed, "{job:?} {other:?}");
            // The way back has the next seed.
            assert_ne!(job.seed + 1, other.seed);
        }
    }
}

struct Piece(u64, u64);

impl Weighted for Piece {
    fn weight(&self) -> u64 {
        self.0
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.1)
    }
}

#[test]
fn no_more_runs_at_once_than_the_budget_holds_and_all_of_them_run() {
    let (used, most) = (AtomicU64::new(0), AtomicU64::new(0));
    let pieces: Vec<Piece> = (0..40).map(|it| Piece(1 + it % 7, it % 3)).collect();
    let mut over = 0;
    let work = |piece: &Piece| {
        let now = used.fetch_add(piece.0, Ordering::SeqCst) + piece.0;
        most.fetch_max(now, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(300));
        used.fetch_sub(piece.0, Ordering::SeqCst);
    };
    run_all(pieces, 10, 4, work, |_, ()| {
        over += 1;
        true
    });
    assert_eq!(over, 40);
    assert!(most.load(Ordering::SeqCst) <= 10);
}

#[test]
fn what_is_heavier_than_the_budget_runs_alone_and_an_end_begins_no_more() {
    let running = AtomicUsize::new(0);
    let work = |piece: &Piece| {
        let others = running.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(300));
        assert!(piece.0 < 50 || running.load(Ordering::SeqCst) == 1);
        running.fetch_sub(1, Ordering::SeqCst);
        others
    };
    run_all(
        vec![Piece(1, 1), Piece(50, 1), Piece(1, 1)],
        10,
        8,
        work,
        |_, _| true,
    );
    let mut over = 0;
    run_all(
        vec![Piece(6, 1), Piece(6, 1), Piece(6, 1)],
        10,
        8,
        work,
        |_, _| {
            over += 1;
            false
        },
    );
    assert_eq!(over, 1);
}

fn outcome(octets: u64, timeouts: Option<u64>) -> Outcome {
    Outcome {
        octets,
        time: Duration::from_secs(1),
        sent: Sent {
            timeouts,
            ..Sent::default()
        },
        link: Counters::default(),
        late_p99: Duration::ZERO,
        refused: 0,
    }
}

#[test]
fn a_ratio_is_between_sums_over_all_runs() {
    let jobs = plan().jobs(Time::Real);
    let of = |pair, run| {
        jobs.iter()
            .find(|it| it.pair == pair && it.run == run)
            .unwrap()
    };
    let runs = [
        (of(Pair::KernelToKernel, 0), outcome(1_000, Some(1))),
        (of(Pair::KernelToKernel, 1), outcome(3_000, Some(2))),
        (of(Pair::SidestepToKernel, 0), outcome(3_000, None)),
        (of(Pair::SidestepToKernel, 1), outcome(3_000, Some(1))),
    ];
    let rows = rows(runs.iter().map(|(job, outcome)| (*job, outcome)));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].ratio(Pair::SidestepToKernel), Some(1.5));
    assert_eq!(rows[0].ratio(Pair::KernelToSidestep), None);
    assert_eq!(rows[0].of(Pair::KernelToKernel).unwrap().timeouts, Some(3));
    assert_eq!(rows[0].of(Pair::SidestepToKernel).unwrap().timeouts, None);
    assert!(table(&rows).contains("| 1.50 |"), "{}", table(&rows));
}

#[test]
fn a_summary_has_the_least_the_median_and_what_is_below_the_bound() {
    let cells = plan().cells();
    let ratios = |values: &[f64]| -> Vec<(Cell, f64)> {
        cells.iter().copied().zip(values.iter().copied()).collect()
    };
    let summary = Summary::of(ratios(&[1.2, 0.949, 1.0, 0.95])).unwrap();
    assert_eq!((summary.cells, summary.least), (4, 0.949));
    assert_eq!(summary.median, (0.95 + 1.0) / 2.0);
    // The bound itself is enough.
    assert_eq!(summary.below, vec![(cells[1], 0.949)]);
    assert_eq!(Summary::of(ratios(&[2.0, 1.0, 3.0])).unwrap().median, 2.0);
    assert_eq!(Summary::of([]), None);
    let is_enough = |values: &[f64]| Summary::of(ratios(values)).unwrap().is_enough();
    assert!(is_enough(&[0.95, 0.995, 1.1]) && !is_enough(&[0.95, 0.994, 1.1]));
    assert!(!is_enough(&[0.949, 1.0, 1.1]));
}

#[test]
fn jains_index_is_one_for_equal_shares_and_one_in_n_for_a_single_owner() {
    assert_eq!(jain(&[5.0, 5.0]), 1.0);
    assert_eq!(jain(&[5.0, 0.0]), 0.5);
    assert_eq!(jain(&[0.0, 0.0]), 1.0);
    assert_eq!(jain(&[1.0, 2.0, 3.0]), 36.0 / 42.0);
    // What 0.95 allows between two: a little less than 8 to 5.
    assert!(jain(&[1.60, 1.0]) < 0.95 && jain(&[1.59, 1.0]) > 0.95);
}

#[test]
fn shares_after_the_start_leave_out_what_came_before() {
    let shares = Shares {
        octets: vec![[1_000, 0], [2_000, 1_000], [3_000, 2_000]],
        at: [1, 2, 3].map(Duration::from_secs).to_vec(),
        sent: [Sent::default(); 2],
    };
    assert_eq!(
        shares.goodput_from(Duration::ZERO),
        [8_000.0, 16_000.0 / 3.0]
    );
    assert_eq!(
        shares.goodput_from(Duration::from_secs(1)),
        [8_000.0, 8_000.0]
    );
    assert_eq!(shares.jain_from(Duration::from_millis(1_500)), 1.0);
    assert!(shares.jain_from(Duration::ZERO) < 1.0);
}

#[test]
fn contests_of_two_cubic_flows_ours_and_the_kernels_are_judged_and_no_others() {
    for contest in contests(Duration::from_secs(60), 1) {
        let cubic = |it: &fairness::Sender| it.congestion == CongestionAlgorithm::Cubic;
        let parties = contest.senders.map(|sender| sender.party);
        let is_mixed = parties == [Party::Sidestep, Party::Kernel];
        assert_eq!(
            contest.is_judged,
            is_mixed && contest.senders.iter().all(cubic)
        );
        // Two of ours would need two networks.
        assert_ne!(parties, [Party::Sidestep; 2]);
        assert_eq!(contest.cell.clock(), Time::Real);
    }
}

#[test]
fn a_cell_beyond_real_time_is_simulated_and_repeats() {
    let job = Job {
        number: 0,
        cell: cell(1_000, 20, Loss::None, Depth::Whole),
        pair: Pair::SidestepToSidestep,
        run: 0,
        seed: 3,
        time: Duration::from_secs(1),
    };
    let first = simulate(&job, CongestionAlgorithm::Cubic).unwrap();
    assert!(first.goodput() > 0.5 * job.cell.most(), "{first:?}");
    assert!(first.goodput() <= job.cell.most());
    assert_eq!(first, simulate(&job, CongestionAlgorithm::Cubic).unwrap());
}
