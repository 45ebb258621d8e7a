//! A thousand names through dnsmasq and through unbound: Sidestep finds what dig finds.
//!
//! Each server has the same zone, on the kernel's side of the TUN. Sidestep asks it twice: over its
//! own UDP and TCP through the TUN, and over the kernel's. dig says what is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use sidestep::{Net, Resolver, ResolverFiles};
use sidestep_tests::namespace_net::{World, eventually};
use sidestep_tests::on_both_families;

use super::programs::{Directory, Running, find, run};

on_both_families! {
    #[ignore = "needs dnsmasq, unbound and dig: .ci/run installs them"]
    a_thousand_names_of_dnsmasq_are_what_dig_says
    #[ignore = "needs dnsmasq, unbound and dig: .ci/run installs them"]
    a_thousand_names_of_unbound_are_what_dig_says
}

/// Names of the zone.
const NAMES: usize = 1_000;

/// Addresses of one more name, too many for a datagram.
const MANY: u8 = 120;

/// Threads that look names up at the same time.
const ASKERS: usize = 8;

/// No look-up takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record of the zone.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(String),
    Mx(u16, String),
    Ns(String),
    /// Priority, weight, port, target.
    Srv(u16, u16, u16, String),
    Txt(Vec<String>),
    Ptr(String),
}

impl Record {
    const fn kind(&self) -> &'static str {
        match self {
            Self::A(_) => "A",
            Self::Aaaa(_) => "AAAA",
            Self::Cname(_) => "CNAME",
            Self::Mx(..) => "MX",
            Self::Ns(_) => "NS",
            Self::Srv(..) => "SRV",
            Self::Txt(_) => "TXT",
            Self::Ptr(_) => "PTR",
        }
    }

    /// As a zone's file has it, and as dig prints it.
    fn data(&self) -> String {
        match self {
            Self::A(address) => address.to_string(),
            Self::Aaaa(address) => address.to_string(),
            Self::Cname(name) | Self::Ns(name) | Self::Ptr(name) => name.clone(),
            Self::Mx(preference, host) => format!("{preference} {host}"),
            Self::Srv(priority, weight, port, target) => {
                format!("{priority} {weight} {port} {target}")
            }
            Self::Txt(strings) => {
                let quoted: Vec<String> = strings.iter().map(|s| format!("\"{s}\"")).collect();
                quoted.join(" ")
            }
        }
    }
}

/// The zone: records of each name, which ends with a dot.
type Zone = BTreeMap<String, Vec<Record>>;

fn zone() -> Zone {
    let mut zone = Zone::new();
    for index in 0..NAMES {
        let number = index as u16;
        let [high, low] = number.to_be_bytes();
        let host = format!("host{}.example.", index % 100);
        let v4 = Ipv4Addr::new(198, 51, 100, low);
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, number);
        let plain = format!("n{index}.example.");
        let (name, records) = match index % 8 {
            0 => (plain, vec![Record::A(v4)]),
            1 => (plain, vec![Record::A(v4), Record::Aaaa(v6)]),
            2 => (plain, vec![Record::Cname(host)]),
            3 => {
                let first = Record::Mx(20, format!("mail{index}.example."));
                (plain, vec![first, Record::Mx(10, host)])
            }
            4 => {
                let first = Record::Ns(format!("ns{index}.example."));
                (plain, vec![first, Record::Ns(host)])
            }
            5 => (
                format!("_svc{index}._tcp.example."),
                vec![
                    Record::Srv(2, 0, 80, host),
                    Record::Srv(1, low.into(), number, format!("srv{index}.example.")),
                ],
            ),
            6 => {
                let first = Record::Txt(vec![format!("v=test number={index}")]);
                let second = Record::Txt(vec!["in ".repeat(40), format!("two {index}")]);
                (plain, vec![first, second])
            }
            _ => {
                let address = Ipv4Addr::new(203, 0, 113, low).octets();
                let [a, b, c, d] = address;
                (
                    // One name for each of 125 different addresses.
                    format!("{d}.{}.{b}.{a}.in-addr.arpa.", c.wrapping_add(high)),
                    vec![Record::Ptr(plain)],
                )
            }
        };
        zone.insert(name, records);
    }
    for index in 0..100 {
        let address = Ipv4Addr::new(192, 0, 2, 100 + index);
        zone.insert(format!("host{index}.example."), vec![Record::A(address)]);
    }
    let many = (0..MANY).map(|host| Record::A(Ipv4Addr::new(203, 0, 113, host)));
    zone.insert("many.example.".into(), many.collect());
    zone
}

