// The echo servers in Go: echo tcp|udp
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	if os.Args[1] == "tcp" {
		serveTCP()
	}
	server, _ := net.ListenPacket("udp", "127.0.0.1:0")
	fmt.Println("ready on", server.LocalAddr())
	buffer := make([]byte, 65536)
	for {
		n, client, _ := server.ReadFrom(buffer)
		server.WriteTo(buffer[:n], client)
	}
}

func serveTCP() {
	server, _ := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("ready on", server.Addr())
	for {
		connection, _ := server.Accept()
		go echo(connection)
	}
}

// io.Copy would take two more files for each connection, on Linux.
func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 32768)
	n, err := connection.Read(buffer)
	for err == nil {
		connection.Write(buffer[:n])
		n, err = connection.Read(buffer)
	}
}
