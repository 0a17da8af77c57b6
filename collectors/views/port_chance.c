// SPDX-License-Identifier: Apache-2.0
#include "collectors/views/port_chance.h"

/* The ports of a search, by their distance from the first port of the range. */
struct search {
	const struct settings *settings;
	const struct portset *passed_over; /* NULL: not known */
	unsigned ports;			   /* of the range */
	unsigned span; /* ports, rounded down to an even number if there are several */
};

static struct search search_of(const struct settings *settings, const struct portset *passed_over)
{
	const unsigned ports = port_range_size(settings->range);

	return (struct search){settings, passed_over, ports, ports > 1 ? ports & ~1u : 1};
}

static bool is_passed_over(const struct search *search, unsigned offset)
{
	const uint16_t port = (uint16_t)(search->settings->range.first + offset);

	return portset_has(&search->settings->reserved, port) ||
	       (search->passed_over && portset_has(search->passed_over, port));
}

static bool is_candidate(const struct search *search, uint16_t port)
{
	return port_range_has(search->settings->range, port) &&
	       !is_passed_over(search, port - search->settings->range.first);
}

/*
 * The number of starts from which a search of the first parity reaches offset before another port.
 * It goes in steps of two, and at the end subtracts span: in a range with an odd number of ports
 * that leads from the last one, where no search starts, to the third. It ends after span / 2 ports.
 */
static unsigned count_starts(const struct search *search, unsigned offset)
{
	const bool is_odd = search->ports != search->span;
	const unsigned limit = search->span / 2;
	unsigned starts = 0;

	for (unsigned visits = 1; visits <= limit; visits++) {
		if (offset < search->span)
			starts++;
		if (is_odd && offset == 0)
			return starts;
		if (is_odd && offset == 2) {
			/* The first port also leads there, and nothing leads to it. */
			if (visits < limit && is_passed_over(search, 0))
				starts++;
			offset = search->span;
		} else {
			offset = (offset + search->span - 2) % search->span;
		}
		if (!is_passed_over(search, offset))
			return starts;
	}
	return starts;
}

/* The number of ports at which a search may start. */
static double places_of(const struct search *search)
{
	const unsigned places = search->span / 2;

	return places;
}

double port_chance_of_connect(
    const struct settings *settings, const struct portset *passed_over, uint16_t port)
{
	const struct search search = search_of(settings, passed_over);
	const unsigned offset = (unsigned)port - settings->range.first;

	if (!is_candidate(&search, port) || offset % 2)
		return 0;
	if (search.ports == 1)
		return 1;
	return count_starts(&search, offset) / places_of(&search);
}

double port_chance_of_bind(const struct settings *settings, uint16_t port)
{
	const struct search search = search_of(settings, NULL);

	if (!is_candidate(&search, port))
		return 0;
	if (search.ports == 1)
		return 1;
	return (port - settings->range.first) % 2 ? 1 / places_of(&search) : 0;
}
