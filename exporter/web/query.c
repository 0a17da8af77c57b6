// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/query.h"

#include <stdio.h>
#include <string.h>

#include "exporter/base/text.h"

void query_add(struct query *query, const char *key, const char *value)
{
	const bool collect = strcmp(key, "collect[]") == 0;
	const bool exclude = strcmp(key, "exclude[]") == 0;

	if ((!collect && !exclude) || query->error[0])
		return;

	const int found = value ? collector_find(value) : -1;

	if (found < 0) {
		snprintf(query->error, sizeof(query->error), "%s: there is no collector \"%.64s\"",
		    key, value ? value : "");
		return;
	}
	if (!(query->enabled >> found & 1)) {
		snprintf(query->error, sizeof(query->error), "%s: the collector %s is switched off",
		    key, collectors[found]->name);
		return;
	}
	if (collect) {
		query->collects = true;
		query->collect |= (collector_set)1 << found;
	} else {
		query->excludes = true;
		query->exclude |= (collector_set)1 << found;
	}
}

bool query_finish(struct query *query, collector_set *ret_asked)
{
	if (!query->error[0] && query->collects && query->excludes)
		snprintf(query->error, sizeof(query->error),
		    "collect[] and exclude[] cannot be combined");
	if (query->error[0]) {
		text_make_printable(query->error);
		return false;
	}
	*ret_asked = query->collects ? query->collect : query->enabled & ~query->exclude;
	return true;
}
