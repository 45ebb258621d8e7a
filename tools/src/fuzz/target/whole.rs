//! F10: the whole stack: packets of every protocol and every call, and a fork that must go on alike.
//!
//! Nothing is predicted here but what holds always. At the record that the head names the stack is
//! cloned; from there on both are given the same and must say the same.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sidestep_stack::call::{
    Admission, Call, CongestionAlgorithm, ConnectionId, ConnectionOptions, Decision, EcnUse,
    Families, InterfaceAddress, Listen, ListenerId, Local, LookUp, LookupId, OpenConnection,
    OpenSocket, Policy, RawId, Reach, Release, Reply, ResolverSettings, Route, SendDatagram,
    Shutdown, SocketId,
};
use sidestep_stack::wire::protocol::Protocol;
use sidestep_stack::{Duration, Event};

use crate::fuzz::flow::stream;
use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::{LISTEN_PORT, OPEN_PORT, damage, group_of, template};
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, Rig, host, them};
use crate::fuzz::snapshot::{Profile, Snapshot};
use crate::packet::craft::{Ip, Segment, option};

/// Names of each kind that are remembered.
const NAMES_MAX: usize = 6;
/// Text that one input may write.
const WRITTEN_OCTETS_MAX: usize = 200_000;

/// What an application holds.
#[derive(Clone, Debug, Default)]
struct Names {
    connections: Vec<ConnectionId>,
    listeners: Vec<ListenerId>,
    /// SYNs that wait for a decision.
    asked: Vec<ConnectionId>,
    sockets: Vec<SocketId>,
    raws: Vec<RawId>,
    lookups: Vec<LookupId>,
    written: usize,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let Some(snapshot) = Snapshot::of(Profile::of(&input.head())) else {
        return;
    };
    let mut names = Names {
        connections: snapshot.connection.into_iter().collect(),
        listeners: snapshot.listener.into_iter().collect(),
        ..Names::default()
    };
    let mut rig = snapshot.rig;
    rig.forget();
    let fork_at = usize::from(input.head().byte(15)) % 64;
    let mut fork: Option<(Rig, Names, Outcome)> = None;
    for (at, record) in input.records().enumerate() {
        if at == fork_at {
            let twin = Outcome {
                digest: outcome.digest,
                ..Outcome::default()
            };
            fork = Some((rig.clone(), names.clone(), twin));
        }
        step(&record, &mut rig, &mut names, outcome);
        if let Some((twin, twin_names, twin_outcome)) = &mut fork {
            step(&record, twin, twin_names, twin_outcome);
            let alike = twin_outcome.digest == outcome.digest;
            outcome.require(alike, Promise::ForkAlike, || {
                format!("the fork differs at record {at}")
            });
        }
        if outcome.is_broken() {
            return;
        }
    }
}

fn step(record: &Record, rig: &mut Rig, names: &mut Names, outcome: &mut Outcome) {
    let family = record.pick(15, [Family::V4, Family::V6]);
    match record.byte(0) & 15 {
        0..=3 => {
            let mut packet = template(record, family);
            damage(record, &mut packet);
            rig.arrives_in_batch(outcome, &packet);
            if record.bit(15, 7) {
                rig.settle(outcome);
            }
        }
        4..=6 => {
            let packet = segment(record, rig, family).packet();
            rig.arrives(outcome, &packet);
        }
        7 => {
            let pause = match record.byte(1) % 4 {
                0 => Duration::from_millis(1),
                1 => Duration::from_millis(u64::from(record.half(2))),
                2 => Duration::from_secs(u64::from(record.byte(2))),
                _ => Duration::from_millis(200),
            };
            rig.pass(outcome, pause);
        }
        _ => {
            if let Some(call) = call(record, names, family) {
                let reply = rig.call(outcome, call);
                if let Ok(reply) = reply {
                    names.learn(&reply);
                }
            }
        }
    }
    rig.settle(outcome);
    for event in &rig.events {
        if let Event::SynArrived(arrived) = event {
            keep(&mut names.asked, arrived.connection);
        }
    }
    rig.forget();
}

/// A segment for one of the connections that exist, or for a listener.
fn segment(record: &Record, rig: &Rig, family: Family) -> Segment {
    let count = rig.stack.connections().take(NAMES_MAX).count();
    let status = rig
        .stack
        .connections()
        .nth(record.below(1, count))
        .and_then(|id| rig.stack.status(id));
    let (local, remote): (SocketAddr, SocketAddr) = match &status {
        Some(status) => (status.local, status.remote),
        None => (
            (host(family, 1), LISTEN_PORT).into(),
            (them(family), 30_000 + u16::from(record.byte(2) & 3)).into(),
        ),
    };
    let mut segment = Segment {
        ip: Ip::new(remote.ip(), local.ip()),
        source_port: remote.port(),
        destination_port: local.port(),
        seq: record.word(8),
        ack: 0,
        flags: record.pick(3, [0x10, 0x18, 0x02, 0x11, 0x12, 0x04, 0x14, 0x10]),
        window: record.half(6),
        urgent: record.half(12),
        options: Vec::new(),
        text: stream(0, usize::from(record.byte(5)) * 8),
    };
    if let Some(status) = &status {
        segment.seq = status.rcv_nxt.wrapping_add_signed(record.nudge(9));
        segment.ack = status.snd_nxt.wrapping_add_signed(record.nudge(10));
        if let (true, Some(recent)) = (status.timestamps, status.ts_recent) {
            segment.options = option::timestamps(recent, 0).to_vec();
        }
    }
    segment
}

