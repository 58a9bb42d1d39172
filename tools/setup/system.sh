#!/usr/bin/env bash
# Installs from Debian what the tests use beside Go, Rust and Node: Chromium for the browser tests, PostgreSQL for the kits' SQL
# tests, Redis for the kits' Redis edges. Does nothing when they are there; where it may not install, it says what will be skipped.
set -euo pipefail

missing=()
command -v chromium >/dev/null || [ -n "${CHROMIUM:-}" ] || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "missing: ${missing[*]}; the tests that need them are skipped (install with: sudo apt-get install ${missing[*]})"
	exit 0
fi
echo "setting up: ${missing[*]} from Debian"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
