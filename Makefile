# Wattle. `make` alone explains itself; README.md says what each thing is for.
# The device bundle runs on Node 18.20; everything else wants Node >= 22.13 and takes
# Node 24 from the npm package node-linux-<arch> where the system's is older.
SHELL := /bin/sh
ARCH := $(shell uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')
NODE = $(shell node scripts/pick-node.cjs $(ARCH))
TS = $(NODE) --experimental-strip-types --no-warnings
STAMP := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help hardware package run test test-full check ci build binaries bench bench-device bench-p1 fuzz-p1 bench-crypto interop-dht bench-dht sim-dht image image-lock hw-test bench-home lan-lab format lint types layers links nat-lab clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): package.json package-lock.json .npmrc
	npm ci --no-audit --no-fund
	@touch $(STAMP)

run: dist/wattle ## a whole home on this computer: meter, device, My Home, one provider; ARGS=--demo plays a story
	@$(NODE) dist/wattle run $(ARGS)

build: dist/wattle ## dist/wattle, the one program
dist/wattle: $(STAMP) $(shell find src scripts -type f)
	@$(TS) scripts/build.ts

binaries: build ## dist/wattle-linux-x64 and -arm64, single executables
	@$(TS) scripts/binaries.ts

package: build ## dist/wattle-VERSION.tgz, what `npx wattle` runs
	@$(TS) scripts/package.ts

# For test/reader-py; without it those tests say that they are skipped.
.PHONY: python-crypto vectors bench-channel
python-crypto:
	@for p in /usr/bin/python3 python3; do $$p -c 'import cryptography' 2>/dev/null && exit 0; done; \
	  { [ "$$(id -u)" = 0 ] && apt-get install -y -qq python3-cryptography >/dev/null 2>&1; } || \
	  echo "for the reader in Python: apt-get install python3-cryptography"
vectors: $(STAMP) ## docs/vectors anew
	@$(TS) scripts/vectors.ts

test: dist/wattle python-crypto ## all tests, samples of the long ones (<= 3 minutes)
	@$(TS) scripts/test.ts

test-full: dist/wattle python-crypto ## all tests with their full counts
	@WATTLE_FULL=1 $(TS) scripts/test.ts

check: format lint types layers links test ## format, lint, types, layers, links, tests

ci: binaries check interop-dht hw-ci ## what .ci/run runs

format: $(STAMP) ## fails where `biome format --write` would change something
	@node_modules/.bin/biome format .
lint: $(STAMP)
	@node_modules/.bin/biome lint --error-on-warnings .
types: $(STAMP)
	@$(NODE) node_modules/typescript/bin/tsc -p . && $(NODE) node_modules/typescript/bin/tsc -p src/page/web
layers: $(STAMP) ## who may import whom (docs/decisions/0001-layers.md)
	@$(TS) scripts/layers.ts
links: $(STAMP) ## every link and path in the docs leads somewhere
	@$(TS) scripts/links.ts

hardware: $(STAMP) ## onoff and serialport for this machine, compiled here (python3, make, g++); optional
	mkdir -p dist && npm install --prefix dist --no-save --no-package-lock --no-audit --no-fund $$(node -p "Object.entries(require('./package.json').peerDependencies).map((e) => e.join('@')).join(' ')")

bench: dist/wattle ## every benchmark: size, start-up, steady state, memory
	@$(TS) scripts/bench.ts
bench-device: dist/wattle ## an hour of telegrams through the whole device with eight readers
	@$(TS) scripts/bench.ts device
bench-crypto: dist/wattle ## both back-ends of the cryptography side by side; a claim between real processes
	@$(TS) scripts/bench-crypto.ts
	@$(TS) scripts/bench-claim.ts

test/peers/p1/node_modules: test/peers/p1/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --prefix test/peers/p1
	@touch $@
test/peers/channel/node_modules: test/peers/channel/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --prefix test/peers/channel
	@touch $@
bench-channel: dist/wattle test/peers/channel/node_modules ## frames, rotation, catching up, bytes, writes to the card; beside Hypercore
	@$(TS) --expose-gc scripts/bench-channel.ts

bench-p1: $(STAMP) test/peers/p1/node_modules ## telegrams a second, garbage, hostile bytes; beside other P1 readers
	@$(TS) --expose-gc scripts/bench-p1.ts
fuzz-p1: $(STAMP) ## damaged telegrams for MINUTES=1, SEED=n
	@mkdir -p build && $(TS) scripts/fuzz-p1.ts $(or $(MINUTES),1) $(SEED)

test/peers/dht/node_modules: test/peers/dht/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --prefix test/peers/dht
	@touch $@
