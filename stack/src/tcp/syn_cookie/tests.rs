use super::*;

fn tuple(last: u8) -> FourTuple {
    FourTuple {
        local: ([192, 0, 2, 1], 80).into(),
        remote: ([198, 51, 100, last], 5_000).into(),
    }
}

fn cookies() -> SynCookies {
    SynCookies::new(&mut Random::new([7; 32]))
}

fn agreed(mss: u16, shift: Option<u8>, sack: bool, ecn: Standing) -> Agreed {
    Agreed {
        peer_mss: mss,
        shifts: shift.map(|snd| Shifts { snd, rcv: 3 }),
        timestamps: Some(77),
        sack,
        ecn,
    }
}

const IRS: SeqNumber = SeqNumber::new(0xffff_ffff);
const LEAST: u16 = 64;

fn answer(iss: SeqNumber, stamp: Option<u32>) -> Heard {
    Heard {
        seq: IRS + 1,
        ack: iss + 1,
        timestamps: stamp.map(|stamp| (99, stamp)),
    }
}

#[test]
fn rfc4987_02_every_option_comes_back_in_the_timestamp() {
    let cookies = cookies();
    for shift in (0..=14).map(Some).chain([None]) {
        for sack in [false, true] {
            for ecn in [Standing::Off, Standing::Agreed] {
                for ts_value in [0, 1, 63, 64, 1_000_003, u32::MAX] {
                    let before = agreed(1_460, shift, sack, ecn);
                    let iss = cookies.iss(&tuple(1), IRS, &before, 5);
                    let sent = stamp(ts_value, &before);
                    assert!(ts_value.wrapping_sub(sent) < 64, "never ahead of our clock");
                    let heard = answer(iss, Some(sent));
                    let expected = Agreed {
                        timestamps: Some(99),
                        ..before
                    };
                    assert_eq!(
                        cookies.verify(&tuple(1), &heard, 3, LEAST, 5),
                        Verified::Completes {
                            irs: IRS,
                            agreed: expected
                        }
                    );
                }
            }
        }
    }
}

#[test]
fn rfc4987_02_without_timestamps_only_the_mss_comes_back() {
    let cookies = cookies();
    for (mss, class) in [
        (0, 64),
        (64, 64),
        (535, 256),
        (536, 536),
        (1_459, 1_440),
        (1_460, 1_460),
        (8_939, 1_460),
        (u16::MAX, 8_940),
    ] {
        let before = carried(&Agreed {
            timestamps: None,
            ..agreed(mss, Some(7), true, Standing::Agreed)
        });
        assert_eq!((before.shifts, before.sack), (None, false));
        let iss = cookies.iss(&tuple(1), IRS, &before, 0);
        let expected = Agreed {
            peer_mss: class,
            ..Agreed::default()
        };
        assert_eq!(
            cookies.verify(&tuple(1), &answer(iss, None), 3, LEAST, 0),
            Verified::Completes {
                irs: IRS,
                agreed: expected
            }
        );
    }
}

#[test]
fn rfc4987_02_a_cookie_is_good_for_two_periods() {
    let cookies = cookies();
    let before = agreed(1_460, Some(7), true, Standing::Off);
    let heard = answer(
        cookies.iss(&tuple(1), IRS, &before, 10),
        Some(stamp(1, &before)),
    );
    let verdict = |period| cookies.verify(&tuple(1), &heard, 3, LEAST, period);
    assert_eq!(verdict(9), Verified::Wrong);
    assert!(matches!(verdict(10), Verified::Completes { .. }));
    assert!(matches!(verdict(11), Verified::Completes { .. }));
    assert_eq!(verdict(12), Verified::Wrong);
}

