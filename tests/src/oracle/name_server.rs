//! A name server that does as scenarios need it: right answers, none, late ones and nonsense.
//!
//! It runs on any `Net`, next to whoever asks. What it says depends on the name that is asked for and
//! on nothing else, so that two programs can be compared. Messages are written here by hand
//! (RFC 1035 §4): whoever checks must not share the mistake.

use std::thread;

use sidestep::{AnyConn, AnyListener, AnyPacketConn, Net};

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// The header of a query: identifier, flags, four counts.
const HEADER_OCTETS: usize = 12;

/// The longest query that is read.
const QUERY_OCTETS_MAX: usize = 2_048;

/// It answers until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    datagrams: AnyPacketConn,
    listener: AnyListener,
}

impl NameServer {
    /// Starts it on port 53 of `ip`, over UDP and TCP.
    ///
    /// # Errors
    ///
    /// It cannot listen there.
    pub fn start(net: &Net, ip: &str) -> Result<Self, String> {
        let at = format!("{ip}:53");
        let failed = |error: sidestep::OpError| error.to_string();
        let datagrams = net.listen_packet("udp", &at).map_err(failed)?;
        let listener = net.listen("tcp", &at).map_err(failed)?;
        let (socket, waiting) = (datagrams.clone(), listener.clone());
        thread::spawn(move || answer_datagrams(&socket));
        thread::spawn(move || {
            while let Ok(conn) = waiting.accept() {
                thread::spawn(move || answer_stream(&conn));
            }
        });
        Ok(Self {
            datagrams,
            listener,
        })
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.datagrams.close();
        let _ = self.listener.close();
    }
}

fn answer_datagrams(socket: &AnyPacketConn) {
    let mut buffer = [0; QUERY_OCTETS_MAX];
    while let Ok((len, from)) = socket.read_from(&mut buffer) {
        for message in answers(&buffer[..len], Over::Datagram) {
            let _ = socket.write_to(&message, &from);
        }
    }
}

fn answer_stream(conn: &AnyConn) {
    let mut length = [0; 2];
    while read_exactly(conn, &mut length) {
        let mut query = vec![0; usize::from(u16::from_be_bytes(length)).min(QUERY_OCTETS_MAX)];
        if !read_exactly(conn, &mut query) {
            return;
        }
        for message in answers(&query, Over::Stream) {
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            let framed = [&length.to_be_bytes(), message.as_slice()].concat();
            if conn.write(&framed).is_err() {
                return;
            }
        }
    }
}

fn read_exactly(conn: &AnyConn, mut buffer: &mut [u8]) -> bool {
    while !buffer.is_empty() {
        match conn.read(buffer) {
            Ok(0) | Err(_) => return false,
            Ok(n) => buffer = &mut buffer[n..],
        }
    }
    true
}

/// How a query came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Over {
    Datagram,
    Stream,
}

/// What is said to one query: a message of RFC 1035 §4.1, before it is written.
#[derive(Clone, Debug, Default)]
struct Reply {
    rcode: u16,
    truncated: bool,
    lame: bool,
    answers: Vec<u8>,
    answer_count: u16,
    no_start_of_authority: bool,
}

impl Reply {
    fn of_rcode(rcode: u16) -> Self {
        Self {
            rcode,
            ..Self::default()
        }
    }

    fn with(mut self, owner: &str, kind: u16, data: &[u8]) -> Self {
        self.answers.extend(record(owner, kind, data));
        self.answer_count += 1;
        self
    }

    fn write(&self, query: &Query<'_>) -> Vec<u8> {
        let mut flags = 0x8100 | self.rcode; // A response to one who desires recursion.
        if !self.lame {
            flags |= 0x0480; // Authoritative, and recursion is available.
        }
        if self.truncated {
            flags |= 0x0200;
        }
        let soa = self.answer_count == 0 && !self.no_start_of_authority && !self.lame;
        let mut message = query.id.to_be_bytes().to_vec();
        for field in [flags, 1, self.answer_count, u16::from(soa), 0] {
            message.extend(field.to_be_bytes());
        }
        message.extend(query.question);
        message.extend(&self.answers);
        if soa {
            let numbers: [u32; 5] = [1, 60, 60, 60, 60];
            let numbers = numbers.map(u32::to_be_bytes).concat();
            let data = [name("ns.example"), name("root.example"), numbers].concat();
            message.extend(record("example", SOA, &data));
        }
        message
    }
}

fn record(owner: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = name(owner);
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60]); // IN, for a minute.
    record.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend(data);
    record
}

fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// The parts of a query that matter.
#[derive(Clone, Debug)]
struct Query<'a> {
    id: u16,
    name: String,
    kind: u16,
    question: &'a [u8],
}

impl<'a> Query<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let id = u16::from_be_bytes(octets.get(..2)?.try_into().ok()?);
        let mut labels = Vec::new();
        let mut at = HEADER_OCTETS;
        loop {
            let len = usize::from(*octets.get(at)?);
            at += 1;
            if len == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(octets.get(at..at + len)?).to_ascii_lowercase());
            at += len;
        }
        let kind = u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?);
        Some(Self {
            id,
            name: labels.join("."),
            kind,
            question: octets.get(HEADER_OCTETS..at + 4)?,
        })
    }
}

