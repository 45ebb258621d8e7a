//! Which order an nsswitch.conf asks for.

use super::*;

#[test]
fn the_line_hosts_gives_the_order() {
    for (sources, order) in [
        ("files dns", Order::FilesDns),
        ("dns files", Order::DnsFiles),
        ("files", Order::Files),
        ("dns", Order::Dns),
        ("  dns\tfiles # files dns", Order::DnsFiles),
        ("files mdns4_minimal [NOTFOUND=return] dns", Order::FilesDns),
        ("dns mdns4 files", Order::DnsFiles),
        (
            "dns [notfound=continue unavail=continue] files",
            Order::DnsFiles,
        ),
        ("dns[success=return] files", Order::DnsFiles),
        ("dns myhostname files", Order::DnsFiles),
    ] {
        let text = format!("passwd: files\nhosts: {sources}\nnetworks: files\n");
        assert_eq!(Order::parse(&text), order, "{sources}");
    }
}

#[test]
fn what_is_not_known_gets_the_usual_order() {
    for text in [
        "",
        "passwd: dns files",
        "hosts:",
        "hosts: dns resolve files",
        "hosts: dns [!UNAVAIL=return] files",
        "hosts: dns [success=continue] files",
        "hosts: dns [nonsense] files",
        "hosts: dns [unavail=continue files",
        "hosts: mdns",
    ] {
        assert_eq!(Order::parse(text), Order::FilesDns, "{text}");
    }
}

#[test]
fn the_last_condition_may_end_the_search() {
    assert_eq!(
        Order::parse("hosts: dns [notfound=return] files"),
        Order::DnsFiles
    );
    let order = Order::parse("hosts: dns [notfound=return unavail=continue] files");
    assert_eq!(order, Order::FilesDns);
}

#[test]
fn an_order_says_who_is_asked() {
    assert!(Order::FilesDns.files_first() && Order::FilesDns.asks_servers());
    assert!(!Order::DnsFiles.files_first() && Order::DnsFiles.asks_servers());
    assert!(Order::Files.files_first() && !Order::Files.asks_servers());
    assert!(!Order::Dns.files_first() && Order::Dns.asks_servers());
}
