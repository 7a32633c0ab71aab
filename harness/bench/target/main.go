// What the benchmark of the load runner needs beside it, in one small program:
//
//	target serve <host:port>     an HTTP server that answers at once, so that what is measured is the client
//	target measure <program> …   runs a program, then prints what it used as one line of JSON on stderr
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: target serve <host:port> | target measure <program> …"))
	}
	if os.Args[1] == "serve" {
		fail(serve(os.Args[2]))
	}
	if err := measure(os.Args[2:]); err != nil {
		fail(err)
	}
}

// Prints the address it listens on; returns only with an error.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	// The server ends with whoever started it, however that ends.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	body := []byte("{\"pod\":\"target\"}\n")
	return http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		answer.Header().Set("Content-Type", "application/json")
		answer.Header().Set("X-Pod", "target")
		answer.Write(body)
	}))
}

func measure(command []string) error {
	child := exec.Command(command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		return err
	}
	usage := child.ProcessState.SysUsage().(*syscall.Rusage)
	seconds := (child.ProcessState.UserTime() + child.ProcessState.SystemTime()).Seconds()
	fmt.Fprintf(os.Stderr, "{\"cpuSeconds\":%g,\"maxRssBytes\":%d}\n", seconds, usage.Maxrss*1024)
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
