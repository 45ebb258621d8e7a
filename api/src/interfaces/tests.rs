use super::*;

#[test]
fn flags_print_as_in_go() {
    assert_eq!(Flags::default().to_string(), "0");
    let all = Flags::UP
        | Flags::BROADCAST
        | Flags::LOOPBACK
        | Flags::POINT_TO_POINT
        | Flags::MULTICAST
        | Flags::RUNNING;
    assert_eq!(
        all.to_string(),
        "up|broadcast|loopback|pointtopoint|multicast|running"
    );
    assert_eq!(all.bits(), 63);
    assert_eq!((Flags::UP | Flags::MULTICAST).to_string(), "up|multicast");
    assert!(all.contains(Flags::UP) && !Flags::UP.contains(all));
}

#[test]
fn a_stack_has_its_loopback_and_its_device() {
    let (net, _other) = Net::memory_pair().unwrap();
    let [lo, device] = &net.interfaces().unwrap()[..] else {
        panic!("two of them");
    };
    assert_eq!((lo.index, &*lo.name), (1, "lo"));
    assert_eq!(lo.flags.to_string(), "up|loopback|running");
    let text =
        |one: &Interface| -> Vec<String> { one.addrs().iter().map(ToString::to_string).collect() };
    assert_eq!(text(lo), ["127.0.0.1/8", "::1/128"]);
    assert_eq!((device.index, &*device.name), (2, "sidestep0"));
    assert_eq!(
        device.flags.to_string(),
        "up|pointtopoint|multicast|running"
    );
    assert_eq!(text(device), ["192.0.2.1/24", "2001:db8::1/64"]);
    let groups: Vec<String> = device
        .multicast_addrs()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        groups,
        ["224.0.0.1", "ff01::1", "ff02::1", "ff02::1:ff00:1"]
    );
    assert_eq!(net.interface_by_index(2).unwrap(), *device);
    assert_eq!(net.interface_by_name("lo").unwrap(), *lo);
    assert_eq!(net.interface_addrs().unwrap().len(), 4);
}

#[test]
fn what_is_no_interface_is_told_in_gos_words() {
    let (net, _other) = Net::memory_pair().unwrap();
    let text = |result: Result<Interface, OpError>| result.unwrap_err().to_string();
    assert_eq!(
        text(net.interface_by_index(9)),
        "route ip+net: no such network interface"
    );
    assert_eq!(
        text(net.interface_by_index(0)),
        "route ip+net: invalid network interface index"
    );
    assert_eq!(
        text(net.interface_by_name("eth9")),
        "route ip+net: no such network interface"
    );
    assert_eq!(
        text(net.interface_by_name("")),
        "route ip+net: invalid network interface name"
    );
}

#[test]
fn the_host_has_a_loopback_too() {
    let host = Net::host();
    let lo = host.interface_by_name("lo").unwrap();
    assert_eq!(lo.index, 1);
    assert!(lo.flags.contains(Flags::LOOPBACK));
    assert!(lo.hardware_addr.is_none());
    assert_eq!(host.interface_by_index(lo.index).unwrap(), lo);
}
