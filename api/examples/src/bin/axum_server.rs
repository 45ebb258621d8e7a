//! An HTTP server with axum over Sidestep, and curl as its client, over the kernel's TCP.
//!
//! `cargo run -p sidestep-examples --bin axum_server`

use axum::extract::ConnectInfo;
use axum::{Router, routing::get};
use sidestep::{TCPAddr, future};
use sidestep_examples::{Outcome, block_on, curl, expect, net_on_tun};
use tokio::task::spawn_blocking;

fn main() -> Outcome<()> {
    // Before there is a second thread: the network of our own is entered by this one.
    let net = net_on_tun()?;
    block_on(async move {
        let listener = future::TCPListener::from(net.listen_tcp("tcp", Some(&":80".parse()?))?);
        let app = Router::new()
            .route("/", get(async || "Served by axum, carried by Sidestep.\n"))
            .route("/peer", get(peer));
        let app = app.into_make_service_with_connect_info::<TCPAddr>();
        let server = tokio::spawn(async { axum::serve(listener, app).await });

        for (url, reply) in [
            (
                "http://192.0.2.2/",
                "Served by axum, carried by Sidestep.\n",
            ),
            (
                "http://[2001:db8::2]/",
                "Served by axum, carried by Sidestep.\n",
            ),
            ("http://192.0.2.2/peer", "192.0.2.1"),
            ("http://[2001:db8::2]/peer", "2001:db8::1"),
        ] {
            let text = spawn_blocking(move || curl(url)).await??;
            expect(url, &text, reply)?;
        }
        server.abort();
        Ok(())
    })
}

async fn peer(ConnectInfo(peer): ConnectInfo<TCPAddr>) -> String {
    peer.ip.map(|ip| ip.to_string()).unwrap_or_default()
}
