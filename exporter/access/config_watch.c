// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/config_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/access/password.h"
#include "exporter/access/peer_buckets.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/base/worker.h"

#define LOOK_SECONDS 1
#define FAILURES_SAID 2

struct config_watch {
	const char *path;
	struct worker worker;
	struct rules *current;
	struct fair_rate rate;
	struct config_status *status;
	bool asked; /* to read the files, changed or not */
	/* The thread's: */
	unsigned failures;		   /* in a row */
	char error[WEB_CONFIG_ERROR_SIZE]; /* of the last one that was logged */
};

void rules_release(struct rules *rules)
{
	if (!rules || atomic_fetch_sub(&rules->references, 1) > 1)
		return;
	tls_free(rules->tls);
	web_config_free(rules->config);
	free(rules);
}

int rules_read(const char *path, struct rules **ret_rules, char error[static WEB_CONFIG_ERROR_SIZE])
{
	struct rules *rules = calloc(1, sizeof(*rules));
	char why[WEB_CONFIG_ERROR_SIZE];

	if (!rules) {
		snprintf(error, WEB_CONFIG_ERROR_SIZE, "%.200s: out of memory", path);
		return -ENOMEM;
	}
	atomic_init(&rules->references, 1);

	int result = web_config_read(path, &rules->config, error);

	if (result == 0 && rules->config->has_tls) {
		result = tls_new(&rules->config->tls, &rules->tls, why);
		if (result < 0)
			snprintf(error, WEB_CONFIG_ERROR_SIZE, "%.200s: %.300s", path, why);
	}
	if (result < 0) {
		rules_release(rules);
		return result;
	}
	*ret_rules = rules;
	return 0;
}

static long long now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* Call it with the lock held, or before there is a thread. Takes ownership of next. */
static void put_in_force(struct config_watch *rules, struct rules *next)
{
	rules->current = next;
	atomic_store(&rules->status->successful, true);
	atomic_store(&rules->status->success_seconds, now_seconds());
	atomic_store(
	    &rules->status->certificate_expiry, next->tls ? (long long)tls_expiry(next->tls) : 0);
	atomic_store(&rules->status->is_known, true);
}

int config_watch_new(const char *path, struct config_status *status,
    struct config_watch **ret_rules, char error[static WEB_CONFIG_ERROR_SIZE])
{
	struct config_watch *rules = calloc(1, sizeof(*rules));
	struct rules *first;

	if (!rules) {
		snprintf(error, WEB_CONFIG_ERROR_SIZE, "%.200s: out of memory", path);
		return -ENOMEM;
	}

	const int result = rules_read(path, &first, error);

	if (result < 0) {
		free(rules);
		return result;
	}
	rules->path = path;
	rules->status = status;
	worker_init(&rules->worker);
	put_in_force(rules, first);
	*ret_rules = rules;
	return 0;
}

/*
 * What of a valid configuration only a restart applies, or NULL. Whether connections begin with TLS
 * is set when the socket starts to listen. Protection is never taken away: a file that somebody is
 * still writing can be valid at any time, and then everybody would be let in.
 */
static const char *find_obstacle(const struct rules *current, const struct rules *next)
{
	if (next->tls && !current->tls)
		return "tls_server_config was added";
	return web_config_loss(current->config, next->config);
}

/*
 * It is tried again each second, and logged once. Not at the first failure: a certificate is
 * replaced in two steps, and between them certificate and key do not match.
 */
static void log_failure(struct config_watch *rules, const char *what, const char *error)
{
	if (rules->failures < FAILURES_SAID || strcmp(error, rules->error) == 0)
		return;
	log_line(LOG_LEVEL_ERROR, what, "err", error, NULL);
	snprintf(rules->error, sizeof(rules->error), "%s", error);
}

static int read_next(
    struct config_watch *rules, const struct rules *current, bool asked, struct rules **ret_next)
{
	const char *what = "The web configuration is wrong; the old one stays in use";
	char error[WEB_CONFIG_ERROR_SIZE];
	struct rules *next;
	int result = rules_read(rules->path, &next, error);
	const char *obstacle = result == 0 ? find_obstacle(current, next) : NULL;

