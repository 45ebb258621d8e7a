//! Promises about listeners: points 13 and 14, and the wildcards of §1.5.

use std::thread;
use std::time::Duration;

use super::background::{Background, all_at_once};
use super::kit::{Ability, Bench, Promise};
use super::nets::Nets;
use super::say::{Step, closed, equal, errno, fails, holds, timed_out, works};
use crate::deadline::Deadline;
use crate::error::{Errno, Op};

/// See the module.
pub(super) const PROMISES: &[Promise<Nets>] = &[
    Promise {
        name: "closing_wakes_accept",
        source: "point 13",
        text: "`close` wakes every blocked `accept` with `Closed`; later ones fail the same way.",
        needs: &[],
        check: closing_wakes_accept,
    },
    Promise {
        name: "accepted_outlive_the_listener",
        source: "point 13",
        text: "Connections that were accepted live on; nobody else can connect any more.",
        needs: &[],
        check: accepted_outlive_the_listener,
    },
    Promise {
        name: "deadlines_of_accept",
        source: "point 13",
        text: "A listener's deadline wakes `accept`, can be lifted, and touches no connection.",
        needs: &[],
        check: deadlines_of_accept,
    },
    Promise {
        name: "concurrent_accepts",
        source: "Go's TCPConcurrentAccept",
        text: "Several accepts at once: each connection is accepted once.",
        needs: &[],
        check: concurrent_accepts,
    },
    Promise {
        name: "backlog_waits",
        source: "point 14",
        text: "Many dials succeed before anybody accepts, and what they write waits.",
        needs: &[],
        check: backlog_waits,
    },
    Promise {
        name: "port_is_free_after_close",
        source: "point 14",
        text: "The port can be listened on again at once, also while its connections linger.",
        needs: &[],
        check: port_is_free_after_close,
    },
    Promise {
        name: "port_is_taken_once",
        source: "§1.5",
        text: "A second listener on the same address and port is refused with EADDRINUSE.",
        needs: &[],
        check: port_is_taken_once,
    },
    Promise {
        name: "wildcards_mean_both_families",
        source: "§1.5",
        text: "`:0`, `0.0.0.0:0`, `[::]:0` and no text under `tcp` listen on both families.",
        needs: &[Ability::BothFamilies],
        check: wildcards_mean_both_families,
    },
];

fn closing_wakes_accept(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let listener = listener.clone();
            Background::begin("a blocked accept", move || listener.accept())
        })
        .collect::<Step<_>>()?;
    thread::sleep(bench.moment);
    works("close", listener.close())?;
    for call in calls {
        let error = closed("an accept that was blocked", call.within(bench.late)?)?;
        equal("the op of its error", &error.op(), &Op::Accept)?;
    }
    let error = closed("an accept after close", listener.accept())?;
    equal(
        "the address that it names",
        &error.addr().map(ToString::to_string),
        &Some(listener.addr().to_string()),
    )?;
    closed("closing again", listener.close())?;
    closed(
        "set_deadline after close",
        listener.set_deadline(Deadline::NONE),
    )?;
    equal(
        "connections that still come",
        &listener.incoming().count(),
        &0,
    )
}

fn accepted_outlive_the_listener(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let dialled = nets.dial(&listener, bench)?;
    works("set_deadline", listener.set_deadline(bench.patience))?;
    let accepted = works("accept", listener.accept_tcp())?;
    works("set_deadline", accepted.set_deadline(bench.patience))?;
    works("close", listener.close())?;
    works("a write", dialled.write(b"still here"))?;
    let len = works("a read", accepted.read(&mut [0; 32]))?;
    equal("octets read", &len, &10)?;
    let until = Deadline::from(bench.patience);
    let late = nets
        .client
        .dial_tcp_until("tcp", None, listener.addr(), until);
    errno("a dial after close", Errno::ECONNREFUSED, late)?;
    Ok(())
}

fn deadlines_of_accept(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let blocked = listener.clone();
    let call = Background::begin("a blocked accept", move || blocked.accept())?;
    thread::sleep(bench.moment);
    works("set_deadline", listener.set_deadline(Deadline::past()))?;
    timed_out("an accept that was blocked", call.within(bench.late)?)?;
    let dialled = nets.dial(&listener, bench)?;
    let error = timed_out("an accept past its deadline", listener.accept())?;
    equal("the op of its error", &error.op(), &Op::Accept)?;
    works("set_deadline", listener.set_deadline(bench.patience))?;
    let accepted = works("accept", listener.accept_tcp())?;
    let ahead = bench.moment * 2;
    works("set_deadline", listener.set_deadline(ahead))?;
    timed_out("an accept whose deadline comes", listener.accept())?;
    works("a write", dialled.write(b"x"))?;
    works("set_deadline", accepted.set_deadline(bench.patience))?;
    let len = works("a read", accepted.read(&mut [0; 2]))?;
    equal("octets read", &len, &1)
}

