//! One step of a script: something is made, or something is done with it.
//!
//! Every outcome is a text; the Go program in `tests/oracle/go` says the same in the same words.

use std::time::Duration;

use sidestep::{
    Addr, AnyConn, AnyListener, AnyPacketConn, Deadline, Dialer, NetAddr, OpError, TCPConn, pipe,
    resolve_unix_addr,
};

use sidestep::address::UnixKind;

use super::say;
use super::script::{Thing, World};

/// Makes a thing, or says why not.
pub fn make(world: &World, verb: &str, words: &[&str]) -> Result<Thing, String> {
    let word = |n: usize| world.text(words.get(n).copied().unwrap_or_default());
    let place = &world.place;
    let conn = |made: Result<AnyConn, OpError>| made.map(Thing::Conn).map_err(|error| say(&error));
    match verb {
        "listen" => place
            .server
            .listen(&word(0), &word(1))
            .map(Thing::Listener)
            .map_err(|error| say(&error)),
        "listen_packet" => place
            .server
            .listen_packet(&word(0), &word(1))
            .map(Thing::Packet)
            .map_err(|error| say(&error)),
        "dial" => conn(place.client.dial(&word(0), &word(1))),
        "dial_timeout" => {
            let deadline = match word(2).parse() {
                Ok(timeout) => Deadline::from(Duration::from_millis(timeout)),
                // Go has negative timeouts.
                Err(_) => Deadline::past(),
            };
            conn(place.client.dial_until(&word(0), &word(1), deadline))
        }
        "dial_from" => {
            let local = local(world, &word(1), &word(2))?;
            let dialer = Dialer::new().on(&place.client).local_addr(local);
            conn(dialer.dial(&word(0), &word(3)))
        }
        "pipe" => {
            let (one, other) = pipe();
            let name = words.first().copied().unwrap_or_default();
            world.put(name, Thing::Conn(AnyConn::Pipe(other)));
            Ok(Thing::Conn(AnyConn::Pipe(one)))
        }
        "accept" => match world.thing(words) {
            Some(Thing::Listener(listener)) => conn(listener.accept()),
            _ => Err("NO LISTENER".to_owned()),
        },
        _ => Err("NO SUCH STEP".to_owned()),
    }
}

fn local(world: &World, network: &str, text: &str) -> Result<NetAddr, String> {
    let net = &world.place.client;
    let local = match network {
        "tcp" => net.resolve_tcp_addr("tcp", text).map(NetAddr::TCP),
        "udp" => net.resolve_udp_addr("udp", text).map(NetAddr::UDP),
        _ => net.resolve_ip_addr("ip", text).map(NetAddr::IP),
    };
    local.map_err(|error| say(&error))
}

/// The ends of what was made.
pub fn made(thing: &Thing) -> String {
    let ends = |local: NetAddr, remote: Option<NetAddr>| {
        let remote = remote.map_or("-".to_owned(), |remote| remote.to_string());
        format!("ok {} {local}->{remote}", local.network())
    };
    match thing {
        Thing::Listener(listener) => format!("ok {}", listener.addr()),
        Thing::Conn(conn) => ends(conn.local_addr(), conn.remote_addr()),
        Thing::Packet(conn) => ends(conn.local_addr(), None),
    }
}

/// Does something with a thing.
pub fn act(world: &World, thing: &Thing, verb: &str, words: &[&str]) -> String {
    match thing {
        Thing::Listener(listener) => act_on_listener(listener, verb, words),
        Thing::Packet(conn) => act_on_packets(world, conn, verb, words),
        Thing::Conn(conn) => act_on_conn(world, conn, verb, words),
    }
}

fn ok(outcome: Result<(), OpError>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => say(&error),
    }
}

fn count(outcome: Result<usize, OpError>) -> String {
    match outcome {
        Ok(octets) => octets.to_string(),
        Err(error) => format!("{} {}", error.written(), say(&error)),
    }
}

fn octets(octets: &[u8]) -> String {
    if octets.len() > 12 {
        return format!("{} octets", octets.len());
    }
    format!("{:?}", String::from_utf8_lossy(octets))
}

/// What travels: the octets of the alphabet, over and over.
fn pattern(octets: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(octets).collect()
}

fn number(words: &[&str], n: usize) -> usize {
    words
        .get(n)
        .and_then(|word| word.parse().ok())
        .unwrap_or_default()
}

fn deadline(words: &[&str]) -> Deadline {
    match words.first().copied() {
        Some("none") => Deadline::NONE,
        Some("past") => Deadline::past(),
        _ => Deadline::from(Duration::from_millis(number(words, 0) as u64)),
    }
}

fn act_on_listener(listener: &AnyListener, verb: &str, words: &[&str]) -> String {
    match verb {
        "close" => ok(listener.close()),
        "ends" => format!("ok {} {}", listener.addr().network(), listener.addr()),
        "deadline" => ok(listener.set_deadline(deadline(words))),
        _ => "NO SUCH STEP".to_owned(),
    }
}

