use alloc::vec::Vec;
use std::vec;

use super::*;
use crate::base::Random;

fn block(left: u32, right: u32) -> SackBlock {
    SackBlock {
        left: SeqNumber::new(left),
        right: SeqNumber::new(right),
    }
}

#[test]
fn rfc9293_must_4_end_of_list_no_operation_and_mss_are_understood() {
    let options = TcpOptions::parse(&[1, 1, 2, 4, 0x05, 0xb4, 0, 99]).unwrap();
    assert_eq!(options.mss, Some(1460));
}

#[test]
fn rfc9293_must_6_unknown_kinds_are_skipped_by_their_length() {
    let options = TcpOptions::parse(&[200, 6, 9, 9, 9, 9, 2, 4, 0x05, 0xb4]).unwrap();
    assert_eq!(options.mss, Some(1460));
    // Every kind that we do not know, with every length that fits in front of an MSS.
    for kind in (6..=255_u8).filter(|kind| ![8, 28].contains(kind)) {
        for length in 2..=36_u8 {
            let mut area = vec![kind, length];
            area.resize(usize::from(length), 0xee);
            area.extend([2, 4, 0x05, 0xb4]);
            assert_eq!(TcpOptions::parse(&area).unwrap().mss, Some(1460));
        }
    }
}

#[test]
fn rfc9293_must_7_impossible_lengths_are_rejected() {
    assert_eq!(
        TcpOptions::parse(&[2, 0, 5, 180]),
        Err(TcpOptionRejected::TooShort {
            kind: 2,
            length_octets: 0
        })
    );
    assert_eq!(
        TcpOptions::parse(&[2, 1, 5, 180]),
        Err(TcpOptionRejected::TooShort {
            kind: 2,
            length_octets: 1
        })
    );
    assert_eq!(
        TcpOptions::parse(&[2, 255, 5, 180]),
        Err(TcpOptionRejected::Overrun {
            kind: 2,
            length_octets: 255,
            have_octets: 4
        })
    );
    // One octet past the end, and just up to it.
    assert!(TcpOptions::parse(&[1, 200, 4, 0]).is_err());
    assert!(TcpOptions::parse(&[1, 200, 3, 0]).is_ok());
    assert_eq!(
        TcpOptions::parse(&[1, 1, 1, 2]),
        Err(TcpOptionRejected::NoLength { kind: 2 })
    );
}

