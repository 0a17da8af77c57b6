// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/peer.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* What getpeername() says of the descriptor FAKE; the kernel has its say of all others. */
#define FAKE 12345

static struct sockaddr_storage fake;

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __real_getpeername(int fd, struct sockaddr *address, socklen_t *size);

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	if (fd != FAKE)
		return __real_getpeername(fd, address, size);
	assert_true(*size >= sizeof(fake));
	memcpy(address, &fake, sizeof(fake));
	*size = sizeof(fake);
	return 0;
}

static struct peer peer_at(const char *text, unsigned short port)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)&fake;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&fake;

	memset(&fake, 0, sizeof(fake));
	if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(port);
	} else {
		memset(&fake, 0, sizeof(fake));
		assert_int_equal(inet_pton(AF_INET6, text, &ipv6->sin6_addr), 1);
		ipv6->sin6_family = AF_INET6;
		ipv6->sin6_port = htons(port);
	}
	return peer_of(FAKE);
}

static bool same(const char *one, const char *other)
{
	const struct peer a = peer_at(one, 1);
	const struct peer b = peer_at(other, 2);

	return peer_is_same(&a, &b);
}

static void an_address_is_a_peer_whatever_its_port(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_false(same("192.0.2.1", "193.0.2.1"));
}

static void a_mapped_address_is_the_ipv4_one(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same("192.0.2.1", "::ffff:192.0.2.2"));
	assert_false(same("::ffff:192.0.2.1", "::192.0.2.1"));
}

static void an_ipv6_peer_is_its_64(void **state)
{
	(void)state;
	assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
	/* Nothing of one kind is of another. */
	assert_false(same("::", "0.0.0.0"));
}

static struct peer peer_on_link(const char *text, unsigned interface)
{
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&fake;

	(void)peer_at(text, 1);
	ipv6->sin6_scope_id = interface;
	return peer_of(FAKE);
}

static void a_link_local_peer_is_its_link(void **state)
{
	const struct peer one = peer_on_link("fe80::1", 2);
	const struct peer neighbour = peer_on_link("fe80::ffff:2", 2);
	const struct peer elsewhere = peer_on_link("fe80::1", 3);

	(void)state;
	assert_true(peer_is_same(&one, &neighbour));
	assert_false(peer_is_same(&one, &elsewhere));
	/* Of other addresses the /64 says all. */
	const struct peer global = peer_on_link("2001:db8::1", 2);
	const struct peer same_global = peer_on_link("2001:db8::2", 3);

	assert_true(peer_is_same(&global, &same_global));
}

static void an_ipv6_peer_has_a_48(void **state)
{
	const struct peer a = peer_at("2001:db8:1:2::1", 1);
	const struct peer b = peer_at("2001:db8:1:3::1", 1);
	const struct peer c = peer_at("2001:db8:2:2::1", 1);
	const struct peer ipv4 = peer_at("192.0.2.1", 1);
	struct peer of_a, of_b, of_c, zero;
	const struct peer least = peer_at("2001:db8:1::", 1);

	(void)state;
	assert_true(peer_network(&a, &of_a));
	assert_true(peer_network(&b, &of_b));
	assert_true(peer_network(&c, &of_c));
	assert_true(peer_network(&least, &zero));
	assert_true(peer_is_same(&of_a, &of_b));
	assert_false(peer_is_same(&of_a, &of_c));
	/* No network is a peer, not even the one whose bytes are the same. */
	assert_true(peer_is_same(&of_a, &zero));
	assert_false(peer_is_same(&zero, &least));
	assert_false(peer_network(&ipv4, &zero));
	assert_false(peer_network(&of_a, &zero));
}

static void a_unix_peer_is_its_user(void **state)
{
	int one[2];
	int other[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, one), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);

	const struct peer a = peer_of(one[0]);
	const struct peer b = peer_of(other[0]);
	const struct peer none = peer_of(-1);

	assert_true(peer_is_same(&a, &b));
	assert_false(peer_is_same(&a, &none));
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(other[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_is_a_peer_whatever_its_port),
	    cmocka_unit_test(a_mapped_address_is_the_ipv4_one),
	    cmocka_unit_test(an_ipv6_peer_is_its_64),
	    cmocka_unit_test(a_link_local_peer_is_its_link),
	    cmocka_unit_test(an_ipv6_peer_has_a_48),
	    cmocka_unit_test(a_unix_peer_is_its_user),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
