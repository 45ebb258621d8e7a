//! The flags and codepoints of RFC 3168 §6.1, side by side.

use super::{Cargo, EcnState, Standing, answer_to_syn, syn_ack_flags};
use crate::base::SeqNumber;
use crate::call::EcnUse;
use crate::wire::protocol::Ecn;
use crate::wire::tcp::TcpFlags;

const NONE: TcpFlags = TcpFlags(0);
const ECE: TcpFlags = TcpFlags::ECE;
const CWR: TcpFlags = TcpFlags::CWR;
const SYN_ACK: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);

fn agreed() -> EcnState {
    EcnState::agreed(Standing::Agreed)
}

#[test]
fn rfc3168_01_only_a_syn_with_both_flags_is_answered() {
    for flags in [NONE, ECE, CWR, ECE.with(CWR)] {
        let both = flags == ECE.with(CWR);
        for ecn_use in [EcnUse::Answer, EcnUse::Ask] {
            let standing = answer_to_syn(ecn_use, TcpFlags::SYN.with(flags));
            assert_eq!(standing == Standing::Agreed, both, "{flags:?}");
            assert_eq!(syn_ack_flags(standing), if both { ECE } else { NONE });
        }
        let never = answer_to_syn(EcnUse::Never, TcpFlags::SYN.with(flags));
        assert_eq!(never, Standing::Off);
    }
}

#[test]
fn rfc3168_01_only_a_syn_ack_with_ece_alone_agrees() {
    for flags in [NONE, ECE, CWR, ECE.with(CWR)] {
        let mut ecn = EcnState::default();
        assert_eq!(ecn.ask(EcnUse::Ask, 0), ECE.with(CWR));
        ecn.on_answer(SYN_ACK.with(flags));
        assert_eq!(
            ecn.standing() == Standing::Agreed,
            flags == ECE,
            "{flags:?}"
        );
        // Who never asked agrees to nothing.
        let mut silent = EcnState::default();
        assert_eq!(silent.ask(EcnUse::Answer, 0), NONE);
        silent.on_answer(SYN_ACK.with(flags));
        assert_eq!(silent.standing(), Standing::Off);
    }
}

#[test]
fn rfc3168_6_1_1_1_a_syn_that_is_repeated_does_not_ask() {
    let mut ecn = EcnState::default();
    ecn.ask(EcnUse::Ask, 0);
    assert_eq!(ecn.ask(EcnUse::Ask, 1), NONE);
    // An answer to the first one comes late: the peer believes what it said, but we do not mark.
    ecn.on_answer(SYN_ACK.with(ECE));
    assert_eq!(ecn.standing(), Standing::Off);
}

#[test]
fn rfc3168_02_only_new_text_is_capable() {
    let mut ecn = agreed();
    assert_eq!(ecn.marks(Cargo::Other).codepoint, Ecn::NotCapable);
    assert_eq!(ecn.marks(Cargo::NewText).codepoint, Ecn::Capable0);
    let mut off = EcnState::default();
    assert_eq!(off.marks(Cargo::NewText).codepoint, Ecn::NotCapable);
}

#[test]
fn rfc3168_03_every_ack_echoes_from_the_mark_until_cwr() {
    let mut ecn = agreed();
    ecn.on_text(NONE, Ecn::Capable0);
    assert_eq!(ecn.marks(Cargo::Other).flags, NONE);
    ecn.on_text(NONE, Ecn::CongestionExperienced);
    for _ in 0..3 {
        assert_eq!(ecn.marks(Cargo::Other).flags, ECE);
        assert_eq!(ecn.marks(Cargo::NewText).flags, ECE);
        ecn.on_text(NONE, Ecn::Capable0);
    }
    // CWR on a packet that is marked itself: another report begins.
    ecn.on_text(CWR, Ecn::CongestionExperienced);
    assert_eq!(ecn.marks(Cargo::Other).flags, ECE);
    ecn.on_text(CWR, Ecn::Capable0);
    assert_eq!(ecn.marks(Cargo::Other).flags, NONE);
}

#[test]
fn rfc3168_04_a_report_is_answered_once_a_window_and_told_once() {
    let seq = SeqNumber::new;
    let mut ecn = agreed();
    assert!(ecn.is_report(TcpFlags::ACK.with(ECE)));
    assert!(!ecn.is_report(SYN_ACK.with(ECE)));
    assert!(ecn.must_answer(seq(100)));
    ecn.on_reduced(seq(1_000));
    assert!(!ecn.must_answer(seq(999)));
    assert!(ecn.must_answer(seq(1_000)));
    // CWR waits for new text.
    assert_eq!(ecn.marks(Cargo::Other).flags, NONE);
    assert_eq!(ecn.marks(Cargo::NewText).flags, CWR);
    assert_eq!(ecn.marks(Cargo::NewText).flags, NONE);
}

#[test]
fn marks_mean_nothing_where_nothing_was_agreed() {
    let mut off = EcnState::default();
    off.on_text(NONE, Ecn::CongestionExperienced);
    off.on_reduced(SeqNumber::new(1));
    assert_eq!(off.marks(Cargo::NewText).flags, NONE);
    assert!(!off.is_report(TcpFlags::ACK.with(ECE)));
}
