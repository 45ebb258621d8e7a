//! Requests and answers over a connection of two stacks on a cable.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use sidestep::{AnyConn, Net};

use super::*;

/// A directory to serve.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidestep-http-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("empty")).unwrap();
        fs::write(path.join("a.txt"), "hello").unwrap();
        fs::write(path.join("big"), vec![7; 300_000]).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sends `request` to a server with `limits` and returns all that it says, and how many requests it
/// says that it answered.
fn exchange(request: &[u8], limits: Limits) -> (String, u32) {
    let place = Place::new();
    let root = Root::open(&place.0).unwrap();
    let (ours, theirs) = Net::memory_pair().unwrap();
    let listener = ours.listen("tcp", ":80").unwrap();
    let server = thread::spawn(move || {
        let conn = listener.accept().unwrap();
        let answered = connection(&conn, &root, limits).unwrap();
        conn.close().unwrap();
        answered
    });
    let conn = theirs.dial("tcp", "192.0.2.1:80").unwrap();
    conn.set_deadline(Duration::from_secs(10)).unwrap();
    conn.write(request).unwrap();
    let answer = read_all(&conn);
    (answer, server.join().unwrap())
}

fn read_all(conn: &AnyConn) -> String {
    let mut all = Vec::new();
    let mut room = vec![0; 65_536];
    loop {
        match conn.read(&mut room) {
            Ok(0) => break,
            Ok(octets) => all.extend_from_slice(&room[..octets]),
            // The server closed with octets of ours unread.
            Err(error) if error.errno() == Some(sidestep::Errno::ECONNRESET) => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn answer(request: &str) -> String {
    exchange(request.as_bytes(), Limits::default()).0
}

#[test]
fn a_file_comes_with_its_length_and_type() {
    let text = answer("GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Length: 5\r\n"));
    assert!(text.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert!(text.ends_with("\r\n\r\nhello"));
}

#[test]
fn rfc9110_9_3_2_head_has_the_fields_and_no_file() {
    let text = answer("HEAD /a.txt HTTP/1.0\r\n\r\n");
    assert!(text.contains("\r\nContent-Length: 5\r\n"));
    assert!(text.ends_with("\r\n\r\n"));
}

#[test]
fn rfc9112_9_3_2_requests_in_one_go_are_answered_in_order() {
    let request = "GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n\
                   GET /none HTTP/1.1\r\nHost: x\r\n\r\n\
                   HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (text, answered) = exchange(request.as_bytes(), Limits::default());
    assert_eq!(answered, 3);
    let lines: Vec<&str> = text
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &text[at + 9..at + 12])
        .collect();
    assert_eq!(lines, ["200", "404", "200"]);
    assert!(text.contains("hello"));
}

#[test]
fn a_large_file_is_all_there() {
    let text = answer("GET /big HTTP/1.0\r\n\r\n");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Length: 300000"));
    assert_eq!(body.len(), 300_000);
}

#[test]
fn what_cannot_be_answered_says_why() {
    for (request, status) in [
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET /../a HTTP/1.0\r\n\r\n", "400 Bad Request"),
        ("GET /a.txt/ HTTP/1.0\r\n\r\n", "404 Not Found"),
        ("GET /empty HTTP/1.0\r\n\r\n", "301 Moved Permanently"),
        ("PUT / HTTP/1.0\r\n\r\n", "405 Method Not Allowed"),
        ("GET / HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported"),
        (
            "GET / HTTP/1.0\r\nContent-Length: 9\r\n\r\n",
            "413 Content Too Large",
        ),
    ] {
        let text = answer(request);
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request:?}: {text}"
        );
        assert!(text.contains("\r\nConnection: close\r\n"), "{request:?}");
    }
    assert!(answer("PUT / HTTP/1.0\r\n\r\n").contains("\r\nAllow: GET, HEAD\r\n"));
    assert!(answer("GET /empty HTTP/1.0\r\n\r\n").contains("\r\nLocation: /empty/\r\n"));
}

#[test]
fn a_head_without_end_is_refused() {
    let text = exchange(&vec![b'a'; HEAD_OCTETS_MAX + 1], Limits::default()).0;
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 431 "),
        "{text}"
    );
}

#[test]
fn the_last_request_of_a_connection_is_told_so() {
    let limits = Limits {
        requests_max: 1,
        ..Limits::default()
    };
    let (text, answered) = exchange(b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", limits);
    assert_eq!(answered, 1);
    assert!(text.contains("\r\nConnection: close\r\n"));
}

#[test]
fn a_peer_that_sends_no_request_is_left() {
    let limits = Limits {
        head_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let (text, answered) = exchange(b"GET /a.txt HT", limits);
    assert_eq!((text.as_str(), answered), ("", 0));
}

#[test]
fn rfc9110_5_6_7_dates_are_those_of_the_calendar() {
    for (seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ] {
        assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
    }
}
