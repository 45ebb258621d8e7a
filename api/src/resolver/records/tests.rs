//! The order of mail exchanges and services.

use std::collections::BTreeMap;

use super::*;

/// Counts up in steps that visit all values evenly: no randomness in tests.
struct Steps(u64);

impl rand::TryRng for Steps {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        // The golden ratio spreads evenly over the circle (Weyl); mixed as in SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in octets.chunks_mut(8) {
            let number = self.try_next_u64()?.to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(number) {
                *to = from;
            }
        }
        Ok(())
    }
}

fn service(target: &str, priority: u16, weight: u16) -> SRV {
    SRV {
        target: target.into(),
        port: 80,
        priority,
        weight,
    }
}

#[test]
fn mail_goes_to_the_lowest_preference_and_within_one_to_anybody() {
    let mut first = BTreeMap::<String, u32>::new();
    let mut random = Steps(1);
    for _ in 0..1_000 {
        let mut exchanges = [("a", 10), ("b", 10), ("c", 5), ("d", 20)].map(|(host, pref)| MX {
            host: host.into(),
            pref,
        });
        sort_exchanges(&mut exchanges, &mut random);
        assert_eq!(exchanges.each_ref().map(|mx| mx.pref), [5, 10, 10, 20]);
        *first.entry(exchanges[1].host.clone()).or_default() += 1;
    }
    assert!(first["a"] > 400 && first["b"] > 400, "{first:?}");
}

#[test]
fn rfc2782_services_are_drawn_by_weight_within_a_priority() {
    let mut first = BTreeMap::<String, u32>::new();
    let mut random = Steps(2);
    for _ in 0..10_000 {
        let mut services = vec![
            service("later", 2, 100),
            service("heavy", 1, 75),
            service("light", 1, 25),
            service("none", 1, 0),
        ];
        sort_services(&mut services, &mut random);
        let priorities: Vec<u16> = services.iter().map(|srv| srv.priority).collect();
        assert_eq!(priorities, [1, 1, 1, 2]);
        *first.entry(services[0].target.clone()).or_default() += 1;
    }
    assert!((7_200..7_800).contains(&first["heavy"]), "{first:?}");
    assert!((2_200..2_800).contains(&first["light"]), "{first:?}");
    assert_eq!(
        first.get("none"),
        None,
        "as in Go, weight 0 is last if others have some"
    );
}

#[test]
fn services_without_weights_all_stay() {
    let mut services = vec![service("b", 1, 0), service("a", 1, 0)];
    sort_services(&mut services, &mut Steps(3));
    assert_eq!(services.len(), 2);
    sort_services(&mut [], &mut Steps(3));
}
