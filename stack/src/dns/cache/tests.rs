//! The cache by itself: number, size and time are bounded, and the oldest goes first.

use alloc::vec;

use super::*;

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

fn server() -> SocketAddr {
    "192.0.2.53:53".parse().expect("an address")
}

fn found(ttl_s: u32) -> Found {
    Found {
        owner: name("www.example"),
        record_type: RecordType::A,
        records: vec![Data::V4([192, 0, 2, 1].into())],
        ttl_s,
    }
}

fn cache(limits: CacheSettings) -> Cache {
    let mut cache = Cache::default();
    cache.restart(Some(CacheLimits {
        settings: limits,
        shared_octets_max: 1 << 20,
    }));
    cache
}

fn has(cache: &mut Cache, now: u64, text: &str) -> bool {
    let got = cache.get(Instant::from_secs(now), &name(text), RecordType::A);
    got.is_some()
}

#[test]
fn an_answer_is_kept_until_its_ttl_ends_and_not_at_that_moment() {
    let mut cache = cache(CacheSettings::default());
    cache.found(
        Instant::from_secs(10),
        &name("WWW.example"),
        &found(60),
        server(),
    );
    assert!(has(&mut cache, 69, "www.EXAMPLE"));
    assert!(!has(&mut cache, 70, "www.example"));
    assert_eq!((cache.len(), cache.octets()), (0, 0));
    // A TTL of 0 is for this answer only (RFC 1035 §3.2.1).
    cache.found(
        Instant::from_secs(70),
        &name("www.example"),
        &found(0),
        server(),
    );
    assert_eq!(cache.len(), 0);
}

#[test]
fn a_ttl_is_capped_by_the_settings() {
    let mut cache = cache(CacheSettings {
        ttl_max: Duration::from_secs(30),
        ..CacheSettings::default()
    });
    cache.found(Instant::ZERO, &name("a"), &found(u32::MAX), server());
    assert!(has(&mut cache, 29, "a"));
    assert!(!has(&mut cache, 30, "a"));
}

#[test]
fn the_entry_that_was_not_used_for_longest_makes_room() {
    let mut cache = cache(CacheSettings {
        entries_max: 2,
        ..CacheSettings::default()
    });
    cache.found(Instant::ZERO, &name("a"), &found(60), server());
    cache.found(Instant::ZERO, &name("b"), &found(60), server());
    assert!(has(&mut cache, 1, "a"));
    cache.found(Instant::ZERO, &name("c"), &found(60), server());
    assert!(has(&mut cache, 1, "a"));
    assert!(!has(&mut cache, 1, "b"));
    assert!(has(&mut cache, 1, "c"));
    assert_eq!(cache.len(), 2);
}

#[test]
fn octets_are_bounded_and_counted_exactly() {
    let limits = CacheSettings {
        octets_max: 10_000,
        ..CacheSettings::default()
    };
    let mut cache = cache(limits);
    for number in 0..1_000 {
        let text = alloc::format!("host{number}.example");
        cache.found(Instant::ZERO, &name(&text), &found(60), server());
        assert!(cache.octets() <= limits.octets_max);
    }
    assert!(cache.len() > 10);
    // One that is too large by itself throws nobody out.
    let before = cache.len();
    let mut large = found(60);
    large.records = vec![Data::Text(vec![0; 10_000].into())];
    cache.found(Instant::ZERO, &name("large"), &large, server());
    assert_eq!(cache.len(), before);
    for number in 0..1_000 {
        let text = alloc::format!("host{number}.example");
        has(&mut cache, 61, &text);
    }
    assert_eq!((cache.len(), cache.octets()), (0, 0));
}

#[test]
fn no_entries_at_all_keep_nothing() {
    let mut cache = cache(CacheSettings {
        entries_max: 0,
        ..CacheSettings::default()
    });
    cache.found(Instant::ZERO, &name("a"), &found(60), server());
    assert_eq!(cache.len(), 0);
    let mut off = Cache::default();
    off.found(Instant::ZERO, &name("a"), &found(60), server());
    assert!(!has(&mut off, 1, "a"));
}

#[test]
fn a_denied_name_is_denied_for_all_types_and_a_denied_type_for_that_alone() {
    let denied = |about| Denied {
        about,
        record_type: RecordType::MX,
        ttl_s: 60,
    };
    let mut cache = cache(CacheSettings::default());
    cache.denied(Instant::ZERO, &name("a"), denied(About::AllTypes), server());
    let type_mx = About::Type(RecordType::MX.0);
    cache.denied(Instant::ZERO, &name("b"), denied(type_mx), server());
    for (text, record_type, is_denied) in [
        ("a", RecordType::MX, true),
        ("a", RecordType::A, true),
        ("b", RecordType::MX, true),
        ("b", RecordType::A, false),
    ] {
        let got = cache.get(Instant::from_secs(59), &name(text), record_type);
        let expected = is_denied.then_some((Kept::Nothing, server()));
        assert_eq!(got, expected, "{text}");
    }
    assert!(!has(&mut cache, 60, "a"));
    // Three hours at most, whatever the zone says.
    let forever = Denied {
        ttl_s: u32::MAX,
        ..denied(About::AllTypes)
    };
    cache.denied(Instant::ZERO, &name("a"), forever, server());
    assert!(has(&mut cache, 10_799, "a"));
    assert!(!has(&mut cache, 10_800, "a"));
}

#[test]
fn a_denial_does_not_hide_records_that_are_known() {
    let denied = Denied {
        about: About::AllTypes,
        record_type: RecordType::AAAA,
        ttl_s: 60,
    };
    for records_first in [true, false] {
        let mut cache = cache(CacheSettings::default());
        if records_first {
            cache.found(Instant::ZERO, &name("a"), &found(60), server());
        }
        cache.denied(Instant::ZERO, &name("a"), denied, server());
        if !records_first {
            cache.found(Instant::ZERO, &name("a"), &found(60), server());
        }
        let got = cache.get(Instant::ZERO, &name("a"), RecordType::A);
        assert_eq!(got, Some((Kept::Found(found(60)), server())));
    }
}

#[test]
fn what_others_hold_is_not_there() {
    let mut cache = cache(CacheSettings::default());
    cache.found(Instant::ZERO, &name("a"), &found(60), server());
    let octets = cache.octets();
    // Room for one of them makes the other one go; no room is no room.
    cache.others_octets = (1 << 20) - octets;
    cache.found(Instant::ZERO, &name("b"), &found(60), server());
    assert_eq!((cache.len(), cache.octets()), (1, octets));
    assert!(has(&mut cache, 1, "b"));
    cache.others_octets += 1;
    cache.found(Instant::ZERO, &name("c"), &found(60), server());
    assert!(!has(&mut cache, 1, "c"));
    assert_eq!((cache.len(), cache.octets()), (1, octets));
}
