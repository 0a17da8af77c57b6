// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/advice_range.h"

/* connect() tries ports of one parity first, and with an odd number it can miss the last one. */
static struct port_range even(struct port_range range)
{
	if (port_range_size(range) % 2) {
		if (range.first > ADVICE_FIRST_PORT)
			range.first--;
		else
			range.first++;
	}
	return range;
}

static struct port_range widest(struct port_range now)
{
	if (now.first <= ADVICE_FIRST_PORT && now.last == PORTS - 1)
		return now;
	return even((struct port_range){
	    .first = now.first < ADVICE_FIRST_PORT ? now.first : ADVICE_FIRST_PORT,
	    .last = PORTS - 1,
	});
}

static unsigned count_usable(
    struct port_range range, const struct portset *reserved, const struct portset *held)
{
	struct portset usable = {0};

	portset_add_range(&usable, range);
	portset_remove(&usable, reserved);
	portset_remove(&usable, held);
	return portset_count(&usable);
}

static struct portset held_of(const struct facts *facts)
{
	struct portset held = facts->holders.listen;

	portset_unite(&held, &facts->holders.bound);
	portset_unite(&held, &facts->holders.connected);
	return held;
}

unsigned advice_range_usable(const struct facts *facts, const struct portset *reserved)
{
	const struct portset held = held_of(facts);

	return count_usable(facts->settings.range, reserved, &held);
}

struct advice_range advice_range_find(const struct facts *facts, const struct portset *services)
{
	const struct port_range now = facts->settings.range;
	struct advice_range found = {.range = widest(now), .usable = facts->capacity};
	const struct portset held = held_of(facts);
	struct portset wanted = {0};

	portset_add_range(&wanted, found.range);
	portset_add_range(&wanted, now);
	portset_keep(&wanted, services);
	found.reserved = facts->settings.reserved;
	portset_unite(&found.reserved, &wanted);
	found.usable_reserved = count_usable(now, &found.reserved, &held);
	found.usable_wide = count_usable(found.range, &found.reserved, &held);
	return found;
}
