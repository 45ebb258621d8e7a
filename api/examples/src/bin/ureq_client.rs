//! A page by HTTP and by HTTPS with ureq, over Sidestep, from nginx.
//!
//! `cargo run -p sidestep-examples --bin ureq_client`

use std::sync::Arc;

use sidestep::adapter;
use sidestep_examples::{Nginx, Outcome, PAGE, SERVER_NAME, expect, net_on_tun};
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn main() -> Outcome<()> {
    let net = net_on_tun()?;
    let (nginx, _) = Nginx::start()?;

    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(vec![Certificate::from_pem(
            nginx.certificate_pem().as_bytes(),
        )?])))
        .build();
    let agent = adapter::ureq::agent(&net, Config::builder().tls_config(tls).build());

    for scheme in ["http", "https"] {
        let mut reply = agent.get(format!("{scheme}://{SERVER_NAME}/")).call()?;
        expect(scheme, &reply.body_mut().read_to_string()?, PAGE)?;
    }
    Ok(())
}
