//! Look-ups for tasks: the same questions, whose waiting is a future.
//!
//! [`Resolver`] has the methods of the blocking one, and deadline and cancel token hold as they do
//! there. A look-up that is dropped takes its question back: its queries end, and its sockets close.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use async_io::Timer;
use sidestep_stack::call::Families;

use crate::address::IPAddr;
use crate::cancel::{CancelToken, Registration};
use crate::error::{Cause, DNSError, DNSErrorKind};
use crate::net::Net;
use crate::resolver::{MX, NS, SRV, families_of, fitting, service_name};

/// The async form of [`sidestep::Resolver`](crate::Resolver).
///
/// ```
/// # fn block_on<F: Future>(future: F) -> F::Output { async_io::block_on(future) }
/// use sidestep::{Net, future};
///
/// let (net, _other) = Net::memory_pair()?;
/// let resolver = sidestep::Resolver::builder()
///     .hosts("192.0.2.7 seven.example")
///     .over(&net)
///     .build();
/// let resolver = future::Resolver::from(resolver);
/// assert_eq!(block_on(resolver.lookup_host("seven.example"))?, ["192.0.2.7"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Resolver(crate::Resolver);

impl From<crate::Resolver> for Resolver {
    fn from(resolver: crate::Resolver) -> Self {
        Self(resolver)
    }
}

impl From<Resolver> for crate::Resolver {
    fn from(resolver: Resolver) -> Self {
        resolver.0
    }
}

impl Resolver {
    /// Waits for a look-up until the deadline or the token ends it.
    async fn bound<T>(
        &self,
        name: &str,
        look_up: impl Future<Output = Result<T, DNSError>>,
    ) -> Result<T, DNSError> {
        let cancel = self.0.cancel_token();
        let mut timer = self.0.until().to_instant().map(Timer::at);
        let mut wake_me: Option<Registration> = None;
        let mut look_up = pin!(look_up);
        poll_fn(|cx| {
            if let Some(token) = cancel {
                let waker = cx.waker().clone();
                wake_me = Some(token.on_cancel(Box::new(move || waker.wake())));
            }
            if cancel.is_some_and(CancelToken::is_canceled) {
                return Poll::Ready(Err(DNSError::new(DNSErrorKind::Canceled, name)));
            }
            if let Poll::Ready(result) = look_up.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let rung = match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx).is_ready(),
                None => false,
            };
            if rung {
                return Poll::Ready(Err(DNSError::new(DNSErrorKind::Timeout, name)));
            }
            Poll::Pending
        })
        .await
    }

    /// See [`sidestep::Resolver::lookup_host`](crate::Resolver::lookup_host).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupHost")]
    pub async fn lookup_host(&self, host: &str) -> Result<Vec<String>, DNSError> {
        self.bound(host, self.0.find_host(host)).await
    }

    /// See [`sidestep::Resolver::lookup_ip_addr`](crate::Resolver::lookup_ip_addr).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupIPAddr")]
    pub async fn lookup_ip_addr(&self, host: &str) -> Result<Vec<IPAddr>, DNSError> {
        let look_up = self.0.find_addresses(host, Families::Both);
        self.bound(host, look_up).await
    }

    /// See [`sidestep::Resolver::lookup_ip`](crate::Resolver::lookup_ip).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupIP")]
    #[doc(alias = "LookupNetIP")]
    pub async fn lookup_ip(&self, network: &str, host: &str) -> Result<Vec<IpAddr>, Cause> {
        let families = families_of(network)?;
        let look_up = self.0.find_addresses(host, families);
        let found = self.bound(host, look_up).await?;
        fitting(found, families, host)
    }

    /// See [`sidestep::Resolver::lookup_addr`](crate::Resolver::lookup_addr).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupAddr")]
    pub async fn lookup_addr(&self, addr: &str) -> Result<Vec<String>, DNSError> {
        self.bound(addr, self.0.find_names(addr)).await
    }

    /// See [`sidestep::Resolver::lookup_cname`](crate::Resolver::lookup_cname).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupCNAME")]
    pub async fn lookup_cname(&self, host: &str) -> Result<String, DNSError> {
        self.bound(host, self.0.find_canonical_name(host)).await
    }

    /// See [`sidestep::Resolver::lookup_mx`](crate::Resolver::lookup_mx).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupMX")]
    pub async fn lookup_mx(&self, name: &str) -> Result<Vec<MX>, DNSError> {
        self.bound(name, self.0.find_mail_exchanges(name)).await
    }

    /// See [`sidestep::Resolver::lookup_ns`](crate::Resolver::lookup_ns).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupNS")]
    pub async fn lookup_ns(&self, name: &str) -> Result<Vec<NS>, DNSError> {
        self.bound(name, self.0.find_name_servers(name)).await
    }

    /// See [`sidestep::Resolver::lookup_srv`](crate::Resolver::lookup_srv).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupSRV")]
    pub async fn lookup_srv(
        &self,
        service: &str,
        proto: &str,
        name: &str,
    ) -> Result<(String, Vec<SRV>), DNSError> {
        let target = service_name(service, proto, name);
        self.bound(&target, self.0.find_services(&target)).await
    }

    /// See [`sidestep::Resolver::lookup_txt`](crate::Resolver::lookup_txt).
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "LookupTXT")]
    pub async fn lookup_txt(&self, name: &str) -> Result<Vec<String>, DNSError> {
        self.bound(name, self.0.find_texts(name)).await
    }
}

