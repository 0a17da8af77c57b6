# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A place to try what semantics.md says. `unshare -rn bash --rcfile docs/try.sh` opens a shell in
# a network namespace of its own, with ten ephemeral ports and two servers. No root is needed, and
# all is gone when the shell ends.

PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range
echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse # no TIME_WAIT is reusable unless we say so

# keep CODE: runs Python code, and keeps its sockets open until the shell ends.
keep() {
	exec {output}< <(exec python3 -uc "
import errno, os, struct, time
from socket import *

def many(make, most=99):
    made = []
    try:
        while len(made) < most:
            made.append(make())
        print(len(made))
    except OSError as error:
        print(len(made), 'and then', errno.errorcode.get(error.errno, error))
    return made

def bound(address, port=0, kind=SOCK_STREAM):
    made = socket(AF_INET6 if ':' in address else AF_INET, kind)
    made.bind((address, port))
    return made

def to(port, address='127.0.0.1', made=None):
    made = made or socket(AF_INET6 if ':' in address else AF_INET)
    made.connect((address, port))
    return made

$1
print('.')
time.sleep(9999)")
	kept="$kept $!"
	# shellcheck disable=SC2154
	while read -ru "$output" line && [ "$line" != . ]; do
		echo "$line"
	done
}
# shellcheck disable=SC2086
trap 'kill $kept' EXIT

# connect PORT [ADDRESS]: connects until the kernel refuses.
connect() {
	keep "clients = many(lambda: to($1, '${2-127.0.0.1}'))"
}

# metrics NAME [FLAG...]: what a scrape says now, without the zeros. By what anybody may read.
metrics() {
	ephemera metrics --log.level=error --collector.destinations.minimum-ports=1 \
		--sockets.source=sock_diag "${@:2}" |
		grep -E "^ephemera_($1)" | grep -v ' 0$'
}

keep "servers = [create_server(('', port), backlog=99) for port in (9000, 9001)]"
