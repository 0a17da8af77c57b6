// SPDX-License-Identifier: Apache-2.0
#include "collectors/binds.h"
#include "collectors/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/kernel/dumpfile.h"
#include "messages.h"
#include "unit.h"
#include "workspace.h"

/*
 * metric_add() as collectors call it (the linker's --wrap): one call can be made to fail,
 * which no collector does by itself.
 */
void __real_metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1]);
void __wrap_metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1]);

static const char *family_to_break;
static unsigned sample_to_break;

void __wrap_metric_add(struct metric_set *set, const struct metric_family *family, double value,
    const char *const labels[METRIC_LABELS_MAX + 1])
{
	static const struct metric_family impossible = {.name = "impossible", .labels = {"one"}};

	if (family_to_break && strcmp(family->name, family_to_break) == 0 && sample_to_break-- == 0)
		__real_metric_add(set, &impossible, value, METRIC_NO_LABELS);
	else
		__real_metric_add(set, family, value, labels);
}

static struct workspace workspace;
static struct gatherer *gatherer;
static struct metric_set *set;
static struct gathering gathering;
static FILE *dump;
static struct messages messages;

/* The collectors that these tests know, which the registry has first. */
#define KNOWN 4

static int new_gatherer(
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void put_chunk(void)
{
	assert_result(dumpfile_write_chunk(dump, messages.bytes, messages.length), 0);
	messages.length = 0;
}

static void end_listing(int error)
{
	messages_add_done(&messages, error);
	put_chunk();
	assert_result(dumpfile_end_listing(dump, error), 0);
}

static void put(uint8_t state, uint16_t local_port, const char *remote, uint16_t remote_port)
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

/* The listing that a test may end with an errno, and that errno. */
static struct {
	enum listing listing;
	int error;
} to_fail;

static int error_of(enum listing listing)
{
	return to_fail.error && to_fail.listing == listing ? to_fail.error : 0;
}

/*
 * Listeners 41002 and 20001; 41003 bound; 41004 bound, then connected; to 192.0.2.1:443
 * five connections and two in TIME_WAIT, to 192.0.2.2:443 one; one inbound.
 */
static void put_tcp(void)
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

static void put_udp(void)
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

static void make_gatherer(void)
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

static void make_host(enum listing fails, int error)
{
	to_fail.listing = fails;
	to_fail.error = error;
	put_tcp();
	put_udp();
	make_gatherer();
}

static collector_set bit(const char *name)
{
	const int found = collector_find(name);

	assert_true(found >= 0);
	return (collector_set)1 << found;
}

/* The collectors that these tests know; whichever others there are, they leave alone. */
static collector_set ours(void)
{
	return bit("range") | bit("binds") | bit("sockets") | bit("destinations");
}

static void run(void)
{
	assert_result(gather(gatherer, ours(), NULL, NULL, set, &gathering), 0);
}

static int error_of_collector(const char *name)
{
	return gathering.outcomes[collector_find(name)].error;
}

static const struct metric_family *family_of(const char *name)
{
	for (size_t i = 0; i < collectors_length; i++)
		for (const struct metric_family *const *f = collectors[i]->families; *f; f++)
			if (strcmp((*f)->name, name) == 0)
				return *f;
	fail_msg("no family %s", name);
	return NULL;
}

/* Labels as "one,two". */
static double value(const char *name, const char *labels)
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

static unsigned samples_of(const char *collector)
{
	unsigned found = 0;

	for (const struct metric_family *const *f = collectors[collector_find(collector)]->families;
	     *f; f++)
		for (size_t i = metric_set_next(set, *f, METRIC_FIRST); i != METRIC_END;
		     i = metric_set_next(set, *f, i))
			found++;
	return found;
}

static void gathers_a_whole_host(void **state)
{
	(void)state;
	make_host(LISTINGS, 0);
	run();
	assert_int_equal(gathering.asked, ours());
	assert_number(value("ephemera_range_ports", ""), 23);
	assert_number(value("ephemera_range_reserved_ports", ""), 1);
	assert_number(value("ephemera_range_bound_ports", "listen"), 1);
	assert_number(value("ephemera_range_bound_ports", "bound"), 1);
	assert_number(value("ephemera_range_bound_ports", "connected"), 1);
	assert_number(value("ephemera_range_usable_ports", ""), 19);
	assert_number(value("ephemera_range_listener_info", "tcp,127.0.0.1,41002,false"), 1);
	assert_number(value("ephemera_range_listener_info", "udp,127.0.0.1,41005,false"), 1);
	assert_number(value("ephemera_sockets", "tcp,ipv4,established"), 7);
	assert_number(value("ephemera_sockets", "tcp,ipv4,time_wait"), 2);
	assert_number(value("ephemera_sockets", "tcp,ipv4,syn_sent"), 1);
	assert_number(value("ephemera_sockets", "tcp,ipv4,listen"), 2);
	assert_number(value("ephemera_sockets", "tcp,ipv4,bound"), 1);
	assert_number(value("ephemera_sockets", "tcp,ipv4,close"), 0);
	assert_number(value("ephemera_sockets", "udp,ipv4,close"), 1);
	assert_number(value("ephemera_sockets", "udp,ipv4,established"), 1);
	assert_number(value("ephemera_tcp_connections", "ipv4,inbound"), 1);
	assert_number(value("ephemera_tcp_connections", "ipv4,outbound"), 9);
	assert_number(value("ephemera_destination_ports", "127.0.0.1,192.0.2.1,443,active"), 5);
	assert_number(value("ephemera_destination_ports", "127.0.0.1,192.0.2.1,443,time_wait"), 2);
	assert_number(value("ephemera_worst_destination_ports", "ipv4"), 7);
	assert_number(value("ephemera_worst_destination_usage_ratio", "ipv4"), 7.0 / 19);
	for (size_t i = 0; i < collectors_length; i++)
		assert_result(gathering.outcomes[i].error, 0);
	assert_int_equal(gathering.sockets, 15);
	assert_true(gathering.listed[LISTING_TCP]);
	assert_false(gathering.listed[LISTING_TCP_BOUND]);
}

static void a_second_gathering_starts_anew(void **state)
{
	(void)state;
	make_host(LISTINGS, 0);
	run();
	metric_set_roll_back(set, 0);
	run();
	assert_number(value("ephemera_sockets", "tcp,ipv4,established"), 7);
	assert_number(value("ephemera_worst_destination_ports", "ipv4"), 7);
	assert_number(value("ephemera_range_usable_ports", ""), 19);
}

/* /proc/net of a host where somebody listens on 41002, or nobody does. */
static void write_procfs(const char *listener)
{
	static const char *const files[] = {"net/tcp6", "net/udp", "net/udp6"};

	workspace_write(&workspace, "net/tcp", listener);
	for (size_t i = 0; i < LENGTH(files); i++)
		workspace_write(&workspace, files[i], "heading\n");
}

static void a_holder_that_is_gone_is_forgotten(void **state)
{
	static unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	struct source *source = NULL;

	(void)state;
	assert_result(
	    source_open(
		&(struct source_options){.procfs = workspace.path, .kind = SOURCE_PROCFS}, &source),
	    0);
	assert_result(
	    new_gatherer(bit("binds"), (const unsigned long(*)[COLLECTOR_FLAGS_MAX])values, source),
	    0);
	write_procfs("heading\n0: 00000000:A02A 00000000:0000 0A 0:0 00:0 0 0 0 7\n");
	run();
	assert_number(value("ephemera_range_usable_ports", ""), 21);
	metric_set_roll_back(set, 0);
	write_procfs("heading\n");
	run();
	assert_number(value("ephemera_range_usable_ports", ""), 22);
}

static void only_what_was_asked_for_is_gathered(void **state)
{
	(void)state;
	make_host(LISTINGS, 0);
	assert_result(gather(gatherer, bit("range"), NULL, NULL, set, &gathering), 0);
	assert_int_equal(gathering.asked, bit("range"));
	assert_true(samples_of("range") > 0);
	assert_int_equal(samples_of("sockets"), 0);
	assert_int_equal(samples_of("binds"), 0);
	assert_int_equal(gathering.sockets, 0);
	for (int i = 0; i < LISTINGS; i++)
		assert_false(gathering.listed[i]);
}

static void binds_alone_take_no_whole_walk(void **state)
{
	(void)state;
	make_host(LISTINGS, 0);
	assert_result(gather(gatherer, bit("binds"), NULL, NULL, set, &gathering), 0);
	assert_false(gathering.listed[LISTING_TCP]);
	assert_true(gathering.listed[LISTING_TCP_BOUND]);
	assert_number(value("ephemera_range_usable_ports", ""), 19);
	assert_number(value("ephemera_range_bound_ports", "bound"), 1);
}

/* Of one that fails nothing stays; the others stand. */
static void assert_failed(unsigned failed, const char *const names[4], int error)
{
	for (unsigned i = 0; i < 4; i++) {
		const bool fails = failed >> i & 1;

		assert_result(error_of_collector(names[i]), fails ? error : 0);
		if (fails)
			assert_int_equal(samples_of(names[i]), 0);
		else
			assert_true(samples_of(names[i]) > 0);
	}
	assert_result(metric_set_error(set), 0);
}

static const char *const names[4] = {"range", "binds", "sockets", "destinations"};

#define RANGE 1u
#define BINDS 2u
#define SOCKETS 4u
#define DESTINATIONS 8u

static void a_refused_listing_fails_who_needs_it(void **state)
{
	static const struct {
		enum listing listing;
		unsigned failed;
	} cases[] = {
	    {LISTING_TCP_LISTEN, BINDS | SOCKETS | DESTINATIONS},
	    {LISTING_TCP_CHOSEN, BINDS | SOCKETS | DESTINATIONS},
	    {LISTING_TCP, BINDS | SOCKETS | DESTINATIONS},
	    {LISTING_UDP4_CHOSEN, BINDS},
	    {LISTING_UDP6_CHOSEN, BINDS},
	    {LISTING_UDP4, SOCKETS},
	    {LISTING_UDP6, SOCKETS},
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		make_host(cases[i].listing, -ENOMEM);
		run();
		assert_failed(cases[i].failed, names, -ENOMEM);
		tear_down(state);
		assert_int_equal(set_up(state), 0);
	}
}

static void a_listing_that_was_not_recorded_fails_who_needs_it(void **state)
{
	(void)state;
	to_fail.error = 0;
	put_tcp();
	make_gatherer();
	run();
	assert_failed(BINDS | SOCKETS, names, -ENODATA);
}

static void a_failed_collector_works_again(void **state)
{
	(void)state;
	make_host(LISTINGS, 0);
	workspace_write(&workspace, "sys/net/ipv4/ip_local_port_range", "nonsense\n");
	run();
	assert_failed(RANGE | BINDS | DESTINATIONS, names, -EBADMSG);
	assert_string_equal(gathering.settings_file, "sys/net/ipv4/ip_local_port_range");
	metric_set_roll_back(set, 0);
	workspace_write(&workspace, "sys/net/ipv4/ip_local_port_range", "41000\t41022\n");
	run();
	assert_failed(0, names, 0);
	assert_null(gathering.settings_file);
	assert_number(value("ephemera_range_usable_ports", ""), 19);
}

/* One sample goes wrong, after some of its family and of others were added. */
static void a_collector_that_fails_half_way_is_rolled_back_whole(void **state)
{
	static const struct {
		const char *family;
		unsigned sample, failed;
	} cases[] = {
	    {"ephemera_tcp_fin_timeout_seconds", 0, RANGE},
	    {"ephemera_range_listener_info", 1, BINDS},
	    {"ephemera_sockets", 5, SOCKETS},
	    {"ephemera_tcp_connections", 3, SOCKETS},
	    {"ephemera_destinations", 0, DESTINATIONS},
	    {"ephemera_destination_ports", 2, DESTINATIONS},
	};

	(void)state;
	make_host(LISTINGS, 0);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		metric_set_roll_back(set, 0);
		family_to_break = cases[i].family;
		sample_to_break = cases[i].sample;
		run();
		assert_failed(cases[i].failed, names, -EINVAL);
	}
	family_to_break = NULL;
	metric_set_roll_back(set, 0);
	run();
	assert_failed(0, names, 0);
}

