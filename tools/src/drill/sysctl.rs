//! What a setting of the kernel means to our stack: `sysctl -q net.ipv4.tcp_retries2=5` and the like.
//!
//! The runner applies the settings of a script before it builds a stack. The table is the complete
//! list: a name that is not in it changes nothing, and a value that our stack cannot follow is said,
//! because the packets of the script would differ.

use sidestep_stack::Config;

/// What became of a setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// It changed the configuration.
    Applied,
    /// Our stack always does that.
    AsIs,
    /// It has no meaning for a stack of our kind.
    None,
    /// Our stack always does the other thing; the text says what it does.
    Cannot(&'static str),
    /// The value is no value of this setting.
    BadValue,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the kernel, without `net.ipv4.` or `net.ipv6.`.
    pub name: &'static str,
    /// What we do with it.
    pub rule: Rule,
}

/// What we do with a setting.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// It is an entry of [`Config`].
    Entry {
        /// The entry.
        entry: fn(&mut Config) -> &mut u64,
        /// The entry's name, for the book.
        to: &'static str,
        /// Which word of the value counts, from 0.
        word: usize,
        /// How a value of the kernel becomes one of ours.
        unit: Unit,
    },
    /// Our stack always behaves as with this value.
    Fixed {
        /// The values that we behave as.
        values: &'static [&'static str],
        /// What the stack does.
        what: &'static str,
    },
    /// The kernel's way to do it; nothing that a packet shows here.
    NoMeaning,
}

/// How a value of the kernel becomes one of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// The same number.
    Same,
    /// Seconds to milliseconds.
    Seconds,
    /// Microseconds to milliseconds.
    Micros,
    /// So many retransmissions that begin with one second and double, to milliseconds.
    Doublings,
}

macro_rules! entry {
    ($entry:ident, $unit:ident) => {
        entry!($entry, $unit, 0)
    };
    ($entry:ident, $unit:ident, $word:literal) => {
        Rule::Entry {
            entry: |config| &mut config.$entry,
            to: stringify!($entry),
            word: $word,
            unit: Unit::$unit,
        }
    };
}

macro_rules! settings {
    ($($name:literal => $rule:expr;)*) => {
        /// Every setting that we know, by name.
        pub const SETTINGS: &[Setting] = &[$(Setting { name: $name, rule: $rule }),*];
    };
}

const fn fixed(values: &'static [&'static str], what: &'static str) -> Rule {
    Rule::Fixed { values, what }
}

settings! {
    "ip_default_ttl" => entry!(hop_limit, Same);
    "ipfrag_time" => entry!(reassembly_timeout_ms, Seconds);
    "route.min_pmtu" => entry!(path_mtu_v4_octets_min, Same);
    "route.initcwnd" => entry!(initial_window_segments, Same);
    "route.mtu_expires" => entry!(path_mtu_lifetime_ms, Seconds);
    "tcp_fin_timeout" => entry!(fin_wait_2_ms, Seconds);
    "tcp_keepalive_intvl" => entry!(keep_alive_interval_ms, Seconds);
    "tcp_keepalive_probes" => entry!(keep_alive_probes_max, Same);
    "tcp_keepalive_time" => entry!(keep_alive_idle_ms, Seconds);
    "tcp_max_syn_backlog" => entry!(syn_queue_segments_max, Same);
    "tcp_min_snd_mss" => entry!(snd_mss_octets_min, Same);
    "tcp_retries1" => entry!(r1_retransmissions, Same);
    "tcp_retries2" => entry!(r2_retransmissions, Same);
    "tcp_rmem" => entry!(receive_buffer_octets, Same, 1);
    "tcp_rto_min_us" => entry!(rto_min_ms, Micros);
    "tcp_syn_retries" => entry!(syn_give_up_ms, Doublings);
    "tcp_synack_retries" => entry!(syn_ack_give_up_ms, Doublings);
    "tcp_wmem" => entry!(send_buffer_octets, Same, 1);
    "core.somaxconn" => entry!(backlog_segments_max, Same);
    "tcp_abort_on_overflow" => fixed(&["0"], "a full backlog drops what does not fit");
    "tcp_congestion_control" => entry!(congestion_algorithm, Same);
    "tcp_dsack" => fixed(&["1"], "duplicate SACKs are always sent");
    "tcp_ecn" => entry!(ecn, Same);
    "tcp_early_retrans" => fixed(&["0", "3", "4"], "tail loss probes are sent where SACK is agreed");
    "tcp_fack" => fixed(&["0"], "there is no forward acknowledgment");
    "tcp_fastopen" => Rule::NoMeaning;
    "tcp_frto" => fixed(&["0", "1", "2"], "F-RTO always runs");
    "tcp_recovery" => fixed(&["0", "1"], "RACK runs where SACK is agreed, three duplicates count elsewhere");
    "tcp_retrans_collapse" => fixed(&["0"], "retransmissions are cut as the text was");
    "tcp_rfc1337" => fixed(&["1"], "a RST in TIME-WAIT is ignored");
    "tcp_sack" => fixed(&["1"], "SACK is always offered");
    "tcp_slow_start_after_idle" => fixed(&["1"], "the congestion window restarts after idleness");
    "tcp_thin_linear_timeouts" => fixed(&["0"], "timeouts always back off");
    "tcp_timestamps" => fixed(&["0", "1", "2"], "timestamps are offered, and agreed to where the peer offers them");
    "tcp_window_scaling" => fixed(&["1"], "window scaling is always offered");
    "icmp_echo_ignore_all" => fixed(&["0"], "echo requests are answered");
    "ip_no_pmtu_disc" => fixed(&["0"], "the path MTU is always discovered");
    "tcp_mtu_probing" => entry!(mtu_probing, Same);
    "tcp_syncookies" => entry!(syn_cookies_mode, Same);
    "core.default_qdisc" => Rule::NoMeaning;
    "core.optmem_max" => Rule::NoMeaning;
    "core.rmem_default" => Rule::NoMeaning;
    "core.rmem_max" => Rule::NoMeaning;
    "core.wmem_default" => Rule::NoMeaning;
    "core.wmem_max" => Rule::NoMeaning;
    "ip_local_port_range" => Rule::NoMeaning;
    "tcp_adv_win_scale" => Rule::NoMeaning;
    "tcp_app_win" => Rule::NoMeaning;
    "tcp_autocorking" => Rule::NoMeaning;
    "tcp_comp_sack_nr" => Rule::NoMeaning;
    "tcp_fastopen_blackhole_timeout_sec" => Rule::NoMeaning;
    "tcp_fastopen_key" => Rule::NoMeaning;
    "tcp_invalid_ratelimit" => Rule::NoMeaning;
    "tcp_limit_output_bytes" => Rule::NoMeaning;
    "tcp_max_reordering" => Rule::NoMeaning;
    "tcp_mem" => Rule::NoMeaning;
    "tcp_metrics_save" => Rule::NoMeaning;
    "tcp_min_tso_segs" => Rule::NoMeaning;
    "tcp_moderate_rcvbuf" => Rule::NoMeaning;
    "tcp_no_metrics_save" => Rule::NoMeaning;
    "tcp_no_ssthresh_metrics_save" => Rule::NoMeaning;
    "tcp_notsent_lowat" => Rule::NoMeaning;
    "tcp_pacing_ca_ratio" => Rule::NoMeaning;
    "tcp_pacing_ss_ratio" => Rule::NoMeaning;
    "tcp_reordering" => Rule::NoMeaning;
    "tcp_stdurg" => Rule::NoMeaning;
    "tcp_tso_win_divisor" => Rule::NoMeaning;
    "tcp_tw_reuse" => Rule::NoMeaning;
    "tcp_workaround_signed_windows" => Rule::NoMeaning;
}

