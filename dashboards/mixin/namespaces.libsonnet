// SPDX-License-Identifier: Apache-2.0
// Which pod runs out, of those that have a network of their own: what exporters with --namespaces=all tell of
// the other network namespaces of their hosts. They know pods' names, so kube-state-metrics is not needed.
local p = import 'panels.libsonnet';

function(config)
  local labels = config.namespaceLabels;
  local netns = labels[0];
  local matchers = std.join(', ', ['%s=~"$%s"' % [label, label] for label in labels[:3]]);

  local hosts = (import 'hosts.libsonnet')(config);
  local owners = (import 'owners.libsonnet')(config);
  // Of the namespaces that are chosen, and of their hosts.
  local q = (import 'queries.libsonnet')(config, chosen=matchers);
  local own = {
    hosts: (import 'hosts.libsonnet')(config, own=true),
    q: (import 'queries.libsonnet')(config, own=true),
  };
  local byNetns = (import 'queries.libsonnet')(config, named=false);
  local m = q.metric;
  local off = 'no exporter runs with --namespaces=all';

  local top(count, operator, metric) =
    hosts.inside(q.top(count, hosts.perHost(operator, m(metric)), hosts.perHost(operator, m(metric) + ' @ end()')));

  // The fullest ones, with those that have no outgoing connection. Ties would let topk() choose others for each column.
  local fullest = |||
    topk(110,
      %s
      or
      0 * %s
    )
  ||| % [q.worst, q.usable];
  local ofFullest(expr) = hosts.inside('%s\nand %s\n%s' % [expr, q.onHost, q.deeper(fullest, 0)]);

  // shop/orders-7d9f8c6b5-x2x7q → orders, by the names that Deployments, StatefulSets and DaemonSets give their pods.
  local workload(expr) = |||
    label_replace(
      label_replace(
        label_replace(
          %s,
          "workload", "$1", "pod", "(.+)"
        ),
        "workload", "$1", "pod", "(.+)-(?:[0-9]+|[bcdfghjklmnpqrstvwxz2456789]{5})"
      ),
      "workload", "$1", "pod", "(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
    )
  ||| % q.deeper(expr, 6);
  local byWorkload(operator, expr) = '%s by (%s) (\n  %s\n)' % [
    operator,
    hosts.within(['namespace', 'workload']),
    q.deeper(workload(expr), 2),
  ];
  local ports = hosts.perHost('sum', m('ephemera_destination_ports', 'state!="reusable"'));
  local ofHosts(operator, metric) = own.hosts.perHost(operator, own.q.metric(metric));

  // Those in a namespace: a container, or a service. Their own labels are the owner's, so the namespace's come from elsewhere.
  // expr keeps these. more: what else tells its series apart, each with a comma behind it.
  local inIt(expr, more='') =
    local host = (import 'hosts.libsonnet')(config, named=false).host;
    hosts.inside(|||
      %s
      * on (%s) group_left (%s)
      (%s >= bool 0)
    ||| % [
      q.deeper(owners.byService('label_replace(\n  %s,\n  "pod_uid", "", "", ""\n)' % q.deeper(expr, 2), host + ', ' + more), 0),
      host,
      std.join(', ', labels[1:]),
      q.usable,
    ]);
  local ofChosen = '%s=~"$%s"' % [netns, netns];

  // What collector exhaustion counts in these namespaces, and what of all of it is not in the list: more than 0.
  local failed(listed, first, other) = own.q.orSayCounted(hosts.inside(|||
    (
      %s
    ) > 0.5
    or
    label_replace(
      %s > 0.5,
      "%s", "all others", "", ""
    )
  ||| % [q.deeper(listed, 2), q.deeper(hosts.perHost('sum', '\n  %s\n' % q.deeper(q.grown(other, '$__range'), 2)), 2), first]), 'inside', 'none failed');
  local failedDestinations = failed(
    hosts.perHost('sum', '\n  %s\n' % q.deeper(q.grown('ephemera_destination_port_exhaustion_errors_total', '$__range'), 2), ['destination', 'destination_port']),
    'destination',
    'ephemera_other_destination_port_exhaustion_errors_total'
  );
  local failing = hosts.perHost('sum', '\n  %s\n' % q.deeper(q.grown('ephemera_port_exhaustion_errors_total', '$__rate_interval'), 2));
  local failedOwners = own.q.orSayCounted(
    '(\n  %s\n) > 0.5\n' % q.deeper(inIt(byNetns.grown('ephemera_owner_port_exhaustion_errors_total', '$__range', ofChosen)), 2), 'inside', 'none failed'
  );

  local choice(name, title, before, everything) = p.query(
    name,
    title,
    'label_values(ephemera_range_usable_ports{%s}, %s)' % [std.join(', ', [hosts.matchers(), '%s!=""' % netns] + before), name],
    everything=everything
  );

  p.dashboard(
    config,
    config.dashboards.namespacesUid,
    'Ephemeral ports / Namespaces',
    'Which pod with a network of its own runs out of ephemeral ports, towards which destination, and because of whom. For exporters with --namespaces=all.',
    p.hostVariables(config) + [
      choice('namespace', 'Namespace', ['pod_uid!=""'], '.*'),
      choice('pod', 'Pod', ['pod_uid!=""', 'namespace=~"$namespace"'], '.*'),
      choice(netns, 'Network namespace', ['namespace=~"$namespace"', 'pod=~"$pod"'], '.+'),
    ],
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Host', 'One host in detail', config.dashboards.hostUid),
      p.dashboardLink(config, 'Kubernetes', 'Pods that share the network of their node', config.dashboards.kubernetesUid),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      p.row(null, [
        p.stat(
          'Fullest of all',
          'The share of its ports that the fullest network namespace has taken towards one destination, of all namespaces of these hosts, shown or not. From 50 % on connect() is slow; at 100 % it fails. Red: the first row of the table below names the pod, unless it is not shown.',
          own.q.max('ephemera_worst_namespace_usage_ratio'),
          p.ratio,
          p.pressure(config),
          decimals=1,
          noValue=off,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'Fullest pod',
          'Of the chosen ones the pod, or the network namespace without a pod, whose fullest destination has taken the largest share of its ports.',
          hosts.inside('topk(1, %s)' % q.worst),
          p.ratio,
          p.pressure(config),
          decimals=1,
          legend='{{inside}}',
          textMode='value_and_name',
          width=6,
          noValue=off,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'Full',
          'Network namespaces of these hosts with a destination that has no port left, shown or not. Red: new connections of these pods fail. Alerts and the table below name them.',
          'sum(%s)' % own.q.metric('ephemera_namespaces', 'pressure="full"'),
          'none',
          p.alarmFrom(1),
          width=3,
          noValue=off,
        ) + p.runbook(config, 'EphemeralPortsFull'),
        p.stat(
          'Slow',
          'Network namespaces of these hosts with a destination at 50 % or more, shown or not. There connect() first searches half of the range in vain, but nothing fails yet.',
          'sum(%s)' % own.q.metric('ephemera_namespaces', 'pressure=~"half|high"'),
          'none',
          p.warnFrom(1),
          width=3,
          noValue=off,
        ) + p.runbook(config, 'EphemeralPortsHalfUsed'),
        p.stat(
          'Namespaces',
          'All network namespaces of these hosts, shown or not: about as many as pods that do not use hostNetwork.',
          'sum(%s)' % own.q.metric('ephemera_namespaces'),
          p.number,
          p.none,
          width=4,
          noValue=off,
        ),
        p.stat(
          'Not shown',
          'Network namespaces that no series names, since --namespaces.limit others of their host are fuller. Their pressure is counted above. Blue: raise the limit if one of them matters.',
          'sum(%s)' % own.q.metric('ephemera_unshown_namespaces'),
          p.number,
          p.told,
          width=4,
          noValue=off,
        ),
      ]),
      p.row('Which pod, towards whom', [
        p.table(
          'Pods and other network namespaces',
          'The fullest ones of those that are chosen. Used: share of the ports towards the fullest destination. Ports: towards all destinations that are shown. Usable: what a destination can have. Queue: the fullest accept queue. Pool: the fullest pool of bind(0) and UDP. –: none. One without a pod has its name or number. Click a pod to see it alone.',
          [
            ['Used', ofFullest(q.worst)],
            ['Ports', ofFullest(ports)],
            ['Usable', ofFullest(q.usable)],
            ['TIME_WAIT', ofFullest(hosts.perHost('sum', m('ephemera_time_wait_sockets')))],
            ['Queue', ofFullest(hosts.perHost('max', m('ephemera_worst_accept_queue_usage_ratio')))],
            ['Pool', ofFullest(hosts.perHost('max', m('ephemera_worst_address_usage_ratio')))],
          ],
          hosts.columns + p.inside(config, 260) + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 130 }],
            ['Value #Used', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) } }],
            ['Value #Ports', 'Ports', { unit: p.number, 'custom.width': 80 }],
            ['Value #Usable', 'Usable', { unit: p.number, 'custom.width': 80 }],
            ['Value #TIME_WAIT', 'TIME_WAIT', { unit: p.number, 'custom.width': 95 }],
            ['Value #Queue', 'Queue', p.tinted(p.ratio, p.warnFrom(config.acceptQueueRatio)) { decimals: 0 } + p.wide(70)],
            ['Value #Pool', 'Pool', p.tinted(p.ratio, p.warnFrom(config.addressPoolRatio)) { decimals: 0 } + p.wide(70)],
          ],
          width=24,
          height=10,
          sortBy='Used',
          noValue=off,
        ),
        p.table(
          'Fullest destinations',
          'Share of its ports that each destination of these pods has taken: towards whom they run out. Click a destination to see who else uses it.',
          hosts.inside(q.fullest(50)),
          hosts.columns + p.inside(config, 150) + [
            ['source', 'From', p.wide(100)],
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) } }],
          ],
          width=14,
          height=9,
          sortBy='Used',
          noValue=off,
        ),
        p.series(
          'Worst destination of each pod',
          'The ten fullest at the end of the time shown. The dashed lines: from 50 % on connect() is slow, at 100 % it fails. A line that climbs steadily is a leak or a pool without a limit. Click a line to see the pod alone.',
          [p.target(top(10, 'max', 'ephemera_worst_destination_usage_ratio'), '{{inside}} {{instance}}')],
          p.ratio,
          width=10,
          height=9,
          lines=p.pressureLines(config),
          softMax=1,
          links=[p.namespaceFromLine(config)],
          table=false,
          noValue=off,
        ),
        p.table(
          'Who in it',
          'The containers and services with the most active connections to each destination of these pods, by the first digits of the container’s id. Ports in TIME_WAIT have no owner any more.',
          'topk(100,\n  %s\n)' % q.deeper(inIt(byNetns.metric('ephemera_destination_owner_ports', ofChosen), 'destination, destination_port, '), 2),
          hosts.columns + p.inside(config, 150) + p.owner(config, null) + [
            ['destination', 'To', p.wide(110)],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Ports', { unit: p.number, 'custom.width': 75 }],
          ],
          width=14,
          sortBy='Ports',
          noValue='no owner is known',
        ),
        p.table(
          'Workloads',
          'Pods of one Deployment, StatefulSet or DaemonSet as one, by their names. Fullest: of its pods. If all of its pods are full, more pods help; if one is, look at how they share the load.',
          [
            ['Pods', byWorkload('count', hosts.perHost('max', m('ephemera_range_usable_ports', 'pod_uid!=""')))],
            ['Ports', byWorkload('sum', hosts.perHost('sum', m('ephemera_destination_ports', 'state!="reusable", pod_uid!=""')))],
            ['Used', byWorkload('max', hosts.perHost('max', m('ephemera_worst_destination_usage_ratio', 'pod_uid!=""')))],
          ],
          hosts.columns + [
            ['namespace', 'Namespace', p.wide(75)],
            ['workload', 'Workload', {}],
            ['Value #Pods', 'Pods', { unit: p.number, 'custom.width': 50 }],
            ['Value #Ports', 'Ports', { unit: p.number, 'custom.width': 65 }],
            ['Value #Used', 'Fullest', p.tinted(p.ratio, p.pressure(config)) { decimals: 1 } + p.wide(65)],
          ],
          width=10,
          sortBy='Fullest',
          noValue='no pod is known',
        ),
        p.series(
          'Network namespaces by pressure',
          'All network namespaces of these hosts, shown or not, by the share of the ports that their fullest destination has taken. Low: below 50 %. Half: connect() is slow. High: from 90 % on. Full: connect() fails.',
          [p.target(own.q.sumBy('pressure', 'ephemera_namespaces'), '{{pressure}}')],
          p.number,
          width=8,
          stack=true,
          overrides=[p.colorOf('low', 'green'), p.colorOf('half', 'yellow'), p.colorOf('high', 'orange'), p.colorOf('full', 'red')],
          noValue=off,
        ),
        p.series(
          'Ports by namespace',
          'Ports of the chosen pods towards the destinations that are shown, by Kubernetes namespace. Ask the team whose namespace grows.',
          [p.target('sum by (namespace) (%s)' % m('ephemera_destination_ports', 'state!="reusable", pod_uid!=""'), '{{namespace}}')],
          p.number,
          width=8,
          stack=true,
          noValue='no pod is known',
        ),
        p.table(
          'Hosts',
          'The network namespaces of each host. Fullest: of all of them, shown or not. Not shown: since others are fuller (--namespaces.limit). Untracked: ports that had no place in memory; from one on the fullest may be missing.',
          [
            ['Fullest', 'topk(100, %s)' % ofHosts('max', 'ephemera_worst_namespace_usage_ratio')],
            ['Namespaces', ofHosts('sum', 'ephemera_namespaces')],
            ['Not shown', ofHosts('max', 'ephemera_unshown_namespaces')],
            ['Untracked', ofHosts('max', 'ephemera_untracked_namespace_ports')],
          ],
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 70 }],
            ['Value #Fullest', 'Fullest', p.tinted(p.ratio, p.pressure(config)) { decimals: 1 } + p.wide(60)],
            ['Value #Namespaces', 'All', { unit: p.number, 'custom.width': 40 }],
            ['Value #Not shown', 'Not shown', p.tinted(p.number, p.told) + p.wide(60)],
            ['Value #Untracked', 'Untracked', p.tinted(p.number, p.warnFrom(1)) + p.wide(65)],
          ],
          width=8,
          sortBy='Fullest',
          noValue=off,
        ),
      ], collapsed=false),
      p.row('Failures', [
        p.series(
          'connect() without a port',
          'How often connect() found no port, in the interval before each point, of the ten pods with the most then. The kernel counts each failure as it happens. Click a line to see the pod alone.',
          [p.target(hosts.inside('topk(10, %s) > 0' % failing), '{{inside}} {{instance}}')],
          p.number,
          width=24,
          links=[p.namespaceFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
        p.table(
          'Destinations without a port',
          'How often connect() of each pod failed towards each destination in the time shown. The destination may be far from full by now. “All others”: the exporter names the three with the most of each namespace.',
          failedDestinations,
          hosts.columns + p.inside(config, 150) + [
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
          ],
          width=12,
          sortBy='Failed',
          noValue=p.uncounted,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.table(
          'Owners without a port',
          'The containers and services of these pods whose connect() or bind() found no port in the time shown: the two with the most of each namespace. Another one may hold the ports: see “Who in it”.',
          failedOwners,
          hosts.columns + p.inside(config, 150) + p.owner(config, null) + [
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
          ],
          width=12,
          sortBy='Failed',
          noValue=p.uncounted,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
      ]),
      p.row('Other limits', [
        p.series(
          'Fullest accept queue',
          'The ten pods with the fullest accept queue. At 100 % the next connection is dropped, and the client waits a second or more to try again. Above the line: the program does not accept() fast enough, or its backlog or somaxconn is too small.',
          [p.target(top(10, 'max', 'ephemera_worst_accept_queue_usage_ratio'), '{{inside}} {{instance}}')],
          p.ratio,
          width=12,
          lines=p.limitLines(config.acceptQueueRatio),
          softMax=1,
          links=[p.namespaceFromLine(config)],
          table=false,
          noValue='all are empty',
        ) + p.runbook(config, 'AcceptQueueFull'),
        p.series(
          'Fullest pool of bind(0) and UDP',
          'The ten pods whose pool is fullest. At 100 % bind() to port 0 fails with “Address already in use”, and a UDP connect() or sendto() with “Resource temporarily unavailable”.',
          [p.target(top(10, 'max', 'ephemera_worst_address_usage_ratio'), '{{inside}} {{instance}}')],
          p.ratio,
          width=12,
          lines=p.limitLines(config.addressPoolRatio),
          softMax=1,
          links=[p.namespaceFromLine(config)],
          table=false,
          noValue='all are empty',
        ) + p.runbook(config, 'EphemeralPortsAddressPoolNearlyFull'),
        p.series(
          'TIME_WAIT',
          'Sockets in TIME_WAIT of the ten pods with the most. Their ports come back within 60 s. Many, and few open connections: keep-alive or a pool avoids them.',
          [p.target(top(10, 'sum', 'ephemera_time_wait_sockets'), '{{inside}} {{instance}}')],
          p.number,
          width=12,
          links=[p.namespaceFromLine(config)],
          table=false,
          noValue='none',
        ),
        p.table(
          'Services that can be locked out',
          'Listeners of these pods inside the range whose port is not reserved. While such a service restarts, an outgoing connection of its pod can take its port. Then it does not start: “Address already in use”.',
          'topk(100,\n  %s\n)' % q.deeper(q.orSay(hosts.inside(q.squatters), 'inside', 'no such service'), 2),
          hosts.columns + p.inside(config, 200) + [
            ['protocol', 'Protocol', p.wide(80)],
            ['address', 'Address', p.wide(120)],
            ['port', 'Port', p.wide(60)],
          ],
          width=12,
          noValue=off,
        ) + p.runbook(config, 'EphemeralPortsListenerInRange'),
      ]),
    ],
  )
