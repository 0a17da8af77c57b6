// SPDX-License-Identifier: Apache-2.0
/* Advice for people, and as JSON. */
#include <stdio.h>
#include <string.h>

#include "exporter/answers/advice.h"
#include "exporter/base/terminal.h"

#define SYSCTL_FILE "/etc/sysctl.d/90-ephemera.conf"

/* Lines to be pasted are never wrapped. sysctl takes several settings, and sets them in turn. */
static void print_commands(const struct advice *advice)
{
	const char *at = advice->commands.data;

	if (!at[0] && advice->settings_length == 0)
		return;
	putchar('\n');
	for (; *at; at += strcspn(at, "\n"), at += *at == '\n')
		printf("    %.*s\n", (int)strcspn(at, "\n"), at);
	if (advice->settings_length)
		fputs("    sysctl -w", stdout);
	for (size_t i = 0; i < advice->settings_length; i++) {
		const char *value = advice->settings[i].value.data;
		const char *quote = strpbrk(value, " \t") ? "\"" : "";

		printf(" %s=%s%s%s", advice->settings[i].name, quote, value, quote);
	}
	if (advice->settings_length)
		putchar('\n');
	putchar('\n');
}

static void print_part(const char *name, const char *text, int width)
{
	char line[1024];

	if (!text[0])
		return;
	snprintf(line, sizeof(line), "%s: %s", name, text);
	terminal_print_wrapped(line, 2, width);
}

static void print_one(const struct advice *advice, int width)
{
	char promise[160];

	printf("%s: %s (%s)\n", advice_urgency_name(advice->urgency), advice->title, advice->rule);
	terminal_print_wrapped(advice->finding.data, 2, width);
	print_commands(advice);
	print_part("Do", advice->action.data, width);
	print_part("Effect", advice->effect.data, width);
	if (advice->promised) {
		snprintf(promise, sizeof(promise), "%s: %lu now, then %lu", advice->promised,
		    advice->before, advice->after);
		print_part("Figure", promise, width);
	}
	print_part("Risk", advice->risk, width);
	puts("");
}

/* sysctl.d is for the namespace that the host starts in: there others would change the host. */
static void print_keeping(bool elsewhere, int width)
{
	terminal_print_wrapped(
	    elsewhere ? "These settings end with the network namespace. To keep them, "
			"name them where it is made: securityContext.sysctls of a pod, "
			"--sysctl of docker and podman. Not in /etc/sysctl.d, which is "
			"for the host's own."
		      : "A restart of the host undoes these settings. To keep them, put "
			"them into " SYSCTL_FILE ":",
	    0, width);
	putchar('\n');
}

/* All settings of the list, each once: what a file for a restart has to say. */
static void print_file(const struct advice_list *list, bool elsewhere, int width)
{
	const char *seen[ADVICE_SETTINGS_MAX * 16];
	size_t length = 0;
	bool begun = false;

	for (size_t i = 0; i < list->length; i++) {
		for (size_t j = 0; j < list->list[i].settings_length; j++) {
			const struct advice_setting *setting = &list->list[i].settings[j];
			bool known = false;

			for (size_t k = 0; k < length; k++)
				known = known || strcmp(seen[k], setting->name) == 0;
			if (known || length == sizeof(seen) / sizeof(seen[0]))
				continue;
			if (!begun)
				print_keeping(elsewhere, width);
			begun = true;
			seen[length++] = setting->name;
			printf("    %s = %s\n", setting->name, setting->value.data);
		}
	}
}

void advice_print(const struct advice_list *list, bool elsewhere, int width)
{
	if (list->length == 0) {
		puts("Nothing to advise: no rule of docs/advise.md applies here now.");
		return;
	}
	puts("Nothing was changed. The most urgent comes first.\n");
	for (size_t i = 0; i < list->length; i++)
		print_one(&list->list[i], width);
	print_file(list, elsewhere, width);
}

void advice_json_add(struct json *object, const struct advice_list *list)
{
	struct json *findings = json_add_array(object, "findings");

	for (size_t i = 0; i < list->length; i++) {
		const struct advice *advice = &list->list[i];
		struct json *one = json_append_object(findings);

		json_add_string(one, "rule", advice->rule);
		json_add_string(one, "title", advice->title);
		json_add_string(one, "urgency", advice_urgency_name(advice->urgency));
		json_add_string(one, "finding", advice->finding.data);
		json_add_string(one, "action", advice->action.data);
		json_add_string(one, "effect", advice->effect.data);
		json_add_string(one, "risk", advice->risk);
		if (advice->commands.data[0])
			json_add_string(one, "commands", advice->commands.data);

		struct json *settings = json_add_array(one, "sysctls");

		for (size_t j = 0; j < advice->settings_length; j++) {
			struct json *setting = json_append_object(settings);

			json_add_string(setting, "name", advice->settings[j].name);
			json_add_string(setting, "value", advice->settings[j].value.data);
		}
		if (!advice->promised)
			continue;

		struct json *promise = json_add_object(one, "promise");

		json_add_string(promise, "figure", advice->promised);
		json_add_number(promise, "now", (double)advice->before);
		json_add_number(promise, "then", (double)advice->after);
	}
}