/// The setting of this name, with `net.ipv4.`, `net.ipv6.` or `net.` before it or not.
pub fn setting(name: &str) -> Option<&'static Setting> {
    let short = ["net.ipv4.", "net.ipv6.", "net."]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    SETTINGS.iter().find(|it| it.name == short)
}

/// Changes `config` as the setting says.
pub fn apply(name: &str, value: &str, config: &mut Config) -> Meaning {
    let Some(setting) = setting(name) else {
        return Meaning::None;
    };
    match setting.rule {
        Rule::NoMeaning => Meaning::None,
        Rule::Fixed { values, .. } if values.contains(&value.trim()) => Meaning::AsIs,
        Rule::Fixed { what, .. } => Meaning::Cannot(what),
        Rule::Entry {
            entry, word, unit, ..
        } => {
            let name = setting.rule.entry_name().unwrap_or_default();
            let word = value.split_whitespace().nth(word);
            let Some(number) = word.and_then(|it| Config::value_of(name, it)) else {
                return Meaning::BadValue;
            };
            // The kernel takes values that our ranges do not have; the nearest one stands for them.
            let limit = Config::LIMITS
                .iter()
                .find(|it| Some(it.name) == setting.rule.entry_name());
            let value = in_our_unit(number, unit);
            *entry(config) = limit.map_or(value, |it| value.clamp(it.least, it.most));
            Meaning::Applied
        }
    }
}

/// What a setting means to a stack that is there already: its configuration stands.
pub fn later(name: &str, value: &str) -> Meaning {
    match apply(name, value, &mut Config::default()) {
        Meaning::Applied => Meaning::Cannot("the settings of a stack stand from its beginning on"),
        meaning => meaning,
    }
}

impl Rule {
    /// The entry of [`Config`] that it sets.
    pub const fn entry_name(self) -> Option<&'static str> {
        match self {
            Self::Entry { to, .. } => Some(to),
            Self::Fixed { .. } | Self::NoMeaning => None,
        }
    }
}

fn in_our_unit(number: u64, unit: Unit) -> u64 {
    match unit {
        Unit::Same => number,
        Unit::Seconds => number.saturating_mul(1_000),
        Unit::Micros => number / 1_000,
        Unit::Doublings => {
            let lapses = u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
            let seconds = 1_u64.checked_shl(lapses).unwrap_or(u64::MAX);
            seconds.saturating_sub(1).saturating_mul(1_000)
        }
    }
}

#[cfg(test)]
mod tests;
