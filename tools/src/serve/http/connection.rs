//! One connection: requests in, responses out, until one side has had enough (RFC 9112 §9).
//!
//! `serve/mod.rs` calls [`connection`] on a thread of its own. Nothing waits without a deadline, and
//! a file that shrinks while it is sent ends the connection instead of lying about its length.

use std::fs::File;
use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sidestep::{Conn, Deadline, NetError as _, OpError};

use super::files::{Found, NotFound, Root};
use super::request::{HEAD_OCTETS_MAX, Method, Parsed, Persistence, Request, RequestRefused};

#[cfg(test)]
mod tests;

/// Octets of a file that are read and written at a time.
const CHUNK_OCTETS: usize = 64 * 1024;

/// How long a peer may take, and how much it may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a whole head, and between two requests.
    pub head_timeout: Duration,
    /// For the peer to take the next 64 KiB of an answer.
    pub write_timeout: Duration,
    /// Requests on one connection.
    pub requests_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            requests_max: 10_000,
        }
    }
}

/// Answers requests until the peer, a limit or an error ends it; says how many were answered.
///
/// # Errors
///
/// The connection failed. A peer that ends it between two requests is no error, nor is one that
/// sends none in time.
pub fn connection(conn: &dyn Conn, root: &Root, limits: Limits) -> Result<u32, OpError> {
    let mut exchange = Exchange {
        conn,
        root,
        limits,
        waiting: Vec::new(),
    };
    for answered in 0..limits.requests_max {
        match exchange.next()? {
            Next::Request(parsed) => {
                let last = answered + 1 == limits.requests_max;
                let persistence = match parsed.request.persistence {
                    Persistence::KeepAlive if !last => Persistence::KeepAlive,
                    Persistence::KeepAlive | Persistence::Close => Persistence::Close,
                };
                if exchange.answer(&parsed.request, persistence)? == Persistence::Close {
                    return Ok(answered + 1);
                }
            }
            Next::Refused(reason) => {
                exchange.refuse(reason)?;
                return Ok(answered + 1);
            }
            Next::End => return Ok(answered),
        }
    }
    Ok(limits.requests_max)
}

/// What came from the peer.
enum Next {
    Request(Parsed),
    Refused(RequestRefused),
    End,
}

/// How much of a file went out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FileSent {
    Whole,
    Short,
}

struct Exchange<'a> {
    conn: &'a dyn Conn,
    root: &'a Root,
    limits: Limits,
    /// Octets that arrived and belong to no request yet. At most a head and one read.
    waiting: Vec<u8>,
}

