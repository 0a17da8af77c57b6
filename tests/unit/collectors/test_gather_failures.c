// SPDX-License-Identifier: Apache-2.0
/* Listings and collectors that fail, and gatherings that are interrupted. */
#include "collectors/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "collectors/kernel/dumpfile.h"
#include "collectors/registry.h"
#include "gather_host.h"
#include "unit.h"

static int error_of_collector(const char *name)
{
	return gathering.outcomes[collector_find(name)].error;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_refused_listing_fails_who_needs_it),
	    TEST(a_listing_that_was_not_recorded_fails_who_needs_it),
	    TEST(a_failed_collector_works_again),
	    TEST(a_collector_that_fails_half_way_is_rolled_back_whole),
	    TEST(an_interrupted_dump_is_begun_again_and_then_fails),
	    TEST(an_interrupted_dump_that_recovers_counts_once),
	    TEST(an_interrupted_walk_leaves_nothing_behind),
	    TEST(a_gathering_can_be_stopped_at_every_batch),
	};

	return cmocka_run_group_tests_name("gather_failures", tests, NULL, NULL);
}
