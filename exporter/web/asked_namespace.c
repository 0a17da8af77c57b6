// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/asked_namespace.h"

#include <stdio.h>
#include <string.h>

#include "exporter/answers/namespaces_text.h"
#include "exporter/base/number.h"

#define LISTED 5 /* of those that are called alike */
#define NAMES_SIZE 400

/* PID_MAX_LIMIT of linux/threads.h. The inodes of namespaces are far beyond. */
#define PID_MAX 4194304ul

const char *asked_namespace_parse(const struct site *site, const char *value, struct route *route)
{
	if (!site->api_is_guarded)
		return "namespace: only this network namespace is known; start the exporter with "
		       "--namespaces=all to ask another";
	if (!value || !*value || strlen(value) >= sizeof(route->namespace))
		return "namespace must be a name, POD, NAMESPACE/POD or an inode's number";
	if (strcmp(value, "all") == 0)
		return "namespace=all: the API answers for one network namespace; "
		       "/api/v1/namespaces lists all with their fullest destinations";
	snprintf(route->namespace, sizeof(route->namespace), "%s", value);
	return NULL;
}

/* Which there are, with the numbers that tell them apart. */
static struct answer say_several(
    const char *name, const struct netns *const *list, size_t length, size_t matches)
{
	char names[NAMES_SIZE] = "";

	for (size_t i = 0; i < length; i++) {
		const struct namespace_row row = namespace_row_of(list[i]);
		const size_t used = strlen(names);
		char title[NAMESPACE_TITLE];

		namespace_title(&row, title);
		snprintf(names + used, sizeof(names) - used, "%s%.60s (%u)", used ? ", " : "",
		    title, row.inode);
	}
	return answer_error(true, 400, "several pods are called \"%.100s\": %s%s", name, names,
	    matches > length ? ", ..." : "");
}

static struct answer say_none(const char *name)
{
	unsigned long number;

	if (number_parse(name, 1, PID_MAX, &number))
		return answer_error(true, 404,
		    "no network namespace is called \"%s\", and the API cannot look a process up; "
		    "give the inode's number that \"readlink /proc/%lu/ns/net\" prints",
		    name, number);
	return answer_error(true, 404,
	    "no network namespace and no pod is called \"%.100s\"; /api/v1/namespaces lists them",
	    name);
}

struct answer asked_namespace_unknown(void)
{
	return answer_unavailable(
	    true, "other network namespaces cannot be read any more: the log says why");
}

const struct netns *asked_namespace_find(
    const struct route *route, const struct scrape_result *result, struct answer *ret_answer)
{
	const struct netns_asked *asked = asked_list_find(result->namespaces, route->namespace);
	const struct netns *list[LISTED];
	size_t matches;

	if (!asked) {
		*ret_answer = answer_unavailable(true,
		    "requests at the same time ask for too many different network namespaces");
		return NULL;
	}
	if (!result->gathering.has_namespaces) {
		*ret_answer = asked_namespace_unknown();
		return NULL;
	}
	if (asked->found)
		return asked->found;
	matches =
	    namespaces_match(gatherer_namespaces(result->gatherer), route->namespace, list, LISTED);
	if (matches > 1)
		*ret_answer = say_several(
		    route->namespace, list, matches < LISTED ? matches : LISTED, matches);
	else if (matches == 1)
		*ret_answer = answer_unavailable(true, "it came while the exporter looked");
	else
		*ret_answer = say_none(route->namespace);
	return NULL;
}
