// SPDX-License-Identifier: MIT
// A peer: TCP echo in Go, one goroutine per connection, as every Go program would write it.
// -port N. Started with GOMAXPROCS=1. Go sets TCP_NODELAY itself.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
)

// The buffer of a connection: large enough for the largest measured message.
const bufferSize = 128 << 10

func echo(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, bufferSize)
	for {
		n, err := c.Read(buffer)
		if n > 0 {
			if _, err := c.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func main() {
	port := flag.Int("port", 0, "port on the loopback address")
	flag.Parse()
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer-go-echo:", err)
		os.Exit(1)
	}
	for {
		c, err := listener.Accept()
		if err != nil {
			continue
		}
		go echo(c)
	}
}
