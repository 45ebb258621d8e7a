//! The head of a request, from octets (RFC 9112 §2 to §6).
//!
//! `connection.rs` reads octets until [`Request::parse`] has a whole head or knows that there will
//! be none. It never allocates more than the head that it was given, and takes no body.

use std::str;

use thiserror::Error;

#[cfg(test)]
mod tests;

/// The most octets of a head: request line and fields (RFC 9112 §3 leaves the bound to us).
pub const HEAD_OCTETS_MAX: usize = 16 * 1024;
/// The most fields of a head.
pub const FIELDS_MAX: usize = 100;

/// Why a head is none that we serve. The peer misbehaved, or a limit was reached.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RequestRefused {
    /// RFC 9112 §2.2: the octets are no request.
    #[error("malformed request")]
    Malformed,
    /// RFC 9112 §2.3: neither HTTP/1.0 nor HTTP/1.1.
    #[error("unknown version of HTTP")]
    Version,
    /// RFC 9110 §15.6.2: a method other than GET and HEAD.
    #[error("method is neither GET nor HEAD")]
    Method,
    /// RFC 6585 §5: more than [`HEAD_OCTETS_MAX`] octets or [`FIELDS_MAX`] fields.
    #[error("head is too large")]
    TooLarge,
    /// RFC 9110 §15.5.14: the request has a body, and no method of ours takes one.
    #[error("request has a body")]
    Body,
}

/// Which of the two methods (RFC 9110 §9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// The file.
    Get,
    /// The fields that GET would have, and no file.
    Head,
}

/// Whether the connection is there for another request (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Persistence {
    /// It is.
    KeepAlive,
    /// It ends with the answer.
    Close,
}

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// GET or HEAD.
    pub method: Method,
    /// The path of the target as it was sent: still with percent signs, without the query.
    pub path: String,
    /// Whether the peer wants to ask again.
    pub persistence: Persistence,
}

/// A request, and how many octets its head had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parsed {
    /// The request.
    pub request: Request,
    /// Where the next request begins.
    pub head_octets: usize,
}

impl Request {
    /// Looks for a whole head at the front of `octets`. `None` says that more octets are needed.
    ///
    /// # Errors
    ///
    /// There is no telling where the next request would begin, so the connection must end.
    pub fn parse(octets: &[u8]) -> Result<Option<Parsed>, RequestRefused> {
        // RFC 9112 §2.2: an empty line in front of the request line is ignored.
        let skipped = match octets {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        let rest = octets.get(skipped..).unwrap_or_default();
        let Some(head_len) = end_of_head(rest) else {
            return if rest.len() >= HEAD_OCTETS_MAX {
                Err(RequestRefused::TooLarge)
            } else {
                Ok(None)
            };
        };
        if head_len > HEAD_OCTETS_MAX {
            return Err(RequestRefused::TooLarge);
        }
        let head = rest.get(..head_len).unwrap_or_default();
        let request = parse_head(head)?;
        Ok(Some(Parsed {
            request,
            head_octets: skipped + head_len,
        }))
    }
}

/// Where the empty line after the fields ends. A bare LF ends a line too (RFC 9112 §2.2).
fn end_of_head(octets: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, octet) in octets.iter().enumerate().take(HEAD_OCTETS_MAX + 2) {
        if *octet != b'\n' {
            continue;
        }
        let line = octets.get(line_start..at).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return Some(at + 1);
        }
        line_start = at + 1;
    }
    None
}

fn parse_head(head: &[u8]) -> Result<Request, RequestRefused> {
    let text = str::from_utf8(head).map_err(|_| RequestRefused::Malformed)?;
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = RequestLine::parse(lines.next().unwrap_or_default())?;
    let fields = Fields::parse(lines)?;

    // RFC 9112 §3.2: HTTP/1.1 has exactly one Host field.
    if line.version == Version::V1_1 && fields.hosts != 1 {
        return Err(RequestRefused::Malformed);
    }
    if fields.has_body {
        return Err(RequestRefused::Body);
    }
    let persistence = match (line.version, fields.close, fields.keep_alive) {
        (_, true, _) | (Version::V1_0, false, false) => Persistence::Close,
        (Version::V1_1, false, _) | (Version::V1_0, false, true) => Persistence::KeepAlive,
    };
    Ok(Request {
        method: line.method,
        path: line.path,
        persistence,
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    V1_0,
    V1_1,
}

struct RequestLine {
    method: Method,
    path: String,
    version: Version,
}

impl RequestLine {
    /// method SP request-target SP HTTP-version (RFC 9112 §3).
    fn parse(line: &str) -> Result<Self, RequestRefused> {
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RequestRefused::Malformed);
        };
        let version = match version {
            "HTTP/1.1" => Version::V1_1,
            "HTTP/1.0" => Version::V1_0,
            _ if version.starts_with("HTTP/") => return Err(RequestRefused::Version),
            _ => return Err(RequestRefused::Malformed),
        };
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ if !method.is_empty() && method.bytes().all(is_token) => {
                return Err(RequestRefused::Method);
            }
            _ => return Err(RequestRefused::Malformed),
        };
        Ok(Self {
            method,
            path: path_of(target)?,
            version,
        })
    }
}

/// The path of origin-form or absolute-form (RFC 9112 §3.2.1, §3.2.2).
fn path_of(target: &str) -> Result<String, RequestRefused> {
    if target.bytes().any(|octet| !octet.is_ascii_graphic()) {
        return Err(RequestRefused::Malformed);
    }
    let path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    if !path.starts_with('/') {
        return Err(RequestRefused::Malformed);
    }
    let end = path.find(['?', '#']).unwrap_or(path.len());
    Ok(path[..end].to_owned())
}

/// The fields that mean something to us.
#[derive(Default)]
struct Fields {
    hosts: usize,
    has_body: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, RequestRefused> {
        let mut fields = Self::default();
        for (count, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
            if count == FIELDS_MAX {
                return Err(RequestRefused::TooLarge);
            }
            // RFC 9112 §5.1, §5.2: no space before the colon, and no folded lines.
            let (name, value) = line.split_once(':').ok_or(RequestRefused::Malformed)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(RequestRefused::Malformed);
            }
            fields.note(name, value.trim_matches([' ', '\t']))?;
        }
        Ok(fields)
    }

    fn note(&mut self, name: &str, value: &str) -> Result<(), RequestRefused> {
        if name.eq_ignore_ascii_case("host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case("content-length") {
            let octets: u64 = value.parse().map_err(|_| RequestRefused::Malformed)?;
            self.has_body |= octets > 0;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.has_body = true;
        } else if name.eq_ignore_ascii_case("connection") {
            for option in value.split(',').map(str::trim) {
                self.close |= option.eq_ignore_ascii_case("close");
                self.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
            }
        }
        Ok(())
    }
}

/// RFC 9110 §5.6.2.
const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
