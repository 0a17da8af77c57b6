// SPDX-License-Identifier: Apache-2.0
/* The rules about the range and its reserved ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/advice_rules.h"
#include "exporter/answers/port_advice.h"

#define RESERVED "net.ipv4.ip_local_reserved_ports"
#define RANGE "net.ipv4.ip_local_port_range"

/* Ports that are named in a sentence; the command has all. */
#define NAMED 5

/*
 * Both rules that reserve ports name the same, those for the widest range: the setting is one list,
 * and the command of one must not undo that of the other. now: what is reserved so far and stays.
 */
static void set_reserved(
    const struct portset *now, const struct portset *wanted, struct advice *advice)
{
	static const char command[] = "sysctl -w " RESERVED "=";
	const struct settings settings = {.range = {1, PORTS - 1}, .reserved = *now};
	struct text text = {0};

	if (!port_advice_add_command(&text, &settings, wanted))
		return;
	text_add_char(&text, '\0');
	if (text.error)
		advice->finding.error = text.error;
	else if (strncmp(text.data, command, strlen(command)) == 0)
		advice_set(advice, RESERVED, text.data + strlen(command));
	else
		text_add_string(&advice->commands, text.data); /* too long for one write */
	free(text.data);
}

static void name_ports(struct text *text, const struct portset *ports)
{
	struct port_range range;
	unsigned position = 0;

	for (unsigned i = 0; portset_next_range(ports, &position, &range); i++) {
		if (i == NAMED) {
			advice_say(text, " and more");
			return;
		}
		advice_say(text, range.first == range.last ? "%s%u" : "%s%u-%u", i ? ", " : "",
		    range.first, range.last);
	}
}

static void say_nodes(const struct advice_input *input, struct text *text)
{
	if (input->nodes.last == 0)
		return;
	advice_say(text, " NodePorts of Kubernetes are %u-%u%s.", input->nodes.first,
	    input->nodes.last,
	    input->nodes_assumed ? ", its default; --service-node-port-range names others" : "");
}

/* Ports to be kept for services that connect() can take today. */
static struct portset unreserved(const struct advice_input *input)
{
	const struct settings *settings = &input->facts->services.facts.settings;
	struct portset found = {0};

	portset_add_range(&found, settings->range);
	portset_keep(&found, &input->services);
	portset_remove(&found, &settings->reserved);
	return found;
}

/* Ports of units whose service does not listen: a connection can take them at any time. */
static struct portset units_down(const struct advice_input *input, const struct portset *ports)
{
	struct portset down = input->units;

	portset_keep(&down, ports);
	portset_remove(&down, &input->facts->services.tcp);
	portset_remove(&down, &input->facts->services.udp);
	return down;
}

bool advice_find_reserve(const struct advice_input *input, struct advice *advice)
{
	const struct portset ports = unreserved(input);
	const struct portset down = units_down(input, &ports);
	const unsigned count = portset_count(&ports);

	if (count == 0 || input->range.usable_reserved == 0 || input->reserves_too_many)
		return false;
	advice->urgency = portset_count(&down) ? ADVICE_SOON : ADVICE_LATER;
	advice->weight = count;
	advice_say(&advice->finding, "%u port%s of services %s inside the range: ", count,
	    count == 1 ? "" : "s", count == 1 ? "is" : "are");
	name_ports(&advice->finding, &ports);
	advice_say(&advice->finding, ". While a service is down, an outgoing connection can take "
				     "its port. The service then does not start.");
	if (portset_count(&down)) {
		advice_say(&advice->finding, " Enabled socket units name ");
		name_ports(&advice->finding, &down);
		advice_say(&advice->finding, ", where nothing listens now.");
	}
	say_nodes(input, &advice->finding);
	set_reserved(
	    &input->facts->services.facts.settings.reserved, &input->range.reserved, advice);
	advice_say(&advice->effect, "connect() and bind() to port 0 never take these ports.");
	advice->promised = "usable ports of each destination";
	advice->before = input->range.usable;
	advice->after = input->range.usable_reserved;
	return true;
}

