use super::{compare, new_stack, play};
use crate::drill::ast::Contents;
use crate::drill::backend::HostError;
use crate::drill::backend::kernel::{KernelHost, Plan, in_own_network};
use crate::drill::parse;
use crate::drill::run::Settings;

const SCRIPT: &str = "\
0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>
+0 < . 1:1(0) ack 1 win 257
+0 accept4(3, ..., ..., SOCK_NONBLOCK) = 4
+0 < P. 2001:3001(1000) ack 1 win 257
+0 write(4, ..., 100) = 100
+0 < R. 1:1(0) ack 101 win 0
+0 read(4, ..., 100) = -1 ECONNRESET
";

/// Flags, sequence number, length and acknowledgment of each segment of a run.
fn shapes(played: &super::Played) -> Vec<(String, u32, u32, Option<u32>)> {
    played
        .answers
        .iter()
        .flat_map(|answer| &answer.sent)
        .filter_map(|sent| match &sent.packet.as_ref()?.contents {
            Contents::Tcp(it) => Some((it.flags.to_string(), it.seq, it.octets, it.ack)),
            Contents::Udp(_) | Contents::Icmp(_) => None,
        })
        .collect()
}

#[test]
fn a_script_is_played_freely_with_an_answer_for_each_event() {
    let script = parse("free.pkt", SCRIPT).expect("well-formed");
    let settings = Settings::default();
    let mut stack = new_stack(&script, &settings).expect("plain settings");
    let played = play(&script, &mut stack, &settings).expect("nothing special");
    assert_eq!(played.answers.len(), script.events.len());
    let wanted = [
        ("S.".to_owned(), 0, 0, Some(1)),
        (".".to_owned(), 1, 0, Some(1)),
        ("P.".to_owned(), 1, 100, Some(1)),
    ];
    assert_eq!(shapes(&played), wanted);
    let results: Vec<i64> = played
        .answers
        .iter()
        .filter_map(|answer| answer.outcome.as_ref())
        .map(|outcome| outcome.result.unwrap_or(-1))
        .collect();
    assert_eq!(results, [3, 0, 0, 4, 100, -1]);
}

#[test]
fn stack_and_kernel_answer_the_same_script_in_the_same_numbers() {
    let script = parse("free.pkt", SCRIPT).expect("well-formed");
    let settings = Settings::default();
    let plan = Plan::of(&script);
    let compared = in_own_network(|| {
        let mut kernel = KernelHost::new(&plan)?;
        // Twice, on ports that differ: what is left of the first run must not show in the second.
        let first = compare(&script, &mut kernel, &settings);
        let mut again = script.clone();
        again.options.bind_port = Some(8_081);
        Ok((first, compare(&again, &mut kernel, &settings)))
    });
    let (first, second) = match compared {
        Ok(both) => both,
        Err(HostError::NotUp(why)) => {
            eprintln!("SKIPPED: {why}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    for compared in [first, second] {
        let compared = compared.expect("both can do this");
        assert_eq!(shapes(&compared.ours), shapes(&compared.theirs));
    }
}
