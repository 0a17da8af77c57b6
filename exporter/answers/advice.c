// SPDX-License-Identifier: Apache-2.0
#include "exporter/answers/advice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/answers/advice_rules.h"
#include "exporter/answers/destinations_json.h"

/* kube-apiserver's default of --service-node-port-range. */
#define NODE_PORTS ((struct port_range){30000, 32767})

const char *advice_urgency_name(enum advice_urgency urgency)
{
	static const char *const names[ADVICE_URGENCIES] = {"now", "soon", "later"};

	return names[urgency];
}

void advice_say(struct text *text, const char *format, ...)
{
	char piece[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	text_make_printable(piece); /* others name cgroups and interfaces */
	text_add_string(text, piece);
}

void advice_set(struct advice *advice, const char *name, const char *value)
{
	struct advice_setting *setting = &advice->settings[advice->settings_length++];

	setting->name = name;
	text_add_string(&setting->value, value);
}

enum advice_urgency advice_urgency_of(double share)
{
	return share >= 0.9 ? ADVICE_NOW : share >= 0.5 ? ADVICE_SOON : ADVICE_LATER;
}

double advice_share(const struct advice_input *input)
{
	const struct destination_rows *rows = input->facts->rows;

	return rows->length ? destination_share(&rows->list[0].destination, rows->capacity) : 0;
}

static void find_services(struct advice_input *input)
{
	const struct advice_facts *facts = input->facts;
	const struct settings *settings = &facts->services.facts.settings;
	struct portset inside = {0};

	/* A listener in the range may have got its port from the kernel: then any other will do. */
	input->services = facts->services.tcp;
	portset_add_range(&inside, settings->range);
	portset_remove(&input->services, &inside);
	for (size_t i = 0; facts->listeners && i < facts->listeners->length; i++)
		if (facts->listeners->answers[i].has_lasting_listener)
			portset_add(&input->services, facts->listeners->answers[i].port);
	portset_unite(&input->services, &facts->services.udp);
	portset_unite(&input->services, &input->units);
	input->nodes = settings->node_ports;
	if (input->nodes.last == 0 && facts->is_node) {
		input->nodes = NODE_PORTS;
		input->nodes_assumed = true;
	}
	if (input->nodes.last)
		portset_add_range(&input->services, input->nodes);
	input->range = advice_range_find(&facts->services.facts, &input->services);
	advice_judge_reserved(input);
}

static void release(struct advice *advice)
{
	free(advice->finding.data);
	free(advice->action.data);
	free(advice->effect.data);
	free(advice->commands.data);
	for (size_t i = 0; i < advice->settings_length; i++)
		free(advice->settings[i].value.data);
}

/* Ends the texts in NUL. Returns 0 or -ENOMEM. */
static int complete(struct advice *advice)
{
	struct text *const texts[] = {
	    &advice->finding, &advice->action, &advice->effect, &advice->commands};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		text_add_char(texts[i], '\0');
		if (texts[i]->error)
			return texts[i]->error;
	}
	for (size_t i = 0; i < advice->settings_length; i++) {
		text_add_char(&advice->settings[i].value, '\0');
		if (advice->settings[i].value.error)
			return advice->settings[i].value.error;
	}
	return 0;
}

static int compare(const void *first, const void *second)
{
	const struct advice *a = first;
	const struct advice *b = second;

	if (a->urgency != b->urgency)
		return a->urgency < b->urgency ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return 0;
}

int advice_find(
    const struct advice_facts *facts, const struct portset *units, struct advice_list *ret_list)
{
	struct advice_input input = {.facts = facts, .units = *units};
	struct advice_list list = {.list = calloc(advice_rules_length, sizeof(*list.list))};
	int result = list.list ? 0 : -ENOMEM;

	if (result == 0)
		find_services(&input);
	for (size_t i = 0; i < advice_rules_length && result == 0; i++) {
		struct advice *advice = &list.list[list.length];

		if (!advice_rules[i].find(&input, advice))
			continue;
		list.length++;
		advice->rule = advice_rules[i].name;
		advice->title = advice_rules[i].title;
		advice->risk = advice_rules[i].risk;
		result = complete(advice);
	}
	if (result < 0) {
		advice_list_free(&list);
		return result;
	}
	qsort(list.list, list.length, sizeof(*list.list), compare);
	*ret_list = list;
	return 0;
}

void advice_list_free(struct advice_list *list)
{
	for (size_t i = 0; i < list->length; i++)
		release(&list->list[i]);
	free(list->list);
}