	if (obstacle) {
		what = "The web configuration needs a restart; the old one stays in use";
		snprintf(
		    error, sizeof(error), "%.200s: %s: restart to apply it", rules->path, obstacle);
		text_make_printable(error);
		rules_release(next);
		result = -EINVAL;
	}
	if (asked || result == 0)
		rules->error[0] = '\0';
	if (result == 0) {
		rules->failures = 0;
		*ret_next = next;
		return 0;
	}
	rules->failures = asked ? FAILURES_SAID : rules->failures + 1;
	log_failure(rules, what, error);
	return result;
}

static void warn_of_costs(const char *path, const struct web_config *config)
{
	const struct password_costs costs = password_costs(config);
	char lowest[12];
	char highest[12];

	if (costs.lowest == costs.highest)
		return;
	snprintf(lowest, sizeof(lowest), "%u", costs.lowest);
	snprintf(highest, sizeof(highest), "%u", costs.highest);
	log_line(LOG_LEVEL_WARN,
	    "The bcrypt costs of the users differ: the cheaper passwords are easier to guess",
	    "file", path, "lowest", lowest, "highest", highest, NULL);
}

/* Runs in the thread; nothing else replaces the current rules. */
static void look(struct config_watch *rules, bool asked)
{
	struct rules *current = config_watch_take(rules);
	struct rules *next = NULL;

	if (!asked && !web_config_has_changed(current->config) && rules->failures == 0) {
		rules_release(current);
		return;
	}

	const int result = read_next(rules, current, asked, &next);

	pthread_mutex_lock(&rules->worker.lock);
	if (result == 0)
		put_in_force(rules, next);
	else if (rules->failures >= FAILURES_SAID)
		atomic_store(&rules->status->successful, false);
	pthread_mutex_unlock(&rules->worker.lock);
	if (result == 0) {
		log_line(
		    LOG_LEVEL_INFO, "Reloaded the web configuration", "file", rules->path, NULL);
		warn_of_costs(rules->path, next->config);
		rules_release(current); /* the reference of `rules` */
	}
	rules_release(current);
}

/* The worker's step. */
static void watch(void *context)
{
	struct config_watch *rules = context;

	if (!rules->asked)
		worker_wait(&rules->worker, LOOK_SECONDS);
	if (rules->worker.stopping)
		return;

	const bool asked = rules->asked;

	rules->asked = false;
	pthread_mutex_unlock(&rules->worker.lock);
	look(rules, asked);
	pthread_mutex_lock(&rules->worker.lock);
}

int config_watch_start(struct config_watch *rules)
{
	warn_of_costs(rules->path, rules->current->config);
	return worker_start(&rules->worker, watch, rules);
}

void config_watch_reload(struct config_watch *rules)
{
	pthread_mutex_lock(&rules->worker.lock);
	rules->asked = true;
	worker_wake(&rules->worker);
	pthread_mutex_unlock(&rules->worker.lock);
}

void config_watch_free(struct config_watch *rules)
{
	if (!rules)
		return;
	worker_release(&rules->worker);
	rules_release(rules->current);
	free(rules);
}

struct rules *config_watch_take(struct config_watch *rules)
{
	pthread_mutex_lock(&rules->worker.lock);

	struct rules *current = rules->current;

	atomic_fetch_add(&current->references, 1);
	pthread_mutex_unlock(&rules->worker.lock);
	return current;
}

bool config_watch_let_through(struct config_watch *rules, const struct peer *peer)
{
	bool through = true;

	pthread_mutex_lock(&rules->worker.lock);

	const struct web_config *config = rules->current->config;

	if (config->rate_interval > 0)
		through = config->rate_burst > 0 &&
			  fair_rate_take(&rules->rate, peer, (double)config->rate_burst,
			      config->rate_interval);
	pthread_mutex_unlock(&rules->worker.lock);
	return through;
}
