//! Look-ups: one question to the scripted name server, and what the resolver made of it.
//!
//! Both programs read the same `resolv.conf` and `hosts`: Go finds them in `/etc`, since the test puts
//! them there for its process, and a [`Resolver`] is told where they are.

use std::fs;
use std::path::PathBuf;

use sidestep::{Cause, DNSError, Net, Resolver, ResolverFiles};

use super::name_server::NameServer;
use super::{Place, Scenario, say};

/// The lines of a `resolv.conf` beside its name server, by the name that scenarios give them.
pub const SETTINGS: &[(&str, &str)] = &[
    ("plain", ""),
    ("strict", ""),
    ("search", "search one.example two.example\n"),
    ("domain", "domain two.example\n"),
    ("ndots0", "search one.example\noptions ndots:0\n"),
    ("ndots2", "search one.example\noptions ndots:2\n"),
    ("hurry", "options timeout:1 attempts:1\n"),
    ("use-vc", "options use-vc\n"),
    ("single", "options single-request\n"),
    ("rotate", "options rotate\n"),
];

/// The text of `/etc/hosts`.
pub const HOSTS: &str = "127.0.0.1 localhost\n\
    192.0.2.99 hosted.example hosted # a comment\n\
    192.0.2.98 hosted.example\n\
    2001:db8::99 hosted6\n\
    fe80::99%lo zoned\n\
    nonsense broken\n";

/// Starts the name server at `ip` of `net`; it answers until it is dropped.
///
/// # Errors
///
/// It cannot listen there.
pub fn serve(net: &Net, ip: &str) -> Result<NameServer, String> {
    NameServer::start(net, ip)
}

/// The outcome of one: its settings, a question and a name.
pub fn run(scenario: &Scenario, place: &Place) -> String {
    let settings = scenario.arg(0);
    let Some((_, text)) = SETTINGS.iter().find(|(name, _)| *name == settings) else {
        return "UNKNOWN SETTINGS".to_owned();
    };
    let directory = match files(place, settings, text) {
        Ok(directory) => directory,
        Err(error) => return error.to_string(),
    };
    let resolver = Resolver::builder()
        .files(ResolverFiles::in_directory(&directory))
        .strict_errors(settings == "strict")
        .over(&place.client)
        .build();
    let outcome = ask(&resolver, scenario.arg(1), scenario.arg(2));
    let _ = fs::remove_dir_all(directory);
    outcome.replace(&format!("{}:", place.v4), "SERVER:")
}

fn files(place: &Place, settings: &str, text: &str) -> std::io::Result<PathBuf> {
    let name = format!("sidestep-oracle-{}-{settings}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory)?;
    let resolv_conf = format!("nameserver {}\n{text}", place.v4);
    fs::write(directory.join("resolv.conf"), resolv_conf)?;
    fs::write(directory.join("hosts"), HOSTS)?;
    fs::write(directory.join("nsswitch.conf"), "hosts: files dns\n")?;
    Ok(directory)
}

fn ask(resolver: &Resolver, question: &str, name: &str) -> String {
    match question {
        "host" => records(resolver.lookup_host(name), |host| host),
        "ip4" | "ip6" => match resolver.lookup_ip(question, name) {
            Ok(found) => records(Ok(found), |ip| ip.to_string()),
            Err(Cause::DNS(error)) => say(&error),
            Err(error) => say(&error),
        },
        "cname" => records(resolver.lookup_cname(name).map(|name| vec![name]), |name| {
            name
        }),
        "mx" => records(resolver.lookup_mx(name), |mx| {
            format!("{} {}", mx.host, mx.pref)
        }),
        "ns" => records(resolver.lookup_ns(name), |ns| ns.host),
        "srv" => {
            let (service, rest) = name.split_once('.').unwrap_or((name, ""));
            let found = if service == "-" {
                resolver.lookup_srv("", "", rest)
            } else {
                let (proto, domain) = rest.split_once('.').unwrap_or((rest, ""));
                resolver.lookup_srv(service, proto, domain)
            };
            records(found.map(|(_, found)| found), |srv| {
                let numbers = format!("{} {} {}", srv.port, srv.priority, srv.weight);
                format!("{} {numbers}", srv.target)
            })
        }
        "txt" => records(resolver.lookup_txt(name), |text| text),
        "addr" => records(resolver.lookup_addr(name), |name| name),
        _ => "UNKNOWN QUESTION".to_owned(),
    }
}

/// Records of the same rank come in any order, so all are sorted.
fn records<T>(found: Result<Vec<T>, DNSError>, text: impl Fn(T) -> String) -> String {
    match found {
        Ok(found) => {
            let mut found: Vec<_> = found.into_iter().map(text).collect();
            found.sort();
            found.join(" ")
        }
        Err(error) => say(&error),
    }
}
