use super::{Settings, run};
use crate::drill::ast::Script;
use crate::drill::ladder::{Extent, ladder};
use crate::drill::parse;
use crate::drill::report::{Backend, Outcome, Report};

fn script(text: &str) -> Script {
    parse("test.pkt", text).expect("the script is well-formed")
}

fn play(text: &str) -> Report {
    run(&script(text), Backend::Stack, &Settings::default())
}

#[track_caller]
fn passes(text: &str) {
    let report = play(text);
    assert!(
        report.passed(),
        "{:?}\n{}",
        report.outcome,
        ladder(&report, Extent::whole())
    );
}

/// It fails at `line` (0: after the last event), and the message holds `part`.
#[track_caller]
fn fails_at(line: u32, part: &str, text: &str) {
    let report = play(text);
    match &report.outcome {
        Outcome::Failed(failure) => {
            let found = failure.position.map_or(0, |position| position.line);
            assert_eq!(found, line, "{}", failure.message);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        other => panic!("{other:?}"),
    }
}

const OPEN: &str = "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
";

#[test]
fn a_handshake_and_both_directions_of_a_stream_pass() {
    passes(&format!(
        "{OPEN}\
+0 < P. 1:1001(1000) ack 1 win 32792
+0~+0.05 > . 1:1(0) ack 1001
+0 read(4, ..., 2000) = 1000
+0 write(4, ..., 500) = 500
+0 > P. 1:501(500) ack 1001
+.01 < . 1001:1001(0) ack 501 win 257
"
    ));
}

#[test]
fn every_field_that_the_script_says_is_compared() {
    let cases = [
        ("> . 1:1(0) ack 1001", "> P. 1:1(0) ack 1001", "flags"),
        (
            "> . 1:1(0) ack 1001",
            "> . 2:2(0) ack 1001",
            "sequence number",
        ),
        ("> . 1:1(0) ack 1001", "> . 1:11(10) ack 1001", "length"),
        (
            "> . 1:1(0) ack 1001",
            "> . 1:1(0) ack 1002",
            "acknowledgment number",
        ),
        (
            "> . 1:1(0) ack 1001 win 64535",
            "> . 1:1(0) ack 1001 win 64536",
            "window",
        ),
        (
            "> [ttl 64] . 1:1(0) ack 1001",
            "> [ttl 63] . 1:1(0) ack 1001",
            "TTL",
        ),
        (
            "> [noecn] . 1:1(0) ack 1001",
            "> [ect0] . 1:1(0) ack 1001",
            "ECN",
        ),
        (
            "> . 1:1(0) ack 1001",
            "> . 1:1(0) ack 1001 <nop,nop,sackOK>",
            "nop",
        ),
    ];
    for (right, wrong, part) in cases {
        let before = format!("{OPEN}+0 < P. 1:1001(1000) ack 1 win 32792\n+.04 ");
        passes(&format!("{before}{right}\n"));
        fails_at(9, part, &format!("{before}{wrong}\n"));
    }
}

#[test]
fn a_packet_may_be_as_far_from_its_time_as_the_tolerance_says() {
    let data = "+0 < P. 1:1001(1000) ack 1 win 32792\n";
    let with = |tolerance: u32, time: &str| {
        format!("--tolerance_usecs={tolerance}\n{OPEN}{data}{time} > . 1:1(0) ack 1001\n")
    };
    // The delayed acknowledgment leaves after exactly 40 ms.
    passes(&with(4_000, "+.036"));
    fails_at(10, "left at 0.140000 s", &with(4_000, "+.035999"));
    passes(&with(4_000, "+.044"));
    fails_at(10, "in the silence before", &with(4_000, "+.044001"));
    passes(&with(0, "+.04"));
    passes(&with(0, "+.03~+.05"));
    fails_at(10, "left at", &with(0, "+.03~+.039"));
    passes(&with(0, "0.14"));
    passes(&with(0, "*"));
}

#[test]
fn what_nobody_expected_is_found_after_the_last_event() {
    let open_and_send = format!("{OPEN}+0 write(4, ..., 500) = 500\n");
    passes(&format!("{open_and_send}+0 > P. 1:501(500) ack 1\n"));
    fails_at(0, "1:501(500)", &open_and_send);
}

#[test]
fn a_packet_that_does_not_come_is_missed_at_its_line() {
    fails_at(
        8,
        "nothing had left",
        &format!("{OPEN}+0 > . 1:1(0) ack 1\n"),
    );
}

#[test]
fn results_of_calls_are_compared_and_errors_by_their_names() {
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = -1 ENOTCONN\n");
    fails_at(
        2,
        "ENOTCONN",
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = -1 EAGAIN\n",
    );
    fails_at(
        2,
        "ENOTCONN",
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 10) = 0\n",
    );
    passes("0 close(77) = -1 EBADF\n");
    fails_at(
        8,
        "returned 1000, the script says 999",
        &format!("{OPEN}+0 write(4, ..., 1000) = 999\n"),
    );
}

