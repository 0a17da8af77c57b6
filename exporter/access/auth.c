// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/auth.h"

#include <crypt.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kernel/clock.h"
#include "exporter/base/number.h"
#include "exporter/base/secret.h"
#include "exporter/base/worker.h"

#define WAITING_MAX 32
#define WAITING_OF_A_PEER_MAX 4
#define WAIT_SECONDS 10 /* by then the scrape has timed out */
#define REMEMBERED 64
/* bcrypt ignores the rest. crypt() refuses what is very long, and Prometheus' exporters do not. */
#define PASSWORD_BYTES 72

/* Salt and hash of no known password: 53 characters that stand for zero bits. */
static const char nobody[] = ".....................................................";

/* The newest digests; a new one replaces the oldest. */
struct memory {
	struct digest digests[REMEMBERED];
	size_t length;
	size_t next;
};

struct auth {
	struct digest key;
	struct crypt_data *crypt; /* the thread's */
	struct worker worker;
	struct memory granted;
	struct memory denied;
	struct auth_request *first; /* the oldest that the thread has not started on */
	struct auth_request **last;
	size_t waiting;
};

static bool remembers(const struct memory *memory, const struct digest *digest)
{
	bool found = false;

	for (size_t i = 0; i < memory->length; i++)
		found |=
		    digest_equal(memory->digests[i].bytes, digest->bytes, sizeof(digest->bytes));
	return found;
}

static void remember(struct memory *memory, const struct digest *digest)
{
	memory->digests[memory->next] = *digest;
	memory->next = (memory->next + 1) % REMEMBERED;
	if (memory->length < REMEMBERED)
		memory->length++;
}

static void forget(struct auth_request *request)
{
	free(request->hash);
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

static bool is_right(struct auth *auth, const struct auth_request *request)
{
	const char *found =
	    crypt_rn(request->password, request->hash, auth->crypt, sizeof(*auth->crypt));
	const size_t length = strlen(request->hash);
	const bool right =
	    found && strlen(found) == length && digest_equal(found, request->hash, length);

	explicit_bzero(auth->crypt, sizeof(*auth->crypt));
	return right;
}

static struct auth_request *take_first(struct auth *auth)
{
	struct auth_request *request = auth->first;

	auth->first = request->next;
	if (!auth->first)
		auth->last = &auth->first;
	auth->waiting--;
	request->next = NULL;
	return request;
}

/* The requests that wait for the same answer. */
static struct auth_request *take_same(struct auth *auth, const struct digest *digest)
{
	struct auth_request *same = NULL;
	struct auth_request **link = &auth->first;

	while (*link) {
		struct auth_request *request = *link;

		if (!digest_equal(request->digest.bytes, digest->bytes, sizeof(digest->bytes))) {
			link = &request->next;
			continue;
		}
		*link = request->next;
		request->next = same;
		same = request;
		auth->waiting--;
	}
	auth->last = link;
	return same;
}

static void check_first(struct auth *auth)
{
	const struct timespec now = clock_now();
	struct auth_request *request = take_first(auth);
	const bool late = clock_is_past(&request->deadline, &now);
	const struct digest digest = request->digest;
	bool right = false;

	if (!late) {
		pthread_mutex_unlock(&auth->worker.lock);
		right = is_right(auth, request);
		pthread_mutex_lock(&auth->worker.lock);
		remember(right ? &auth->granted : &auth->denied, &digest);
		request->next = take_same(auth, &digest);
	}
	pthread_mutex_unlock(&auth->worker.lock);
	answer_all(request, late ? AUTH_BUSY : right ? AUTH_GRANTED : AUTH_DENIED);
	pthread_mutex_lock(&auth->worker.lock);
}

/* The worker's step. */
static void check(void *context)
{
	struct auth *auth = context;

	if (auth->first)
		check_first(auth);
	else
		worker_wait(&auth->worker, 0);
}

int auth_new(struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int result = -ENOMEM;

	if (!auth)
		return -ENOMEM;
	worker_init(&auth->worker);
	auth->last = &auth->first;
	auth->crypt = calloc(1, sizeof(*auth->crypt));
	if (auth->crypt)
		result = digest_make_key(&auth->key);
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

	struct auth_request *waiting = auth->first;

	auth->first = NULL;
	auth->last = &auth->first;
	auth->waiting = 0;
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
	free(auth->crypt);
	secret_free(auth, sizeof(*auth));
}

static const struct web_config_user *find_user(const struct web_config *config, const char *name)
{
	for (size_t i = 0; i < config->users_length; i++)
		if (strcmp(config->users[i].name, name) == 0)
			return &config->users[i];
	return NULL;
}

/* The cost of a hash: the two digits after "$2b$". */
static unsigned cost_of(const char *hash)
{
	unsigned long cost = 0;

	(void)number_read(hash + 4, 99, &cost);
	return (unsigned)cost;
}

/*
 * The hash to check against: the user's; for an unknown name one without a known password, with the
 * highest cost of all users, so that the time does not show which names exist.
 */
static char *choose_hash(const struct web_config *config, const char *name)
{
	const struct web_config_user *user = find_user(config, name);
	unsigned cost = 4;
	char *hash = NULL;

	if (user)
		return strdup(user->hash);
	for (size_t i = 0; i < config->users_length; i++)
		if (cost_of(config->users[i].hash) > cost)
			cost = cost_of(config->users[i].hash);
	if (asprintf(&hash, "$2b$%02u$%s", cost, nobody) < 0)
		return NULL;
	return hash;
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

static size_t count_of_peer(const struct auth *auth, const struct peer *peer)
{
	size_t count = 0;

	for (const struct auth_request *i = auth->first; i; i = i->next)
		count += peer_is_same(&i->peer, peer);
	return count;
}

/* Decides from what is remembered and how many requests wait. */
static enum auth_verdict decide(const struct auth *auth, const struct auth_request *request)
{
	if (remembers(&auth->granted, &request->digest))
		return AUTH_GRANTED;
	if (remembers(&auth->denied, &request->digest))
		return AUTH_DENIED;
	if (auth->worker.stopping || auth->waiting >= WAITING_MAX ||
	    count_of_peer(auth, &request->peer) >= WAITING_OF_A_PEER_MAX)
		return AUTH_BUSY;
	return AUTH_WAITS;
}

void auth_submit(struct auth *auth, struct auth_request *request)
{
	request->deadline = clock_in(WAIT_SECONDS);
	request->next = NULL;
	pthread_mutex_lock(&auth->worker.lock);

	const bool stopping = auth->worker.stopping;

	if (!stopping) {
		*auth->last = request;
		auth->last = &request->next;
		auth->waiting++;
		worker_wake(&auth->worker);
	}
	pthread_mutex_unlock(&auth->worker.lock);
	if (stopping)
		answer(request, AUTH_BUSY);
}

enum auth_verdict auth_check(struct auth *auth, const struct web_config *config, const char *name,
    const char *password, const struct peer *peer, struct auth_request *request)
{
	enum auth_verdict verdict = AUTH_BUSY;

	request->peer = *peer;
	request->hash = choose_hash(config, name);
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
