// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of a log, which anything may have written: the first byte is how many bytes are handed over
 * at once. What is found is written as JSON, and found again in that.
 */
#include <stdlib.h>
#include <string.h>

#include "exporter/answers/lease_search.h"
#include "fuzz.h"

#define LIMIT 3

static struct lease_search *start(const struct lease_search_options *options)
{
	struct lease_search *search = lease_search_new(options);

	FUZZ_CHECK(search);
	return search;
}

static void check_text(const char *text, size_t most)
{
	FUZZ_CHECK(!text || strlen(text) <= most);
}

static void check_lease(const struct lease *lease, const struct lease_search_options *options)
{
	struct json_writer writer = {.is_first = true};
	struct lease_search *search = start(options);
	struct lease_answer again;

	FUZZ_CHECK(lease->from >= 0 && lease->from <= lease->until);
	FUZZ_CHECK(portset_has(&options->ports, lease->source_port));
	check_text(lease->source, SOCKET_ADDRESS_TEXT - 1);
	check_text(lease->destination, SOCKET_ADDRESS_TEXT - 1);
	check_text(lease->process, LEASE_TEXT_MAX);
	check_text(lease->cgroup, LEASE_TEXT_MAX);
	json_writer_open(&writer, NULL, '{');
	lease_json_add(&writer, lease);
	json_writer_close(&writer, '}');
	text_add_char(&writer.text, '\0');
	FUZZ_CHECK(writer.text.error == 0 && fuzz_is_printable(writer.text.data));
	FUZZ_CHECK(lease_search_feed(search, writer.text.data, writer.text.length - 1) == 0);
	FUZZ_CHECK(lease_search_finish(search, &again) == 0);
	/* U+FFFD is longer than the byte that it stands for. */
	FUZZ_CHECK(again.leases == 1 || !fuzz_is_utf8(lease->source) ||
		   !fuzz_is_utf8(lease->destination) || writer.text.length > LEASE_TEXT_MAX);
	lease_search_free(search);
	free(writer.text.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* 2026-11-29T12:03Z, a minute; ports that end in an even digit. */
	struct lease_search_options options = {
	    .at = {1795953780 * MOMENT_SECOND, 1795953840 * MOMENT_SECOND}, .limit = LIMIT};
	const size_t step = size ? (size_t)data[0] + 1 : 1;
	char *bytes = fuzz_bytes(data, size);
	struct lease_search *search;
	struct lease_answer answer;
	size_t lines = 1;

	for (unsigned port = 0; port <= UINT16_MAX; port += 2)
		portset_add(&options.ports, (uint16_t)port);
	search = start(&options);
	for (size_t at = 1; at < size; at += step) {
		const size_t left = size - at;

		FUZZ_CHECK(lease_search_feed(search, bytes + at, left < step ? left : step) == 0);
	}
	for (size_t i = 1; i < size; i++)
		lines += bytes[i] == '\n';
	FUZZ_CHECK(lease_search_finish(search, &answer) == 0);
	FUZZ_CHECK(answer.leases + answer.skipped <= lines);
	FUZZ_CHECK(answer.length <= LIMIT && answer.length + answer.others <= answer.leases);
	FUZZ_CHECK(answer.leases == 0 || answer.has_lines);
	FUZZ_CHECK(!answer.has_lines || answer.first <= answer.last);
	for (size_t i = 0; i < answer.length; i++)
		check_lease(answer.list[i], &options);
	if (answer.before)
		check_lease(answer.before, &options);
	if (answer.after)
		check_lease(answer.after, &options);
	lease_search_free(search);
	free(bytes);
	return 0;
}
