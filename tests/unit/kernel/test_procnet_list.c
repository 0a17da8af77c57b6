// SPDX-License-Identifier: Apache-2.0
/* Whole files. */
#include "collectors/kernel/procnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "procnet_lines.h"
#include "unit.h"
#include "workspace.h"

#define TCP_HEADING                                                                           \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " \
	"timeout "                                                                            \
	"inode                                                     \n"

static struct workspace workspace;

struct seen {
	unsigned sockets;
	unsigned states[SOCKET_STATES];
	unsigned families[SOCKET_FAMILIES];
	unsigned batches;
	int observe_answer;
	int batch_answer;
};

static int observe(void *context, const struct socket *socket)
{
	struct seen *seen = context;

	seen->sockets++;
	seen->states[socket->state]++;
	seen->families[socket->family]++;
	return seen->observe_answer;
}

static int batch(void *context)
{
	struct seen *seen = context;

	seen->batches++;
	return seen->batch_answer;
}

static int list(enum listing listing, struct seen *seen)
{
	return procnet_list(workspace.path, listing, observe, batch, seen);
}

static int set_up(void **state)
{
	(void)state;
	workspace_make(&workspace);
	workspace_write(
	    &workspace, "net/tcp", TCP_HEADING TCP_LINE "\n" LISTEN_LINE "\n" TIME_WAIT_LINE "\n");
	workspace_write(&workspace, "net/tcp6", TCP_HEADING TCP6_LINE "\n" MAPPED_LINE "\n");
	workspace_write(&workspace, "net/udp", TCP_HEADING UDP_LINE "\n");
	workspace_write(&workspace, "net/udp6", TCP_HEADING);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	workspace_remove(&workspace);
	return 0;
}

static void lists_tcp_of_both_families_without_listeners(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_result(list(LISTING_TCP, &seen), 0);
	assert_int_equal(seen.sockets, 4);
	assert_int_equal(seen.states[SOCKET_LISTEN], 0);
	assert_int_equal(seen.states[SOCKET_TIME_WAIT], 1);
	assert_int_equal(seen.families[SOCKET_IPV4], 3);
	assert_int_equal(seen.families[SOCKET_IPV6], 1);
}

static void lists_listeners_alone(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_result(list(LISTING_TCP_LISTEN, &seen), 0);
	assert_int_equal(seen.sockets, 1);
	assert_int_equal(seen.states[SOCKET_LISTEN], 1);
}

static void lists_udp_by_family(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_result(list(LISTING_UDP4, &seen), 0);
	assert_int_equal(seen.sockets, 1);
	assert_result(list(LISTING_UDP6, &seen), 0);
	assert_int_equal(seen.sockets, 1);
}

static void cannot_tell_who_chose_a_port(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_result(list(LISTING_TCP_CHOSEN, &seen), -EOPNOTSUPP);
	assert_result(list(LISTING_UDP4_CHOSEN, &seen), -EOPNOTSUPP);
	assert_result(list(LISTING_UDP6_CHOSEN, &seen), -EOPNOTSUPP);
	assert_result(list(LISTING_TCP_BOUND, &seen), 0);
	assert_int_equal(seen.sockets, 0);
}

static void a_kernel_may_lack_ipv6_but_not_ipv4(void **state)
{
	struct seen seen = {0};

	(void)state;
	workspace_unlink(&workspace, "net/tcp6");
	workspace_unlink(&workspace, "net/udp6");
	assert_result(list(LISTING_TCP, &seen), 0);
	assert_int_equal(seen.sockets, 2);
	assert_result(list(LISTING_UDP6, &seen), 0);
	workspace_unlink(&workspace, "net/tcp");
	workspace_unlink(&workspace, "net/udp");
	assert_result(list(LISTING_TCP, &seen), -ENOENT);
	assert_result(list(LISTING_UDP4, &seen), -ENOENT);
}

static void a_line_that_does_not_read_ends_it(void **state)
{
	struct seen seen = {0};

	(void)state;
	workspace_write(&workspace, "net/tcp", TCP_HEADING TCP_LINE "\nnonsense\n" TCP_LINE "\n");
	assert_result(list(LISTING_TCP, &seen), -EBADMSG);
	assert_int_equal(seen.sockets, 1);
}

static void an_empty_file_is_malformed(void **state)
{
	struct seen seen = {0};

	(void)state;
	workspace_write(&workspace, "net/udp", "");
	assert_result(list(LISTING_UDP4, &seen), -EBADMSG);
}

static void a_line_without_end_is_malformed(void **state)
{
	static char text[4096];
	struct seen seen = {0};

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, TCP_HEADING TCP_LINE, strlen(TCP_HEADING TCP_LINE));
	text[sizeof(text) - 2] = '\n';
	workspace_write(&workspace, "net/udp", text);
	assert_result(list(LISTING_UDP4, &seen), -EBADMSG);
}

static void observers_and_batches_can_end_it(void **state)
{
	struct seen seen = {.observe_answer = -ECANCELED};

	(void)state;
	assert_result(list(LISTING_TCP, &seen), -ECANCELED);
	assert_int_equal(seen.sockets, 1);
	for (int answer = 0; answer >= -ECANCELED; answer -= ECANCELED) {
		FILE *file = fopen(workspace_path(&workspace, "net/udp"), "we");

		assert_non_null(file);
		fputs(TCP_HEADING, file);
		for (int i = 0; i < 1013; i++)
			fputs(UDP_LINE "\n", file);
		fclose(file);
		seen = (struct seen){.batch_answer = answer};
		assert_result(list(LISTING_UDP4, &seen), answer);
		if (answer == 0) {
			assert_int_equal(seen.sockets, 1013);
			assert_true(seen.batches > 1);
		} else {
			assert_true(seen.sockets < 1013);
			assert_int_equal(seen.batches, 1);
		}
	}
	seen = (struct seen){0};
	assert_result(procnet_list(workspace.path, LISTING_UDP4, observe, NULL, &seen), 0);
	assert_int_equal(seen.sockets, 1013);
}

int main(void)
{
#define LISTS(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    LISTS(lists_tcp_of_both_families_without_listeners),
	    LISTS(lists_listeners_alone),
	    LISTS(lists_udp_by_family),
	    LISTS(cannot_tell_who_chose_a_port),
	    LISTS(a_kernel_may_lack_ipv6_but_not_ipv4),
	    LISTS(a_line_that_does_not_read_ends_it),
	    LISTS(an_empty_file_is_malformed),
	    LISTS(a_line_without_end_is_malformed),
	    LISTS(observers_and_batches_can_end_it),
	};

	if (htons(1) == 1) {
		fputs("skipped: the lines are a little-endian host's\n", stderr);
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("procnet_list", tests, NULL, NULL);
}
