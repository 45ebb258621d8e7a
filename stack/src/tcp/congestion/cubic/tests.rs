//! CUBIC against numbers that these tests work out in floating point by themselves.

use super::{Cubic, cubic_root};
use crate::base::{Duration, Instant, SeqNumber};
use crate::config::Config;
use crate::tcp::congestion::{Acked, CongestionControl, Expiry, Handshake, Mode, Utilisation};

const SMSS: u32 = 1_000;

fn acked(octets: u32, now: Instant, rtt: Duration) -> Acked {
    Acked {
        now,
        octets,
        una: SeqNumber::new(octets),
        nxt: SeqNumber::new(octets),
        round_trip: None,
        srtt: Some(rtt),
        utilisation: Utilisation::CwndLimited,
        in_flight: 0,
    }
}

/// In congestion avoidance with a window of so many segments.
fn avoiding(segments: u32) -> Cubic {
    let mut cubic = Cubic::new(&Config::default());
    cubic.adopt(segments * SMSS, segments * SMSS, SMSS);
    cubic
}

/// A round trip: as many segments are acknowledged as fit cwnd, evenly in time.
fn round(cubic: &mut Cubic, now: &mut Instant, rtt: Duration) {
    let segments = cubic.cwnd_octets() / SMSS;
    for _ in 0..segments {
        *now += rtt / segments;
        cubic.on_ack(&acked(SMSS, *now, rtt));
    }
}

fn w_cubic(t: f64, w_max: f64, cwnd_epoch: f64) -> f64 {
    let k = ((w_max - cwnd_epoch).max(0.0) / 0.4).cbrt();
    0.4 * (t - k).powi(3) + w_max
}

#[test]
fn rfc9438_01_the_window_follows_the_cubic_curve_through_its_plateau() {
    let rtt = Duration::from_millis(200);
    let mut cubic = avoiding(100);
    cubic.on_loss(100 * SMSS, Instant::ZERO);
    cubic.on_recovered();
    let began = Instant::from_secs(1);
    let mut now = began;
    cubic.on_ack(&acked(SMSS, now, rtt));
    // K is (30 / 0.4)^(1/3) = 4.217 s; on to twice as far.
    while now < began + Duration::from_millis(8_500) {
        round(&mut cubic, &mut now, rtt);
        let t = now.since(began).as_secs_f64();
        let have = f64::from(cubic.cwnd_octets()) / f64::from(SMSS);
        let least = w_cubic(t - 0.2, 100.0, 70.0).min(w_cubic(t, 100.0, 70.0));
        let most = w_cubic(t + 0.2, 100.0, 70.0);
        assert!(
            least - 0.5 <= have && have <= most + 0.5,
            "{t}: {have} not {least}..{most}"
        );
    }
    assert!(cubic.cwnd_octets() > 120 * SMSS);
}

#[test]
fn rfc9438_01_the_target_is_never_above_one_and_a_half_windows() {
    let rtt = Duration::from_secs(20);
    let mut cubic = avoiding(10);
    cubic.on_ack(&acked(1, Instant::from_secs(1), rtt));
    let before = cubic.cwnd_octets();
    // W_cubic(t + RTT) is thousands of segments: the whole window acknowledged gains half of it.
    cubic.on_ack(&acked(before, Instant::from_secs(21), rtt));
    assert!(cubic.cwnd_octets() <= before + before / 2);
    assert!(cubic.cwnd_octets() >= before + before / 2 - SMSS);
}

#[test]
fn rfc9438_02_a_loss_leaves_seven_tenths_and_a_mark_at_least_one_segment() {
    let mut cubic = avoiding(100);
    cubic.on_loss(100 * SMSS, Instant::ZERO);
    assert_eq!(
        (cubic.cwnd_octets(), cubic.ssthresh_octets()),
        (70_000, 70_000)
    );
    let mut small = avoiding(2);
    small.on_loss(2 * SMSS, Instant::ZERO);
    assert_eq!(
        (small.cwnd_octets(), small.ssthresh_octets()),
        (2_000, 2_000)
    );
    for _ in 0..5 {
        small.on_congestion_mark(2 * SMSS, Instant::ZERO);
    }
    assert_eq!(
        (small.cwnd_octets(), small.ssthresh_octets()),
        (SMSS, 2_000)
    );
}

