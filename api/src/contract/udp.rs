//! Promises about datagrams: points 17 and 18.

use std::thread;
use std::time::Instant;

use super::background::{Background, all_at_once};
use super::kit::{Bench, Promise};
use super::nets::Nets;
use super::say::{
    Step, closed, equal, errno, fails, holds, pattern, same_octets, timed_out, took, works,
};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, Op};

/// See the module.
pub(super) const PROMISES: &[Promise<Nets>] = &[
    Promise {
        name: "datagrams_keep_their_boundaries",
        source: "point 17, Go's UDPZeroBytePayload",
        text: "Each write is one datagram, also an empty or the largest one; the rest is cut off.",
        needs: &[],
        check: datagrams_keep_their_boundaries,
    },
    Promise {
        name: "refused_port_is_told_once",
        source: "point 17",
        text: "A port that nobody has surfaces as ECONNREFUSED on the next call, once.",
        needs: &[],
        check: refused_port_is_told_once,
    },
    Promise {
        name: "misuse_of_peers",
        source: "point 17",
        text: "`write_to` on a socket with a peer, and `write` on one without, have their own errors.",
        needs: &[],
        check: misuse_of_peers,
    },
    Promise {
        name: "too_long_a_datagram",
        source: "point 17",
        text: "70,000 octets give EMSGSIZE at once.",
        needs: &[],
        check: too_long_a_datagram,
    },
    Promise {
        name: "deadlines_of_datagrams",
        source: "points 2, 4 and 6",
        text: "Deadlines and `close` reach blocked reads; a past deadline comes before the data.",
        needs: &[],
        check: deadlines_of_datagrams,
    },
    Promise {
        name: "only_the_peer_is_heard",
        source: "point 17",
        text: "A socket with a peer receives from that peer only.",
        needs: &[],
        check: only_the_peer_is_heard,
    },
    Promise {
        name: "datagrams_from_many_threads",
        source: "point 8",
        text: "Writes from several threads at once each arrive whole.",
        needs: &[],
        check: datagrams_from_many_threads,
    },
    Promise {
        name: "dual_stack_shows_ipv4",
        source: "point 18",
        text: "On a socket of both families a peer of IPv4 is shown as IPv4.",
        needs: &[],
        check: dual_stack_shows_ipv4,
    },
];

/// Datagrams may be lost where the link loses; each of these is asked for again.
fn datagrams_keep_their_boundaries(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    let mut got = vec![0; 70_000];
    for octets in [0, 1, 1_400, 65_507] {
        let want = pattern(octets, 8);
        equal("a write", &works("it", client.write(&want))?, &octets)?;
        let (len, from) = works("read_from", server.read_from(&mut got))?;
        same_octets("a datagram", &got[..len], &want)?;
        equal("its sender", &from, client.local_addr())?;
        works("write_to", server.write_to(&want, &from))?;
        let len = works("a read", client.read(&mut got))?;
        same_octets("the answer", &got[..len], &want)?;
        // What does not fit is thrown away, and only that.
        works("a write", client.write(b"abcdef"))?;
        let len = works("a read", server.read(&mut got[..3]))?;
        same_octets("what fits of a datagram", &got[..len], b"abc")?;
    }
    Ok(())
}

fn refused_port_is_told_once(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    works("close", server.close())?;
    works("a write to nobody", client.write(b"anybody?"))?;
    let reader = client.clone();
    let read = Background::begin("a read", move || reader.read(&mut [0; 8]))?;
    errno(
        "a read after it",
        Errno::ECONNREFUSED,
        read.within(bench.patience)?,
    )?;
    works(
        "set_read_deadline",
        client.set_read_deadline(Deadline::past()),
    )?;
    timed_out("the read after that", client.read(&mut [0; 8]))?;
    Ok(())
}

fn misuse_of_peers(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    let error = fails(
        "write_to on a socket with a peer",
        "WriteToConnected",
        client.write_to(b"x", server.local_addr()),
    )?;
    equal("its cause", error.err(), &Cause::WriteToConnected)?;
    equal("its op", &error.op(), &Op::Write)?;
    errno(
        "write on a socket without a peer",
        Errno::EDESTADDRREQ,
        server.write(b"x"),
    )?;
    Ok(())
}

