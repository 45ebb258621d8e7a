//! Heads that are requests, and heads that are not.

use super::*;

fn parse(text: &str) -> Result<Option<Parsed>, RequestRefused> {
    Request::parse(text.as_bytes())
}

fn request(text: &str) -> Request {
    parse(text).unwrap().unwrap().request
}

#[test]
fn a_whole_head_is_a_request() {
    let text = "GET /a/b?c HTTP/1.1\r\nHost: x\r\n\r\nrest";
    let parsed = parse(text).unwrap().unwrap();
    assert_eq!(parsed.head_octets, text.len() - 4);
    assert_eq!(
        parsed.request,
        Request {
            method: Method::Get,
            path: "/a/b".to_owned(),
            persistence: Persistence::KeepAlive
        }
    );
}

#[test]
fn half_a_head_asks_for_more() {
    let text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(parse(&text[..end]), Ok(None), "{end} octets");
    }
}

#[test]
fn rfc9112_2_2_bare_line_feeds_and_an_empty_line_in_front_are_taken() {
    let parsed = parse("\r\nHEAD / HTTP/1.0\n\n").unwrap().unwrap();
    assert_eq!(parsed.request.method, Method::Head);
    assert_eq!(parsed.head_octets, 19);
}

#[test]
fn rfc9112_9_3_persistence_follows_version_and_field() {
    let v1_1 = |connection: &str| {
        request(&format!("GET / HTTP/1.1\r\nHost: x\r\n{connection}\r\n")).persistence
    };
    let v1_0 =
        |connection: &str| request(&format!("GET / HTTP/1.0\r\n{connection}\r\n")).persistence;
    assert_eq!(v1_1(""), Persistence::KeepAlive);
    assert_eq!(v1_1("Connection: foo, Close\r\n"), Persistence::Close);
    assert_eq!(v1_0(""), Persistence::Close);
    assert_eq!(v1_0("connection: keep-alive\r\n"), Persistence::KeepAlive);
}

#[test]
fn rfc9112_3_2_2_an_absolute_target_has_a_path() {
    assert_eq!(
        request("GET http://example.com/x HTTP/1.1\r\nHost: x\r\n\r\n").path,
        "/x"
    );
    assert_eq!(
        request("GET http://example.com HTTP/1.1\r\nHost: x\r\n\r\n").path,
        "/"
    );
}

#[test]
fn what_is_no_request_is_refused_with_its_reason() {
    use RequestRefused::{Body, Malformed, Method, Version};
    for (text, reason) in [
        ("GET /\r\n\r\n", Malformed),
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", Malformed),
        ("GET x HTTP/1.1\r\nHost: x\r\n\r\n", Malformed),
        ("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", Malformed),
        ("GET / SMTP/1.1\r\n\r\n", Malformed),
        ("GET / HTTP/2.0\r\n\r\n", Version),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", Method),
        ("G(T / HTTP/1.1\r\nHost: x\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", Malformed),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", Malformed),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n",
            Body,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            Body,
        ),
    ] {
        assert_eq!(parse(text), Err(reason), "{text:?}");
    }
    assert_eq!(Request::parse(b"\xff\n\n"), Err(Malformed));
}

#[test]
fn a_head_may_be_as_large_as_the_bound_and_no_larger() {
    let fixed = "GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n".len();
    let head = |octets: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(octets - fixed)
        )
    };
    assert!(parse(&head(HEAD_OCTETS_MAX)).unwrap().is_some());
    assert_eq!(
        parse(&head(HEAD_OCTETS_MAX + 1)),
        Err(RequestRefused::TooLarge)
    );
    assert_eq!(
        Request::parse(&[b'a'; HEAD_OCTETS_MAX]),
        Err(RequestRefused::TooLarge)
    );
}

#[test]
fn so_many_fields_and_no_more() {
    let head = |fields: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
            "X: y\r\n".repeat(fields - 1)
        )
    };
    assert!(parse(&head(FIELDS_MAX)).unwrap().is_some());
    assert_eq!(parse(&head(FIELDS_MAX + 1)), Err(RequestRefused::TooLarge));
}
