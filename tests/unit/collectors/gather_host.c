// SPDX-License-Identifier: Apache-2.0
#include "gather_host.h"

#include <string.h>
#include <sys/socket.h>

#include "collectors/binds.h"
#include "collectors/kernel/dumpfile.h"
#include "collectors/registry.h"
#include "unit.h"

struct workspace workspace;
FILE *dump;
struct messages messages;
struct gatherer *gatherer;
struct metric_set *set;
struct gathering gathering;

const char *family_to_break;
unsigned sample_to_break;

struct failing_listing to_fail;

void __real_metric_add(struct metric_set *to, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1]);
void __wrap_metric_add(struct metric_set *to, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1]);

void __wrap_metric_add(struct metric_set *to, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	static const struct metric_family impossible = {.name = "impossible", .labels = {"one"}};

	if (family_to_break && strcmp(family->name, family_to_break) == 0 && sample_to_break-- == 0)
		__real_metric_add(to, &impossible, value, METRIC_NO_LABELS);
	else
		__real_metric_add(to, family, value, labels);
}

/* The collectors that these tests know, which the registry has first. */
#define KNOWN 4

int new_gatherer(
    collector_set enabled, const unsigned long values[][COLLECTOR_FLAGS_MAX], struct source *source)
{
	const unsigned long *binds = values[collector_find("binds")];
	const struct gatherer_options options = {
	    .collectors = collectors,
	    .length = KNOWN,
	    .enabled = enabled & ((1u << KNOWN) - 1),
	    .values = values,
	    .procfs = workspace.path,
	    .sysfs = workspace.path,
	    .refresh_sockets = binds[BINDS_REFRESH_SOCKETS],
	    .refresh_seconds = (unsigned)binds[BINDS_REFRESH_SECONDS],
	};

	return gatherer_new(&options, source, &gatherer);
}

int set_up(void **state)
{
	(void)state;
	family_to_break = NULL;
	workspace_make(&workspace);
	workspace_write_settings(&workspace, "41000\t41022\n");
	workspace_write(&workspace, "sys/net/ipv4/ip_local_reserved_ports", "41001,50000\n");
	dump = fopen(workspace_path(&workspace, "dump"), "we");
	set = metric_set_new();
	return dump && set && dumpfile_start(dump) == 0 ? 0 : -1;
}

int tear_down(void **state)
{
	(void)state;
	gatherer_free(gatherer);
	gatherer = NULL;
	metric_set_free(set);
	if (dump)
		fclose(dump);
	dump = NULL;
	workspace_remove(&workspace);
	return 0;
}

void put_chunk(void)
{
	assert_result(dumpfile_write_chunk(dump, messages.bytes, messages.length), 0);
	messages.length = 0;
}

void end_listing(int error)
{
	messages_add_done(&messages, error);
	put_chunk();
	assert_result(dumpfile_end_listing(dump, error), 0);
}

void put(uint8_t state, uint16_t local_port, const char *remote, uint16_t remote_port)
{
	messages_add_record(&messages, &(struct record){.family = AF_INET,
					   .state = state,
					   .local = "127.0.0.1",
					   .local_port = local_port,
					   .remote = remote,
					   .remote_port = remote_port,
					   .timer = state == SOCKET_TIME_WAIT ? 3 : 0,
					   .expires = state == SOCKET_TIME_WAIT ? 59500 : 0});
}

static int error_of(enum listing listing)
{
	return to_fail.error && to_fail.listing == listing ? to_fail.error : 0;
}

