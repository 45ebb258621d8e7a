//! What each look-up does: the hosts file and the servers in their order, and what of their answers
//! is given (RFC 1035 §7, as Go's `net` does it).
//!
//! `resolver.rs` runs these on the calling thread and `future/` in tasks. Nothing here waits but for
//! the answer of `ask.rs`, and dropping a look-up takes its question back.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sidestep_stack::call::{Families, LookUp, Question};
use sidestep_stack::event::{Answer, LookedUp, MX, NS, SRV};

use super::Resolver;
use super::ask::{Unanswered, ask};
use super::files::hosts_file::{HostAddress, HostsFile};
use super::settings::{Names, Now};
use crate::address::{IPAddr, Network, Zone, parse_ip, parse_ip_zone};
use crate::error::{AddrError, AddrErrorKind, Cause, DNSError, DNSErrorKind, UnknownNetworkError};
use crate::host;
use crate::net::{Backend, Net};

/// What is asked through which network, by which settings.
struct Means {
    net: Net,
    now: Now,
}

impl Resolver {
    fn means(&self, name: &str) -> Result<Means, DNSError> {
        let net = match &self.net {
            Some(net) => net.clone(),
            None => Net::current().ok_or_else(|| DNSError::new(DNSErrorKind::NoStack, name))?,
        };
        let now = match (&self.names, &net.0) {
            (Some(names), _) => names.now(),
            (None, Backend::Host) => Names::of_host().now(),
            (None, Backend::Stack(shared)) => match shared.names() {
                Some(names) => names.now(),
                None => Now::of_stack(),
            },
        };
        Ok(Means { net, now })
    }

    /// See [`Resolver::lookup_host`].
    pub(crate) async fn find_host(&self, host: &str) -> Result<Vec<String>, DNSError> {
        if parse_ip_zone(host).is_some() {
            return Ok(vec![host.to_owned()]);
        }
        let means = self.means(host)?;
        // As they stand in the file, while servers' addresses are sorted.
        if means.now.order.files_first() {
            let known = means.now.hosts.addresses(host);
            if !known.is_empty() {
                return Ok(known.iter().map(address_text).collect());
            }
        }
        let found = means.addresses(host, Families::Both).await?;
        Ok(found.iter().map(IPAddr::to_string).collect())
    }

    /// See [`Resolver::lookup_ip_addr`]. Of `families`, only addresses from servers are sorted out:
    /// a literal and the hosts file say what they say.
    pub(crate) async fn find_addresses(
        &self,
        host: &str,
        families: Families,
    ) -> Result<Vec<IPAddr>, DNSError> {
        if let Some((ip, zone)) = parse_ip_zone(host) {
            return Ok(vec![IPAddr { ip: Some(ip), zone }]);
        }
        self.means(host)?.addresses(host, families).await
    }

    /// See [`Resolver::lookup_addr`].
    pub(crate) async fn find_names(&self, addr: &str) -> Result<Vec<String>, DNSError> {
        let unrecognized = || DNSError::new(DNSErrorKind::UnrecognizedAddress, addr);
        let address = parse_ip_zone(addr).ok_or_else(unrecognized)?;
        let means = self.means(addr)?;
        let known = means.now.hosts.names(&address);
        if !known.is_empty() {
            return Ok(known.to_vec());
        }
        // Servers know nothing of zones.
        let ip = parse_ip(addr).ok_or_else(unrecognized)?;
        let looked_up = means.ask(&pointer_name(ip), LookUp::pointer(ip)).await?;
        match looked_up.answer {
            Answer::Names(names) => looked_up.gaps.fill(names),
            _ => Err(looked_up.gaps.nonsense()),
        }
    }

    /// See [`Resolver::lookup_cname`].
    pub(crate) async fn find_canonical_name(&self, host: &str) -> Result<String, DNSError> {
        let means = self.means(host)?;
        let known = |hosts: &HostsFile| hosts.canonical(host).map(str::to_owned);
        if means.now.order.files_first()
            && let Some(name) = known(&means.now.hosts)
        {
            return Ok(name);
        }
        let question = LookUp::new(host, Question::CanonicalName);
        match means.ask_if_allowed(host, question).await {
            Ok(looked_up) => match looked_up.answer {
                Answer::CanonicalName(name) => Ok(name),
                _ => Err(looked_up.gaps.nonsense()),
            },
            Err(error) => means.after_servers(known).ok_or(error),
        }
    }

