// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/kernel/netlink.h"
#include "collectors/kernel/socket.h"
#include "guard_page.h"
#include "messages.h"
#include "unit.h"

#define SEQUENCE 1u
#define PORT_NUMBER 4711u

static struct messages messages;

/* What came, and what to answer. */
struct heard {
	unsigned messages;
	unsigned received;
	size_t bytes;
	unsigned fail_at; /* the message to fail at; 0: none */
	int answer;
	int received_answer;
};

static int on_message(void *context, const struct nlmsghdr *message)
{
	struct heard *heard = context;

	assert_int_equal(message->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	return ++heard->messages == heard->fail_at ? heard->answer : 0;
}

static int on_received(void *context, const void *bytes, size_t length)
{
	struct heard *heard = context;

	assert_non_null(bytes);
	heard->received++;
	heard->bytes += length;
	return heard->received_answer;
}

static void start(unsigned records)
{
	static const struct record record = {.family = AF_INET, .state = SOCKET_ESTABLISHED};

	messages.length = 0;
	for (unsigned i = 0; i < records; i++)
		messages_add_record(&messages, &record);
}

static int parse_as(uint32_t sequence, uint32_t port, size_t length, struct heard *heard)
{
	const struct netlink_sink sink = {on_message, on_received, heard};
	struct guarded guarded = guard(messages.bytes, length, _Alignof(struct nlmsghdr));
	const int result = netlink_parse(guarded.bytes, length, sequence, port, &sink);

	guard_free(&guarded);
	return result;
}

static int parse(struct heard *heard)
{
	return parse_as(SEQUENCE, 0, messages.length, heard);
}

static void hands_on_every_message(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(5);
	assert_result(parse(&heard), 1);
	assert_int_equal(heard.messages, 5);
	assert_int_equal(heard.received, 1);
	assert_int_equal(heard.bytes, messages.length);
}

static void a_sink_need_not_want_the_bytes(void **state)
{
	struct heard heard = {0};
	const struct netlink_sink sink = {on_message, NULL, &heard};

	(void)state;
	start(2);
	assert_result(netlink_parse(messages.bytes, messages.length, 0, 0, &sink), 1);
	assert_int_equal(heard.messages, 2);
}

static void done_ends_a_dump(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(3);
	messages_add_done(&messages, 0);
	assert_result(parse(&heard), 0);
	assert_int_equal(heard.messages, 3);
}

static void done_alone_ends_a_dump(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(0);
	messages_add_done(&messages, 0);
	assert_result(parse(&heard), 0);
	assert_int_equal(heard.messages, 0);
}

static void done_carries_an_errno(void **state)
{
	static const int errors[] = {ENOENT, ENOMEM, EINVAL, EACCES, EOPNOTSUPP};

	(void)state;
	for (size_t i = 0; i < LENGTH(errors); i++) {
		struct heard heard = {0};

		start(2);
		messages_add_done(&messages, -errors[i]);
		assert_result(parse(&heard), -errors[i]);
		assert_int_equal(heard.messages, 2);
	}
}

/* Old kernels, and some dumps still, send no errno with it. */
static void a_short_done_is_no_error(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(int); length++) {
		struct heard heard = {0};

		start(1);
		memset(messages_add(&messages, NLMSG_DONE, length), 0xff, length);
		assert_result(parse(&heard), 0);
	}
}

static void an_error_message_is_the_kernels_answer(void **state)
{
	static const int errors[] = {ENOENT, EPERM, EINVAL, EACCES, EOPNOTSUPP};

	(void)state;
	for (size_t i = 0; i < LENGTH(errors); i++) {
		struct heard heard = {0};

		start(0);
		messages_add_error(&messages, -errors[i]);
		assert_result(parse(&heard), -errors[i]);
		assert_int_equal(heard.messages, 0);
	}
}

static void an_error_of_0_is_an_acknowledgement(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(0);
	messages_add_error(&messages, 0);
	assert_result(parse(&heard), 0);
}

static void a_short_error_is_malformed(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(0);
	messages_add(&messages, NLMSG_ERROR, sizeof(struct nlmsgerr) - 1);
	assert_result(parse(&heard), -EBADMSG);
}

/* An errno that netlink_parse() also uses for sequence and port number must get through. */
static void any_errno_of_the_kernel_passes(void **state)
{
	static const int errors[] = {EPROTO, ESRCH};

	(void)state;
	for (size_t i = 0; i < LENGTH(errors); i++) {
		struct heard heard = {0};

		start(0);
		messages_add_error(&messages, -errors[i]);
		assert_result(parse(&heard), -errors[i]);
	}
}

static void an_interrupted_dump_is_to_be_repeated(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(3);
	messages_at(&messages, 0)->nlmsg_flags |= NLM_F_DUMP_INTR;
	assert_result(parse(&heard), -EINTR);
	assert_int_equal(heard.messages, 0);
}

/* The kernel sets the flag on NLMSG_DONE where it noticed last. */
static void an_interrupted_end_is_to_be_repeated(void **state)
{
	struct heard heard = {0};
	size_t end;

	(void)state;
	start(3);
	end = messages.length;
	messages_add_done(&messages, 0);
	messages_at(&messages, end)->nlmsg_flags |= NLM_F_DUMP_INTR;
	assert_result(parse(&heard), -EINTR);
}

