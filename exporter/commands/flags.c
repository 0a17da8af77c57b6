// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/flags.h"

#include <stdio.h>
#include <string.h>

#include "exporter/commands/options.h"

static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_choices[] = {"logfmt", "json", NULL};
static const char *const sandbox_choices[] = {"on", "off", NULL};
static const char *const namespace_choices[] = {"own", "all", NULL};
static const char *const sort_choices[] = {"address", "age", NULL};
static const char *const source_choices[] = {"auto", "bpf", "sock_diag", "procfs", NULL};

/* The kernel's highest pid: PID_MAX_LIMIT of linux/threads.h. */
#define PID_MAX 4194304

#define AT(member) offsetof(struct options, member)

const struct flag flags[] = {
    {"web.listen-address", "ADDRESS", ":10059",
	"HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH to listen on; may be repeated", KIND_ADDRESS,
	0},
    {"web.socket-mode", "MODE", "0660", "permissions of unix:PATH, in octal", KIND_OCTAL,
	AT(serve.socket_mode), 0, 0777},
    {"web.systemd-socket", NULL, NULL,
	"listen on the sockets that systemd passes, instead of --web.listen-address", KIND_SWITCH,
	AT(serve.systemd_socket)},
    {"web.config.file", "FILE", NULL,
	"TLS, passwords, headers and a rate limit, in the format of Prometheus' exporters; "
	"reloaded when it changes, and at SIGHUP",
	KIND_STRING, AT(serve.web_config)},
    {"web.telemetry-path", "PATH", "/metrics", "path of the metrics", KIND_STRING,
	AT(serve.telemetry_path)},
    {"web.max-requests", "N", "40",
	"scrapes and API requests at the same time; an address without any gets one all the same",
	KIND_NUMBER, AT(serve.max_requests), 1, 10000},
    {"web.max-requests-per-address", "N", NULL,
	"the same, from one address (default half of --web.max-requests)", KIND_NUMBER,
	AT(serve.max_requests_per_address), 1, 10000},
    {"web.max-connections", "N", "256",
	"connections at the same time; one more closes one of the address that has most",
	KIND_NUMBER, AT(serve.max_connections), 2, 10000},
    {"web.max-connections-per-address", "N", NULL,
	"the same, from one address (default half of --web.max-connections)", KIND_NUMBER,
	AT(serve.max_connections_per_address), 1, 10000},
    {"web.max-header-bytes", "N", "8192", "maximum length of a request line and headers",
	KIND_NUMBER, AT(serve.max_header_bytes), 512, 65536},
    {"web.max-walks-per-second", "N", "20",
	"walks over the sockets per second; requests that come faster share walks", KIND_NUMBER,
	AT(serve.max_walks_per_second), 1, 1000},
    {"web.request-timeout", "DURATION", "10s", "time for a client to send a request", KIND_DURATION,
	AT(serve.request_seconds), 1, 3600},
    {"web.response-timeout", "DURATION", "30s", "time for a client to read a response",
	KIND_DURATION, AT(serve.response_seconds), 1, 3600},
    {"web.enable-api", NULL, NULL,
	"serve /api/v1 and the live port map at /; every client that can connect then sees the "
	"names of processes and peers",
	KIND_SWITCH, AT(serve.enable_api)},
    {"web.disable-exporter-metrics", NULL, NULL,
	"leave out metrics about the exporter itself, except the collectors' success", KIND_SWITCH,
	AT(disable_exporter_metrics)},
    {"sockets.source", "SOURCE", "auto",
	"auto, bpf, sock_diag or procfs; auto uses bpf if permitted, procfs if the kernel lacks "
	"sock_diag",
	KIND_CHOICE, AT(source.kind), 0, 0, source_choices},
    {"sockets.record", "FILE", NULL, "metrics: also write what sock_diag sent to FILE", KIND_STRING,
	AT(source.record), 0, 0, NULL, "metrics"},
    {"sockets.replay", "FILE", NULL,
	"read the sockets from a FILE of --sockets.record, not from the kernel", KIND_STRING,
	AT(source.replay)},
    {"namespaces", "own|all", "own",
	"own, or all network namespaces of the host; all needs Linux 6.1 and root, or CAP_BPF and "
	"CAP_PERFMON, on the host at the start",
	KIND_CHOICE, AT(all_namespaces), 0, 0, namespace_choices, "serve metrics"},
    {"namespaces.limit", "N", "110",
	"with --namespaces=all: how many namespaces are shown, the fullest first", KIND_NUMBER,
	AT(namespaces.limit), 0, 10000, NULL, "serve metrics"},
    {"namespaces.series-limit", "N", "20",
	"with --namespaces=all: series of each namespace that is shown, the most important first",
	KIND_NUMBER, AT(namespaces.series), 1, 1000, NULL, "serve metrics"},
    {"path.pods", "DIRECTORY", "/var/log/pods",
	"where the kubelet makes a directory for each pod, for their names", KIND_STRING, AT(pods),
	0, 0, NULL, "serve metrics namespaces destinations top port trace advise"},
    {"path.netns", "DIRECTORY", "/run/netns",
	"where network namespaces have names, as ip-netns(8) gives them", KIND_STRING,
	AT(namespaces.names), 0, 0, NULL,
	"serve metrics namespaces destinations top port trace advise"},
    {"path.systemd", "DIRECTORY", "/etc/systemd/system",
	"advise: where systemd has the units that are enabled", KIND_STRING, AT(systemd), 0, 0,
	NULL, "advise"},
    {"path.procfs", "DIRECTORY", "/proc", "where procfs is mounted", KIND_STRING, AT(procfs)},
    {"path.sysfs", "DIRECTORY", "/sys", "where sysfs is mounted", KIND_STRING, AT(sysfs)},
    {"security.sandbox", "on|off", "on",
	"on: root becomes --security.user, capabilities that are not needed are dropped, and the "
	"kernel refuses system calls that are not needed",
	KIND_CHOICE, AT(serve.sandbox_off), 0, 0, sandbox_choices},
    {"security.user", "USER", "nobody", "the user that root becomes", KIND_STRING, AT(serve.user)},
    {"log.level", "LEVEL", "info", "debug, info, warn or error", KIND_CHOICE, AT(log_level), 0, 0,
	level_choices},
    {"log.format", "FORMAT", "logfmt", "logfmt or json", KIND_CHOICE, AT(log_format), 0, 0,
	format_choices},
    {"service-node-port-range", "FIRST-LAST", NULL,
	"NodePorts of this node's Kubernetes cluster, such as 30000-32767: the value of "
	"kube-apiserver's flag of that name; for ephemera_range_node_ports, port and advise",
	KIND_PORTS, AT(source.node_ports), 0, 0, NULL, "serve metrics port advise"},
    {"namespace", "NAME", NULL,
	"ask another network namespace: its name or number, a pod (POD or NAMESPACE/POD), or the "
	"PID of a process in it; destinations, port and trace also take all; needs root",
	KIND_STRING, AT(namespace), 0, 0, NULL, "destinations top port trace advise"},
    {"limit", "N", "20",
	"destinations, top, namespaces, trace: maximum rows; port: maximum paragraphs of each "
	"port, "
	"local and remote; with --json or --oneline, sockets",
	KIND_NUMBER, AT(limit), 1, 1000, NULL, "destinations top namespaces port trace"},
    {"sort", "ORDER", "address",
	"port: address or age; age shows the oldest sockets of each port first, as far as their "
	"age is "
	"known",
	KIND_CHOICE, AT(sorts_by_age), 0, 0, sort_choices, "port"},
    {"by", "NAME", NULL,
	"only what this process has (its name or PID), cgroup (its path, or one name in it) or pod "
	"(POD, NAMESPACE/POD or uid)",
	KIND_STRING, AT(by), 0, 0, NULL, "destinations top port trace"},
    {"to", "PEER", NULL,
	"only what goes to this peer: an address such as 10.0.0.1 or [::1], a network such as "
	"10.0.0.0/8, a port such as :443, or both such as 10.0.0.1:443; several with commas",
	KIND_PEERS, AT(peers), 0, 0, NULL, "destinations top port trace"},
    {"state", "STATE", NULL,
	"port: only sockets in this state, such as listen, established or time-wait; several with "
	"commas",
	KIND_STATES, AT(asked.states), 0, 0, NULL, "port"},
    {"json", NULL, NULL, "destinations, namespaces, port, trace, advise: print JSON", KIND_SWITCH,
	AT(json), 0, 0, NULL, "destinations namespaces port trace advise"},
    {"watch", NULL, NULL,
	"destinations, namespaces: refresh every second; port: print changes, with the time; until "
	"Ctrl-C",
	KIND_SWITCH, AT(watch), 0, 0, NULL, "destinations namespaces port"},
    {"resolve", NULL, NULL, "destinations: look up the names of peers, for at most 2 s",
	KIND_SWITCH, AT(resolve), 0, 0, NULL, "destinations"},
    {"snat", NULL, NULL, "destinations: the ports of source NAT; needs root", KIND_SWITCH, AT(snat),
	0, 0, NULL, "destinations"},
    {"snat-ports", "FIRST-LAST", NULL,
	"destinations --snat: the ports that the rules name (default: --collector.snat.ports, or "
	"what the rules say)",
	KIND_PORTS, AT(snat_ports), 0, 0, NULL, "destinations"},
    {"all-processes", NULL, NULL,
	"port: search all processes for a socket, even if processes of its cgroup have it",
	KIND_SWITCH, AT(all_processes), 0, 0, NULL, "port"},
    {"oneline", NULL, NULL,
	"port: print one line for each socket, for grep: port, protocol, state, local, remote, "
	"processes, cgroup, with tabs between them",
	KIND_SWITCH, AT(oneline), 0, 0, NULL, "port"},
    {"leases", NULL, NULL,
	"trace: print each lease of a port as it ends, not the calls that find no port; --json for "
	"a log",
	KIND_SWITCH, AT(trace_leases), 0, 0, NULL, "trace"},
    {"buffer", "MIB", "1", "trace --leases: memory for leases that are not printed yet, in MiB",
	KIND_NUMBER, AT(buffer_mib), 1, 1024, NULL, "trace"},
    {"at", "TIME", NULL,
	"port: print who had it then: HH:MM[:SS[.DIGITS]], today or yesterday, or "
	"2026-11-29T12:03:00Z; local time without Z or an offset; needs --leases",
	KIND_STRING, AT(at), 0, 0, NULL, "port"},
    {"leases", "FILE", NULL,
	"port: read them from FILE, which \"ephemera trace --leases --json\" wrote; - is standard "
	"input; needs --at",
	KIND_STRING, AT(leases), 0, 0, NULL, "port"},
    {"process", "PID", NULL,
	"healthcheck: if that process is an exporter, check the addresses in its flags; 1 in a "
	"container",
	KIND_NUMBER, AT(process), 1, PID_MAX, NULL, "healthcheck"},
    {"ready", NULL, NULL, "healthcheck: also check that a scrape would work", KIND_SWITCH,
	AT(ready), 0, 0, NULL, "healthcheck"},
};