fn act_on_conn(world: &World, conn: &AnyConn, verb: &str, words: &[&str]) -> String {
    match verb {
        "write" => count(conn.write(&pattern(number(words, 0)))),
        "read" => read(conn, number(words, 0)),
        "read_all" => read_all(conn),
        "fill" => fill(conn),
        "close" => ok(conn.close()),
        "close_read" => with_halves(conn, Half::Read),
        "close_write" => with_halves(conn, Half::Write),
        "ends" => made(&Thing::Conn(conn.clone())),
        "deadline" => ok(conn.set_deadline(deadline(words))),
        "read_deadline" => ok(conn.set_read_deadline(deadline(words))),
        "write_deadline" => ok(conn.set_write_deadline(deadline(words))),
        "linger" | "no_delay" | "keep_alive" => match conn.as_tcp() {
            Some(conn) => set(conn, verb, words),
            None => "NOT TCP".to_owned(),
        },
        "send" | "receive" => match datagrams(conn) {
            Some(conn) => act_on_packets(world, &conn, verb, words),
            None => "NO DATAGRAMS".to_owned(),
        },
        _ => "NO SUCH STEP".to_owned(),
    }
}

fn datagrams(conn: &AnyConn) -> Option<AnyPacketConn> {
    match conn {
        AnyConn::UDP(conn) => Some(AnyPacketConn::UDP(conn.clone())),
        AnyConn::IP(conn) => Some(AnyPacketConn::IP(conn.clone())),
        AnyConn::Unix(conn) if conn.local_addr().net == UnixKind::Datagram => {
            Some(AnyPacketConn::Unix(conn.clone()))
        }
        _ => None,
    }
}

/// Which way of a stream.
#[derive(Clone, Copy, Debug)]
enum Half {
    Read,
    Write,
}

fn with_halves(conn: &AnyConn, half: Half) -> String {
    match (conn, half) {
        (AnyConn::TCP(conn), Half::Read) => ok(conn.close_read()),
        (AnyConn::TCP(conn), Half::Write) => ok(conn.close_write()),
        (AnyConn::Unix(conn), Half::Read) => ok(conn.close_read()),
        (AnyConn::Unix(conn), Half::Write) => ok(conn.close_write()),
        _ => "NO HALVES".to_owned(),
    }
}

/// True where nothing read means that the peer is done, and not an empty datagram.
fn is_stream(conn: &AnyConn) -> bool {
    datagrams(conn).is_none()
}

fn read(conn: &AnyConn, most: usize) -> String {
    let mut buffer = vec![0; most];
    match conn.read(&mut buffer) {
        Ok(0) if most > 0 && is_stream(conn) => "EOF".to_owned(),
        Ok(n) => octets(&buffer[..n]),
        Err(error) => format!("0 {}", say(&error)),
    }
}

fn read_all(conn: &AnyConn) -> String {
    let mut all = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        match conn.read(&mut buffer) {
            Ok(0) => return format!("{} EOF", octets(&all)),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) => return format!("{} {}", octets(&all), say(&error)),
        }
    }
}

/// Writes until it fails, so that both buffers are full.
fn fill(conn: &AnyConn) -> String {
    let text = pattern(1 << 16);
    loop {
        if let Err(error) = conn.write(&text) {
            return say(&error);
        }
    }
}

fn set(conn: &TCPConn, verb: &str, words: &[&str]) -> String {
    let on = words.first() == Some(&"on");
    ok(match verb {
        "no_delay" => conn.set_nodelay(on),
        "keep_alive" => conn.set_keep_alive(on),
        _ => {
            let seconds = words.first().and_then(|word| word.parse().ok());
            conn.set_linger(seconds.map(Duration::from_secs))
        }
    })
}

fn act_on_packets(world: &World, conn: &AnyPacketConn, verb: &str, words: &[&str]) -> String {
    match verb {
        "send" => {
            let text = world.text(words.first().copied().unwrap_or_default());
            match peer(world, conn, &text) {
                Ok(peer) => count(conn.write_to(&pattern(number(words, 1)), &peer)),
                Err(said) => said,
            }
        }
        "receive" => {
            let mut buffer = vec![0; number(words, 0)];
            match conn.read_from(&mut buffer) {
                Ok((n, from)) => {
                    format!("{} from {}", octets(&buffer[..n]), from_text(&from))
                }
                Err(error) => format!("0 {}", say(&error)),
            }
        }
        "close" => ok(conn.close()),
        "ends" => made(&Thing::Packet(conn.clone())),
        "deadline" => ok(conn.set_deadline(deadline(words))),
        "read_deadline" => ok(conn.set_read_deadline(deadline(words))),
        "write_deadline" => ok(conn.set_write_deadline(deadline(words))),
        _ => "NO SUCH STEP".to_owned(),
    }
}

/// A peer without a name is no address in Go.
fn from_text(from: &NetAddr) -> String {
    let text = from.to_string();
    if text.is_empty() || (text == "@" && from.network().starts_with("unix")) {
        return "-".to_owned();
    }
    text
}

fn peer(world: &World, conn: &AnyPacketConn, text: &str) -> Result<NetAddr, String> {
    let network = conn.local_addr().network();
    let net = &world.place.server;
    let peer = match network {
        "udp" => net.resolve_udp_addr(network, text).map(NetAddr::UDP),
        "ip" => net.resolve_ip_addr(network, text).map(NetAddr::IP),
        _ => resolve_unix_addr(network, text).map(NetAddr::Unix),
    };
    peer.map_err(|error| say(&error))
}
