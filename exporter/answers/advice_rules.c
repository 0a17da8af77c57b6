// SPDX-License-Identifier: Apache-2.0
/* The rules of `ephemera advise`. docs/advise.md has a section for each. */
#include "exporter/answers/advice_rules.h"

#include <stdio.h>
#include <string.h>

#include "exporter/answers/destinations_json.h"

/* TIME_WAIT's length in the kernel (TCP_TIMEWAIT_LEN). */
#define TIME_WAIT_SECONDS 60

const struct destination_row *advice_fullest(const struct advice_input *input)
{
	const struct destination_rows *rows = input->facts->rows;

	return rows->length ? &rows->list[0] : NULL;
}

void advice_say_destination(struct text *text, const struct destination *destination)
{
	char address[SOCKET_ADDRESS_TEXT];
	char endpoint[SOCKET_ENDPOINT_TEXT];

	socket_address_format(
	    &destination->address, destination->family, destination->interface, address);
	socket_endpoint_format(address, destination->family, destination->port, endpoint);
	advice_say(text, "%s", endpoint);
}

/* ", by OWNER (PORTS)": who has most of the active ports. */
static void say_owner(struct text *text, const struct destination_row *row)
{
	const struct owner_name *most = row->owned.length ? &row->owned.names[0] : NULL;

	if (most && owner_name_is_known(most))
		advice_say(text, " The cgroup %s has most of the open connections: %lu.",
		    most->path, (unsigned long)most->count);
}

/* tw-reuse */

static bool is_loopback(const struct destination *destination)
{
	if (destination->family == SOCKET_IPV6)
		return memcmp(&destination->address, (const unsigned char[16]){[15] = 1}, 16) == 0;
	return ((const unsigned char *)&destination->address)[0] == 127;
}

static bool find_reuse(const struct advice_input *input, struct advice *advice)
{
	const struct destination_row *row = advice_fullest(input);
	const struct settings *settings = &input->facts->services.facts.settings;
	const unsigned capacity = input->facts->rows->capacity;

	if (!row || settings->time_wait_reuse == 1 || settings->time_wait_reuse == SETTING_ABSENT ||
	    input->facts->timestamps == 0 ||
	    (settings->time_wait_reuse == 2 && is_loopback(&row->destination)))
		return false;

	const unsigned waiting = row->destination.ports[PORT_TIME_WAIT];

	if (waiting == 0 || (double)waiting < 0.25 * capacity)
		return false;
	advice->urgency = advice_urgency_of(advice_share(input));
	advice->weight = (double)waiting;
	advice_say(
	    &advice->finding, "TIME_WAIT holds %u of the %u ports towards ", waiting, capacity);
	advice_say_destination(&advice->finding, &row->destination);
	advice_say(&advice->finding, ". tcp_tw_reuse is %d, so connect() must wait 60 s for each.",
	    settings->time_wait_reuse);
	advice_set(advice, "net.ipv4.tcp_tw_reuse", "1");
	advice_say(&advice->effect,
	    "connect() may take over such a port %g s after its connection was closed, if both "
	    "sides had timestamps.",
	    settings->time_wait_reuse_delay_ms / 1000.0);
	advice->promised = "free ports towards it";
	advice->before = capacity > destination_used(&row->destination)
			     ? capacity - destination_used(&row->destination)
			     : 0;
	advice->after = advice->before + waiting;
	return true;
}

/* keep-alive */

static bool find_keep_alive(const struct advice_input *input, struct advice *advice)
{
	const struct destination_row *row = advice_fullest(input);
	const unsigned capacity = input->facts->rows->capacity;

	if (!row)
		return false;

	const unsigned total = destination_total(&row->destination);
	const unsigned waiting = (unsigned)row->destination.ports[PORT_TIME_WAIT] +
				 row->destination.ports[PORT_REUSABLE];

	if (total < 0.1 * capacity || waiting * 2 < total)
		return false;
	advice->urgency = advice_urgency_of(advice_share(input));
	advice->weight = (double)waiting;
	advice_say(&advice->finding, "%u %% of the ports in use towards ", waiting * 100 / total);
	advice_say_destination(&advice->finding, &row->destination);
	advice_say(&advice->finding,
	    " are in TIME_WAIT: %u connections a second were closed there in the last minute.",
	    (waiting + TIME_WAIT_SECONDS - 1) / TIME_WAIT_SECONDS);
	say_owner(&advice->finding, row);
	advice_say(&advice->action,
	    "Let the program keep its connections open and use them again: HTTP keep-alive, or a "
	    "connection pool.");
	advice_say(&advice->effect, "Up to %u ports are free again a minute later.", waiting);
	return true;
}

