// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/head.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "exporter/web/routes.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* RFC 9110, 5.6.2: a token, which a header's name is */
#define TOKEN LETTERS DIGITS "!#$%&'*+-.^_`|~"
/* RFC 3986, 3.2.2: a host and a port, without a user's name */
#define HOST LETTERS DIGITS "-._~%!$&'()*+,;=:[]"

static bool breaks_lines(const struct head *head)
{
	return head->wrong_line;
}

static bool breaks_target(const struct head *head)
{
	return head->wrong_target;
}

static bool breaks_names(const struct head *head)
{
	return head->wrong_name;
}

static bool breaks_values(const struct head *head)
{
	return head->wrong_value;
}

static bool breaks_hosts(const struct head *head)
{
	return head->hosts > 1 || (head->hosts == 0 && !head->is_http_1_0);
}

static bool breaks_host(const struct head *head)
{
	return head->wrong_host;
}

static bool breaks_lengths(const struct head *head)
{
	return head->content_lengths > 1;
}

static bool breaks_length(const struct head *head)
{
	return head->wrong_length;
}

static bool breaks_framing(const struct head *head)
{
	return head->content_lengths > 0 && head->transfer_encodings > 0;
}

/* RFC 9110, 9.3.1, lets a server refuse it. Any other method is refused anyway. */
static bool breaks_body(const struct head *head)
{
	return head->reads && (head->has_body || head->transfer_encodings > 0);
}

static bool breaks_expect(const struct head *head)
{
	return head->reads && head->expects;
}

static const struct head_rule rules[] = {
    {"lines", breaks_lines,
	"each line must end in CR LF, must not be continued on the next, and must not contain a "
	"zero byte; the method must be a word"},
    {"target", breaks_target,
	"the request target must be a path that begins with / and consists of visible ASCII "
	"characters"},
    {"name", breaks_names,
	"the name of a header must not be empty, or contain a space or another character that "
	"is not allowed"},
    {"value", breaks_values, "the value of a header must not contain control characters"},
    {"hosts", breaks_hosts, "there must be exactly one Host header (HTTP/1.0: at most one)"},
    {"host", breaks_host, "the Host header must be a name or an address, and perhaps a port"},
    {"lengths", breaks_lengths, "there must not be more than one Content-Length header"},
    {"length", breaks_length, "Content-Length must be a whole number"},
    {"framing", breaks_framing,
	"Content-Length and Transfer-Encoding must not be used in one request"},
    {"body", breaks_body, "GET and HEAD must not have a body"},
    {"expect", breaks_expect, "Expect must not be used without a body"},
};

static bool consists_of(const char *text, size_t length, const char *characters)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0' || !strchr(characters, text[i]))
			return false;
	return true;
}

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static bool has_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* How far `to` lies behind `from`; more than the head is long: not in the head behind `from`. */
static size_t distance(const struct head *head, const char *from, const char *to)
{
	const uintptr_t begin = (uintptr_t)head->begin, a = (uintptr_t)from, b = (uintptr_t)to;

	if (a < begin || b < a || b - begin > head->length)
		return SIZE_MAX;
	return b - a;
}

/*
 * Whether length bytes after a part are the end of its line. libmicrohttpd 0.9.75 overwrites CR and
 * LF, and leaves spaces to the part. 1.0 overwrites the first byte after the part, and cuts off
 * spaces at its end. What cannot be told from CR LF then: in 0.9.75, a zero byte or (for an empty
 * line) a colon, and LF, or a zero byte and CR LF if the empty line that follows is LF alone; in
 * 1.0, a space and LF, which RFC 9112, 2.2, lets a server accept.
 */
static bool ends_line(const char *end, size_t length)
{
	if (length < 2 || length == SIZE_MAX)
		return false;
	if (length == 2)
		return end[0] == '\0' && (end[1] == '\0' || end[1] == '\n');
	return end[0] == '\0' && consists_of(end + 1, length - 3, " \t") &&
	       end[length - 2] == '\r' && end[length - 1] == '\n';
}

static bool is_separated(const struct head *head, const char *end, const char *value)
{
	const size_t length = distance(head, end, value);

	return length != SIZE_MAX && length >= 1 && consists_of(end + 1, length - 1, " \t");
}

void head_begin(struct head *head, const struct head_line *line)
{
	const size_t version_length = strlen(line->version);

	*head = (struct head){
	    .begin = line->method,
	    .end = line->version + version_length,
	    .length = line->head_length,
	    .reads = route_reads(line->method),
	    .is_http_1_0 = strcmp(line->version, "HTTP/1.0") == 0,
	};
	head->wrong_line = !consists_of(line->method, strlen(line->method), TOKEN) ||
			   distance(head, line->method, line->path) != strlen(line->method) + 1 ||
			   distance(head, line->path, line->version) != strlen(line->target) + 1;
	head->wrong_target = line->target[0] != '/' || !is_visible(line->target);
}

static bool is_header(const char *name, size_t length, const char *wanted)
{
	return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

void head_add(
    struct head *head, const char *name, size_t name_length, const char *value, size_t value_length)
{
	head->wrong_line |= !ends_line(head->end, distance(head, head->end, name)) ||
			    !is_separated(head, name + name_length, value);
	head->end = value + value_length;
	head->wrong_name |= name_length == 0 || !consists_of(name, name_length, TOKEN);
	head->wrong_value |= has_control(value, value_length);
	if (is_header(name, name_length, "Host")) {
		head->hosts++;
		head->wrong_host |= !consists_of(value, value_length, HOST);
	} else if (is_header(name, name_length, "Content-Length")) {
		head->content_lengths++;
		head->wrong_length |=
		    value_length == 0 || !consists_of(value, value_length, DIGITS);
		head->has_body |= !consists_of(value, value_length, "0");
	} else if (is_header(name, name_length, "Transfer-Encoding")) {
		head->transfer_encodings++;
	} else if (is_header(name, name_length, "Expect")) {
		head->expects = true;
	}
}

/* The empty line at the end has two bytes of its own. 1.0 does not overwrite them. */
static bool ends_in_empty_line(const struct head *head)
{
	const char *end = head->begin + head->length;
	const size_t length = distance(head, head->end, end);

	if (length == SIZE_MAX || length <= 2 || !ends_line(head->end, length - 2))
		return false;
	return (end[-2] == '\0' && end[-1] == '\0') || (end[-2] == '\r' && end[-1] == '\n');
}

const struct head_rule *head_broken_rule(const struct head *head)
{
	struct head whole = *head;

	whole.wrong_line |= !ends_in_empty_line(head);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].is_broken(&whole))
			return &rules[i];
	return NULL;
}
