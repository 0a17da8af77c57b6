// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/port_use.h"

#include <string.h>

#include "collect.h"
#include "unit.h"

static const struct settings always = {.time_wait_reuse = 1, .time_wait_reuse_delay_ms = 1000};
static const struct settings on_loopback = {.time_wait_reuse = 2, .time_wait_reuse_delay_ms = 1000};

/* Of a walk that found no TIME_WAIT without timestamps. */
static const struct buckets_found all_stamped;

static struct socket time_wait(const char *local, const char *remote, uint32_t expires_ms)
{
	struct socket socket = make_socket(SOCKET_TIME_WAIT, local, 40000, remote, 443);

	socket.expires_ms = expires_ms;
	return socket;
}

static enum port_use use_of(const struct socket socket, const struct settings *settings)
{
	return port_use_of(&socket, settings, &all_stamped);
}

static void every_other_state_is_active(void **state)
{
	(void)state;
	for (int i = SOCKET_ESTABLISHED; i < SOCKET_STATES; i++) {
		struct socket socket = time_wait("127.0.0.1", "127.0.0.1", 1);

		socket.state = (enum socket_state)i;
		assert_int_equal(port_use_of(&socket, &always, &all_stamped),
		    i == SOCKET_TIME_WAIT ? PORT_REUSABLE : PORT_ACTIVE);
	}
}

static void a_socket_that_tells_needs_no_stamps(void **state)
{
	struct socket socket = time_wait("127.0.0.1", "127.0.0.1", 1);

	(void)state;
	assert_int_equal(port_use_of(&socket, &always, NULL), PORT_TIME_WAIT);
	socket.tells_timestamps = true;
	assert_int_equal(port_use_of(&socket, &always, NULL), PORT_TIME_WAIT);
	assert_int_equal(port_use_of(&socket, &always, &all_stamped), PORT_TIME_WAIT);
	socket.has_timestamps = true;
	assert_int_equal(port_use_of(&socket, &always, NULL), PORT_REUSABLE);
	socket.expires_ms = 60000;
	assert_int_equal(port_use_of(&socket, &always, NULL), PORT_TIME_WAIT);
}

static void the_delay_must_be_over(void **state)
{
	(void)state;
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 59999), &always), PORT_TIME_WAIT);
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 59000), &always), PORT_TIME_WAIT);
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 58999), &always), PORT_REUSABLE);
	assert_int_equal(use_of(time_wait("192.0.2.1", "192.0.2.2", 0), &always), PORT_REUSABLE);
	/* A clock that is a tick behind must not make an age of it. */
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 60000), &always), PORT_TIME_WAIT);
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 60001), &always), PORT_TIME_WAIT);
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", UINT32_MAX), &always), PORT_TIME_WAIT);
}

static void a_delay_of_nothing_or_of_everything(void **state)
{
	struct settings settings = always;

	(void)state;
	settings.time_wait_reuse_delay_ms = 0;
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 59999), &settings), PORT_REUSABLE);
	assert_int_equal(
	    use_of(time_wait("192.0.2.1", "192.0.2.2", 60000), &settings), PORT_TIME_WAIT);
	settings.time_wait_reuse_delay_ms = 60000;
	assert_int_equal(use_of(time_wait("192.0.2.1", "192.0.2.2", 0), &settings), PORT_TIME_WAIT);
}

static void reuse_may_be_off(void **state)
{
	struct settings settings = always;

	(void)state;
	settings.time_wait_reuse = 0;
	assert_int_equal(use_of(time_wait("127.0.0.1", "127.0.0.1", 1), &settings), PORT_TIME_WAIT);
	settings.time_wait_reuse = SETTING_ABSENT;
	assert_int_equal(use_of(time_wait("127.0.0.1", "127.0.0.1", 1), &settings), PORT_TIME_WAIT);
}

