/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPHEMERA_CONFIG_WATCH_H
#define EPHEMERA_CONFIG_WATCH_H

/*
 * --web.config.file in force. A thread looks every second whether one of its files is another
 * one now, and reads them anew; what is wrong then leaves the rules as they are. Connections and
 * requests keep the rules that they began with.
 */

#include <stdatomic.h>

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

/* Reads and checks a file. Returns 0, or -errno and in error what is wrong. */
int rules_read(
    const char *path, struct rules **ret_rules, char error[static WEB_CONFIG_ERROR_SIZE]);

struct web_rules;

/*
 * As rules_read(). What is noted in status from then on is for others to read; path and status
 * must outlive what is returned.
 */
int web_rules_new(const char *path, struct config_status *status, struct web_rules **ret_rules,
    char error[static WEB_CONFIG_ERROR_SIZE]);

/* Starts the thread, which logs what it did. Returns 0 or -errno. */
int web_rules_start(struct web_rules *rules);
void web_rules_free(struct web_rules *rules); /* ends the thread; NULL is fine */

/* The rules in force, to be released. */
struct rules *web_rules_take(struct web_rules *rules);

/* Whether rate_limit lets a request through now, and counts it. */
bool web_rules_let_through(struct web_rules *rules);

#endif
