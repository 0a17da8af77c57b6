// SPDX-License-Identifier: Apache-2.0
/* A line of /proc/net/nf_conntrack. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "collectors/kernel/conntrack.h"

/* A word: what is between two blanks. */
struct word {
	const char *text;
	size_t length;
};

static bool next_word(const char **at, const char *end, struct word *word)
{
	while (*at < end && **at == ' ')
		++*at;
	word->text = *at;
	while (*at < end && **at != ' ')
		++*at;
	word->length = (size_t)(*at - word->text);
	return word->length > 0;
}

/* Inline, so that the compiler knows the length: it is asked several times for each entry. */
static inline bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

/* Whether it is KEY=VALUE, with that key; then only the value is left of it. */
static inline bool has_key(struct word *word, const char *key)
{
	const size_t length = strlen(key);

	if (word->length <= length || word->text[length] != '=' ||
	    memcmp(word->text, key, length) != 0)
		return false;
	word->text += length + 1;
	word->length -= length + 1;
	return true;
}

/* Four numbers with dots between. inet_pton() takes several times as long, four times an entry. */
static bool parse_ipv4(const struct word *word, uint8_t bytes[static 4])
{
	const char *at = word->text;
	const char *const end = at + word->length;

	for (int i = 0; i < 4; i++) {
		const char *const start = at;
		unsigned number = 0;

		for (; at < end && at - start < 3 && *at >= '0' && *at <= '9'; at++)
			number = number * 10 + (unsigned)(*at - '0');
		if (at == start || number > UINT8_MAX)
			return false;
		bytes[i] = (uint8_t)number;
		if (i < 3 && (at == end || *at++ != '.'))
			return false;
	}
	return at == end;
}

static bool parse_address(
    const struct word *word, enum socket_family family, struct socket_address *address)
{
	char text[INET6_ADDRSTRLEN + 1];

	memset(address, 0, sizeof(*address));
	if (family == SOCKET_IPV4)
		return parse_ipv4(word, address->bytes);
	if (word->length >= sizeof(text))
		return false;
	memcpy(text, word->text, word->length);
	text[word->length] = '\0';
	return inet_pton(AF_INET6, text, address->bytes) == 1;
}

/* Of a port or a zone. */
static bool parse_number(const struct word *word, uint16_t *ret_number)
{
	unsigned long number = 0;

	if (word->length == 0 || word->length > 5)
		return false;
	for (size_t i = 0; i < word->length; i++) {
		if (word->text[i] < '0' || word->text[i] > '9')
			return false;
		number = number * 10 + (unsigned long)(word->text[i] - '0');
	}
	*ret_number = (uint16_t)number;
	return number <= UINT16_MAX;
}

/* What of a tuple was found; a line has two, one after the other. */
enum { SOURCE = 1, DESTINATION = 2, SOURCE_PORT = 4, DESTINATION_PORT = 8, WHOLE = 15 };

/* Returns which part it was, 0 if none, or -EBADMSG. */
static int parse_part(struct word *word, enum socket_family family, struct conntrack_tuple *tuple)
{
	if (has_key(word, "src"))
		return parse_address(word, family, &tuple->source) ? SOURCE : -EBADMSG;
	if (has_key(word, "dst"))
		return parse_address(word, family, &tuple->destination) ? DESTINATION : -EBADMSG;
	if (has_key(word, "sport"))
		return parse_number(word, &tuple->source_port) ? SOURCE_PORT : -EBADMSG;
	if (has_key(word, "dport"))
		return parse_number(word, &tuple->destination_port) ? DESTINATION_PORT : -EBADMSG;
	return 0;
}

/* "ipv4     2 tcp      6": the names of the protocols, each with its number. Returns 1, 0 or
 * -EBADMSG, as conntrack_parse(). */
static int parse_protocols(const char **at, const char *end, struct conntrack_entry *entry)
{
	struct word words[4];

	for (int i = 0; i < 4; i++)
		if (!next_word(at, end, &words[i]))
			return -EBADMSG;
	if (is(&words[0], "ipv4"))
		entry->family = SOCKET_IPV4;
	else if (is(&words[0], "ipv6"))
		entry->family = SOCKET_IPV6;
	else
		return words[0].text[0] >= 'a' && words[0].text[0] <= 'z' ? 0 : -EBADMSG;
	if (is(&words[2], "tcp"))
		entry->protocol = SOCKET_TCP;
	else if (is(&words[2], "udp"))
		entry->protocol = SOCKET_UDP;
	else
		return 0;
	return 1;
}

/*
 * Reads what is behind the tuples: the zone, if it is one of answers. zone-orig= is not. Returns 0
 * or -EBADMSG.
 */
static int parse_rest(const char *at, const char *end, uint16_t *zone)
{
	struct word word;

	/* By its letter, which other words hardly have: every entry passes here. */
	while ((at = memchr(at, 'z', (size_t)(end - at)))) {
		const bool begins = at[-1] == ' ';

		next_word(&at, end, &word);
		if (begins && (has_key(&word, "zone") || has_key(&word, "zone-reply")) &&
		    !parse_number(&word, zone))
			return -EBADMSG;
	}
	return 0;
}

int conntrack_parse(const char *line, size_t length, struct conntrack_entry *ret_entry)
{
	struct conntrack_entry entry = {.is_closing = false};
	struct conntrack_tuple *const tuples[] = {&entry.original, &entry.reply};
	const char *const end = line + length;
	int found[2] = {0};
	int which = 0;
	struct word word;
	int result = parse_protocols(&line, end, &entry);

	if (result <= 0)
		return result;
	while (found[1] != WHOLE && next_word(&line, end, &word)) {
		/* Before the tuples: the seconds that are left, and TCP's state. */
		if (found[0] == 0 && (is(&word, "TIME_WAIT") || is(&word, "CLOSE")))
			entry.is_closing = entry.protocol == SOCKET_TCP;
		if (found[which] == WHOLE)
			which = 1;
		result = parse_part(&word, entry.family, tuples[which]);
		if (result < 0 || found[which] & result)
			return -EBADMSG;
		found[which] |= result;
	}
	if (found[1] != WHOLE || parse_rest(line, end, &entry.zone) < 0)
		return -EBADMSG;
	*ret_entry = entry;
	return 1;
}
