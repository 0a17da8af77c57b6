/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_PASSWORD_H
#define EPHEMERA_PASSWORD_H

/*
 * Compares a password with a bcrypt hash, so that the time of a refusal does not show whose hash
 * it was. password.c is the only file that includes crypt.h.
 */

#include <stdbool.h>

#include "exporter/access/web_config.h"

/* bcrypt ignores what follows. */
#define PASSWORD_BYTES 72

/* The costs of a file's hashes: bit N is set if one has cost N, and hashing it takes 2^N rounds. */
struct password_costs {
	unsigned set;
	unsigned lowest;
	unsigned highest;
};

/* All are 0 if there are no users. */
struct password_costs password_costs(const struct web_config *config);

/*
 * The hash to check the user of that name against. For an unknown name it is one without a known
 * password, of the highest cost. The caller frees it. NULL: out of memory.
 */
char *password_choose_hash(
    const struct web_config *config, const char *name, const struct password_costs *costs);

struct password_workspace; /* secret; each thread needs its own */

struct password_workspace *password_workspace_new(void);	    /* NULL: out of memory */
void password_workspace_free(struct password_workspace *workspace); /* NULL is fine */

/*
 * Whether the password has that hash. A wrong one is also hashed once with each other cost of the
 * file: so every refusal takes the same work, whatever the user's cost is, for unknown names too.
 */
bool password_is_right(struct password_workspace *workspace, const char *password, const char *hash,
    const struct password_costs *costs);

#endif
