// A service that asks another one, with signed requests, for each request that it gets; the SDK is that of Go, v2.
//
//	GET /sign: 200; 503 without credentials; 502 when the other service does not take them.
//	GET /figures: how many requests there were, and where their time went.
//	POST /prime: credentials as if just started.
//	POST /calls/REQUESTS/CONCURRENCY: only takes them, so often.
package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// SHA-256 of no body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var (
	upstream = os.Getenv("UPSTREAM_URL")
	client   = &http.Client{Timeout: 3 * time.Second}
	signer   = v4.NewSigner()
	sdk      = newSdk()
	swept    atomic.Pointer[aws.CredentialsProvider]

	mutex    sync.Mutex
	requests int
	spent    = map[string]float64{"credentials": 0, "dns": 0, "upstream": 0, "rest": 0}
)

// newSdk has an empty cache of its own.
func newSdk() aws.CredentialsProvider {
	loaded, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("eu-west-1"))
	if err != nil {
		panic(err)
	}
	return loaded.Credentials
}

func sign(response http.ResponseWriter, request *http.Request) {
	begin := time.Now()
	credentials, err := sdk.Retrieve(request.Context())
	if err != nil {
		answer(response, 503, map[string]any{"error": "no credentials"})
		return
	}
	taken := time.Now()
	asked, _ := http.NewRequestWithContext(request.Context(), http.MethodGet, upstream, nil)
	if _, err := net.DefaultResolver.LookupHost(request.Context(), asked.URL.Hostname()); err != nil {
		answer(response, 502, map[string]any{"error": "the other service's name cannot be resolved"})
		return
	}
	resolved := time.Now()
	if err := signer.SignHTTP(request.Context(), credentials, asked, emptyHash, "es", "eu-west-1", time.Now()); err != nil {
		answer(response, 502, map[string]any{"error": "no signature"})
		return
	}
	signed := time.Now()
	got, err := client.Do(asked)
	if err != nil {
		answer(response, 502, map[string]any{"error": "the other service cannot be reached"})
		return
	}
	_, _ = io.Copy(io.Discard, got.Body)
	_ = got.Body.Close()
	count(begin, taken, resolved, signed, time.Now())
	status := 502
	if got.StatusCode == 200 {
		status = 200
	}
	answer(response, status, map[string]any{"upstream": got.StatusCode})
}

func count(begin, taken, resolved, signed, end time.Time) {
	ms := func(from, to time.Time) float64 { return float64(to.Sub(from).Microseconds()) / 1000 }
	mutex.Lock()
	defer mutex.Unlock()
	requests++
	spent["credentials"] += ms(begin, taken)
	spent["dns"] += ms(taken, resolved)
	spent["rest"] += ms(resolved, signed)
	spent["upstream"] += ms(signed, end)
}

func failures(provider aws.CredentialsProvider) int {
	if _, err := provider.Retrieve(context.Background()); err != nil {
		return 1
	}
	return 0
}

func prime(response http.ResponseWriter, _ *http.Request) {
	fresh := newSdk()
	swept.Store(&fresh)
	answer(response, 200, map[string]any{"failed": failures(fresh)})
}

func calls(response http.ResponseWriter, request *http.Request) {
	wanted, _ := strconv.Atoi(request.PathValue("requests"))
	concurrency, _ := strconv.Atoi(request.PathValue("concurrency"))
	provider := *swept.Load()
	begin := time.Now()
	var failed, left atomic.Int64
	left.Store(int64(wanted))
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				failed.Add(int64(failures(provider)))
			}
		})
	}
	group.Wait()
	answer(response, 200, map[string]any{"failed": failed.Load(), "ms": time.Since(begin).Milliseconds()})
}

func answer(response http.ResponseWriter, status int, content any) {
	response.Header().Set("content-type", "application/json")
	response.WriteHeader(status)
	_ = json.NewEncoder(response).Encode(content)
}

func main() {
	swept.Store(&sdk)
	http.HandleFunc("GET /ready", func(response http.ResponseWriter, _ *http.Request) { answer(response, 200, map[string]any{}) })
	http.HandleFunc("GET /figures", func(response http.ResponseWriter, _ *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		answer(response, 200, map[string]any{"requests": requests, "ms": spent})
	})
	http.HandleFunc("GET /sign", sign)
	http.HandleFunc("POST /prime", prime)
	http.HandleFunc("POST /calls/{requests}/{concurrency}", calls)
	// Process 1 of a container gets no default handler.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		os.Exit(0)
	}()
	if err := http.ListenAndServe(":8080", nil); err != nil {
		panic(err)
	}
}