fn one_of<T: Copy>(names: &[T], record: &Record) -> Option<T> {
    names.get(record.below(2, names.len())).copied()
}

fn keep<T>(names: &mut Vec<T>, name: T) {
    if names.len() == NAMES_MAX {
        names.remove(0);
    }
    names.push(name);
}

impl Names {
    fn learn(&mut self, reply: &Reply) {
        match reply {
            Reply::Connection { connection, .. } => keep(&mut self.connections, *connection),
            Reply::Accepted(Some(accepted)) => keep(&mut self.connections, accepted.connection),
            Reply::Listener { listener, .. } => keep(&mut self.listeners, *listener),
            Reply::Socket { socket, .. } => keep(&mut self.sockets, *socket),
            Reply::Raw(raw) => keep(&mut self.raws, *raw),
            Reply::Lookup(lookup) => keep(&mut self.lookups, *lookup),
            _ => {}
        }
    }
}

/// Any call there is.
fn call(record: &Record, names: &mut Names, family: Family) -> Option<Call> {
    match record.byte(1) % 4 {
        0 => Some(device_call(record, family)),
        1 | 2 => connection_call(record, names, family),
        _ => datagram_call(record, names, family),
    }
}

fn device_call(record: &Record, family: Family) -> Call {
    let address = host(family, record.byte(4));
    match record.byte(3) % 10 {
        0 => Call::AddAddress(InterfaceAddress {
            address,
            prefix_bits: record.byte(5),
        }),
        1 => Call::RemoveAddress(address),
        2 => Call::AddRoute(Route {
            destination: address,
            prefix_bits: record.byte(5),
            source: record.bit(6, 0).then_some(host(family, 1)),
        }),
        3 => Call::RemoveRoute {
            destination: address,
            prefix_bits: record.byte(5),
        },
        4 => Call::SetMtu(record.half(4)),
        5 => Call::Interface,
        6 => Call::SetPolicies(vec![Policy {
            prefix: [record.half(4), 0, 0, 0, 0, 0, 0, 0].into(),
            prefix_bits: record.byte(5),
            precedence: record.byte(6),
            label: record.byte(7),
        }]),
        7 | 8 => Call::SetResolver(ResolverSettings {
            servers: vec![(them(family), record.pick(4, [53, 53, 0])).into()],
            search: vec!["example".to_owned()],
            ndots: record.byte(5) % 3,
            use_vc: record.bit(6, 0),
            ..ResolverSettings::default()
        }),
        _ => Call::SetReach(record.pick(4, [Reach::OurAddresses, Reach::AnyAddress])),
    }
}

fn connection_call(record: &Record, names: &mut Names, family: Family) -> Option<Call> {
    let connection = one_of(&names.connections, record);
    Some(match record.byte(3) % 14 {
        0 | 1 => open(record, names, family)?,
        2 => Call::Listen(listen(record, family)),
        3 | 4 if record.bit(4, 0) && !names.asked.is_empty() => Call::Decide {
            connection: one_of(&names.asked, record)?,
            decision: record.pick(5, [Decision::Accept, Decision::Reset, Decision::Drop]),
        },
        3 | 4 => Call::Accept(one_of(&names.listeners, record)?),
        5 => Call::CloseListener(one_of(&names.listeners, record)?),
        6 | 7 => {
            let octets = usize::from(record.half(4)) % 20_000;
            if names.written + octets > WRITTEN_OCTETS_MAX {
                return None;
            }
            names.written += octets;
            Call::Send {
                connection: connection?,
                octets: Bytes::from(stream(0, octets)),
            }
        }
        8 | 9 => Call::Receive {
            connection: connection?,
            octets_max: usize::from(record.half(4)),
        },
        10 => Call::Shutdown {
            connection: connection?,
            direction: record.pick(4, [Shutdown::Write, Shutdown::Read]),
        },
        11 => Call::Release {
            connection: connection?,
            how: record.pick(4, [Release::Close, Release::CloseUnread, Release::Abort]),
        },
        12 => Call::Status(connection?),
        _ => Call::SetOptions {
            connection: connection?,
            options: ConnectionOptions {
                receive_buffer_octets: Some(usize::from(record.half(4))),
                send_buffer_octets: Some(usize::from(record.half(6))),
                ..options(record)
            },
        },
    })
}

