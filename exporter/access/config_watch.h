/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONFIG_WATCH_H
#define EPHEMERA_CONFIG_WATCH_H

/*
 * The rules of --web.config.file that are in force. A thread looks every second whether a file has
 * changed, and reads all of them again. If something is wrong, or would be less protected than it
 * is (web_config_loss()), the old rules stay. Connections and requests keep the rules that they
 * began with.
 */

#include <stdatomic.h>

#include "exporter/access/peer.h"
#include "exporter/access/tls.h"
#include "exporter/access/web_config.h"
#include "exporter/base/counters.h"

/* Read-only. */
struct rules {
	atomic_uint references;
	struct web_config *config;
	struct tls *tls; /* NULL: no TLS */
};

void rules_release(struct rules *rules); /* NULL is fine */

/* Reads and checks a file. Returns 0; or -errno, and in error what is wrong. */
int rules_read(
    const char *path, struct rules **ret_rules, char error[static WEB_CONFIG_ERROR_SIZE]);

struct config_watch;

/*
 * Like rules_read(). From then on it writes what happens to status, for others to read. path and
 * status must outlive the result.
 */
int config_watch_new(const char *path, struct config_status *status,
    struct config_watch **ret_rules, char error[static WEB_CONFIG_ERROR_SIZE]);

/* Starts the thread, which logs what it did. Returns 0 or -errno. */
int config_watch_start(struct config_watch *rules);

/* Makes the thread read the files now, changed or not, and log the result even if it is the same.
 */
void config_watch_reload(struct config_watch *rules);

void config_watch_free(struct config_watch *rules); /* ends the thread; NULL is fine */

/* The rules in force. The caller releases them. */
struct rules *config_watch_take(struct config_watch *rules);

/* Whether rate_limit allows the peer's request now, see fair_rate_take(); counts it if so. */
bool config_watch_let_through(struct config_watch *rules, const struct peer *peer);

#endif
