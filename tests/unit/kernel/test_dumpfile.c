// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/dumpfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "messages.h"
#include "unit.h"

#define FIRST_LINE "ephemera socket dump 1\n"

/* A dump file in memory: written by the functions under test, or by hand. */
static struct {
	char *bytes;
	size_t length;
	FILE *file;
} dump;

static struct messages messages;

static int tear_down(void **state)
{
	(void)state;
	if (dump.file)
		fclose(dump.file);
	free(dump.bytes);
	memset(&dump, 0, sizeof(dump));
	return 0;
}

static void start(void)
{
	tear_down(NULL);
	dump.file = open_memstream(&dump.bytes, &dump.length);
	assert_non_null(dump.file);
	assert_result(dumpfile_start(dump.file), 0);
}

static void finish(void)
{
	fclose(dump.file);
	dump.file = NULL;
}

static void put_chunk(unsigned records, bool done, int error)
{
	static const struct record record = {.family = AF_INET, .state = SOCKET_ESTABLISHED};

	messages.length = 0;
	for (unsigned i = 0; i < records; i++)
		messages_add_record(&messages, &record);
	if (done)
		messages_add_done(&messages, error);
	assert_result(dumpfile_write_chunk(dump.file, messages.bytes, messages.length), 0);
}

static int count_message(void *context, const struct nlmsghdr *message)
{
	(void)message;
	++*(unsigned *)context;
	return 0;
}

static int replay_bytes(const void *bytes, size_t length, enum listing listing, unsigned *count)
{
	const struct netlink_sink sink = {count_message, NULL, count};
	FILE *file = length ? fmemopen((void *)bytes, length, "r") : fopen("/dev/null", "re");
	int result;

	assert_non_null(file);
	*count = 0;
	result = dumpfile_replay(file, listing, &sink);
	fclose(file);
	return result;
}

static int replay(enum listing listing, unsigned *count)
{
	return replay_bytes(dump.bytes, dump.length, listing, count);
}

static int replay_text(const char *text, enum listing listing)
{
	unsigned count;

	return replay_bytes(text, strlen(text), listing, &count);
}

static void what_is_written_is_what_the_header_says(void **state)
{
	static const char wanted[] =
	    FIRST_LINE "listing udp4_chosen\nchunk 5\na\0b\nc\nresult -2\nlisting tcp\nresult 0\n";

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_UDP4_CHOSEN), 0);
	assert_result(dumpfile_write_chunk(dump.file, "a\0b\nc", 5), 0);
	assert_result(dumpfile_end_listing(dump.file, -ENOENT), 0);
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_int_equal(dump.length, sizeof(wanted) - 1);
	assert_memory_equal(dump.bytes, wanted, sizeof(wanted) - 1);
}

static void every_listing_goes_round(void **state)
{
	unsigned count;

	(void)state;
	start();
	for (enum listing listing = 0; listing < LISTINGS; listing++) {
		assert_result(dumpfile_begin_listing(dump.file, listing), 0);
		put_chunk(1, false, 0);
		put_chunk(2 * listing, true, 0);
		assert_result(dumpfile_end_listing(dump.file, 0), 0);
	}
	finish();
	/* In any order, and again: a listing is found wherever the file was read last. */
	for (int i = 2 * LISTINGS - 1; i >= 0; i--) {
		assert_result(replay((enum listing)(i / 2), &count), 0);
		assert_int_equal(count, 1 + 2 * (i / 2));
	}
}

static void a_listing_may_be_empty(void **state)
{
	unsigned count;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_result(replay(LISTING_TCP, &count), 0);
	assert_int_equal(count, 0);
	assert_result(replay(LISTING_UDP4, &count), -ENODATA);
}

