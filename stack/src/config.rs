//! Every limit and default in one place: its unit, its range, and whose rule it is.
//!
//! Everybody reads it, nobody changes it while the stack runs. `Config::LIMITS` lists every entry;
//! the book's page of limits is generated from it.

use alloc::vec::Vec;

use thiserror::Error;

use crate::base::Duration;

/// One line of the table of limits.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The field's name, with its unit as the last word.
    pub name: &'static str,
    /// What it bounds.
    pub meaning: &'static str,
    /// The default.
    pub default: u64,
    /// The least value that is taken.
    pub least: u64,
    /// The largest value that is taken.
    pub most: u64,
    /// Where the rule or the default comes from.
    pub source: &'static str,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{name} is {value}, but must be from {least} to {most}")]
pub struct ConfigRefused {
    /// Which entry.
    pub name: &'static str,
    /// What it was set to.
    pub value: u64,
    /// The least value that is taken.
    pub least: u64,
    /// The largest value that is taken.
    pub most: u64,
}

/// Why an entry cannot be set by its name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SetRefused {
    /// Caller: there is no entry of that name.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// Caller: the value is out of the entry's range.
    #[error(transparent)]
    OutOfRange(#[from] ConfigRefused),
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident = $default:literal, $least:literal ..= $most:literal, $source:literal;)*) => {
        /// The limits and defaults of one stack. Times are in the unit that ends the name.
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct Config {
            $($(#[doc = $doc])* #[doc = concat!("\n\nDefault ", stringify!($default), ", from ", stringify!($least), " to ", stringify!($most), ". ", $source, ".")] pub $name: u64,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Config {
            /// Every entry with its meaning, default, range and source.
            pub const LIMITS: &'static [Limit] = &[$(Limit {
                name: stringify!($name),
                meaning: concat!($($doc,)*),
                default: $default,
                least: $least,
                most: $most,
                source: $source,
            },)*];

            /// The values of all entries, in the order of [`Config::LIMITS`].
            pub fn values(&self) -> Vec<u64> {
                alloc::vec![$(self.$name,)*]
            }

            /// Sets the entry called `name`.
            ///
            /// # Errors
            ///
            /// There is no such entry, or `value` is out of its range; nothing has changed.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), SetRefused> {
                let limit = Self::LIMITS.iter().find(|limit| limit.name == name);
                let limit = limit.ok_or(SetRefused::NoSuchEntry)?;
                if value < limit.least || value > limit.most {
                    return Err(SetRefused::OutOfRange(ConfigRefused {
                        name: limit.name,
                        value,
                        least: limit.least,
                        most: limit.most,
                    }));
                }
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => return Err(SetRefused::NoSuchEntry),
                }
                Ok(())
            }
        }
    };
}

