// SPDX-License-Identifier: Apache-2.0
#include "client_pairs.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct clients *clients;
static struct refusals refusals;

void start_clients(const struct clients_limits *limits)
{
	memset(&refusals, 0, sizeof(refusals));
	assert_result(clients_new(limits, &refusals, &clients), 0);
}

void assert_refused(enum refusal refusal, unsigned long count)
{
	for (size_t i = 0; i < REFUSALS; i++) {
		const unsigned long found = atomic_load(&refusals.counts[i]);

		if (found != (i == refusal ? count : 0))
			fail_msg("%lu were counted under %zu", found, i);
	}
}

int end_clients(void **state)
{
	(void)state;
	clients_free(clients);
	clients = NULL;
	return 0;
}

struct pair add(void)
{
	struct pair pair;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair.ours = fds[0];
	pair.theirs = fds[1];
	pair.client = clients_add(clients, pair.ours);
	assert_non_null(pair.client);
	return pair;
}

struct pair add_from(unsigned char host)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	struct pair pair;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	pair.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	struct sockaddr_in source = {.sin_family = AF_INET};

	source.sin_addr.s_addr = htonl((127U << 24) + host);
	assert_int_equal(bind(pair.theirs, (struct sockaddr *)&source, sizeof(source)), 0);
	assert_int_equal(connect(pair.theirs, (struct sockaddr *)&address, size), 0);
	pair.ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair.ours >= 0);
	close(listener);
	pair.client = clients_add(clients, pair.ours);
	assert_non_null(pair.client);
	return pair;
}

void take_away(struct pair *pair)
{
	clients_remove(clients, pair->client);
	close(pair->ours);
	close(pair->theirs);
}

bool is_shut_down(const struct pair *pair, int milliseconds)
{
	struct pollfd wait = {.fd = pair->theirs, .events = POLLIN};
	char byte;

	if (poll(&wait, 1, milliseconds) == 0)
		return false;
	return recv(pair->theirs, &byte, 1, MSG_DONTWAIT) == 0;
}
