//! Stacks in which every protocol has something to do: where the packet targets begin.
//!
//! Made once for each family and cloned for every input; a clone is a fork. What is open: a listener,
//! a wildcard UDP socket, one of a group, a raw socket, and two connections with a scripted peer.

use std::sync::OnceLock;

use bytes::Bytes;
use sidestep_stack::call::{Call, Families, Listen, Local, OpenSocket, RawId, Reply, SocketId};
use sidestep_stack::wire::protocol::Protocol;

use super::outcome::Outcome;
use super::packets::{LISTEN_PORT, OPEN_PORT, group_of};
use super::rig::{Family, Rig};

/// The protocol of the raw socket (RFC 3692: for experiments).
pub(crate) const RAW_PROTOCOL: u8 = 253;

/// A stack with open doors.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    pub(crate) family: Family,
    pub(crate) socket: SocketId,
    pub(crate) raw: RawId,
}

impl Scene {
    /// A fork of the scene of `family`.
    pub(crate) fn of(family: Family) -> Option<Self> {
        static SCENES: [OnceLock<Option<Scene>>; 2] = [OnceLock::new(), OnceLock::new()];
        SCENES[family as usize]
            .get_or_init(|| Self::make(family))
            .clone()
    }

    fn make(family: Family) -> Option<Self> {
        let mut rig = Rig::new(1, |config| {
            // Small enough for an input to reach.
            config.reassembly_octets_max = 65_536;
            config.reassembly_datagrams_max = 6;
            config.socket_datagrams_max = 8;
            config.icmp_errors_burst = 4;
        })?;
        let mut outcome = Outcome::default();
        let o = &mut outcome;
        rig.call(
            o,
            Call::Listen(Listen {
                local: local(LISTEN_PORT),
                ..Listen::default()
            }),
        )
        .ok()?;
        let open = OpenSocket {
            local: local(OPEN_PORT),
            ..OpenSocket::default()
        };
        let Ok(Reply::Socket { socket, .. }) = rig.call(o, Call::OpenSocket(open)) else {
            return None;
        };
        let group = group_of(family, 77);
        rig.call(o, Call::JoinGroup { socket, group }).ok()?;
        let raw = Call::OpenRaw {
            local: Local {
                families: match family {
                    Family::V4 => Families::V4,
                    Family::V6 => Families::V6,
                },
                ..Local::default()
            },
            protocol: Protocol(RAW_PROTOCOL),
        };
        let Ok(Reply::Raw(raw)) = rig.call(o, raw) else {
            return None;
        };
        // The reports of the membership are over.
        rig.pass(o, sidestep_stack::Duration::from_secs(60));
        rig.forget();
        (!outcome.is_broken()).then_some(Self {
            rig,
            family,
            socket,
            raw,
        })
    }

    /// Takes a datagram of the UDP socket.
    pub(crate) fn datagram(&mut self, outcome: &mut Outcome) -> Option<Bytes> {
        match self.rig.call(outcome, Call::ReceiveDatagram(self.socket)) {
            Ok(Reply::Datagram(datagram)) => datagram.map(|it| it.octets),
            _ => None,
        }
    }

    /// Takes a payload of the raw socket.
    pub(crate) fn payload(&mut self, outcome: &mut Outcome) -> Option<Bytes> {
        match self.rig.call(outcome, Call::ReceiveRaw(self.raw)) {
            Ok(Reply::Datagram(datagram)) => datagram.map(|it| it.octets),
            _ => None,
        }
    }
}

fn local(port: u16) -> Local {
    Local {
        port,
        ..Local::default()
    }
}
