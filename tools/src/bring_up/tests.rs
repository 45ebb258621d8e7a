//! Stacks on cables, and advice to people without rights.

use super::*;

#[test]
fn both_ends_of_a_cable_have_the_addresses_of_the_plan() {
    let (ours, theirs) = Plan::default().on_cable().unwrap();
    for (net, address) in [
        (&ours, "192.0.2.2:0"),
        (&ours, "[2001:db8::2]:0"),
        (&theirs, "192.0.2.1:0"),
        (&theirs, "[2001:db8::1]:0"),
    ] {
        assert!(net.listen("tcp", address).is_ok(), "{address}");
    }
    assert!(ours.listen("tcp", "192.0.2.1:0").is_err());
}

#[test]
fn a_name_that_is_none_is_refused_before_the_kernel_is_asked() {
    let plan = Plan {
        tun: "no/name".to_owned(),
        ..Plan::default()
    };
    assert!(matches!(
        plan.on_tun(),
        Err(NotUp::Tun(TunError::NameInvalid(_)))
    ));
}

#[test]
fn a_typed_seed_fills_the_whole_seed() {
    assert_ne!(long_seed(1), long_seed(2));
    assert_eq!(long_seed(0x0102)[..2], [2, 1]);
    assert_eq!(long_seed(7)[..8], long_seed(7)[24..]);
}