/// What dig gets for every name: the data of each type.
fn dig_finds(dig: &Path, server: SocketAddr, zone: &Zone, scratch: &Path) -> Dug {
    let batch = scratch.join("batch");
    let mut lines = String::new();
    for (name, records) in zone {
        let kinds: BTreeSet<&str> = records.iter().map(Record::kind).collect();
        let addresses = kinds.contains("A").then_some("AAAA");
        for kind in kinds.iter().copied().chain(addresses) {
            writeln!(lines, "{name} {kind}").expect("a string");
        }
    }
    std::fs::write(&batch, lines).expect("cargo's directory can be written");
    let said = run(
        Command::new(dig)
            .args([
                "-r",
                &format!("@{}", server.ip()),
                "-p",
                &server.port().to_string(),
            ])
            .args(["-f".as_ref(), batch.as_os_str()])
            .args(["+noall", "+answer", "+tries=3", "+time=5", "+nocookie"]),
        b"",
    )
    .expect_text();
    let mut found = Dug::new();
    for line in said.lines().filter(|line| !line.starts_with(';')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(_ttl), Some("IN"), Some(kind)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let data = words.collect::<Vec<_>>().join(" ");
        let key = (name.to_owned(), kind.to_owned());
        found.entry(key).or_default().insert(data);
    }
    found
}

type Dug = BTreeMap<(String, String), BTreeSet<String>>;

/// What Sidestep finds for a name of the zone, in dig's words.
fn sidestep_finds(resolver: &Resolver, name: &str, kind: &str) -> BTreeSet<String> {
    let absent = format!("{name} {kind}");
    match kind {
        "A" | "AAAA" => resolver
            .lookup_host(name)
            .expect(&absent)
            .into_iter()
            .filter(|text| text.contains(':') == (kind == "AAAA"))
            .collect(),
        "CNAME" => BTreeSet::from([resolver.lookup_cname(name).expect(&absent)]),
        "MX" => {
            let found = resolver.lookup_mx(name).expect(&absent);
            assert!(found.is_sorted_by_key(|mx| mx.pref), "{name}: {found:?}");
            let text = found.iter().map(|mx| format!("{} {}", mx.pref, mx.host));
            text.collect()
        }
        "NS" => {
            let found = resolver.lookup_ns(name).expect(&absent);
            found.into_iter().map(|ns| ns.host).collect()
        }
        "SRV" => {
            let (owner, found) = resolver.lookup_srv("", "", name).expect(&absent);
            assert_eq!(owner, name);
            assert!(found.is_sorted_by_key(|srv| srv.priority), "{found:?}");
            let text = found.iter().map(|srv| {
                format!(
                    "{} {} {} {}",
                    srv.priority, srv.weight, srv.port, srv.target
                )
            });
            text.collect()
        }
        "TXT" => {
            let found = resolver.lookup_txt(name).expect(&absent);
            found.into_iter().collect()
        }
        "PTR" => {
            let labels: Vec<&str> = name.split('.').take(4).collect();
            let address: Vec<&str> = labels.into_iter().rev().collect();
            let found = resolver.lookup_addr(&address.join(".")).expect(&absent);
            found.into_iter().collect()
        }
        other => panic!("no such type here: {other}"),
    }
}

/// dig quotes the strings of a text; Go's look-ups join them.
fn joined(quoted: &str) -> String {
    let strings = quoted.split('"').skip(1).step_by(2);
    strings.collect()
}

fn compare(world: &World, dug: &Dug, zone: &Zone) {
    let at = world.kernel(53);
    // White space inside of texts is dig's, which we read word by word.
    let plain = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for net in [&world.net, &Net::host()] {
        let resolver = Resolver::builder()
            .servers([at])
            .hosts("")
            .files(ResolverFiles::in_directory("/nowhere"))
            .deadline(sidestep::Deadline::NONE)
            .over(net)
            .build();
        let names: Vec<(&String, &Vec<Record>)> = zone.iter().collect();
        thread::scope(|scope| {
            for asker in 0..ASKERS {
                let (names, resolver) = (&names, &resolver);
                scope.spawn(move || {
                    for (name, records) in names.iter().skip(asker).step_by(ASKERS) {
                        let resolver = resolver.with_deadline(PATIENCE);
                        let kinds: BTreeSet<&str> = records.iter().map(Record::kind).collect();
                        for kind in kinds {
                            let key = ((*name).clone(), kind.to_owned());
                            let dug = dug.get(&key).unwrap_or_else(|| panic!("dig: {key:?}"));
                            let right: BTreeSet<String> = match kind {
                                "TXT" => dug.iter().map(|text| plain(&joined(text))).collect(),
                                _ => dug.clone(),
                            };
                            let found = sidestep_finds(&resolver, name, kind);
                            let found: BTreeSet<String> = found.iter().map(plain).collect();
                            assert_eq!(found, right, "{name} {kind}");
                            assert_eq!(found.len(), expected(records, kind), "{name} {kind}");
                        }
                    }
                });
            }
        });
        let nobody = resolver.lookup_host("nobody.example.").expect_err("nobody");
        assert!(nobody.is_not_found, "{nobody}");
        let text = format!("lookup nobody.example. on {at}: no such host");
        assert_eq!(nobody.to_string(), text);
    }
    assert_eq!(world.counters().stack.lookups, 0);
}

/// How many records of a type the zone has: dig and Sidestep might both find nothing.
fn expected(records: &[Record], kind: &str) -> usize {
    records
        .iter()
        .filter(|record| record.kind() == kind)
        .count()
}

fn wait_for(server: SocketAddr) {
    eventually("the server listens", || {
        TcpStream::connect_timeout(&server, Duration::from_secs(1)).is_ok()
    });
}

