# The commands of daily work. "make run" needs Go and make, nothing else.

GO   ?= go
BIN  := davit
DATA ?= ./davit-data

# SQLite is C in Go's clothes, from elsewhere: the race detector would spend most of its time in it.
RACE := -race '-gcflags=modernc.org/...=-race=false'

.PHONY: build run web test test-long check bench fuzz clean

build:
	$(GO) build -o $(BIN) .

# Serve on http://127.0.0.1:8080 with a folder Home for the user admin.
run: build
	./$(BIN) serve --data $(DATA) --first-folder Home

# The page: web/dist from web/src, for those who change it. It needs Node; what it makes is committed.
web:
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check && npm run --silent build

# All tests. The script installs the Debian packages that they need, or names them, and one of npm.
test:
	sh testdata/setup.sh
	$(GO) vet ./...
	$(GO) test -timeout 30m ./...
	$(GO) test $(RACE) -timeout 20m ./davfs/... ./auth/... ./store/...

# Hundreds of kills and longer loads.
test-long:
	sh testdata/setup.sh
	DAVIT_TEST_LONG=1 $(GO) test -timeout 4h ./...
	DAVIT_TEST_LONG=1 $(GO) test $(RACE) -timeout 4h ./davfs/... ./auth/... ./store/...

# Format, vet, staticcheck, race tests.
check:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./... ./testdata/bench
	$(GO) tool staticcheck ./... ./testdata/bench
	$(GO) test $(RACE) -timeout 20m ./...

# Davit beside Apache, nginx and lighttpd on this machine. The table goes to standard output.
bench:
	sh testdata/setup.sh bench
	$(GO) run ./testdata/bench

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

clean:
	rm -f $(BIN)
