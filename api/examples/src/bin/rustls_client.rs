//! A page by HTTPS with rustls over a blocking connection of Sidestep, from nginx.
//!
//! rustls takes any `Read + Write`, so there is nothing between the two.
//! `cargo run -p sidestep-examples --bin rustls_client`

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use sidestep_examples::{Nginx, Outcome, PAGE, SERVER_NAME, expect, net_on_tun};

fn main() -> Outcome<()> {
    let net = net_on_tun()?;
    let (_nginx, config) = Nginx::start()?;

    let conn = net.dial("tcp", &format!("{SERVER_NAME}:443"))?;
    conn.set_deadline(Duration::from_secs(10))?;
    let session = ClientConnection::new(Arc::new(config), SERVER_NAME.try_into()?)?;
    let mut tls = StreamOwned::new(session, conn);

    write!(
        tls,
        "GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n"
    )?;
    let mut reply = String::new();
    tls.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or("no body")?;
    expect(
        "status",
        head.lines().next().unwrap_or_default(),
        "HTTP/1.1 200 OK",
    )?;
    expect("https", body, PAGE)
}