#[test]
fn rfc9293_must_64_options_are_read_at_any_alignment() {
    for nops in 0..20 {
        let mut area = vec![1; nops];
        area.extend([2, 4, 0x05, 0xb4, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        let options = TcpOptions::parse(&area).unwrap();
        assert_eq!(options.mss, Some(1460));
        assert_eq!(
            options.timestamps,
            Some(Timestamps {
                value: 1,
                echo_reply: 2
            })
        );
    }
}

#[test]
fn rfc9293_must_69_what_follows_the_end_of_the_list_is_ignored() {
    // Neither a good option nor a bad one counts after the end.
    let options = TcpOptions::parse(&[0, 2, 4, 5, 180, 2, 0]).unwrap();
    assert_eq!(options, TcpOptions::new());
}

#[test]
fn a_known_kind_with_a_foreign_length_is_ignored_and_the_walk_goes_on() {
    for (kind, right) in [(2, 4), (3, 3), (4, 2), (8, 10), (28, 4)] {
        for length in (2..=36_u8).filter(|length| *length != right) {
            let mut area = vec![kind, length];
            area.resize(usize::from(length), 1);
            let before = TcpOptions::parse(&area).unwrap();
            assert_eq!(before, TcpOptions::new(), "kind {kind} length {length}");
            area.extend([3, 3, 7]);
            assert_eq!(TcpOptions::parse(&area).unwrap().window_scale, Some(7));
        }
    }
}

#[test]
fn sack_of_any_length_but_whole_blocks_is_ignored() {
    for length in 2..=40_u8 {
        let mut area = vec![5, length];
        area.resize(usize::from(length), 0);
        let blocks = usize::from(length - 2) / 8;
        let whole = usize::from(length - 2) % 8 == 0;
        let options = TcpOptions::parse(&area).unwrap();
        let expected = if whole { blocks } else { 0 };
        assert_eq!(options.sack.as_slice().len(), expected, "length {length}");
    }
}

#[test]
fn the_first_of_two_equal_kinds_counts() {
    let options = TcpOptions::parse(&[
        2, 4, 0, 1, 2, 4, 0, 2, 3, 3, 1, 3, 3, 2, 28, 4, 0, 1, 28, 4, 0, 2,
    ])
    .unwrap();
    assert_eq!(options.mss, Some(1));
    assert_eq!(options.window_scale, Some(1));
    assert_eq!(options.user_timeout, Some(1));
    let options =
        TcpOptions::parse(&[5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4]).unwrap();
    assert_eq!(options.sack.as_slice(), &[block(1, 2)]);
    // A wrong one does not take the place of a right one.
    let options = TcpOptions::parse(&[2, 3, 9, 2, 4, 0, 2]).unwrap();
    assert_eq!(options.mss, Some(2));
}

#[test]
fn rfc5482_3_4_a_user_timeout_of_zero_is_neither_taken_nor_sent() {
    for (timeout, taken) in [(0_u16, false), (0x8000, false), (1, true), (0x8001, true)] {
        let [a, b] = timeout.to_be_bytes();
        let options = TcpOptions::parse(&[28, 4, a, b]).unwrap();
        assert_eq!(options.user_timeout, taken.then_some(timeout));
        let options = TcpOptions {
            user_timeout: Some(timeout),
            ..TcpOptions::new()
        };
        assert_eq!(options.octets(), if taken { 4 } else { 0 });
        assert_eq!(options.emit().as_slice().is_empty(), !taken);
    }
}

/// Every set of options, with 0 to 4 SACK blocks.
fn every_set() -> Vec<TcpOptions> {
    let mut all = Vec::new();
    for bits in 0..32_u8 {
        for blocks in 0..=4 {
            let mut options = TcpOptions {
                mss: (bits & 1 != 0).then_some(1460),
                window_scale: (bits & 2 != 0).then_some(7),
                sack_permitted: bits & 4 != 0,
                sack: SackBlocks::new(),
                timestamps: (bits & 8 != 0).then_some(Timestamps {
                    value: 1,
                    echo_reply: 2,
                }),
                user_timeout: (bits & 16 != 0).then_some(0x8005),
                fast_open: None,
            };
            for number in 0..blocks {
                options.sack.push(block(number * 10, number * 10 + 5));
            }
            all.push(options);
        }
    }
    all
}

#[test]
fn rfc9293_must_68_every_emitted_set_parses_back_and_is_padded_to_words() {
    for options in every_set() {
        let emitted = options.emit();
        let octets = emitted.as_slice();
        assert_eq!(octets.len(), options.octets());
        assert_eq!(octets.len() % 4, 0);
        assert!(octets.len() <= OPTIONS_OCTETS_MAX);
        let parsed = TcpOptions::parse(octets).unwrap();
        assert_eq!(
            TcpOptions {
                sack: options.sack,
                ..parsed
            },
            options
        );
        // SACK blocks give way to the other options, the last ones first.
        let fitted = parsed.sack.as_slice();
        assert_eq!(fitted, &options.sack.as_slice()[..fitted.len()]);
        let left_out = options.sack.as_slice().len() - fitted.len();
        assert!(left_out == 0 || octets.len() + SACK_BLOCK_OCTETS > OPTIONS_OCTETS_MAX);
    }
}

#[test]
fn three_sack_blocks_fit_beside_timestamps_and_four_alone() {
    let mut options = TcpOptions::new();
    for number in 0..4 {
        options.sack.push(block(number, number + 1));
    }
    assert_eq!(options.octets(), 36);
    options.timestamps = Some(Timestamps::default());
    assert_eq!(options.octets(), 40);
    let emitted = options.emit();
    let parsed = TcpOptions::parse(emitted.as_slice()).unwrap();
    assert_eq!(parsed.sack.as_slice().len(), 3);
}

#[test]
fn a_fifth_sack_block_is_ignored() {
    let mut blocks = SackBlocks::new();
    for number in 0..5 {
        blocks.push(block(number, number + 1));
    }
    assert_eq!(blocks.as_slice().len(), SACK_BLOCKS_MAX);
    assert_eq!(blocks.as_slice()[3], block(3, 4));
}

#[test]
fn bad_41_a_hundred_thousand_random_option_areas_neither_hang_nor_panic() {
    let mut random = Random::new([41; 32]);
    for _ in 0..100_000 {
        let mut area = [0_u8; OPTIONS_OCTETS_MAX];
        for octet in &mut area {
            // Mostly small numbers, so that kinds and lengths often fit.
            let small = random.below(3) > 0;
            *octet = random.below(if small { 12 } else { 256 }) as u8;
        }
        let length = random.below(OPTIONS_OCTETS_MAX as u32 + 1) as usize;
        if let Ok(options) = TcpOptions::parse(&area[..length]) {
            let emitted = options.emit();
            assert!(emitted.as_slice().len() <= OPTIONS_OCTETS_MAX);
        }
    }
}

#[test]
fn rfc7413_02_a_fast_open_cookie_has_an_even_length_from_4_to_16_or_none() {
    for octets in 0..=38_usize {
        let mut area = std::vec![34, octets as u8 + 2];
        area.resize(octets + 2, 0xab);
        let parsed = TcpOptions::parse(&area).unwrap().fast_open;
        let fits = octets == 0 || (4..=16).contains(&octets) && octets % 2 == 0;
        assert_eq!(parsed.is_some(), fits, "{octets}");
        if let Some(fast_open) = parsed {
            assert_eq!(fast_open.cookie().len(), octets);
            assert_eq!(fast_open.is_request(), octets == 0);
        }
    }
}

#[test]
fn rfc7413_02_the_option_is_written_as_it_is_read_beside_all_others() {
    for octets in [0, 4, 6, 8, 10, 12, 14, 16] {
        let cookie: std::vec::Vec<u8> = (0..octets).collect();
        let options = TcpOptions {
            mss: Some(1_460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps {
                value: 1,
                echo_reply: 2,
            }),
            fast_open: FastOpen::new(&cookie),
            ..TcpOptions::default()
        };
        assert!(options.fast_open.is_some());
        let emitted = options.emit();
        assert_eq!(emitted.as_slice().len(), options.octets());
        assert_eq!(TcpOptions::parse(emitted.as_slice()).unwrap(), options);
    }
}
