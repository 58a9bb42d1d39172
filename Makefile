# The commands of Throughline. Set-up steps are files: done once, skipped until what they depend on changes.

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
SHELL := /bin/bash
NODE_READY := node_modules/.ready
SECONDS ?= 60

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*## .*/\1/p' Makefile)

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(NODE_READY) dist/ui/index.html ## platform and shop with traffic; prints `ready <url>`; Ctrl-C ends everything
	@node tools/demo.ts

up: $(NODE_READY) dist/ui/index.html ## the platform alone; prints `ready <url>`
	@exec node src/cli/main.ts serve

test: $(NODE_READY) dist/ui/index.html ## set up what the tests need and run them all
	@tools/setup/system.sh
	@node tools/shop-build.ts
	@node tools/test.ts

check: $(NODE_READY) ## format, lint, types, layers, house rules, generated files
	@node tools/check/check.ts

fmt: $(NODE_READY) ## format every language
	@biome check --write --log-level=warn .
	@gofmt -w kits/go examples/shop/go test/senders/go conformance/probes/go bench/kits/go
	@cargo fmt --all

generate: $(NODE_READY) ## the constants of both kits from spec/registry
	@node tools/generate.ts

kit-features: $(NODE_READY) ## the Rust kit with each of its features alone (part of make test)
	@node tools/kit-features.ts

conformance: $(NODE_READY) ## both kits against every scenario and vector of spec; SCENARIOS=<pattern> picks some
	@node conformance/kits/run.ts

conformance-mutations: $(NODE_READY) ## make things wrong on purpose, each of which must turn the suite red
	@node conformance/kits/mutations.ts

conformance-otlp: $(NODE_READY) ## every case of spec/otlp against the platform, or against ENDPOINT= and GRPC_ENDPOINT=
	@node conformance/otlp/run.ts

bench-decode: $(NODE_READY) ## spans/s of one decode-and-encode thread, protobufjs beside it
	@node bench/decode/decode.ts

bench-kits: $(NODE_READY) ## what the kits cost: operations beside the raw SDKs and the community's, whole services; SECONDS=, PARTS=
	@tools/setup/system.sh
	@node bench/kits/kits.ts

bench-ingest: $(NODE_READY) ## CPU, rate and latency from the wire to merged parts, the OpenTelemetry Collector beside it; SECONDS=
	@SECONDS=$(SECONDS) node bench/ingest/ingest.ts

bench-outage: $(NODE_READY) ## a request's p99 and CPU time, memory and time to end of both kits in each outage; SECONDS=
	@node bench/kits/outage.ts

bench-ui: $(NODE_READY) dist/ui/index.html ## opening and scrolling a trace of 20 000 spans in Chromium
	@node bench/ui/trace.ts

senders-collector: $(NODE_READY) dist/ui/index.html ## the exporters of the OpenTelemetry Collector, built here by its own builder, against the platform
	@mkdir -p target/senders-collector && cd target/senders-collector && \
		go run go.opentelemetry.io/collector/cmd/builder@v0.165.0 --config $(CURDIR)/test/senders/collector/builder.yaml
	@vitest run test/end-to-end/collector.test.ts

fuzz: $(NODE_READY) ## decoders, Native and buffer reader against other implementations, for SECONDS=
	@SECONDS=$(SECONDS) node test/fuzz/run.ts

buffer-model: $(NODE_READY) ## random histories of the buffer on a fake disk: HISTORIES=100000, SEED= to repeat
	@node test/buffer/histories.ts

faults: $(NODE_READY) ## the platform under load, killed, stopped, its disk full and damaged, for SECONDS=; SEED= repeats a run
	@SECONDS=$(SECONDS) node test/faults/main.ts

clean: ## remove what was built (not the data)
	rm -rf node_modules dist target examples/shop/bin

# `npm install`, not `npm ci`: ci refuses a lock file made where the packages of other platforms could not be seen; the versions are the lock file's either way.
$(NODE_READY): package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer (https://nodejs.org)"; exit 1; }
	@echo "setting up: JavaScript packages"
	@npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

UI_SOURCES := $(shell find src/ui src/api/contract.ts -type f 2>/dev/null)
dist/ui/index.html: $(NODE_READY) $(UI_SOURCES)
	@echo "building: the UI"
	@vite build --config src/ui/vite.config.ts --logLevel warn
	@touch $@
