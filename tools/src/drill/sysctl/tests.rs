use sidestep_stack::Config;

use super::{Meaning, Rule, SETTINGS, apply};

#[test]
fn a_setting_changes_its_entry() {
    let mut config = Config::default();
    assert_eq!(
        apply("net.ipv4.tcp_retries2", "5", &mut config),
        Meaning::Applied
    );
    assert_eq!(config.r2_retransmissions, 5);
    apply("net.ipv4.tcp_rmem", "4096 87380 6291456", &mut config);
    assert_eq!(config.receive_buffer_octets, 87_380);
    apply("tcp_fin_timeout", "30", &mut config);
    assert_eq!(config.fin_wait_2_ms, 30_000);
}

#[test]
fn a_number_of_retries_is_the_time_that_they_take() {
    let mut config = Config::default();
    apply("net.ipv4.tcp_syn_retries", "2", &mut config);
    // After 1, 2 and 4 seconds: two retransmissions and the wait for the last.
    assert_eq!(config.syn_give_up_ms, 7_000);
}

#[test]
fn what_the_stack_always_does_is_said() {
    let mut config = Config::default();
    assert_eq!(apply("net.ipv4.tcp_sack", "1", &mut config), Meaning::AsIs);
    assert!(matches!(
        apply("net.ipv4.tcp_sack", "0", &mut config),
        Meaning::Cannot(_)
    ));
    assert_eq!(config, Config::default());
}

#[test]
fn nonsense_changes_nothing() {
    let mut config = Config::default();
    assert_eq!(
        apply("net.ipv4.tcp_rmem", "few", &mut config),
        Meaning::BadValue
    );
    assert_eq!(apply("kernel.hostname", "x", &mut config), Meaning::None);
    assert_eq!(config, Config::default());
}

#[test]
fn any_value_leaves_a_configuration_that_is_accepted() {
    for setting in SETTINGS {
        for number in [0, 1, 127, u64::MAX] {
            let mut config = Config::default();
            let value = format!("{number} {number} {number}");
            apply(setting.name, &value, &mut config);
            assert_eq!(config.check(), Ok(()), "{} = {value}", setting.name);
        }
    }
}

#[test]
fn every_entry_of_the_table_exists() {
    for setting in SETTINGS {
        if let Rule::Entry { to, .. } = setting.rule {
            assert!(Config::LIMITS.iter().any(|it| it.name == to), "{to}");
        }
    }
}
