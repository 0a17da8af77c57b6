// SPDX-License-Identifier: Apache-2.0
/* Prints docs/metrics.md: what the registry says of every collector and metric. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/namespaces.h"
#include "collectors/registry.h"
#include "exporter/base/text.h"
#include "exporter/scrape/self_metrics.h"

#define WIDTH 100

/* The values of a label; if several entries fit, the first one counts. */
static const struct {
	const char *metric; /* NULL: every metric that has the label */
	const char *label;
	const char *values;
} labels[] = {
    {"ephemera_accept_queue_sockets", "address", "what the listener is bound to"},
    {"ephemera_accept_queue_limit_sockets", "address", "what the listener is bound to"},
    {"ephemera_range_listener_info", "address", "what the listener is bound to"},
    {NULL, "address", "a local address"},
    {NULL, "cgroup",
	"its path below the cgroup hierarchy, or `id:` and a number if the cgroup is gone"},
    {NULL, "reason",
	"`connections`, `connections_per_address`, `header_bytes`, `malformed`, "
	"`request_timeout`, `response_timeout`, `requests`, `requests_per_address`, "
	"`password_checks`, `rate_limit`, "
	"`walks`"},
    {NULL, "code",
	"`200`, `400`, `401`, `403`, `404`, `405`, `414`, `429`, `431`, `500`, `503`, `other`"},
    {NULL, "collector", "a collector's name"},
    {NULL, "compiler", "the compiler that built it"},
    {NULL, "container_id", "empty if the cgroup is not a container's"},
    {"ephemera_snat_ports", "source", "the SNAT address: what it goes out with"},
    {"ephemera_snat_loss_ratio", "source", "the SNAT address"},
    {"ephemera_snat_lost_packets_total", "source", "the SNAT address"},
    {"ephemera_snat_client_ports", "source", "the SNAT address"},
    {"ephemera_snat_ports", "state", "`active`, `closing`"},
    {NULL, "client", "the address that it came from"},
    {NULL, "first_port", "of the range"},
    {NULL, "last_port", "of the range"},
    {NULL, "destination", "the peer's address"},
    {NULL, "destination_port", "the peer's port"},
    {"ephemera_tcp_connections", "direction", "`inbound`, `outbound`"},
    {"ephemera_tcp_opens_total", "direction", "`active`, `passive`"},
    {NULL, "event", "`tcp_state`, `tcp_bind`, `udp_bind`"},
    {NULL, "family", "`ipv4`, `ipv6`"},
    {NULL, "feature",
	"`sock_diag`, `socket_walk`, `bound_inactive`, `bound_interface`, `bind_before_connect`, "
	"`time_wait_reuse`, `port_exhaustion`, `bind_port_exhaustion`, `bind_conflicts`, "
	"`snat_lost_packets`, `cgroup_owners`"},
    {NULL, "holder", "`listen`, `bound`, `connected`"},
    {NULL, "listing",
	"`tcp_listen`, `tcp_chosen`, `tcp_bound`, `tcp`, `udp4_chosen`, `udp6_chosen`, `udp4`, "
	"`udp6`; of a walk by BPF `tcp_listen`, `tcp_bound`, `tcp_connected`, `udp`"},
    {NULL, "namespace", "of the pod; empty if there is no pod, or --path.pods does not have it"},
    {NULL, "pod", "its name; empty as the namespace"},
    {NULL, "pod_uid", "empty if the cgroup is not a Kubernetes pod's"},
    {"ephemera_bind_conflicts_total", "port", "the port that was asked for"},
    {NULL, "port", "the listener's port"},
    {NULL, "pressure", "`low`, `half`, `high`, `full`"},
    {"ephemera_node_view", "part", "`network`, `cgroups`, `pods`, `names`"},
    {NULL, "protocol", "`tcp`, `udp`"},
    {NULL, "remaining", "`under_15s`, `15s_to_30s`, `30s_to_45s`, `over_45s`"},
    {NULL, "reserved", "`true`, `false`"},
    {"ephemera_snat_source_info", "source", "`proc`, `netlink`"},
    {NULL, "origin", "where the exporter has it from: `flag`, `rules`, `default`"},
    {"ephemera_socket_source_info", "source", "`bpf`, `sock_diag`, `procfs`, `replay`"},
    {NULL, "source", "the local address, with the interface that its sockets are bound to"},
    {"ephemera_destination_ports", "state", "`active`, `time_wait`, `reusable`"},
    {"ephemera_sockets", "state",
	"for tcp `established`, `syn_sent`, `syn_recv`, `fin_wait1`, `fin_wait2`, `time_wait`, "
	"`close`, `close_wait`, `last_ack`, `listen`, `closing`, `bound`; for udp `established` "
	"and `close`"},
    {NULL, "zone", "the conntrack zone; empty in the default one"},
    {NULL, "version", "the program's version"},
};

