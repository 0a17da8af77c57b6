// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the kernel takes a filter by ports as we write it, and whether it throws away what
 * we mean: sockets of our own, in a network namespace of our own, and what it sends of them
 * before anything is sieved.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/kernel/bound_probe.h"
#include "collectors/kernel/netlink.h"
#include "collectors/kernel/source.h"
#include "namespace.h"
#include "unit.h"
#include "workspace.h"

#define LOCAL PORT_FILTER_LOCAL
#define REMOTE PORT_FILTER_REMOTE
#define BOTH (PORT_FILTER_LOCAL | PORT_FILTER_REMOTE)

/* Each on a port of its own; what has no number asked for has the kernel's choice. */
static struct {
	int fd;
	uint16_t port;
} listener, chosen_listener, client, accepted, bound, waiter, chosen_waiter;

#define CHOSEN_LISTENER 30011
#define CHOSEN_WAITER 30013

static struct source *source;

/* CMakeLists.txt puts this in the place of the real one, which it calls. */
void __real_bound_probe_open(
    struct bound_probe *probe, const char *procfs, const struct source_observer *observer);
void __wrap_bound_probe_open(
    struct bound_probe *probe, const char *procfs, const struct source_observer *observer);

static unsigned probes;

void __wrap_bound_probe_open(
    struct bound_probe *probe, const char *procfs, const struct source_observer *observer)
{
	probes++;
	__real_bound_probe_open(probe, procfs, observer);
}

