/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADVICE_H
#define EPHEMERA_ADVICE_H

/*
 * What to do on this host, in order of what matters. Each piece of advice comes of one rule, a row
 * of the table in advice_rules.c.
 */

#include "collectors/views/advice_facts.h"
#include "exporter/base/json.h"
#include "exporter/base/text.h"

enum advice_urgency {
	ADVICE_NOW,   /* calls fail, or nearly */
	ADVICE_SOON,  /* half of what there is, is used up */
	ADVICE_LATER, /* nothing is short; it prevents a failure */
	ADVICE_URGENCIES
};

/* "now", "soon", "later" */
const char *advice_urgency_name(enum advice_urgency urgency);

#define ADVICE_SETTINGS_MAX 2

struct advice_setting {
	const char *name; /* such as "net.ipv4.tcp_tw_reuse" */
	struct text value;
};

struct advice {
	const char *rule;  /* such as "tw-reuse" */
	const char *title; /* what to do, in a few words */
	enum advice_urgency urgency;
	double weight;	     /* among those of one urgency, the most first */
	struct text finding; /* what was found, with figures, and why that matters */
	struct text action;  /* what to do, in words; empty if the settings say it */
	struct text effect;  /* what it changes */
	const char *risk;
	size_t settings_length; /* sysctls, in the order in which they are to be set */
	struct advice_setting settings[ADVICE_SETTINGS_MAX];
	/* The settings as commands, a line each, where they are not "sysctl -w NAME=VALUE". */
	struct text commands;
	/* What the figure `promised` is now, and what it will be; NULL: nothing is promised. */
	const char *promised;
	unsigned long before;
	unsigned long after;
};

struct advice_list {
	size_t length;
	struct advice *list; /* the most urgent first */
};

/*
 * units: see socket_units.h. Returns 0 or -ENOMEM. The caller frees the list with
 * advice_list_free(); it refers to facts, which must outlive it.
 */
int advice_find(
    const struct advice_facts *facts, const struct portset *units, struct advice_list *ret_list);
void advice_list_free(struct advice_list *list);

/* For people. elsewhere: of another network namespace than the one people think they are in. */
void advice_print(const struct advice_list *list, bool elsewhere, int width);

/* Adds "findings" to object. */
void advice_json_add(struct json *object, const struct advice_list *list);

#endif