limits! {
    // The whole stack
    /// Octets that all queues of the stack may hold together.
    memory_octets_max = 268_435_456, 1_048_576..=1_099_511_627_776, "design §6";
    /// Octets of the largest packet that the device takes.
    mtu_octets = 1_500, 68..=65_535, "RFC 791 §3.2; IPv6 needs 1,280 (RFC 8200 §5)";
    /// Hop limit of packets that say nothing else.
    hop_limit = 64, 1..=255, "RFC 1700";
    /// Addresses of our own.
    addresses_max = 64, 2..=4_096, "design §6";
    /// Routes.
    routes_max = 256, 2..=65_536, "design §6";
    /// Packets to ourselves that wait at one time.
    loopback_packets_max = 1_024, 1..=65_536, "design §6";
    /// Octets of answers and datagrams that wait to be pulled.
    outbox_octets_max = 16_777_216, 65_536..=1_073_741_824, "design §6";
    /// Answers and datagrams that wait to be pulled.
    outbox_datagrams_max = 65_536, 64..=1_048_576, "design §6";
    /// Observations kept for a listener; 0: nobody listens.
    observations_max = 0, 0..=16_777_216, "design §7";

    // IP
    /// Octets of fragments that wait for their datagram.
    reassembly_octets_max = 4_194_304, 65_536..=1_073_741_824, "BAD-05";
    /// Datagrams that wait for fragments.
    reassembly_datagrams_max = 1_024, 1..=65_536, "BAD-05";
    /// Fragments of one datagram.
    reassembly_fragments_max = 128, 2..=8_192, "design §6";
    /// How long a datagram waits for its fragments.
    reassembly_timeout_ms = 60_000, 15_000..=120_000, "RFC 1122 §3.3.2, RFC 8200 §4.5";
    /// Extension headers of one IPv6 packet.
    extension_headers_max = 8, 1..=64, "RFC 8504 §5.3";
    /// Destinations whose path MTU is remembered.
    path_mtu_entries_max = 1_024, 1..=65_536, "RFC 8201 §5.3";
    /// The least path MTU that ICMPv4 can bring about.
    path_mtu_v4_octets_min = 552, 68..=1_500, "RFC 1191 §3 (68); the floor of deployed hosts is 552";
    /// Whether paths are searched for what they take: 0 never, 1 once full segments seem to vanish, 2
    /// from the start.
    mtu_probing = 1, 0..=2, "RFC 4821 §7; Linux: tcp_mtu_probing";
    /// How long a lowered path MTU is believed.
    path_mtu_lifetime_ms = 600_000, 300_000..=86_400_000, "RFC 1191 §6.3, RFC 8201 §4";

    // ICMP
    /// ICMP errors to one destination in a second.
    icmp_errors_per_second = 10, 0..=10_000, "RFC 4443 §2.4(f)";
    /// ICMP errors to one destination in a burst.
    icmp_errors_burst = 10, 1..=10_000, "RFC 4443 §2.4(f)";
    /// ICMP errors to all destinations in a second.
    icmp_errors_total_per_second = 1_000, 0..=1_000_000, "RFC 1812 §4.3.2.8";
    /// Destinations whose ICMP errors are counted apart.
    icmp_limiter_entries_max = 1_024, 1..=65_536, "design §6";

    // UDP and raw sockets
    /// UDP and raw sockets.
    sockets_max = 65_536, 1..=1_048_576, "design §6";
    /// Raw sockets.
    raw_sockets_max = 64, 1..=4_096, "design §6";
    /// Datagrams that wait at one socket.
    socket_datagrams_max = 1_024, 1..=65_536, "BAD-72";
    /// Groups that the sockets of the host belong to together, each counted once.
    groups_max = 256, 1..=4_096, "design §6";
    /// Groups of one socket.
    socket_groups_max = 20, 1..=4_096, "Linux: igmp_max_memberships";
    /// Memberships of all sockets; also the most sockets that get one packet to many.
    memberships_max = 1_024, 1..=65_536, "design §6";
    /// Octets that wait at one socket.
    socket_octets_max = 1_048_576, 65_536..=1_073_741_824, "BAD-72";

    // TCP
    /// Connections in any state, TIME-WAIT included.
    connections_max = 1_048_576, 1..=16_777_216, "design §6";
    /// Listeners.
    listeners_max = 65_536, 1..=1_048_576, "design §6";
    /// Connections that wait to be accepted.
    backlog_segments_max = 4_096, 1..=65_536, "Linux somaxconn";
    /// Half-open connections of one listener.
    syn_queue_segments_max = 4_096, 1..=65_536, "RFC 4987 §3";
    /// Half-open connections of one listener that one source may have: an address of IPv4, a /64 of
    /// IPv6. The SYNs beyond are treated as if the queue were full.
    syn_queue_source_segments_max = 1_024, 1..=65_536, "RFC 4987 §3.3";
    /// SYN cookies: 0 never, 1 when the SYN queue is full, 2 always.
    syn_cookies_mode = 1, 0..=2, "RFC 4987 §3.6";
    /// How long a SYN cookie is good for, at least; at most twice as long.
    syn_cookie_period_ms = 64_000, 1_000..=600_000, "RFC 4987 §3.6";
    /// ACKs without a cookie from one source (and those that share its bucket) in a second; more are
    /// not looked at.
    syn_cookie_failures_per_second = 256, 1..=65_535, "RFC 4987 §3.6";
    /// SYNs of one listener that the application was asked about and has not decided.
    syn_decisions_max = 1_024, 1..=65_536, "design §6";
    /// How long a SYN waits for the application's decision.
    syn_decision_ms = 3_000, 1..=86_400_000, "design §6; RFC 6298 §2.1 has the peer ask again";
    /// Fast Opens of one listener whose handshake is not over, at most; a listener may ask for less.
    fast_open_pending_max = 1_024, 0..=65_536, "RFC 7413 §4.2";
    /// How long a key for Fast Open cookies is used; the one before is good as long again.
    fast_open_key_ms = 3_600_000, 1_000..=2_678_400_000, "RFC 7413 §4.1.2";
    /// How long a Fast Open whose peer sent a RST counts as pending.
    fast_open_reset_ms = 60_000, 0..=600_000, "RFC 7413 §5.1";
    /// Hosts whose Fast Open cookies are remembered.
    fast_open_cookies_max = 1_024, 1..=65_536, "RFC 7413 §4.1.3";
    /// How long no Fast Open is tried with a host that gave no cookie, or on whose path SYNs with
    /// text are lost; twice as long with each further failure.
    fast_open_pause_ms = 60_000, 1_000..=86_400_000, "RFC 7413 §4.1.3.1";
    /// Received octets that wait for the application, to begin with.
    receive_buffer_octets = 524_288, 4_096..=1_073_725_440, "performance: what a TUN queue holds";
    /// Received octets that wait for the application, once the buffer grew with what it takes; not
    /// above `receive_buffer_octets`: it never grows.
    receive_buffer_octets_max = 16_777_216, 4_096..=1_073_725_440, "RFC 7323 §2; 1 Gbit/s × 100 ms";
    /// Octets that wait to be sent or acknowledged, to begin with.
    send_buffer_octets = 262_144, 4_096..=1_073_725_440, "performance";
    /// Octets that wait to be sent or acknowledged, once the buffer grew with cwnd; not above
    /// `send_buffer_octets`: it never grows.
    send_buffer_octets_max = 33_554_432, 4_096..=1_073_725_440, "twice 1 Gbit/s × 100 ms";
    /// Ranges of out-of-order text in one connection: as many as segments that a slow start loses at its
    /// end, one by one, on a path of 100 Mbit/s and 300 ms.
    reassembly_ranges_max = 8_192, 4..=65_536, "BAD-53; 100 Mbit/s × 300 ms";
    /// Ranges of the SACK scoreboard of one connection: as many.
    scoreboard_ranges_max = 8_192, 8..=65_536, "BAD-52; 100 Mbit/s × 300 ms";
    /// The most text in one superpacket; 0: one segment.
    super_segment_octets = 65_000, 0..=65_000, "design §5.1";
    /// The first retransmission timeout.
    rto_initial_ms = 1_000, 100..=60_000, "RFC 6298 §2.1";
    /// The least retransmission timeout.
    rto_min_ms = 200, 1..=60_000, "RFC 6298 §2.4 says 1,000; deployed hosts use 200";
    /// The largest retransmission timeout.
    rto_max_ms = 60_000, 60_000..=600_000, "RFC 6298 §2.5";
    /// R1: after so many retransmissions the application is told of trouble.
    r1_retransmissions = 3, 3..=100, "RFC 9293 §3.8.3, SHLD-10";
    /// R2: after so many retransmissions of text the connection fails.
    r2_retransmissions = 15, 3..=255, "RFC 9293 §3.8.3, SHLD-11";
    /// R2 for a SYN: how long an opening is tried.
    syn_give_up_ms = 180_000, 1_000..=86_400_000, "RFC 9293 §3.8.3, MUST-23";
    /// How often a SYN is sent again, at most.
    syn_retransmissions_max = 255, 1..=255, "RFC 9293 §3.8.3, MUST-23; the time counts";
    /// How often a SYN-ACK is sent again, at most.
    syn_ack_retransmissions_max = 255, 0..=255, "RFC 9293 §3.8.3; the time counts";
    /// How long a SYN-ACK is tried.
    syn_ack_give_up_ms = 63_000, 1_000..=86_400_000, "RFC 9293 §3.8.3; five retransmissions";
    /// The least user timeout that a peer can bring about (L_LIMIT).
    user_timeout_min_ms = 100_000, 100_000..=86_400_000, "RFC 5482 §3.1, §5";
    /// The largest user timeout that a peer can bring about (U_LIMIT).
    user_timeout_max_ms = 3_600_000, 100_000..=2_678_400_000, "RFC 5482 §3.1";
    /// Segments that are acknowledged at once when a connection begins or was idle; 0: none.
    quick_ack_segments = 0, 0..=64, "RFC 9293 §3.8.6.3; Linux begins with 16";
    /// How long the peer may hold back the ACK of a single segment before we probe for it.
    tail_probe_ack_delay_ms = 200, 0..=500, "RFC 8985 §7.2, TLP.max_ack_delay";
    /// How long an ACK may wait.
    delayed_ack_ms = 40, 1..=499, "RFC 9293 §3.8.6.3, MUST-40";
    /// How long TIME-WAIT lasts: twice the maximum segment lifetime.
    time_wait_ms = 60_000, 0..=240_000, "RFC 9293 §3.6.1 says 240,000; deployed hosts use 60,000";
    /// How long FIN-WAIT-2 lasts once the application is gone.
    fin_wait_2_ms = 60_000, 1_000..=600_000, "BAD-62";
    /// The first zero-window probe at the latest; later ones back off.
    persist_max_ms = 60_000, 1_000..=600_000, "RFC 9293 §3.8.6.1";
    /// Silly-window override: how long a segment below the usual size may wait.
    sws_override_ms = 200, 100..=1_000, "RFC 9293 §3.8.6.2.1";
    /// Silence before the first keep-alive probe, where keep-alive is on.
    keep_alive_idle_ms = 7_200_000, 1_000..=2_678_400_000, "RFC 9293 §3.8.4, MUST-28";
    /// Time between keep-alive probes.
    keep_alive_interval_ms = 75_000, 1_000..=86_400_000, "RFC 9293 §3.8.4";
    /// Unanswered keep-alive probes that end a connection.
    keep_alive_probes_max = 9, 2..=255, "RFC 9293 §3.8.4, MUST-29";
    /// Challenge ACKs of one connection in a second.
    challenge_acks_per_second = 2, 1..=1_000, "RFC 5961 §7, BAD-46";
    /// Segments in the initial window.
    initial_window_segments = 10, 1..=64, "RFC 6928 §2";
    /// Congestion control of connections that choose none: 0 is Reno, 1 CUBIC, 2 BBR.
    congestion_algorithm = 1, 0..=2, "RFC 5681, RFC 9438, draft-ietf-ccwg-bbr";
    /// Whether Reno and CUBIC are paced too: 1 spreads cwnd over the round trip. BBR always is.
    pacing = 0, 0..=1, "RFC 9293 §3.8 leaves it open; Linux paces BBR only by default";
    /// L: segments that one ACK adds in slow start at most. An ACK may answer a batch of 64 KiB, and
    /// all of it has left the network.
    slow_start_segments_max = 64, 1..=65_535, "RFC 3465 §2.1 says 2, RFC 9406 §4.2 8; Linux counts all";
    /// Explicit congestion notification: 0 is off, 1 asks for it and answers, 2 answers only.
    ecn = 2, 0..=2, "RFC 3168 §6.1.1; Linux tcp_ecn";
    /// What a congestion mark leaves of cwnd, in percent, where that is more than after a loss.
    ecn_backoff_percent = 0, 0..=99, "RFC 3168 §6.1.2; RFC 8511 §3 says 80 to 85";
    /// How long a part of cwnd may be out of use before it is given up.
    cwnd_validation_ms = 300_000, 1_000..=3_600_000, "RFC 7661 §4.4.1";
    /// The least SND.MSS that a peer can bring about.
    snd_mss_octets_min = 64, 1..=536, "BAD-52";

    // Names
    /// Look-ups that go on at one time.
    lookups_max = 1_024, 1..=65_536, "design §6";
    /// How long one try of a server waits.
    dns_timeout_ms = 5_000, 100..=60_000, "resolv.conf timeout";
    /// How often all servers are tried.
    dns_attempts = 2, 1..=10, "resolv.conf attempts";
    /// CNAMEs followed for one name.
    dns_cname_max = 10, 1..=64, "RFC 1035 §4.3.1, BAD-37";
    /// Servers that are asked.
    dns_servers_max = 3, 1..=16, "resolv.conf nameserver";
    /// Domains of the search list that are tried.
    dns_search_max = 16, 1..=256, "design §6; resolv.conf once had six";
    /// Octets of the text of a hosts file.
    dns_hosts_octets_max = 4_194_304, 0..=268_435_456, "design §6";
    /// Records of one reply.
    dns_records_max = 1_024, 16..=6_000, "BAD-34, BAD-37";
    /// Octets of a UDP reply that we offer to take.
    dns_edns_octets = 1_232, 512..=4_096, "RFC 6891 §6.2.3";
    /// Replies with a wrong id before a query moves to TCP.
    dns_forged_replies_max = 10, 1..=1_000, "RFC 5452 §9.3, BAD-35";
    /// Resolvers with settings of their own, besides the stack's.
    dns_resolvers_max = 64, 0..=65_536, "design §6";
    /// Queries that wait for replies on one connection to a server.
    dns_stream_queries_max = 64, 1..=4_096, "RFC 7766 §6.2.1.1";
    /// How long a connection to a server stays open without a query.
    dns_stream_idle_ms = 2_000, 0..=120_000, "RFC 7766 §6.2.3";
    /// The most answers that a cache of names may be set to.
    dns_cache_entries_max = 65_536, 0..=16_777_216, "design §6";
    /// The most octets that all caches of names may hold together.
    dns_cache_octets_max = 16_777_216, 0..=1_073_741_824, "design §6";
}

