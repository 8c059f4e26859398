// Echo in Go: echo tcp|udp
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	if os.Args[1] == "udp" {
		server, _ := net.ListenPacket("udp", "127.0.0.1:0")
		fmt.Println("ready on", server.LocalAddr())
		buffer := make([]byte, 65536)
		for {
			n, client, _ := server.ReadFrom(buffer)
			server.WriteTo(buffer[:n], client)
		}
	}
	server, _ := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("ready on", server.Addr())
	for {
		connection, _ := server.Accept()
		go func() {
			io.Copy(struct{ io.Writer }{connection}, connection)
			connection.Close()
		}()
	}
}