bool advice_find_wider_range(const struct advice_input *input, struct advice *advice)
{
	const struct advice_range *range = &input->range;
	const struct port_range now = input->facts->services.facts.settings.range;
	const unsigned size = port_range_size(now);
	struct portset fresh = range->reserved;
	double share = advice_share(input);
	char value[32];

	if (range->usable_wide * 10 < range->usable * 11 || range->usable_wide == 0 ||
	    input->reserves_too_many)
		return false;
	if ((double)input->facts->udp_ports / size > share)
		share = (double)input->facts->udp_ports / size;
	advice->urgency = range->usable == 0 ? ADVICE_NOW : advice_urgency_of(share);
	advice->weight = range->usable_wide - range->usable;
	advice_say(&advice->finding,
	    "The range is %u-%u: each destination can have %u port%s. The widest safe range here "
	    "is "
	    "%u-%u",
	    now.first, now.last, range->usable, range->usable == 1 ? "" : "s", range->range.first,
	    range->range.last);
	portset_remove(&fresh, &input->facts->services.facts.settings.reserved);
	if (portset_count(&fresh)) {
		advice_say(&advice->finding, ", once the ports of services are reserved: ");
		name_ports(&advice->finding, &fresh);
	}
	advice_say(&advice->finding, ".");
	say_nodes(input, &advice->finding);
	set_reserved(
	    &input->facts->services.facts.settings.reserved, &input->range.reserved, advice);
	snprintf(value, sizeof(value), "%u %u", range->range.first, range->range.last);
	advice_set(advice, RANGE, value);
	/* More than ten times as many is no matter of percent. */
	if (range->usable * 10 >= range->usable_wide)
		advice_say(&advice->effect, "%u ports for each destination: %+d %%.",
		    range->usable_wide, (int)(range->usable_wide * 100ul / range->usable) - 100);
	else
		advice_say(&advice->effect, "%u ports for each destination.", range->usable_wide);
	advice->promised = "usable ports of each destination";
	advice->before = range->usable;
	advice->after = range->usable_wide;
	return true;
}

void advice_judge_reserved(struct advice_input *input)
{
	const struct facts *facts = &input->facts->services.facts;
	const struct settings *settings = &facts->settings;
	struct portset needed = settings->reserved;

	/* A reserved port is nobody's by chance: whoever listens there chose it. */
	portset_keep(&needed, &input->facts->services.tcp);
	portset_unite(&needed, &input->services);
	struct portset places = settings->reserved;

	portset_add_range(&places, settings->range);
	portset_keep(&needed, &places);
	input->needed = needed;
	input->usable_needed = advice_range_usable(facts, &needed);
	input->reserves_too_many = portset_count_range(&settings->reserved, settings->range) * 2 >=
				       port_range_size(settings->range) &&
				   input->usable_needed > 2 * input->range.usable &&
				   input->usable_needed > 2 * input->range.usable_wide;
}

bool advice_find_shorter_list(const struct advice_input *input, struct advice *advice)
{
	const struct settings *settings = &input->facts->services.facts.settings;
	const struct portset none = {0};

	if (!input->reserves_too_many)
		return false;
	advice->urgency =
	    input->range.usable == 0 ? ADVICE_NOW : advice_urgency_of(advice_share(input));
	advice->weight = input->usable_needed;
	advice_say(&advice->finding,
	    "ip_local_reserved_ports takes %u of the %u ports of the range. Each destination can "
	    "have "
	    "%u.",
	    portset_count_range(&settings->reserved, settings->range),
	    port_range_size(settings->range), input->range.usable);
	if (portset_count(&input->needed)) {
		advice_say(&advice->finding, " Services need ");
		name_ports(&advice->finding, &input->needed);
		advice_say(&advice->finding, ".");
		set_reserved(&none, &input->needed, advice);
	} else {
		advice_say(&advice->finding, " No service that runs needs any of them.");
		advice_set(advice, RESERVED, "");
	}
	say_nodes(input, &advice->finding);
	advice_say(&advice->effect, "%u ports for each destination.", input->usable_needed);
	advice->promised = "usable ports of each destination";
	advice->before = input->range.usable;
	advice->after = input->usable_needed;
	return true;
}