impl Config {
    /// Defaults that follow the RFCs to the letter where [`Config::default`] follows practice.
    pub fn strict() -> Self {
        Self {
            rto_min_ms: 1_000,
            time_wait_ms: 240_000,
            congestion_algorithm: 0,
            slow_start_segments_max: 2,
            ..Self::default()
        }
    }

    /// Receive buffers of `octets` that neither grow nor shrink.
    pub const fn fix_receive_buffer(&mut self, octets: u64) {
        self.receive_buffer_octets = octets;
        self.receive_buffer_octets_max = octets;
    }

    /// The value that `text` stands for in the entry called `name`: a number, or the name of an
    /// algorithm or of a choice.
    pub fn value_of(name: &str, text: &str) -> Option<u64> {
        let words: &[&str] = match name {
            "congestion_algorithm" => &["reno", "cubic", "bbr"],
            "ecn" => &["off", "on", "passive"],
            _ => &[],
        };
        let by_word = words.iter().position(|word| *word == text);
        by_word.map(|at| at as u64).or_else(|| text.parse().ok())
    }

    /// Checks every entry against its range.
    pub fn check(&self) -> Result<(), ConfigRefused> {
        for (limit, value) in Self::LIMITS.iter().zip(self.values()) {
            if value < limit.least || value > limit.most {
                return Err(ConfigRefused {
                    name: limit.name,
                    value,
                    least: limit.least,
                    most: limit.most,
                });
            }
        }
        Ok(())
    }
}

/// A limit that is a time.
pub const fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[cfg(test)]
mod tests;
