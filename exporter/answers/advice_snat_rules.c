// SPDX-License-Identifier: Apache-2.0
/* The rules of `ephemera advise` for pools of source NAT. */
#include <stdio.h>

#include "collectors/views/snat_rows.h"
#include "exporter/answers/advice_rules.h"

/* From this chance on a pool is full in effect: the alert SnatPortsFull goes by the same. */
#define LOSS_NOW 0.1

/* A day is well above the clients' keep-alive, two hours by default. */
#define ESTABLISHED_SECONDS 86400

/* nf_nat_l4proto_unique_tuple() in net/netfilter/nf_nat_core.c: without ports in the rule. */
#define WIDEST ((struct port_range){1024, 65535})

/* Of a bigger range the kernel tries 248 ports at most. */
#define TRIED_ALL 128

static void say_pool(struct text *text, const struct snat_rows *rows, const struct snat_row *row)
{
	char source[SOCKET_ADDRESS_TEXT];
	char client[SOCKET_ADDRESS_TEXT];
	const enum socket_family family = row->pool.family;

	socket_address_format(&row->pool.source, family, 0, source);
	advice_say(text, "%u of the %u ports of the SNAT address %s towards ",
	    destination_used(&row->pool), port_range_size(rows->range), source);
	advice_say_destination(text, &row->pool);
	advice_say(text, " (%s) are taken.", socket_protocol_name(row->protocol));
	if (row->loss >= 1)
		advice_say(text, " No new connection gets one.");
	else if (row->loss > 0)
		advice_say(text,
		    " %.3g %% of new connections find none, and lose their first packet.",
		    row->loss * 100);
	if (row->clients_length == 0)
		return;
	socket_address_format(&row->clients[0].address, family, 0, client);
	advice_say(text, " The client %s has most of them: %lu.", client, row->clients[0].ports);
}

static void say_wider(const struct snat_rows *rows, struct advice *advice)
{
	advice_say(&advice->action,
	    "Take the ports out of the rule of source NAT, or name more of them: without ports it "
	    "chooses from %u to %u. The command shows the rules.",
	    WIDEST.first, WIDEST.last);
	advice_say(
	    &advice->effect, "New connections have the new ports as soon as the rule is loaded.");
	advice->promised = "ports of a SNAT address towards it";
	advice->before = port_range_size(rows->range);
	advice->after = port_range_size(WIDEST);
}

/* The fullest pool, if it has next to no port left; or NULL. */
static const struct snat_row *full_pool(const struct advice_input *input)
{
	const struct snat_rows *rows = input->facts->snat;
	const struct snat_row *row = rows && rows->length ? &rows->list[0] : NULL;

	return row && (row->share >= SNAT_NEARLY_FULL || row->loss >= LOSS_NOW) ? row : NULL;
}

bool advice_find_snat_ports(const struct advice_input *input, struct advice *advice)
{
	const struct snat_rows *rows = input->facts->snat;
	const struct snat_row *row = full_pool(input);

	if (!row)
		return false;
	advice->urgency = ADVICE_NOW;
	advice->weight = (double)destination_used(&row->pool);
	say_pool(&advice->finding, rows, row);
	if (rows->remark)
		advice_say(&advice->finding,
		    " The range is assumed: `ephemera destinations --snat` says why.");
	text_add_string(&advice->commands, "nft list ruleset | grep -niE 'masquerade|snat'");
	if (port_range_size(rows->range) < port_range_size(WIDEST)) {
		say_wider(rows, advice);
	} else {
		advice_say(&advice->action, "Name more addresses in the rule of source NAT (snat "
					    "to FIRST-LAST). The command "
					    "shows the rules.");
		advice_say(&advice->effect,
		    "Each address has all ports. One client keeps to one address of them.");
	}
	if (port_range_size(rows->range) > TRIED_ALL)
		advice_say(&advice->action, " If the rule lacks fully-random, add it: with it, "
					    "fewer packets are lost before "
					    "the range is full.");
	return true;
}

bool advice_find_snat_timeout(const struct advice_input *input, struct advice *advice)
{
	const struct snat_row *row = full_pool(input);
	const int timeout = input->facts->established_timeout;
	char value[16];

	if (!row || row->protocol != SOCKET_TCP || timeout <= ESTABLISHED_SECONDS)
		return false;
	advice->urgency = ADVICE_SOON;
	advice->weight = (double)destination_used(&row->pool);
	advice_say(&advice->finding,
	    "A connection whose ends are gone without a word keeps its port of source NAT for %.3g "
	    "days (nf_conntrack_tcp_timeout_established, %d s). Ports are short towards ",
	    (double)timeout / ESTABLISHED_SECONDS, timeout);
	advice_say_destination(&advice->finding, &row->pool);
	advice_say(&advice->finding, ".");
	snprintf(value, sizeof(value), "%d", ESTABLISHED_SECONDS);
	advice_set(advice, "net.netfilter.nf_conntrack_tcp_timeout_established", value);
	advice_say(&advice->effect, "A connection has the new timeout from its next packet on. "
				    "Those that are gone keep the "
				    "old one. conntrack -D -p tcp --orig-src CLIENT "
				    "--orig-dst DESTINATION deletes them, and breaks "
				    "those that are in use.");
	advice->promised = "seconds that a silent connection keeps its port";
	advice->before = (unsigned long)timeout;
	advice->after = ESTABLISHED_SECONDS;
	return true;
}
