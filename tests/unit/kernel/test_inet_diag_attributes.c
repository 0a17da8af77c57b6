// SPDX-License-Identifier: Apache-2.0
/* How long a record is, and what is behind it. */
#include "collectors/kernel/inet_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <string.h>

#include "diag_record.h"
#include "unit.h"

#define ATTRIBUTE_UNKNOWN 999

static void refuses_short_records(void **state)
{
	struct socket socket;

	(void)state;
	start(&established);
	for (size_t length = NLMSG_HDRLEN; length < NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	     length++)
		assert_result(decode_cut(LISTING_TCP, length, &socket), -EBADMSG);
	assert_result(
	    decode_cut(LISTING_TCP, NLMSG_LENGTH(sizeof(struct inet_diag_msg)), &socket), 0);
}

static void skips_unknown_attributes(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_UNKNOWN, "", 0);
	attribute(INET_DIAG_SHUTDOWN, "\x03", 1);
	attribute(ATTRIBUTE_UNKNOWN, "some bytes!", 11);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	attribute(ATTRIBUTE_UNKNOWN, "more", 4);
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void an_attributes_flags_are_no_part_of_its_type(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID | NLA_F_NESTED, &cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void refuses_a_known_attribute_that_is_short(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;

	(void)state;
	for (size_t length = 0; length < sizeof(cgroup); length++) {
		start(&established);
		attribute(ATTRIBUTE_CGROUP_ID, &cgroup, length);
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void takes_a_known_attribute_that_is_longer(void **state)
{
	const uint64_t cgroup[2] = {4711, 1};
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, cgroup, sizeof(cgroup));
	assert_result(decode(LISTING_TCP, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

/* nla_len counts its own header: below 4 a reader that trusts it stands still or goes back. */
static void refuses_attributes_shorter_than_their_header(void **state)
{
	struct socket socket;

	(void)state;
	for (uint16_t length = 0; length < sizeof(struct nlattr); length++) {
		const size_t at = NLMSG_SPACE(sizeof(struct inet_diag_msg));

		start(&established);
		attribute(ATTRIBUTE_UNKNOWN, "abcd", 4);
		memcpy(messages.bytes + at, &length, sizeof(length));
		assert_result(decode(LISTING_TCP, &socket), -EBADMSG);
	}
}

static void refuses_an_attribute_that_is_cut_off(void **state)
{
	const uint64_t cgroup = 4711;
	const size_t record = NLMSG_SPACE(sizeof(struct inet_diag_msg));
	struct socket socket;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	for (size_t length = record; length < record + 12; length++) {
		const int result = decode_cut(LISTING_TCP, length, &socket);

		/* Less than an attribute's header is padding. */
		assert_result(result, length < record + sizeof(struct nlattr) ? 0 : -EBADMSG);
	}
	assert_result(decode_cut(LISTING_TCP, record + 12, &socket), 0);
	assert_int_equal(socket.cgroup_id, 4711);
}

static void every_prefix_is_read_within_its_bounds(void **state)
{
	const uint64_t cgroup = 4711;
	struct socket socket;
	size_t whole;

	(void)state;
	start(&established);
	attribute(ATTRIBUTE_UNKNOWN, "xyz", 3);
	attribute(ATTRIBUTE_CGROUP_ID, &cgroup, sizeof(cgroup));
	attribute(ATTRIBUTE_UNKNOWN, "x", 1);
	whole = messages_at(&messages, 0)->nlmsg_len;
	for (size_t length = NLMSG_HDRLEN; length <= whole; length++) {
		const int result = decode_cut(LISTING_TCP, length, &socket);

		assert_true(result == 0 || result == -EBADMSG);
	}
}

/* The last attribute's padding need not be in the message. */
static void a_last_attribute_may_lack_its_padding(void **state)
{
	const size_t record = NLMSG_SPACE(sizeof(struct inet_diag_msg));
	struct socket socket;

	(void)state;
	start(&established);
	attribute(INET_DIAG_SHUTDOWN, "\x03", 1);
	assert_result(decode_cut(LISTING_TCP, record + 5, &socket), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_short_records),
	    cmocka_unit_test(skips_unknown_attributes),
	    cmocka_unit_test(an_attributes_flags_are_no_part_of_its_type),
	    cmocka_unit_test(refuses_a_known_attribute_that_is_short),
	    cmocka_unit_test(takes_a_known_attribute_that_is_longer),
	    cmocka_unit_test(refuses_attributes_shorter_than_their_header),
	    cmocka_unit_test(refuses_an_attribute_that_is_cut_off),
	    cmocka_unit_test(every_prefix_is_read_within_its_bounds),
	    cmocka_unit_test(a_last_attribute_may_lack_its_padding),
	};

	return cmocka_run_group_tests_name("inet_diag_attributes", tests, NULL, NULL);
}
