//! Requests to the kernel about its interfaces, in the form of rtnetlink (RFC 3549 §2.2, §3).
//!
//! `link.rs` and `interfaces/host.rs` speak it. A request is one message and is acknowledged by one,
//! or answered by a list of them; nothing here knows what is asked, and nothing waits for anybody but the kernel, which answers at once.

use std::os::fd::OwnedFd;

use rustix::io::Errno as Raw;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// `NLM_F_REQUEST`: every message of ours is one.
const REQUEST: u16 = 0x01;
/// `NLM_F_ACK`: say whether it worked.
const ACKNOWLEDGE: u16 = 0x04;
/// `NLM_F_EXCL | NLM_F_CREATE`: fail if it is there already.
pub(super) const CREATE: u16 = 0x200 | 0x400;

/// `NLM_F_ROOT | NLM_F_MATCH`: tell of all there are.
const DUMP: u16 = 0x100 | 0x200;

/// `NLMSG_ERROR`, which also acknowledges with error 0.
const ERROR: u16 = 2;

/// `NLMSG_DONE`: the end of a list.
const DONE: u16 = 3;

const HEADER_OCTETS: usize = 16;
/// A message about one interface has some two thousand octets.
const ANSWER_OCTETS_MAX: usize = 32 * 1024;
/// The answer and its acknowledgement; what else arrives is skipped, but not for ever.
const ANSWERS_MAX: usize = 16;

/// A list of interfaces or addresses has at most so many parts.
const PARTS_MAX: usize = 4_096;

/// One message of a list.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// What it is about.
    pub(crate) kind: u16,
    /// What comes after its header.
    pub(crate) body: Vec<u8>,
}

/// A message on its way to the kernel.
#[derive(Debug)]
pub(super) struct Request {
    octets: Vec<u8>,
}

impl Request {
    /// Asks for `kind`, with the fixed part that this kind has.
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(128);
        octets.extend_from_slice(&[0; 4]); // Its length, known in the end.
        octets.extend_from_slice(&kind.to_ne_bytes());
        octets.extend_from_slice(&(REQUEST | ACKNOWLEDGE | flags).to_ne_bytes());
        octets.extend_from_slice(&[0; 8]); // Sequence number and port: the kernel fills in its own.
        octets.extend_from_slice(fixed);
        Self { octets }
    }

    /// Adds an attribute.
    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        // No value of ours is longer than a name or an address.
        let octets = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.octets.extend_from_slice(&octets.to_ne_bytes());
        self.octets.extend_from_slice(&kind.to_ne_bytes());
        self.octets.extend_from_slice(value);
        let padded = self.octets.len().next_multiple_of(4);
        self.octets.resize(padded, 0);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let octets = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        self.octets[..4].copy_from_slice(&octets.to_ne_bytes());
        self.octets
    }
}

/// A way to the kernel of the network namespace in which it was opened, for as long as it is open.
#[derive(Debug)]
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    pub(crate) fn open() -> Result<Self, Raw> {
        let flags = SocketFlags::CLOEXEC;
        socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).map(Self)
    }

    /// Sends `request`, and returns what the kernel says apart from that it worked: the message
    /// after its header.
    pub(super) fn ask(&self, request: Request) -> Result<Option<Vec<u8>>, Raw> {
        let kernel = SocketAddrNetlink::new(0, 0);
        let message = request.finish();
        rustix::io::retry_on_intr(|| sendto(&self.0, &message, SendFlags::empty(), &kernel))?;
        let mut answer = None;
        let mut buffer = vec![0; ANSWER_OCTETS_MAX];
        for _ in 0..ANSWERS_MAX {
            let (_, octets) =
                rustix::io::retry_on_intr(|| recv(&self.0, &mut buffer[..], RecvFlags::empty()))?;
            let mut rest = buffer.get(..octets).unwrap_or_default();
            while let Some((kind, body, after)) = next_message(rest) {
                rest = after;
                if kind == ERROR {
                    let code = body
                        .first_chunk()
                        .map_or(0, |code| i32::from_ne_bytes(*code));
                    return match code {
                        0 => Ok(answer),
                        code => Err(Raw::from_raw_os_error(code.saturating_neg())),
                    };
                }
                answer = Some(body.to_vec());
            }
        }
        Err(Raw::PROTO)
    }

    /// All that the kernel tells when asked for a list of `kind`, with the fixed part of that kind.
    pub(crate) fn dump(&self, kind: u16, fixed: &[u8]) -> Result<Vec<Message>, Raw> {
        let kernel = SocketAddrNetlink::new(0, 0);
        let message = Request::new(kind, DUMP, fixed).finish();
        rustix::io::retry_on_intr(|| sendto(&self.0, &message, SendFlags::empty(), &kernel))?;
        let mut list = Vec::new();
        let mut buffer = vec![0; ANSWER_OCTETS_MAX];
        for _ in 0..PARTS_MAX {
            let (_, octets) =
                rustix::io::retry_on_intr(|| recv(&self.0, &mut buffer[..], RecvFlags::empty()))?;
            let mut rest = buffer.get(..octets).unwrap_or_default();
            while let Some((kind, body, after)) = next_message(rest) {
                rest = after;
                match kind {
                    DONE => return Ok(list),
                    ERROR => {
                        let code = body
                            .first_chunk()
                            .map_or(0, |code| i32::from_ne_bytes(*code));
                        return Err(Raw::from_raw_os_error(code.saturating_neg()));
                    }
                    kind => list.push(Message {
                        kind,
                        body: body.to_vec(),
                    }),
                }
            }
        }
        Err(Raw::PROTO)
    }
}

/// The kind, the body and what comes after the first message of `octets`.
fn next_message(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let total = u32::from_ne_bytes(*octets.first_chunk()?);
    let total = usize::try_from(total).ok()?;
    let kind = u16::from_ne_bytes(*octets.get(4..)?.first_chunk()?);
    let body = octets.get(HEADER_OCTETS..total)?;
    let after = octets.get(total.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body, after))
}

/// The value of the attribute `wanted` in the attributes `octets`.
pub(crate) fn find_attribute(mut octets: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let total = usize::from(u16::from_ne_bytes(*octets.first_chunk()?));
        let kind = u16::from_ne_bytes(*octets.get(2..)?.first_chunk()?);
        let value = octets.get(4..total)?;
        if kind == wanted {
            return Some(value);
        }
        octets = octets.get(total.next_multiple_of(4)..)?;
    }
}
