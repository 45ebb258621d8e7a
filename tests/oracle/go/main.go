// Command oracle prints what Go's net makes of each scenario of a table, one line each.
//
// Usage: oracle TABLE IDS WAIT_MS SETTINGS. The test `oracle` runs it beside the same scenarios in Rust and compares
// the lines. It uses nothing but the standard library and reaches nothing but its own loopback.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A scenario may take so long.
const patience = 10 * time.Second

// How long the step wait takes.
var waitTime time.Duration

type scenario struct {
	id, kind string
	args     []string
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: oracle TABLE IDS WAIT_MS SETTINGS")
		os.Exit(2)
	}
	table, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ids, err := os.ReadFile(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wanted := map[string]bool{}
	for _, id := range strings.Split(string(ids), "\n") {
		wanted[id] = true
	}
	waitTime = time.Duration(number(os.Args[3])) * time.Millisecond
	settings := os.Args[4]
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, s := range table {
		// Look-ups are asked with the settings that /etc/resolv.conf now has, all else without any.
		here := settings == ""
		if s.kind == "lookup" {
			here = settings == arg(s.args, 0)
		}
		if here && wanted[s.id] {
			fmt.Fprintf(out, "%s\t%s\n", s.id, within(s))
		}
	}
}

// read reads the table: id, kind and arguments between tabs. A line that begins with # says nothing.
func read(path string) ([]scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var table []scenario
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) < 2 {
			return nil, fmt.Errorf("no scenario: %s", line)
		}
		table = append(table, scenario{fields[0], fields[1], fields[2:]})
	}
	return table, nil
}

// within runs a scenario, and says so if it does not end.
func within(s scenario) string {
	done := make(chan string, 1)
	go func() { done <- outcome(s) }()
	select {
	case text := <-done:
		return text
	case <-time.After(patience):
		return "DOES NOT END"
	}
}

func outcome(s scenario) string {
	if f, ok := texts[s.kind]; ok {
		return f(s.args)
	}
	switch s.kind {
	case "script", "script1":
		return runScript(arg(s.args, 0))
	case "lookup":
		return lookUp(s.args)
	}
	return "UNKNOWN KIND"
}

func arg(args []string, n int) string {
	if n < len(args) {
		return args[n]
	}
	return ""
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// say prints an error with what a program can ask it.
func say(err error) string {
	text := err.Error()
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		text += " {timeout}"
	}
	if errors.Is(err, net.ErrClosed) {
		text += " {closed}"
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if dns.IsNotFound {
			text += " {not found}"
		}
		if dns.IsTemporary {
			text += " {temporary}"
		}
	}
	return text
}

var ports = regexp.MustCompile(`:(\d{4,5})\b`)

// named gives the same name to the same host and port that chance or the place chose.
func named(text string) string {
	text = strings.ReplaceAll(text, "127.0.0.1", "HOST")
	text = strings.ReplaceAll(text, "[::1]", "[HOST6]")
	names := map[string]string{}
	return ports.ReplaceAllStringFunc(text, func(port string) string {
		if number(port[1:]) < 1024 {
			return port
		}
		if _, ok := names[port]; !ok {
			names[port] = fmt.Sprintf(":PORT%d", len(names)+1)
		}
		return names[port]
	})
}
