package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// texts are the scenarios that need no network: each gives the outcome of its arguments.
var texts = map[string]func([]string) string{
	"split_host_port": func(a []string) string {
		host, port, err := net.SplitHostPort(arg(a, 0))
		if err != nil {
			return say(err)
		}
		return fmt.Sprintf("%q %q", host, port)
	},
	"join_host_port": func(a []string) string { return net.JoinHostPort(arg(a, 0), arg(a, 1)) },
	"parse_ip":       func(a []string) string { return ipText(net.ParseIP(arg(a, 0))) },
	"parse_cidr": func(a []string) string {
		ip, network, err := net.ParseCIDR(arg(a, 0))
		if err != nil {
			return say(err)
		}
		ones, bits := network.Mask.Size()
		return fmt.Sprintf("%s %s %s %d/%d %s", ip, network, network.Mask, ones, bits, network.Network())
	},
	"parse_mac": func(a []string) string {
		mac, err := net.ParseMAC(arg(a, 0))
		if err != nil {
			return say(err)
		}
		return mac.String()
	},
	"hardware_addr": func(a []string) string { return net.HardwareAddr(unhex(arg(a, 0))).String() },
	"ip_is":         func(a []string) string { return ipIs(net.ParseIP(arg(a, 0))) },
	"ip_equal": func(a []string) string {
		return fmt.Sprint(net.ParseIP(arg(a, 0)).Equal(net.ParseIP(arg(a, 1))))
	},
	"to16": func(a []string) string { return hex.EncodeToString(net.ParseIP(arg(a, 0)).To16()) },
	"to4": func(a []string) string {
		if ip := net.ParseIP(arg(a, 0)).To4(); ip != nil {
			return hex.EncodeToString(ip)
		}
		return "nil"
	},
	"default_mask": func(a []string) string { return net.ParseIP(arg(a, 0)).DefaultMask().String() },
	"ip_mask": func(a []string) string {
		return ipText(net.ParseIP(arg(a, 0)).Mask(unhex(arg(a, 1))))
	},
	"cidr_mask": func(a []string) string {
		return maskText(net.CIDRMask(number(arg(a, 0)), number(arg(a, 1))))
	},
	"ip_mask_size": func(a []string) string { return maskText(unhex(arg(a, 0))) },
	"ip_net": func(a []string) string {
		network := net.IPNet{IP: net.ParseIP(arg(a, 0)), Mask: unhex(arg(a, 1))}
		return network.String()
	},
	"contains": func(a []string) string {
		network := net.IPNet{IP: net.ParseIP(arg(a, 0)), Mask: unhex(arg(a, 1))}
		return fmt.Sprint(network.Contains(net.ParseIP(arg(a, 2))))
	},
	"marshal_ip": func(a []string) string {
		var ip net.IP
		if err := ip.UnmarshalText([]byte(arg(a, 0))); err != nil {
			return say(err)
		}
		text, err := ip.MarshalText()
		if err != nil {
			return say(err)
		}
		return fmt.Sprintf("%q", text)
	},
	"lookup_port": func(a []string) string {
		port, err := net.LookupPort(arg(a, 0), arg(a, 1))
		if err != nil {
			return say(err)
		}
		return fmt.Sprint(port)
	},
	"addr": func(a []string) string {
		ip, port, zone := net.ParseIP(arg(a, 1)), number(arg(a, 2)), arg(a, 3)
		var addr net.Addr
		switch arg(a, 0) {
		case "tcp":
			addr = &net.TCPAddr{IP: ip, Port: port, Zone: zone}
		case "udp":
			addr = &net.UDPAddr{IP: ip, Port: port, Zone: zone}
		default:
			addr = &net.IPAddr{IP: ip, Zone: zone}
		}
		return addr.Network() + " " + addr.String()
	},
	"resolve": func(a []string) string { return resolve(arg(a, 0), arg(a, 1), arg(a, 2)) },
}

func unhex(text string) []byte {
	octets, _ := hex.DecodeString(text)
	return octets
}

func ipText(ip net.IP) string {
	if ip == nil {
		return "nil"
	}
	return ip.String()
}

func maskText(mask net.IPMask) string {
	ones, bits := mask.Size()
	return fmt.Sprintf("%s %d/%d", mask, ones, bits)
}

// ipIs lists the questions that are answered with yes.
func ipIs(ip net.IP) string {
	var yes []string
	for _, q := range []struct {
		name   string
		answer bool
	}{
		{"unspecified", ip.IsUnspecified()},
		{"loopback", ip.IsLoopback()},
		{"private", ip.IsPrivate()},
		{"multicast", ip.IsMulticast()},
		{"interface-local-multicast", ip.IsInterfaceLocalMulticast()},
		{"link-local-multicast", ip.IsLinkLocalMulticast()},
		{"link-local-unicast", ip.IsLinkLocalUnicast()},
		{"global-unicast", ip.IsGlobalUnicast()},
	} {
		if q.answer {
			yes = append(yes, q.name)
		}
	}
	return strings.Join(yes, " ")
}

func resolve(kind, network, address string) string {
	var addr net.Addr
	var err error
	switch kind {
	case "tcp":
		addr, err = net.ResolveTCPAddr(network, address)
	case "udp":
		addr, err = net.ResolveUDPAddr(network, address)
	case "ip":
		addr, err = net.ResolveIPAddr(network, address)
	default:
		addr, err = net.ResolveUnixAddr(network, address)
	}
	if err != nil {
		return say(err)
	}
	return addr.Network() + " " + addr.String()
}
