// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/password.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/digest.h"
#include "exporter/base/number.h"
#include "exporter/base/secret.h"

#define COSTS 32 /* bits of password_costs.set */
#define HASH_SIZE 64

/* Salt and hash of no known password: 53 characters that stand for zero bits. */
static const char nobody[] = ".....................................................";

struct password_workspace {
	struct crypt_data crypt;
};

/* The two digits after "$2b$"; the web configuration has checked the hash. */
static unsigned cost_of(const char *hash)
{
	unsigned long cost = 0;

	(void)number_read(hash + 4, COSTS - 1, &cost);
	return (unsigned)cost;
}

struct password_costs password_costs(const struct web_config *config)
{
	struct password_costs costs = {0};

	for (size_t i = 0; i < config->users_length; i++) {
		const unsigned cost = cost_of(config->users[i].hash);

		costs.set |= 1U << cost;
		if (i == 0 || cost < costs.lowest)
			costs.lowest = cost;
		if (cost > costs.highest)
			costs.highest = cost;
	}
	return costs;
}

static const struct web_config_user *find_user(const struct web_config *config, const char *name)
{
	for (size_t i = 0; i < config->users_length; i++)
		if (strcmp(config->users[i].name, name) == 0)
			return &config->users[i];
	return NULL;
}

static void make_nobody(unsigned cost, char hash[static HASH_SIZE])
{
	snprintf(hash, HASH_SIZE, "$2b$%02u$%s", cost, nobody);
}

char *password_choose_hash(
    const struct web_config *config, const char *name, const struct password_costs *costs)
{
	const struct web_config_user *user = find_user(config, name);
	char hash[HASH_SIZE];

	if (user)
		return strdup(user->hash);
	make_nobody(costs->highest, hash);
	return strdup(hash);
}

struct password_workspace *password_workspace_new(void)
{
	return calloc(1, sizeof(struct password_workspace));
}

void password_workspace_free(struct password_workspace *workspace)
{
	secret_free(workspace, sizeof(*workspace));
}

static bool has_hash(struct password_workspace *workspace, const char *password, const char *hash)
{
	struct crypt_data *crypt = &workspace->crypt;
	const char *found = crypt_rn(password, hash, crypt, sizeof(*crypt));
	const size_t length = strlen(hash);
	const bool has = found && strlen(found) == length && digest_equal(found, hash, length);

	explicit_bzero(crypt, sizeof(*crypt));
	return has;
}

bool password_is_right(struct password_workspace *workspace, const char *password, const char *hash,
    const struct password_costs *costs)
{
	const unsigned own = cost_of(hash);
	char other[HASH_SIZE];

	if (has_hash(workspace, password, hash))
		return true;
	for (unsigned cost = 0; cost < COSTS; cost++) {
		if (cost == own || !(costs->set & (1U << cost)))
			continue;
		make_nobody(cost, other);
		(void)has_hash(workspace, password, other);
	}
	return false;
}
