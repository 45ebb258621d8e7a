//! Name servers on the wire: what the stack asks is read, and answers are written, with hickory.
//!
//! The chapters about names are written with these words. No message here is read or made by the
//! stack's own code, and a server says only what a test tells it to say.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sidestep_stack::call::{Call, LookUp, LookupId, Question, Reply, ResolverSettings};
use sidestep_stack::config::Config;
use sidestep_stack::event::{Answer, LookedUp, LookupError};
use sidestep_stack::{Duration, Event};
use sidestep_tests::craft::{Ip, protocol, udp};
use sidestep_tests::scene::{Family, Flow, Peer, Scene};
use sidestep_tests::seen::Payload;

/// The port of name servers.
const DNS: u16 = 53;

/// A query that left in a datagram.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// From which address and port of the stack.
    pub(crate) from: SocketAddr,
    /// To which server.
    pub(crate) to: SocketAddr,
    /// What.
    pub(crate) query: Message,
}

impl Asked {
    pub(crate) fn name(&self) -> Name {
        self.query.queries[0].name().clone()
    }

    pub(crate) fn kind(&self) -> RecordType {
        self.query.queries[0].query_type()
    }
}

/// A host that knows the server 192.0.2.9.
pub(crate) struct Names {
    pub(crate) scene: Scene,
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// One server, which is asked for names as they are written first.
pub(crate) fn one_server() -> ResolverSettings {
    ResolverSettings {
        servers: vec![SocketAddr::new(Family::V4.them(), DNS)],
        ndots: 1,
        ..ResolverSettings::default()
    }
}

/// An empty reply.
pub(crate) fn reply_to(query: &Message) -> Message {
    let mut reply = query.clone();
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_available = true;
    reply
}

pub(crate) fn with_code(query: &Message, code: ResponseCode) -> Message {
    let mut reply = reply_to(query);
    reply.metadata.response_code = code;
    reply
}

pub(crate) fn record(owner: &Name, address: &str, ttl_s: u32) -> Record {
    let data = match ip(address) {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    Record::from_rdata(owner.clone(), ttl_s, data)
}

/// A reply with those of `addresses` that are asked for.
pub(crate) fn with_addresses(query: &Message, addresses: &[&str]) -> Message {
    let mut reply = reply_to(query);
    let asked = &query.queries[0];
    for address in addresses {
        let record = record(asked.name(), address, 60);
        if record.record_type() == asked.query_type() {
            reply.answers.push(record);
        }
    }
    reply
}

/// A denial of `code` that may be kept for so many seconds.
pub(crate) fn denied(query: &Message, code: ResponseCode, minimum_s: u32) -> Message {
    let mut reply = with_code(query, code);
    let soa = SOA::new(
        name("ns.example."),
        name("post.example."),
        1,
        2,
        3,
        4,
        minimum_s,
    );
    let record = Record::from_rdata(name("example."), 3_600, RData::SOA(soa));
    reply.authorities.push(record);
    reply
}

pub(crate) fn octets(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message")
}

/// Behind its length (RFC 1035 §4.2.2).
pub(crate) fn for_stream(message: &Message) -> Vec<u8> {
    let message = octets(message);
    let mut stream = (message.len() as u16).to_be_bytes().to_vec();
    stream.extend(message);
    stream
}

impl Names {
    pub(crate) fn new(settings: ResolverSettings) -> Self {
        Self::with(settings, |_| {})
    }

    pub(crate) fn with(settings: ResolverSettings, change: impl FnOnce(&mut Config)) -> Self {
        let mut scene = Scene::with(Family::V4, change);
        scene.host.call(Call::SetResolver(settings));
        Self { scene }
    }

    pub(crate) fn ask(&mut self, name: &str, question: Question) -> LookupId {
        let call = Call::LookUp(LookUp::new(name, question));
        match self.scene.host.call(call) {
            Reply::Lookup(lookup) => lookup,
            other => panic!("{other:?}"),
        }
    }

    /// The queries that have left in datagrams. Nothing else has left.
    pub(crate) fn asked(&mut self) -> Vec<Asked> {
        let sent = self.scene.host.all_sent();
        sent.into_iter()
            .map(|seen| match seen.payload {
                Payload::Udp {
                    source_port,
                    destination_port,
                    octets,
                    ..
                } => Asked {
                    from: SocketAddr::new(seen.ip.source, source_port),
                    to: SocketAddr::new(seen.ip.destination, destination_port),
                    query: Message::from_vec(&octets).expect("a query"),
                },
                other => panic!("wanted a query, but there left {other:?}"),
            })
            .collect()
    }

    /// The only query that has left.
    pub(crate) fn only_asked(&mut self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    /// These octets come in a datagram.
    pub(crate) fn datagram(&mut self, from: SocketAddr, to: SocketAddr, octets: &[u8]) {
        let packet = datagram(from, to, octets);
        self.scene.host.arrives(&packet);
    }

    /// The server that was asked says this.
    pub(crate) fn reply(&mut self, asked: &Asked, reply: &Message) {
        self.datagram(asked.to, asked.from, &octets(reply));
    }

    /// What the application was told, if anything.
    pub(crate) fn told(&mut self) -> Option<LookedUp> {
        self.scene.host.next_event().map(|event| match event {
            Event::LookedUp(answer) => answer,
            other => panic!("the application was told of {other:?}"),
        })
    }

    /// The addresses that the application was told.
    pub(crate) fn addresses(&mut self) -> Result<Vec<String>, LookupError> {
        let answer = self.told().expect("an answer");
        let addresses = answer.result.map(Answer::into_addresses)?;
        Ok(addresses.iter().map(IpAddr::to_string).collect())
    }

    /// The stack has asked nobody, and told nothing.
    pub(crate) fn assert_waiting(&mut self) {
        assert!(self.scene.host.all_sent().is_empty());
        assert_eq!(self.told(), None);
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        self.scene.host.advance(Duration::from_secs(seconds));
    }

    /// The stack opens a connection to the server, which answers; returns it, and the queries.
    pub(crate) fn accept_stream(&mut self) -> (Flow, Vec<Message>) {
        let peer = Peer {
            port: DNS,
            ..Peer::default()
        };
        let syn = self.scene.next_segment().expect("a SYN");
        assert!(syn.has("S") && syn.destination_port == DNS, "{syn:?}");
        let mut flow = self.scene.flow_from(&peer, &syn, syn.source_port);
        let syn_ack = self.scene.syn_ack(&peer, &flow);
        self.scene.send(&syn_ack);
        let queries = self.queries_in(&mut flow);
        (flow, queries)
    }

    /// The queries that have left on a connection since the last time; they are acknowledged.
    pub(crate) fn queries_in(&mut self, flow: &mut Flow) -> Vec<Message> {
        let text: Vec<u8> = self
            .scene
            .take_flight(flow)
            .into_iter()
            .flat_map(|segment| segment.text)
            .collect();
        if !text.is_empty() {
            let ack = flow.seg();
            self.scene.send(&ack);
        }
        let mut rest = text.as_slice();
        let mut queries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (message, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            queries.push(Message::from_vec(message).expect("a query"));
            rest = after;
        }
        queries
    }

    /// The server sends these octets on a connection, in one segment.
    pub(crate) fn stream(&mut self, flow: &mut Flow, octets: &[u8]) {
        self.scene.data(flow, octets);
    }
}

/// A packet with a datagram.
pub(crate) fn datagram(from: SocketAddr, to: SocketAddr, octets: &[u8]) -> Vec<u8> {
    let ip = Ip::new(from.ip(), to.ip());
    let datagram = udp(&ip, from.port(), to.port(), octets);
    ip.packet(protocol::UDP, &datagram)
}
