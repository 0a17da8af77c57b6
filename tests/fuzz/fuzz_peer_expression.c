// SPDX-License-Identifier: Apache-2.0
/* How people write peers and states. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/peer_expression.h"
#include "fuzz.h"

/* Written again, it is the same, and its own address fits. */
static void check(const struct peer_term *term)
{
	const unsigned all = term->family == SOCKET_IPV6 ? 128 : 32;
	const uint16_t port = term->has_ports ? term->ports.first : 7;
	struct peer_filter alone = {.length = 1, .terms = {*term}};
	struct peer_filter again;
	char address[INET6_ADDRSTRLEN];
	char written[128] = "";

	FUZZ_CHECK(term->has_address || term->has_ports);
	FUZZ_CHECK(term->bits <= all);
	FUZZ_CHECK(
	    !term->has_ports || (term->ports.first >= 1 && term->ports.first <= term->ports.last));
	FUZZ_CHECK(peer_filter_has(&alone, term->family, &term->address, port));
	if (term->has_address) {
		FUZZ_CHECK(inet_ntop(all == 128 ? AF_INET6 : AF_INET, term->address.bytes, address,
		    sizeof(address)));
		snprintf(written, sizeof(written), "%s%s/%u%s", all == 128 ? "[" : "", address,
		    term->bits, all == 128 ? "]" : "");
	}
	if (term->has_ports)
		snprintf(written + strlen(written), sizeof(written) - strlen(written), ":%u-%u",
		    term->ports.first, term->ports.last);
	FUZZ_CHECK(!peer_expression_parse(written, &again));
	FUZZ_CHECK(again.length == 1 && again.terms[0].bits == term->bits &&
		   again.terms[0].family == term->family &&
		   memcmp(&again.terms[0].address, &term->address, sizeof(term->address)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);
	struct peer_filter filter = {0};
	struct state_set states = {{0}};

	if (!peer_expression_parse(text, &filter)) {
		FUZZ_CHECK(filter.length >= 1 && filter.length <= PEER_TERMS_MAX);
		for (size_t i = 0; i < filter.length; i++)
			check(&filter.terms[i]);
	}
	if (!state_expression_parse(text, &states))
		FUZZ_CHECK(states.of[SOCKET_TCP] || states.of[SOCKET_UDP]);
	free(text);
	return 0;
}