    /// See [`Resolver::lookup_mx`].
    pub(crate) async fn find_mail_exchanges(&self, name: &str) -> Result<Vec<MX>, DNSError> {
        let question = LookUp::new(name, Question::MailExchanges);
        let looked_up = self.means(name)?.ask(name, question).await?;
        match looked_up.answer {
            Answer::MailExchanges(exchanges) => looked_up.gaps.fill(exchanges),
            _ => Err(looked_up.gaps.nonsense()),
        }
    }

    /// See [`Resolver::lookup_ns`].
    pub(crate) async fn find_name_servers(&self, name: &str) -> Result<Vec<NS>, DNSError> {
        let question = LookUp::new(name, Question::NameServers);
        let looked_up = self.means(name)?.ask(name, question).await?;
        match looked_up.answer {
            Answer::NameServers(servers) => looked_up.gaps.fill(servers),
            _ => Err(looked_up.gaps.nonsense()),
        }
    }

    /// See [`Resolver::lookup_srv`]; `target` is what [`service_name`] makes.
    pub(crate) async fn find_services(&self, target: &str) -> Result<(String, Vec<SRV>), DNSError> {
        let question = LookUp::new(target, Question::Services);
        let looked_up = self.means(target)?.ask(target, question).await?;
        match looked_up.answer {
            Answer::Services { name, services } => Ok((name, looked_up.gaps.fill(services)?)),
            _ => Err(looked_up.gaps.nonsense()),
        }
    }

    /// See [`Resolver::lookup_txt`].
    pub(crate) async fn find_texts(&self, name: &str) -> Result<Vec<String>, DNSError> {
        let question = LookUp::new(name, Question::Texts);
        let looked_up = self.means(name)?.ask(name, question).await?;
        let text = |octets: &Bytes| String::from_utf8_lossy(octets).into_owned();
        match looked_up.answer {
            Answer::Texts(texts) => Ok(texts.iter().map(text).collect()),
            _ => Err(looked_up.gaps.nonsense()),
        }
    }
}

impl Means {
    /// The hosts file and the servers, in their order.
    async fn addresses(&self, host: &str, families: Families) -> Result<Vec<IPAddr>, DNSError> {
        if host.is_empty() {
            return Err(DNSError::new(DNSErrorKind::NoSuchHost, host));
        }
        let known = |hosts: &HostsFile| {
            let known = hosts.addresses(host);
            (!known.is_empty()).then(|| self.sorted(known))
        };
        if self.now.order.files_first()
            && let Some(found) = known(&self.now.hosts)
        {
            return Ok(found);
        }
        let question = LookUp::addresses(host, families);
        match self.ask_if_allowed(host, question).await {
            Ok(looked_up) => {
                let found = looked_up.answer.into_addresses();
                Ok(found.into_iter().map(IPAddr::from).collect())
            }
            Err(error) => self.after_servers(known).ok_or(error),
        }
    }

    /// What the hosts file knows, if it is asked after the servers.
    fn after_servers<T>(&self, known: impl FnOnce(&HostsFile) -> Option<T>) -> Option<T> {
        let files_last = self.now.order.asks_servers() && !self.now.order.files_first();
        files_last.then(|| known(&self.now.hosts)).flatten()
    }

    /// Asks the servers, unless only the hosts file may be asked.
    async fn ask_if_allowed(&self, name: &str, question: LookUp) -> Result<Found, DNSError> {
        if !self.now.order.asks_servers() {
            return Err(DNSError::new(DNSErrorKind::NoSuchHost, name));
        }
        self.ask(name, question).await
    }

    /// Asks the servers. `name` is what an error speaks of.
    async fn ask(&self, name: &str, question: LookUp) -> Result<Found, DNSError> {
        let looked_up = match ask(&self.net, question, self.now.profile.clone()).await {
            Ok(looked_up) => looked_up,
            Err(Unanswered::Gone) => return Err(DNSError::new(DNSErrorKind::StackGone, name)),
            Err(Unanswered::Refused) => return Err(DNSError::new(DNSErrorKind::NoServer, name)),
        };
        let LookedUp {
            result,
            left_out,
            server,
            ..
        } = looked_up;
        let answer =
            result.map_err(|error| DNSError::from_lookup(name, &error, server.as_deref()))?;
        Ok(Found {
            answer,
            gaps: Gaps {
                name: name.to_owned(),
                left_out,
            },
        })
    }

