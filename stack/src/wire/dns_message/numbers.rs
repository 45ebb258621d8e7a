//! The numbers that DNS messages carry (RFC 1035 §3.2, §4.1.1, RFC 3596 §2.1, RFC 6891 §9).
//!
//! They are newtypes, not enums, because a message may hold any of them and the unknown ones are
//! no error. Only those that somebody here asks about have a name.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($raw:ty) { $($(#[$const_doc:meta])* $constant:ident = $value:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub struct $name(pub $raw);

        impl $name {
            $($(#[$const_doc])* pub const $constant: Self = Self($value);)*
        }
    )*};
}

numbers! {
    /// TYPE or QTYPE.
    RecordType(u16) {
        /// An IPv4 address.
        A = 1;
        /// An authoritative server.
        NS = 2;
        /// The name behind an alias.
        CNAME = 5;
        /// The start of a zone of authority.
        SOA = 6;
        /// A name of an address.
        PTR = 12;
        /// Who takes mail.
        MX = 15;
        /// Strings.
        TXT = 16;
        /// An IPv6 address.
        AAAA = 28;
        /// Where a service is (RFC 2782).
        SRV = 33;
        /// EDNS.
        OPT = 41;
    }
    /// CLASS or QCLASS.
    Class(u16) {
        /// The Internet.
        IN = 1;
    }
    /// OPCODE.
    Opcode(u8) {
        /// A standard query.
        QUERY = 0;
    }
    /// RCODE, twelve bits with EDNS.
    Rcode(u16) {
        /// NOERROR.
        NO_ERROR = 0;
        /// FORMERR: the server could not read the query.
        FORMAT_ERROR = 1;
        /// SERVFAIL: the server met a problem.
        SERVER_FAILURE = 2;
        /// NXDOMAIN: the name does not exist.
        NAME_ERROR = 3;
        /// NOTIMP: the server does not know this kind of query.
        NOT_IMPLEMENTED = 4;
        /// REFUSED: the server does not want to.
        REFUSED = 5;
        /// BADVERS: the server does not know this version of EDNS (RFC 6891 §6.1.3).
        BAD_VERSION = 16;
    }
}
