package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// request is one server-side apply, serialized beforehand.
type request struct {
	path string
	body []byte
}

// write sends the requests of a file: `each` successive ones in order, `inFlight` such groups at once. It
// prints the number of requests and the seconds that they took, without reading the file.
func write(file string, each, inFlight int) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return err
	}
	// HTTP/1.1: a connection for each request in flight costs less here than one that all share.
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: inFlight}}
	requests, err := read(file)
	if err != nil {
		return err
	}
	groups := make(chan []request, len(requests)/each+1)
	for ; len(requests) > 0; requests = requests[min(each, len(requests)):] {
		groups <- requests[:min(each, len(requests))]
	}
	close(groups)
	count := 0
	var (
		lock    sync.Mutex
		failure error
		running sync.WaitGroup
	)
	started := time.Now()
	for range inFlight {
		running.Go(func() {
			for group := range groups {
				for _, one := range group {
					if err := send(bare, config.Host, one); err != nil {
						lock.Lock()
						failure = err
						lock.Unlock()
						return
					}
				}
				lock.Lock()
				count += len(group)
				lock.Unlock()
			}
		})
	}
	running.Wait()
	if failure != nil {
		return failure
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"requests": count, "seconds": time.Since(started).Seconds()})
}

func read(file string) ([]request, error) {
	content, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	lines := bufio.NewScanner(content)
	lines.Buffer(nil, 1<<20)
	var requests []request
	for lines.Scan() {
		path, body, found := bytes.Cut(lines.Bytes(), []byte("\t"))
		if !found {
			return nil, fmt.Errorf("%s: a line without a tab", file)
		}
		requests = append(requests, request{string(path), bytes.Clone(body)})
	}
	return requests, lines.Err()
}

func send(bare *http.Client, host string, one request) error {
	sent, err := http.NewRequest(http.MethodPatch, host+one.path, bytes.NewReader(one.body))
	if err != nil {
		return err
	}
	sent.Header.Set("Content-Type", "application/apply-patch+yaml")
	answer, err := bare.Do(sent)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s: %s", one.path, answer.Status, said)
	}
	return err
}