/* Interruption */

struct watch {
	unsigned asked;
	unsigned stop_at; /* 0: never */
	const char *path; /* a file in which to clear the flag at offset when asked so often */
	long offset;
	unsigned clear_at;
};

static bool should_stop(void *context)
{
	struct watch *watch = context;

	if (++watch->asked == watch->clear_at) {
		const uint16_t flags = NLM_F_MULTI;
		const int fd = open(watch->path, O_WRONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, &flags, sizeof(flags), watch->offset), sizeof(flags));
		close(fd);
	}
	return watch->asked == watch->stop_at;
}

static void an_interrupted_dump_is_begun_again_and_then_fails(void **state)
{
	struct watch watch = {0};

	(void)state;
	dumpfile_begin_listing(dump, LISTING_TCP_LISTEN);
	put(SOCKET_LISTEN, 41002, NULL, 0);
	put_chunk();
	put(SOCKET_LISTEN, 41003, NULL, 0);
	messages_at(&messages, 0)->nlmsg_flags |= NLM_F_DUMP_INTR;
	end_listing(0);
	make_gatherer();
	assert_result(gather(gatherer, ours(), should_stop, &watch, set, &gathering), 0);
	/* Two chunks an attempt, and nothing else was listed. */
	assert_int_equal(watch.asked, 3 * 2);
	assert_failed(BINDS | SOCKETS | DESTINATIONS, names, -EINTR);
}

