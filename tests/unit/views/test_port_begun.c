// SPDX-License-Identifier: Apache-2.0
/* Whose begin was seen, and how old these are. */
#include <string.h>
#include <sys/socket.h>

#include "collect.h"
#include "collectors/bpf/exhaustion.h"
#include "collectors/views/port_finding.h"
#include "lookup_host.h"
#include "unit.h"

#define ORDER 4u
#define PORT "40008"
#define NS_PER_S 1000000000ull
/* Much longer than a test takes. */
#define LATER_MS 600000u

static struct leases table[1u << ORDER];
static struct lease_starts starts;

static int set_up_starts(void **state)
{
	memset(table, 0, sizeof(table));
	starts = (struct lease_starts){.table = table, .order = ORDER};
	return set_up(state);
}

static void begin_lease(uint64_t cookie, uint64_t ns)
{
	struct leases *beside = &table[leases_place(cookie, ORDER)];

	for (unsigned i = 0; i < LEASES_BESIDE; i++) {
		if (beside->cookies[i])
			continue;
		beside->cookies[i] = cookie;
		beside->starts[i] = ns;
		return;
	}
	fail_msg("the bucket is full");
}

static void put_tcp(uint8_t tcp_state, uint16_t remote_port, uint64_t cookie)
{
	const struct record record = {.family = AF_INET,
	    .state = tcp_state,
	    .local = "127.0.0.1",
	    .local_port = 40008,
	    .remote = remote_port ? "192.0.2.9" : NULL,
	    .remote_port = remote_port,
	    .inode = 4,
	    .cookie = cookie};

	put(&record);
}

static void look(const struct lease_starts *told)
{
	struct port_lookup_options options = options_of(20);

	options.starts = told;
	assert_result(run_with(&options, PORT), 0);
}

static const struct socket *towards(uint16_t remote_port)
{
	const struct port_side *side = &lookup->answers[0].local;

	for (size_t i = 0; i < side->length; i++)
		if (side->list[i].socket.remote_port == remote_port)
			return &side->list[i].socket;
	fail_msg("no socket towards %u", remote_port);
	return NULL;
}

static void assert_age(uint16_t remote_port, uint64_t seconds)
{
	const struct socket *socket = towards(remote_port);

	assert_true(socket->tells_age && socket->age_is_exact);
	assert_in_range(socket->age_ms, seconds * 1000, seconds * 1000 + LATER_MS);
}

static void assert_no_age(uint16_t remote_port)
{
	assert_false(towards(remote_port)->tells_age);
	assert_false(towards(remote_port)->age_is_exact);
}

static void write_listings(void)
{
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
}

static void each_has_the_age_of_its_own_cookie(void **state)
{
	const uint64_t now = lease_starts_now(&starts);

	(void)state;
	starts.ahead_ns = -10000 * (int64_t)NS_PER_S; /* so that all of it is in the past */
	begin_lease(11, now);
	begin_lease(12, now + 5000 * NS_PER_S);
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put_tcp(SOCKET_ESTABLISHED, 1001, 11);
	put_tcp(SOCKET_FIN_WAIT1, 1002, 12);
	put_tcp(SOCKET_ESTABLISHED, 1003, 13);
	put_tcp(SOCKET_ESTABLISHED, 1004, 0);
	/* The half of a cookie is none. */
	put_tcp(SOCKET_ESTABLISHED, 1005, 11 | 1ull << 32);
	write_listings();
	look(&starts);
	assert_age(1001, 10000);
	assert_age(1002, 5000);
	assert_no_age(1003);
	assert_no_age(1004);
	assert_no_age(1005);
	look(NULL);
	assert_no_age(1001);
}

static void what_began_after_the_listing_is_another_connection(void **state)
{
	(void)state;
	begin_lease(11, lease_starts_now(&starts) + LATER_MS * 1000000ull);
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put_tcp(SOCKET_ESTABLISHED, 1001, 11);
	write_listings();
	look(&starts);
	assert_no_age(1001);
}

static void only_connections_have_a_begin(void **state)
{
	const uint64_t now = lease_starts_now(&starts);

	(void)state;
	for (uint64_t cookie = 1; cookie <= 4; cookie++)
		begin_lease(cookie, now);
	begin(LISTING_TCP_LISTEN);
	put_tcp(SOCKET_LISTEN, 0, 1);
	end(0);
	begin(LISTING_TCP);
	put_tcp(SOCKET_TIME_WAIT, 1002, 2);
	put_tcp(SOCKET_SYN_SENT, 1003, 3);
	write_listings();
	look(&starts);
	assert_no_age(0);
	assert_no_age(1002);
	assert_age(1003, 0);
}

/* Whether the only connection's age is, if a walk has said that it is at least that old. */
static bool is_exact_beside(uint64_t walked_ms)
{
	static struct finding finding;
	struct port_lookup_options options = options_of(20);
	struct socket *socket = &lookup->answers[0].local.list[0].socket;

	options.starts = &starts;
	finding.options = &options;
	finding.lookup = lookup;
	finding.begun_ns = lease_starts_now(&starts);
	socket->tells_age = true;
	socket->age_is_exact = false;
	socket->age_ms = walked_ms;
	port_finding_tell_ages(&finding);
	return socket->age_is_exact;
}

static void a_walk_may_say_a_little_more_for_its_ticks_are_late(void **state)
{
	(void)state;
	starts.ahead_ns = -10000 * (int64_t)NS_PER_S;
	begin_lease(11, lease_starts_now(&starts) - 60 * NS_PER_S);
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	put_tcp(SOCKET_ESTABLISHED, 1001, 11);
	write_listings();
	look(NULL);
	assert_no_age(1001);
	assert_true(is_exact_beside(59000));
	assert_age(1001, 60);
	assert_true(is_exact_beside(60500));
	assert_age(1001, 60);
	assert_false(is_exact_beside(60000 + LATER_MS));
}

#define TEST_STARTS(function) cmocka_unit_test_setup_teardown(function, set_up_starts, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_STARTS(each_has_the_age_of_its_own_cookie),
	    TEST_STARTS(what_began_after_the_listing_is_another_connection),
	    TEST_STARTS(only_connections_have_a_begin),
	    TEST_STARTS(a_walk_may_say_a_little_more_for_its_ticks_are_late),
	};

	return cmocka_run_group_tests_name("port_begun", tests, NULL, NULL);
}
