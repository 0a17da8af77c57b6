// SPDX-License-Identifier: Apache-2.0
#include "collectors/gather.h"

#include <errno.h>

#include "collectors/registry.h"
#include "gather_host.h"
#include "unit.h"

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
	const struct CMUnitTest tests[] = {
	    TEST(gathers_a_whole_host),
	    TEST(a_second_gathering_starts_anew),
	    TEST(a_holder_that_is_gone_is_forgotten),
	    TEST(only_what_was_asked_for_is_gathered),
	    TEST(binds_alone_take_no_whole_walk),
	    TEST(a_probe_wants_settings_and_binds),
	    TEST(collectors_that_are_not_enabled_are_left_out),
	};

	return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
