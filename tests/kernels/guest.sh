# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What is done in the machine, by busybox: sh /guest.sh. Each phase has a network namespace of its
# own. What is written behind "== NAME" is that part of what the tests read; workload.py has the
# sockets and the ranges.

# part NAME
part() {
	echo "== $phase.$1"
}

# hold NAME: makes the sockets of a workload, in a cgroup of their own, and keeps them until release
hold() {
	: >/made
	(
		echo 0 >/sys/fs/cgroup/workload/cgroup.procs
		ulimit -n 8192
		exec ephemera-sockets "/workloads/$1"
	) >>/made &
	holder=$!
	until grep -q '^held' /made || ! kill -0 "$holder" 2>/dev/null; do sleep 0.1; done
	part "$1"
	cat /made
}

release() {
	kill "$holder"
	wait "$holder"
}

# serve FLAG...: returns when it answers
serve() {
	"$program" --collector.destinations.minimum-ports=0 "$@" 2>/log &
	exporter=$!
	for _ in $(seq 60); do
		if ephemera healthcheck >/dev/null 2>&1 || ! kill -0 "$exporter" 2>/dev/null; then
			return
		fi
		sleep 0.5
	done
}

# scrape NAME
scrape() {
	part "$1"
	wget -q -O - http://127.0.0.1:10059/metrics
}

end() {
	part status
	cat "/proc/$exporter/status"
	kill "$exporter"
	wait "$exporter"
	part ended
	echo $?
	part log
	cat /log
}

# once FLAG...: a single scrape
once() {
	"$program" metrics --collector.destinations.minimum-ports=0 --collector.destinations.limit=100 "$@" 2>/said
}

# compare FLAG...: the same sockets, read by the exporter and by ss
compare() {
	hold plain
	part metrics
	once "$@"
	part said
	cat /said
	for list in tcp4:-4tan tcp6:-6tan udp4:-4uan udp6:-6uan; do
		part "${list%:*}"
		ss -H "${list#*:}"
	done
}

phase_procfs() {
	compare
	part bpf
	once --sockets.source=bpf
	cat /said
	serve
	scrape served
	end
}

# look_up FLAG...: by the API and by the command
look_up() {
	serve --web.enable-api "$@"
	scrape served
	part ports
	wget -q -O - http://127.0.0.1:10059/api/v1/ports/9000
	echo
	part port
	"$program" port 9000 "$@"
	part listener
	"$program" port --json 41150 "$@"
	end
}

phase_sock_diag() {
	compare --sockets.source=sock_diag
	look_up --sockets.source=sock_diag
}

phase_walk() {
	compare
	part by_sock_diag
	once --sockets.source=sock_diag
	look_up
}

# By the program for kernels that lack a function.
phase_walk_by_copy() {
	program=ephemera-by-copy
	phase_walk
}

phase_many() {
	# Otherwise connect() takes some ports from a TIME_WAIT.
	echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse
	hold many
	part walk
	once
	program=ephemera-by-copy
	part walk_by_copy
	once
	part sock_diag
	once --sockets.source=sock_diag
}

# With programs that are broken on purpose, each in place of the exporter's own.
phase_broken_walk() {
	hold plain
	export LD_PRELOAD=/broken/broken_walk.so
	# Nobody connects while it compares: by so many sockets what it finds may differ.
	export BROKEN_WALK=/broken/walk_skips_connections
	# It still has what the exporter of the phase before said, until the next one has begun.
	: >/log
	"$program" 2>/log &
	exporter=$!
	until grep -q Listening /log || ! kill -0 "$exporter" 2>/dev/null; do sleep 0.1; done
	end
	for fault in none counts_nothing counts_twice skips_a_bucket; do
		export BROKEN_WALK=/broken/walk_$fault
		part $fault
		once --sockets.source=bpf
		cat /said
		part "$fault.auto"
		once
	done
}

# Its phase is this namespace's name.
name_it() {
	mkdir -p /run/netns
	touch "/run/netns/$phase"
	mount --bind /proc/self/ns/net "/run/netns/$phase"
}

# What it holds stays until /over.
stay() {
	touch "/there_$phase"
	until [ -e /over ]; do sleep 0.2; done
	release
}

# start NAME: that phase in a namespace beside this one, until it stays
start() {
	unshare -n sh /guest.sh "$1" &
	for _ in $(seq 300); do
		if [ -e "/there_$1" ]; then break; fi
		sleep 0.2
	done
}

