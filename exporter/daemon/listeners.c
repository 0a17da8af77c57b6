// SPDX-License-Identifier: Apache-2.0
#include "exporter/daemon/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/kernel/settings.h"
#include "exporter/answers/port_advice.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/daemon/systemd.h"

void listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->length; i++) {
		if (listeners->list[i].fd >= 0)
			close(listeners->list[i].fd);
		listen_remove(&listeners->list[i]);
	}
}

static void log_cannot_listen(const struct listen_address *address, int error)
{
	char asked[LISTEN_ADDRESS_TEXT];

	listen_address_format(address, asked);
	log_line(LOG_LEVEL_ERROR, "Cannot listen", "flag", "--web.listen-address", "value", asked,
	    "err", strerrordesc_np(-error), NULL);
}

/* systemd's sockets, which systemd keeps open in any case. */
static int adopt_listeners(struct listeners *listeners)
{
	char which[16] = "";
	size_t count = 0;
	const char *wrong = systemd_take_sockets(&count);

	if (!wrong && count > LISTEN_ADDRESSES_MAX)
		wrong = "too many sockets were passed";
	for (size_t i = 0; i < count && !wrong; i++) {
		const int fd = SYSTEMD_FIRST_FD + (int)i;

		snprintf(which, sizeof(which), "%d", fd);
		wrong = listen_adopt(fd, &listeners->list[listeners->length]);
		listeners->length += !wrong;
	}
	if (!wrong)
		return 0;
	log_line(LOG_LEVEL_ERROR, "Cannot listen", "flag", "--web.systemd-socket", "err", wrong,
	    which[0] ? "fd" : NULL, which, NULL);
	return -EINVAL;
}

int listeners_open(const struct serve_options *options, struct listeners *listeners)
{
	if (options->systemd_socket)
		return adopt_listeners(listeners);
	for (size_t i = 0; i < options->addresses_length; i++) {
		const int result = listen_open(&options->addresses[i], (mode_t)options->socket_mode,
		    &listeners->list[listeners->length]);

		if (result < 0) {
			log_cannot_listen(&options->addresses[i], result);
			return result;
		}
		listeners->length++;
	}
	return 0;
}

/* The words for a listener on every address, in place of those in its text; or NULL. */
static const char *words_for_any(const struct listener *listener)
{
	int v6_only = 0;
	socklen_t size = sizeof(v6_only);

	if (strncmp(listener->text, "0.0.0.0:", strlen("0.0.0.0:")) == 0)
		return "every IPv4 address, port ";
	if (strncmp(listener->text, "[::]:", strlen("[::]:")) != 0)
		return NULL;
	(void)getsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size);
	return v6_only ? "every IPv6 address, port " : "every address, port ";
}

static void describe(const struct listener *listener, struct text *text)
{
	const char *words = words_for_any(listener);
	char printable[LISTEN_TEXT_SIZE];

	if (words) {
		text_add_string(text, words);
		text_add_string(text, strrchr(listener->text, ':') + 1);
		return;
	}
	snprintf(printable, sizeof(printable), "%s", listener->text);
	text_make_printable(printable);
	text_add_string(text, printable);
}

void listeners_describe(const struct listeners *listeners, struct text *text)
{
	for (size_t i = 0; i < listeners->length; i++) {
		if (i > 0)
			text_add_string(text, i + 1 < listeners->length ? ", " : " and ");
		describe(&listeners->list[i], text);
	}
	text_add_char(text, '\0');
}

bool listeners_have_paths(const struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->length; i++)
		if (listeners->list[i].path[0])
			return true;
	return false;
}

int listeners_serve(struct listeners *listeners, struct web *web)
{
	for (size_t i = 0; i < listeners->length; i++) {
		struct listener *listener = &listeners->list[i];
		const int result = web_serve(web, listener->fd);

		listener->fd = -1; /* the server owns it, or it is closed */
		if (result < 0) {
			log_line(LOG_LEVEL_ERROR, "Cannot serve", "address", listener->text, "err",
			    strerrordesc_np(-result), NULL);
			return result;
		}
		log_line(LOG_LEVEL_INFO, "Listening", "address", listener->text, NULL);
	}
	return 0;
}

void listeners_warn(const struct listeners *listeners, const char *procfs)
{
	struct portset ports = {0};
	struct settings settings;
	struct text command = {0};

	if (settings_read(procfs, &settings, NULL) < 0)
		return; /* each scrape reports that error */
	for (size_t i = 0; i < listeners->length; i++)
		if (listeners->list[i].port)
			portset_add(&ports, listeners->list[i].port);
	if (!port_advice_add_command(&command, &settings, &ports))
		return;
	text_add_char(&command, '\0');
	for (size_t i = 0; i < listeners->length && !command.error; i++) {
		const struct listener *listener = &listeners->list[i];

		if (listener->port && port_range_has(settings.range, listener->port) &&
		    !portset_has(&settings.reserved, listener->port))
			log_line(LOG_LEVEL_WARN,
			    "An outgoing connection can take this port while the exporter is down",
			    "address", listener->text, "reserve", command.data, NULL);
	}
	free(command.data);
}
