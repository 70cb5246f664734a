// Reads a log of a ledger with a third-party C2SP client (filippo.io/torchwood over golang.org/x/mod/sumdb) and verifies the
// checkpoint's signature, every entry against the tree, and inclusion proofs.
//
//	go run . URL ORIGIN VKEY SIZE_MIN     URL is .../v1/tlog/<shard>; the API key is read from standard input
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// These endpoints are per tenant and need a key; a static bucket with the same files would not.
type bearer struct{ key string }

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+b.key)
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: c2sp-client URL ORIGIN VKEY SIZE_MIN")
	}
	url, origin, vkey := args[0], args[1], args[2]
	sizeMin, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return err
	}
	key, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	ctx := context.Background()
	fetcher, err := torchwood.NewTileFetcher(url, torchwood.WithHTTPClient(&http.Client{Transport: bearer{strings.TrimSpace(string(key))}}))
	if err != nil {
		return err
	}
	tree, err := readCheckpoint(ctx, fetcher, origin, vkey)
	if err != nil {
		return err
	}
	if tree.N < sizeMin {
		return fmt.Errorf("expected a checkpoint of at least %[2]d entries, got %[1]d", tree.N, sizeMin)
	}
	return readEntries(ctx, fetcher, tree)
}

func readCheckpoint(ctx context.Context, fetcher *torchwood.TileFetcher, origin, vkey string) (tlog.Tree, error) {
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(verifier))
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return tlog.Tree{}, err
	}
	fmt.Printf("checkpoint of %s: %d entries, signed by %s\n", checkpoint.Origin, checkpoint.N, verifier.Name())
	return checkpoint.Tree, nil
}

func readEntries(ctx context.Context, fetcher *torchwood.TileFetcher, tree tlog.Tree) error {
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return err
	}
	var count int64
	for index, entry := range client.AllEntries(ctx, tree, 0) {
		if index != count || len(entry) == 0 {
			return fmt.Errorf("entry %d is empty or out of order", index)
		}
		count++
	}
	if err := client.Err(); err != nil {
		return err
	}
	if count != tree.N {
		return fmt.Errorf("expected %[2]d entries in the tree, read %[1]d", count, tree.N)
	}
	for _, index := range []int64{0, tree.N / 3, tree.N / 2, tree.N - 1} {
		entry, proof, err := client.Entry(ctx, tree, index)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
			return err
		}
	}
	fmt.Printf("%d entries read from tiles and verified, 4 inclusion proofs verified\n", count)
	return nil
}