/* What an interrupted attempt counted must not be counted twice. */
static void an_interrupted_dump_that_recovers_counts_once(void **state)
{
	struct watch watch = {.path = workspace_path(&workspace, "dump"), .clear_at = 4};
	long chunk;

	(void)state;
	to_fail.error = 0;
	dumpfile_begin_listing(dump, LISTING_TCP_LISTEN);
	/* Larger than a stdio buffer by far, so that what changes in the file is read again. */
	for (uint16_t i = 0; i < 251; i++)
		put(SOCKET_LISTEN, (uint16_t)(20000 + i), NULL, 0);
	put_chunk();
	put(SOCKET_LISTEN, 41002, NULL, 0);
	messages_at(&messages, 0)->nlmsg_flags |= NLM_F_DUMP_INTR;
	chunk = ftell(dump);
	end_listing(0);
	watch.offset = chunk + (long)strlen("chunk 108\n") + 6;
	put_tcp(); /* its own listing of listeners comes second, and is never looked at */
	put_udp();
	make_gatherer();
	assert_result(gather(gatherer, ours(), should_stop, &watch, set, &gathering), 0);
	assert_failed(0, names, 0);
	assert_number(value("ephemera_sockets", "tcp,ipv4,listen"), 252);
	assert_number(value("ephemera_range_bound_ports", "listen"), 1);
}

