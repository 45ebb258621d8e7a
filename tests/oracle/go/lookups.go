package main

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
)

// lookUp asks Go's own resolver, whose servers and search list /etc/resolv.conf has: the test has put
// one there for this process alone. The arguments are: the name of the settings, the question, the name.
func lookUp(a []string) string {
	ctx := context.Background()
	r := &net.Resolver{PreferGo: true, StrictErrors: arg(a, 0) == "strict"}
	name := arg(a, 2)
	var found []string
	var err error
	switch arg(a, 1) {
	case "host":
		found, err = r.LookupHost(ctx, name)
	case "ip4", "ip6":
		var ips []net.IP
		ips, err = r.LookupIP(ctx, arg(a, 1), name)
		for _, ip := range ips {
			found = append(found, ip.String())
		}
	case "cname":
		var cname string
		cname, err = r.LookupCNAME(ctx, name)
		found = []string{cname}
	case "mx":
		var records []*net.MX
		records, err = r.LookupMX(ctx, name)
		for _, mx := range records {
			found = append(found, fmt.Sprintf("%s %d", mx.Host, mx.Pref))
		}
	case "ns":
		var records []*net.NS
		records, err = r.LookupNS(ctx, name)
		for _, ns := range records {
			found = append(found, ns.Host)
		}
	case "srv":
		service, rest, _ := strings.Cut(name, ".")
		proto, domain, _ := strings.Cut(rest, ".")
		if service == "-" {
			service, proto, domain = "", "", rest
		}
		var records []*net.SRV
		_, records, err = r.LookupSRV(ctx, service, proto, domain)
		for _, srv := range records {
			found = append(found, fmt.Sprintf("%s %d %d %d", srv.Target, srv.Port, srv.Priority, srv.Weight))
		}
	case "txt":
		found, err = r.LookupTXT(ctx, name)
	case "addr":
		found, err = r.LookupAddr(ctx, name)
	default:
		return "UNKNOWN QUESTION"
	}
	// Go may give records and an error: those that make sense, and that others do not.
	text := ""
	if err != nil {
		text = say(err)
		text = strings.ReplaceAll(text, "127.0.0.1:", "SERVER:")
	}
	// Records of the same rank come in any order.
	sort.Strings(found)
	if len(found) > 0 && !(err != nil && len(found) == 1 && found[0] == "") {
		text = strings.TrimSpace(strings.Join(found, " ") + " " + text)
	}
	return text
}
