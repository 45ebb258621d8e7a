//! What an application may set about a UDP or a raw socket.
//!
//! `udp` and `raw` keep one for each socket; both begin with what [`Config`] says. Nothing here knows
//! a header.

use core::net::IpAddr;

use crate::call::{GroupLoop, SocketOptions};
use crate::config::Config;
use crate::wire::protocol::TrafficClass;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Hop limit of what goes to one host.
    pub hop_limit: u8,
    /// Hop limit of what goes to a group.
    pub group_hop_limit: u8,
    /// Whether members on this host hear what goes to a group.
    pub group_loop: GroupLoop,
    /// DSCP and ECN of what is sent.
    pub traffic_class: TrafficClass,
    /// The most octets that wait for the application.
    pub receive_buffer_octets: usize,
}

/// Datagrams to a group stay on the link unless the application says otherwise (RFC 1112 §6.1).
const GROUP_HOP_LIMIT: u8 = 1;

impl Settings {
    /// What a new socket begins with.
    pub fn new(config: &Config) -> Self {
        Self {
            hop_limit: config.hop_limit as u8,
            group_hop_limit: GROUP_HOP_LIMIT,
            group_loop: GroupLoop::Heard,
            traffic_class: TrafficClass::default(),
            receive_buffer_octets: config.socket_octets_max as usize,
        }
    }

    /// Takes what `options` says and keeps the rest. A buffer is never larger than `Config` allows.
    pub fn set(&mut self, config: &Config, options: &SocketOptions) {
        let most = config.socket_octets_max as usize;
        self.hop_limit = options.hop_limit.unwrap_or(self.hop_limit);
        self.group_hop_limit = options.group_hop_limit.unwrap_or(self.group_hop_limit);
        self.group_loop = options.group_loop.unwrap_or(self.group_loop);
        self.traffic_class = options.traffic_class.unwrap_or(self.traffic_class);
        self.receive_buffer_octets = options
            .receive_buffer_octets
            .map_or(self.receive_buffer_octets, |octets| octets.min(most));
    }

    /// The hop limit of what goes to `destination`.
    pub fn hop_limit_to(&self, destination: IpAddr) -> u8 {
        if destination.is_multicast() {
            self.group_hop_limit
        } else {
            self.hop_limit
        }
    }
}
