// SPDX-License-Identifier: Apache-2.0
// Who has ports, by a name that people know: the service, or the pod. `cgroup` stays, without a pod's containers:
// it is the whole path, and what the view of one owner is asked for.
function(config) {
  local o = self,
  local hosts = (import 'hosts.libsonnet')(config),
  local q = (import 'queries.libsonnet')(config),

  // One name for each uid: two kube-state-metrics, or one that restarts, must not fail the query.
  local onPod = hosts.within(['pod_uid']),
  local pods = 'topk by (%s) (1, label_join(label_replace(kube_pod_info{%s}, "pod_uid", "$1", "uid", "(.+)"), "owner", "/", "namespace", "pod"))'
               % [onPod, hosts.others('uid!=""')],

  // …/orders.service → orders.service; a container's id → its first twelve digits; a pod → pod and the uid's first eight.
  local short(expr) = |||
    label_replace(
      label_replace(
        label_replace(
          label_replace(
            %s,
            "owner", "the root cgroup", "cgroup", "/"
          ),
          "owner", "$1", "cgroup", "(?:.*/)?([^/]+)/?"
        ),
        "owner", "$1", "cgroup", ".*/([a-z-]*[0-9a-f]{12})[0-9a-f]{52}(?:[.]scope)?"
      ),
      "owner", "pod $1", "pod_uid", "([0-9a-f]{8}).*"
    )
  ||| % q.deeper(expr, 8),

  // With the cgroup of the pod in place of its containers'.
  ofPod(expr):: |||
    label_replace(
      %s,
      "cgroup", "$1", "cgroup", "(.*/[^/]*pod[0-9a-f]{8}[-_][^/]*)/.*"
    )
  ||| % q.deeper(expr, 2),

  // A pod by namespace and name, where this Prometheus has kube_pod_info.
  named(expr):: o.ofPod(|||
    (
      %s
    )
    * on (%s) group_left (owner)
    %s
    or ignoring (owner)
    %s
  ||| % [q.deeper(expr, 2), onPod, pods, q.deeper(short(expr), 0)]),

  // expr keeps cgroup, pod_uid and container_id. labels: what else tells series apart, each with a comma behind it.
  by(expr, labels=''):: |||
    sum by (%sowner, cgroup) (
      %s
    )
  ||| % [labels, q.deeper(o.named(expr), 2)],

  // The same of what is of no pod.
  byService(expr, labels=''):: |||
    sum by (%sowner, cgroup) (
      %s
    )
  ||| % [labels, q.deeper(short(expr), 2)],

  // The largest ones over the time shown, chosen at its end.
  top(count, expr, atEnd, labels=''):: |||
    %sand on (%sowner, cgroup)
    topk(%d,
      %s
    )
  ||| % [o.by(expr, labels), labels, count, q.deeper(o.by(atEnd, labels), 2)],
}