/* more-addresses */

static bool find_addresses(const struct advice_input *input, struct advice *advice)
{
	const struct destination_row *row = advice_fullest(input);

	if (!row || advice_share(input) < 0.5)
		return false;

	/* Those that are being closed end by themselves. */
	const unsigned open =
	    row->destination.ports[PORT_ACTIVE] - row->unacknowledged - row->unanswered;

	if (open * 2 < destination_total(&row->destination))
		return false;
	advice->urgency = advice_urgency_of(advice_share(input));
	advice->weight = (double)open;
	advice_say(
	    &advice->finding, "%u of the %u ports towards ", open, input->facts->rows->capacity);
	advice_say_destination(&advice->finding, &row->destination);
	advice_say(&advice->finding, " have an open connection.");
	/* The owner of one that is being closed is still known, and may have closed most. */
	if (row->owned.length && row->owned.names[0].count <= open)
		say_owner(&advice->finding, row);
	advice_say(&advice->action,
	    "If the number only rises, the program does not close its connections: restart it. If "
	    "it needs that many, give it another source address (ip address add ADDRESS dev "
	    "DEVICE, and bind() to it with IP_BIND_ADDRESS_NO_PORT), or let the other side listen "
	    "on another address or port. Else limit its pool.");
	advice_say(&advice->effect,
	    "Each further source address has %u ports of its own towards it.",
	    input->facts->rows->capacity);
	advice->promised = "ports towards it";
	advice->before = input->facts->rows->capacity;
	advice->after = 2ul * input->facts->rows->capacity;
	return true;
}

/* bind-no-port */

static bool find_binders(const struct advice_input *input, struct advice *advice)
{
	const struct bound_owned *bound = &input->facts->rows->bound;
	const struct settings *settings = &input->facts->services.facts.settings;
	const unsigned size = port_range_size(settings->range);
	const unsigned held = bound->ports.connected;

	if (held < 10 || held * 100 < size)
		return false;
	advice->urgency = advice_urgency_of((double)held / size);
	advice->weight = held;
	advice_say(&advice->finding,
	    "bind() took %u ports before connect(). Each is lost to all destinations, not to its "
	    "own alone.",
	    held);
	if (bound->length && owner_name_is_known(&bound->names[0]))
		advice_say(&advice->finding, " Most of what bind() holds is in %s: %lu ports.",
		    bound->names[0].path, (unsigned long)bound->names[0].count);
	advice_say(&advice->action,
	    "If the program binds an address and no port, let it set IP_BIND_ADDRESS_NO_PORT on "
	    "the socket before bind(). connect() then chooses the port.");
	advice_say(&advice->effect, "Its next connections take no port from other destinations.");
	advice->promised = "usable ports of each destination";
	advice->before = input->facts->rows->capacity;
	advice->after = (unsigned long)input->facts->rows->capacity + held;
	return true;
}

/* accept-queue */

static bool find_queue(const struct advice_input *input, struct advice *advice)
{
	const struct advice_queue *queue = &input->facts->queue;
	const int most = input->facts->somaxconn;
	char value[16];

	/* It is full with one more than its limit. */
	if (!queue->address || queue->sockets * 2 < queue->limit + 1)
		return false;
	advice->urgency = advice_urgency_of((double)queue->sockets / (double)(queue->limit + 1));
	advice->weight = (double)queue->sockets;
	advice_say(&advice->finding,
	    "%lu connections wait for accept() at %s port %s, where %lu fit. A client whose "
	    "connection does not fit waits a second or more.",
	    queue->sockets, queue->address, queue->port, queue->limit + 1);
	if (most != SETTING_ABSENT && queue->limit >= (unsigned long)most && most < 4096) {
		snprintf(value, sizeof(value), "%d", 4096);
		advice_set(advice, "net.core.somaxconn", value);
		advice_say(&advice->action,
		    "Then restart the program: its queue gets the new limit at listen(), up to the "
		    "backlog that it asks for. If the queue stays full, it does not call accept() "
		    "fast enough.");
		advice_say(&advice->effect, "Up to %s connections can wait.", value);
	} else {
		advice_say(&advice->action,
		    "Let the program call accept() faster, or give listen() a bigger backlog than "
		    "%lu.",
		    queue->limit);
		advice_say(
		    &advice->effect, "A burst of clients waits in the queue and is not dropped.");
	}
	return true;
}