/* An attempt fails after sockets were observed: the next one must not add to them. */
static void an_interrupted_walk_leaves_nothing_behind(void **state)
{
	struct watch watch = {0};

	(void)state;
	make_host(LISTING_UDP6, -EINTR);
	assert_result(gather(gatherer, ours(), should_stop, &watch, set, &gathering), 0);
	assert_failed(BINDS | SOCKETS | DESTINATIONS, names, -EINTR);
	/* Binds alone need no such listing. */
	metric_set_roll_back(set, 0);
	assert_result(
	    gather(gatherer, bit("binds") | bit("destinations"), NULL, NULL, set, &gathering), 0);
	assert_number(value("ephemera_worst_destination_ports", "ipv4"), 7);
	assert_number(value("ephemera_range_usable_ports", ""), 19);
}

static void a_gathering_can_be_stopped_at_every_batch(void **state)
{
	struct watch watch = {0};
	unsigned batches;

	(void)state;
	make_host(LISTINGS, 0);
	metric_add(set, family_of("ephemera_range_ports"), 1, METRIC_NO_LABELS);
	assert_result(gather(gatherer, ours(), should_stop, &watch, set, &gathering), 0);
	batches = watch.asked;
	assert_int_equal(batches, 8);
	metric_set_roll_back(set, 1);
	for (unsigned i = 1; i <= batches; i++) {
		watch = (struct watch){.stop_at = i};
		assert_result(
		    gather(gatherer, ours(), should_stop, &watch, set, &gathering), -ECANCELED);
		assert_int_equal(watch.asked, i);
		assert_int_equal(metric_set_mark(set), 1);
		assert_result(metric_set_error(set), 0);
	}
	watch = (struct watch){0};
	assert_result(gather(gatherer, ours(), should_stop, &watch, set, &gathering), 0);
	assert_number(value("ephemera_worst_destination_ports", "ipv4"), 7);
}

