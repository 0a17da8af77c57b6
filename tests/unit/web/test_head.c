// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/head.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* A header by its place in a buffer. */
struct place {
	size_t name, name_length, value, value_length;
};

/* "GET / HTTP/1.1" and a Host header, as libmicrohttpd 0.9.75 leaves them, and as 1.0 does. */
#define OLD_LINE "GET\0/\0HTTP/1.1\0\0"
#define NEW_LINE "GET\0/\0HTTP/1.1\0\n"
#define OLD_HOST "Host\0 a\0\0"
#define NEW_HOST "Host\0 a\0\n"
#define LINE_LENGTH 16

static const char *broken(
    const char *buffer, size_t length, const struct place *places, size_t places_length)
{
	const struct head_line line = {.method = buffer,
	    .path = buffer + 4,
	    .target = "/",
	    .version = buffer + 6,
	    .head_length = length};
	struct head head;

	head_begin(&head, &line);
	for (size_t i = 0; i < places_length; i++)
		head_add(&head, buffer + places[i].name, places[i].name_length,
		    buffer + places[i].value, places[i].value_length);

	const struct head_rule *rule = head_broken_rule(&head);

	return rule ? rule->name : NULL;
}

#define BROKEN(buffer, ...)                                                       \
	broken((buffer), sizeof(buffer) - 1, (const struct place[]){__VA_ARGS__}, \
	    sizeof((const struct place[]){__VA_ARGS__}) / sizeof(struct place))

static const struct place host = {LINE_LENGTH, 4, LINE_LENGTH + 6, 1};

static void both_forms_of_the_buffer_are_right(void **state)
{
	(void)state;
	assert_null(BROKEN(OLD_LINE OLD_HOST "\0\0", host));
	assert_null(BROKEN(NEW_LINE NEW_HOST "\r\n", host));
}

static void spaces_at_the_end_are_cut_off_by_the_new_library(void **state)
{
	(void)state;
	assert_null(BROKEN(NEW_LINE "Host\0 a\0 \t\r\n\r\n", host));
	assert_null(BROKEN(NEW_LINE "Host\0 a\0 \r\nX\0b\0\n\r\n", host,
	    {LINE_LENGTH + 11, 1, LINE_LENGTH + 13, 1}));
}

static void what_the_parts_do_not_show_breaks_the_lines(void **state)
{
	(void)state;
	assert_string_equal(BROKEN(OLD_LINE "Host\0 a\0b\0\0\0\0", host), "lines");
	assert_string_equal(BROKEN(OLD_LINE "Host\0 a\0\0\0", host), "lines");
	/* A zero byte ended the value, and what is behind it takes the place of another end. */
	assert_string_equal(BROKEN(OLD_LINE "Host\0 a\0\x1d\0\0", host), "lines");
	assert_string_equal(BROKEN(NEW_LINE "Host\0 a\0\r\n", host), "lines");
	assert_string_equal(BROKEN(NEW_LINE "Host\0 a\0\r\n\n", host), "lines");
	assert_string_equal(BROKEN(OLD_LINE "Host\0\0a\0\0\0\0", host), "lines");
	assert_string_equal(BROKEN("GET\0/\0HTTP/1.1\0" OLD_HOST "\0\0\0", host), "lines");
	/* folded: the value was copied to somewhere else */
	assert_string_equal(
	    BROKEN(OLD_LINE OLD_HOST "\0\0" OLD_HOST, {LINE_LENGTH, 4, LINE_LENGTH + 17, 1}),
	    "lines");
}

static void places_outside_the_buffer_are_not_read(void **state)
{
	char *elsewhere = strdup("a");
	const char buffer[] = OLD_LINE OLD_HOST "\0\0";
	const struct head_line line = {.method = buffer,
	    .path = buffer + 4,
	    .target = "/",
	    .version = buffer + 6,
	    .head_length = sizeof(buffer) - 1};
	struct head head;

	(void)state;
	assert_non_null(elsewhere);
	head_begin(&head, &line);
	head_add(&head, elsewhere, 1, buffer + 22, 1);
	assert_string_equal(head_broken_rule(&head)->name, "lines");
	head_begin(&head, &line);
	head_add(&head, buffer + 16, 4, elsewhere, 1);
	assert_string_equal(head_broken_rule(&head)->name, "lines");
	head_begin(&head, &line);
	head_add(&head, "Host", 4, "a", 1);
	assert_string_equal(head_broken_rule(&head)->name, "lines");
	free(elsewhere);
}

