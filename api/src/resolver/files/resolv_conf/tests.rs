//! What a resolv.conf says, line by line.

use super::*;

fn server(text: &str) -> (IpAddr, Zone) {
    parse_ip_zone(text).unwrap()
}

#[test]
fn an_empty_file_says_what_go_says_by_default() {
    let conf = ResolvConf::parse("");
    assert_eq!(conf, ResolvConf::default());
    assert_eq!((conf.ndots, conf.attempts), (1, 2));
    assert_eq!(conf.timeout, Duration::from_secs(5));
    let conf = conf.with_defaults_of("host.corp.example");
    assert_eq!(conf.servers, [server("127.0.0.1"), server("::1")]);
    assert_eq!(conf.search, ["corp.example"]);
    for name in ["host", "host.", ""] {
        let conf = ResolvConf::default().with_defaults_of(name);
        assert!(conf.search.is_empty(), "{name}");
    }
}

#[test]
fn defaults_do_not_replace_what_the_file_says() {
    let conf = ResolvConf::parse("nameserver 192.0.2.1\nsearch a.example\n");
    assert_eq!(conf.clone().with_defaults_of("host.corp.example"), conf);
}

#[test]
fn the_first_three_servers_count_and_names_are_none() {
    let conf = ResolvConf::parse(
        "nameserver ns.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1 ignored\n\
         nameserver\nnameserver fe80::1%eth0\nnameserver 192.0.2.4\n",
    );
    let expected = ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"].map(server);
    assert_eq!(conf.servers, expected);
}

#[test]
fn of_domain_and_search_the_last_one_wins() {
    let conf = ResolvConf::parse("search a.example b.example.\ndomain c.example d.example\n");
    assert_eq!(conf.search, ["c.example"]);
    let conf = ResolvConf::parse("domain c.example\nsearch\ta.example  b.example. .\n");
    assert_eq!(conf.search, ["a.example", "b.example"]);
    let conf = ResolvConf::parse("search a.example\nsearch\n");
    assert!(conf.search.is_empty());
}

#[test]
fn numbers_are_taken_into_their_range() {
    for (text, ndots) in [
        ("0", 0),
        ("15", 15),
        ("16", 15),
        ("x", 0),
        ("99999999999", 15),
        ("-1", 0),
    ] {
        let conf = ResolvConf::parse(&format!("options ndots:{text}"));
        assert_eq!(conf.ndots, ndots, "{text}");
    }
    for (text, seconds) in [
        ("0", 1),
        ("1", 1),
        ("60", 60),
        ("61", 60),
        ("-5", 1),
        ("3s", 3),
    ] {
        let conf = ResolvConf::parse(&format!("options timeout:{text}"));
        assert_eq!(conf.timeout, Duration::from_secs(seconds), "{text}");
    }
    for (text, attempts) in [("0", 1), ("10", 10), ("11", 10), ("", 1)] {
        let conf = ResolvConf::parse(&format!("options attempts:{text}"));
        assert_eq!(conf.attempts, attempts, "{text}");
    }
}

#[test]
fn options_are_words_and_unknown_ones_do_no_harm() {
    let plain =
        ResolvConf::parse("options edns0 trust-ad inet6 rotate:1 debug\noptions\nsortlist x\n");
    assert_eq!(plain, ResolvConf::default());
    let conf = ResolvConf::parse("options rotate single-request-reopen use-vc");
    assert!(conf.rotate && conf.single_request && conf.use_vc);
    assert!(ResolvConf::parse("options single-request").single_request);
    assert!(ResolvConf::parse("options tcp").use_vc);
}

#[test]
fn only_whole_lines_are_comments() {
    let conf = ResolvConf::parse(
        "#nameserver 192.0.2.1\n;nameserver 192.0.2.2\nnameserver 192.0.2.3 # x\n",
    );
    assert_eq!(conf.servers, [server("192.0.2.3")]);
}