const size_t flags_length = sizeof(flags) / sizeof(flags[0]);

/* Whether list, with blanks between its words, has this one. */
static bool has_word(const char *list, const char *word, size_t length)
{
	for (const char *i = list; *i; i += strspn(i, " ")) {
		const size_t each = strcspn(i, " ");

		if (each == length && strncmp(i, word, length) == 0)
			return true;
		i += each;
	}
	return false;
}

bool flag_is_of(const struct flag *flag, const char *command)
{
	const char *name = command ? command : "serve";

	return !flag->commands || has_word(flag->commands, name, strlen(name));
}

static void add_default(const struct flag *flag, char text[static FLAG_HELP_SIZE])
{
	const size_t length = strlen(text);

	if (flag->initial)
		snprintf(text + length, FLAG_HELP_SIZE - length, " (default %s)", flag->initial);
}

void flag_format_help(const struct flag *flag, char text[static FLAG_HELP_SIZE])
{
	snprintf(text, FLAG_HELP_SIZE, "%s", flag->help);
	add_default(flag, text);
}

/*
 * What follows "destinations, port: ", and whether the command is among them. Without such a start
 * the clause is returned, and is of the same commands as the one before.
 */
static const char *skip_commands(
    const struct flag *flag, const char *clause, const char *command, bool *is_for)
{
	const char *at = clause;
	bool found = false;

	for (;;) {
		const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz-");

		if (!length || !flag->commands || !has_word(flag->commands, at, length))
			return clause;
		found = found || (strlen(command) == length && strncmp(at, command, length) == 0);
		at += length;
		if (strncmp(at, ": ", 2) == 0) {
			*is_for = found;
			return at + 2;
		}
		if (strncmp(at, ", ", 2) != 0)
			return clause;
		at += 2;
	}
}

void flag_format_help_of(
    const struct flag *flag, const char *command, char text[static FLAG_HELP_SIZE])
{
	const char *clause = flag->help;
	bool is_for = true;

	text[0] = '\0';
	while (*clause) {
		const char *words = skip_commands(flag, clause, command, &is_for);
		const char *end = strstr(words, "; ");
		const size_t length = strlen(text);

		if (is_for)
			snprintf(text + length, FLAG_HELP_SIZE - length, "%s%.*s",
			    length ? "; " : "", (int)(end ? end - words : (long)strlen(words)),
			    words);
		clause = end ? end + 2 : "";
	}
	add_default(flag, text);
}

const char flag_help_help[] = "print this and exit";
const char flag_version_help[] = "print the version, the commit, and what it is built with";
const char flag_disable_defaults_help[] =
    "switch off every collector that its own flag does not switch on";
