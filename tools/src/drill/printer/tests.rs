use crate::drill::ast::{Action, Position, Script};
use crate::drill::parse;

/// Sets all places to the same, because a printed script has other ones.
fn without_places(mut script: Script) -> Script {
    let nowhere = Position::default();
    for command in &mut script.init {
        command.position = nowhere;
    }
    for event in &mut script.events {
        event.position = nowhere;
        event.last_line = 0;
        match &mut event.action {
            Action::Command(command) => command.position = nowhere,
            Action::Code(program) => {
                for statement in &mut program.statements {
                    statement.position = nowhere;
                }
            }
            Action::Call(_) | Action::Packet(_) => {}
        }
    }
    script
}

fn round_trip(text: &str) {
    let script = parse("test.pkt", text).unwrap_or_else(|error| panic!("{error}"));
    let printed = script.to_string();
    let again = parse("test.pkt", &printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.to_string(), printed);
    assert_eq!(without_places(again), without_places(script), "{printed}");
}

#[test]
fn printing_and_parsing_is_the_identity() {
    round_trip(
        r#"
--ip_version=ipv4
--local_ip=192.0.2.1 --remote_ip=192.0.2.7 --mtu=1400 --tolerance_usecs=10000
--tcp_ts_tick_usecs=1000 --verbose --define=X="1 2"
`sysctl -q net.ipv4.tcp_sack=1`
0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
+0 setsockopt(3, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0
+0 setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=5}, 16) = 0
+0 bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, ...) = 0
+0 listen(3, 1) = 0
+0.000000001 < [ect0, ttl 3] SEW 0:0(0) win 1 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 2>
+0~+0.1 > S. 0:0(0) ack 1 win 65535 <...>
+0...0.5 accept(3, ..., ...) = 4
* accept4(3, ..., ..., SOCK_NONBLOCK) = -1 EAGAIN (Resource temporarily unavailable)
+0 < 9 > 80 FP.U 1:4(3) ack 1 win 9 urg 7 <nop,sack 1:2 3:4,eol> "a\"\xff" badsum
+0 < . 1:1(0) ack 1 <raw 0204,opt 77 00ff,uto 30s,FOEXP,exp 0xf989 01,md5 00112233>
+0 > [ect01, tos 0x4, flowlabel 0x1, nodf] P. 1:1(0) ack 1 anything
0.5~1 > udp (100)
+0 < 53 > 9 udp (3) "abc"
+0 < udp (3) zeroes
+0 < icmp unreachable port_unreachable [udp (3)]
+0 < icmp echo_request id 1 seq 2 (56)
+0 < icmp type 99 code 3 badsum
+0 read(4, "abc", 1000) = 3
+0 readv(4, [{..., 10}, {"x", 1}], 2) = 11
+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=MSG_TRUNC, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVTTL, cmsg_data=64}]}, MSG_DONTWAIT) = 5
+0 sendto(4, ..., 3, MSG_OOB|MSG_DONTWAIT, ..., ...) = 3
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 100) = 1
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 ioctl(4, SIOCINQ, [5]) = 0
+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+0 shutdown(4, SHUT_WR) = ...
+0 `sleep 1`
+0 %{
assert tcpi_cwnd == 10 and not (tcpi_unacked in [1, 2]), "text"
x = -tcpi_rtt // 2 if tcpi_rtt > 1.5 else 3
print(x, "y")
}%
"#,
    );
}

#[test]
fn printing_ipv6_and_parsing_is_the_identity() {
    round_trip(
        r#"
--ip_version=ipv6
--local_ip=2001:db8::1
0 sendto(3, ..., 3, 0, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "2001:db8::9", &sin6_addr), sin6_flowinfo=0}, ...) = 3
+0 < icmpv6 packet_too_big mtu 1280 [1:1001(1000)]
+0 > icmpv6 unreachable port_unreachable [udp (8)]
"#,
    );
}
