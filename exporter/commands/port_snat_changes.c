// SPDX-License-Identifier: Apache-2.0
#include "exporter/commands/port_snat_changes.h"

#include <stdio.h>

#include "exporter/answers/port_snat_text.h"
#include "exporter/commands/port_changes.h"

static const struct port_snat none;

struct change {
	char sign; /* as port_changes.h prints it; 0: there are no more */
	const struct snat_flow *flow;
};

struct comparison {
	const struct port_snat *before;
	const struct port_snat *after;
	size_t old;
	size_t new;
};

/* Both lists are sorted. */
static struct change next_change(struct comparison *comparison)
{
	const struct port_snat *before = comparison->before;
	const struct port_snat *after = comparison->after;

	while (comparison->old < before->length || comparison->new < after->length) {
		const struct snat_flow *old = &before->list[comparison->old];
		const struct snat_flow *new = &after->list[comparison->new];
		const int order = comparison->old == before->length  ? 1
				  : comparison->new == after->length ? -1
								     : snat_flow_compare(old, new);

		comparison->old += order <= 0;
		comparison->new += order >= 0;
		if (order < 0)
			return (struct change){'-', old};
		if (order > 0)
			return (struct change){'+', new};
		if (old->is_closing != new->is_closing)
			return (struct change){'~', new};
	}
	return (struct change){0, NULL};
}

static unsigned long count(const struct port_snat *snat)
{
	return snat->length + snat->unlisted;
}

bool port_snat_has_changed(const struct port_snat *before, const struct port_snat *after)
{
	struct comparison comparison = {before ? before : &none, after ? after : &none, 0, 0};

	if (comparison.before->unlisted || comparison.after->unlisted)
		return count(comparison.before) != count(comparison.after);
	return next_change(&comparison).sign != 0;
}

/* Prints at most *left changes of that sign. Returns how many it left out. */
static size_t print_kind(struct comparison comparison, char sign, size_t *left)
{
	struct change change;
	size_t untold = 0;

	while ((change = next_change(&comparison)).sign) {
		if (change.sign != sign)
			continue;
		if (*left) {
			port_snat_print_flow(change.flow, port_changes_print_start(sign));
			(*left)--;
		} else {
			untold++;
		}
	}
	return untold;
}

void port_snat_changes_print(
    const struct port_snat *before, const struct port_snat *after, size_t limit)
{
	const struct comparison comparison = {before ? before : &none, after ? after : &none, 0, 0};
	size_t untold;

	if (!port_snat_has_changed(before, after))
		return;
	if (comparison.before->unlisted || comparison.after->unlisted) {
		port_changes_print_start(' ');
		printf("source NAT has %lu connections, %lu before\n", count(comparison.after),
		    count(comparison.before));
		return;
	}
	untold = print_kind(comparison, '-', &limit);
	untold += print_kind(comparison, '+', &limit);
	untold += print_kind(comparison, '~', &limit);
	if (untold) {
		port_changes_print_start(' ');
		printf("and %zu more change%s of source NAT (--limit)\n", untold,
		    untold == 1 ? "" : "s");
	}
}