#[test]
fn a_call_that_blocks_goes_on_while_packets_are_exchanged() {
    let text = |read: &str| {
        format!(
            "{OPEN}{read} read(4, ..., 1000) = 100
+.2 < P. 1:101(100) ack 1 win 32792
+.04 > . 1:1(0) ack 101
"
        )
    };
    passes(&text("+0...+.2"));
    fails_at(8, "returned at 0.300000 s", &text("+0...+.15"));
    fails_at(8, "blocks", &text("+0"));
}

#[test]
fn a_script_that_ends_waits_for_the_call_that_blocks() {
    fails_at(
        8,
        "has not returned",
        &format!("{OPEN}+0...+.1 read(4, ..., 9) = 9\n"),
    );
}

#[test]
fn the_octets_that_are_read_are_those_that_were_sent() {
    let text = |sent: &str, read: &str| {
        format!(
            "{OPEN}+0 < P. 1:6(5) ack 1 win 32792 {sent}
+.04 > . 1:1(0) ack 6
+0 read(4, {read}, 100) = 5
"
        )
    };
    passes(&text("", "..."));
    passes(&text("\"hello\"", "\"hello\""));
    fails_at(10, "another text", &text("\"hello\"", "\"jello\""));
}

#[test]
fn a_text_that_leaves_is_what_the_application_wrote() {
    let text = |written: &str, sent: &str| {
        format!("{OPEN}+0 write(4, {written}, 5) = 5\n+0 > P. 1:6(5) ack 1 {sent}\n")
    };
    passes(&text("...", ""));
    passes(&text("\"hello\"", ""));
    passes(&text("\"hello\"", "\"hello\""));
    passes(&text("...", "anything"));
    fails_at(9, "payload", &text("\"hello\"", "\"jello\""));
    fails_at(9, "not zeroes", &text("...", "zeroes"));
}

#[test]
fn relaxed_takes_options_as_a_set_and_strict_does_not() {
    let opened = OPEN.replace(
        "S 0:0(0) win 32792 <mss 1000>",
        "S 0:0(0) win 32792 <mss 1000,sackOK>",
    );
    let with = |options: &str| opened.replace("<...>", options);
    let relaxed = Settings {
        matching: super::Matching::Relaxed,
        ..Settings::default()
    };
    let passes_relaxed = |text: &str| run(&script(text), Backend::Stack, &relaxed).passed();
    let exact = with("<mss 1460,nop,nop,sackOK>");
    let other = with("<sackOK,mss 1460>");
    passes(&exact);
    assert!(passes_relaxed(&exact));
    fails_at(5, "mss", &other);
    assert!(passes_relaxed(&other));
    assert!(!passes_relaxed(&with("<mss 1460>")), "sackOK is not said");
    assert!(!passes_relaxed(&with("<mss 1459,sackOK>")), "another value");
}

#[test]
fn relaxed_judges_a_reset_by_its_number_and_takes_any_shift_of_windows() {
    let relaxed = Settings {
        matching: super::Matching::Relaxed,
        ..Settings::default()
    };
    let passes_relaxed = |text: &str| run(&script(text), Backend::Stack, &relaxed).passed();
    let reset = |packet: &str| format!("0 < S 0:0(0) win 9\n+0 > {packet}\n");
    passes(&reset("R. 0:0(0) ack 1"));
    fails_at(2, "flags", &reset("R 0:0(0)"));
    assert!(passes_relaxed(&reset("R 0:0(0)")));
    assert!(!passes_relaxed(&reset("R 1:1(0)")), "another number");
    assert!(!passes_relaxed(&reset("R. 0:0(0) ack 2")), "another ack");
    let scaled = |shift: u8| {
        OPEN.replace("<mss 1000>", "<mss 1000,nop,wscale 2>")
            .replace("<...>", &format!("<mss 1460,nop,wscale {shift}>"))
    };
    passes(&scaled(9));
    fails_at(5, "window scale", &scaled(8));
    assert!(passes_relaxed(&scaled(8)));
}

