#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole story on real parts: vendor, license, daemon on SQLite, and 30 machines that find it through DNS SRV.
# Usage: demo.sh BUILD-FOLDER. Everything happens in BUILD/run; on a terminal the host then serves until Ctrl-C.
set -eu
build=$1
run=$build/run
machines=30
PATH=$build:$PATH:/usr/sbin
export PATH
pids=

step() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }

finish() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}
trap finish EXIT
trap 'exit 130' INT TERM

rm -rf "$run"
mkdir -p "$run/products" "$run/run" "$run/state"
cd "$run"

step "1. The vendor makes a key, describes a product and signs a license: activate from 25 machines on"
muster-issuer init --dir vendor --vendor "Acme Software" --no-passphrase
muster-issuer product add acme-cad --dir vendor --name "Acme CAD" --plan modeler --plan render
muster-issuer product export acme-cad --dir vendor -o products/acme-cad.product
cp vendor/vendor.pub products/acme.pub
muster-issuer license issue --dir vendor --org fjord --org-name "Fjord AS" --until 2080-01-01 --hosts 2 \
	--grant id=cad-volume,product=acme-cad,model=volume,threshold=25 -o fjord.license

step "2. The organisation starts its host, has it certified and installs the license"
cat > musterd.conf <<END
[server]
listen = 127.0.0.1:0
state_dir = host
[admin]
socket = run/admin.sock
status_socket = run/status.sock
END
musterd --config musterd.conf &
pids="$pids $!"
export MUSTERCTL_SOCKET=run/admin.sock
musterctl wait --until ready
musterctl host request -o host.request
muster-issuer host certify host.request --dir vendor --license fjord.license -o host.certificate
musterctl host install host.certificate
musterctl license install fjord.license
port=$(musterctl status --json | sed -n 's/.*"127\.0\.0\.1:\([0-9]*\)".*/\1/p')

step "3. DNS names the host: _muster._tcp.fjord.test"
found="--host 127.0.0.1:$port"
dns=$((20000 + $$ % 12000))
if command -v dnsmasq >/dev/null 2>&1; then
	dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --listen-address=127.0.0.1 \
		--bind-interfaces --port=$dns --user="$(id -un)" --srv-host=_muster._tcp.fjord.test,host.fjord.test,"$port",10,60 \
		--address=/host.fjord.test/127.0.0.1 2>dnsmasq.log &
	pids="$pids $!"
	found="--domain fjord.test --dns 127.0.0.1:$dns"
	sleep 0.3
else
	echo "no DNS server here; the machines use the configured host"
fi
# shellcheck disable=SC2086 # options
muster --state state/look --products products $found where

step "4. The machines ask, one after another"
for i in $(seq $machines); do
	printf 'machine %2d: ' "$i"
	# shellcheck disable=SC2086
	muster --state "state/$i" --products products $found activate acme-cad 2>&1 | head -n 1
done

step "5. The first 24 ask again, as their agents would within two hours"
licensed=0
for i in $(seq 24); do
	# shellcheck disable=SC2086
	if muster --state "state/$i" --products products $found activate acme-cad >/dev/null 2>&1; then
		licensed=$((licensed + 1))
	fi
done
echo "$licensed of 24 are licensed now"
[ "$licensed" -eq 24 ]

step "6. What the administrator sees"
musterctl status

if [ -t 1 ] && [ -t 0 ]; then
	printf '\nThe host serves on 127.0.0.1:%s until Ctrl-C. Look at it:  MUSTERCTL_SOCKET=%s/run/admin.sock musterctl status\n' \
		"$port" "$run"
	wait
fi
