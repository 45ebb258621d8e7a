//! gRPC with tonic on both sides: the standard health service over Sidestep's TCP.
//!
//! Two stacks on a cable in memory, so that it needs no rights.
//! `cargo run -p sidestep-examples --bin tonic_health`

use sidestep::adapter::hyper::Connector;
use sidestep::adapter::tonic::incoming;
use sidestep::{Net, future};
use sidestep_examples::{Outcome, block_on, expect};
use tonic::transport::{Endpoint, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

fn main() -> Outcome<()> {
    let (here, there) = Net::memory_pair()?;
    block_on(async move {
        let listener = there.listen_tcp("tcp", Some(&":50051".parse()?))?;
        let (reporter, service) = tonic_health::server::health_reporter();
        reporter
            .set_service_status("weather", ServingStatus::NotServing)
            .await;
        let server = Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming(future::TCPListener::from(listener)));
        let server = tokio::spawn(server);

        let channel = Endpoint::from_static("http://192.0.2.2:50051")
            .connect_with_connector(Connector::new(&here))
            .await?;
        let mut client = HealthClient::new(channel);
        for (service, status) in [
            ("", ServingStatus::Serving),
            ("weather", ServingStatus::NotServing),
        ] {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            let reply = client.check(request).await?.into_inner();
            let seen = format!("{:?}", reply.status());
            let expected = match status {
                ServingStatus::Serving => "Serving",
                _ => "NotServing",
            };
            expect(&format!("health of {service:?}"), &seen, expected)?;
        }
        server.abort();
        Ok(())
    })
}
