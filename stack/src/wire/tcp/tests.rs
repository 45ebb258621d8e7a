use alloc::vec::Vec;

use super::*;
use crate::wire::tcp_options::{SackBlock, Timestamps};

fn emitted(header: &TcpHeader) -> Vec<u8> {
    let mut out = HeaderOctets::new();
    header.emit(&mut out);
    out.as_slice().to_vec()
}

fn full_header() -> TcpHeader {
    let mut options = TcpOptions {
        timestamps: Some(Timestamps {
            value: 0x0102_0304,
            echo_reply: 0x0506_0708,
        }),
        ..TcpOptions::default()
    };
    options.sack.push(SackBlock {
        left: SeqNumber::new(7),
        right: SeqNumber::new(9),
    });
    TcpHeader {
        source_port: 0x1234,
        destination_port: 0x5678,
        seq: SeqNumber::new(0xdead_beef),
        ack: SeqNumber::new(0xfeed_f00d),
        flags: TcpFlags::ACK.with(TcpFlags::PSH).with(TcpFlags::CWR),
        window: 0xabcd,
        urgent_pointer: 0x4321,
        options,
    }
}

#[test]
fn what_is_emitted_parses_to_the_same_header() {
    let header = full_header();
    let octets = emitted(&header);
    assert_eq!(octets.len(), header.header_octets());
    let parsed = TcpHeader::parse(&octets).unwrap();
    assert_eq!(parsed.header, header);
    assert_eq!(parsed.header_octets, octets.len());
}

#[test]
fn etherparse_reads_what_we_emit() {
    let octets = emitted(&full_header());
    let slice = TcpHeaderSlice::from_slice(&octets).unwrap();
    assert_eq!(slice.source_port(), 0x1234);
    assert_eq!(slice.destination_port(), 0x5678);
    assert_eq!(slice.sequence_number(), 0xdead_beef);
    assert_eq!(slice.acknowledgment_number(), 0xfeed_f00d);
    assert_eq!(slice.window_size(), 0xabcd);
    assert_eq!(slice.urgent_pointer(), 0x4321);
    assert_eq!(slice.checksum(), 0);
    assert!(slice.ack() && slice.psh() && slice.cwr());
    assert!(!slice.syn() && !slice.fin() && !slice.rst() && !slice.urg() && !slice.ece());
    assert_eq!(
        slice.options_iterator().filter(Result::is_ok).count(),
        2 + 1 + 2 + 1
    );
}

#[test]
fn bad_40_a_header_below_five_words_or_beyond_the_segment_is_rejected() {
    for data_offset in 0..16_u8 {
        for have_octets in 0..=60_usize {
            let mut segment = [1_u8; 60];
            segment[12] = data_offset << 4;
            let need_octets = usize::from(data_offset) * 4;
            let result = TcpHeader::parse(&segment[..have_octets]);
            if have_octets < TCP_HEADER_OCTETS {
                assert_eq!(
                    result,
                    Err(TcpRejected::Truncated {
                        have_octets,
                        need_octets: TCP_HEADER_OCTETS
                    })
                );
            } else if data_offset < 5 {
                assert_eq!(result, Err(TcpRejected::DataOffset { words: data_offset }));
            } else if have_octets < need_octets {
                assert_eq!(
                    result,
                    Err(TcpRejected::Truncated {
                        have_octets,
                        need_octets
                    })
                );
            } else {
                assert_eq!(result.map(|parsed| parsed.header_octets), Ok(need_octets));
            }
        }
    }
}

#[test]
fn the_reserved_bits_are_ignored_and_sent_as_zero() {
    let mut octets = emitted(&full_header());
    assert_eq!(octets[12] & 0x0f, 0);
    octets[12] |= 0x0f;
    assert_eq!(TcpHeader::parse(&octets).unwrap().header, full_header());
}

#[test]
fn all_eight_control_bits_survive_the_wire() {
    for bits in 0..=255 {
        let header = TcpHeader {
            flags: TcpFlags(bits),
            ..TcpHeader::default()
        };
        let parsed = TcpHeader::parse(&emitted(&header)).unwrap();
        assert_eq!(parsed.header.flags, TcpFlags(bits));
    }
}

#[test]
fn rfc9293_must_5_options_are_read_on_any_segment() {
    for bits in 0..=255 {
        let header = TcpHeader {
            flags: TcpFlags(bits),
            ..full_header()
        };
        assert_eq!(TcpHeader::parse(&emitted(&header)).unwrap().header, header);
    }
}

#[test]
fn rfc9293_must_7_an_impossible_option_rejects_the_segment() {
    use crate::discard::Discard;

    let mut segment = [0_u8; 24];
    segment[12] = 6 << 4;
    segment[20..].copy_from_slice(&[2, 0, 5, 180]);
    let rejected = TcpHeader::parse(&segment).unwrap_err();
    assert_eq!(Discard::from(rejected), Discard::TcpOption);
    segment[21] = 4;
    assert_eq!(
        TcpHeader::parse(&segment).unwrap().header.options.mss,
        Some(1460)
    );
}