static int open_socket(int type, uint16_t number, uint16_t *ret_port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(number),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_result(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_result(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int connect_to(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_result(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_result(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int open_sockets(void **state)
{
	const struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};

	(void)state;
	listener.fd = open_socket(SOCK_STREAM, 0, &listener.port);
	assert_result(listen(listener.fd, 8), 0);
	chosen_listener.fd = open_socket(SOCK_STREAM, CHOSEN_LISTENER, &chosen_listener.port);
	assert_result(listen(chosen_listener.fd, 8), 0);
	client.fd = connect_to(listener.port, &client.port);
	accepted.fd = accept4(listener.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted.fd >= 0);
	bound.fd = open_socket(SOCK_STREAM, 0, &bound.port);
	waiter.fd = open_socket(SOCK_DGRAM, 0, &waiter.port);
	chosen_waiter.fd = open_socket(SOCK_DGRAM, CHOSEN_WAITER, &chosen_waiter.port);
	return source_open(&options, &source);
}

static int close_sockets(void **state)
{
	(void)state;
	close(listener.fd);
	close(chosen_listener.fd);
	close(client.fd);
	close(accepted.fd);
	close(bound.fd);
	close(waiter.fd);
	close(chosen_waiter.fd);
	source_close(source);
	return 0;
}

/* What came, as "LOCAL>REMOTE " in order of the local port. */
struct found {
	size_t length;
	struct socket list[16];
};

static int note(void *context, const struct socket *socket)
{
	struct found *found = context;

	assert_true(found->length < LENGTH(found->list));
	found->list[found->length++] = *socket;
	return 0;
}

static int note_message(void *context, const struct nlmsghdr *message)
{
	struct socket socket;
	const int result = inet_diag_decode(LISTING_TCP, message, &socket);

	return result < 0 ? result : note(context, &socket);
}

/* What the kernel itself sends, with nobody who sieves it. */
static struct found ask_kernel(enum listing listing, const struct port_filter *filter)
{
	_Alignas(8) char buffer[INET_DIAG_REQUEST_SIZE];
	struct found found = {0};
	const struct netlink_sink sink = {note_message, NULL, &found};

	assert_result(netlink_dump(inet_diag_request(listing, filter, buffer), &sink), 0);
	return found;
}

static struct found ask_source(enum listing listing, const struct port_filter *filter)
{
	struct found found = {0};
	const struct source_observer observer = {note, NULL, &found};

	assert_result(source_list_ports(source, listing, filter, &observer), 0);
	return found;
}

static bool has(const struct found *found, uint16_t local, uint16_t remote)
{
	for (size_t i = 0; i < found->length; i++)
		if (found->list[i].local_port == local && found->list[i].remote_port == remote)
			return true;
	return false;
}

/* That of all the sockets above one alone comes; port 0: none. */
static void assert_only(enum listing listing, const struct portset *ports, unsigned sides,
    uint16_t local, uint16_t remote)
{
	const struct port_filter filter = {ports, sides};
	const struct found sent = ask_kernel(listing, &filter);
	const struct found found = ask_source(listing, &filter);

	if (sent.length != (local ? 1 : 0) || (local && !has(&sent, local, remote)))
		fail_msg("%s: the kernel sent %zu sockets, the first %u -> %u",
		    listing_name(listing), sent.length, sent.list[0].local_port,
		    sent.list[0].remote_port);
	assert_int_equal(found.length, sent.length);
	assert_int_equal(has(&found, local, remote), local != 0);
}

static void the_kernel_finds_a_socket_by_its_port(void **state)
{
	struct portset ports = {{0}};

	(void)state;
	portset_add(&ports, listener.port);
	assert_only(LISTING_TCP_LISTEN, &ports, LOCAL, listener.port, 0);
	assert_only(LISTING_TCP_LISTEN, &ports, REMOTE, 0, 0);
	assert_only(LISTING_TCP, &ports, LOCAL, listener.port, client.port);
	assert_only(LISTING_TCP, &ports, REMOTE, client.port, listener.port);
	assert_only(LISTING_UDP4, &ports, BOTH, 0, 0);
	assert_only(LISTING_UDP6, &ports, BOTH, 0, 0);

	const struct port_filter both = {&ports, BOTH};
	const struct found found = ask_source(LISTING_TCP, &both);

	assert_int_equal(found.length, 2);
	assert_true(has(&found, listener.port, client.port));
	assert_true(has(&found, client.port, listener.port));
}

static void udp_is_found_as_well(void **state)
{
	struct portset ports = {{0}};

	(void)state;
	portset_add(&ports, waiter.port);
	assert_only(LISTING_UDP4, &ports, BOTH, waiter.port, 0);
	portset_add(&ports, chosen_waiter.port);
	assert_only(LISTING_UDP4_CHOSEN, &ports, LOCAL, chosen_waiter.port, 0);
	assert_int_equal(chosen_waiter.port, CHOSEN_WAITER);
}

static void a_chosen_port_is_told_from_one_that_was_picked(void **state)
{
	struct portset ports = {{0}};

	(void)state;
	portset_add_range(&ports, (struct port_range){1, 65535});
	assert_only(LISTING_TCP_BINDS_CHOSEN, &ports, LOCAL, CHOSEN_LISTENER, 0);
	assert_only(LISTING_TCP_CHOSEN, &ports, LOCAL, 0, 0);
	assert_only(LISTING_UDP4_CHOSEN, &ports, BOTH, CHOSEN_WAITER, 0);
}

static void sockets_that_only_bind_are_found(void **state)
{
	struct portset ports = {{0}};
	const struct source_observer nobody = {note, NULL, &(struct found){0}};

	(void)state;
	assert_result(source_list(source, LISTING_TCP, &nobody), 0);
	if (!source_sees_bound_only(source))
		skip();
	portset_add(&ports, bound.port);
	assert_only(LISTING_TCP, &ports, BOTH, bound.port, 0);
}

/* The longest bytecode that we write; with one range more it is the whole span. */
static void the_kernel_takes_as_many_ranges_as_we_write(void **state)
{
	struct portset ports = {{0}};

	(void)state;
	for (unsigned i = 0; i < PORT_FILTER_RANGES_MAX - 1; i++)
		portset_add(&ports, (uint16_t)(1 + 2 * i));
	portset_add(&ports, chosen_listener.port);
	assert_only(LISTING_TCP_LISTEN, &ports, BOTH, CHOSEN_LISTENER, 0);
	assert_only(LISTING_TCP_BINDS_CHOSEN, &ports, BOTH, CHOSEN_LISTENER, 0);

	/* Now the kernel sends what lies between, and the source keeps it from us. */
	portset_add(&ports, listener.port);

	const struct port_filter filter = {&ports, LOCAL};

	portset_add(&ports, (uint16_t)(listener.port + 2));
	assert_int_equal(ask_kernel(LISTING_TCP_LISTEN, &filter).length, 2);
	assert_int_equal(ask_source(LISTING_TCP_LISTEN, &filter).length, 2);
	memset(&ports, 0, sizeof(ports));
	for (unsigned i = 0; i < PORT_FILTER_RANGES_MAX; i++)
		portset_add(&ports, (uint16_t)(1 + 2 * i));
	portset_add(&ports, 65535);
	assert_int_equal(ask_kernel(LISTING_TCP_LISTEN, &filter).length, 2);
	assert_int_equal(ask_source(LISTING_TCP_LISTEN, &filter).length, 0);
}

/* That socket would be one of ours on a port that nobody asked for. */
static void only_a_whole_listing_is_probed(void **state)
{
	const struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};
	struct portset ports = {{0}};
	const struct port_filter filter = {&ports, BOTH};
	struct found found = {0};
	const struct source_observer observer = {note, NULL, &found};
	struct source *fresh;

	(void)state;
	assert_result(source_open(&options, &fresh), 0);
	portset_add(&ports, client.port);
	probes = 0;
	assert_result(source_list_ports(fresh, LISTING_TCP, &filter, &observer), 0);
	assert_int_equal(found.length, 2);
	assert_int_equal(probes, 0);
	assert_result(source_list(fresh, LISTING_TCP, &observer), 0);
	assert_int_equal(probes, 1);
	source_close(fresh);
}

/* Once for all: whoever opens a source with what was found binds nothing. */
static void what_was_probed_for_all_is_not_probed_again(void **state)
{
	struct source_options options = {.procfs = "/proc"};
	const struct source_observer nobody = {note, NULL, &(struct found){0}};
	struct source *fresh;

	(void)state;
	assert_result(source_list(source, LISTING_TCP, &nobody), 0);
	probes = 0;
	source_probe(&options);
	assert_int_equal(probes, 1);
	assert_int_equal(options.bound_only,
	    source_sees_bound_only(source) ? SOURCE_BOUND_ONLY_SEEN : SOURCE_BOUND_ONLY_HIDDEN);
	assert_result(source_open(&options, &fresh), 0);
	assert_result(source_list(fresh, LISTING_TCP, &nobody), 0);
	assert_int_equal(probes, 1);
	assert_int_equal(source_sees_bound_only(fresh), source_sees_bound_only(source));
	source_close(fresh);
	options.bound_only =
	    source_sees_bound_only(source) ? SOURCE_BOUND_ONLY_HIDDEN : SOURCE_BOUND_ONLY_SEEN;
	assert_result(source_open(&options, &fresh), 0);
	assert_result(source_list(fresh, LISTING_TCP, &nobody), 0);
	assert_int_not_equal(source_sees_bound_only(fresh), source_sees_bound_only(source));
	source_close(fresh);
}

static void what_the_kernel_is_not_asked_for_is_not_probed(void **state)
{
	static const enum source_kind kinds[] = {SOURCE_PROCFS, SOURCE_REPLAY};

	(void)state;
	probes = 0;
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		struct source_options options = {.procfs = "/proc", .kind = kinds[i]};

		source_probe(&options);
		assert_int_equal(options.bound_only, SOURCE_BOUND_ONLY_UNKNOWN);
	}
	assert_int_equal(probes, 0);
}

/* A recording has what the kernel sent, which is what the source asked it for. */
static void the_source_lets_the_kernel_filter(void **state)
{
	struct workspace workspace;
	struct portset ports = {{0}};
	const struct port_filter filter = {&ports, LOCAL};
	struct found found = {0};
	const struct source_observer observer = {note, NULL, &found};
	struct source_options options = {.procfs = "/proc", .kind = SOURCE_SOCK_DIAG};
	struct source *recorded;
	char path[PATH_MAX + 16];

	(void)state;
	workspace_make(&workspace);
	snprintf(path, sizeof(path), "%s/dump", workspace.path);
	options.record = path;
	assert_result(source_open(&options, &recorded), 0);
	portset_add(&ports, chosen_listener.port);
	assert_result(source_list_ports(recorded, LISTING_TCP_LISTEN, &filter, &observer), 0);
	source_close(recorded);
	assert_int_equal(found.length, 1);
	options = (struct source_options){.kind = SOURCE_REPLAY, .replay = path};
	assert_result(source_open(&options, &recorded), 0);
	assert_result(source_list(recorded, LISTING_TCP_LISTEN, &observer), 0);
	assert_int_equal(found.length, 2);
	/* A replay is narrowed down as well. */
	portset_add(&ports, listener.port);
	assert_result(source_list_ports(recorded, LISTING_TCP_LISTEN,
			  &(struct port_filter){&ports, REMOTE}, &observer),
	    0);
	assert_int_equal(found.length, 2);
	source_close(recorded);
	workspace_remove(&workspace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_kernel_finds_a_socket_by_its_port),
	    cmocka_unit_test(udp_is_found_as_well),
	    cmocka_unit_test(a_chosen_port_is_told_from_one_that_was_picked),
	    cmocka_unit_test(sockets_that_only_bind_are_found),
	    cmocka_unit_test(the_kernel_takes_as_many_ranges_as_we_write),
	    cmocka_unit_test(only_a_whole_listing_is_probed),
	    cmocka_unit_test(what_was_probed_for_all_is_not_probed_again),
	    cmocka_unit_test(what_the_kernel_is_not_asked_for_is_not_probed),
	    cmocka_unit_test(the_source_lets_the_kernel_filter),
	};
	int result = namespace_enter();

	if (result == 0)
		result = namespace_loopback_up();
	if (result < 0) {
		fprintf(stderr, "skipped: no network namespace: %s\n", strerror(-result));
		return SKIPPED;
	}
	return cmocka_run_group_tests_name("ports_live", tests, open_sockets, close_sockets);
}