static void a_recorded_result_comes_back(void **state)
{
	unsigned count;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	assert_result(dumpfile_end_listing(dump.file, -EACCES), 0);
	assert_result(dumpfile_begin_listing(dump.file, LISTING_UDP4), 0);
	put_chunk(3, true, -ENOMEM);
	assert_result(dumpfile_end_listing(dump.file, -ENOMEM), 0);
	assert_result(dumpfile_begin_listing(dump.file, LISTING_UDP6), 0);
	put_chunk(5, true, 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_result(replay(LISTING_TCP, &count), -EACCES);
	assert_result(replay(LISTING_UDP4, &count), -ENOMEM);
	assert_int_equal(count, 3);
	/* What went wrong in another listing is not this one's. */
	assert_result(replay(LISTING_UDP6, &count), 0);
	assert_int_equal(count, 5);
}

/* -EBADMSG, too, may be what a listing ended with: the file is not broken for that. */
static void a_recorded_ebadmsg_is_only_that_listings(void **state)
{
	unsigned count;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	put_chunk(1, false, 0);
	assert_result(dumpfile_end_listing(dump.file, -EBADMSG), 0);
	assert_result(dumpfile_begin_listing(dump.file, LISTING_UDP4), 0);
	put_chunk(5, true, 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_result(replay(LISTING_TCP, &count), -EBADMSG);
	assert_result(replay(LISTING_UDP4, &count), 0);
	assert_int_equal(count, 5);
}

static int refuse(void *context, const struct nlmsghdr *message)
{
	(void)message;
	return ++*(unsigned *)context == 3 ? -ECANCELED : 0;
}

static void what_the_sink_returns_comes_back(void **state)
{
	unsigned count = 0;
	const struct netlink_sink sink = {refuse, NULL, &count};
	FILE *file;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	put_chunk(5, true, 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	file = fmemopen(dump.bytes, dump.length, "r");
	assert_non_null(file);
	assert_result(dumpfile_replay(file, LISTING_TCP, &sink), -ECANCELED);
	assert_int_equal(count, 3);
	fclose(file);
}

static void a_file_cut_off_at_any_byte_is_an_error(void **state)
{
	unsigned count;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP_LISTEN), 0);
	put_chunk(2, true, 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);

	const size_t second = (size_t)ftell(dump.file);

	assert_result(dumpfile_begin_listing(dump.file, LISTING_UDP4), 0);
	put_chunk(1, false, 0);
	put_chunk(2, true, 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	for (size_t length = 0; length < dump.length; length++) {
		/* At the end of a listing, the next one is not there: the file is whole. */
		const bool whole = length == strlen(FIRST_LINE) || length == second;

		assert_result(replay_bytes(dump.bytes, length, LISTING_UDP4, &count),
		    whole ? -ENODATA : -EBADMSG);
		assert_result(replay_bytes(dump.bytes, length, LISTING_TCP_LISTEN, &count),
		    length >= second		   ? 0
		    : length == strlen(FIRST_LINE) ? -ENODATA
						   : -EBADMSG);
	}
	assert_result(replay(LISTING_UDP4, &count), 0);
	assert_int_equal(count, 3);
}

static void refuses_another_first_line(void **state)
{
	static const char *const bad[] = {"", "\n",
	    "ephemera socket dump 2\nlisting tcp\nresult 0\n", "ephemera socket dump 1",
	    "ephemera socket dump 1 \nlisting tcp\nresult 0\n", "listing tcp\nresult 0\n",
	    "\177ELF"};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++)
		assert_result(replay_text(bad[i], LISTING_TCP), -EBADMSG);
}

static void refuses_malformed_lines(void **state)
{
	static const char *const bad[] = {
	    "chunk 3\nabc\nresult 0\n",
	    "listing tcp\nchunk\nresult 0\n",
	    "listing tcp\nchunk \nresult 0\n",
	    "listing tcp\nchunk x\nresult 0\n",
	    "listing tcp\nchunk 0\n\nresult 0\n",
	    "listing tcp\nchunk -1\n\nresult 0\n",
	    "listing tcp\nchunk 32769\n",
	    "listing tcp\nchunk 99999999999999999999\n",
	    "listing tcp\nchunk 3x\nabc\nresult 0\n",
	    "listing tcp\nresult\n",
	    "listing tcp\nresult x\n",
	    "listing tcp\nresult 1\n",
	    "listing tcp\nresult -4096\n",
	    "listing tcp\nlisting tcp\nresult 0\n",
	    "listing tcp\nnonsense\n",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		snprintf(text, sizeof(text), FIRST_LINE "%s", bad[i]);
		if (replay_text(text, LISTING_TCP) != -EBADMSG)
			fail_msg("not refused: %s", bad[i]);
	}
}

static void a_chunk_of_less_than_a_message_is_malformed(void **state)
{
	(void)state;
	assert_result(
	    replay_text(FIRST_LINE "listing tcp\nchunk 3\nabc\nresult 0\n", LISTING_TCP), -EBADMSG);
}

/* Passed over, too: what follows a chunk that is longer than it says cannot be trusted. */
static void a_chunk_must_end_where_it_says(void **state)
{
	(void)state;
	assert_result(replay_text(FIRST_LINE "listing udp4\nchunk 3\nabcXresult 0\n"
					     "listing tcp\nresult 0\n",
			  LISTING_TCP),
	    -EBADMSG);
	assert_result(replay_text(FIRST_LINE "listing udp4\nchunk 3\nabc\nresult 0\n"
					     "listing tcp\nresult 0\n",
			  LISTING_TCP),
	    0);
}

static void refuses_a_huge_chunk(void **state)
{
	static char huge[NETLINK_BUFFER + 1];
	unsigned count;

	(void)state;
	start();
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	assert_result(dumpfile_write_chunk(dump.file, huge, sizeof(huge)), 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_result(replay(LISTING_TCP, &count), -EBADMSG);
	assert_result(replay(LISTING_UDP4, &count), -EBADMSG);
}

static void takes_a_chunk_as_large_as_a_receive(void **state)
{
	unsigned count;

	(void)state;
	start();
	messages.length = 0;
	messages_add(&messages, 20, NETLINK_BUFFER - NLMSG_HDRLEN);
	assert_int_equal(messages.length, NETLINK_BUFFER);
	assert_result(dumpfile_begin_listing(dump.file, LISTING_TCP), 0);
	assert_result(dumpfile_write_chunk(dump.file, messages.bytes, messages.length), 0);
	assert_result(dumpfile_end_listing(dump.file, 0), 0);
	finish();
	assert_result(replay(LISTING_TCP, &count), 0);
	assert_int_equal(count, 1);
}

/* A later version may record more than we know of. */
static void passes_over_a_listing_that_is_unknown(void **state)
{
	(void)state;
	assert_result(replay_text(FIRST_LINE "listing sctp\nchunk 3\nabc\nresult -5\n"
					     "listing tcp\nresult -13\n",
			  LISTING_TCP),
	    -EACCES);
	assert_result(
	    replay_text(FIRST_LINE "listing tcp_listen_more\nresult 0\n", LISTING_TCP_LISTEN),
	    -ENODATA);
}

static void a_full_disk_is_an_error(void **state)
{
	static char bytes[NETLINK_BUFFER];
	FILE *file = fopen("/dev/full", "we");

	(void)state;
	if (!file)
		skip();
	setvbuf(file, NULL, _IONBF, 0);
	assert_result(dumpfile_start(file), -EIO);
	assert_result(dumpfile_begin_listing(file, LISTING_TCP), -EIO);
	assert_result(dumpfile_write_chunk(file, bytes, sizeof(bytes)), -EIO);
	assert_result(dumpfile_end_listing(file, 0), -EIO);
	fclose(file);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(what_is_written_is_what_the_header_says),
	    TEST(every_listing_goes_round),
	    TEST(a_listing_may_be_empty),
	    TEST(a_recorded_result_comes_back),
	    TEST(a_recorded_ebadmsg_is_only_that_listings),
	    TEST(what_the_sink_returns_comes_back),
	    TEST(a_file_cut_off_at_any_byte_is_an_error),
	    TEST(refuses_another_first_line),
	    TEST(refuses_malformed_lines),
	    TEST(a_chunk_of_less_than_a_message_is_malformed),
	    TEST(a_chunk_must_end_where_it_says),
	    TEST(refuses_a_huge_chunk),
	    TEST(takes_a_chunk_as_large_as_a_receive),
	    TEST(passes_over_a_listing_that_is_unknown),
	    TEST(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests_name("dumpfile", tests, NULL, NULL);
}
