// SPDX-License-Identifier: Apache-2.0
/* What help says of one command, and what is said of a word that is not known. */
#include "exporter/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/commands/flags.h"
#include "parse_options.h"
#include "unit.h"

static char *help_of(const char *command)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	options_help_command(file, command_find(command));
	fclose(file);
	return text;
}

static void help_is_asked_for_in_three_ways(void **state)
{
	(void)state;
	assert_result(PARSE("help"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_null(options.about);
	assert_result(PARSE("help", "trace"), 0);
	assert_ptr_equal(options.about, command_find("trace"));
	assert_result(PARSE("trace", "--help"), 0);
	assert_ptr_equal(options.command, &help_command);
	assert_ptr_equal(options.about, command_find("trace"));
	assert_result(PARSE("trace", "-h", "nonsense"), 0);
	assert_ptr_equal(options.about, command_find("trace"));
	assert_result(PARSE("help", "--help"), 0);
	assert_null(options.about);
	assert_refused(PARSE("help", "nonsense"), "unknown command", "nonsense");
	assert_refused(PARSE("help", "trace", "port"), "one command", "port");
	assert_refused(PARSE("help", "--json"), "--json", NULL);
}

static void the_version_has_a_short_flag(void **state)
{
	(void)state;
	assert_result(PARSE("-V"), 0);
	assert_ptr_equal(options.command, &version_command);
	assert_result(PARSE("port", "80", "-V"), 0);
	assert_ptr_equal(options.command, &version_command);
	assert_refused(PARSE("-v"), "-v", NULL);
}

static void a_command_has_its_own_flags_alone(void **state)
{
	(void)state;
	for (size_t i = 1; i < commands_length; i++) {
		char *text = help_of(commands[i]->name);

		for (size_t j = 0; j < flags_length; j++) {
			char name[64];

			snprintf(name, sizeof(name), "  --%s%s", flags[j].name,
			    flags[j].value ? "=" : "\n");
			if (commands[i]->takes_flags && flags[j].commands &&
			    flag_is_of(&flags[j], commands[i]->name))
				assert_non_null(strstr(text, name));
			else
				assert_null(strstr(text, name));
		}
		assert_non_null(strstr(text, "\nExamples:\n"));
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			if (strlen(line) > 80)
				fail_msg("%zu columns: %s", strlen(line), line);
		free(text);
	}
}

static void a_flag_says_what_it_does_for_the_command(void **state)
{
	char *text = help_of("port");

	(void)state;
	assert_non_null(
	    strstr(text, "--watch\n      print changes, with the time; until Ctrl-C\n"));
	assert_non_null(strstr(text, "maximum paragraphs of each port"));
	assert_null(strstr(text, "maximum rows"));
	assert_null(strstr(text, "--buffer"));
	free(text);
	text = help_of("advise");
	assert_non_null(strstr(text, "ephemera_range_node_ports, port and advise\n"));
	free(text);
	text = help_of("namespaces");
	assert_non_null(strstr(text, "--limit=N\n      maximum rows (default 20)\n"));
	assert_non_null(strstr(text, "--watch\n      refresh every second\n"));
	free(text);
}

static void the_word_that_was_meant_is_named(void **state)
{
	(void)state;
	assert_refused(PARSE("prot"), "\"prot\"", "did you mean \"port\"?");
	assert_refused(PARSE("port", "80", "--limt=1"), "--limt", "did you mean --limit?");
	assert_refused(PARSE("--colector.owners"), "--colector.owners", "mean --collector.owners?");
	assert_refused(
	    PARSE("--no-collector.owner"), "--no-collector.owner", "mean --no-collector.owners?");
	assert_refused(PARSE("--verson"), "--verson", "mean --version?");
	/* Not one of another command. */
	assert_refused(PARSE("metrics", "--resolv"), "--resolv", "see --help");
	assert_refused(PARSE("nonsense"), "nonsense", "see --help");
}

static void two_flags_that_are_nearly_alike_are_told_apart(void **state)
{
	(void)state;
	assert_refused(PARSE("port", "80", "--namespaces=all"), "--namespaces is a flag of",
	    "did you mean --namespace?");
	assert_refused(
	    PARSE("--namespace=all"), "--namespace is a flag of", "did you mean --namespaces?");
	assert_refused(PARSE("--resolve"), "--resolve", "\"ephemera destinations\"");
	assert_null(strstr(error, "did you mean"));
}

static void the_commands_of_a_flag_are_listed(void **state)
{
	(void)state;
	assert_refused(PARSE("metrics", "--watch"), "--watch is a flag of",
	    "\"ephemera destinations\", \"ephemera namespaces\" and \"ephemera port\"");
	assert_refused(PARSE("metrics", "--limit=1"), "--limit is a flag of",
	    "\"ephemera destinations\", \"ephemera top\", \"ephemera namespaces\", "
	    "\"ephemera port\" and \"ephemera trace\"");
	assert_refused(PARSE("metrics", "--resolve"), "--resolve is a flag of", NULL);
	assert_null(strstr(error, " and "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(help_is_asked_for_in_three_ways),
	    cmocka_unit_test(the_version_has_a_short_flag),
	    cmocka_unit_test(a_command_has_its_own_flags_alone),
	    cmocka_unit_test(a_flag_says_what_it_does_for_the_command),
	    cmocka_unit_test(the_word_that_was_meant_is_named),
	    cmocka_unit_test(two_flags_that_are_nearly_alike_are_told_apart),
	    cmocka_unit_test(the_commands_of_a_flag_are_listed),
	};

	return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
