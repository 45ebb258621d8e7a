//! A page by HTTP and by HTTPS with hyper's pooled client over Sidestep, from nginx.
//!
//! `cargo run -p sidestep-examples --bin hyper_client`

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidestep::adapter::hyper::{ConnectInfo, Connector};
use sidestep_examples::{Nginx, Outcome, PAGE, SERVER_NAME, block_on, expect, net_on_tun};

fn main() -> Outcome<()> {
    let net = net_on_tun()?;
    let (_nginx, config) = Nginx::start()?;
    block_on(async move {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::new(&net));
        let client: Client<_, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build(connector);

        for scheme in ["http", "https"] {
            let reply = client
                .get(format!("{scheme}://{SERVER_NAME}/").parse()?)
                .await?;
            let ends = reply.extensions().get::<ConnectInfo>().cloned();
            let body = reply.into_body().collect().await?.to_bytes();
            expect(scheme, std::str::from_utf8(&body)?, PAGE)?;
            if let Some(ConnectInfo { local, remote }) = ends {
                println!("  over {local} → {remote}");
            }
        }
        Ok(())
    })
}
