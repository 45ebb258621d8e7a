use core::time::Duration;

use super::{parse, parse_octets};
use crate::drill::ast::{
    Action, Call, Contents, Direction, Effect, Family, IcmpKind, Payload, Quoted, Script, Segment,
    SocketKind, TcpOption, TcpOptions, Time,
};
use crate::drill::constants::{Errno, SocketOption};
use crate::drill::error::Mistake;

fn read(text: &str) -> Script {
    match parse("test.pkt", text) {
        Ok(script) => script,
        Err(error) => panic!("{error}"),
    }
}

fn only(text: &str) -> Action {
    let mut script = read(text);
    assert_eq!(script.events.len(), 1, "{text}");
    script.events.remove(0).action
}

fn call(text: &str) -> Call {
    match only(text) {
        Action::Call(call) => call.call,
        other => panic!("{other:?}"),
    }
}

fn segment(text: &str) -> Segment {
    match only(text) {
        Action::Packet(packet) => match packet.contents {
            Contents::Tcp(segment) => segment,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The line and column of the first mistake, and its text.
fn mistake(text: &str) -> (u32, u32, String) {
    let error = parse("test.pkt", text).expect_err(text);
    (
        error.position.line,
        error.position.column,
        error.mistake.to_string(),
    )
}

#[test]
fn times_have_all_their_forms() {
    let times: Vec<Time> = read(
        "0 close(3) = 0\n.25 close(3) = 0\n+1.5 close(3) = 0\n* > . 1:1(0) ack 1\n\
         1~1.5 > . 1:1(0) ack 1\n+.1~+.2 > . 1:1(0) ack 1",
    )
    .events
    .iter()
    .map(|it| it.time)
    .collect();
    let ms = Duration::from_millis;
    assert_eq!(
        times,
        [
            Time::Absolute(ms(0)),
            Time::Absolute(ms(250)),
            Time::Relative(ms(1_500)),
            Time::Any,
            Time::AbsoluteRange {
                from: ms(1_000),
                to: ms(1_500)
            },
            Time::RelativeRange {
                from: ms(100),
                to: ms(200)
            },
        ]
    );
}

#[test]
fn a_call_that_blocks_says_when_it_returns() {
    for text in [
        "+0...0.2 connect(3, ..., ...) = 0",
        "+0...+0.2 connect(3, ..., ...) = 0",
        "0...0.200 connect(3, ..., ...) = 0",
    ] {
        match only(text) {
            Action::Call(call) => assert_eq!(call.returns_at, Some(Duration::from_millis(200))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        mistake("1...0.5 close(3) = 0").2,
        Mistake::TimeRange.to_string()
    );
}

#[test]
fn a_result_has_a_value_an_error_and_a_note() {
    let Action::Call(call) =
        only("+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)")
    else {
        panic!("no call");
    };
    assert_eq!(call.result.value, Some(-1));
    assert_eq!(call.result.errno, Some(Errno(115)));
    assert_eq!(
        call.result.note.as_deref(),
        Some("Operation now in progress")
    );
    let Action::Call(call) = only("+0 fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)") else {
        panic!("no call");
    };
    assert_eq!(call.result.value, Some(0x802));
    assert_eq!(call.result.note.as_deref(), Some("flags O_RDWR|O_NONBLOCK"));
}

#[test]
fn flags_may_be_in_any_order_and_both_spellings_of_cwr_are_known() {
    assert_eq!(segment("+0 > S. 0:0(0) ack 1").flags.0, 0x12);
    assert_eq!(segment("+0 < SEW 0:0(0) win 1").flags.0, 0xc2);
    assert_eq!(segment("+0 < CE. 1:1(0) ack 1 win 1").flags.0, 0xd0);
    assert_eq!(segment("+0 < FPU. 1:2(1) ack 1 win 1 urg 1").flags.0, 0x39);
    assert_eq!(segment("+0 < - 1:1(0)").flags.0, 0);
    assert_eq!(segment("+0 < .F 1:1(0) ack 1").flags.0, 0x11);
}

#[test]
fn parts_of_a_segment_may_be_in_any_order() {
    let one = segment("+0 < P. 1:4(3) ack 7 win 100 urg 2 <nop> \"abc\"");
    let two = segment("+0 < P. 1:4(3) <nop> urg 2 \"abc\" win 100 ack 7");
    assert_eq!(one, two);
    assert_eq!(one.payload, Payload::Octets(b"abc".to_vec()));
    assert_eq!(mistake("+0 < . 1:1(0) ack 1 ack 2").2, "ack is said twice");
}

#[test]
fn all_options_are_known() {
    let options = segment(
        "+0 < S 0:0(0) win 1 <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7,FO 01ab,uto 5m,exp 0xf989>",
    )
    .options;
    assert_eq!(
        options,
        TcpOptions::List(vec![
            TcpOption::Mss(1_460),
            TcpOption::SackPermitted,
            TcpOption::Timestamps { value: 1, echo: 2 },
            TcpOption::Nop,
            TcpOption::WindowScale(7),
            TcpOption::FastOpen(vec![1, 0xab]),
            TcpOption::UserTimeout(0x8005),
            TcpOption::Experimental {
                id: 0xf989,
                octets: Vec::new()
            },
        ])
    );
    assert_eq!(
        segment("+0 > S. 0:0(0) ack 1 <...>").options,
        TcpOptions::Any
    );
    assert_eq!(
        mistake("+0 < S 0:0(0) win 1 <sack 1:2 3:4 5:6 7:8 9:10>").2,
        "the options take 42 octets; a header has room for 40"
    );
}

#[test]
fn numbers_of_sequence_may_wrap() {
    let segment = segment("+0 < . 4294967295:9(10) ack 1 win 1");
    assert_eq!((segment.seq, segment.octets), (u32::MAX, 10));
    assert_eq!(
        mistake("+0 < . 1:11(11) ack 1").2,
        "from 1 to 11 are not 11 octets"
    );
}

#[test]
fn icmp_may_quote_before_or_after() {
    let new = only("+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
    let old = only("+0 < [1:1461(1460)] icmp unreachable frag_needed mtu 1200");
    assert_eq!(new, old);
    let Action::Packet(packet) = new else {
        panic!("no packet");
    };
    let Contents::Icmp(message) = packet.contents else {
        panic!("no ICMP");
    };
    assert_eq!(
        message.kind,
        IcmpKind {
            family: Family::V4,
            icmp_type: 3,
            code: 4
        }
    );
    assert_eq!(message.mtu, Some(1_200));
    assert_eq!(
        message.quoted,
        Some(Quoted::Tcp {
            seq: 1,
            octets: 1_460
        })
    );
    assert_eq!(
        mistake("+0 < icmp unreachable nonsense").2,
        "`unreachable nonsense` is no ICMP message of this IP version"
    );
}

#[test]
fn the_ip_version_chooses_the_icmp() {
    let script = read("--ip_version=ipv6\n+0 < icmpv6 packet_too_big mtu 1280 [1:2(1)]");
    let Action::Packet(packet) = &script.events[0].action else {
        panic!("no packet");
    };
    let Contents::Icmp(message) = &packet.contents else {
        panic!("no ICMP");
    };
    assert_eq!((message.kind.icmp_type, message.kind.code), (2, 0));
    assert!(parse("x", "+0 < icmpv6 packet_too_big mtu 1280 [1:2(1)]").is_err());
}

#[test]
fn calls_have_their_arguments() {
    assert_eq!(
        call("+0 socket(AF_INET6, SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_UDP) = 3").to_string(),
        "socket(AF_INET6, SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_UDP)"
    );
    let Call::Socket { kind, .. } = call("+0 socket(..., SOCK_STREAM, 0) = 3") else {
        panic!("no socket");
    };
    assert_eq!(kind, SocketKind::Stream);
    let Call::SetOption { option, .. } =
        call("+0 setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0")
    else {
        panic!("no setsockopt");
    };
    assert_eq!(option, SocketOption::TcpNoDelay);
    assert_eq!(
        mistake("+0 close(3, 4) = 0"),
        (1, 4, "close has 1 arguments, not 2".to_owned())
    );
    assert_eq!(mistake("+0 socket(..., SOCK_STREAM, IPPROTO_UDP) = 3").0, 1);
}

#[test]
fn commands_have_their_effects_and_no_others() {
    let script = read(
        "`./defaults.sh\nsysctl -q net.ipv4.tcp_rmem=\"4096 87380 6291456\" net.ipv4.tcp_sack=0; sleep 0.5`\n\
         `ip route change 192.0.2.0/24 dev tun0 initcwnd 3 && echo 1 > /proc/sys/net/ipv4/tcp_dsack`",
    );
    let setting = |name: &str, value: &str| Effect::Sysctl {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        script.init[0].effects,
        [
            setting("net.ipv4.tcp_rmem", "4096 87380 6291456"),
            setting("net.ipv4.tcp_sack", "0"),
            Effect::Sleep(Duration::from_millis(500)),
        ]
    );
    assert_eq!(
        script.init[1].effects,
        [
            setting("route.initcwnd", "3"),
            setting("net.ipv4.tcp_dsack", "1"),
        ]
    );
    // A line goes on behind a backslash; the helper of packetdrill's sets writes into files.
    let script = read(
        "`sysctl -q net.ipv4.tcp_ecn=1 \\\n net.ipv4.tcp_retries2=4\n\
         ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_fin_timeout=3`",
    );
    assert_eq!(
        script.init[0].effects,
        [
            setting("net.ipv4.tcp_ecn", "1"),
            setting("net.ipv4.tcp_retries2", "4"),
            setting("net.ipv4.tcp_fin_timeout", "3"),
        ]
    );
}

#[test]
fn commands_may_stand_at_the_end_and_nothing_behind_them() {
    let script = read("+0 close(3) = 0\n`./clean_up.sh`\n`rm x`");
    assert_eq!(script.events.len(), 1);
    let (line, ..) = mistake("`one`\n+0 close(3) = 0\n`two`\n+0 close(4) = 0");
    assert_eq!(line, 4);
}

#[test]
fn definitions_are_replaced() {
    let script = read(
        "--define=PEER=\"win 500 <mss 1000>\" --define N=3\n+0 < S 0:0(0) PEER\n+0 close(N) = 0",
    );
    let Action::Packet(packet) = &script.events[0].action else {
        panic!("no packet");
    };
    assert_eq!(packet.direction, Direction::Inbound);
    assert_eq!(packet.to_string(), "< S 0:0(0) win 500 <mss 1000>");
}

#[test]
fn mistakes_show_the_line_and_point_into_it() {
    let error = parse(
        "a/b.pkt",
        "0 close(3) = 0\n+0 epoll_wait(5, ..., 1, 0) = 1\n",
    )
    .expect_err("no epoll");
    assert_eq!(
        error.to_string(),
        "a/b.pkt:2:4: epoll_wait cannot be done here: `poll` says the same\n \
         2 | +0 epoll_wait(5, ..., 1, 0) = 1\n   |    ^"
    );
    assert!(error.is_unsupported());
    let python = parse("x", "+0 %{ import os }%").expect_err("no modules");
    assert!(python.is_unsupported());
    let typing = parse("x", "+0 frobnicate(3) = 0").expect_err("no such call");
    assert!(!typing.is_unsupported());
    let cases = [
        (
            "+0 frobnicate(3) = 0",
            4,
            "there is no system call `frobnicate`",
        ),
        ("+0 frobnicate", 4, "there is no statement `frobnicate`"),
        ("frobnicate", 1, "there is no statement `frobnicate`"),
        ("+0 close(3) = -1 EWHAT", 18, "`EWHAT` is no error"),
        (
            "+0 < X 0:0(0) win 1",
            6,
            "expected flags (F S R P . U E W C A, or - for none), udp or icmp, found `X`",
        ),
        (
            "+0 < S 0:0(0) win 65536",
            19,
            "a window of 16 bits has to be from 0 to 65535",
        ),
        (
            "+0 < S 0:0(0) win 1 <mmss 1>",
            22,
            "`mmss` is no TCP option",
        ),
        (
            "+0 < sctp: DATA",
            6,
            "sctp cannot be done here: there is no SCTP",
        ),
        ("--frob=1\n", 1, "there is no option --frob"),
        (
            "--so_filename=x\n",
            1,
            "--so_filename is not supported: there is no loading of other stacks; --backend chooses one",
        ),
        (
            "+0 %{ assert tcpi_x == 1 }%",
            14,
            "there is no field, constant or variable tcpi_x",
        ),
        ("+0 < S 0:0(0) win 1 /* ", 21, "the comment has no end"),
        (
            "+0 @",
            4,
            "expected a packet (`<` or `>`), a system call, a command or assertions, found `@`",
        ),
    ];
    for (text, column, message) in cases {
        assert_eq!(mistake(text), (1, column, message.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_text_is_told() {
    let error = parse_octets("x", b"0 close(3) = 0\n+0 \xff").expect_err("no UTF-8");
    assert_eq!((error.position.line, error.position.column), (2, 4));
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("+0 close({}", "[".repeat(100_000));
    assert_eq!(mistake(&deep).2, Mistake::TooDeep.to_string());
}
