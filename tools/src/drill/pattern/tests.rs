use super::{octet, octets};
use crate::drill::ast::Direction;

#[test]
fn any_part_is_the_same_as_in_the_whole() {
    let whole = octets(Direction::Inbound, 0, 100);
    assert_eq!(octets(Direction::Inbound, 13, 50), whole.slice(13..63));
    assert_eq!(octet(Direction::Inbound, 99), whole[99]);
}

#[test]
fn directions_and_places_differ() {
    let inbound = octets(Direction::Inbound, 0, 64);
    assert_ne!(octets(Direction::Outbound, 0, 64), inbound);
    for shift in 1..64 {
        assert_ne!(octets(Direction::Inbound, shift, 64), inbound);
    }
}
