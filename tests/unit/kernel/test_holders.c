// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/kernel/dumpfile.h"
#include "messages.h"
#include "unit.h"
#include "workspace.h"

static struct workspace workspace;
static struct source *source;
static struct holders holders;
static struct chosen_ports chosen;

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	memset(&holders, 0, sizeof(holders));
	memset(&chosen, 0, sizeof(chosen));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	source_close(source);
	source = NULL;
	workspace_remove(&workspace);
	return 0;
}

/* A replay whose listing of chosen ports has these, ended by 0, and ends with that errno. */
static void replay(const uint16_t *ports, int error)
{
	const char *path = workspace_path(&workspace, "dump");
	FILE *file = fopen(path, "we");
	static struct messages messages;

	assert_non_null(file);
	assert_result(dumpfile_start(file), 0);
	assert_result(dumpfile_begin_listing(file, LISTING_TCP_CHOSEN), 0);
	messages.length = 0;
	for (; *ports; ports++)
		messages_add_record(&messages, &(struct record){.family = AF_INET,
						   .state = SOCKET_ESTABLISHED,
						   .local = "127.0.0.1",
						   .local_port = *ports,
						   .remote = "127.0.0.1",
						   .remote_port = 443});
	messages_add_done(&messages, error);
	assert_result(dumpfile_write_chunk(file, messages.bytes, messages.length), 0);
	assert_result(dumpfile_end_listing(file, error), 0);
	fclose(file);
	source_close(source);
	assert_result(source_open(
			  &(struct source_options){
			      .procfs = workspace.path, .kind = SOURCE_REPLAY, .replay = path},
			  &source),
	    0);
}

static int count_batch(void *context)
{
	++*(unsigned *)context;
	return 0;
}

static int stop(void *context)
{
	(void)context;
	return -ECANCELED;
}

static int list(unsigned long refresh_sockets, unsigned refresh_seconds)
{
	unsigned batches = 0;

	memset(&holders.connected, 0, sizeof(holders.connected));
	return holders_list_chosen(
	    &holders, &chosen, source, count_batch, &batches, refresh_sockets, refresh_seconds);
}

static void notes_listeners_and_bound_sockets_apart(void **state)
{
	struct socket socket = {.protocol = SOCKET_TCP, .local_port = 41001};

	(void)state;
	socket.state = SOCKET_LISTEN;
	holders_note_bind(&holders, &socket);
	socket.local_port = 41002;
	socket.state = SOCKET_BOUND;
	holders_note_bind(&holders, &socket);
	assert_int_equal(portset_count(&holders.listen), 1);
	assert_true(portset_has(&holders.listen, 41001));
	assert_int_equal(portset_count(&holders.bound), 1);
	assert_true(portset_has(&holders.bound, 41002));
	assert_int_equal(portset_count(&holders.connected), 0);
}

/* accept() gives no socket a port by number, so such a one on a listener's port was opened there.
 */
static void who_chose_a_listeners_port_dialled(void **state)
{
	const uint16_t ports[] = {4001, 4001, 41001, 0};

	(void)state;
	replay(ports, 0);
	memset(holders.dialled, 0, sizeof(holders.dialled));
	portset_add(&holders.listen, 4001);
	assert_result(list(1000, 0), 0);
	assert_int_equal(holders.dialled[SOCKET_IPV4], 2);
	assert_int_equal(holders.dialled[SOCKET_IPV6], 0);
	/* Remembered as long as the ports are. */
	chosen.sockets = 1001;
	memset(holders.dialled, 0, sizeof(holders.dialled));
	assert_result(list(1000, 3600), 0);
	assert_int_equal(holders.dialled[SOCKET_IPV4], 2);
}

/* Each port is lost once, however many hold it, and one outside the range never counted. */
static void what_is_usable_is_range_less_all_that_is_held(void **state)
{
	static struct facts facts;

	(void)state;
	facts.settings.range = (struct port_range){41000, 41022};
	portset_add_range(&facts.settings.reserved, (struct port_range){41000, 41002});
	portset_add(&facts.settings.reserved, 50000);
	portset_add(&facts.holders.listen, 41002); /* reserved, too */
	portset_add(&facts.holders.listen, 41003);
	portset_add(&facts.holders.bound, 41003); /* has a listener, too */
	portset_add(&facts.holders.bound, 41022);
	portset_add(&facts.holders.bound, 41023);
	portset_add(&facts.holders.connected, 40999);
	portset_add(&facts.holders.connected, 41010);
	facts.capacity = 4711;
	portset_add(&facts.usable, 9);
	facts_finish(&facts);
	assert_int_equal(facts.capacity, 23 - 3 - 1 - 1 - 1);
	assert_int_equal(portset_count(&facts.usable), facts.capacity);
	assert_false(portset_has(&facts.usable, 9));
	assert_false(portset_has(&facts.usable, 41002));
	assert_false(portset_has(&facts.usable, 41003));
	assert_true(portset_has(&facts.usable, 41004));
	assert_false(portset_has(&facts.usable, 41010));
	assert_false(portset_has(&facts.usable, 41022));
}

static void a_range_may_have_nothing_left(void **state)
{
	static struct facts facts;

	(void)state;
	facts.settings.range = (struct port_range){65534, 65535};
	portset_add(&facts.holders.bound, 65534);
	portset_add(&facts.holders.connected, 65535);
	facts_finish(&facts);
	assert_int_equal(facts.capacity, 0);
}

