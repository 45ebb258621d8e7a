//! The scenarios that need no network: parsing and printing.

use std::net::IpAddr;

use sidestep::{
    Addr, HardwareAddr, IPAddr, IPExt, IPMask, IPNet, Net, TCPAddr, UDPAddr, Zone, cidr_mask,
    join_host_port, lookup_port, parse_cidr, parse_ip, parse_mac, resolve_unix_addr,
    split_host_port,
};

use super::{Scenario, say};

/// The outcome of one of them.
pub fn run(scenario: &Scenario) -> String {
    let arg = |n| scenario.arg(n);
    let ip = |n| parse_ip(scenario.arg(n));
    match scenario.kind.as_str() {
        "split_host_port" => match split_host_port(arg(0)) {
            Ok((host, port)) => format!("{host:?} {port:?}"),
            Err(error) => say(&error),
        },
        "join_host_port" => join_host_port(arg(0), arg(1)),
        "parse_ip" => or_nil(ip(0)),
        "parse_cidr" => match parse_cidr(arg(0)) {
            Ok((ip, net)) => {
                format!("{ip} {net} {} {}", mask_text(Some(net.mask)), net.network())
            }
            Err(error) => say(&error),
        },
        "parse_mac" => match parse_mac(arg(0)) {
            Ok(mac) => mac.to_string(),
            Err(error) => say(&error),
        },
        "hardware_addr" => or_nil(HardwareAddr::new(&unhex(arg(0)))),
        "ip_is" => ip(0).map(ip_is).unwrap_or_default(),
        "ip_equal" => {
            let equal = ip(0).zip(ip(1)).map(|(one, other)| one.equal(&other));
            equal.unwrap_or_default().to_string()
        }
        "to16" => ip(0).map_or_else(String::new, |ip| hex(&ip.to16().octets())),
        "to4" => or_nil(ip(0).and_then(|ip| ip.to4()).map(|ip| hex(&ip.octets()))),
        "default_mask" => ip(0)
            .and_then(|ip| ip.default_mask())
            .map_or("<nil>".to_owned(), |mask| mask.to_string()),
        "ip_mask" => or_nil(
            ip(0)
                .zip(mask(arg(1)))
                .and_then(|(ip, mask)| ip.mask(&mask)),
        ),
        "cidr_mask" => mask_text(
            arg(0)
                .parse()
                .ok()
                .zip(arg(1).parse().ok())
                .and_then(|(ones, bits)| cidr_mask(ones, bits)),
        ),
        "ip_mask_size" => mask_text(mask(arg(0))),
        "ip_net" => or_nil(net(scenario)),
        "contains" => {
            let inside = net(scenario).zip(ip(2)).map(|(net, ip)| net.contains(ip));
            inside.unwrap_or_default().to_string()
        }
        "marshal_ip" => match IpAddr::unmarshal_text(arg(0)) {
            Ok(ip) => format!("{:?}", IpAddr::marshal_text(ip)),
            Err(error) => say(&error),
        },
        "lookup_port" => match lookup_port(arg(0), arg(1)) {
            Ok(port) => port.to_string(),
            Err(error) => say(&error),
        },
        "addr" => addr(scenario),
        "resolve" => resolve(arg(0), arg(1), arg(2)),
        _ => "UNKNOWN KIND".to_owned(),
    }
}

fn or_nil(value: Option<impl ToString>) -> String {
    value.map_or("nil".to_owned(), |value| value.to_string())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| text.get(at..at + 2);
    (0..text.len())
        .step_by(2)
        .filter_map(|at| u8::from_str_radix(digit(at)?, 16).ok())
        .collect()
}

fn mask(text: &str) -> Option<IPMask> {
    let octets = unhex(text);
    match octets.len() {
        4 => octets.try_into().ok().map(IPMask::V4),
        _ => octets.try_into().ok().map(IPMask::V6),
    }
}

fn mask_text(mask: Option<IPMask>) -> String {
    let size = mask.map(|mask| mask.size()).unwrap_or_default();
    let mask = mask.map_or("<nil>".to_owned(), |mask| mask.to_string());
    format!("{mask} {}/{}", size.ones, size.bits)
}

fn net(scenario: &Scenario) -> Option<IPNet> {
    Some(IPNet {
        ip: parse_ip(scenario.arg(0))?,
        mask: mask(scenario.arg(1))?,
    })
}

/// The questions that are answered with yes.
fn ip_is(ip: IpAddr) -> String {
    let questions = [
        ("unspecified", IPExt::is_unspecified(&ip)),
        ("loopback", IPExt::is_loopback(&ip)),
        ("private", ip.is_private()),
        ("multicast", IPExt::is_multicast(&ip)),
        (
            "interface-local-multicast",
            ip.is_interface_local_multicast(),
        ),
        ("link-local-multicast", ip.is_link_local_multicast()),
        ("link-local-unicast", ip.is_link_local_unicast()),
        ("global-unicast", ip.is_global_unicast()),
    ];
    let yes: Vec<_> = questions
        .iter()
        .filter_map(|(name, yes)| yes.then_some(*name))
        .collect();
    yes.join(" ")
}

fn addr(scenario: &Scenario) -> String {
    let ip = parse_ip(scenario.arg(1));
    let port = scenario.arg(2).parse().unwrap_or_default();
    let zone = Zone::new(scenario.arg(3));
    let text = |addr: &dyn Addr| format!("{} {addr}", addr.network());
    match scenario.arg(0) {
        "tcp" => text(&TCPAddr { ip, port, zone }),
        "udp" => text(&UDPAddr { ip, port, zone }),
        _ => text(&IPAddr { ip, zone }),
    }
}

fn resolve(kind: &str, network: &str, address: &str) -> String {
    let net = Net::host();
    let addr: Result<Box<dyn Addr>, _> = match kind {
        "tcp" => net
            .resolve_tcp_addr(network, address)
            .map(|addr| Box::new(addr) as _),
        "udp" => net
            .resolve_udp_addr(network, address)
            .map(|addr| Box::new(addr) as _),
        "ip" => net
            .resolve_ip_addr(network, address)
            .map(|addr| Box::new(addr) as _),
        _ => resolve_unix_addr(network, address).map(|addr| Box::new(addr) as _),
    };
    match addr {
        Ok(addr) => format!("{} {addr}", addr.network()),
        Err(error) => say(&error),
    }
}
