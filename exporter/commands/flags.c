// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/flags.h"

#include <stdio.h>
#include <string.h>

#include "exporter/commands/options.h"

static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_choices[] = {"logfmt", "json", NULL};
static const char *const sandbox_choices[] = {"on", "off", NULL};
static const char *const source_choices[] = {"auto", "sock_diag", "procfs", NULL};

/* The most that the kernel gives: PID_MAX_LIMIT of linux/threads.h. */
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
	"TLS, passwords, headers and a rate limit, in the format of Prometheus' exporters; read "
	"anew when it changes",
	KIND_STRING, AT(serve.web_config)},
    {"web.telemetry-path", "PATH", "/metrics", "path of the metrics", KIND_STRING,
	AT(serve.telemetry_path)},
    {"web.max-requests", "N", "40", "scrapes, and requests to the API, waited for at the same time",
	KIND_NUMBER, AT(serve.max_requests), 1, 10000},
    {"web.max-requests-per-address", "N", NULL,
	"of those, from one address (default half of --web.max-requests)", KIND_NUMBER,
	AT(serve.max_requests_per_address), 1, 10000},
    {"web.max-connections", "N", "256",
	"connections at the same time; the next one drives out the one silent longest", KIND_NUMBER,
	AT(serve.max_connections), 2, 10000},
    {"web.max-connections-per-address", "N", NULL,
	"of those, from one address (default half of --web.max-connections)", KIND_NUMBER,
	AT(serve.max_connections_per_address), 1, 10000},
    {"web.max-header-bytes", "N", "8192", "length of a request's line and headers", KIND_NUMBER,
	AT(serve.max_header_bytes), 512, 65536},
    {"web.max-walks-per-second", "N", "20",
	"walks over the sockets in a second; requests that come faster share them", KIND_NUMBER,
	AT(serve.max_walks_per_second), 1, 1000},
    {"web.request-timeout", "DURATION", "10s", "time to send a request", KIND_DURATION,
	AT(serve.request_seconds), 1, 3600},
    {"web.response-timeout", "DURATION", "30s", "time to take a response", KIND_DURATION,
	AT(serve.response_seconds), 1, 3600},
    {"web.enable-api", NULL, NULL,
	"serve /api/v1 and the live port map at /, which name processes and peers to whoever can "
	"connect",
	KIND_SWITCH, AT(serve.enable_api)},
    {"web.disable-exporter-metrics", NULL, NULL,
	"leave out what the exporter says of itself, but for the collectors' success", KIND_SWITCH,
	AT(disable_exporter_metrics)},
    {"sockets.source", "SOURCE", "auto",
	"auto, sock_diag or procfs; auto falls back to procfs where the kernel lacks sock_diag",
	KIND_CHOICE, AT(source.kind), 0, 0, source_choices},
    {"sockets.record", "FILE", NULL, "metrics: also write what sock_diag sent to FILE", KIND_STRING,
	AT(source.record), 0, 0, NULL, "metrics"},
    {"sockets.replay", "FILE", NULL,
	"read the sockets from a FILE of --sockets.record, not from the kernel", KIND_STRING,
	AT(source.replay)},
    {"path.procfs", "DIRECTORY", "/proc", "where procfs is mounted", KIND_STRING, AT(procfs)},
    {"path.sysfs", "DIRECTORY", "/sys", "where sysfs is mounted", KIND_STRING, AT(sysfs)},
    {"security.sandbox", "on|off", "on",
	"on: as root become --security.user, drop the capabilities that nothing needs, and let the "
	"kernel refuse the system calls that are not used",
	KIND_CHOICE, AT(serve.sandbox_off), 0, 0, sandbox_choices},
    {"security.user", "USER", "nobody", "whom root becomes", KIND_STRING, AT(serve.user)},
    {"log.level", "LEVEL", "info", "debug, info, warn or error", KIND_CHOICE, AT(log_level), 0, 0,
	level_choices},
    {"log.format", "FORMAT", "logfmt", "logfmt or json", KIND_CHOICE, AT(log_format), 0, 0,
	format_choices},
    {"service-node-port-range", "FIRST-LAST", NULL,
	"NodePorts of the Kubernetes cluster that this is a node of, such as 30000-32767: what "
	"kube-apiserver's flag of that name says; for ephemera_range_node_ports and port",
	KIND_PORTS, AT(source.node_ports), 0, 0, NULL, "serve metrics port"},
    {"limit", "N", "20",
	"destinations, trace: rows at the most; port: sockets shown of each port, local and remote",
	KIND_NUMBER, AT(limit), 1, 1000, NULL, "destinations port trace"},
    {"json", NULL, NULL, "destinations, port, trace: JSON, for programs", KIND_SWITCH, AT(json), 0,
	0, NULL, "destinations port trace"},
    {"watch", NULL, NULL,
	"destinations: again every second; port: what changes, with the time; until Ctrl-C",
	KIND_SWITCH, AT(watch), 0, 0, NULL, "destinations port"},
    {"resolve", NULL, NULL, "destinations: look up the names of the peers, for 2 s at the most",
	KIND_SWITCH, AT(resolve), 0, 0, NULL, "destinations"},
    {"all-processes", NULL, NULL,
	"port: look for a socket's processes everywhere, also where its cgroup has some",
	KIND_SWITCH, AT(all_processes), 0, 0, NULL, "port"},
    {"process", "PID", NULL,
	"healthcheck: if that process is an exporter, where its flags make it listen; 1 in a "
	"container",
	KIND_NUMBER, AT(process), 1, PID_MAX, NULL, "healthcheck"},
    {"ready", NULL, NULL,
	"healthcheck: ask whether a scrape would work, not only whether it answers", KIND_SWITCH,
	AT(ready), 0, 0, NULL, "healthcheck"},
};

const size_t flags_length = sizeof(flags) / sizeof(flags[0]);

bool flag_is_of(const struct flag *flag, const char *command)
{
	const char *name = command ? command : "serve";
	const size_t length = strlen(name);

	if (!flag->commands)
		return true;
	for (const char *i = flag->commands; *i; i += strspn(i, " ")) {
		const size_t word = strcspn(i, " ");

		if (word == length && strncmp(i, name, length) == 0)
			return true;
		i += word;
	}
	return false;
}

void flag_format_help(const struct flag *flag, char text[static FLAG_HELP_SIZE])
{
	snprintf(text, FLAG_HELP_SIZE, "%s%s%s%s", flag->help, flag->initial ? " (default " : "",
	    flag->initial ? flag->initial : "", flag->initial ? ")" : "");
}

const char flag_help_help[] = "print this and exit";
const char flag_version_help[] = "print the version and exit";
const char flag_disable_defaults_help[] =
    "switch every collector off that is not switched on by its own flag";