fn scratch(name: &str, world: &World) -> Directory {
    // Both families are tested at the same time.
    Directory::new(&format!("{name}-{:?}", world.family))
}

/// The zone in the words of dnsmasq.
fn dnsmasq_conf(zone: &Zone, listen: IpAddr, hosts: &Path) -> String {
    let mut conf = format!(
        "no-resolv\nno-hosts\nno-poll\nbind-interfaces\nlisten-address={listen}\ncache-size=0\n\
         user=root\ngroup=root\npid-file=\nlocal=/example/\nlocal=/in-addr.arpa/\nport=53\n\
         addn-hosts={}\n",
        hosts.display()
    );
    for (name, records) in zone {
        let name = name.trim_end_matches('.');
        for record in records {
            let trimmed = |text: &str| text.trim_end_matches('.').to_owned();
            let line = match record {
                // These are in a hosts file.
                Record::A(_) | Record::Aaaa(_) => continue,
                Record::Cname(target) => format!("cname={name},{}", trimmed(target)),
                Record::Mx(preference, host) => {
                    format!("mx-host={name},{},{preference}", trimmed(host))
                }
                Record::Ns(host) => format!("dns-rr={name},2,{}", wire_hex(host)),
                Record::Srv(priority, weight, port, target) => {
                    format!(
                        "srv-host={name},{},{port},{priority},{weight}",
                        trimmed(target)
                    )
                }
                Record::Txt(strings) => {
                    let quoted: Vec<String> = strings.iter().map(|s| format!("\"{s}\"")).collect();
                    format!("txt-record={name},{}", quoted.join(","))
                }
                Record::Ptr(target) => format!("ptr-record={name},{}", trimmed(target)),
            };
            writeln!(conf, "{line}").expect("a string");
        }
    }
    conf
}

/// A name as it stands in a message, in hexadecimal.
fn wire_hex(name: &str) -> String {
    let mut hex = String::new();
    for label in name.trim_end_matches('.').split('.') {
        write!(hex, "{:02x}", label.len()).expect("a string");
        for octet in label.bytes() {
            write!(hex, "{octet:02x}").expect("a string");
        }
    }
    hex + "00"
}

fn a_thousand_names_of_dnsmasq_are_what_dig_says(world: &World) {
    let (Some(dig), Some(dnsmasq)) = (find("dig"), find("dnsmasq")) else {
        return;
    };
    let zone = zone();
    let directory = scratch("dnsmasq", world);
    let hosts = directory.path().join("hosts");
    let mut text = String::new();
    for (name, records) in &zone {
        for record in records {
            if let Record::A(_) | Record::Aaaa(_) = record {
                let name = name.trim_end_matches('.');
                writeln!(text, "{} {name}", record.data()).expect("a string");
            }
        }
    }
    std::fs::write(&hosts, text).expect("cargo's directory can be written");
    let conf = directory.path().join("dnsmasq.conf");
    let at = world.kernel(53);
    std::fs::write(&conf, dnsmasq_conf(&zone, at.ip(), &hosts)).expect("written");
    let mut server = Running::start(
        Command::new(dnsmasq)
            .arg("--keep-in-foreground")
            .arg(format!("--conf-file={}", conf.display())),
    );
    wait_for(at);
    server.expect_running();
    let dug = dig_finds(&dig, at, &zone, directory.path());
    compare(world, &dug, &zone);
}

/// The zone in the words of unbound.
fn unbound_conf(zone: &Zone, listen: IpAddr) -> String {
    let mut conf = format!(
        "server:\n  interface: {listen}@53\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  module-config: \"iterator\"\n  num-threads: 1\n  \
         access-control: 0.0.0.0/0 allow\n  access-control: ::/0 allow\n  \
         do-not-query-localhost: no\n  local-zone: \"example.\" static\n  \
         local-zone: \"in-addr.arpa.\" static\n"
    );
    for third in 112..120 {
        // unbound has empty zones of its own for these.
        writeln!(conf, "  local-zone: \"{third}.0.203.in-addr.arpa.\" static").expect("a string");
    }
    for (name, records) in zone {
        for record in records {
            let data = record.data();
            let kind = record.kind();
            writeln!(conf, "  local-data: '{name} 300 IN {kind} {data}'").expect("a string");
        }
    }
    conf.push_str("remote-control:\n  control-enable: no\n");
    conf
}

fn a_thousand_names_of_unbound_are_what_dig_says(world: &World) {
    let (Some(dig), Some(unbound)) = (find("dig"), find("unbound")) else {
        return;
    };
    let zone = zone();
    let directory = scratch("unbound", world);
    let conf = directory.path().join("unbound.conf");
    let at = world.kernel(53);
    std::fs::write(&conf, unbound_conf(&zone, at.ip())).expect("written");
    let mut server = Running::start(Command::new(unbound).args(["-d", "-c"]).arg(&conf));
    wait_for(at);
    server.expect_running();
    let dug = dig_finds(&dig, at, &zone, directory.path());
    compare(world, &dug, &zone);
}