static void a_probe_wants_settings_and_binds(void **state)
{
	struct source_options options = {
	    .procfs = workspace.path,
	    .kind = SOURCE_REPLAY,
	    .replay = workspace_path(&workspace, "dump"),
	};

	(void)state;
	make_host(LISTINGS, 0);
	assert_result(gather_probe(workspace.path, &options), 0);
	workspace_unlink(&workspace, "sys/net/ipv4/ip_local_port_range");
	assert_result(gather_probe(workspace.path, &options), -ENOENT);
	workspace_write_settings(&workspace, "41000\t41022\n");
	options.replay = workspace_path(&workspace, "none");
	assert_result(gather_probe(workspace.path, &options), -ENOENT);
}

/* The flags are there before the walk, and the source stays the caller's on failure. */
static void collectors_that_are_not_enabled_are_left_out(void **state)
{
	static unsigned long values[COLLECTORS_MAX][COLLECTOR_FLAGS_MAX];
	struct source *source = NULL;

	(void)state;
	assert_result(
	    source_open(
		&(struct source_options){.procfs = workspace.path, .kind = SOURCE_PROCFS}, &source),
	    0);
	assert_result(
	    new_gatherer(bit("range"), (const unsigned long(*)[COLLECTOR_FLAGS_MAX])values, source),
	    0);
	assert_ptr_equal(gatherer_source(gatherer), source);
	run();
	assert_int_equal(gathering.asked, bit("range"));
	assert_int_equal(samples_of("sockets"), 0);
	assert_true(samples_of("range") > 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(gathers_a_whole_host),
	    TEST(a_second_gathering_starts_anew),
	    TEST(a_holder_that_is_gone_is_forgotten),
	    TEST(only_what_was_asked_for_is_gathered),
	    TEST(binds_alone_take_no_whole_walk),
	    TEST(a_refused_listing_fails_who_needs_it),
	    TEST(a_listing_that_was_not_recorded_fails_who_needs_it),
	    TEST(a_failed_collector_works_again),
	    TEST(a_collector_that_fails_half_way_is_rolled_back_whole),
	    TEST(an_interrupted_dump_is_begun_again_and_then_fails),
	    TEST(an_interrupted_dump_that_recovers_counts_once),
	    TEST(an_interrupted_walk_leaves_nothing_behind),
	    TEST(a_gathering_can_be_stopped_at_every_batch),
	    TEST(a_probe_wants_settings_and_binds),
	    TEST(collectors_that_are_not_enabled_are_left_out),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