/// [`Resolver::lookup_host`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`sidestep::Resolver::lookup_host`](crate::Resolver::lookup_host).
#[doc(alias = "LookupHost")]
pub async fn lookup_host(net: &Net, host: &str) -> Result<Vec<String>, DNSError> {
    Resolver(net.resolver()).lookup_host(host).await
}

/// [`Resolver::lookup_ip_addr`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupIPAddr")]
pub async fn lookup_ip_addr(net: &Net, host: &str) -> Result<Vec<IPAddr>, DNSError> {
    Resolver(net.resolver()).lookup_ip_addr(host).await
}

/// [`Resolver::lookup_addr`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`sidestep::Resolver::lookup_addr`](crate::Resolver::lookup_addr).
#[doc(alias = "LookupAddr")]
pub async fn lookup_addr(net: &Net, addr: &str) -> Result<Vec<String>, DNSError> {
    Resolver(net.resolver()).lookup_addr(addr).await
}

/// [`Resolver::lookup_cname`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupCNAME")]
pub async fn lookup_cname(net: &Net, host: &str) -> Result<String, DNSError> {
    Resolver(net.resolver()).lookup_cname(host).await
}

/// [`Resolver::lookup_mx`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupMX")]
pub async fn lookup_mx(net: &Net, name: &str) -> Result<Vec<MX>, DNSError> {
    Resolver(net.resolver()).lookup_mx(name).await
}

/// [`Resolver::lookup_ns`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupNS")]
pub async fn lookup_ns(net: &Net, name: &str) -> Result<Vec<NS>, DNSError> {
    Resolver(net.resolver()).lookup_ns(name).await
}

/// [`Resolver::lookup_srv`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupSRV")]
pub async fn lookup_srv(
    net: &Net,
    service: &str,
    proto: &str,
    name: &str,
) -> Result<(String, Vec<SRV>), DNSError> {
    let resolver = Resolver(net.resolver());
    resolver.lookup_srv(service, proto, name).await
}

/// [`Resolver::lookup_txt`] by the resolver of `net`.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupTXT")]
pub async fn lookup_txt(net: &Net, name: &str) -> Result<Vec<String>, DNSError> {
    Resolver(net.resolver()).lookup_txt(name).await
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use async_io::block_on;

    use super::*;

    /// A resolver that nobody answers, and its network.
    fn silent() -> (crate::Resolver, Net, Net) {
        let (net, other) = Net::memory_pair().unwrap();
        let resolver = crate::Resolver::builder()
            .servers(["192.0.2.2:53".parse().unwrap()])
            .hosts("192.0.2.7 seven.example\n")
            .over(&net)
            .build();
        // Its port is open, so that no ICMP comes back.
        let socket = other.listen_packet("udp", ":53").unwrap();
        std::thread::spawn(move || {
            let mut room = [0; 512];
            while socket.read_from(&mut room).is_ok() {}
        });
        (resolver, net, other)
    }

    fn eventually(holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(20), "it never does");
            std::thread::yield_now();
        }
    }

    #[test]
    fn tasks_are_told_what_threads_are_told() {
        let (resolver, _net, _other) = silent();
        let hurried = Resolver::from(resolver.with_deadline(Duration::from_millis(20)));
        block_on(async {
            assert_eq!(
                hurried.lookup_host("seven.example").await.unwrap(),
                ["192.0.2.7"]
            );
            assert_eq!(
                hurried.lookup_addr("192.0.2.7").await.unwrap(),
                ["seven.example."]
            );
            let error = hurried.lookup_ip("tcp", "seven.example").await.unwrap_err();
            assert_eq!(error.to_string(), "unknown network tcp");
            let error = hurried
                .lookup_srv("sip", "tcp", "a.example")
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), "lookup _sip._tcp.a.example: i/o timeout");
            assert!(error.is_timeout);
        });
    }

    #[test]
    fn a_dropped_look_up_takes_its_question_back() {
        let (resolver, net, _other) = silent();
        let resolver = Resolver::from(resolver);
        let mut look_up = Box::pin(resolver.lookup_host("a.example"));
        block_on(async {
            let once = poll_fn(|cx| Poll::Ready(look_up.as_mut().poll(cx).is_pending()));
            assert!(once.await);
        });
        eventually(|| net.counters().unwrap().lookups_open == 1);
        drop(look_up);
        eventually(|| {
            let counters = net.counters().unwrap();
            counters.lookups_open == 0 && counters.stack.lookups == 0
        });
    }

    #[test]
    fn a_token_wakes_the_task() {
        let (resolver, net, _other) = silent();
        let token = CancelToken::new();
        let resolver = Resolver::from(resolver.with_cancel(&token));
        let error = std::thread::scope(|scope| {
            let task = scope.spawn(|| block_on(resolver.lookup_host("a.example")));
            eventually(|| net.counters().unwrap().lookups_open == 1);
            token.cancel();
            task.join().unwrap().unwrap_err()
        });
        assert_eq!(
            error.to_string(),
            "lookup a.example: operation was canceled"
        );
    }
}
