/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_ADVICE_RULES_H
#define EPHEMERA_ADVICE_RULES_H

/* The rules that advice comes of. Only advice*.c use it. */

#include "exporter/answers/advice.h"
#include "exporter/answers/advice_range.h"

/* What a rule goes by. */
struct advice_input {
	const struct advice_facts *facts;
	struct portset units;	   /* of socket_units.h */
	struct portset services;   /* all ports to keep for services, those of units included */
	struct port_range nodes;   /* NodePorts; 0-0: none */
	bool nodes_assumed;	   /* no flag names them: they are Kubernetes' default */
	struct advice_range range; /* for those services */
	/* The reserved ports take most of the range, though services need few of them. */
	bool reserves_too_many;
	struct portset needed;	/* then: those that services need */
	unsigned usable_needed; /* and the ports of each destination, with them alone */
};

struct advice_rule {
	const char *name;
	const char *title;
	const char *risk;
	/* Whether it applies; then it has filled advice, which was zeroed. */
	bool (*find)(const struct advice_input *input, struct advice *advice);
};

extern const struct advice_rule advice_rules[];
extern const size_t advice_rules_length;

/* Sets the last three of input, from what is before them. */
void advice_judge_reserved(struct advice_input *input);

/* Those of the range are in advice_range_rules.c. The first rules out the other two for now. */
bool advice_find_wider_range(const struct advice_input *input, struct advice *advice);
bool advice_find_shorter_list(const struct advice_input *input, struct advice *advice);
bool advice_find_reserve(const struct advice_input *input, struct advice *advice);

/* Those of connections that are being closed are in advice_closing_rules.c. */
bool advice_find_fin_timeout(const struct advice_input *input, struct advice *advice);
bool advice_find_orphan_retries(const struct advice_input *input, struct advice *advice);

/* Those of source NAT are in advice_snat_rules.c. */
bool advice_find_snat_ports(const struct advice_input *input, struct advice *advice);
bool advice_find_snat_timeout(const struct advice_input *input, struct advice *advice);

/* In advice_conntrack_rule.c. */
bool advice_find_conntrack_table(const struct advice_input *input, struct advice *advice);

/* The fullest destination, or NULL. */
const struct destination_row *advice_fullest(const struct advice_input *input);

/* Adds "ADDRESS:PORT". */
void advice_say_destination(struct text *text, const struct destination *destination);

/* Adds a sentence, at most 511 bytes. What must not reach a terminal becomes question marks. */
__attribute__((format(printf, 2, 3))) void advice_say(struct text *text, const char *format, ...);

/* Adds a setting to advice. name: static. */
void advice_set(struct advice *advice, const char *name, const char *value);

/* How urgent it is when that share of something is used up. */
enum advice_urgency advice_urgency_of(double share);

/* The share of its ports that the fullest destination has used up. */
double advice_share(const struct advice_input *input);

#endif
