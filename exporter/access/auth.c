// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "exporter/access/auth_memory.h"
#include "exporter/access/auth_queue.h"
#include "exporter/base/secret.h"
#include "exporter/base/worker.h"

#define WAIT_SECONDS 10 /* by then the scrape has timed out */

/*
 * There is one right password for a hash, up to where bcrypt stops reading. So this holds one for
 * each user of a file, and some of users that a change of the file removed.
 */
#define GRANTED_REMEMBERED (WEB_CONFIG_USERS_MAX + 24)
#define DENIED_REMEMBERED 64

struct auth {
	struct digest key;
	struct password_workspace *workspace; /* the thread's */
	struct worker worker;
	struct auth_memory *granted;
	struct auth_memory *denied;
	struct auth_queue queue; /* what the thread has not started on */
};

static void forget(struct auth_request *request)
{
	secret_free(request->hash, request->hash ? strlen(request->hash) : 0);
	secret_free(request->password, request->password ? strlen(request->password) : 0);
	request->hash = NULL;
	request->password = NULL;
}

/* Reports the verdict; the request may be freed by then. */
static void answer(struct auth_request *request, enum auth_verdict verdict)
{
	forget(request);
	request->done(request, verdict);
}

static void answer_all(struct auth_request *list, enum auth_verdict verdict)
{
	while (list) {
		struct auth_request *next = list->next;

		answer(list, verdict);
		list = next;
	}
}

/* Checks one password. Call it with the lock held, which it releases meanwhile. */
static void check_one(struct auth *auth, struct auth_request *request)
{
	const struct digest digest = request->digest;

	pthread_mutex_unlock(&auth->worker.lock);

	const bool right =
	    password_is_right(auth->workspace, request->password, request->hash, &request->costs);

	pthread_mutex_lock(&auth->worker.lock);
	auth_memory_add(right ? auth->granted : auth->denied, &digest);
	request->next = auth_queue_take_same(&auth->queue, &digest);
	for (const struct auth_request *i = request; i; i = i->next)
		auth_queue_note(&auth->queue, i, right);
	pthread_mutex_unlock(&auth->worker.lock);
	answer_all(request, right ? AUTH_GRANTED : AUTH_DENIED);
	pthread_mutex_lock(&auth->worker.lock);
}

static void refuse_late(struct auth *auth)
{
	struct auth_request *late = auth_queue_take_late(&auth->queue);

	if (!late)
		return;
	pthread_mutex_unlock(&auth->worker.lock);
	answer_all(late, AUTH_BUSY);
	pthread_mutex_lock(&auth->worker.lock);
}

/* The worker's step. */
static void check(void *context)
{
	struct auth *auth = context;

	refuse_late(auth);

	struct auth_request *request = auth_queue_take(&auth->queue);

	if (request)
		check_one(auth, request);
	else if (!auth->worker.stopping)
		worker_wait(&auth->worker, 0);
}

static int allocate(struct auth *auth)
{
	int result = auth_queue_init(&auth->queue);

	auth->workspace = password_workspace_new();
	auth->granted = auth_memory_new(GRANTED_REMEMBERED);
	auth->denied = auth_memory_new(DENIED_REMEMBERED);
	if (!auth->workspace || !auth->granted || !auth->denied)
		result = -ENOMEM;
	return result < 0 ? result : digest_make_key(&auth->key);
}

int auth_new(struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return -ENOMEM;
	worker_init(&auth->worker);

	int result = allocate(auth);

	if (result == 0)
		result = worker_start(&auth->worker, check, auth);
	if (result < 0) {
		auth_free(auth);
		return result;
	}
	*ret_auth = auth;
	return 0;
}

void auth_stop(struct auth *auth)
{
	pthread_mutex_lock(&auth->worker.lock);

	struct auth_request *waiting = auth_queue_take_all(&auth->queue);

	worker_end(&auth->worker);
	pthread_mutex_unlock(&auth->worker.lock);
	answer_all(waiting, AUTH_BUSY);
	worker_join(&auth->worker);
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	auth_stop(auth);
	worker_release(&auth->worker);
	password_workspace_free(auth->workspace);
	auth_memory_free(auth->granted);
	auth_memory_free(auth->denied);
	auth_queue_release(&auth->queue);
	secret_free(auth, sizeof(*auth));
}

/* The digest of all three. Each includes its '\0', so that their bounds are part of it. */
static int make_digest(const struct auth *auth, const char *name, const char *hash,
    const char *password, struct digest *ret_digest)
{
	const size_t name_size = strlen(name) + 1;
	const size_t hash_size = strlen(hash) + 1;
	const size_t password_size = strlen(password) + 1;
	const size_t size = name_size + hash_size + password_size;
	char *joined = malloc(size);

	if (!joined)
		return -ENOMEM;
	memcpy(joined, name, name_size);
	memcpy(joined + name_size, hash, hash_size);
	memcpy(joined + name_size + hash_size, password, password_size);

	const int result = digest_make(&auth->key, joined, size, ret_digest);

	secret_free(joined, size);
	return result;
}

/* Decides from what is remembered and how many requests wait. */
static enum auth_verdict decide(struct auth *auth, const struct auth_request *request)
{
	if (auth_memory_has(auth->granted, &request->digest))
		return AUTH_GRANTED;
	if (auth_memory_has(auth->denied, &request->digest))
		return AUTH_DENIED;
	if (auth->worker.stopping || !auth_queue_has_place(&auth->queue, &request->peer))
		return AUTH_BUSY;
	return AUTH_WAITS;
}

void auth_submit(struct auth *auth, struct auth_request *request)
{
	struct auth_request *refused = request;

	request->deadline = clock_in(WAIT_SECONDS);
	request->next = NULL;
	pthread_mutex_lock(&auth->worker.lock);
	if (!auth->worker.stopping) {
		refused = auth_queue_add(&auth->queue, request);
		worker_wake(&auth->worker);
	}
	pthread_mutex_unlock(&auth->worker.lock);
	if (refused)
		answer(refused, AUTH_BUSY);
}

enum auth_verdict auth_check(struct auth *auth, const struct web_config *config, const char *name,
    const char *password, const struct peer *peer, struct auth_request *request)
{
	enum auth_verdict verdict = AUTH_BUSY;

	request->peer = *peer;
	request->costs = password_costs(config);
	request->hash = password_choose_hash(config, name, &request->costs);
	/* Prometheus' exporters, too, take any password that begins with the right bytes. */
	request->password = strndup(password, PASSWORD_BYTES);
	if (request->hash && request->password &&
	    make_digest(auth, name, request->hash, request->password, &request->digest) == 0) {
		pthread_mutex_lock(&auth->worker.lock);
		verdict = decide(auth, request);
		pthread_mutex_unlock(&auth->worker.lock);
	}
	if (verdict != AUTH_WAITS)
		forget(request);
	return verdict;
}
