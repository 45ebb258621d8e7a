use alloc::vec::Vec;

use super::*;

#[test]
fn every_entry_can_be_set_by_its_name_within_its_range_only() {
    for limit in Config::LIMITS {
        let mut config = Config::default();
        for value in [limit.least, limit.most] {
            config.set(limit.name, value).unwrap();
            config.check().unwrap();
        }
        let changed: Vec<_> = Config::default()
            .values()
            .into_iter()
            .zip(config.values())
            .filter(|(before, after)| before != after)
            .collect();
        let expected = usize::from(limit.default != limit.most);
        assert_eq!(changed.len(), expected, "{} alone", limit.name);
        let before = config.clone();
        let too_large = config.set(limit.name, limit.most + 1);
        assert!(matches!(too_large, Err(SetRefused::OutOfRange(_))));
        assert_eq!(config, before);
    }
    let nobody = Config::default().set("no_such_entry", 1);
    assert_eq!(nobody, Err(SetRefused::NoSuchEntry));
}

#[test]
fn choices_have_names_that_are_those_of_the_algorithms() {
    use crate::call::CongestionAlgorithm;
    for (at, algorithm) in CongestionAlgorithm::ALL.into_iter().enumerate() {
        let value = Config::value_of("congestion_algorithm", algorithm.name());
        assert_eq!(value, Some(at as u64));
    }
    let limit = Config::LIMITS
        .iter()
        .find(|limit| limit.name == "congestion_algorithm");
    let last = CongestionAlgorithm::ALL.len() as u64 - 1;
    assert_eq!(limit.map(|limit| limit.most), Some(last));
    assert_eq!(Config::value_of("rto_min_ms", "300"), Some(300));
    assert_eq!(Config::value_of("rto_min_ms", "cubic"), None);
}