/// OPEN, with text or without.
fn open(record: &Record, names: &mut Names, family: Family) -> Option<Call> {
    let open = OpenConnection {
        remote: (remote(record, family), record.pick(4, [80, 7, 40_000, 0])).into(),
        local_address: record.bit(5, 0).then_some(host(family, 1)),
        local_port: record.pick(6, [0, 80, 41_000]),
        options: options(record),
    };
    if !record.bit(5, 1) {
        return Some(Call::OpenConnection(open));
    }
    let octets = usize::from(record.half(7)) % 3_000;
    if names.written + octets > WRITTEN_OCTETS_MAX {
        return None;
    }
    names.written += octets;
    Some(Call::OpenFast {
        open,
        text: Bytes::from(stream(0, octets)),
    })
}

/// OPEN, passive, with all that a listener may do before it answers.
fn listen(record: &Record, family: Family) -> Listen {
    Listen {
        local: local(record, family),
        backlog: record.pick(7, [None, Some(0), Some(1)]),
        options: options(record),
        defer_accept: record.pick(4, [None, None, Some(Duration::from_secs(2))]),
        admission: record.pick(5, [Admission::Automatic, Admission::Ask]),
        fast_open: record.pick(6, [0, 0, 1, 8]),
        ..Listen::default()
    }
}

fn options(record: &Record) -> ConnectionOptions {
    ConnectionOptions {
        user_timeout_option: record.pick(10, [None, Some(true)]),
        mss_octets_max: record.pick(11, [None, None, Some(0), Some(88), Some(u16::MAX)]),
        quick_ack: record.pick(12, [None, Some(true), Some(false)]),
        cork: record.pick(13, [None, Some(true), Some(false)]),
        congestion: record.pick(
            14,
            [
                None,
                Some(CongestionAlgorithm::Reno),
                Some(CongestionAlgorithm::Cubic),
                Some(CongestionAlgorithm::Bbr),
            ],
        ),
        ecn: record.pick(8, [None, Some(EcnUse::Ask), Some(EcnUse::Never)]),
        ..ConnectionOptions::default()
    }
}

fn datagram_call(record: &Record, names: &Names, family: Family) -> Option<Call> {
    let datagram = SendDatagram {
        remote: record
            .bit(5, 0)
            .then(|| (remote(record, family), OPEN_PORT).into()),
        octets: Bytes::from(stream(0, usize::from(record.half(6)) % 4_000)),
        ..SendDatagram::default()
    };
    let socket = one_of(&names.sockets, record);
    let raw = one_of(&names.raws, record);
    Some(match record.byte(3) % 13 {
        0 => Call::OpenSocket(OpenSocket {
            local: local(record, family),
            remote: record.bit(5, 1).then(|| (them(family), OPEN_PORT).into()),
            ..OpenSocket::default()
        }),
        1 | 2 => Call::SendDatagram {
            socket: socket?,
            datagram,
        },
        3 => Call::ReceiveDatagram(socket?),
        4 => Call::JoinGroup {
            socket: socket?,
            group: group_of(family, record.byte(4)),
        },
        5 => Call::LeaveGroup {
            socket: socket?,
            group: group_of(family, record.byte(4)),
        },
        6 => Call::CloseSocket(socket?),
        7 => {
            let local = local(record, family);
            // ICMPv6 over IPv4 is nothing that could be read back.
            let icmp = match local.address {
                Some(IpAddr::V6(_)) => 58,
                _ => 252,
            };
            Call::OpenRaw {
                local,
                protocol: Protocol(record.pick(4, [253, icmp, 254, 0])),
            }
        }
        8 => Call::SendRaw {
            socket: raw?,
            // What an application makes a raw socket send is not ours to answer for, but an ICMPv6
            // message is read back.
            datagram: SendDatagram {
                octets: Bytes::from(stream(0, 8 + datagram.octets.len())),
                ..datagram
            },
        },
        9 => Call::ReceiveRaw(raw?),
        10 => Call::CloseRaw(raw?),
        11 => Call::LookUp(LookUp::addresses(
            record.pick(4, ["www.example", "host", "", "192.0.2.7"]),
            record.pick(5, [Families::Both, Families::V4, Families::V6]),
        )),
        _ => Call::CancelLookUp(one_of(&names.lookups, record)?),
    })
}

fn remote(record: &Record, family: Family) -> IpAddr {
    match record.byte(8) % 8 {
        // Ourselves, by both ways.
        0 => host(family, 1),
        1 => match family {
            Family::V4 => IpAddr::from([127, 0, 0, 1]),
            Family::V6 => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        },
        2 => group_of(family, record.byte(9)),
        3 => IpAddr::from(record.word(9).to_be_bytes()),
        _ => them(family),
    }
}

fn local(record: &Record, family: Family) -> Local {
    Local {
        address: record.pick(9, [None, Some(host(family, 1)), Some(host(family, 77))]),
        families: record.pick(10, [Families::Both, Families::V4, Families::V6]),
        port: record.pick(11, [0, 80, OPEN_PORT, 53]),
    }
}