impl Exchange<'_> {
    fn next(&mut self) -> Result<Next, OpError> {
        self.conn
            .set_read_deadline(Deadline::from(self.limits.head_timeout))?;
        loop {
            match Request::parse(&self.waiting) {
                Ok(Some(parsed)) => {
                    self.waiting.drain(..parsed.head_octets);
                    return Ok(Next::Request(parsed));
                }
                Ok(None) => {}
                Err(reason) => return Ok(Next::Refused(reason)),
            }
            let mut room = [0; HEAD_OCTETS_MAX];
            match self.conn.read(&mut room) {
                Ok(0) => return Ok(Next::End),
                Ok(octets) => self
                    .waiting
                    .extend_from_slice(room.get(..octets).unwrap_or_default()),
                Err(error) if error.timeout() => return Ok(Next::End),
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers, and says whether the connection is still of use.
    fn answer(&self, request: &Request, persistence: Persistence) -> Result<Persistence, OpError> {
        let head = |status, media_type, octets| Head {
            status,
            media_type,
            octets,
            location: None,
            persistence,
        };
        match self.root.find(&request.path) {
            Ok(Found::File {
                file,
                octets,
                media_type,
            }) => {
                self.write(head(Status::Ok, media_type, octets).to_string().as_bytes())?;
                if request.method == Method::Get && self.send_file(file, octets)? == FileSent::Short
                {
                    return Ok(Persistence::Close);
                }
            }
            Ok(Found::Listing(page)) => {
                let head = head(Status::Ok, "text/html; charset=utf-8", page.len() as u64);
                self.send_page(&head, request.method, &page)?;
            }
            Ok(Found::MovedTo(path)) => {
                let page = Status::MovedPermanently.page();
                let mut head = head(Status::MovedPermanently, TEXT, page.len() as u64);
                head.location = Some(&path);
                self.send_page(&head, request.method, &page)?;
            }
            Err(not_found) => {
                let status = Status::from(&not_found);
                let page = status.page();
                let head = head(status, TEXT, page.len() as u64);
                self.send_page(&head, request.method, &page)?;
            }
        }
        Ok(persistence)
    }

    /// Says why there is no answer. The octets that follow mean nothing to us.
    fn refuse(&self, reason: RequestRefused) -> Result<(), OpError> {
        let status = Status::from(reason);
        let page = format!("{}: {reason}\n", status.line());
        let head = Head {
            status,
            media_type: TEXT,
            octets: page.len() as u64,
            location: None,
            persistence: Persistence::Close,
        };
        self.send_page(&head, Method::Get, &page)
    }

    fn send_page(&self, head: &Head<'_>, method: Method, page: &str) -> Result<(), OpError> {
        let mut text = head.to_string();
        if method == Method::Get {
            text.push_str(page);
        }
        self.write(text.as_bytes())
    }

    fn send_file(&self, mut file: File, octets: u64) -> Result<FileSent, OpError> {
        let mut room = vec![0; CHUNK_OCTETS];
        let mut left = octets;
        while left > 0 {
            let want = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(CHUNK_OCTETS);
            let chunk = room.get_mut(..want).unwrap_or_default();
            match file.read(chunk) {
                Ok(octets) if octets > 0 => {
                    self.write(chunk.get(..octets).unwrap_or_default())?;
                    left -= octets as u64;
                }
                // The file got shorter, or the disk failed, after its length was promised. The
                // end of the connection tells the peer that this is not all (RFC 9112 §8).
                _ => return Ok(FileSent::Short),
            }
        }
        Ok(FileSent::Whole)
    }

    fn write(&self, octets: &[u8]) -> Result<(), OpError> {
        for chunk in octets.chunks(CHUNK_OCTETS) {
            self.conn
                .set_write_deadline(Deadline::from(self.limits.write_timeout))?;
            self.conn.write(chunk)?;
        }
        Ok(())
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The statuses that we have a use for (RFC 9110 §15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Ok,
    MovedPermanently,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    ContentTooLarge,
    FieldsTooLarge,
    ServerError,
    VersionNotSupported,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::MovedPermanently => "301 Moved Permanently",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::FieldsTooLarge => "431 Request Header Fields Too Large",
            Self::ServerError => "500 Internal Server Error",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }

    fn page(self) -> String {
        format!("{}\n", self.line())
    }
}

impl From<RequestRefused> for Status {
    fn from(reason: RequestRefused) -> Self {
        match reason {
            RequestRefused::Malformed => Self::BadRequest,
            RequestRefused::Version => Self::VersionNotSupported,
            RequestRefused::Method => Self::MethodNotAllowed,
            RequestRefused::TooLarge => Self::FieldsTooLarge,
            RequestRefused::Body => Self::ContentTooLarge,
        }
    }
}

impl From<&NotFound> for Status {
    fn from(reason: &NotFound) -> Self {
        match reason {
            NotFound::Malformed => Self::BadRequest,
            NotFound::Missing => Self::NotFound,
            NotFound::Forbidden => Self::Forbidden,
            NotFound::Failed(_) => Self::ServerError,
        }
    }
}

/// The status line and the fields.
struct Head<'a> {
    status: Status,
    media_type: &'a str,
    octets: u64,
    location: Option<&'a str>,
    persistence: Persistence,
}

impl std::fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP/1.1 {}\r\n", self.status.line())?;
        write!(f, "Date: {}\r\n", http_date(SystemTime::now()))?;
        write!(f, "Server: sidestep\r\n")?;
        write!(f, "Content-Type: {}\r\n", self.media_type)?;
        write!(f, "Content-Length: {}\r\n", self.octets)?;
        if let Some(location) = self.location {
            write!(f, "Location: {location}\r\n")?;
        }
        if self.status == Status::MethodNotAllowed {
            // RFC 9110 §15.5.6.
            write!(f, "Allow: GET, HEAD\r\n")?;
        }
        match self.persistence {
            // RFC 9112 §9.3: said also to HTTP/1.0, which takes silence for "close".
            Persistence::KeepAlive => write!(f, "Connection: keep-alive\r\n")?,
            Persistence::Close => write!(f, "Connection: close\r\n")?,
        }
        write!(f, "\r\n")
    }
}

/// IMF-fixdate (RFC 9110 §5.6.7), by the civil-from-days algorithm of the proleptic calendar.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from 1 March 0000, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let name = |names: &[&'static str], at: u64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month),
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}
