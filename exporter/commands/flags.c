// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/flags.h"

#include "exporter/commands/options.h"

static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_choices[] = {"logfmt", "json", NULL};
static const char *const sandbox_choices[] = {"on", "off", NULL};
static const char *const source_choices[] = {"auto", "sock_diag", "procfs", NULL};

/* The most that the kernel gives: PID_MAX_LIMIT of linux/threads.h. */
#define PID_MAX 4194304

#define AT(member) offsetof(struct options, member)

#define SERVE (1u << COMMAND_SERVE)
#define METRICS (1u << COMMAND_METRICS)
#define DESTINATIONS (1u << COMMAND_DESTINATIONS)
#define PORT (1u << COMMAND_PORT)
#define TRACE (1u << COMMAND_TRACE)
#define HEALTHCHECK (1u << COMMAND_HEALTHCHECK)

const struct flag flags[] = {
    {"web.listen-address", "ADDRESS",
	"HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH to listen on; may be repeated (default :10059)",
	KIND_ADDRESS, 0, 0, 0, NULL},
    {"web.socket-mode", "MODE", "permissions of unix:PATH, in octal (default 0660)", KIND_OCTAL,
	AT(serve.socket_mode), 0, 0777, NULL},
    {"web.systemd-socket", NULL,
	"listen on the sockets that systemd passes, instead of --web.listen-address", KIND_SWITCH,
	AT(serve.systemd_socket), 0, 0, NULL},
    {"web.config.file", "FILE",
	"TLS, passwords, headers and a rate limit, in the format of Prometheus' exporters; read "
	"anew "
	"when it changes",
	KIND_STRING, AT(serve.web_config), 0, 0, NULL},
    {"web.telemetry-path", "PATH", "path of the metrics (default /metrics)", KIND_STRING,
	AT(serve.telemetry_path), 0, 0, NULL},
    {"web.max-requests", "N",
	"scrapes, and requests to the API, waited for at the same time (default 40)", KIND_NUMBER,
	AT(serve.max_requests), 1, 10000, NULL},
    {"web.max-requests-per-address", "N",
	"of those, from one address (default half of --web.max-requests)", KIND_NUMBER,
	AT(serve.max_requests_per_address), 1, 10000, NULL},
    {"web.max-connections", "N",
	"connections at the same time; the next one drives out the one silent longest "
	"(default 256)",
	KIND_NUMBER, AT(serve.max_connections), 2, 10000, NULL},
    {"web.max-connections-per-address", "N",
	"of those, from one address (default half of --web.max-connections)", KIND_NUMBER,
	AT(serve.max_connections_per_address), 1, 10000, NULL},
    {"web.max-header-bytes", "N", "length of a request's line and headers (default 8192)",
	KIND_NUMBER, AT(serve.max_header_bytes), 512, 65536, NULL},
    {"web.max-walks-per-second", "N",
	"walks over the sockets in a second; requests that come faster share them (default 20)",
	KIND_NUMBER, AT(serve.max_walks_per_second), 1, 1000, NULL},
    {"web.request-timeout", "DURATION", "time to send a request (default 10s)", KIND_DURATION,
	AT(serve.request_seconds), 1, 3600, NULL},
    {"web.response-timeout", "DURATION", "time to take a response (default 30s)", KIND_DURATION,
	AT(serve.response_seconds), 1, 3600, NULL},
    {"web.enable-api", NULL,
	"serve /api/v1 and the live port map at /, which name processes and peers to whoever can "
	"connect",
	KIND_SWITCH, AT(serve.enable_api), 0, 0, NULL},
    {"web.disable-exporter-metrics", NULL,
	"leave out what the exporter says of itself, but for the collectors' success", KIND_SWITCH,
	AT(disable_exporter_metrics), 0, 0, NULL},
    {"sockets.source", "SOURCE",
	"auto, sock_diag or procfs; auto falls back to procfs where the kernel lacks sock_diag "
	"(default auto)",
	KIND_CHOICE, AT(source.kind), 0, 0, source_choices},
    {"sockets.record", "FILE", "metrics: also write what sock_diag sent to FILE", KIND_STRING,
	AT(source.record), 0, 0, NULL, METRICS},
    {"sockets.replay", "FILE",
	"read the sockets from a FILE of --sockets.record, not from the kernel", KIND_STRING,
	AT(source.replay), 0, 0, NULL},
    {"path.procfs", "DIRECTORY", "where procfs is mounted (default /proc)", KIND_STRING, AT(procfs),
	0, 0, NULL},
    {"path.sysfs", "DIRECTORY", "where sysfs is mounted (default /sys)", KIND_STRING, AT(sysfs), 0,
	0, NULL},
    {"security.sandbox", "on|off",
	"on: as root become --security.user, drop the capabilities that nothing needs, and let the "
	"kernel refuse the system calls that are not used (default on)",
	KIND_CHOICE, AT(serve.sandbox_off), 0, 0, sandbox_choices},
    {"security.user", "USER", "whom root becomes (default nobody)", KIND_STRING, AT(serve.user), 0,
	0, NULL},
    {"log.level", "LEVEL", "debug, info, warn or error (default info)", KIND_CHOICE, AT(log_level),
	0, 0, level_choices},
    {"log.format", "FORMAT", "logfmt or json (default logfmt)", KIND_CHOICE, AT(log_format), 0, 0,
	format_choices},
    {"service-node-port-range", "FIRST-LAST",
	"NodePorts of the Kubernetes cluster that this is a node of, such as 30000-32767: what "
	"kube-apiserver's flag of that name says; for ephemera_range_node_ports and port",
	KIND_PORTS, AT(source.node_ports), 0, 0, NULL, SERVE | METRICS | PORT},
    {"limit", "N",
	"destinations, trace: rows at the most; port: sockets shown of each port, local and remote "
	"(default 20)",
	KIND_NUMBER, AT(limit), 1, 1000, NULL, DESTINATIONS | PORT | TRACE},
    {"json", NULL, "destinations, port, trace: JSON, for programs", KIND_SWITCH, AT(json), 0, 0,
	NULL, DESTINATIONS | PORT | TRACE},
    {"watch", NULL,
	"destinations: again every second; port: what changes, with the time; until Ctrl-C",
	KIND_SWITCH, AT(watch), 0, 0, NULL, DESTINATIONS | PORT},
    {"resolve", NULL, "destinations: look up the names of the peers, for 2 s at the most",
	KIND_SWITCH, AT(resolve), 0, 0, NULL, DESTINATIONS},
    {"all-processes", NULL,
	"port: look for a socket's processes everywhere, also where its cgroup has some",
	KIND_SWITCH, AT(all_processes), 0, 0, NULL, PORT},
    {"process", "PID",
	"healthcheck: if that process is an exporter, where its flags make it listen; 1 in a "
	"container",
	KIND_NUMBER, AT(process), 1, PID_MAX, NULL, HEALTHCHECK},
    {"ready", NULL, "healthcheck: ask whether a scrape would work, not only whether it answers",
	KIND_SWITCH, AT(ready), 0, 0, NULL, HEALTHCHECK},
};

const size_t flags_length = sizeof(flags) / sizeof(flags[0]);

const char flag_help_help[] = "print this and exit";
const char flag_version_help[] = "print the version and exit";
const char flag_disable_defaults_help[] =
    "switch every collector off that is not switched on by its own flag";
