// SPDX-License-Identifier: Apache-2.0
/* What a lookup does when a listing fails or changes, and how much it keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/dumpfile.h"
#include "lookup_host.h"
#include "unit.h"

#define SOCKETS 60000u

static void what_hinders_a_listing_is_told(void **state)
{
	(void)state;
	/* Nothing of it in the recording. */
	assert_result(run("40004", 20), -ENODATA);
	put_empty(LISTING_TCP_LISTEN);
	assert_result(run("40004", 20), -ENODATA);
	put_empty(LISTING_TCP);
	put_empty(LISTING_UDP4);
	begin(LISTING_UDP6);
	end(-EACCES);
	assert_result(run("40004", 20), -EACCES);
	assert_null(lookup);
}

static void what_hinders_a_listing_of_chosen_ports_is_told(void **state)
{
	(void)state;
	write_host();
	begin(LISTING_TCP_BINDS_CHOSEN);
	end(-ENOBUFS);
	assert_result(run("40004", 20), -ENOBUFS);
	assert_null(lookup);
	/* Where it is not needed it is not asked for. */
	assert_result(run("40012", 20), 0);
}

static void what_hinders_the_beginning_is_told(void **state)
{
	struct port_lookup_options options = options_of(20);

	(void)state;
	write_host();
	source.replay = workspace_path(&workspace, "none");
	assert_result(run_with(&options, "40004"), -ENOENT);
	assert_null(lookup);
	workspace_write(&workspace, "other", "no dump\n");
	source.replay = workspace_path(&workspace, "other");
	assert_result(run_with(&options, "40004"), -EBADMSG);
	options = options_of(20);
	workspace_write(&workspace, RESERVED, "x\n");
	assert_result(run_with(&options, "40004"), -EBADMSG);
	workspace_unlink(&workspace, "sys/net/ipv4/ip_local_port_range");
	assert_result(run_with(&options, "40004"), -ENOENT);
	assert_null(lookup);
}

/* What was handed on before the kernel said so is forgotten: nothing counts twice. */
static void an_inconsistent_listing_is_begun_again(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	for (unsigned call = 1; call <= 7; call++) {
		memset(&listings, 0, sizeof(listings));
		listings.fails[0] = call;
		listings.fails_length = 1;
		listings.result = -EINTR;
		assert_result(run("40004", 20), 0);
		assert_answers("40004 listener! 3:1\n"
			       "  tcp listen 40004>0 listener +\n"
			       "  udp close 40004>0 outbound -\n"
			       "  tcp established 40004>40010 inbound -\n"
			       " /\n"
			       "  tcp established 40010>40004 outbound ?\n"
			       "0 empty\n");
		assert_int_equal(portset_count(&lookup->listen), 2);
		assert_int_equal(listings.calls, call + 7);
	}
}

static void a_listener_that_has_gone_is_forgotten(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	listened_once = 40012;
	listings.fails[0] = 2;
	listings.fails_length = 1;
	listings.result = -EINTR;
	assert_result(run("40012", 20), 0);
	assert_int_equal(listened_once, 0);
	assert_answers("40012 bound 1:0\n"
		       "  tcp established 40012>443 outbound +\n"
		       "0 empty\n");
}

static void a_listing_is_begun_again_so_often_and_no_more(void **state)
{
	(void)state;
	write_host();
	write_chosen();
	/* The first listing of each attempt: the last of them may still be good. */
	listings.result = -EINTR;
	listings.fails[0] = 1;
	listings.fails[1] = 2;
	listings.fails_length = 2;
	assert_result(run("40012", 20), 0);
	memset(&listings, 0, sizeof(listings));
	listings.result = -EINTR;
	for (unsigned i = 0; i < 8; i++)
		listings.fails[i] = i + 1;
	listings.fails_length = 8;
	assert_result(run("40012", 20), -EINTR);
	assert_int_equal(listings.calls, ATTEMPTS);
	assert_null(lookup);
	/* Any other error ends it at once. */
	memset(&listings, 0, sizeof(listings));
	listings.result = -EIO;
	listings.fails[0] = 1;
	listings.fails_length = 1;
	assert_result(run("40012", 20), -EIO);
	assert_int_equal(listings.calls, 1);
}

