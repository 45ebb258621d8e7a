//! QUIC with quinn on both sides, over Sidestep's UDP: a mebibyte there and back.
//!
//! Two stacks on a cable in memory, so that it needs no rights.
//! `cargo run -p sidestep-examples --bin quinn_echo`

use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ServerConfig};
use rustls::pki_types::PrivateKeyDer;
use sidestep::{Net, adapter};
use sidestep_examples::{Outcome, block_on, certificate, expect};

/// Octets each way.
const OCTETS: usize = 1024 * 1024;

/// The name in the certificate.
const NAME: &str = "echo.example";

fn main() -> Outcome<()> {
    let (here, there) = Net::memory_pair()?;
    block_on(async move {
        let (certified, mut trust) = certificate(NAME)?;
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der())?;
        let server = ServerConfig::with_single_cert(vec![certified.cert.der().clone()], key)?;
        let server = adapter::quinn::endpoint(&there, &":4433".parse()?, Some(server))?;
        let echo = tokio::spawn(async move {
            let incoming = server.accept().await.ok_or("closed")?;
            let conn = incoming.await?;
            let (mut send, mut receive) = conn.accept_bi().await?;
            let octets = receive.read_to_end(OCTETS).await?;
            send.write_all(&octets).await?;
            send.finish()?;
            conn.closed().await;
            Outcome::Ok(())
        });

        trust.alpn_protocols = Vec::new();
        let mut client = adapter::quinn::endpoint(&here, &":0".parse()?, None)?;
        client.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(
            trust,
        )?)));
        let conn = client.connect("192.0.2.2:4433".parse()?, NAME)?.await?;
        let (mut send, mut receive) = conn.open_bi().await?;
        let octets: Vec<u8> = (0..OCTETS).map(|place| (place % 251) as u8).collect();
        send.write_all(&octets).await?;
        send.finish()?;
        let echoed = receive.read_to_end(OCTETS).await?;
        let same = if echoed == octets {
            "the same"
        } else {
            "others"
        };
        expect("octets that came back", same, "the same")?;
        conn.close(0_u32.into(), b"done");
        client.wait_idle().await;
        echo.await?
    })
}