    /// In the order of RFC 6724, where it is known here from which address the host would send; the
    /// stack's own addresses are not, and the file's order stays.
    fn sorted(&self, known: &[HostAddress]) -> Vec<IPAddr> {
        let mut addresses: Vec<IpAddr> = known.iter().map(|(ip, _)| *ip).collect();
        if matches!(self.net.0, Backend::Host) {
            host::sort_destinations(&mut addresses);
        }
        let zone = |ip: &IpAddr| {
            let (_, zone) = known.iter().find(|(known, _)| known == ip)?;
            Some(zone.clone())
        };
        let with_zone = |ip: IpAddr| IPAddr {
            ip: Some(ip),
            zone: zone(&ip).unwrap_or(Zone::NONE),
        };
        addresses.into_iter().map(with_zone).collect()
    }
}

/// An answer.
struct Found {
    answer: Answer,
    gaps: Gaps,
}

/// What an answer lacks.
struct Gaps {
    name: String,
    left_out: usize,
}

impl Gaps {
    /// What is left, unless leaving out took all.
    fn fill<T>(self, records: Vec<T>) -> Result<Vec<T>, DNSError> {
        if records.is_empty() && self.left_out > 0 {
            return Err(DNSError::new(DNSErrorKind::InvalidNames, &self.name));
        }
        Ok(records)
    }

    /// The answer is to another question than ours. It never is.
    fn nonsense(self) -> DNSError {
        DNSError::new(DNSErrorKind::ServerMisbehaving, &self.name)
    }
}

/// Go's `ipLiteral%zone`.
fn address_text((ip, zone): &HostAddress) -> String {
    IPAddr {
        ip: Some(*ip),
        zone: zone.clone(),
    }
    .to_string()
}

/// The families that `ip`, `ip4` and `ip6` carry; what follows a colon must be a protocol.
pub(crate) fn families_of(network: &str) -> Result<Families, Cause> {
    match network {
        "ip" => Ok(Families::Both),
        "ip4" => Ok(Families::V4),
        "ip6" => Ok(Families::V6),
        _ => match Network::parse(network)? {
            Network::IP(families, _) => Ok(families),
            Network::TCP(_) | Network::UDP(_) | Network::Unix(_) => {
                Err(UnknownNetworkError(network.into()).into())
            }
        },
    }
}

/// Those of `found` that are of `families`. As in Go, `::` stands for 0.0.0.0 as well.
pub(crate) fn fitting(
    found: Vec<IPAddr>,
    families: Families,
    host: &str,
) -> Result<Vec<IpAddr>, Cause> {
    let mut ips: Vec<IpAddr> = found.into_iter().filter_map(|addr| addr.ip).collect();
    if ips == [IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
        ips.push(Ipv4Addr::UNSPECIFIED.into());
    }
    ips.retain(|ip| match families {
        Families::Both => true,
        Families::V4 => ip.is_ipv4(),
        Families::V6 => ip.is_ipv6(),
    });
    if ips.is_empty() {
        return Err(AddrError::new(AddrErrorKind::NoSuitableAddress, host).into());
    }
    Ok(ips)
}

/// The name under which a service is looked up (RFC 2782).
pub(crate) fn service_name(service: &str, proto: &str, name: &str) -> String {
    if service.is_empty() && proto.is_empty() {
        name.to_owned()
    } else {
        format!("_{service}._{proto}.{name}")
    }
}

/// The name under which an address has its names (RFC 1035 §3.5, RFC 3596 §2.5), as errors show it.
fn pointer_name(ip: IpAddr) -> String {
    let mut name = String::new();
    // Writing into a string cannot fail.
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            for octet in ip.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
            name.push_str("in-addr.arpa.");
        }
        IpAddr::V6(ip) => {
            for octet in ip.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 0xf, octet >> 4);
            }
            name.push_str("ip6.arpa.");
        }
    }
    name
}
