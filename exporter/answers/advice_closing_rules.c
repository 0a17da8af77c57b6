// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of `ephemera advise` for connections that their program has closed, and the other side
 * has not: they hold ports, and no process has them.
 */
#include <stdio.h>

#include "exporter/answers/advice_rules.h"

/* What is advised. Who sets less had a reason. */
#define FIN_TIMEOUT_SECONDS 15
#define ORPHAN_RETRIES 5

/* tcp_orphan_retries() in net/ipv4/tcp_timer.c: what 0 stands for. */
#define ORPHAN_RETRIES_DEFAULT 8

/* They are worth a word if they are a tenth of all ports. Returns the row, or NULL. */
static const struct destination_row *row_with(
    const struct advice_input *input, unsigned (*count)(const struct destination_row *row))
{
	const struct destination_row *row = advice_fullest(input);
	const unsigned found = row ? count(row) : 0;

	return found && found * 10 >= input->facts->rows->capacity ? row : NULL;
}

static void begin(const struct advice_input *input, const struct destination_row *row,
    unsigned count, struct advice *advice)
{
	advice->urgency = advice_urgency_of(advice_share(input));
	advice->weight = (double)count;
	advice_say(
	    &advice->finding, "%u of the %u ports towards ", count, input->facts->rows->capacity);
	advice_say_destination(&advice->finding, &row->destination);
	advice_say(&advice->finding,
	    " belong to connections that are being closed, and no process has them any more: ");
}

/* fin-timeout */

static unsigned unanswered(const struct destination_row *row)
{
	return row->unanswered;
}

bool advice_find_fin_timeout(const struct advice_input *input, struct advice *advice)
{
	const struct destination_row *row = row_with(input, unanswered);
	const int timeout = input->facts->services.facts.settings.fin_timeout_seconds;
	char value[16];

	if (!row)
		return false;
	begin(input, row, row->unanswered, advice);
	advice_say(
	    &advice->finding, "the program has closed them, the other side has not (FIN_WAIT2).");
	if (timeout != SETTING_ABSENT)
		advice_say(&advice->finding, " Each ends after tcp_fin_timeout, %d s.", timeout);
	advice_say(&advice->action,
	    "Find out why the other side does not close when it reads the end of a connection. "
	    "More source addresses would only hide it.");
	if (timeout <= FIN_TIMEOUT_SECONDS) {
		advice_say(&advice->effect, "FIN_WAIT2 ends when the other side closes.");
		return true;
	}
	snprintf(value, sizeof(value), "%d", FIN_TIMEOUT_SECONDS);
	advice_set(advice, "net.ipv4.tcp_fin_timeout", value);
	advice_say(&advice->effect,
	    "A connection that is closed from now on gives its port back after %s s. Those of now "
	    "keep their time.",
	    value);
	advice->promised = "seconds until such a port is free";
	advice->before = (unsigned long)timeout;
	advice->after = FIN_TIMEOUT_SECONDS;
	return true;
}

/* orphan-retries */

static unsigned unacknowledged(const struct destination_row *row)
{
	return row->unacknowledged;
}

/*
 * tcp_model_timeout() in net/ipv4/tcp_timer.c: it begins with TCP_RTO_MIN, 200 ms, and doubles it
 * up to TCP_RTO_MAX, 120 s, which are 9 times.
 */
static unsigned long retries_seconds(int retries)
{
	const int doubled = retries < 9 ? retries : 9;

	return ((2ul << doubled) - 1) / 5 + 120ul * (unsigned)(retries - doubled);
}

bool advice_find_orphan_retries(const struct advice_input *input, struct advice *advice)
{
	const struct destination_row *row = row_with(input, unacknowledged);
	const int set = input->facts->orphan_retries;
	const int retries = set ? set : ORPHAN_RETRIES_DEFAULT;
	char value[16];

	if (!row)
		return false;
	begin(input, row, row->unacknowledged, advice);
	advice_say(&advice->finding,
	    "the program has closed them, and the other side has not acknowledged that (FIN_WAIT1, "
	    "CLOSING or LAST_ACK).");
	if (set >= 0)
		advice_say(&advice->finding,
		    " The kernel gives up after it has sent again %d times, in %lu s or more.",
		    retries, retries_seconds(retries));
	advice_say(&advice->action,
	    "Find out why the other side does not answer: it is down, a firewall drops its "
	    "packets, or it does not read. More source addresses would only hide it.");
	if (retries <= ORPHAN_RETRIES) {
		advice_say(&advice->effect, "They end when the other side answers.");
		return true;
	}
	snprintf(value, sizeof(value), "%d", ORPHAN_RETRIES);
	advice_set(advice, "net.ipv4.tcp_orphan_retries", value);
	advice_say(&advice->effect,
	    "The kernel gives up sooner, also on connections of now. One whose other side answers, "
	    "and does not read, takes longer.");
	advice->promised = "seconds until such a port is free, at least";
	advice->before = retries_seconds(retries);
	advice->after = retries_seconds(ORPHAN_RETRIES);
	return true;
}
