// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/container.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* Repeated digits would hide a shift by one. */
#define ID "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff"
#define OUTER "ffeeddccbbaa99887766554433221100f9e8d7c6b5a493827160f5e4d3c2b1a0"
#define UID "3f2a9c04-1b7d-4e5f-8a90-c0ffee123456"
#define UID_ "3f2a9c04_1b7d_4e5f_8a90_c0ffee123456"
#define STATIC_UID "8d3f0a6c5b1e4297a0c9d8e7f6b5a4c3"

struct form {
	const char *path;
	const char *uid;
	const char *id;
};

static void assert_parsed(const struct form *form)
{
	struct container container;

	container_parse(form->path, &container);
	if (strcmp(container.pod_uid, form->uid) != 0)
		fail_msg("%s\nfound the uid \"%s\", wanted \"%s\"", form->path, container.pod_uid,
		    form->uid);
	if (strcmp(container.id, form->id) != 0)
		fail_msg(
		    "%s\nfound the id \"%s\", wanted \"%s\"", form->path, container.id, form->id);
}

#define ASSERT_ALL(forms)                          \
	for (size_t i = 0; i < LENGTH(forms); i++) \
	assert_parsed(&(forms)[i])

#define BURSTABLE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define BESTEFFORT "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice"
#define GUARANTEED "/kubepods.slice/kubepods-pod" UID_ ".slice"

