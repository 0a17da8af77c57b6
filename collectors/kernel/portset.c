// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/portset.h"

#include <errno.h>
#include <string.h>

/* The bits of the word with that index that are in the range, of which it has some. */
static uint64_t bits_of(size_t word, struct port_range range)
{
	uint64_t bits = UINT64_MAX;

	if (word == range.first / 64)
		bits &= UINT64_MAX << (range.first % 64);
	if (word == range.last / 64)
		bits &= UINT64_MAX >> (63 - range.last % 64);
	return bits;
}

void portset_add_range(struct portset *set, struct port_range range)
{
	if (range.first > range.last)
		return;
	for (size_t i = range.first / 64; i <= range.last / 64; i++)
		set->words[i] |= bits_of(i, range);
}

void portset_remove(struct portset *set, const struct portset *other)
{
	for (size_t i = 0; i < PORTS / 64; i++)
		set->words[i] &= ~other->words[i];
}

void portset_unite(struct portset *set, const struct portset *other)
{
	for (size_t i = 0; i < PORTS / 64; i++)
		set->words[i] |= other->words[i];
}

void portset_keep(struct portset *set, const struct portset *other)
{
	for (size_t i = 0; i < PORTS / 64; i++)
		set->words[i] &= other->words[i];
}

unsigned portset_count(const struct portset *set)
{
	unsigned count = 0;

	for (size_t i = 0; i < PORTS / 64; i++)
		count += (unsigned)__builtin_popcountll(set->words[i]);
	return count;
}

unsigned portset_count_range(const struct portset *set, struct port_range range)
{
	unsigned count = 0;

	if (range.first > range.last)
		return 0;
	for (size_t i = range.first / 64; i <= range.last / 64; i++)
		count += (unsigned)__builtin_popcountll(set->words[i] & bits_of(i, range));
	return count;
}

bool portset_next_range(const struct portset *set, unsigned *position, struct port_range *ret_range)
{
	unsigned first = *position;

	while (first < PORTS && !portset_has(set, (uint16_t)first))
		first += set->words[first / 64] == 0 ? 64 - first % 64 : 1;
	if (first >= PORTS)
		return false;

	unsigned end = first + 1;

	while (end < PORTS && portset_has(set, (uint16_t)end))
		end++;
	*ret_range = (struct port_range){(uint16_t)first, (uint16_t)(end - 1)};
	*position = end;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* Returns the text after the number; NULL if there is none up to 65535. */
static const char *parse_port(const char *at, const char *end, uint16_t *ret_port)
{
	unsigned value = 0;
	const char *start = at;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (unsigned)(*at - '0');
		if (value >= PORTS)
			return NULL;
	}
	if (at == start)
		return NULL;
	*ret_port = (uint16_t)value;
	return at;
}

int port_range_parse(const char *text, size_t length, struct port_range *ret_range)
{
	const char *end = text + length;
	struct port_range range;
	const char *at = parse_port(skip_blanks(text, end), end, &range.first);

	if (!at || at == end || !is_blank(*at) || range.first == 0)
		return -EBADMSG;
	at = parse_port(skip_blanks(at, end), end, &range.last);
	if (!at || skip_blanks(at, end) != end || range.first > range.last)
		return -EBADMSG;
	*ret_range = range;
	return 0;
}

int portset_parse(const char *text, size_t length, struct portset *ret_set)
{
	const char *end = text + length;
	const char *at = skip_blanks(text, end);
	struct portset set;

	memset(&set, 0, sizeof(set));
	while (at < end) {
		struct port_range range;

		at = parse_port(at, end, &range.first);
		if (!at)
			return -EBADMSG;
		range.last = range.first;
		if (at < end && *at == '-') {
			at = parse_port(at + 1, end, &range.last);
			if (!at || range.first > range.last)
				return -EBADMSG;
		}
		portset_add_range(&set, range);
		if (at < end && *at == ',') {
			if (++at == end)
				return -EBADMSG;
			continue;
		}
		at = skip_blanks(at, end);
		if (at != end)
			return -EBADMSG;
	}
	*ret_set = set;
	return 0;
}
