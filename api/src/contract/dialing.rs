//! Promises about `dial`: points 15, 16 and 20, and the errors of §1.3.

use std::time::{Duration, Instant};

use super::background::Background;
use super::kit::{Ability, Bench, Promise};
use super::nets::Nets;
use super::say::{Step, breach, equal, errno, fails, holds, timed_out, took, works};
use crate::error::{Cause, Errno, NetError, Op};
use crate::{CancelToken, Dialer, TCPAddr, TCPListener};

/// See the module.
pub(super) const PROMISES: &[Promise<Nets>] = &[
    Promise {
        name: "refused_port_says_so",
        source: "§1.3",
        text: "A port that nobody listens on is refused, in Go's words and std's kind.",
        needs: &[],
        check: refused_port_says_so,
    },
    Promise {
        name: "dial_times_out",
        source: "points 15 and 16",
        text: "A dial that nobody answers fails at its deadline, and leaves nothing behind.",
        needs: &[Ability::SilentAddress],
        check: dial_times_out,
    },
    Promise {
        name: "abandoned_dial_leaves_nothing",
        source: "point 15",
        text: "After a dial that timed out, the stack has no record of it.",
        needs: &[Ability::SilentAddress, Ability::Counters],
        check: abandoned_dial_leaves_nothing,
    },
    Promise {
        name: "cancelled_dial_says_so",
        source: "point 16",
        text: "A token that is cancelled wakes a dial, and fails one that begins later, with Canceled.",
        needs: &[Ability::SilentAddress],
        check: cancelled_dial_says_so,
    },
    Promise {
        name: "no_time_fails_at_once",
        source: "point 16",
        text: "A timeout of nothing, or a deadline in the past, fails at once.",
        needs: &[],
        check: no_time_fails_at_once,
    },
    Promise {
        name: "unknown_networks_fail_first",
        source: "point 20",
        text: "Unknown networks fail before any look-up; `ip` networks need a protocol.",
        needs: &[],
        check: unknown_networks_fail_first,
    },
    Promise {
        name: "addresses_that_say_nothing",
        source: "§1.6",
        text: "Addresses without a port, or with one out of range, are refused in Go's words.",
        needs: &[],
        check: addresses_that_say_nothing,
    },
    Promise {
        name: "never_connects_to_itself",
        source: "point 15",
        text: "Dialling a free port of this host is refused, however often it is tried.",
        needs: &[],
        check: never_connects_to_itself,
    },
    Promise {
        name: "dialled_from_where_it_was_told",
        source: "DialTCP",
        text: "A local address with a port is the one that the connection has.",
        needs: &[],
        check: dialled_from_where_it_was_told,
    },
];

/// The address of a port that nobody listens on.
fn free_address(nets: &Nets) -> Step<String> {
    let listener = nets.listen()?;
    let address = listener.addr().to_string();
    works("close", listener.close())?;
    Ok(address)
}

fn refused_port_says_so(nets: &Nets, bench: &Bench) -> Step {
    let address = free_address(nets)?;
    let dialled = nets.client.dial_timeout("tcp", &address, bench.patience);
    let error = errno("a dial to nobody", Errno::ECONNREFUSED, dialled)?;
    equal(
        "its text",
        &error.to_string(),
        &format!("dial tcp {address}: connect: connection refused"),
    )?;
    equal(
        "its kind",
        &std::io::Error::from(error).kind(),
        &std::io::ErrorKind::ConnectionRefused,
    )
}

fn dial_times_out(nets: &Nets, bench: &Bench) -> Step {
    let silent = nets.silent_at(9)?;
    let (client, ahead) = (nets.client.clone(), bench.moment * 6);
    let address = silent.clone();
    let began = Instant::now();
    let dial = Background::begin("a dial with a timeout", move || {
        client.dial_timeout("tcp", &address, ahead)
    })?;
    let error = timed_out("a dial to silence", dial.within(ahead + bench.late)?)?;
    took("a dial to time out", began, ahead, bench.late)?;
    equal("its op", &error.op(), &Op::Dial)?;
    equal(
        "its text",
        &error.to_string(),
        &format!("dial tcp {silent}: i/o timeout"),
    )
}

