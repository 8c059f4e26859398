// The echo servers in Go: echo tcp|udp [upper]
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
)

func answer(data []byte) []byte {
	if len(os.Args) > 2 {
		return bytes.ToUpper(data)
	}
	return data
}

func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 32768)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		connection.Write(answer(buffer[:n]))
	}
}

func main() {
	if os.Args[1] == "tcp" {
		server, _ := net.Listen("tcp", "127.0.0.1:0")
		fmt.Println("ready on", server.Addr())
		for {
			connection, _ := server.Accept()
			go serve(connection)
		}
	}
	server, _ := net.ListenPacket("udp", "127.0.0.1:0")
	fmt.Println("ready on", server.LocalAddr())
	buffer := make([]byte, 65536)
	for {
		n, client, _ := server.ReadFrom(buffer)
		server.WriteTo(answer(buffer[:n]), client)
	}
}