fn concurrent_accepts(nets: &Nets, bench: &Bench) -> Step {
    const ACCEPTERS: usize = 4;
    const EACH: usize = 5;
    let listener = nets.listen()?;
    works("set_deadline", listener.set_deadline(bench.patience))?;
    let (dialling, bench) = (nets.clone(), bench.clone());
    let (accepting, patience) = (listener.clone(), bench.patience);
    let accepted = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let list = std::sync::Arc::clone(&accepted);
    all_at_once(
        "accepts and dials",
        ACCEPTERS + 1,
        patience,
        move |number| {
            if number == ACCEPTERS {
                for _ in 0..ACCEPTERS * EACH {
                    let conn = dialling.dial(&accepting, &bench)?;
                    works("a write", conn.write(b"hello"))?;
                }
                return Ok(());
            }
            for _ in 0..EACH {
                let conn = works("accept", accepting.accept_tcp())?;
                works("set_deadline", conn.set_deadline(patience))?;
                let len = works("a read", conn.read(&mut [0; 8]))?;
                equal("octets read", &len, &5)?;
                list.lock().push(conn.remote_addr().to_string());
            }
            Ok(())
        },
    )?;
    let mut peers = accepted.lock().clone();
    peers.sort();
    peers.dedup();
    equal("different peers", &peers.len(), &(ACCEPTERS * EACH))
}

fn backlog_waits(nets: &Nets, bench: &Bench) -> Step {
    const COUNT: usize = 40;
    let listener = nets.listen()?;
    let dialled: Vec<_> = (0..COUNT)
        .map(|number| {
            let conn = nets.dial(&listener, bench)?;
            works("a write", conn.write(&[number as u8]))?;
            Ok(conn)
        })
        .collect::<Step<_>>()?;
    works("set_deadline", listener.set_deadline(bench.patience))?;
    let mut seen = [false; COUNT];
    for _ in 0..COUNT {
        let conn = works("accept", listener.accept_tcp())?;
        works("set_deadline", conn.set_deadline(bench.patience))?;
        let mut octet = [0];
        works("a read", conn.read(&mut octet))?;
        if let Some(seen) = seen.get_mut(usize::from(octet[0])) {
            *seen = true;
        }
    }
    drop(dialled);
    holds("each of them to be accepted", seen.iter().all(|seen| *seen))
}

fn port_is_free_after_close(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let dialled = nets.dial(&listener, bench)?;
    works("set_deadline", listener.set_deadline(bench.patience))?;
    let accepted = works("accept", listener.accept_tcp())?;
    // The server closes first, so that its end lingers.
    works("close", accepted.close())?;
    works("set_deadline", dialled.set_deadline(bench.patience))?;
    equal("the end", &works("a read", dialled.read(&mut [0]))?, &0)?;
    works("close", dialled.close())?;
    let address = listener.addr().to_string();
    works("close", listener.close())?;
    let again = works("listening again", nets.server.listen("tcp", &address))?;
    equal("its address", &again.addr().to_string(), &address)
}

fn port_is_taken_once(nets: &Nets, _bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let address = listener.addr().to_string();
    let error = errno(
        "a second listen",
        Errno::EADDRINUSE,
        nets.server.listen("tcp", &address),
    )?;
    equal(
        "its text",
        &error.to_string(),
        &format!("listen tcp {address}: bind: address already in use"),
    )
}

fn wildcards_mean_both_families(nets: &Nets, bench: &Bench) -> Step {
    for text in [":0", "0.0.0.0:0", "[::]:0", ""] {
        let listener = works("listen", nets.server.listen("tcp", text))?;
        let shown = listener.addr().to_string();
        holds(
            "a wildcard under tcp to print as [::]:port",
            shown.starts_with("[::]:"),
        )?;
        let port = shown.trim_start_matches("[::]:");
        works("set_deadline", listener.set_deadline(bench.patience))?;
        for host in ["", "127.0.0.1", "::1"] {
            let address = crate::join_host_port(host, port);
            let dialled = nets
                .server
                .dial_timeout("tcp", &address, Duration::from_secs(5));
            let dialled = works("a dial to this host", dialled)?;
            let accepted = works("accept", listener.accept())?;
            equal(
                "the peer's address",
                &accepted.remote_addr(),
                &Some(dialled.local_addr()),
            )?;
        }
        let one_family = fails(
            "a second listen on a port of both families",
            "EADDRINUSE",
            nets.server.listen("tcp4", &format!(":{port}")),
        )?;
        equal("its cause", &one_family.errno(), &Some(Errno::EADDRINUSE))?;
    }
    Ok(())
}