#[test]
fn relaxed_joins_and_splits_bursts_and_ignores_push() {
    let relaxed = Settings {
        matching: super::Matching::Relaxed,
        ..Settings::default()
    };
    let passes_relaxed = |text: &str| run(&script(text), Backend::Stack, &relaxed).passed();
    let write = format!("{OPEN}+0 write(4, ..., 2000) = 2000\n");
    let two = format!("{write}+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2001(1000) ack 1\n");
    let one = format!("{write}+0 > P. 1:2001(2000) ack 1\n");
    let odd = format!("{write}+0 > . 1:501(500) ack 1\n+0 > . 501:2001(1500) ack 1\n");
    let short = format!("{write}+0 > P. 1:1501(1500) ack 1\n+.1 < . 1:1(0) ack 1501 win 32792\n");
    passes(&two);
    assert!(passes_relaxed(&two));
    fails_at(9, "flags", &one);
    assert!(passes_relaxed(&one));
    fails_at(9, "length", &odd);
    assert!(passes_relaxed(&odd));
    assert!(
        passes_relaxed(&short),
        "the rest comes after the last event"
    );
    let wrong = format!("{write}+0 > . 2:1001(999) ack 1\n");
    assert!(!passes_relaxed(&wrong), "another sequence number");
}

#[test]
fn timestamps_count_from_the_first_one_and_run_with_the_clock() {
    let text = |value: u32, echo: u32| {
        format!(
            "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 500 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 500>
+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 600 ecr 100>
+0 accept(3, ..., ...) = 4
+.1 < P. 1:101(100) ack 1 win 32792 <nop,nop,TS val 700 ecr 100>
+.04 > . 1:1(0) ack 101 <nop,nop,TS val {value} ecr {echo}>
"
        )
    };
    passes(&text(340, 700));
    fails_at(9, "TSval", &text(360, 700));
    fails_at(9, "TSecr", &text(340, 600));
}

#[test]
fn assertions_read_the_connection() {
    let text = |assertion: &str| format!("{OPEN}+0 %{{ assert {assertion} }}%\n");
    passes(&text(
        "tcpi_state == TCP_ESTABLISHED and tcpi_snd_cwnd == 10",
    ));
    passes(&text("tcpi_snd_mss == 1000 and tcpi_unacked == 0"));
    fails_at(8, "tcpi_snd_cwnd", &text("tcpi_snd_cwnd == 11"));
    let report = play(&text("tcpi_fackets == 0"));
    assert!(
        matches!(&report.outcome, Outcome::Unsupported { position, .. } if position.line == 8),
        "{:?}",
        report.outcome
    );
}

#[test]
fn a_checksum_that_is_wrong_makes_a_packet_unheard() {
    passes(&format!(
        "{OPEN}+0 < P. 1:1001(1000) ack 1 win 32792 badsum\n+1 close(3) = 0\n"
    ));
}

#[test]
fn sockets_of_udp_exchange_patterns_and_hear_of_closed_ports() {
    let text = |sent: &str| {
        format!(
            "\
0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0
+0 < udp (1000)
+0 recvfrom(3, ..., 2000, 0, ..., ...) = 1000
+0 < udp (10)
+0 < udp (20)
+0 recvfrom(3, ..., 2000, 0, ..., ...) = 10
+0 recvfrom(3, ..., 2000, 0, ..., ...) = 20
+0 sendto(3, ..., 100, 0, ..., ...) = 100
+0 > udp ({sent})
"
        )
    };
    passes(&text("100"));
    fails_at(10, "length", &text("99"));
}

#[test]
fn icmp_goes_both_ways() {
    passes("0 < icmp echo_request id 7 seq 1 (56)\n+0 > icmp echo_reply id 7 seq 1 (56)\n");
    passes(&format!(
        "{OPEN}+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+0 < icmp unreachable frag_needed mtu 600 [1:1001(1000)]
+0 > . 1:561(560) ack 1
+0 > P. 561:1001(440) ack 1
"
    ));
}

