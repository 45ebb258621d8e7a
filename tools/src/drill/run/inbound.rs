//! A packet that arrives: it is built in the numbers of the wire and handed to the host.
//!
//! The player calls it when the packet is due. What leaves in answer is looked at when the script asks
//! for it.

use super::build::{self, CannotBuild, IcmpEnds};
use super::clock::Due;
use super::flow::{Begins, Transport};
use super::player::{PACKETS_MAX, Player, Stop, said};
use super::text;
use crate::drill::ast::{Contents, Direction, Event, Packet, TcpFlags};
use crate::drill::report::{OnWire, Row};

impl Player<'_> {
    pub(super) fn inbound(&mut self, event: &Event, packet: &Packet, due: Due) -> Result<(), Stop> {
        let octets = self
            .build(packet)
            .map_err(|error| Self::unsupported(event, error.to_string()))?;
        self.mark(event, due);
        self.push_row(Row {
            position: Some(event.position),
            expected: Some(said(due, text::of_packet(packet))),
            ..Row::default()
        });
        self.crossed(OnWire {
            at: self.now(),
            direction: Direction::Inbound,
            octets: octets.clone(),
            reasons: Vec::new(),
        });
        self.host.arrives(&octets)?;
        self.drain()
    }

    pub(super) fn crossed(&mut self, packet: OnWire) {
        if self.packets.len() < PACKETS_MAX {
            self.packets.push(packet);
        }
    }

    /// The octets of a packet of the script.
    fn build(&mut self, packet: &Packet) -> Result<Vec<u8>, CannotBuild> {
        let flows = &mut self.flows;
        let mut flow_for = |transport, begins, ports: Option<crate::drill::ast::Ports>| {
            let index = match ports {
                Some(ports) => flows.between(transport, ports.destination, ports.source),
                None => flows.for_inbound(transport, begins),
            };
            index.ok_or(CannotBuild::TooManyFlows)
        };
        match &packet.contents {
            Contents::Tcp(said) => {
                let is_syn = said.flags.has(TcpFlags::SYN) && !said.flags.has(TcpFlags::ACK);
                let begins = if is_syn {
                    Begins::Connection
                } else {
                    Begins::Nothing
                };
                let index = flow_for(Transport::Tcp, begins, said.ports)?;
                let flow = self.flows.get_mut(index).ok_or(CannotBuild::TooManyFlows)?;
                build::segment(flow, said, packet.ip)
            }
            Contents::Udp(said) => {
                let index = flow_for(Transport::Udp, Begins::Nothing, said.ports)?;
                let flow = self.flows.get_mut(index).ok_or(CannotBuild::TooManyFlows)?;
                build::datagram(flow, said, packet.ip)
            }
            Contents::Icmp(said) => {
                let about = match said.quoted {
                    Some(crate::drill::ast::Quoted::Udp { .. }) => Transport::Udp,
                    Some(crate::drill::ast::Quoted::Tcp { .. }) => Transport::Tcp,
                    None if self.flows.current(Transport::Tcp).is_some() => Transport::Tcp,
                    None => Transport::Udp,
                };
                let options = &self.script.options;
                let flow = self.flows.current(about);
                let ends = IcmpEnds {
                    local: options.local_address(),
                    remote: options.remote_address(),
                    flow: flow.and_then(|index| self.flows.get(index)),
                    last: self.last_packet.as_deref(),
                };
                build::icmp(ends, said, packet.ip)
            }
        }
    }
}