/* time-wait-table */

static bool find_table(const struct advice_input *input, struct advice *advice)
{
	const struct advice_facts *facts = input->facts;
	char value[24];

	if (facts->time_wait_limit == 0 || facts->time_wait * 5 < facts->time_wait_limit * 4)
		return false;
	advice->urgency = facts->time_wait >= facts->time_wait_limit ? ADVICE_NOW : ADVICE_SOON;
	advice->weight = (double)facts->time_wait;
	advice_say(&advice->finding,
	    "%lu sockets are in TIME_WAIT, and tcp_max_tw_buckets allows %lu. Above it connections "
	    "skip TIME_WAIT, and late packets of one can get into the next.",
	    facts->time_wait, facts->time_wait_limit);
	snprintf(value, sizeof(value), "%lu", facts->time_wait_limit * 4);
	advice_set(advice, "net.ipv4.tcp_max_tw_buckets", value);
	advice_say(&advice->effect, "Four times as many can be in TIME_WAIT.");
	advice->promised = "sockets that can be in TIME_WAIT";
	advice->before = facts->time_wait_limit;
	advice->after = facts->time_wait_limit * 4;
	return true;
}

const struct advice_rule advice_rules[] = {
    {"tw-reuse", "Let connect() reuse ports in TIME_WAIT",
	"Few: timestamps keep old packets apart. It gains nothing where either side has none.",
	find_reuse},
    {"keep-alive", "Keep connections open",
	"Idle connections cost a little memory on both sides. Let the server keep them for longer "
	"than the client does.",
	find_keep_alive},
    {"more-addresses", "Use more addresses, or fewer connections",
	"The other side sees a new address: firewalls and allow lists must know it.",
	find_addresses},
    {"fin-timeout", "Wait less for the other side to close",
	"Few: no process reads what the other side still sends.", advice_find_fin_timeout},
    {"orphan-retries", "Give up sooner on closed connections without an answer",
	"The last data of a connection is lost if the other side is away for longer. It holds for "
	"all connections of this host.",
	advice_find_orphan_retries},
    {"snat-ports", "Give source NAT more ports",
	"Firewalls that know the old ports or addresses must know the new ones.",
	advice_find_snat_ports},
    {"snat-timeout", "Forget silent connections of source NAT sooner",
	"A connection that is silent for longer than a day breaks, unless its ends send "
	"keep-alives.",
	advice_find_snat_timeout},
    {"reserved-list", "Shorten the list of reserved ports",
	"Somebody reserved them: ask why. A service that is down now can lose its port.",
	advice_find_shorter_list},
    {"wider-range", "Widen the range",
	"A service that is down now, and is not in the list of reserved ports, can find its port "
	"taken at its next start.",
	advice_find_wider_range},
    {"reserve", "Reserve the ports of services",
	"None for running programs: bind() to these ports by number still works.",
	advice_find_reserve},
    {"bind-no-port", "Bind an address without a port",
	"getsockname() shows no port between bind() and connect().", find_binders},
    {"accept-queue", "Make room in the accept queue",
	"A longer queue hides a slow program: watch it.", find_queue},
    {"time-wait-table", "Enlarge the TIME_WAIT table", "Each takes about 0.3 KiB of kernel memory.",
	find_table},
    {"conntrack-table", "Enlarge the table of connection tracking",
	"Each entry takes some hundred bytes of kernel memory. The hash table stays as it is: with "
	"many more entries than nf_conntrack_buckets each packet costs more.",
	advice_find_conntrack_table},
};

const size_t advice_rules_length = sizeof(advice_rules) / sizeof(advice_rules[0]);
