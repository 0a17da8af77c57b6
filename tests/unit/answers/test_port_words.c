// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/port_words.h"

#include <string.h>

#include "fake_names.h"
#include "port_wording.h"
#include "unit.h"

static void assert_port(const struct port_answer *answer, const char *wanted)
{
	struct text text = {0};

	port_words_add_port(&text, &lookup, answer);
	assert_text(&text, wanted);
}

static void assert_free(uint16_t port, const char *wanted)
{
	assert_port(&(const struct port_answer){.port = port}, wanted);
}

static void kinds_are_ianas(void **state)
{
	(void)state;
	assert_string_equal(port_kind(0), "system");
	assert_string_equal(port_kind(1), "system");
	assert_string_equal(port_kind(1023), "system");
	assert_string_equal(port_kind(1024), "registered");
	assert_string_equal(port_kind(49151), "registered");
	assert_string_equal(port_kind(49152), "dynamic");
	assert_string_equal(port_kind(65535), "dynamic");
}

static void services_go_by_protocol(void **state)
{
	char name[PORT_SERVICE_SIZE];
	char cut[PORT_SERVICE_SIZE] = "";

	(void)state;
	port_service(443, SOCKET_TCP, name);
	assert_string_equal(name, "https");
	port_service(443, SOCKET_UDP, name);
	assert_string_equal(name, "");
	port_service(512, SOCKET_UDP, name);
	assert_string_equal(name, "biff");
	memset(name, 'x', sizeof(name));
	port_service(513, SOCKET_TCP, name);
	memcpy(cut, FAKE_LONG_NAME, sizeof(cut) - 1);
	assert_string_equal(name, cut);
	/* One that does not fit the C library's buffer. */
	memset(name, 'x', sizeof(name));
	port_service(514, SOCKET_TCP, name);
	assert_string_equal(name, "");
}

#define OUTSIDE                                                                               \
	" It is outside this host's ephemeral range (50000-50009): no connect() takes it by " \
	"itself. Nothing is on it."
#define BY_ROOT " A program needs CAP_NET_BIND_SERVICE to listen on it."
#define BY_ANYONE " It is free for any program that asks for it by number."

static void a_free_port_is_told_by_kind_and_service(void **state)
{
	(void)state;
	assert_free(80, "Port 80 is a system port (0-1023) of the service http." OUTSIDE BY_ROOT);
	assert_free(
	    443, "Port 443 is a system port (0-1023) of the service https." OUTSIDE BY_ROOT);
	assert_free(
	    520, "Port 520 is a system port (0-1023) of the service route." OUTSIDE BY_ROOT);
	assert_free(512, "Port 512 is a system port (0-1023) of the services exec (TCP) and biff "
			 "(UDP)." OUTSIDE BY_ROOT);
	assert_free(1023, "Port 1023 is a system port (0-1023) without a name in "
			  "/etc/services." OUTSIDE BY_ROOT);
	assert_free(1024, "Port 1024 is a registered port (1024-49151) without a name in "
			  "/etc/services." OUTSIDE BY_ANYONE);
	assert_free(65535, "Port 65535 is a dynamic port (49152-65535): no service is assigned to "
			   "it." OUTSIDE BY_ANYONE);
}

static void who_may_listen_goes_by_the_setting(void **state)
{
	(void)state;
	lookup.settings.unprivileged_first_port = 80;
	assert_free(80, "Port 80 is a system port (0-1023) of the service http." OUTSIDE BY_ANYONE);
	lookup.settings.unprivileged_first_port = 65535;
	assert_free(1024, "Port 1024 is a registered port (1024-49151) without a name in "
			  "/etc/services." OUTSIDE BY_ROOT);
}

#define DYNAMIC(port) \
	"Port " port " is a dynamic port (49152-65535): no service is assigned to it. "

static void a_free_port_of_the_range_has_chances(void **state)
{
	(void)state;
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 5; bind() to port 0 prefers "
			     "the ports beside it.");
	assert_free(50001,
	    DYNAMIC("50001") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next bind() to port 0 takes it with a chance of about 1 "
			     "in 5; connect() comes to it when a destination has used up half of "
			     "the range.");
	/* 50004 is reserved: 50006 is taken instead. 50008 has a listener: so is 50000. */
	portset_add(&lookup.held, 50008);
	assert_free(50006,
	    DYNAMIC("50006") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 2; bind() to port 0 prefers "
			     "the ports beside it.");
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). Nothing is "
			     "on it. The next connect() to a destination without connections "
			     "takes it with a chance of about 1 in 2; bind() to port 0 prefers "
			     "the ports beside it.");
	lookup.settings.range.last = 50010;
	memset(&lookup.held, 0, sizeof(lookup.held));
	assert_free(50010,
	    DYNAMIC("50010") "It is inside this host's ephemeral range (50000-50010). Nothing is "
			     "on it. The kernel may hand it out when the ports around it are "
			     "used up.");
}

/* What only bind()s may be there: "free" would send somebody to a port that is taken. */
static void what_is_not_shown_is_not_called_nothing(void **state)
{
	(void)state;
	lookup.bound_unseen = true;
	lookup.source[SOCKET_TCP] = SOURCE_PROCFS;
#define UNSEEN                                                                           \
	"Nothing that /proc shows is on it. /proc does not show a TCP socket that only " \
	"called bind(), which also keeps the port."
	assert_free(50000,
	    DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009). " UNSEEN);
	assert_free(60000,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself. " UNSEEN);
	lookup.source[SOCKET_TCP] = SOURCE_SOCK_DIAG;
	assert_free(50000,
	    DYNAMIC(
		"50000") "It is inside this host's ephemeral range (50000-50009). Nothing that "
			 "this kernel lists is on it. Before Linux 6.8 the kernel does not list "
			 "a TCP socket that only called bind(), which also keeps the port.");
}

static void a_reserved_port_is_anyones_who_asks(void **state)
{
	(void)state;
	assert_free(50004,
	    DYNAMIC("50004") "It is inside this host's ephemeral range (50000-50009), but "
			     "reserved: no connect() takes it by itself. Nothing is on it. It is "
			     "free for any program that asks for it by number.");
}

static void a_port_in_use_has_no_chances(void **state)
{
	const struct port_answer answer = {.port = 50000, .local = {.total = 1}};
	const struct port_answer reserved = {.port = 50004, .local = {.total = 1}};
	const struct port_answer outside = {.port = 60000, .local = {.total = 1}};
	const struct port_answer remote = {.port = 60000, .remote = {.total = 1}};

	(void)state;
	assert_port(
	    &answer, DYNAMIC("50000") "It is inside this host's ephemeral range (50000-50009).");
	assert_port(&reserved,
	    DYNAMIC("50004") "It is inside this host's ephemeral range (50000-50009), but "
			     "reserved: no connect() takes it by itself.");
	assert_port(&outside,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself.");
	/* Another host's port: on this one nothing has it. */
	assert_port(&remote,
	    DYNAMIC("60000") "It is outside this host's ephemeral range (50000-50009): no "
			     "connect() takes it by itself. Nothing is on it. It is free for any "
			     "program that asks for it by number.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(kinds_are_ianas),
	    TEST(services_go_by_protocol),
	    TEST(a_free_port_is_told_by_kind_and_service),
	    TEST(who_may_listen_goes_by_the_setting),
	    TEST(a_free_port_of_the_range_has_chances),
	    TEST(a_reserved_port_is_anyones_who_asks),
	    TEST(what_is_not_shown_is_not_called_nothing),
	    TEST(a_port_in_use_has_no_chances),
	};

	return cmocka_run_group_tests_name("port_words", tests, NULL, NULL);
}
