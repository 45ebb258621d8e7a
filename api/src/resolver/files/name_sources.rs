//! `/etc/nsswitch.conf`: whether the hosts file or the servers are asked first (nsswitch.conf(5), as
//! Go's `net` reads it).
//!
//! `files.rs` reads the text again when the file has changed. There are two sources here, files and
//! servers; a line that speaks of others, or of conditions, gets the order that nearly everybody
//! has: files, then servers.

/// Who knows names, in order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Order {
    /// The hosts file, then the servers: the order without a file.
    #[default]
    FilesDns,
    /// The servers, then the hosts file.
    DnsFiles,
    /// Only the hosts file.
    Files,
    /// Only the servers.
    Dns,
}

impl Order {
    /// Reads the line `hosts:` of the file.
    pub(crate) fn parse(text: &str) -> Self {
        let hosts = text.lines().find_map(|line| {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let (database, sources) = line.split_once(':')?;
            (database.trim() == "hosts").then_some(sources)
        });
        hosts.and_then(Self::of_sources).unwrap_or_default()
    }

    /// `None` if there is a source or a condition that is not known here.
    fn of_sources(sources: &str) -> Option<Self> {
        let mut known = Vec::new();
        let mut rest = sources.trim_start();
        while !rest.is_empty() {
            let end = rest.find([' ', '\t', '[']).unwrap_or(rest.len());
            let (source, after) = rest.split_at(end);
            rest = after.trim_start();
            let mut conditions = "";
            if let Some(block) = rest.strip_prefix('[') {
                let (inside, after) = block.split_once(']')?;
                conditions = inside;
                rest = after.trim_start();
            }
            match source {
                "files" | "dns" if are_usual(conditions) => known.push(source),
                // These answer for names that end here anyway: our own, and those of multicast DNS.
                "myhostname" => {}
                mdns if mdns.starts_with("mdns") => {}
                _ => return None,
            }
        }
        let has = |source| known.contains(&source);
        match (known.first()?, has("files") && has("dns")) {
            (&"files", true) => Some(Self::FilesDns),
            (_, true) => Some(Self::DnsFiles),
            (&"files", false) => Some(Self::Files),
            (_, false) => Some(Self::Dns),
        }
    }

    /// True if the servers may be asked.
    pub(crate) const fn asks_servers(self) -> bool {
        match self {
            Self::FilesDns | Self::DnsFiles | Self::Dns => true,
            Self::Files => false,
        }
    }

    /// True if the hosts file is asked before the servers.
    pub(crate) const fn files_first(self) -> bool {
        match self {
            Self::FilesDns | Self::Files => true,
            Self::DnsFiles | Self::Dns => false,
        }
    }
}

/// True if the conditions say what holds without them: a name that is found ends the search, and
/// after all else the next source is asked. The last one may always end it.
fn are_usual(conditions: &str) -> bool {
    let mut words = conditions.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some((status, action)) = word.split_once('=') else {
            return false;
        };
        let usual = match status.to_ascii_lowercase().as_str() {
            "success" => "return",
            "notfound" | "unavail" | "tryagain" => "continue",
            _ => return false,
        };
        let ends_last = words.peek().is_none() && action.eq_ignore_ascii_case("return");
        if !ends_last && !action.eq_ignore_ascii_case(usual) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