/* On the ports 1 to 60000, each of which is kept at both its ends; and a last one. */
static void write_very_many(void)
{
	put_empty(LISTING_TCP_LISTEN);
	begin(LISTING_TCP);
	for (unsigned i = 0; i < SOCKETS; i++)
		put_socket(SOCKET_ESTABLISHED, (uint16_t)(1 + i), (uint16_t)(SOCKETS - i), 1 + i);
	put_socket(SOCKET_TIME_WAIT, 60001, 9, 0);
	end(0);
	put_empty(LISTING_UDP4);
	put_empty(LISTING_UDP6);
	put_empty(LISTING_TCP_CHOSEN);
}

/* However many ports there is a bound on what is kept, and none on what is counted. */
static void there_is_a_bound_to_what_is_kept(void **state)
{
	(void)state;
	write_very_many();
	/* The second time it is begun again, which must not count against it. */
	for (int time = 0; time < 2; time++) {
		size_t kept = 0;
		unsigned long total = 0;

		memset(&listings, 0, sizeof(listings));
		listings.fails[0] = 3;
		listings.fails_length = time ? 1 : 0;
		listings.result = -EINTR;
		assert_result(run("1-65535", 1000), 0);
		assert_int_equal(lookup->length, SOCKETS + 1);
		for (size_t i = 0; i < lookup->length; i++) {
			const struct port_answer *answer = &lookup->answers[i];

			kept += answer->local.length + answer->remote.length;
			total += answer->local.total + answer->remote.total;
		}
		assert_int_equal(kept, KEPT_MAX);
		assert_int_equal(total, 2 * (SOCKETS + 1));
		assert_int_equal(lookup->empty, 65535 - SOCKETS - 1);
	}
}

/* What was counted and not kept is there all the same. */
static void a_port_beyond_the_bound_is_not_free(void **state)
{
	(void)state;
	write_very_many();
	assert_result(run("1-65535", 1000), 0);
	for (size_t i = 0; i < lookup->length; i++)
		if (lookup->answers[i].state == PORT_STATE_FREE)
			fail_msg("port %u has %lu sockets, and is told to be free",
			    lookup->answers[i].port, lookup->answers[i].local.total);
	assert_int_equal(port_lookup_answer(lookup, 60000).state, PORT_STATE_OUTBOUND);
	assert_int_equal(port_lookup_answer(lookup, 60001).state, PORT_STATE_TIME_WAIT);
}

static int stops_left;

static bool stop_later(void *context)
{
	assert_ptr_equal(context, &stops_left);
	return stops_left-- == 0;
}

/* Whoever waits no longer need not be answered: not even by the last listing of all. */
static void a_lookup_may_be_stopped(void **state)
{
	struct port_lookup_options options = options_of(20);
	int asked = 0;

	(void)state;
	write_host();
	write_chosen();
	options.should_stop = stop_later;
	options.context = &stops_left;
	for (int after = 0; after < 100; after++) {
		int result;

		stops_left = after;
		result = run_with(&options, "40004-40018");
		if (result == 0)
			break;
		assert_result(result, -ECANCELED);
		assert_null(lookup);
		asked++;
	}
	/* Every listing asks. Free ports are among these, so all nine are made, one of them twice.
	 */
	assert_int_equal(asked, 9);
	assert_non_null(lookup);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	port_lookup_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_hinders_a_listing_is_told),
	    TEST(what_hinders_a_listing_of_chosen_ports_is_told),
	    TEST(what_hinders_the_beginning_is_told),
	    TEST(an_inconsistent_listing_is_begun_again),
	    TEST(a_listener_that_has_gone_is_forgotten),
	    TEST(a_listing_is_begun_again_so_often_and_no_more),
	    TEST(there_is_a_bound_to_what_is_kept),
	    TEST(a_port_beyond_the_bound_is_not_free),
	    TEST(a_lookup_may_be_stopped),
	    TEST(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("port_lookup_limits", tests, NULL, NULL);
}