# What only this namespace says of itself.
inside() {
	name_it
	if [ -e "/reserved/$phase" ]; then
		cat "/reserved/$phase" >/proc/sys/net/ipv4/ip_local_reserved_ports
	fi
	hold "$1"
	part inode
	stat -L -c %i /proc/self/ns/net
	part settings
	(cd /proc/sys/net && grep . ipv4/ip_local_port_range ipv4/ip_local_reserved_ports \
		ipv4/ip_unprivileged_port_start ipv4/tcp_tw_reuse ipv4/tcp_tw_reuse_delay \
		ipv4/tcp_fin_timeout ipv4/tcp_max_tw_buckets ipv6/bindv6only 2>/dev/null)
	part sock_diag
	list_sockets sock_diag
	part alone
	once
	stay
}

phase_red() {
	# What is in TIME_WAIT stays that.
	echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse
	inside plain
}

phase_green() {
	inside before_connect
}

phase_blue() {
	echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse
	echo 37 >/proc/sys/net/ipv4/tcp_fin_timeout
	echo 1000 >/proc/sys/net/ipv4/ip_unprivileged_port_start
	echo 4711 >/proc/sys/net/ipv4/tcp_max_tw_buckets
	echo 1 >/proc/sys/net/ipv6/bindv6only
	inside leased
}

# All at once. The next to the last has tables of its own, where this kernel knows that.
phase_namespaces() {
	for name in red green blue; do
		for table in tcp_child_ehash_entries udp_child_hash_entries; do
			if [ -e /proc/sys/net/ipv4/$table ]; then
				if [ $name = green ]; then echo 64; else echo 0; fi >/proc/sys/net/ipv4/$table
			fi
		done
		start $name
	done
	for copy in "" _by_copy; do
		part "all$copy"
		"list_sockets$copy" all
	done
	part metrics
	once --namespaces=all --namespaces.series-limit=1000
	part metrics_by_copy
	program=ephemera-by-copy
	once --namespaces=all --namespaces.series-limit=1000
	touch /over
	wait
}

phase_exhaustion() {
	# Now and then a client of a scrape closes first. The port that it has in TIME_WAIT would be lost to
	# all once a bind() shares it.
	echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets
	serve --collector.exhaustion
	scrape first | tee /first
	hold leases
	scrape leased
	release
	hold binds
	release
	hold failures
	# Those of another namespace are none of ours.
	unshare -n sh /guest.sh elsewhere
	scrape last
	end
}

phase_failing() {
	name_it
	hold binds
	release
	hold failures
	stay
}

phase_failing_less() {
	name_it
	hold elsewhere
	stay
}

# None of this namespace, and all of others.
phase_elsewhere_by_destination() {
	rm -f /over
	serve --collector.exhaustion --namespaces=all --namespaces.series-limit=1000
	start failing
	first=$!
	start failing_less
	second=$!
	scrape last
	touch /over
	wait "$first" "$second"
	end
}

phase_ages() {
	hold older
	older=$holder
	serve --collector.exhaustion --web.enable-api
	hold ages
	part ports
	wget -q -O - "http://127.0.0.1:10059/api/v1/ports/9001?limit=100"
	echo
	part older_ports
	wget -q -O - "http://127.0.0.1:10059/api/v1/ports/9000?limit=100"
	echo
	release
	kill "$older"
	wait "$older"
	end
}

# links PROCESS: how many programs it has attached
links() {
	for descriptor in "/proc/$1/fd/"*; do readlink "$descriptor"; done | grep -c bpf_link
}

begin_trace() {
	ephemera trace --json >/trace 2>&1 &
	tracer=$!
	# One for connect(), one for packets, two for bind(), which not every kernel shows.
	programs=4
	if grep -q '^ephemera_kernel_feature{feature="bind_conflicts"} 0' /first; then
		programs=2
	fi
	# It says nothing of itself in JSON. It is there once its programs are attached.
	for _ in $(seq 120); do
		if [ "$(links $tracer)" -ge $programs ] || ! kill -0 $tracer 2>/dev/null; then
			break
		fi
		sleep 0.5
	done
}

end_trace() {
	sleep 1
	kill -INT "$tracer"
	wait "$tracer"
	part ended
	echo $?
	part events
	cat /trace
}

phase_trace() {
	begin_trace
	hold binds
	# The last line of it is told: who holds the other ports was looked up, and may go.
	for _ in $(seq 100); do
		if [ $programs -eq 2 ] || grep -q '"port":9002' /trace; then break; fi
		sleep 0.2
	done
	release
	hold failures
	end_trace
}

phase_lease_trace() {
	ephemera trace --leases --json >/leases 2>&1 &
	tracer=$!
	# Its first line is there once its program is attached.
	for _ in $(seq 120); do
		if [ -s /leases ] || ! kill -0 $tracer 2>/dev/null; then
			break
		fi
		sleep 0.5
	done
	hold "$phase"
	release
	# Those of another namespace are none of ours.
	unshare -n sh /guest.sh elsewhere
	sleep 1
	kill -INT "$tracer"
	wait "$tracer"
	part ended
	echo $?
	part lines
	cat /leases
	part answer
	first=$(sed -n '2s/.*"from":"\([^"]*\)".*/\1/p' /leases)
	ephemera port 41000-41009 --at="$first" --leases=- --json </leases
}