#[test]
fn rfc8511_3_a_mark_may_cost_less_than_a_loss_and_never_more() {
    let mut config = Config::default();
    for (percent, left) in [(0, 70_000), (50, 70_000), (85, 85_000)] {
        config.ecn_backoff_percent = percent;
        let mut cubic = Cubic::new(&config);
        cubic.adopt(100 * SMSS, 100 * SMSS, SMSS);
        cubic.on_congestion_mark(100 * SMSS, Instant::ZERO);
        assert_eq!(cubic.cwnd_octets(), left);
    }
}

#[test]
fn rfc9438_03_a_small_window_grows_as_reno_does_at_the_same_rate_of_loss() {
    let rtt = Duration::from_millis(5);
    let mut cubic = avoiding(20);
    cubic.on_loss(20 * SMSS, Instant::ZERO);
    cubic.on_recovered();
    let mut now = Instant::from_secs(1);
    let (mut w_est, mut cwnd) = (14.0_f64, 14.0_f64);
    for _ in 0..30 {
        let segments = cubic.cwnd_octets() / SMSS;
        for _ in 0..segments {
            let alpha = if w_est < 20.0 { 9.0 / 17.0 } else { 1.0 };
            w_est += alpha / cwnd;
            now += rtt / segments;
            cubic.on_ack(&acked(SMSS, now, rtt));
            cwnd = f64::from(cubic.cwnd_octets()) / f64::from(SMSS);
        }
        assert!((cwnd - w_est).abs() < 0.2, "{cwnd} and {w_est}");
    }
    assert!(cubic.cwnd_octets() > 30 * SMSS);
}

#[test]
fn rfc9438_04_a_peak_below_the_former_one_is_remembered_lower_still() {
    let mut cubic = avoiding(100);
    cubic.on_loss(0, Instant::ZERO);
    assert_eq!(cubic.state.w_max, Some(100_000));
    cubic.on_loss(0, Instant::ZERO);
    // 70,000 * (1 + 0.7) / 2.
    assert_eq!(cubic.state.w_max, Some(59_500));
    // A higher peak is remembered as it is.
    cubic.adopt(80_000, 80_000, SMSS);
    cubic.on_loss(0, Instant::ZERO);
    assert_eq!(cubic.state.w_max, Some(80_000));
}

#[test]
fn rfc9438_05_time_in_which_the_application_is_short_does_not_count() {
    let rtt = Duration::from_millis(200);
    let (mut busy, mut pausing) = (avoiding(100), avoiding(100));
    for cubic in [&mut busy, &mut pausing] {
        cubic.on_loss(0, Instant::ZERO);
        let mut now = Instant::from_secs(1);
        for _ in 0..5 {
            round(cubic, &mut now, rtt);
        }
    }
    // One of them has nothing to send for 50 s but for a segment now and then.
    let mut later = Instant::from_secs(2);
    for _ in 0..50 {
        later += Duration::from_secs(1);
        pausing.on_ack(&Acked {
            utilisation: Utilisation::ApplicationLimited,
            ..acked(SMSS, later, rtt)
        });
    }
    let mut now = Instant::from_secs(2);
    for _ in 0..20 {
        round(&mut busy, &mut now, rtt);
        round(&mut pausing, &mut later, rtt);
    }
    let apart = busy.cwnd_octets().abs_diff(pausing.cwnd_octets());
    assert!(apart <= SMSS, "{apart} octets apart");
}

#[test]
fn rfc9438_06_cwnd_does_not_grow_while_less_is_in_flight() {
    let mut cubic = avoiding(10);
    let mut slow = Cubic::new(&Config::default());
    slow.on_established(SMSS, Handshake::Clean);
    for cubic in [&mut cubic, &mut slow] {
        let before = cubic.cwnd_octets();
        for second in 0..100 {
            cubic.on_ack(&Acked {
                utilisation: Utilisation::ApplicationLimited,
                ..acked(SMSS, Instant::from_secs(second), Duration::from_millis(10))
            });
        }
        assert_eq!(cubic.cwnd_octets(), before);
    }
}

