// SPDX-License-Identifier: Apache-2.0
// Which pod holds the ports. The exporter knows a pod's uid from its cgroup; kube-state-metrics knows
// the uid's name. An exporter sees the network namespace that it runs in: as a DaemonSet with
// hostNetwork the pods that share the node's network, as a sidecar its own pod.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local owners = (import 'owners.libsonnet')(config);
  local m = q.metric;

  // What names a pod, and a host's ports of one.
  local onPod = hosts.within(['pod_uid']);
  local pod = hosts.within(['namespace', 'pod']);
  local podOfHost = hosts.host + ', pod_uid';

  // One name for each uid: two kube-state-metrics, or one that restarts, must not fail the query.
  local named(pods) = |||
    topk by (%s) (1,
      label_replace(
        %s,
        "pod_uid", "$1", "uid", "(.+)"
      )
    )
  ||| % [onPod, pods];
  local chosen(at) = named('kube_pod_info{%s}%s' % [hosts.others('uid!="", namespace=~"$namespace", pod=~"$pod"'), at]);
  local any(at='') = named('kube_pod_info{%s}%s' % [hosts.others('uid!=""'), at]);

  local owned(by, at='') = 'sum by (%s) (%s%s)' % [by, m('ephemera_owner_ports', 'pod_uid!=""'), at];
  local ports(labels=podOfHost, at='') = |||
    %s
    * on (%s) group_left (namespace, pod, node)
    %s
  ||| % [owned(labels, at), onPod, q.deeper(chosen(at), 0)];
  local by(labels, of=ports()) = 'sum by (%s) (\n  %s\n)' % [labels, q.deeper(of, 2)];
  // As crictl prints it.
  local shortId(of) = 'label_replace(\n  %s,\n  "container_id", "$1", "container_id", "(.{13}).*"\n)' % q.deeper(of, 2);
  local unknown(labels) = |||
    sum by (%s) (
      %s
      unless on (%s)
      %s
    )
  ||| % [labels, owned(podOfHost), onPod, q.deeper(any(), 2)];

  // Calls that found no port, by pod: all of them, so what is of no pod that is known, too.
  local failures(window, above='', at='') =
    local pods(more) = q.grown('ephemera_owner_port_exhaustion_errors_total', window, more, at);
    local of(name, expr) = |||
      label_replace(
        sum by (%s) (
          %s
        )%s,
        "pod", "%s", "", ""
      )
    ||| % [hosts.host, q.deeper(expr, 4), above, name];
    |||
      sum by (namespace, pod, %(host)s) (
        sum by (%(podOfHost)s) (
          %(owned)s
        )
        * on (%(onPod)s) group_left (namespace, pod)
        %(chosen)s
      )%(above)s
      or
      %(unknown)s
      or
      %(none)s
      or
      %(others)s
    ||| % {
      above: above,
      host: hosts.host,
      podOfHost: podOfHost,
      onPod: onPod,
      owned: q.deeper(pods('pod_uid!=""'), 4),
      chosen: q.deeper(chosen(at), 2),
      unknown: std.rstripChars(of('pods without a name', |||
        (
          %s
        )
        unless on (%s)
        %s
      ||| % [q.deeper(pods('pod_uid!=""'), 2), onPod, any(at)]), '\n'),
      none: std.rstripChars(of('no pod', pods('pod_uid=""')), '\n'),
      others: std.rstripChars(of('all others', 'increase(%s[%s]%s)' % [m('ephemera_other_owner_port_exhaustion_errors_total'), window, at]), '\n'),
    };

  p.dashboard(
    config,
    config.dashboards.kubernetesUid,
    'Ephemeral ports / Kubernetes',
    'Which pod holds the ephemeral ports: the ports by cgroup, joined with kube_pod_info of kube-state-metrics on the pod’s uid.',
    p.hostVariables(config) + [
      p.query('namespace', 'Namespace', 'label_values(kube_pod_info%s, namespace)' % (if hosts.clustered then '{%s}' % hosts.others() else '')),
      p.query('pod', 'Pod', 'label_values(kube_pod_info{%s}, pod)' % hosts.others('namespace=~"$namespace"')),
    ],
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Host', 'One host in detail', config.dashboards.hostUid),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      p.row(null, [
        p.stat(
          'Worst destination',
          'The fullest destination of these hosts: the share of its ports that is taken. From 50 % on connect() to it is slow; at 100 % it fails with “Cannot assign requested address”. Red: see below which host and destination, and which pod has the most ports there.',
          'max(%s)' % m('ephemera_worst_destination_usage_ratio'),
          p.ratio,
          p.pressure(config),
          decimals=1,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'Half-full hosts',
          'Hosts where connect() is slow or fails: half of the ports of their fullest destination are taken, or more. Pods on the host’s network share its ports: one pod may fail while another holds the ports.',
          'sum(%s >= bool %g)' % [q.worst, config.halfUsedRatio],
          'none',
          p.warnFrom(1),
        ) + p.runbook(config, 'EphemeralPortsHalfUsed'),
        p.stat(
          'Largest pod',
          'The pod that holds the most ports, and how many. If a destination is full, look at this pod first.',
          q.orSay('topk(1, %s)' % by(pod), 'pod', 'none'),
          p.number,
          p.none,
          legend='{{pod}}',
          textMode='value_and_name',
          width=5,
        ),
        p.stat(
          'Ports of pods',
          'Ports that outgoing connections of the chosen pods hold, all destinations together. This can be more than the range, since each destination can have all of it.',
          q.orValue('sum(\n  %s\n)' % q.deeper(ports(), 2), 0),
          p.number,
          p.none,
        ),
        p.stat(
          'No owner',
          'Ports without an owner, mostly in TIME_WAIT: they belong to no pod any more, and come back within 60 s. Many more than the ports of the pods: short connections; keep-alive or a pool avoids them.',
          'sum(%s)' % m('ephemera_unowned_ports'),
          p.number,
          p.none,
          width=3,
        ),
        p.stat(
          'Unknown pods',
          'Ports of pods whose uid kube-state-metrics does not know. Orange: kube-state-metrics is not scraped, or it belongs to another cluster. Pods from files of the kubelet (static pods) are never known. “Pods without a name” below lists them.',
          q.orValue('sum(\n  %s\n)' % q.deeper(unknown(hosts.host), 2), 0),
          p.number,
          p.warnFrom(1),
        ),
      ]),
      p.row('Which pod', [
        p.table(
          'Pods',
          'The pods with the most ports, and where they run. If a destination of their host is full, look at the first ones: do they keep connections open, limit their pool, and close what they open? Click the host for its destinations, the pod for its own.',
          'topk(50,\n  %s\n)' % q.deeper(q.orSay(by('namespace, pod, node, cgroup, ' + hosts.host, owners.ofPod(ports(podOfHost + ', cgroup, container_id'))), 'pod', 'none of these pods has ports'), 2),
          hosts.columns + [
            ['namespace', 'Namespace', p.wide(100)],
            ['pod', 'Pod', { links: [p.ownerFromCell(config)] }],
            ['cgroup', 'Cgroup', p.unseen],
            ['node', 'Node', p.wide(90)],
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 90 }],
            ['Value', 'Ports', { unit: p.number, 'custom.width': 75 }],
          ],
          width=14,
          height=10,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
        p.series(
          'Ports by pod',
          'The fifteen pods with the most ports at the end of the time shown. A pod that climbs and never falls leaks connections. A pod that jumps with the traffic needs a pool or keep-alive.',
          [p.target(
            q.orSay(
              |||
                %s
                and on (%s)
                topk(15, %s)
              ||| % [by(pod), pod, by(pod, ports(at=' @ end()'))],
              'pod',
              'none of these pods has ports'
            ),
            '{{pod}} {{namespace}}'
          )],
          p.number,
          width=10,
          height=10,
        ),
        p.table(
          'Fullest destinations of these hosts',
          'Share of its ports that each destination has taken. Orange and red: look first at the pods of that host with the most ports. Click the host for details.',
          q.fullest(20),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
            ['source', 'From', p.wide(115)],
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) } }],
          ],
          width=14,
          height=9,
          sortBy='Used',
          noValue='no exporter answers',
        ),
        p.series(
          'Worst destination of each host',
          'The ten worst hosts at the end of the time shown. The dashed lines: from 50 % on connect() is slow, at 100 % it fails, for each pod on that host’s network. Click a line to open the host.',
          [p.target(q.top(10, q.worst, hosts.perHost('max', m('ephemera_worst_destination_usage_ratio') + ' @ end()')), hosts.legend)],
          p.ratio,
          width=10,
          height=9,
          lines=p.pressureLines(config),
          softMax=1,
          links=[p.hostFromLine(config)],
          table=false,
        ),
        p.table(
          'Pods that found no port',
          'How often connect() or bind() of each pod found no port in the time shown, counted by the kernel. These pods fail; on a shared network another pod may hold the ports. “No pod”: services of the node. “Pods without a name”: kube-state-metrics does not know them. “All others”: the exporter does not show them one by one.',
          'topk(50,\n  %s\n)' % q.deeper(q.orSayCounted(failures('$__range', ' > 0.5'), 'pod', 'none failed'), 2),
          hosts.columns + [
            ['namespace', 'Namespace', p.wide(100)],
            ['pod', 'Pod', {}],
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 75 }],
          ],
          width=12,
          height=8,
          sortBy='Failed',
          noValue=p.uncounted,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.series(
          'Failures by pod',
          'How often connect() or bind() found no port, in the interval before each point, for the fifteen pods that failed most in the time shown. One pod in bursts: it needs a pool or keep-alive. All pods of a host at once: look which pod holds its ports.',
          [p.target(
            |||
              sum by (%(pod)s) (
                %(now)s
              )
              and on (%(pod)s)
              topk(15,
                sum by (%(pod)s) (
                  %(most)s
                )
              )
            ||| % {
              pod: pod,
              now: q.deeper(failures('$__rate_interval'), 2),
              most: q.deeper(failures('$__range', at=' @ end()'), 4),
            },
            '{{pod}} {{namespace}}'
          )],
          p.number,
          width=12,
          height=8,
          noValue=p.uncounted,
        ) + p.whole,
      ], collapsed=false),
      p.row('By namespace and container', [
        p.series(
          'Ports by namespace',
          'All ports of the chosen pods, by namespace. Ask the team whose namespace grows.',
          [p.target(q.orSay(by('namespace'), 'namespace', 'none of these pods has ports'), '{{namespace}}')],
          p.number,
          width=10,
          stack=true,
        ),
        p.table(
          'Containers',
          'The containers with the most ports. The first digits of the id that the container runtime gave it: `crictl inspect ID` on the node names the container of the pod.',
          'topk(50,\n  %s\n)' % q.deeper(q.orSay(by(pod + ', container_id', shortId(ports(podOfHost + ', container_id'))), 'pod', 'none of these pods has ports'), 2),
          [
            ['namespace', 'Namespace', p.wide(100)],
            ['pod', 'Pod', {}],
            ['container_id', 'Container', p.wide(125)],
            ['Value', 'Ports', { unit: p.number, 'custom.width': 75 }],
          ],
          width=14,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
      ]),
      p.row('Services of the nodes, and pods without a name', [
        p.table(
          'Services of the nodes',
          'Ports of cgroups that belong to no pod: the kubelet, the container runtime, agents of the node. They take ports from the pods that share the node’s network. Point at a name to see its whole cgroup.',
          'topk(50,\n  %s\n)' % q.deeper(q.orSay(owners.byService(m('ephemera_owner_ports', 'pod_uid=""'), hosts.host + ', '), 'owner', 'no service has ports'), 2),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
          ] + p.owner(config, null) + [
            ['Value', 'Ports', { unit: p.number, 'custom.width': 75 }],
          ],
          width=12,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
        p.table(
          'Pods without a name',
          'Pods that have ports, and whose uid kube-state-metrics does not know. Static pods are always among them. If all pods are here, check that this Prometheus scrapes kube-state-metrics, and that kube_pod_info has the label uid.',
          'topk(50,\n  %s\n)' % q.deeper(q.orSay(unknown(podOfHost), 'pod_uid', 'all are known'), 2),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 95 }],
            ['pod_uid', 'Uid of the pod', {}],
            ['Value', 'Ports', { unit: p.number, 'custom.width': 75 }],
          ],
          width=12,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
      ]),
    ],
  )
