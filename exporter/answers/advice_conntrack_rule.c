// SPDX-License-Identifier: Apache-2.0
/* The rule of `ephemera advise` for the table of connection tracking. */
#include <limits.h>
#include <stdio.h>

#include "exporter/answers/advice_rules.h"

bool advice_find_conntrack_table(const struct advice_input *input, struct advice *advice)
{
	const long entries = input->facts->conntrack_entries;
	const long limit = input->facts->conntrack_limit;
	const long then = 2 * (entries > limit ? entries : limit);
	char value[24];

	/* The alert ConntrackTableNearlyFull goes by the same. A limit of 0 is none. */
	if (entries == SETTING_ABSENT || limit <= 0 || entries * 5 < limit * 4 || then > INT_MAX)
		return false;
	advice->urgency = entries >= limit ? ADVICE_NOW : ADVICE_SOON;
	advice->weight = (double)entries;
	advice_say(&advice->finding,
	    "The table of connection tracking has %ld entries, and nf_conntrack_max allows %ld. "
	    "%s.",
	    entries, limit,
	    entries >= limit ? "The kernel drops packets of new connections"
			     : "When it is full, the kernel drops packets of new connections");
	snprintf(value, sizeof(value), "%ld", then);
	advice_set(advice, "net.netfilter.nf_conntrack_max", value);
	advice_say(
	    &advice->effect, "There is room at once. A container cannot set it: it is the host's.");
	advice->promised = "entries that the table has room for";
	advice->before = (unsigned long)limit;
	advice->after = (unsigned long)then;
	return true;
}