static void systemd_driver(void **state)
{
	static const struct form forms[] = {
	    {BURSTABLE "/cri-containerd-" ID ".scope", UID, ID},
	    {BESTEFFORT "/cri-containerd-" ID ".scope", UID, ID},
	    {GUARANTEED "/cri-containerd-" ID ".scope", UID, ID},
	    {BURSTABLE "/crio-" ID ".scope", UID, ID},
	    {BESTEFFORT "/crio-" ID ".scope", UID, ID},
	    {GUARANTEED "/crio-" ID ".scope", UID, ID},
	    {BURSTABLE "/docker-" ID ".scope", UID, ID},
	    {BESTEFFORT "/docker-" ID ".scope", UID, ID},
	    {GUARANTEED "/docker-" ID ".scope", UID, ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void cgroupfs_driver(void **state)
{
	static const struct form forms[] = {
	    {"/kubepods/burstable/pod" UID "/" ID, UID, ID},
	    {"/kubepods/besteffort/pod" UID "/" ID, UID, ID},
	    {"/kubepods/pod" UID "/" ID, UID, ID},
	    {"/kubepods/burstable/pod" UID "/crio-" ID, UID, ID},
	    {"/kubepods/pod" UID "/crio-" ID, UID, ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

/* containerd speaks cgroupfs, the kubelet systemd. */
static void drivers_that_differ(void **state)
{
	static const struct form forms[] = {
	    {"/system.slice/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID, UID, ID},
	    {"/system.slice/kubepods-besteffort-pod" UID_ ".slice:cri-containerd:" ID, UID, ID},
	    {"/kubepods-pod" UID_ ".slice:cri-containerd:" ID, UID, ID},
	    {"/system.slice/containerd.service/kubepods-burstable-pod" UID_
	     ".slice:cri-containerd:" ID,
		UID, ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void static_pods_have_a_hash(void **state)
{
	static const struct form forms[] = {
	    {"/kubepods/burstable/pod" STATIC_UID "/" ID, STATIC_UID, ID},
	    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" STATIC_UID
	     ".slice/cri-containerd-" ID ".scope",
		STATIC_UID, ID},
	    {"/system.slice/kubepods-burstable-pod" STATIC_UID ".slice:cri-containerd:" ID,
		STATIC_UID, ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void the_pod_itself_has_no_container(void **state)
{
	static const struct form forms[] = {
	    {BURSTABLE, UID, ""},
	    {GUARANTEED "/", UID, ""},
	    {"/kubepods/burstable/pod" UID, UID, ""},
	    {"/kubepods/pod" UID "/init", UID, ""},
	    /* CRI-O's monitor beside the container. */
	    {BURSTABLE "/crio-conmon-" ID ".scope", UID, ""},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void below_the_container(void **state)
{
	static const struct form forms[] = {
	    {BURSTABLE "/cri-containerd-" ID ".scope/init.scope", UID, ID},
	    {BURSTABLE "/crio-" ID ".scope/container", UID, ID},
	    {"/kubepods/burstable/pod" UID "/" ID "/system.slice/nginx.service", UID, ID},
	    {"/kubepods/pod" UID "/" ID "/a/b/c", UID, ID},
	    {"/machine.slice/libpod-" ID ".scope/container", "", ID},
	    {"/system.slice/docker-" ID ".scope/init.scope", "", ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void without_kubernetes(void **state)
{
	static const struct form forms[] = {
	    {"/docker/" ID, "", ID},
	    {"/system.slice/docker-" ID ".scope", "", ID},
	    {"/machine.slice/libpod-" ID ".scope", "", ID},
	    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", "",
		ID},
	    {"/libpod_parent/libpod-" ID, "", ID},
	    /* Podman's monitor, and its pod. */
	    {"/machine.slice/libpod-conmon-" ID ".scope", "", ""},
	    {"/machine.slice/machine-libpod_pod_" OUTER ".slice/libpod-" ID ".scope", "", ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

/* A kubelet in a cgroup of its own: kind, minikube, k3d. */
static void a_prefix_of_the_kubelet(void **state)
{
	static const struct form forms[] = {
	    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	     "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
		UID, ID},
	    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
	     ".slice/cri-containerd-" ID ".scope",
		UID, ID},
	    {"/kubelet/kubepods/burstable/pod" UID "/" ID, UID, ID},
	    {"/kubelet/kubepods/pod" UID "/" ID, UID, ID},
	};

	(void)state;
	ASSERT_ALL(forms);
}

/* A node that is a container: the pod's container is the one that the pod's uid goes with. */
static void a_node_in_a_container(void **state)
{
	static const struct form forms[] = {
	    {"/system.slice/docker-" OUTER ".scope/kubelet.slice/kubelet-kubepods.slice/"
	     "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" UID_
	     ".slice/cri-containerd-" ID ".scope",
		UID, ID},
	    {"/docker/" OUTER "/kubelet/kubepods/burstable/pod" UID "/" ID, UID, ID},
	    {"/machine.slice/libpod-" OUTER ".scope/kubelet/kubepods/pod" UID "/" ID, UID, ID},
	    /* What runs on the node beside the pods is the node's. */
	    {"/docker/" OUTER "/system.slice/containerd.service", "", OUTER},
	    /* The pod's own processes are in no container of it. */
	    {"/docker/" OUTER "/kubelet/kubepods/burstable/pod" UID, UID, ""},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void what_is_none(void **state)
{
	static const struct form forms[] = {
	    {"", "", ""},
	    {"/", "", ""},
	    {"///", "", ""},
	    {"/init.scope", "", ""},
	    {"/system.slice/nginx.service", "", ""},
	    {"/podcast.slice", "", ""},
	    {"/user.slice/podcast.slice/pod.service", "", ""},
	    {"/kubepods.slice", "", ""},
	    {"/kubepods.slice/kubepods-burstable.slice", "", ""},
	    {"/kubepods/burstable", "", ""},
	    {"/kubepods/pod", "", ""},
	    {"/kubepods/pod-" UID, "", ""},
	    {"/kubepods/pod3f2a9c04-1b7d-4e5f-8a90-c0ffee12345", "", ""},
	    {"/kubepods/pod" UID "7", "", ""},
	    {"/kubepods/pod" UID ".service", "", ""},
	    {"/kubepods/pod3F2A9C04-1B7D-4E5F-8A90-C0FFEE123456", "", ""},
	    {"/kubepods/pod" STATIC_UID "0", "", ""},
	    {"/kubepods/tripod" UID, "", ""},
	    /* A bare id says nothing outside a pod or an engine's directory. */
	    {"/" ID, "", ""},
	    {"/system.slice/" ID, "", ""},
	    {"/system.slice/docker-0a1b2c3d4e5f.scope", "", ""},
	    {"/system.slice/docker-" ID "0.scope", "", ""},
	    {"/system.slice/docker-" ID ".service", "", ""},
	    {"/system.slice/docker-.scope", "", ""},
	    {"/system.slice/docker.service", "", ""},
	    {"/docker/0a1b2c3d4e5f", "", ""},
	    {"/system.slice/docker-0A1B2C3D4E5F60718293A4B5C6D7E8F900112233445566778899AABBCCDDEEFF"
	     ".scope",
		"", ""},
	    {"/a:b:c", "", ""},
	    {"/:", "", ""},
	};

	(void)state;
	ASSERT_ALL(forms);
}

static void a_very_long_component_is_nothing(void **state)
{
	char path[4096];
	struct form form = {path, "", ""};

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_parsed(&form);
	/* What comes after it still counts. */
	snprintf(path, sizeof(path), "/%0300d/docker/" ID, 0);
	form.id = ID;
	assert_parsed(&form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(systemd_driver),
	    cmocka_unit_test(cgroupfs_driver),
	    cmocka_unit_test(drivers_that_differ),
	    cmocka_unit_test(static_pods_have_a_hash),
	    cmocka_unit_test(the_pod_itself_has_no_container),
	    cmocka_unit_test(below_the_container),
	    cmocka_unit_test(without_kubernetes),
	    cmocka_unit_test(a_prefix_of_the_kubelet),
	    cmocka_unit_test(a_node_in_a_container),
	    cmocka_unit_test(what_is_none),
	    cmocka_unit_test(a_very_long_component_is_nothing),
	};

	return cmocka_run_group_tests_name("container", tests, NULL, NULL);
}