static void a_zero_byte_in_the_target_breaks_the_lines(void **state)
{
	static const char buffer[] = "GET\0/\0x\0HTTP/1.1\0\0\0\0";
	const struct head_line line = {.method = buffer,
	    .path = buffer + 4,
	    .target = "/",
	    .version = buffer + 8,
	    .head_length = sizeof(buffer) - 1};
	struct head head;

	(void)state;
	head_begin(&head, &line);
	assert_string_equal(head_broken_rule(&head)->name, "lines");
}

static void a_head_without_a_host_breaks_a_rule_since_http_1_1(void **state)
{
	static const char buffer[] = "GET\0/\0HTTP/1.0\0\0\0\0";

	(void)state;
	assert_string_equal(broken(OLD_LINE "\0\0", LINE_LENGTH + 2, NULL, 0), "hosts");
	assert_null(broken(buffer, sizeof(buffer) - 1, NULL, 0));
}

#define REQUEST_MAX 256

/* A request as it was sent, its lines ending in LF here, as libmicrohttpd 0.9.75 leaves it. */
static const char *rule_of(const char *request)
{
	char buffer[REQUEST_MAX] = "";
	struct head_line line = {.method = buffer};
	struct head head;
	char target[REQUEST_MAX];
	size_t at = 0;

	/* Two zero bytes for each LF. */
	for (const char *i = request; *i; i++) {
		buffer[at] = *i == '\n' ? '\0' : *i;
		at += *i == '\n' ? 2 : 1;
	}
	line.head_length = at;
	line.path = strchr(buffer, ' ') + 1;
	line.version = strrchr(buffer, ' ') + 1;
	buffer[line.path - 1 - buffer] = buffer[line.version - 1 - buffer] = '\0';
	strcpy(target, line.path);
	line.target = target;
	head_begin(&head, &line);
	for (char *name = buffer + (line.version - buffer) + strlen(line.version) + 2; *name;) {
		char *colon = strchr(name, ':');
		char *value = colon + 1;

		*colon = '\0';
		head_add(&head, name, (size_t)(colon - name), value, strlen(value));
		name = value + strlen(value) + 2;
	}

	const struct head_rule *rule = head_broken_rule(&head);

	return rule ? rule->name : "none";
}

static void each_rule_can_be_broken(void **state)
{
	static const char *const requests[][2] = {
	    {"GET / HTTP/1.1\nHost:a\nContent-Length:0\n\n", "none"},
	    {"POST / HTTP/1.1\nHost:a\nContent-Length:2\nExpect:100-continue\n\n", "none"},
	    {"G(T / HTTP/1.1\nHost:a\n\n", "lines"},
	    {"GET a HTTP/1.1\nHost:a\n\n", "target"},
	    {"GET / HTTP/1.1\nHost:a\nX :b\n\n", "name"},
	    {"GET / HTTP/1.1\nHost:a\nX:b\x01\n\n", "value"},
	    {"GET / HTTP/1.1\nX:a\n\n", "hosts"},
	    {"GET / HTTP/1.1\nHost:a\nHost:a\n\n", "hosts"},
	    {"GET / HTTP/1.1\nHost:a@b\n\n", "host"},
	    {"POST / HTTP/1.1\nHost:a\nContent-Length:0\nContent-Length:0\n\n", "lengths"},
	    {"POST / HTTP/1.1\nHost:a\nContent-Length:+2\n\n", "length"},
	    {"POST / HTTP/1.1\nHost:a\nContent-Length:2\nTransfer-Encoding:chunked\n\n", "framing"},
	    {"GET / HTTP/1.1\nHost:a\nContent-Length:2\n\n", "body"},
	    {"HEAD / HTTP/1.1\nHost:a\nTransfer-Encoding:chunked\n\n", "body"},
	    {"GET / HTTP/1.1\nHost:a\nExpect:100-continue\n\n", "expect"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_string_equal(rule_of(requests[i][0]), requests[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_forms_of_the_buffer_are_right),
	    cmocka_unit_test(spaces_at_the_end_are_cut_off_by_the_new_library),
	    cmocka_unit_test(what_the_parts_do_not_show_breaks_the_lines),
	    cmocka_unit_test(places_outside_the_buffer_are_not_read),
	    cmocka_unit_test(a_zero_byte_in_the_target_breaks_the_lines),
	    cmocka_unit_test(a_head_without_a_host_breaks_a_rule_since_http_1_1),
	    cmocka_unit_test(each_rule_can_be_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