#[test]
fn rfc4987_02_a_cookie_belongs_to_its_ends_its_options_and_its_key() {
    let mut cookies = cookies();
    let before = agreed(1_460, Some(7), true, Standing::Off);
    let iss = cookies.iss(&tuple(1), IRS, &before, 1);
    let sent = stamp(1_000, &before);
    let heard = answer(iss, Some(sent));
    assert!(matches!(
        cookies.verify(&tuple(1), &heard, 3, LEAST, 1),
        Verified::Completes { .. }
    ));
    let wrong = |verdict| assert_eq!(verdict, Verified::Wrong);
    wrong(cookies.verify(&tuple(2), &heard, 3, LEAST, 1));
    wrong(cookies.verify(&tuple(1), &answer(iss, Some(sent ^ 1)), 3, LEAST, 1));
    wrong(cookies.verify(&tuple(1), &answer(iss, None), 3, LEAST, 1));
    wrong(cookies.verify(&tuple(1), &answer(iss + 1, Some(sent)), 3, LEAST, 1));
    cookies.key[0] ^= 1;
    wrong(cookies.verify(&tuple(1), &heard, 3, LEAST, 1));
}

#[test]
fn a_segment_after_one_that_was_lost_is_told_from_a_forged_one() {
    let cookies = cookies();
    let before = agreed(1_460, Some(7), true, Standing::Off);
    let iss = cookies.iss(&tuple(1), IRS, &before, 1);
    let mut heard = answer(iss, Some(stamp(1_000, &before)));
    let verdict = |heard: &Heard| cookies.verify(&tuple(1), heard, 3, LEAST, 1);
    heard.seq = IRS + 1_461;
    assert_eq!(verdict(&heard), Verified::Early);
    // A keep-alive probe stands one before the next number.
    heard.seq = IRS;
    assert!(matches!(verdict(&heard), Verified::Completes { irs, .. } if irs == IRS));
}

#[test]
fn no_later_segment_passes_for_the_one_that_was_lost() {
    let cookies = cookies();
    let before = agreed(1_460, Some(7), true, Standing::Off);
    let iss = cookies.iss(&tuple(1), IRS, &before, 1);
    let mut heard = answer(iss, Some(stamp(1_000, &before)));
    // As far as the window of a SYN-ACK can reach, and in both periods.
    for octets in 1..=EARLY_OCTETS {
        heard.seq = IRS + 1 + octets;
        for period in [1, 2] {
            let verdict = cookies.verify(&tuple(1), &heard, 3, LEAST, period);
            assert_eq!(verdict, Verified::Early, "{octets} octets later");
        }
    }
    heard.seq = IRS + 2 + EARLY_OCTETS;
    let verdict = cookies.verify(&tuple(1), &heard, 3, LEAST, 1);
    assert_eq!(verdict, Verified::Wrong);
}

#[test]
fn a_random_guess_hits_about_once_in_two_to_the_27() {
    let cookies = cookies();
    let mut random = Random::new([1; 32]);
    let mut early = 0;
    for _ in 0..1_000_000 {
        let heard = Heard {
            seq: SeqNumber::new(random.bits_32()),
            ack: SeqNumber::new(random.bits_32()),
            timestamps: Some((0, random.bits_32())),
        };
        match cookies.verify(&tuple(1), &heard, 3, LEAST, 9) {
            Verified::Completes { .. } => panic!("a guess hit"),
            Verified::Early => early += 1,
            Verified::Wrong => {}
        }
    }
    // Two periods, 65,535 of 2^29: 244 are expected.
    assert!((160..330).contains(&early), "{early}");
}

#[test]
fn failures_of_one_source_leave_others_alone_and_end_with_the_second() {
    let mut cookies = cookies();
    let now = Instant::from_secs(10);
    let [one, other] = [tuple(1), tuple(2)].map(|it| it.remote.ip());
    for _ in 0..5 {
        assert!(cookies.may_check(one, now, 5));
        cookies.on_failure(one, now);
    }
    assert!(!cookies.may_check(one, now, 5));
    assert!(cookies.may_check(other, now, 5));
    let almost = now + Duration::from_millis(999);
    assert!(!cookies.may_check(one, almost, 5));
    assert!(cookies.may_check(one, now + SECOND, 5));
}