static void an_overrun_is_to_be_repeated(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(1);
	messages_add(&messages, NLMSG_OVERRUN, 0);
	assert_result(parse(&heard), -EINTR);
	assert_int_equal(heard.messages, 1);
}

static void a_noop_is_passed_over(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(1);
	messages_add(&messages, NLMSG_NOOP, 0);
	messages_add_done(&messages, 0);
	assert_result(parse(&heard), 0);
	assert_int_equal(heard.messages, 1);
}

static void less_than_a_header_is_malformed(void **state)
{
	(void)state;
	start(1);
	for (size_t length = 0; length < NLMSG_HDRLEN; length++) {
		struct heard heard = {0};

		assert_result(parse_as(0, 0, length, &heard), -EBADMSG);
		assert_int_equal(heard.messages, 0);
	}
}

static void a_message_longer_than_the_buffer_is_malformed(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(1);
	messages_at(&messages, 0)->nlmsg_len += 4;
	assert_result(parse(&heard), -EBADMSG);
	assert_int_equal(heard.messages, 0);
	messages_at(&messages, 0)->nlmsg_len = UINT32_MAX;
	assert_result(parse(&heard), -EBADMSG);
	assert_int_equal(heard.messages, 0);
}

static void a_message_shorter_than_its_header_is_malformed(void **state)
{
	(void)state;
	for (uint32_t length = 0; length < NLMSG_HDRLEN; length++) {
		struct heard heard = {0};

		start(2);
		messages_at(&messages, 0)->nlmsg_len = length;
		assert_result(parse(&heard), -EBADMSG);
		assert_int_equal(heard.messages, 0);
	}
}

/* Where the last message is cut off, what is missing must not pass for a complete chunk. */
static void a_last_message_that_is_cut_off_is_malformed(void **state)
{
	size_t one;

	(void)state;
	start(1);
	one = messages.length;
	start(2);
	for (size_t length = one + 1; length < messages.length; length++) {
		struct heard heard = {0};

		assert_result(parse_as(SEQUENCE, 0, length, &heard), -EBADMSG);
	}
}

static void a_wrong_sequence_is_malformed(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(2);
	assert_result(parse_as(SEQUENCE + 1, 0, messages.length, &heard), -EBADMSG);
	assert_int_equal(heard.messages, 0);
	assert_result(parse_as(0, 0, messages.length, &heard), 1);
	assert_int_equal(heard.messages, 2);
}

static void a_wrong_port_is_malformed(void **state)
{
	struct heard heard = {0};

	(void)state;
	start(1);
	messages_at(&messages, 0)->nlmsg_pid = PORT_NUMBER;
	assert_result(parse_as(SEQUENCE, PORT_NUMBER + 1, messages.length, &heard), -EBADMSG);
	assert_int_equal(heard.messages, 0);
	assert_result(parse_as(SEQUENCE, PORT_NUMBER, messages.length, &heard), 1);
	assert_result(parse_as(SEQUENCE, 0, messages.length, &heard), 1);
	assert_int_equal(heard.messages, 2);
}

static void what_the_sink_returns_passes_through(void **state)
{
	static const int answers[] = {
	    -ECANCELED, -EBADMSG, -ENOMEM, -EINTR, -ENOBUFS, -EPROTO, -ESRCH};

	(void)state;
	for (size_t i = 0; i < LENGTH(answers); i++) {
		struct heard heard = {.fail_at = 2, .answer = answers[i]};

		start(4);
		messages_add_done(&messages, 0);
		assert_result(parse(&heard), answers[i]);
		assert_int_equal(heard.messages, 2);
	}
}

static void who_refuses_the_bytes_gets_no_message(void **state)
{
	struct heard heard = {.received_answer = -ECANCELED};

	(void)state;
	start(4);
	assert_result(parse(&heard), -ECANCELED);
	assert_int_equal(heard.received, 1);
	assert_int_equal(heard.messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hands_on_every_message),
	    cmocka_unit_test(a_sink_need_not_want_the_bytes),
	    cmocka_unit_test(done_ends_a_dump),
	    cmocka_unit_test(done_alone_ends_a_dump),
	    cmocka_unit_test(done_carries_an_errno),
	    cmocka_unit_test(a_short_done_is_no_error),
	    cmocka_unit_test(an_error_message_is_the_kernels_answer),
	    cmocka_unit_test(an_error_of_0_is_an_acknowledgement),
	    cmocka_unit_test(a_short_error_is_malformed),
	    cmocka_unit_test(any_errno_of_the_kernel_passes),
	    cmocka_unit_test(an_interrupted_dump_is_to_be_repeated),
	    cmocka_unit_test(an_interrupted_end_is_to_be_repeated),
	    cmocka_unit_test(an_overrun_is_to_be_repeated),
	    cmocka_unit_test(a_noop_is_passed_over),
	    cmocka_unit_test(less_than_a_header_is_malformed),
	    cmocka_unit_test(a_message_longer_than_the_buffer_is_malformed),
	    cmocka_unit_test(a_message_shorter_than_its_header_is_malformed),
	    cmocka_unit_test(a_last_message_that_is_cut_off_is_malformed),
	    cmocka_unit_test(a_wrong_sequence_is_malformed),
	    cmocka_unit_test(a_wrong_port_is_malformed),
	    cmocka_unit_test(what_the_sink_returns_passes_through),
	    cmocka_unit_test(who_refuses_the_bytes_gets_no_message),
	};

	return cmocka_run_group_tests_name("netlink_parse", tests, NULL, NULL);
}
