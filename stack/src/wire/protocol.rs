//! Small values that IPv4 and IPv6 share: protocol numbers, traffic class, ECN.
//!
//! Used by `ip` and by every transport. They carry no behaviour beyond reading their own bits.

/// The number in IPv4's protocol and IPv6's next-header field.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Protocol(pub u8);

impl Protocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP_V4: Self = Self(1);
    /// IGMP, all versions (RFC 3376).
    pub const IGMP: Self = Self(2);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// IPv6 routing header (RFC 8200 §4.4).
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200 §4.5).
    pub const FRAGMENT: Self = Self(44);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMP_V6: Self = Self(58);
    /// IPv6: nothing follows (RFC 8200 §4.7).
    pub const NO_NEXT_HEADER: Self = Self(59);
    /// IPv6 destination options (RFC 8200 §4.6).
    pub const DESTINATION_OPTIONS: Self = Self(60);
}

/// Explicit congestion notification (RFC 3168 §5): the low two bits of the traffic class.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Ecn {
    /// The transport does not take part.
    #[default]
    NotCapable,
    /// ECT(0).
    Capable0,
    /// ECT(1).
    Capable1,
    /// CE: a router on the way was congested.
    CongestionExperienced,
}

/// IPv4's type of service and IPv6's traffic class: six bits of DSCP (RFC 2474), two of ECN.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TrafficClass(pub u8);

impl TrafficClass {
    /// The octet with `dscp` (its low six bits) and `ecn`.
    pub const fn new(dscp: u8, ecn: Ecn) -> Self {
        let ecn = match ecn {
            Ecn::NotCapable => 0,
            Ecn::Capable1 => 1,
            Ecn::Capable0 => 2,
            Ecn::CongestionExperienced => 3,
        };
        Self((dscp << 2) | ecn)
    }

    /// The differentiated services code point.
    pub const fn dscp(self) -> u8 {
        self.0 >> 2
    }

    /// The explicit congestion notification field.
    pub const fn ecn(self) -> Ecn {
        match self.0 & 3 {
            0 => Ecn::NotCapable,
            1 => Ecn::Capable1,
            2 => Ecn::Capable0,
            _ => Ecn::CongestionExperienced,
        }
    }
}