static void lists_chosen_ports(void **state)
{
	static const uint16_t ports[] = {41005, 41007, 41007, 0};

	(void)state;
	replay(ports, 0);
	holders.connected_age_seconds = 99;
	assert_result(list(200000, 120), 0);
	assert_int_equal(portset_count(&holders.connected), 2);
	assert_true(portset_has(&holders.connected, 41005));
	assert_true(portset_has(&holders.connected, 41007));
	assert_number(holders.connected_age_seconds, 0);
}

static void few_sockets_are_listed_every_time(void **state)
{
	static const uint16_t before[] = {41005, 0};
	static const uint16_t after[] = {41006, 41008, 0};

	(void)state;
	replay(before, 0);
	assert_result(list(100, 3600), 0);
	chosen.sockets = 100;
	replay(after, 0);
	assert_result(list(100, 3600), 0);
	assert_int_equal(portset_count(&holders.connected), 2);
	assert_number(holders.connected_age_seconds, 0);
}

static void many_sockets_are_remembered_with_their_age(void **state)
{
	static const uint16_t before[] = {41005, 0};
	static const uint16_t after[] = {41006, 41008, 0};

	(void)state;
	replay(before, 0);
	assert_result(list(100, 3600), 0);
	chosen.sockets = 101;
	chosen.listed.tv_sec -= 7;
	replay(after, 0);
	assert_result(list(100, 3600), 0);
	assert_int_equal(portset_count(&holders.connected), 1);
	assert_true(portset_has(&holders.connected, 41005));
	assert_true(holders.connected_age_seconds >= 7 && holders.connected_age_seconds < 60);
	/* Old enough. */
	chosen.listed.tv_sec -= 3600;
	assert_result(list(100, 3600), 0);
	assert_int_equal(portset_count(&holders.connected), 2);
	assert_number(holders.connected_age_seconds, 0);
}

static void a_failed_listing_is_not_remembered(void **state)
{
	static const uint16_t ports[] = {41005, 0};

	(void)state;
	replay(ports, -ENOMEM);
	assert_result(list(0, 3600), -ENOMEM);
	assert_int_equal(chosen.listed.tv_sec, 0);
	assert_int_equal(portset_count(&chosen.tcp), 0);
	replay(ports, 0);
	chosen.sockets = 1000;
	assert_result(list(0, 3600), 0);
	assert_int_equal(portset_count(&holders.connected), 1);
}

static void procfs_cannot_tell_them(void **state)
{
	(void)state;
	workspace_write(&workspace, "net/tcp", "heading\n");
	assert_result(
	    source_open(
		&(struct source_options){.procfs = workspace.path, .kind = SOURCE_PROCFS}, &source),
	    0);
	assert_result(list(0, 0), 0);
	assert_int_equal(portset_count(&holders.connected), 0);
}

static void batches_can_end_it(void **state)
{
	static const uint16_t ports[] = {41005, 0};

	(void)state;
	replay(ports, 0);
	assert_result(holders_list_chosen(&holders, &chosen, source, stop, NULL, 0, 0), -ECANCELED);
	assert_result(holders_list_chosen(&holders, &chosen, source, NULL, NULL, 0, 0), 0);
	assert_int_equal(portset_count(&holders.connected), 1);
}

static void a_walk_tells_what_is_held_and_how(void **state)
{
	static const struct port_range range = {40000, 40099};
	struct portset held = {{0}};
	struct socket socket = {.family = SOCKET_IPV4, .local_port = 443, .is_chosen = true};

	(void)state;
	portset_add(&held, 40001);
	holders_take_held(&holders, &held);
	assert_true(holders.sees_buckets && holders.tells_reuse);
	assert_true(portset_has(&holders.connected, 40001));
	portset_add(&holders.listen, 443);
	holders_note_connected(&holders, range, &socket);
	socket.is_chosen = false; /* accepted */
	holders_note_connected(&holders, range, &socket);
	socket = (struct socket){.family = SOCKET_IPV6, .local_port = 40003, .is_chosen = true};
	holders_note_connected(&holders, range, &socket);
	assert_int_equal(holders.dialled[SOCKET_IPV4], 1);
	assert_int_equal(holders.dialled[SOCKET_IPV6], 0);
	assert_int_equal(holders.own_range_sockets, 0);
}

static void an_own_range_ends_where_the_namespaces_does(void **state)
{
	static const struct port_range range = {40000, 40099};
	static const struct {
		uint16_t first;
		uint16_t last;
		unsigned narrowest;
	} steps[] = {{30000, 60000, 100}, {40090, 60000, 10}, {0, 40019, 10}, {40050, 40053, 4}};

	(void)state;
	for (size_t i = 0; i < LENGTH(steps); i++) {
		const struct socket socket = {.family = SOCKET_IPV4,
		    .own_first_port = steps[i].first,
		    .own_last_port = steps[i].last};

		holders_note_connected(&holders, range, &socket);
		assert_int_equal(holders.own_range_sockets, i + 1);
		assert_int_equal(holders.narrowest_own_range, steps[i].narrowest);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(notes_listeners_and_bound_sockets_apart),
	    TEST(who_chose_a_listeners_port_dialled),
	    TEST(what_is_usable_is_range_less_all_that_is_held),
	    TEST(a_range_may_have_nothing_left),
	    TEST(lists_chosen_ports),
	    TEST(few_sockets_are_listed_every_time),
	    TEST(many_sockets_are_remembered_with_their_age),
	    TEST(a_failed_listing_is_not_remembered),
	    TEST(procfs_cannot_tell_them),
	    TEST(batches_can_end_it),
	    TEST(a_walk_tells_what_is_held_and_how),
	    TEST(an_own_range_ends_where_the_namespaces_does),
	};

	return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
