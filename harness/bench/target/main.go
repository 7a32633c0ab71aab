// A small HTTP server for benchmarks: answers at once with a short text, so that what is measured is the client.
// Usage: target <host:port>. Prints the address it listens on.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	body := []byte("{\"pod\":\"target\"}\n")
	err = http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		answer.Header().Set("Content-Type", "application/json")
		answer.Header().Set("X-Pod", "target")
		answer.Write(body)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