fn abandoned_dial_leaves_nothing(nets: &Nets, bench: &Bench) -> Step {
    let silent = nets.silent_at(9)?;
    let soon = Duration::from_millis(5);
    timed_out(
        "a dial to silence",
        nets.client.dial_timeout("tcp", &silent, soon),
    )?;
    let began = Instant::now();
    while began.elapsed() < bench.patience {
        let counters = works("counters", nets.client.counters())?;
        if counters.connections_open == 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    breach("no record of the dial", "one")
}

fn cancelled_dial_says_so(nets: &Nets, bench: &Bench) -> Step {
    let silent = nets.silent_at(9)?;
    let token = CancelToken::new();
    let dialer = Dialer::new().on(&nets.client).cancel(&token);
    let text = format!("dial tcp {silent}: operation was canceled");
    let (waiting, address) = (dialer.clone(), silent.clone());
    let dial = Background::begin("a dial with a token", move || waiting.dial("tcp", &address))?;
    std::thread::sleep(bench.moment);
    holds("a dial to silence to wait", dial.now().is_none())?;
    token.cancel();
    let error = fails("a dial", "canceled", dial.within(bench.late)?)?;
    equal("its cause", error.err(), &Cause::Canceled)?;
    equal("its text", &error.to_string(), &text)?;
    let error = fails(
        "a dial with a token that was used",
        "canceled",
        dialer.dial("tcp", &silent),
    )?;
    equal("its cause", error.err(), &Cause::Canceled)
}

fn no_time_fails_at_once(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let address = listener.addr().to_string();
    let began = Instant::now();
    for network in ["tcp", "udp"] {
        timed_out(
            "a dial in no time",
            nets.client.dial_timeout(network, &address, Duration::ZERO),
        )?;
        timed_out(
            "a dial past its deadline",
            nets.client
                .dial_until(network, &address, crate::Deadline::past()),
        )?;
    }
    took("failing at once", began, Duration::ZERO, bench.late)
}

fn unknown_networks_fail_first(nets: &Nets, _bench: &Bench) -> Step {
    for (network, text) in [
        ("foo", "dial foo: unknown network foo"),
        ("tcp5", "dial tcp5: unknown network tcp5"),
        ("", "dial: unknown network "),
        ("ip", "dial ip: unknown network ip"),
        ("ip4", "dial ip4: unknown network ip4"),
    ] {
        let dialled = nets.client.dial(network, "no-such-host.invalid:1");
        let error = fails("a dial on such a network", "an unknown network", dialled)?;
        equal("its text", &error.to_string(), &text.to_owned())?;
        holds(
            "the network to be the cause",
            matches!(error.err(), Cause::UnknownNetwork(_)),
        )?;
        holds("no timeout", !error.timeout() && !error.temporary())?;
        let listened = nets.server.listen(network, ":0");
        fails("a listen on such a network", "an unknown network", listened)?;
    }
    Ok(())
}

fn addresses_that_say_nothing(nets: &Nets, _bench: &Bench) -> Step {
    for (address, text) in [
        ("", "dial tcp: missing address"),
        (
            "192.0.2.1",
            "dial tcp: address 192.0.2.1: missing port in address",
        ),
        (
            "2001:db8::1:80",
            "dial tcp: address 2001:db8::1:80: too many colons in address",
        ),
        ("192.0.2.1:65536", "dial tcp: address 65536: invalid port"),
        ("192.0.2.1:-1", "dial tcp: address -1: invalid port"),
    ] {
        let error = fails(
            "a dial there",
            "what is wrong",
            nets.client.dial("tcp", address),
        )?;
        equal("its text", &error.to_string(), &text.to_owned())?;
    }
    Ok(())
}

fn never_connects_to_itself(nets: &Nets, bench: &Bench) -> Step {
    let address = free_address(nets)?;
    for _ in 0..40 {
        let dialled = nets.server.dial_timeout("tcp", &address, bench.patience);
        errno("a dial to a free port", Errno::ECONNREFUSED, dialled)?;
    }
    Ok(())
}

fn dialled_from_where_it_was_told(nets: &Nets, bench: &Bench) -> Step {
    let listener = nets.listen()?;
    let began = Instant::now();
    loop {
        let local = a_port_that_was_used(nets, &listener, bench)?;
        let until = crate::Deadline::from(bench.patience);
        let again = nets
            .client
            .dial_tcp_until("tcp", Some(&local), listener.addr(), until);
        let is_taken = again.as_ref().is_err_and(|error| {
            matches!(
                error.errno(),
                Some(Errno::EADDRINUSE | Errno::EADDRNOTAVAIL)
            )
        });
        // An earlier connection to somebody else may hold the same port in TIME-WAIT, for a minute.
        if is_taken && began.elapsed() < bench.patience {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let again = works("a dial from a port of our choice", again)?;
        return equal("its local address", again.local_addr(), &local);
    }
}

/// The client's end of a connection that was reset, when both ends know.
fn a_port_that_was_used(nets: &Nets, listener: &TCPListener, bench: &Bench) -> Step<TCPAddr> {
    let first = nets.dial(listener, bench)?;
    let until = crate::Deadline::from(bench.patience);
    works("set_deadline", listener.set_deadline(until))?;
    let accepted = works("accept", listener.accept_tcp())?;
    works("set_linger", first.set_linger(Some(Duration::ZERO)))?;
    let local = first.local_addr().clone();
    works("close", first.close())?;
    works("set_deadline", accepted.set_deadline(until))?;
    let _ = accepted.read(&mut [0]);
    Ok(local)
}
