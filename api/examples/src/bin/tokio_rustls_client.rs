//! A page by HTTPS with tokio-rustls over an asynchronous connection of Sidestep, from nginx.
//!
//! `cargo run -p sidestep-examples --bin tokio_rustls_client`

use std::sync::Arc;

use sidestep::future;
use sidestep_examples::{Nginx, Outcome, PAGE, SERVER_NAME, block_on, expect, net_on_tun};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

fn main() -> Outcome<()> {
    let net = net_on_tun()?;
    let (_nginx, config) = Nginx::start()?;
    block_on(async move {
        let address = format!("{SERVER_NAME}:443");
        let conn = future::dial(&net, "tcp", &address).await?;
        let conn = conn.into_tcp().map_err(|_| "not TCP")?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut tls = connector.connect(SERVER_NAME.try_into()?, conn).await?;

        let request = format!("GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        tls.read_to_string(&mut reply).await?;
        let (_, body) = reply.split_once("\r\n\r\n").ok_or("no body")?;
        expect("https", body, PAGE)
    })
}