static struct stamps_key key_of(const struct socket *socket)
{
	struct stamps_key key = {.ports = (uint32_t)socket->local_port << 16 | socket->remote_port};

	memcpy(key.local, &socket->local, sizeof(key.local));
	memcpy(key.remote, &socket->remote, sizeof(key.remote));
	return key;
}

static void only_what_had_no_timestamps_is_kept(void **state)
{
	static struct buckets_found found = {.seed = 4711};
	struct socket socket = time_wait("2001:db8::2", "2001:db8::1", 1);
	unsigned wrong = 0;

	(void)state;
	for (uint16_t port = 1; port < 28000; port++) {
		socket.local_port = port;

		const struct stamps_key key = key_of(&socket);
		const uint64_t hash = stamps_hash(found.seed, &key);

		for (uint32_t i = 0; i < STAMPS_BITS_EACH; i++)
			found.unstamped[stamps_bit(hash, i) / 64] |= UINT64_C(1)
								     << stamps_bit(hash, i) % 64;
		assert_int_equal(port_use_of(&socket, &always, &found), PORT_TIME_WAIT);
	}
	/* As many others, to the same ports of another peer: one in ten thousand is mistaken. */
	socket.remote.bytes[15]++;
	for (uint16_t port = 1; port < 28000; port++) {
		socket.local_port = port;
		wrong += port_use_of(&socket, &always, &found) != PORT_REUSABLE;
	}
	assert_true(wrong < 28);
}

static void nothing_is_reused_that_nobody_asked(void **state)
{
	const struct socket old = time_wait("127.0.0.1", "127.0.0.1", 1);
	const struct socket young = time_wait("127.0.0.1", "127.0.0.1", 59999);

	(void)state;
	assert_int_equal(port_use_of(&old, &always, NULL), PORT_TIME_WAIT);
	assert_true(port_use_may_be_reused(&old, &always));
	assert_false(port_use_may_be_reused(&young, &always));
}

static void on_loopback_only(void **state)
{
	static const struct {
		const char *local, *remote;
		uint32_t interface;
		bool loopback;
	} ends[] = {
	    {"127.0.0.1", "127.0.0.1", 0, true},
	    {"192.0.2.1", "127.9.9.9", 0, true},
	    {"127.9.9.9", "192.0.2.1", 0, true},
	    {"192.0.2.1", "192.0.2.1", 0, false},
	    {"192.0.2.1", "192.0.2.1", 1, true},
	    {"192.0.2.1", "192.0.2.1", 2, false},
	    {"128.0.0.1", "126.255.255.255", 0, false},
	    {"::1", "::1", 0, true},
	    {"2001:db8::1", "::1", 0, true},
	    {"::1", "2001:db8::1", 0, true},
	    {"2001:db8::1", "2001:db8::1", 0, false},
	    {"2001:db8::1", "2001:db8::1", 1, true},
	    {"7f00::1", "7f00::1", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(ends); i++) {
		struct socket socket = time_wait(ends[i].local, ends[i].remote, 1);

		socket.interface = ends[i].interface;
		assert_int_equal(port_use_of(&socket, &on_loopback, &all_stamped),
		    ends[i].loopback ? PORT_REUSABLE : PORT_TIME_WAIT);
		assert_int_equal(port_use_of(&socket, &always, &all_stamped), PORT_REUSABLE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_other_state_is_active),
	    cmocka_unit_test(a_socket_that_tells_needs_no_stamps),
	    cmocka_unit_test(the_delay_must_be_over),
	    cmocka_unit_test(a_delay_of_nothing_or_of_everything),
	    cmocka_unit_test(reuse_may_be_off),
	    cmocka_unit_test(only_what_had_no_timestamps_is_kept),
	    cmocka_unit_test(nothing_is_reused_that_nobody_asked),
	    cmocka_unit_test(on_loopback_only),
	};

	return cmocka_run_group_tests_name("port_use", tests, NULL, NULL);
}