#[test]
fn connect_without_waiting_and_its_errors() {
    passes(
        "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <...>
+0 connect(3, ..., ...) = -1 EALREADY
+.1 < R. 0:0(0) ack 1 win 0
+0 poll([{fd=3, events=POLLOUT, revents=POLLOUT|POLLERR|POLLHUP}], 1, 0) = 1
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0
",
    );
}

#[test]
fn the_same_script_gives_the_same_report() {
    let text = format!("{OPEN}+0 write(4, ..., 3000) = 3000\n+0 > . 1:1001(1000) ack 1\n");
    assert_eq!(play(&text), play(&text));
}

#[test]
fn a_setting_that_the_stack_cannot_follow_is_said_with_its_line() {
    let report =
        play("`sysctl -q net.ipv4.tcp_sack=0`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n");
    assert!(
        matches!(&report.outcome, Outcome::Unsupported { position, .. } if position.line == 1),
        "{:?}",
        report.outcome
    );
}

/// The kernel may not be there, and then says so.
fn play_on(backend: Backend, text: &str) {
    let report = run(&script(text), backend, &Settings::default());
    match &report.outcome {
        Outcome::Passed => {}
        Outcome::Unavailable { what } => eprintln!("SKIPPED: {what}"),
        other => panic!("{other:?}\n{}", ladder(&report, Extent::whole())),
    }
}

const STREAM: &str = "\
+0 < P. 1:1001(1000) ack 1 win 32792
+0~+.05 > . 1:1(0) ack 1001
+0 read(4, ..., 2000) = 1000
+0 write(4, ..., 500) = 500
+0 > P. 1:501(500) ack 1001
+.01 < . 1001:1001(0) ack 501 win 32792
+0...+.1 read(4, ..., 100) = 0
+.1 < F. 1001:1001(0) ack 501 win 32792
+0~+.05 > . 501:501(0) ack 1002
+.1 close(4) = 0
+0 > F. 501:501(0) ack 1002
+0 < . 1002:1002(0) ack 502 win 32792
";

#[test]
fn the_kernel_passes_the_same_script() {
    play_on(Backend::Kernel, &format!("{OPEN}{STREAM}"));
}

#[test]
fn the_api_passes_the_same_script() {
    play_on(Backend::Api, &format!("{OPEN}{STREAM}"));
}

#[test]
fn a_syn_with_a_number_begins_there_on_the_wire() {
    use super::build::segment;
    use super::flow::{Flow, Transport};
    use crate::drill::ast::{Action, Contents};

    for (number, wire) in [(0_u32, 77), (4_294_966_296, 4_294_966_296)] {
        let mut flow = Flow::new(
            Transport::Tcp,
            "192.0.2.1:80".parse().unwrap(),
            "192.0.2.9:40000".parse().unwrap(),
            77,
        );
        let text = format!("+0 < S {number}:{number}(0) win 1000\n");
        let Action::Packet(packet) = &script(&text).events[0].action else {
            panic!("a packet");
        };
        let Contents::Tcp(said) = &packet.contents else {
            panic!("a segment");
        };
        let octets = segment(&mut flow, said, packet.ip).unwrap();
        assert_eq!(octets[24..28], u32::to_be_bytes(wire));
    }
}

#[test]
fn numbers_may_go_on_with_one_after_a_syn_with_a_number_of_its_own() {
    // As in packetdrill's own sets.
    passes(
        "\
0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <...>
+.1 < S. 123:123(0) ack 1 win 5840 <mss 1000>
+0 > . 1:1(0) ack 1
+.1 < F. 1:1(0) ack 1 win 92
+0 > . 1:1(0) ack 2
",
    );
    // As in this language: a number at or after the SYN's is meant as it is.
    passes(
        "\
0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <...>
+.1 < S. 4294967295:4294967295(0) ack 1 win 5840 <mss 1000>
+0 > . 1:1(0) ack 0
+.1 < F. 0:0(0) ack 1 win 92
+0 > . 1:1(0) ack 1
",
    );
}

#[test]
fn settings_on_the_way_are_told_only_if_they_mean_something() {
    passes("0 `sysctl -q net.ipv4.tcp_min_tso_segs=4 net.ipv4.tcp_sack=1`\n`./clean_up.sh`");
    let report = play("0 `sysctl -q net.ipv4.tcp_retries2=4`");
    assert!(
        matches!(report.outcome, Outcome::Unsupported { .. }),
        "{:?}",
        report.outcome
    );
}
