package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// What travels: the octets of the alphabet, over and over.
func pattern(n int) []byte {
	octets := make([]byte, n)
	for i := range octets {
		octets[i] = 'a' + byte(i%26)
	}
	return octets
}

// world holds what the steps of one script have made.
type world struct {
	mu     sync.Mutex
	things map[string]any
	tasks  map[string]chan string
	dir    string
}

// runScript takes the steps one after another and says what each came to.
func runScript(script string) string {
	dir, err := os.MkdirTemp("", "sidestep-oracle-go")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	w := &world{things: map[string]any{}, tasks: map[string]chan string{}, dir: dir}
	defer w.closeAll()
	var said []string
	for _, step := range strings.Split(script, ";") {
		said = append(said, w.step(strings.Fields(step)))
	}
	return named(strings.ReplaceAll(strings.Join(said, " | "), dir, "TMP"))
}

func (w *world) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, thing := range w.things {
		if c, ok := thing.(io.Closer); ok {
			c.Close()
		}
	}
}

func (w *world) get(name string) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.things[name]
}

func (w *world) put(name string, thing any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.things[name] = thing
}

// text is what a word stands for: `$thing` is the address of a thing, and its port after a colon; `$H`
// and `$H6` are the host, `$T` is the directory of the script, `_` is nothing.
func (w *world) text(word string) string {
	word = strings.ReplaceAll(word, "$H6", "::1")
	word = strings.ReplaceAll(word, "$H", "127.0.0.1")
	word = strings.ReplaceAll(word, "$T", w.dir)
	if word == "_" {
		return ""
	}
	before, name, ok := strings.Cut(word, "$")
	if !ok {
		return word
	}
	return before + portOf(address(w.get(name)), before != "")
}

func portOf(text string, only bool) string {
	if !only {
		return text
	}
	_, port, _ := net.SplitHostPort(text)
	return port
}

func address(thing any) string {
	switch thing := thing.(type) {
	case net.Listener:
		return thing.Addr().String()
	case net.Conn:
		return thing.LocalAddr().String()
	case net.PacketConn:
		return thing.LocalAddr().String()
	}
	return "NOTHING"
}

// step takes one step: `NAME=make …` or `verb NAME …`.
func (w *world) step(words []string) string {
	name, verb, makes := strings.Cut(words[0], "=")
	if makes {
		thing, err := w.make(verb, words[1:])
		if err != nil {
			return say(err)
		}
		w.put(name, thing)
		return made(thing)
	}
	return w.act(words[0], words[1:])
}

// made tells the ends of what was made.
func made(thing any) string {
	switch thing := thing.(type) {
	case net.Listener:
		return "ok " + thing.Addr().String()
	case net.Conn:
		remote := "-"
		if addr := thing.RemoteAddr(); addr != nil {
			remote = addr.String()
		}
		return "ok " + thing.LocalAddr().Network() + " " + thing.LocalAddr().String() + "->" + remote
	}
	return "ok"
}

func (w *world) make(verb string, a []string) (any, error) {
	switch verb {
	case "listen":
		return some(net.Listen(w.text(arg(a, 0)), w.text(arg(a, 1))))
	case "listen_packet":
		return some(net.ListenPacket(w.text(arg(a, 0)), w.text(arg(a, 1))))
	case "dial":
		return some(net.Dial(w.text(arg(a, 0)), w.text(arg(a, 1))))
	case "dial_timeout":
		timeout := time.Duration(number(arg(a, 2))) * time.Millisecond
		return some(net.DialTimeout(w.text(arg(a, 0)), w.text(arg(a, 1)), timeout))
	case "dial_from":
		local, err := localAddr(arg(a, 1), w.text(arg(a, 2)))
		if err != nil {
			return nil, err
		}
		dialer := net.Dialer{LocalAddr: local}
		return some(dialer.Dial(w.text(arg(a, 0)), w.text(arg(a, 3))))
	case "accept":
		return some(w.get(arg(a, 0)).(net.Listener).Accept())
	case "pipe":
		one, other := net.Pipe()
		w.put(arg(a, 0), other)
		return one, nil
	}
	panic("no such step: " + verb)
}

// some is a thing that was made: a nil of some type becomes no thing at all.
func some[T any](thing T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return thing, nil
}

func localAddr(network, text string) (net.Addr, error) {
	switch network {
	case "tcp":
		return net.ResolveTCPAddr("tcp", text)
	case "udp":
		return net.ResolveUDPAddr("udp", text)
	default:
		return net.ResolveIPAddr("ip", text)
	}
}

