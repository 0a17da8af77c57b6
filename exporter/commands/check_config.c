// SPDX-License-Identifier: Apache-2.0
/* `ephemera check-config`: checks a --web.config.file and prints what it sets. */
#include <limits.h>
#include <stdio.h>

#include "exporter/access/config_watch.h"
#include "exporter/access/password.h"
#include "exporter/base/terminal.h"
#include "exporter/base/text.h"
#include "exporter/commands/commands.h"
#include "exporter/commands/option_value.h"

static const char *const version_names[] = {
    [TLS_VERSION_1_0] = "1.0",
    [TLS_VERSION_1_1] = "1.1",
    [TLS_VERSION_1_2] = "1.2",
    [TLS_VERSION_1_3] = "1.3",
};

static const char *const client_auth_words[] = {
    [CLIENT_AUTH_NONE] = "not requested",
    [CLIENT_AUTH_REQUEST] = "requested, not verified",
    [CLIENT_AUTH_REQUIRE_ANY] = "required, not verified",
    [CLIENT_AUTH_VERIFY_IF_GIVEN] = "verified if given",
    [CLIENT_AUTH_REQUIRE_AND_VERIFY] = "required and verified",
};

static void print_tls(const struct web_config_tls *tls)
{
	const char *first = version_names[tls->min_version];
	const char *last = version_names[tls->max_version];

	if (first == last)
		printf("  TLS: %s only\n", first);
	else
		printf("  TLS: %s to %s\n", first, last);
	printf("  client certificates: %s", client_auth_words[tls->client_auth]);
	if (tls->allowed_sans.length)
		printf(", with one of %zu names", tls->allowed_sans.length);
	putchar('\n');
	if (tls->cipher_suites.length)
		printf("  cipher suites: %zu\n", tls->cipher_suites.length);
	if (tls->curve_preferences.length)
		printf("  curves: %zu\n", tls->curve_preferences.length);
}

/* It names no user: whoever reads this need not know whose hash is the cheap one. */
static void print_costs(const struct web_config *config)
{
	const struct password_costs costs = password_costs(config);

	if (costs.lowest != costs.highest)
		printf("  warning: bcrypt costs from %u to %u: the cheaper passwords are easier to "
		       "guess; use one cost\n",
		    costs.lowest, costs.highest);
}

static void print_users(const struct web_config *config)
{
	if (config->users_length == 0) {
		puts("  users: none, no password required");
		return;
	}
	printf("  users: %zu%s\n", config->users_length,
	    config->has_tls ? "" : "; without TLS, passwords cross the network unencrypted");
	print_costs(config);
	if (config->excluded_paths.length)
		printf("  paths without a password: %zu\n", config->excluded_paths.length);
}

static void print_headers(const struct web_config *config)
{
	if (config->headers_length == 0)
		return;
	fputs("  headers:", stdout);
	for (size_t i = 0; i < config->headers_length; i++)
		printf("%s %s", i ? "," : "", config->headers[i].name);
	putchar('\n');
}

static void print_summary(const struct web_config *config)
{
	if (config->has_tls)
		print_tls(&config->tls);
	else
		puts("  TLS: off");
	print_users(config);
	print_headers(config);
	if (config->rate_interval > 0)
		printf("  rate limit: %lu at once, then one every %.9g s\n", config->rate_burst,
		    config->rate_interval);
	else
		puts("  rate limit: none");
	if (config->http2_given)
		puts("  no effect: http2 (HTTP/2 is not supported)");
}

static int check_config(const char *path)
{
	struct rules *rules;
	char error[WEB_CONFIG_ERROR_SIZE];
	char name[PATH_MAX];
	const int result = rules_read(path, &rules, error);

	if (result < 0) {
		fprintf(stderr, "%s\n", error);
		return result;
	}
	snprintf(name, sizeof(name), "%s", path);
	text_make_printable(name);
	printf("%s: OK\n", name);
	print_summary(rules->config);
	rules_release(rules);
	return terminal_flush();
}

static int run_check_config(struct options *options)
{
	return check_config(options->checked) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int read_file(
    struct options *options, const char *argument, char error[static OPTIONS_ERROR_SIZE])
{
	if (options->checked)
		return option_fail(error, "unexpected argument \"%.80s\"; see --help", argument);
	options->checked = argument;
	return 0;
}

static int check_file(const struct options *options, char error[static OPTIONS_ERROR_SIZE])
{
	return options->checked ? 0 : option_fail(error, "check-config: needs a file");
}

static const struct command_example examples[] = {
    {"Check the file, then serve with TLS and passwords", "ephemera check-config web.yml\n"
							  "ephemera --web.config.file=web.yml"},
    {NULL, NULL},
};

const struct command check_config_command = {
    .name = "check-config",
    .arguments = "FILE",
    .help = "check a --web.config.file",
    .examples = examples,
    .read_argument = read_file,
    .check = check_file,
    .run = run_check_config,
};