/// All messages that answer a query, in the order in which they are sent.
fn answers(query: &[u8], over: Over) -> Vec<Vec<u8>> {
    let Some(query) = Query::parse(query) else {
        return Vec::new();
    };
    let Some(reply) = reply(&query.name, query.kind, over) else {
        return Vec::new();
    };
    let answer = reply.write(&query);
    if query.name != "garbage.example" || over == Over::Stream {
        return vec![answer];
    }
    // Before the answer: noise, another query's answer, and an answer to another question.
    let forged = |question: &Query<'_>| {
        let reply = Reply::default().with("garbage.example", A, &[203, 0, 113, 66]);
        reply.write(question)
    };
    let other_name = [name("other.example"), vec![0, 1, 0, 1]].concat();
    vec![
        vec![0; 7],
        forged(&Query {
            id: query.id ^ 1,
            ..query.clone()
        }),
        forged(&Query {
            question: &other_name,
            ..query.clone()
        }),
        answer,
    ]
}

/// The answer to a question; `None` is silence.
fn reply(asked: &str, kind: u16, over: Over) -> Option<Reply> {
    let found = Reply::default;
    let v4 = |host: u8| [192, 0, 2, host];
    let v6 = |host: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
    let addresses = |reply: Reply, owner: &str, host: u8| match kind {
        A => reply.with(owner, A, &v4(host)),
        AAAA => reply.with(owner, AAAA, &v6(host)),
        _ => reply,
    };
    Some(match (asked, kind) {
        ("a.example" | "garbage.example" | "web.two.example" | "deep.web.one.example", A) => {
            found().with(asked, A, &v4(10))
        }
        ("web.one.example.two.example" | "only.search.one.example", A) => {
            found().with(asked, A, &v4(12))
        }
        ("six.example", AAAA) => found().with(asked, AAAA, &v6(12)),
        ("a.example" | "six.example" | "garbage.example" | "empty.example", _) => found(),
        ("web.two.example" | "deep.web.one.example", AAAA) => found(),
        ("both.example" | "deep.web", A | AAAA) => addresses(found(), asked, 11),
        ("alias.example", A | AAAA) => {
            let alias = found().with(asked, CNAME, &name("both.example"));
            addresses(alias, "both.example", 11)
        }
        ("chain.example", A | AAAA) => {
            let chain = found().with(asked, CNAME, &name("alias.example")).with(
                "alias.example",
                CNAME,
                &name("both.example"),
            );
            addresses(chain, "both.example", 11)
        }
        ("dangling.example", A | AAAA) => found().with(asked, CNAME, &name("none.example")),
        ("many.example", A) if over == Over::Datagram => Reply {
            truncated: true,
            ..found()
        },
        ("many.example", A) => {
            (20..40).fold(found(), |reply, host| reply.with(asked, A, &v4(host)))
        }
        ("many.example", _) => found(),
        ("nosoa.example", _) => Reply {
            no_start_of_authority: true,
            ..found()
        },
        ("lame.example", _) => Reply {
            lame: true,
            ..found()
        },
        ("formerr.example", _) => Reply::of_rcode(1),
        ("servfail.example", _) => Reply::of_rcode(2),
        ("notimp.example", _) => Reply::of_rcode(4),
        ("refused.example", _) => Reply::of_rcode(5),
        ("half.example", A) => found().with(asked, A, &v4(13)),
        ("half.example", AAAA) => Reply::of_rcode(2),
        ("silent.example", _) | ("deaf.example", AAAA) => return None,
        ("deaf.example", A) => found().with(asked, A, &v4(14)),
        ("mx.example", MX) => [
            (20, "second.example"),
            (10, "first.example"),
            (30, "third.example"),
        ]
        .iter()
        .fold(found(), |reply, (preference, host)| {
            reply.with(asked, MX, &[vec![0, *preference], name(host)].concat())
        }),
        ("nomail.example", MX) => found().with(asked, MX, &[0, 0, 0]),
        ("badmx.example", MX) => found().with(asked, MX, &[vec![0, 1], name("bad name")].concat()),
        ("ns.example", NS) => ["one.ns.example", "two.ns.example"]
            .iter()
            .fold(found(), |reply, host| reply.with(asked, NS, &name(host))),
        ("_http._tcp.srv.example" | "srv.example", SRV) => {
            [(1, 8080, "one.srv.example"), (2, 80, "two.srv.example")]
                .iter()
                .fold(found(), |reply, (priority, port, host)| {
                    let numbers: [u16; 3] = [*priority, 5, *port];
                    let data = [numbers.map(u16::to_be_bytes).concat(), name(host)].concat();
                    reply.with(asked, SRV, &data)
                })
        }
        ("txt.example", TXT) => {
            found()
                .with(asked, TXT, b"\x05hello")
                .with(asked, TXT, b"\x03one\x03two\x00\x05three")
        }
        ("longtxt.example", TXT) => {
            let string = [vec![200], vec![b'x'; 200]].concat();
            found().with(asked, TXT, &string.repeat(2))
        }
        ("10.2.0.192.in-addr.arpa", PTR) => found().with(asked, PTR, &name("a.example")),
        ("11.2.0.192.in-addr.arpa", PTR) => {
            found()
                .with(asked, PTR, &name("both.example"))
                .with(asked, PTR, &name("alias.example"))
        }
        ("12.2.0.192.in-addr.arpa", PTR) => found(),
        ("13.2.0.192.in-addr.arpa", PTR) => Reply::of_rcode(2),
        (reverse, PTR) if reverse.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa") => {
            found().with(asked, PTR, &name("six.example"))
        }
        (known, _) if known.starts_with("empty.") => found(),
        _ => Reply::of_rcode(3),
    })
}
