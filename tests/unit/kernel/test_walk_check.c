// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/walk_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/kernel/source.h"
#include "namespace.h"
#include "unit.h"

#define LISTENER_PORT 11111
#define CLIENTS 5

/* A walk that finds what sock_diag does, except as the test wants. */
enum fault {
	NONE,
	COUNTS_NOTHING,
	COUNTS_TWICE,
	SKIPS_ONE, /* of the connections: what a bucket that is left out does */
	MISTAKES_A_STATE,
	SEES_NO_UDP,
	IS_FULL,
	CHANGES_TOO_MUCH_AT_FIRST,
};

static enum fault fault;
static bool has_udp;
static unsigned walks;

struct wrapped {
	const struct walk_sink *sink;
	enum walk_table table;
	unsigned seen;
};

static int pass_on(void *context, const struct socket *socket)
{
	struct wrapped *wrapped = context;
	struct socket passed = *socket;
	const bool first = wrapped->seen++ == 0;
	int result;

	if (fault == COUNTS_NOTHING ||
	    (fault == SKIPS_ONE && wrapped->table == WALK_CONNECTED && first))
		return 0;
	if (fault == MISTAKES_A_STATE && socket->state == SOCKET_ESTABLISHED)
		passed.state = SOCKET_CLOSE_WAIT;
	result = wrapped->sink->observe(wrapped->sink->context, &passed);
	if (result == 0 && fault == COUNTS_TWICE)
		result = wrapped->sink->observe(wrapped->sink->context, &passed);
	return result;
}

bool __wrap_walk_has_udp(const struct walk *walk);
bool __wrap_walk_has_udp(const struct walk *walk)
{
	(void)walk;
	return has_udp;
}

int __wrap_walk_list(struct walk *walk, enum walk_table table, const struct portset *ports,
    const struct walk_sink *sink);
int __wrap_walk_list(struct walk *walk, enum walk_table table, const struct portset *ports,
    const struct walk_sink *sink)
{
	static const enum listing listings[WALK_TABLES] = {
	    [WALK_LISTENERS] = LISTING_TCP_LISTEN,
	    [WALK_BINDS] = LISTING_TCP_BOUND,
	    [WALK_CONNECTED] = LISTING_TCP_CONNECTED,
	    [WALK_UDP] = LISTING_UDP4,
	};
	const struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};
	struct wrapped wrapped = {sink, table, 0};
	const struct source_observer observer = {pass_on, NULL, &wrapped};
	struct source *source;
	int result = 0;

	(void)walk;
	assert_null(ports);
	walks++;
	if (fault == IS_FULL || (fault == CHANGES_TOO_MUCH_AT_FIRST && walks < 3))
		return -ENOBUFS;
	assert_result(source_open(&options, &source), 0);
	if (fault != SEES_NO_UDP || table != WALK_UDP)
		result = source_list(source, listings[table], &observer);
	if (result == 0 && table == WALK_UDP && fault != SEES_NO_UDP)
		result = source_list(source, LISTING_UDP6, &observer);
	source_close(source);
	return result;
}

static int check(bool thorough, enum fault wanted)
{
	const char *reason = NULL;

	fault = wanted;
	walks = 0;

	const int result = walk_check(NULL, "/proc", thorough, &reason);

	assert_true((result < 0) == (reason != NULL));
	return result;
}

static void a_walk_that_is_right_is_taken(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		has_udp = udp;
		assert_result(check(true, NONE), 0);
		assert_result(check(false, NONE), 0);
	}
}

static void one_that_is_wrong_is_not(void **state)
{
	static const enum fault faults[] = {
	    COUNTS_NOTHING, COUNTS_TWICE, SKIPS_ONE, MISTAKES_A_STATE, SEES_NO_UDP};

	(void)state;
	has_udp = true;
	for (size_t i = 0; i < LENGTH(faults); i++)
		assert_result(check(true, faults[i]), -EBADE);
}

/* One connection more or less, or in which state it is, is not among what these look at. */
static void nor_is_it_for_one_scrape(void **state)
{
	static const enum fault faults[] = {COUNTS_NOTHING, COUNTS_TWICE, SEES_NO_UDP};

	(void)state;
	has_udp = true;
	for (size_t i = 0; i < LENGTH(faults); i++)
		assert_result(check(false, faults[i]), -EBADE);
}

static void one_that_always_lacks_something_is_not(void **state)
{
	(void)state;
	has_udp = true;
	assert_result(check(true, IS_FULL), -ENOBUFS);
	assert_result(check(false, IS_FULL), -ENOBUFS);
	assert_result(check(true, CHANGES_TOO_MUCH_AT_FIRST), 0);
}

/* Some of what a host has. */
static int listener;
static int clients[CLIENTS];

static int open_sockets(void **state)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(LISTENER_PORT),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_result(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_result(listen(listener, CLIENTS), 0);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_result(
		    connect(clients[i], (const struct sockaddr *)&address, sizeof(address)), 0);
	}
	return 0;
}

static int close_sockets(void **state)
{
	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_walk_that_is_right_is_taken),
	    cmocka_unit_test(one_that_is_wrong_is_not),
	    cmocka_unit_test(nor_is_it_for_one_scrape),
	    cmocka_unit_test(one_that_always_lacks_something_is_not),
	};
	int result = namespace_enter();

	if (result == 0)
		result = namespace_loopback_up();
	if (result < 0) {
		fprintf(stderr, "skipped: no network namespace: %s\n", strerror(-result));
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("walk_check", tests, open_sockets, close_sockets);
}