#[test]
fn rfc9438_07_below_ssthresh_it_is_slow_start() {
    let mut cubic = Cubic::new(&Config::default());
    cubic.on_established(SMSS, Handshake::Clean);
    assert_eq!(cubic.mode(), Mode::SlowStart);
    cubic.on_ack(&acked(10 * SMSS, Instant::ZERO, Duration::from_millis(50)));
    assert_eq!(cubic.cwnd_octets(), 20 * SMSS);
    // One ACK adds L segments at most.
    cubic.on_ack(&acked(
        1_000 * SMSS,
        Instant::ZERO,
        Duration::from_millis(50),
    ));
    assert_eq!(cubic.cwnd_octets(), 84 * SMSS);
    cubic.on_loss(0, Instant::ZERO);
    assert_eq!(cubic.mode(), Mode::Avoidance);
}

#[test]
fn rfc9438_4_8_after_a_timeout_the_curve_begins_where_slow_start_ends() {
    let rtt = Duration::from_millis(100);
    let mut cubic = avoiding(100);
    cubic.on_timeout(100 * SMSS, Expiry::First, Instant::ZERO);
    assert_eq!(
        (cubic.cwnd_octets(), cubic.ssthresh_octets()),
        (SMSS, 70_000)
    );
    cubic.on_timeout(SMSS, Expiry::Repeated, Instant::ZERO);
    assert_eq!(
        (cubic.cwnd_octets(), cubic.ssthresh_octets()),
        (SMSS, 70_000)
    );
    let mut now = Instant::from_secs(1);
    while cubic.mode() == Mode::SlowStart {
        round(&mut cubic, &mut now, rtt);
    }
    cubic.on_ack(&acked(SMSS, now, rtt));
    let epoch = cubic.state.epoch.unwrap();
    assert_eq!(epoch.k_micros, 0);
    assert!(epoch.origin < 75 * SMSS, "{}", epoch.origin);
}

#[test]
fn rfc9438_4_9_a_spurious_loss_gives_back_the_window_and_the_curve() {
    let rtt = Duration::from_millis(200);
    let mut cubic = avoiding(100);
    cubic.on_loss(0, Instant::ZERO);
    let mut now = Instant::from_secs(1);
    for _ in 0..5 {
        round(&mut cubic, &mut now, rtt);
    }
    let (cwnd, ssthresh) = (cubic.cwnd_octets(), cubic.ssthresh_octets());
    let k = cubic.state.epoch.unwrap().k_micros;
    cubic.on_loss(0, now);
    cubic.on_spurious(now);
    assert_eq!(
        (cubic.cwnd_octets(), cubic.ssthresh_octets()),
        (cwnd, ssthresh)
    );
    assert_eq!(cubic.state.epoch.unwrap().k_micros, k);
    assert_eq!(cubic.state.w_max, Some(100_000));
    // Once only, and not when cwnd has grown beyond it.
    cubic.on_spurious(now);
    assert_eq!(cubic.cwnd_octets(), cwnd);
    cubic.on_loss(0, now);
    cubic.adopt(2 * cwnd, cwnd, SMSS);
    cubic.on_spurious(now);
    assert_eq!(cubic.cwnd_octets(), 2 * cwnd);
}

#[test]
fn the_cubic_root_is_the_largest_whole_number_whose_cube_is_not_larger() {
    for root in [0_u64, 1, 2, 3, 1_000, 4_217_163, 1_000_000_007] {
        let cube = u128::from(root).pow(3);
        assert_eq!(cubic_root(cube), root);
        assert_eq!(cubic_root(cube + 1), root.max(u64::from(root == 0)));
        if root > 1 {
            assert_eq!(cubic_root(cube - 1), root - 1);
        }
    }
}
