// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/interface.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "collectors/kernel/netlink.h"

static int note_name(const struct nlattr *attribute, void *context)
{
	char *name = context;

	if (mnl_attr_get_type(attribute) != IFLA_IFNAME)
		return MNL_CB_OK;
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_get_payload_len(attribute) > IF_NAMESIZE)
		return MNL_CB_ERROR;
	memcpy(name, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
	return MNL_CB_STOP;
}

static int on_link(void *context, const struct nlmsghdr *message)
{
	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg) ||
	    mnl_attr_parse(message, sizeof(struct ifinfomsg), note_name, context) < 0)
		return -EBADMSG;
	return 0;
}

int interface_name(uint32_t index, char name[static IF_NAMESIZE])
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	const struct netlink_sink sink = {on_link, NULL, name};

	name[0] = '\0';
	/* Netlink's index is signed; if it is not positive, netlink wants a name. */
	if (index == 0 || index > INT_MAX)
		return -ENODEV;
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;

	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;

	const int result = netlink_get_route(request, &sink);

	return result == 0 && name[0] == '\0' ? -ENODEV : result;
}

static int on_found(void *context, const struct nlmsghdr *message)
{
	uint32_t *index = context;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg))
		return -EBADMSG;
	*index = (uint32_t)((const struct ifinfomsg *)mnl_nlmsg_get_payload(message))->ifi_index;
	return 0;
}

int interface_find(const char *name, uint32_t *ret_index)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	uint32_t index = 0;
	const struct netlink_sink sink = {on_found, NULL, &index};
	struct ifinfomsg *link;
	int result;

	if (strlen(name) >= IF_NAMESIZE)
		return -ENODEV;
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	result = netlink_get_route(request, &sink);
	if (result == 0 && index == 0)
		result = -ENODEV;
	if (result == 0)
		*ret_index = index;
	return result;
}