interop-dht: $(STAMP) test/peers/dht/node_modules ## the DHT with libtorrent and bittorrent-dht on loopback
	@python3 -c 'import libtorrent' 2>/dev/null || /usr/bin/python3 -c 'import libtorrent' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get -o DPkg::Lock::Timeout=300 install -y -qq python3-libtorrent; } || \
	  echo "for libtorrent: apt-get install python3-libtorrent"
	@$(TS) scripts/interop-dht.ts
bench-dht: $(STAMP) test/peers/dht/node_modules ## the DHT beside bittorrent-dht, hyperdht, libtorrent and a raw echo
	@$(TS) scripts/bench-dht.ts
sim-dht: $(STAMP) ## lookups in networks of 10^3 to 10^6 nodes, in virtual time
	@$(TS) scripts/sim-dht.ts

ADDONS := firmware-image/addons/node_modules/.package-lock.json
$(ADDONS): firmware-image/addons/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --prefix firmware-image/addons
	@touch $@
image: dist/wattle $(ADDONS) ## the SD-card image of a board: BOARD=pizero or pizero2w
	@$(TS) scripts/image/image.ts --board "$(BOARD)"
image-lock: $(STAMP) ## takes today's versions of the Debian packages for BOARD
	@$(TS) scripts/image/image.ts --board "$(BOARD)" --lock
hw-test: dist/wattle $(ADDONS) ## an emulated Pi Zero boots the image: how long it takes, its owner's first day, power cuts
	@$(TS) hw-test/fetch.ts pizero
	@$(TS) scripts/image/image.ts --board pizero
	@$(TS) hw-test/repro.ts
	@$(TS) hw-test/start.ts
	@$(TS) hw-test/pizero.ts
	@$(TS) hw-test/page.ts
	@$(TS) hw-test/power.ts 200
.PHONY: hw-test-full
hw-test-full: dist/wattle $(ADDONS) ## the same and more: both boards, hardships, stuck buttons, a reset, 10,000 power cuts (an hour)
	@$(TS) hw-test/fetch.ts pizero && $(TS) hw-test/fetch.ts pizero2w
	@$(TS) scripts/image/image.ts --board pizero && $(TS) scripts/image/image.ts --board pizero2w
	@$(TS) hw-test/repro.ts pizero && $(TS) hw-test/repro.ts pizero2w
	@$(TS) hw-test/start.ts pizero && $(TS) hw-test/start.ts pizero2w
	@$(TS) hw-test/pizero.ts full
	@$(TS) hw-test/hardships.ts
	@$(TS) hw-test/power.ts 10000
.PHONY: hw-ci
hw-ci: dist/wattle $(ADDONS)
	@$(TS) hw-test/fetch.ts pizero; case $$? in 0) $(MAKE) hw-test ;; 4) echo "hw-test is LEFT OUT: it cannot run here, see above" ;; *) exit 1 ;; esac

bench-home: $(STAMP) ## ten years of history: what its views cost
	@mkdir -p build && $(TS) scripts/bench-home.ts

lan-lab: dist/wattle test/peers/net/node_modules ## mDNS beside Avahi and js-libp2p, in network namespaces (root)
	@[ -x /usr/sbin/avahi-daemon ] && [ -x /usr/bin/avahi-browse ] && [ -x /usr/bin/dbus-daemon ] || \
	  { [ "$$(id -u)" = 0 ] && apt-get install -y -qq avahi-daemon avahi-utils dbus iproute2; } || \
	  echo "for Avahi: apt-get install avahi-daemon avahi-utils dbus iproute2"
	@$(TS) scripts/test.ts lab/avahi

test/peers/net/node_modules: test/peers/net/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --prefix test/peers/net
	@touch $@
nat-lab: dist/wattle test/peers/net/node_modules ## hole punching through every pair of routers, in network namespaces; CELLS='cone x cone'
	@command -v ip >/dev/null && command -v nft >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq iproute2 nftables; } || \
	  echo "for the NAT laboratory: apt-get install iproute2 nftables"
	@[ -x /usr/sbin/miniupnpd ] || { [ "$$(id -u)" = 0 ] && apt-get -o DPkg::Lock::Timeout=300 install -y -qq miniupnpd-nftables; } || \
	  echo "for routers that are asked for a port: apt-get install miniupnpd-nftables"
	@$(TS) scripts/nat-lab.ts $(if $(CELLS),"$(CELLS)")

.PHONY: bench-net
bench-net: $(STAMP) test/peers/net/node_modules ## streams and discovery beside js-libp2p and hyperdht: size, memory, handshakes, messages
	@$(TS) scripts/bench-net.ts

clean: ## remove what was built
	rm -rf dist build .tap
