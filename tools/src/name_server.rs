//! A small DNS server for one zone in memory, over UDP and TCP (RFC 1035 §4.2, RFC 7766).
//!
//! The demo and the tests start one on either side of the device. It answers A and AAAA from a list
//! of records; it asks nobody and caches nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sidestep::{AnyConn, AnyListener, AnyPacketConn, Deadline, Net, OpError};
use sidestep_stack::wire::dns_message::{Message, Rcode, Record, RecordType, UDP_OCTETS};
use sidestep_stack::wire::dns_name::Name;

#[cfg(test)]
mod tests;

/// Records of a query that are read: more than one OPT is nonsense anyway.
const QUERY_RECORDS_MAX: usize = 8;
/// A client that asks over TCP and falls silent is left.
const TCP_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may be kept, in seconds.
const TTL_S: u32 = 60;
/// Aliases followed in one answer.
const ALIASES_MAX: usize = 8;

/// What the server knows of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// Its addresses, of both families.
    Addresses(Vec<IpAddr>),
    /// Another name that it stands for.
    Alias(String),
    /// The server says that it cannot answer (SERVFAIL).
    Fails,
}

/// Names in lower case, without a dot at the end.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    entries: BTreeMap<String, Entry>,
}

impl Zone {
    /// Adds or replaces what is known of `name`.
    #[must_use]
    pub fn with(mut self, name: &str, entry: Entry) -> Self {
        self.entries.insert(key(name), entry);
        self
    }

    /// Answers `query` as a server does.
    pub fn answer(&self, query: &Message) -> Message {
        let Some(question) = &query.question else {
            return Message::reply_to(query, Rcode::FORMAT_ERROR);
        };
        let mut reply = Message::reply_to(query, Rcode::NO_ERROR);
        let mut owner = question.name.clone();
        for _ in 0..=ALIASES_MAX {
            match self.entries.get(&key(&owner.to_string())) {
                None => {
                    reply.rcode = Rcode::NAME_ERROR;
                    return reply;
                }
                Some(Entry::Fails) => return Message::reply_to(query, Rcode::SERVER_FAILURE),
                Some(Entry::Alias(target)) => {
                    let Ok(target) = Name::from_text(target) else {
                        return Message::reply_to(query, Rcode::SERVER_FAILURE);
                    };
                    reply
                        .answers
                        .push(Record::alias(owner, target.clone(), TTL_S));
                    owner = target;
                }
                Some(Entry::Addresses(addresses)) => {
                    let wanted = addresses
                        .iter()
                        .filter(|address| match question.record_type {
                            RecordType::A => address.is_ipv4(),
                            RecordType::AAAA => address.is_ipv6(),
                            _ => false,
                        });
                    for address in wanted {
                        reply
                            .answers
                            .push(Record::address(owner.clone(), *address, TTL_S));
                    }
                    return reply;
                }
            }
        }
        Message::reply_to(query, Rcode::SERVER_FAILURE)
    }

    /// The reply to the octets of a query; `None` to what is no query.
    fn answer_octets(&self, octets: &[u8]) -> Option<(Message, Message)> {
        let query = Message::parse(octets, QUERY_RECORDS_MAX).ok()?;
        if query.header.response {
            return None;
        }
        let reply = self.answer(&query);
        Some((query, reply))
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    socket: AnyPacketConn,
    listener: AnyListener,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    udp: AtomicU64,
    tcp: AtomicU64,
}

impl NameServer {
    /// Answers at `address`, over UDP and TCP.
    ///
    /// # Errors
    ///
    /// The port is taken, or ports below 1024 are not ours to take.
    pub fn start(net: &Net, address: SocketAddr, zone: Zone) -> Result<Self, OpError> {
        let at = address.to_string();
        let socket = net.listen_packet("udp", &at)?;
        let listener = net.listen("tcp", &at)?;
        let counts = Arc::<Counts>::default();
        let zone = Arc::new(zone);

        let (udp, udp_zone, udp_counts) = (socket.clone(), Arc::clone(&zone), Arc::clone(&counts));
        spawn("sidestep-dns-udp", move || {
            answer_datagrams(&udp, &udp_zone, &udp_counts);
        });
        let (tcp, tcp_counts) = (listener.clone(), Arc::clone(&counts));
        spawn("sidestep-dns-tcp", move || {
            // One after the other: the resolver closes after one question.
            while let Ok(conn) = tcp.accept() {
                // A failed connection is the client's loss.
                let _ = answer_stream(&conn, &zone, &tcp_counts);
                let _ = conn.close();
            }
        });
        Ok(Self {
            socket,
            listener,
            counts,
        })
    }

    /// How many queries came over UDP.
    pub fn udp_queries(&self) -> u64 {
        self.counts.udp.load(Ordering::Relaxed)
    }

    /// How many queries came over TCP.
    pub fn tcp_queries(&self) -> u64 {
        self.counts.tcp.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // Closing wakes both threads; that it fails means that they are gone.
        let _ = self.socket.close();
        let _ = self.listener.close();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    // Without a thread nobody answers, and the look-ups say so.
    let _ = thread::Builder::new().name(name.to_owned()).spawn(body);
}

fn answer_datagrams(socket: &AnyPacketConn, zone: &Zone, counts: &Counts) {
    let mut room = [0; 4096];
    while let Ok((octets, peer)) = socket.read_from(&mut room) {
        let octets = room.get(..octets).unwrap_or_default();
        let Some((query, reply)) = zone.answer_octets(octets) else {
            continue;
        };
        counts.udp.fetch_add(1, Ordering::Relaxed);
        let octets_max = query.opt.map_or(UDP_OCTETS, |opt| opt.udp_octets);
        // The client asks again if this does not reach it.
        let _ = socket.write_to(&reply.emit_within(usize::from(octets_max)), &peer);
    }
}

fn answer_stream(conn: &AnyConn, zone: &Zone, counts: &Counts) -> Result<(), OpError> {
    loop {
        conn.set_deadline(Deadline::from(TCP_IDLE_TIMEOUT))?;
        let mut length = [0; 2];
        if !read_exact(conn, &mut length)? {
            return Ok(());
        }
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        if !read_exact(conn, &mut query)? {
            return Ok(());
        }
        let Some((_, reply)) = zone.answer_octets(&query) else {
            return Ok(());
        };
        counts.tcp.fetch_add(1, Ordering::Relaxed);
        conn.write(&reply.emit_for_stream())?;
    }
}

/// False if the stream ends before `room` is full.
fn read_exact(conn: &AnyConn, room: &mut [u8]) -> Result<bool, OpError> {
    let mut at = 0;
    while at < room.len() {
        let octets = conn.read(room.get_mut(at..).unwrap_or_default())?;
        if octets == 0 {
            return Ok(false);
        }
        at += octets;
    }
    Ok(true)
}
