//! The networks that the kit is run on, and how pairs are made on them.

use std::time::Duration;

use sidestep::contract::{Ability, Kit, MakeError, Nets, Pair};
use sidestep::device::memory::{MemoryDevice, MemoryOptions, Offload, cable};
use sidestep::{Config, Net, ResolverSettings, UnixAddr, UnixConn};
use sidestep_tests::lossy_device::{BAD, LossyDevice};

use crate::runs::{Run, Scheduler};

/// The server's addresses in memory.
pub(crate) const SERVER_V4: &str = "192.0.2.2";
pub(crate) const SERVER_V6: &str = "2001:db8::2";

/// Two stacks on a perfect cable.
pub(crate) fn perfect(server: &str) -> Nets {
    let (client, one) = Net::memory_pair().expect("memory is enough");
    nets(&client, &one, server)
}

/// Two stacks on a plain wire that never loses: whole checksums, no superpackets.
pub(crate) fn wire(server: &str) -> Nets {
    let options = MemoryOptions {
        offload: Offload::Stack,
        ..MemoryOptions::default()
    };
    let (client, one) =
        Net::memory_pair_with(options, Net::builder, Net::builder).expect("memory is enough");
    nets(&client, &one, server)
}

/// Two stacks on a wire that loses, repeats, overtakes and delays, both ways.
pub(crate) fn lossy(server: &str, seed: u64) -> Nets {
    let options = MemoryOptions {
        offload: Offload::Stack,
        ..MemoryOptions::default()
    };
    let (one, other) = cable(options).expect("memory is enough");
    let recipe = BAD.parse().expect("it is a recipe");
    let start = |device: MemoryDevice, host: u8, seed: u64| {
        // A loss should cost milliseconds: what is tested is the contract, not patience.
        let config = Config {
            rto_initial_ms: 100,
            rto_min_ms: 5,
            delayed_ack_ms: 2,
            ..Config::default()
        };
        Net::builder()
            .device(LossyDevice::new(device, &recipe, seed).expect("a cable has a bell"))
            .config(config)
            .address([192, 0, 2, host].into(), 24)
            .address([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(), 64)
            .resolver(ResolverSettings::default())
            .start()
            .expect("the settings are in their range")
    };
    let client = start(one, 1, seed);
    let one = start(other, 2, seed ^ 0xffff_0000);
    nets(&client, &one, server)
}

/// The host's kernel, with itself as the peer.
pub(crate) fn kernel(server: &str) -> Nets {
    Nets::new(&Net::host(), &Net::host(), server)
}

fn nets(client: &Net, server: &Net, host: &str) -> Nets {
    let silent = if host == SERVER_V4 {
        "192.0.2.77"
    } else {
        "2001:db8::77"
    };
    Nets::new(client, server, host).silent(silent)
}

/// What the transport lacks is said here, once.
pub(crate) fn kit_in_memory() -> Kit {
    Kit::new()
}

/// On a lossy link everything takes longer, and less is enough.
pub(crate) fn kit_on_lossy_link() -> Kit {
    Kit::new()
        .octets(96 * 1024)
        .patience(Duration::from_secs(40))
}

pub(crate) fn kit_on_kernel() -> Kit {
    Kit::new()
        .lacks(
            Ability::SilentAddress,
            "every address of a namespace with only lo answers at once",
        )
        .lacks(
            Ability::Counters,
            "the kernel's tables are not ours to read",
        )
}

/// As Go's `net.Pipe`.
pub(crate) fn kit_on_pipe() -> Kit {
    Kit::new()
        .lacks(
            Ability::Buffer,
            "a pipe keeps nothing: a write waits for a read",
        )
        .lacks(
            Ability::ZeroOctets,
            "as in Go, no octets wait for the other end like any others",
        )
        .lacks(
            Ability::SecondCloseFails,
            "as in Go, closing an end of a pipe twice succeeds",
        )
        .lacks(Ability::HalfClose, "an end of a pipe is closed as a whole")
        .lacks(Ability::UnreadResets, "a pipe has no reset")
}

/// Two ends of a connection of Unix sockets, at an abstract name of the kernel's choice.
pub(crate) fn unix_ends() -> Result<(UnixConn, UnixConn), MakeError> {
    let host = Net::host();
    let listener = host.listen_unix("unix", &UnixAddr::stream(""))?;
    let dialled = host.dial_unix("unix", None, listener.addr())?;
    Ok((dialled, listener.accept_unix()?))
}

/// Two ends of a TCP connection between `nets`, disturbed if the run is.
pub(crate) fn tcp_pair(nets: &Nets, host: &str, run: Run) -> Result<Pair, MakeError> {
    let any_port = sidestep::join_host_port(host, "0");
    let listener = nets.server.listen_tcp("tcp", Some(&any_port.parse()?))?;
    let dialled = nets.client.dial_tcp("tcp", None, listener.addr())?;
    listener.set_deadline(Duration::from_secs(20))?;
    let pair = Pair::with_half_close(dialled, listener.accept_tcp()?);
    Ok(disturbed(pair, run))
}

/// The pair, held up at every call if the run is disturbed.
pub(crate) fn disturbed(pair: Pair, run: Run) -> Pair {
    match run.scheduler {
        Scheduler::Plain => pair,
        Scheduler::Disturbed { .. } => pair.disturbed(),
    }
}