static bool complete = true;

static const char *values_of(const struct metric_family *family, const char *label)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(labels[i].label, label) == 0 &&
		    (!labels[i].metric || strcmp(labels[i].metric, family->name) == 0))
			return labels[i].values;
	fprintf(
	    stderr, "%s: what can its label %s be? Add it to %s\n", family->name, label, __FILE__);
	complete = false;
	return "";
}

/* text; or "" and an error if it is NULL, which was forgotten. owner: what it belongs to. */
static const char *need(const char *text, const char *owner, const char *what)
{
	if (text)
		return text;
	fprintf(stderr, "%s: it has no %s\n", owner, what);
	complete = false;
	return "";
}

/* A paragraph or an entry of a list, broken into lines. */
static void print_wrapped(const char *first, const char *rest, const char *text)
{
	size_t column = strlen(first);
	bool fresh = true;

	fputs(first, stdout);
	while (*text) {
		const size_t length = strcspn(text, " ");

		if (!fresh && column + 1 + length > WIDTH) {
			printf("\n%s", rest);
			column = strlen(rest);
			fresh = true;
		}
		column += (size_t)printf("%s%.*s", fresh ? "" : " ", (int)length, text);
		fresh = false;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_buckets(const struct metric_family *family)
{
	struct text text = {0};

	if (!family->bounds) {
		need(NULL, family->name, "bounds");
		return;
	}
	text_add_string(&text, "`le`: ");
	for (size_t i = 0; i < family->bounds_length; i++) {
		text_add_char(&text, '`');
		text_add_bound(&text, family->bounds[i]);
		text_add_string(&text, "`, ");
	}
	text_add(&text, "`+Inf`", sizeof("`+Inf`"));
	print_wrapped("- ", "  ", need(text.error ? NULL : text.data, family->name, "buckets"));
	free(text.data);
	printf("\n`%s_bucket` has each of these, `%s_sum` and\n`%s_count` have no `le`.\n",
	    family->name, family->name, family->name);
}

static void print_family(const struct metric_family *family)
{
	static const char *const types[] = {
	    [METRIC_GAUGE] = "Gauge",
	    [METRIC_COUNTER] = "Counter",
	    [METRIC_HISTOGRAM] = "Histogram",
	};
	const bool histogram = family->type == METRIC_HISTOGRAM;
	const char *example = need(family->example, family->name, "example");

	printf("\n### %s\n\n%s%s\n", family->name, types[family->type],
	    family->labels[0] || histogram ? ", by" : ", without labels.");
	if (family->labels[0] || histogram)
		putchar('\n');
	for (size_t i = 0; family->labels[i]; i++) {
		char text[512];

		snprintf(text, sizeof(text), "`%s`: %s", family->labels[i],
		    values_of(family, family->labels[i]));
		print_wrapped("- ", "  ", text);
	}
	if (histogram)
		print_buckets(family);
	putchar('\n');
	print_wrapped("", "", family->help);
	printf("\n```promql\n%s\n```\n", example);
}

static void print_families(const struct metric_family *const *families)
{
	for (; *families; families++)
		print_family(*families);
}

static void print_flags(const struct collector *collector)
{
	char text[512];

	snprintf(text, sizeof(text), "`--[no-]collector.%s`: %s by default", collector->name,
	    collector->on_by_default ? "on" : "off");
	print_wrapped("- ", "  ", text);
	for (const struct collector_flag *flag = collector->flags; flag && flag->name; flag++) {
		char initial[COLLECTOR_DEFAULT_SIZE];

		collector_flag_default(flag, initial);
		snprintf(text, sizeof(text), "`--%scollector.%s.%s`: %s %s",
		    collector_flag_value(flag) ? "" : "[no-]", collector->name, flag->name,
		    flag->help, initial);
		print_wrapped("- ", "  ", text);
	}
}

static void print_collector(const struct collector *collector)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s.", collector->help);
	text[0] = (char)toupper((unsigned char)text[0]);
	printf("\n## %s\n\n", collector->name);
	print_wrapped("", "", text);
	putchar('\n');
	print_flags(collector);
	putchar('\n');
	snprintf(
	    text, sizeof(text), "**Cost.** %s", need(collector->cost, collector->name, "cost"));
	print_wrapped("", "", text);
	print_families(collector->families);
}

static void print_introduction(void)
{
	print_wrapped("", "",
	    "All metrics are for the network namespace that the exporter runs in. "
	    "[semantics.md](semantics.md) explains the words, what is counted, and what cannot be "
	    "seen. Addresses have no brackets, and an IPv4-mapped address is IPv4. A series "
	    "disappears with its subject. Flags, not traffic, limit the number of series.");
	putchar('\n');
	print_wrapped("", "",
	    "If a collector's cost is a walk over sockets, all collectors that need it share one "
	    "walk: by BPF if that is permitted, which is cheap ([socket-walk.md](socket-walk.md)), "
	    "else by sock_diag. "
	    "Both go through the table of the whole machine, including sockets of other "
	    "namespaces. `ephemera_scrape_listing_duration_seconds` shows the time of each.");
	putchar('\n');
	print_wrapped("", "",
	    "The queries are examples for a Prometheus that scrapes many hosts; replace their "
	    "numbers by yours.");
	putchar('\n');
}

static void print_contents(void)
{
	for (size_t i = 0; i < collectors_length; i++) {
		char text[512];

		snprintf(text, sizeof(text), "[%s](#%s): %s", collectors[i]->name,
		    collectors[i]->name, collectors[i]->help);
		print_wrapped("- ", "  ", text);
	}
	puts("- [Every network namespace](#every-network-namespace)");
	puts("- [The exporter itself](#the-exporter-itself)");
}

static void print_namespaces(void)
{
	puts("\n## Every network namespace\n");
	print_wrapped("", "",
	    "With `--namespaces=all`, and only then. A sample of another namespace than the "
	    "exporter's own has these labels, too, empty where it is not known: `netns`, the "
	    "namespace's name or the number of its inode; `namespace`, `pod` and `pod_uid` of its "
	    "Kubernetes pod; `container`, if the pod has only one container, or the first 12 "
	    "digits of the only container's id without a pod. What is shown of other namespaces "
	    "is in [namespaces.md](namespaces.md).");
	puts("\n**Cost.** One walk over the sockets of all namespaces, by BPF.");
	print_families(namespaces_families);
}

int main(void)
{
	puts("<!-- Printed from the registry; rewritten by\n"
	     "     EPHEMERA_UPDATE_GOLDEN=1 ./tests/run -k metrics_page -->\n\n"
	     "# Metrics\n");
	print_introduction();
	print_contents();
	for (size_t i = 0; i < collectors_length; i++)
		print_collector(collectors[i]);
	print_namespaces();
	puts("\n## The exporter itself\n");
	print_wrapped("", "",
	    "With `--web.disable-exporter-metrics`, only `ephemera_scrape_collector_success` of "
	    "these remains.");
	puts("\n**Cost.** /proc/self/stat and /proc/self/fd. No walk.");
	print_families(self_outcome_families);
	print_families(self_families);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("standard output");
		return EXIT_FAILURE;
	}
	return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}