void put_tcp(void)
{
	dumpfile_begin_listing(dump, LISTING_TCP_LISTEN);
	put(SOCKET_LISTEN, 41002, NULL, 0);
	put(SOCKET_LISTEN, 20001, NULL, 0);
	end_listing(error_of(LISTING_TCP_LISTEN));
	dumpfile_begin_listing(dump, LISTING_TCP_CHOSEN);
	put(SOCKET_ESTABLISHED, 41004, "192.0.2.1", 443);
	end_listing(error_of(LISTING_TCP_CHOSEN));
	dumpfile_begin_listing(dump, LISTING_TCP);
	put(SOCKET_CLOSE, 41003, NULL, 0);
	put_chunk();
	put(SOCKET_ESTABLISHED, 41004, "192.0.2.1", 443);
	for (uint16_t i = 0; i < 5; i++)
		put(SOCKET_ESTABLISHED, (uint16_t)(41010 + i), "192.0.2.1", 443);
	put(SOCKET_TIME_WAIT, 41015, "192.0.2.1", 443);
	put(SOCKET_TIME_WAIT, 41016, "192.0.2.1", 443);
	put(SOCKET_SYN_SENT, 41010, "192.0.2.2", 443);
	put(SOCKET_ESTABLISHED, 20001, "192.0.2.3", 50505);
	end_listing(error_of(LISTING_TCP));
	dumpfile_begin_listing(dump, LISTING_TCP_BOUND);
	put(SOCKET_CLOSE, 41003, NULL, 0);
	end_listing(error_of(LISTING_TCP_BOUND));
}

void put_udp(void)
{
	for (enum listing i = LISTING_UDP4_CHOSEN; i <= LISTING_UDP6; i++) {
		dumpfile_begin_listing(dump, i);
		if (i == LISTING_UDP4_CHOSEN || i == LISTING_UDP4)
			put(SOCKET_CLOSE, 41005, NULL, 0);
		if (i == LISTING_UDP4)
			put(SOCKET_ESTABLISHED, 41006, "192.0.2.1", 53);
		end_listing(error_of(i));
	}
}

void make_gatherer(void)
{
	static unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	static const struct collector_flag none = {.name = NULL};
	struct source *source = NULL;
	const int minimum_ports = 1;

	for (size_t i = 0; i < collectors_length; i++)
		for (const struct collector_flag *flag = collectors[i]->flags ? collectors[i]->flags
									      : &none;
		     flag->name; flag++)
			values[i][flag - collectors[i]->flags] = flag->initial;
	values[collector_find("destinations")][minimum_ports] = 1;
	fclose(dump);
	dump = NULL;
	assert_result(source_open(&(struct source_options){.procfs = workspace.path,
				      .kind = SOURCE_REPLAY,
				      .replay = workspace_path(&workspace, "dump")},
			  &source),
	    0);
	assert_result(new_gatherer((collector_set)-1,
			  (const unsigned long(*)[COLLECTOR_FLAGS_MAX])values, source),
	    0);
}

void make_host(enum listing fails, int error)
{
	to_fail.listing = fails;
	to_fail.error = error;
	put_tcp();
	put_udp();
	make_gatherer();
}

collector_set bit(const char *name)
{
	const int found = collector_find(name);

	assert_true(found >= 0);
	return (collector_set)1 << found;
}

collector_set ours(void)
{
	return bit("range") | bit("binds") | bit("sockets") | bit("destinations");
}

void run(void)
{
	assert_result(gather(gatherer, ours(), NULL, NULL, set, &gathering), 0);
}

const struct metric_family *family_of(const char *name)
{
	for (size_t i = 0; i < collectors_length; i++)
		for (const struct metric_family *const *f = collectors[i]->families; *f; f++)
			if (strcmp((*f)->name, name) == 0)
				return *f;
	fail_msg("no family %s", name);
	return NULL;
}

double value(const char *name, const char *labels)
{
	const struct metric_family *family = family_of(name);

	for (size_t i = metric_set_next(set, family, METRIC_FIRST); i != METRIC_END;
	     i = metric_set_next(set, family, i)) {
		const char *at = metric_set_labels(set, i);
		char joined[256] = "";

		for (size_t j = 0; family->labels[j]; j++, at += strlen(at) + 1)
			snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined),
			    j ? ",%s" : "%s", at);
		if (strcmp(joined, labels) == 0)
			return metric_set_value(set, i);
	}
	fail_msg("no sample %s{%s}", name, labels);
	return 0;
}

unsigned samples_of(const char *collector)
{
	unsigned found = 0;

	for (const struct metric_family *const *f = collectors[collector_find(collector)]->families;
	     *f; f++)
		for (size_t i = metric_set_next(set, *f, METRIC_FIRST); i != METRIC_END;
		     i = metric_set_next(set, *f, i))
			found++;
	return found;
}