# It begins before there is connection tracking.
phase_snat_trace() {
	part types_before
	ls /sys/kernel/btf
	begin_trace
	sh /load_nat
	part types
	ls /sys/kernel/btf
	nft -f /nat_rules
	hold snat
	release
	end_trace
}

phase_snat() {
	nft -f /nat_rules
	serve --collector.snat --collector.snat.ports=42000-42004
	hold snat
	scrape lost
	# The kernel makes a new table: only for who is in the first namespace.
	nsenter -t 1 -n sh -c 'echo 8192 >/proc/sys/net/netfilter/nf_conntrack_buckets'
	part buckets
	cat /proc/sys/net/netfilter/nf_conntrack_buckets
	scrape new_table
	part by_text
	ephemera metrics --collector.disable-defaults --collector.snat --collector.snat.ports=42000-42004 --collector.snat.proc
	# Packets that begin a connection find no place in the table, those of a scrape among them.
	nsenter -t 1 -n sh -c 'cd /proc/sys/net/netfilter && cat nf_conntrack_max >/conntrack_max && echo 8 >nf_conntrack_max'
	for _ in 1 2 3 4 5; do
		timeout 1 wget -q -O - http://127.0.0.1:10059/-/healthy >/dev/null 2>&1
	done
	part full
	ephemera metrics --collector.snat --collector.snat.ports=42000-42004
	part advice
	ephemera advise --json
	# As it says, and only for who is in the first namespace.
	ephemera advise | sed -n 's/^    sysctl -w net.netfilter.nf_conntrack_max=//p' >/advised
	nsenter -t 1 -n sh -c 'cat /advised >/proc/sys/net/netfilter/nf_conntrack_max'
	part advised
	ephemera metrics --collector.snat --collector.snat.ports=42000-42004
	part answer
	timeout 5 wget -q -O - http://127.0.0.1:10059/-/healthy
	nsenter -t 1 -n sh -c 'cat /conntrack_max >/proc/sys/net/netfilter/nf_conntrack_max'
	scrape room_again
	release
	end
}

phase_elsewhere() {
	hold elsewhere
	release
}

phase_before_connect() {
	serve --collector.exhaustion
	hold "$phase"
	scrape served
	part without
	ephemera metrics --sockets.source=sock_diag
	hold others
	end
}

phase_before_connect_ipv6() {
	phase_before_connect
}

# A bind() comes to ports that others have leased, and goes again.
phase_beside() {
	serve --collector.binds.buckets
	hold leased
	leaser=$holder
	hold beside
	scrape during
	release
	scrape after
	part without
	ephemera metrics --sockets.source=sock_diag
	hold left
	release
	kill "$leaser"
	wait "$leaser"
	scrape over
	end
}

phase_ordinary() {
	hold plain
	part id
	su -s /applets/sh nobody -c id
	# Executed, so that it is not a shell that is told to end.
	su -s /applets/sh nobody -c \
		'exec /usr/bin/ephemera --collector.destinations.minimum-ports=0 --collector.exhaustion' \
		2>/log &
	exporter=$!
	for _ in $(seq 60); do
		if ephemera healthcheck >/dev/null 2>&1 || ! kill -0 "$exporter" 2>/dev/null; then
			break
		fi
		sleep 0.5
	done
	scrape served
	end
}

if [ $# -eq 0 ]; then
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mkdir /sys/fs/cgroup/workload
	phase=machine
	part release
	uname -r
	part btf
	ls /sys/kernel/btf/vmlinux
	part tcp_tw_reuse_delay
	if [ -e /proc/sys/net/ipv4/tcp_tw_reuse_delay ]; then echo yes; else echo no; fi
	for name in procfs sock_diag walk walk_by_copy broken_walk namespaces many exhaustion \
		elsewhere_by_destination ages trace \
		lease_trace snat_trace snat \
		before_connect before_connect_ipv6 beside ordinary; do
		phase=machine
		if [ $name = sock_diag ]; then
			sh /load_modules
		fi
		part "modules_of_$name"
		cat /proc/modules
		unshare -n sh /guest.sh $name
	done
	phase=machine
	part uptime
	cat /proc/uptime
	exit
fi
phase=$1
program=ephemera
ip link set lo up
if [ -e "/ranges/$phase" ]; then
	cat "/ranges/$phase" >/proc/sys/net/ipv4/ip_local_port_range
fi
"phase_$phase"