func (w *world) act(verb string, a []string) string {
	switch verb {
	case "wait":
		time.Sleep(waitTime)
		return "waited"
	case "spawn":
		said := make(chan string, 1)
		w.tasks[arg(a, 0)] = said
		go func() { said <- w.step(a[1:]) }()
		return "spawned"
	case "join":
		return <-w.tasks[arg(a, 0)]
	}
	switch thing := w.get(arg(a, 0)).(type) {
	case net.Conn:
		return w.actConn(thing, verb, a[1:])
	case net.PacketConn:
		return w.actPacket(thing, verb, a[1:])
	case net.Listener:
		return actListener(thing, verb, a[1:])
	}
	return "NO SUCH THING"
}

func ok(err error) string {
	if err != nil {
		return say(err)
	}
	return "ok"
}

func count(n int, err error) string {
	if err != nil {
		return fmt.Sprintf("%d %s", n, say(err))
	}
	return fmt.Sprint(n)
}

func octets(b []byte) string {
	if len(b) > 12 {
		return fmt.Sprintf("%d octets", len(b))
	}
	return fmt.Sprintf("%q", b)
}

func instant(text string) time.Time {
	switch text {
	case "none":
		return time.Time{}
	case "past":
		return time.Now().Add(-time.Second)
	}
	return time.Now().Add(time.Duration(number(text)) * time.Millisecond)
}

func (w *world) actConn(c net.Conn, verb string, a []string) string {
	switch verb {
	case "write":
		return count(c.Write(pattern(number(arg(a, 0)))))
	case "read":
		buffer := make([]byte, number(arg(a, 0)))
		n, err := c.Read(buffer)
		if err == io.EOF {
			return "EOF"
		}
		if err != nil {
			return count(n, err)
		}
		return octets(buffer[:n])
	case "read_all":
		all, err := io.ReadAll(c)
		if err != nil {
			return octets(all) + " " + say(err)
		}
		return octets(all) + " EOF"
	case "close":
		return ok(c.Close())
	case "close_read":
		return ok(c.(interface{ CloseRead() error }).CloseRead())
	case "close_write":
		return ok(c.(interface{ CloseWrite() error }).CloseWrite())
	case "ends":
		return made(c)
	case "deadline":
		return ok(c.SetDeadline(instant(arg(a, 0))))
	case "read_deadline":
		return ok(c.SetReadDeadline(instant(arg(a, 0))))
	case "write_deadline":
		return ok(c.SetWriteDeadline(instant(arg(a, 0))))
	case "linger":
		return ok(c.(*net.TCPConn).SetLinger(number(arg(a, 0))))
	case "no_delay":
		return ok(c.(*net.TCPConn).SetNoDelay(arg(a, 0) == "on"))
	case "keep_alive":
		return ok(c.(*net.TCPConn).SetKeepAlive(arg(a, 0) == "on"))
	case "fill":
		// Writes until the deadline, so that both buffers are full.
		var err error
		for err == nil {
			_, err = c.Write(pattern(1 << 16))
		}
		return say(err)
	}
	if packet, ok := c.(net.PacketConn); ok {
		return w.actPacket(packet, verb, a)
	}
	return "NO SUCH STEP"
}

func (w *world) actPacket(c net.PacketConn, verb string, a []string) string {
	switch verb {
	case "send":
		to, err := peerAddr(c, w.text(arg(a, 0)))
		if err != nil {
			return say(err)
		}
		return count(c.WriteTo(pattern(number(arg(a, 1))), to))
	case "receive":
		buffer := make([]byte, number(arg(a, 0)))
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return count(n, err)
		}
		peer := "-"
		if from != nil {
			peer = from.String()
		}
		return octets(buffer[:n]) + " from " + peer
	case "close":
		return ok(c.Close())
	case "ends":
		return "ok " + c.LocalAddr().Network() + " " + c.LocalAddr().String()
	case "deadline":
		return ok(c.SetDeadline(instant(arg(a, 0))))
	case "read_deadline":
		return ok(c.SetReadDeadline(instant(arg(a, 0))))
	case "write_deadline":
		return ok(c.SetWriteDeadline(instant(arg(a, 0))))
	}
	return "NO SUCH STEP"
}

func peerAddr(c net.PacketConn, text string) (net.Addr, error) {
	switch network := c.LocalAddr().Network(); network {
	case "udp":
		return net.ResolveUDPAddr(network, text)
	case "ip":
		return net.ResolveIPAddr(network, text)
	default:
		return net.ResolveUnixAddr(network, text)
	}
}

func actListener(l net.Listener, verb string, a []string) string {
	switch verb {
	case "close":
		return ok(l.Close())
	case "ends":
		return "ok " + l.Addr().Network() + " " + l.Addr().String()
	case "deadline":
		return ok(l.(interface{ SetDeadline(time.Time) error }).SetDeadline(instant(arg(a, 0))))
	}
	return "NO SUCH STEP"
}