fn too_long_a_datagram(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    let octets = vec![0; 70_000];
    errno("write", Errno::EMSGSIZE, client.write(&octets))?;
    let to = client.local_addr();
    errno("write_to", Errno::EMSGSIZE, server.write_to(&octets, to))?;
    // The socket is none the worse for it.
    works("a write", client.write(b"fine"))?;
    let len = works("a read", server.read(&mut [0; 8]))?;
    equal("octets read", &len, &4)
}

fn deadlines_of_datagrams(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    let blocked = || {
        let server = server.clone();
        Background::begin("a blocked read_from", move || server.read_from(&mut [0; 8]))
    };
    let set = |deadline: Deadline| works("set_read_deadline", server.set_read_deadline(deadline));
    let call = blocked()?;
    thread::sleep(bench.moment);
    set(Deadline::past())?;
    timed_out("a read that was blocked", call.within(bench.late)?)?;
    works("a write", client.write(b"waits"))?;
    timed_out("a read past its deadline", server.read(&mut [0; 8]))?;
    set(bench.patience.into())?;
    let len = works("a read", server.read(&mut [0; 8]))?;
    equal("octets read", &len, &5)?;
    let (began, ahead) = (Instant::now(), bench.moment * 2);
    set((began + ahead).into())?;
    timed_out("a read whose deadline comes", server.read(&mut [0; 8]))?;
    took("it", began, ahead, bench.late)?;
    set(Deadline::NONE)?;
    let calls = [blocked()?, blocked()?];
    thread::sleep(bench.moment);
    works("close", server.close())?;
    for call in calls {
        closed("a read that was blocked", call.within(bench.late)?)?;
    }
    closed("closing again", server.close())?;
    closed(
        "set_deadline after close",
        server.set_deadline(Deadline::NONE),
    )?;
    Ok(())
}

fn only_the_peer_is_heard(nets: &Nets, bench: &Bench) -> Step {
    let (client, server) = nets.udp_pair(bench.patience)?;
    let local = works("an address", nets.at(0).parse())?;
    let stranger = works("listen_udp", nets.server.listen_udp("udp", Some(&local)))?;
    works(
        "a write of a stranger",
        stranger.write_to(b"psst", client.local_addr()),
    )?;
    works("a write", client.write(b"hello"))?;
    let (_, from) = works("read_from", server.read_from(&mut [0; 8]))?;
    works("write_to", server.write_to(b"welcome", &from))?;
    let mut got = [0; 16];
    let len = works("a read", client.read(&mut got))?;
    same_octets("the peer's answer", &got[..len], b"welcome")
}

fn datagrams_from_many_threads(nets: &Nets, bench: &Bench) -> Step {
    const WRITERS: usize = 4;
    const EACH: usize = 10;
    let (client, server) = nets.udp_pair(bench.patience)?;
    all_at_once("writes", WRITERS, bench.patience, move |number| {
        for _ in 0..EACH {
            works("a write", client.write(&vec![number as u8; 100 + number]))?;
        }
        Ok(())
    })?;
    for _ in 0..WRITERS * EACH {
        let mut got = [0; 200];
        let len = works("a read", server.read(&mut got))?;
        let number = usize::from(got[0]);
        equal("its length", &len, &(100 + number))?;
        holds(
            "the octets of one datagram to stay together",
            got[..len].iter().all(|octet| usize::from(*octet) == number),
        )?;
    }
    Ok(())
}

fn dual_stack_shows_ipv4(nets: &Nets, bench: &Bench) -> Step {
    if nets.network("udp") == "udp6" {
        return Ok(());
    }
    let server = works("listen_packet", nets.server.listen_udp("udp", None))?;
    works("set_deadline", server.set_deadline(bench.patience))?;
    let port = server.local_addr().port;
    let to = works("an address", nets.at(port).parse())?;
    let client = works("dial_udp", nets.client.dial_udp("udp", None, &to))?;
    works("a write", client.write(b"who am I?"))?;
    let (_, from) = works("read_from", server.read_from(&mut [0; 16]))?;
    equal("the sender", &from, client.local_addr())?;
    holds(
        "a peer of IPv4 to be shown as IPv4",
        from.ip.is_some_and(|ip| ip.is_ipv4()),
    )?;
    works("an answer", server.write_to(b"you", &from))?;
    works("set_deadline", client.set_deadline(bench.patience))?;
    equal("it", &works("a read", client.read(&mut [0; 8]))?, &3)
}
