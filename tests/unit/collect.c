// SPDX-License-Identifier: Apache-2.0
#include "collect.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

void collect_open(struct collect *collect, const struct collector *collector,
    const unsigned long *values, const char *procfs, const char *sysfs)
{
	memset(collect, 0, sizeof(*collect));
	collect->collector = collector;
	for (size_t i = 0; collector->flags && collector->flags[i].name; i++)
		collect->values[i] = values ? values[i] : collector->flags[i].initial;
	collect->config.values = collect->values;
	collect->config.procfs = procfs;
	collect->config.cgroups = cgroups_new(sysfs);
	assert_non_null(collect->config.cgroups);
	collect->config.pods = pods_new(NULL);
	assert_non_null(collect->config.pods);
	collect->config.facts = &collect->facts;
	collect->state = calloc(1, collector->state_size);
	assert_non_null(collect->state);
	assert_result(collector->init ? collector->init(collect->state, &collect->config) : 0, 0);
}

void collect_close(struct collect *collect)
{
	if (collect->collector->release)
		collect->collector->release(collect->state);
	free(collect->state);
	cgroups_free(collect->config.cgroups);
	pods_free(collect->config.pods);
	collect->state = NULL;
}

int collect_begin(struct collect *collect, const struct facts *facts)
{
	const struct collector *collector = collect->collector;

	collect->facts = *facts;
	if (collector->reset)
		collector->reset(collect->state);
	return collector->begin ? collector->begin(collect->state) : 0;
}

void collect_socket(struct collect *collect, const struct socket *socket)
{
	assert_result(collect->collector->observe(collect->state, socket), 0);
}

static void print_histogram(FILE *file, const struct metric_set *set, size_t at)
{
	const struct metric_bucket *bucket = metric_set_buckets(set, at);
	uint64_t below = 0;

	fprintf(file, "sum %.17g", metric_set_value(set, at));
	for (;; bucket++) {
		if (bucket->count != below)
			fprintf(file, ", %g %" PRIu64, bucket->bound, bucket->count - below);
		below = bucket->count;
		if (isinf(bucket->bound))
			break;
	}
	fputc('\n', file);
}

static void print_family(
    FILE *file, const struct metric_set *set, const struct metric_family *family)
{
	for (size_t at = metric_set_next(set, family, METRIC_FIRST); at != METRIC_END;
	     at = metric_set_next(set, family, at)) {
		const char *label = metric_set_labels(set, at);

		fputs(family->name + strlen("ephemera_"), file);
		for (size_t i = 0; family->labels[i]; i++, label += strlen(label) + 1)
			fprintf(file, " %s", label);
		fputs(": ", file);
		if (family->type == METRIC_HISTOGRAM)
			print_histogram(file, set, at);
		else
			fprintf(file, "%.17g\n", metric_set_value(set, at));
	}
}

char *collect_emit(struct collect *collect)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	struct metric_set *set = metric_set_new();

	assert_true(file && set);

	int result = collect->collector->emit(collect->state, set);

	if (result == 0)
		result = metric_set_error(set);
	if (result < 0)
		fprintf(file, "error %d\n", result);
	for (size_t i = 0; result == 0 && collect->collector->families[i]; i++)
		print_family(file, set, collect->collector->families[i]);
	metric_set_free(set);
	fclose(file);
	return text;
}

void assert_emitted(struct collect *collect, const char *wanted)
{
	char *text = collect_emit(collect);

	assert_string_equal(text, wanted);
	free(text);
}

struct socket make_socket(enum socket_state state, const char *local, uint16_t local_port,
    const char *remote, uint16_t remote_port)
{
	const bool ipv6 = strchr(local, ':') != NULL;
	struct socket socket = {
	    .protocol = SOCKET_TCP,
	    .family = ipv6 ? SOCKET_IPV6 : SOCKET_IPV4,
	    .state = state,
	    .local_port = local_port,
	    .remote_port = remote_port,
	};

	assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, local, socket.local.bytes), 1);
	assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, remote, socket.remote.bytes), 1);
	return socket;
}

static uint64_t random_state;

void random_seed(uint64_t seed)
{
	random_state = seed;
}

uint32_t random_number(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 33);
}
