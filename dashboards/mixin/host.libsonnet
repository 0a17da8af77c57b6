// SPDX-License-Identifier: Apache-2.0
// One host: how its range is divided, towards whom it is used up, whose connections those are, and when
// ports come back. Each row is repeated for each host that is chosen, so that no legend has to name it.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config);
  local q = (import 'queries.libsonnet')(config);
  local m = q.metric;

  local max(metric) = 'max(%s)' % m(metric);
  local sumBy(label, metric, more='') = 'sum by (%s) (%s)' % [label, m(metric, more)];
  local rate(metric, more='') = 'sum(rate(%s[$__rate_interval]))' % m(metric, more);
  local rateBy(label, metric, more='') = 'sum by (%s) (rate(%s[$__rate_interval]))' % [label, m(metric, more)];

  local colors = {
    worst: 'orange',
    free: 'green',
    reserved: 'blue',
    bound: 'purple',
    active: 'blue',
    timeWait: 'orange',
    reusable: 'green',
  };

  // The fullest destination that is shown, and what of it is TIME_WAIT.
  local heldByTimeWait = |||
    max(
      sum by (%(host)s, source, destination, destination_port) (%(waiting)s)
      / %(taken)s
      and
      topk(1, %(again)s)
    )
  ||| % {
    host: hosts.host,
    waiting: m('ephemera_destination_ports', 'state="time_wait"'),
    taken: q.deeper(q.taken, 2),
    again: q.deeper(q.taken, 2),
  };

  // Quantiles of a histogram, [[0.5, 'name'], ...].
  local quantiles(metric, list) = p.targets([
    ['histogram_quantile(%g, sum by (le) (rate(%s[$__rate_interval])))' % [each[0], m(metric + '_bucket')], each[1]]
    for each in list
  ]);
  // Of connections that lived less than a second, and had 60 s of TIME_WAIT.
  local shortLeases = '%s - %s' % [
    rate('ephemera_port_lease_seconds_bucket', 'le="%s"' % bound)
    for bound in ['61.0', '60.0']
  ];
  local middleAndTails = [[0.5, 'half within'], [0.9, '90 % within'], [0.99, '99 % within']];

  // Of a list that collector exhaustion counts, and what of all of it is not in the list. above: only
  // what has failed; a graph has the zeros, too, or it would draw a line over them.
  local counted(labels, metric, other, window, above) = |||
    sum by (%(labels)s) (
      %(grown)s
    )%(above)s
    or
    label_replace(
      sum(increase(%(other)s[%(window)s]))%(above)s,
      "%(first)s", "all others", "", ""
    )
  ||| % {
    labels: labels,
    first: std.split(labels, ',')[0],
    grown: q.deeper(q.grown(metric, window), 2),
    other: m(other),
    window: window,
    above: above,
  };
  local countedDestinations(window, above='') = counted(
    'destination, destination_port',
    'ephemera_destination_port_exhaustion_errors_total',
    'ephemera_other_destination_port_exhaustion_errors_total',
    window,
    above
  );
  local countedOwners(window, above='') = q.fromPod(counted(
    'cgroup',
    'ephemera_owner_port_exhaustion_errors_total',
    'ephemera_other_owner_port_exhaustion_errors_total',
    window,
    above
  ));

  local row(title, panels, collapsed=true) = p.row('$instance: ' + title, panels, collapsed=collapsed, repeat='instance');

  p.dashboard(
    config,
    config.dashboards.hostUid,
    'Ephemeral ports / Host',
    'One host: how its range is divided, which destinations use it up, which services hold the ports, and when ports come back.',
    // Without All: each host that is chosen has rows of its own, and a fleet has too many.
    p.hostVariables(config, all=false),
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Kubernetes', 'By pod', config.dashboards.kubernetesUid, '${datasource:queryparam}&%s&${instance:queryparam}' % hosts.choices),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      row('now', [
        p.stat(
          'Worst destination',
          'Share of the ports that the fullest destination has taken. From 50 % on connect() to it takes about fifty times as long; at 100 % it fails with “Cannot assign requested address”. Red: the graph below names the destination, and “Who holds the ports” the service.',
          max('ephemera_worst_destination_usage_ratio'),
          p.ratio,
          p.pressure(config),
          decimals=1,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'connect() failed',
          'How often connect() found no port in the time shown, counted by the kernel: programs got “Cannot assign requested address”. Red: “Failures” below names the destinations and the services. “Not counted”: collector exhaustion is off, or it fails. Then “Worst destination” is the only sign of a failure, and failures between two scrapes are not seen.',
          'sum(increase(%s[$__range]))' % m('ephemera_port_exhaustion_errors_total'),
          p.number,
          p.alarmFrom(0.5),
          decimals=0,
          noValue='not counted',
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.stat(
          'Full in',
          'Time until the fullest destination has no port left, at the pace of the last %s or of the last %s, whichever is slower; 0 if it is full. Red: less than one hour. Find below what opens more and more connections, and stop or slow it.' % [config.predictWindow, config.predictRecentWindow],
          q.orValue('min(\n  %s\n)' % q.deeper(q.untilFull, 2), -1),
          's',
          p.soon,
          decimals=1,
          mappings=[p.valueMapping([['-1', 'not filling up', 'transparent'], ['0', 'full now', 'red']])],
          width=3,
        ) + p.runbook(config, 'EphemeralPortsFullSoon'),
        p.stat(
          'In TIME_WAIT',
          'The share of the fullest destination’s ports that is in TIME_WAIT. Near 100 %: connections open and close all the time. Keep them open (keep-alive, a pool), and ports come back within 60 s. Near 0 %: connections stay open. Look for a leak or a pool without a limit.',
          q.orValue(heldByTimeWait, -1),
          p.ratio,
          p.steps([['transparent', null]]),
          decimals=0,
          mappings=[p.valueMapping([['-1', 'too few ports', 'transparent']])],
          width=3,
        ),
        p.stat(
          'Capacity',
          'Share of the range that one destination can have: the ports that are neither reserved nor bound. Orange: a fifth or more of the range is lost to every connect(). See “The range”: reserve less, let services listen outside the range, or widen it.',
          'min(%s / %s)' % [m('ephemera_range_usable_ports'), m('ephemera_range_ports')],
          p.ratio,
          p.steps([['transparent', null], ['red', 0], ['orange', 0.5], ['transparent', 0.8]]),
          decimals=1,
          width=3,
        ),
        p.stat(
          'Fullest pool',
          'How full the fullest pool of bind(0) and UDP is; each local address has its own. At 100 % bind() to port 0 fails with “Address already in use”, and a UDP connect() with “Resource temporarily unavailable”, unless the sockets share ports (SO_REUSEADDR). Orange: see “Other pools”.',
          max('ephemera_worst_address_usage_ratio'),
          p.ratio,
          p.steps([['transparent', null], ['orange', config.addressPoolRatio], ['red', 1]]),
          decimals=1,
          width=3,
        ) + p.runbook(config, 'EphemeralPortsAddressPoolNearlyFull'),
        p.stat(
          'Fullest accept queue',
          'How full the fullest accept queue is. At 100 % the next connection is dropped, and its client waits a second or more. Orange: the program does not accept() fast enough, or its backlog is too small; “Other pools” names the listener.',
          max('ephemera_worst_accept_queue_usage_ratio'),
          p.ratio,
          p.steps([['transparent', null], ['orange', config.acceptQueueRatio], ['red', 1]]),
          decimals=1,
          width=4,
        ) + p.runbook(config, 'AcceptQueueFull'),
        p.series(
          'Fullest destinations',
          'Share of its ports that each destination has taken; reusable ports do not count. The dashed lines: from 50 % on connect() is slow, at 100 % it fails. Steady growth: a leak, or a pool without a limit. A jump: a burst of short connections. To do now: fewer connections, or another source address. For good: keep-alive and pooling. Destinations with fewer than 100 ports (the default) are not shown; “fullest” always is.',
          [
            p.target(q.usage, '{{source}} → {{destination}}:{{destination_port}}', 'A'),
            p.target('max by (family) (%s)' % m('ephemera_worst_destination_usage_ratio'), 'fullest, {{family}}', 'B'),
          ],
          p.ratio,
          width=14,
          height=10,
          lines=p.pressureLines(config),
          softMax=1,
          overrides=[p.byRegexp('fullest, .*', {
            color: { mode: 'fixed', fixedColor: 'text' },
            'custom.lineStyle': { fill: 'dot', dash: [2, 6] },
            'custom.lineWidth': 1,
          })],
        ) + p.runbook(config, 'EphemeralPortsHalfUsed'),
        p.series(
          'The range',
          'How the range is divided: what the fullest destination has taken, what it can still have, and what no destination can have, because it is reserved or bound. Little green: make fewer connections to this destination, or use more source addresses. Much purple: listeners or bind() inside the range; move them out of it. Much blue: a long ip_local_reserved_ports.',
          p.targets([
            [max('ephemera_worst_destination_ports'), 'fullest destination'],
            ['clamp_min(%s - %s, 0)' % [max('ephemera_range_usable_ports'), max('ephemera_worst_destination_ports')], 'free for it'],
            ['max by (holder) (%s)' % m('ephemera_range_bound_ports'), 'bound: {{holder}}'],
            [max('ephemera_range_reserved_ports'), 'reserved'],
          ]),
          p.number,
          width=10,
          height=10,
          stack=true,
          overrides=[
            p.colorOf('fullest destination', 'orange'),
            p.colorOf('free for it', 'green'),
            p.colorOf('reserved', 'blue'),
            p.colorOf('bound: listen', 'dark-purple'),
            p.colorOf('bound: bound', 'purple'),
            p.colorOf('bound: connected', 'light-purple'),
          ],
        ),
        p.table(
          'What holds the ports of each destination',
          'Ports of the fullest destinations. Active: open connections; many mean a leak or a pool without a limit. TIME_WAIT: closed less than 60 s ago; many mean short connections, which keep-alive or a pool avoids. Reusable: in TIME_WAIT, but connect() may take them now; they do no harm. A host with no destination large enough to be shown has one row.',
          // The row that says that there is none needs a state, too, to have a column.
          'label_replace(\n  %s,\n  "state", "active", "state", ""\n)' % q.deeper(
            q.orSay(
              'sum by (path, state) (\n  %s\n)\n' % q.deeper(q.path(m('ephemera_destination_ports')), 2),
              'path',
              'too few ports to be shown'
            ), 2
          ),
          [
            ['path\\state', 'Destination', {}],
            ['active', 'Active', { unit: p.number, 'custom.width': 90 }],
            ['time_wait', 'TIME_WAIT', { unit: p.number, 'custom.width': 110 }],
            ['reusable', 'Reusable', { unit: p.number, 'custom.width': 100 }],
          ],
          width=10,
          height=10,
          sortBy='Active',
          matrix=['state', 'path'],
          noValue='the exporter does not answer',
        ),
        p.series(
          'Who holds the ports',
          'Leased ports by cgroup: the service, container or pod that opened the connections. No owner: mostly ports in TIME_WAIT, which belong to no process any more. “…pod” and a uid is a pod: the Kubernetes dashboard has its name. Look at the largest one first; `ephemera destinations` on the host names each destination with its cgroup.',
          [
            p.target(q.fromPod(sumBy('cgroup', 'ephemera_owner_ports')), '{{cgroup}}', 'A'),
            p.target('sum(%s)' % m('ephemera_other_owner_ports'), 'all others', 'B'),
            p.target('sum(%s)' % m('ephemera_unowned_ports'), 'no owner (TIME_WAIT)', 'C'),
          ],
          p.number,
          width=14,
          height=10,
          stack=true,
          overrides=[p.colorOf('no owner (TIME_WAIT)', 'dark-orange'), p.colorOf('all others', 'text')],
        ),
      ], collapsed=false),
      row('failures', [
        p.series(
          'connect() without a port',
          'How often connect() found no port for its destination, in the interval before each point; the kernel counts each failure as it happens. 0 is good. No data: collector exhaustion is off (--collector.exhaustion), or it fails: “The exporter itself” then shows it in red.',
          [p.target('sum by (family) (increase(%s[$__rate_interval]))' % m('ephemera_port_exhaustion_errors_total'), '{{family}}')],
          p.number,
          width=8,
          noValue=p.uncounted,
        ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
        p.series(
          'Failures by destination',
          'The destinations that connect() found no port for, in the interval before each point. One destination: give that client a pool, or more source addresses. Many at once: the range is small, or much of it is bound or reserved.',
          [p.target(countedDestinations('$__rate_interval'), '{{destination}} {{destination_port}}')],
          p.number,
          width=8,
          noValue=p.uncounted,
          // The name ends with a space: it has no port.
          overrides=[p.byRegexp('all others *', { color: { mode: 'fixed', fixedColor: 'text' } })],
        ) + p.whole,
        p.series(
          'Failures by service',
          'The services, containers and pods whose connect() or bind() found no port, in the interval before each point. Another service may hold the ports: see “Who holds the ports” above.',
          [p.target(countedOwners('$__rate_interval'), '{{cgroup}}')],
          p.number,
          width=8,
          noValue=p.uncounted,
          overrides=[p.colorOf('all others', 'text')],
        ) + p.whole,
        p.series(
          'bind() and UDP without a port',
          'How often a local address had no free port for bind() to port 0, listen(), or connect() and sendto() of UDP, in the interval before each point. UDP: name look-ups fail first. See “Other pools” for the address. No data: the collector is off, or the kernel cannot be asked.',
          [p.target('sum by (protocol, family) (increase(%s[$__rate_interval]))' % m('ephemera_bind_port_exhaustion_errors_total'), '{{protocol}} {{family}}')],
          p.number,
          width=8,
          noValue='not counted: collector exhaustion is off, or the kernel cannot be asked',
        ) + p.whole + p.runbook(config, 'EphemeralPortsBindExhausted'),
        p.table(
          'Destinations without a port',
          'How often connect() failed towards each destination in the time shown. The destination may be far from full by now. “All others”: those that the exporter does not show one by one (--collector.exhaustion.destinations-limit).',
          q.orSayCounted(countedDestinations('$__range', ' > 0.5'), 'destination', 'none failed'),
          [
            ['destination', 'Destination', {}],
            ['destination_port', 'Port', p.wide(80)],
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 90 }],
          ],
          width=8,
          sortBy='Failed',
          noValue=p.uncounted,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.table(
          'Services without a port',
          'How often connect() or bind() found no port, for each cgroup, in the time shown. The name of the cgroup says which service, container or pod it is; the runbook explains how to read it.',
          q.orSayCounted(countedOwners('$__range', ' > 0.5'), 'cgroup', 'none failed'),
          [
            ['cgroup', 'Cgroup', {}],
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 90 }],
          ],
          width=8,
          sortBy='Failed',
          noValue=p.uncounted,
        ),
      ]),
      row('how long ports are held', [
        p.series(
          'A port is held for',
          'How long an outgoing connection held its port, including the time that TIME_WAIT kept it from others. Little more than a minute: connections of less than a second, then TIME_WAIT; keep-alive or a pool avoids them. Hours: connections stay open; check that there are not too many.',
          quantiles('ephemera_port_lease_seconds', middleAndTails),
          's',
          width=8,
          noValue=p.uncounted,
        ) + p.logarithmic,
        p.series(
          'A port is free for',
          'Time from the release of a port until it is lent again, to any destination. The shorter it is, the closer the range is to its end. If it falls from day to day, find what opens more connections.',
          quantiles('ephemera_port_reuse_interval_seconds', [[0.01, '1 % within'], [0.1, '10 % within'], [0.5, 'half within']]),
          's',
          width=8,
          noValue=p.uncounted,
        ) + p.logarithmic,
        p.series(
          'Ports lent',
          'Leases that ended. Short: connections of less than a second that then held their port in TIME_WAIT for a minute; if most are short, reuse connections. Not followed: leases that are in no histogram, since there were too many at a time. The panels beside this lack them, those of failures do not. Raise --collector.exhaustion.leases-limit.',
          p.targets([
            [rate('ephemera_port_lease_seconds_count'), 'ended'],
            [shortLeases, 'short, and TIME_WAIT'],
            [rate('ephemera_untracked_port_leases_total'), 'not followed'],
          ]),
          p.perSecond,
          width=8,
          noValue=p.uncounted,
          overrides=[p.colorOf('short, and TIME_WAIT', 'dark-orange'), p.colorOf('not followed', 'orange')],
        ),
        p.heatmap(
          'Ports by how long they were held',
          'Each column: the ports that came back in the interval before it, by how long they had been held. The band from 60 to 61 s is short connections with their TIME_WAIT. No data: collector exhaustion is off.',
          m('ephemera_port_lease_seconds_bucket'),
          's',
        ),
        p.heatmap(
          'Ports by how long they were free',
          'Each column: the ports that were lent in the interval before it, by how long they had been free. Dark below one second: the range is nearly used up. No data: collector exhaustion is off.',
          m('ephemera_port_reuse_interval_seconds_bucket'),
          's',
        ),
      ]),
      row('when ports come back', [
        p.series(
          'Active, TIME_WAIT, reusable',
          'Ports of all destinations that are shown, by what holds them. Blue: open connections. Orange: TIME_WAIT that connect() cannot take yet, lost for up to 60 s. Green: TIME_WAIT that connect() may take now (tcp_tw_reuse). Much orange: keep connections open, or set tcp_tw_reuse=1 if the peers have TCP timestamps.',
          [p.target(q.orSay(sumBy('state', 'ephemera_destination_ports'), 'state', 'too few ports to be shown'), '{{state}}')],
          p.number,
          width=8,
          stack=true,
          overrides=[
            p.colorOf('active', colors.active),
            p.colorOf('time_wait', colors.timeWait),
            p.colorOf('reusable', colors.reusable),
          ],
        ),
        p.series(
          'When TIME_WAIT ends',
          'Sockets in TIME_WAIT, by the time that is left. The lowest area comes back within 15 s. Even layers are a steady pace; a thick upper layer is a burst of the last seconds, and it stays for 45 s or more.',
          // One query each: the areas lie in the order in which they end.
          p.targets([
            ['sum(%s)' % m('ephemera_time_wait_sockets', 'remaining="%s"' % each[0]), each[1]]
            for each in [['under_15s', 'within 15 s'], ['15s_to_30s', '30 s'], ['30s_to_45s', '45 s'], ['over_45s', 'later']]
          ]),
          p.number,
          width=8,
          stack=true,
          // By its last values a table would put them in another order, and the fourth out of sight.
          table=false,
          overrides=[
            p.colorOf('within 15 s', 'green'),
            p.colorOf('30 s', 'yellow'),
            p.colorOf('45 s', 'orange'),
            p.colorOf('later', 'dark-orange'),
          ],
        ),
        p.series(
          'Into TIME_WAIT, and taken over',
          'Connections that entered TIME_WAIT, and those in it that a new connection took over. “Entered” times 60 s is what TIME_WAIT holds. If “taken over” is close to “entered”, reuse works, and TIME_WAIT is not a problem.',
          p.targets([
            [rate('ephemera_time_wait_entered_total'), 'entered'],
            [rate('ephemera_time_wait_recycled_total'), 'taken over'],
            [rate('ephemera_time_wait_overflows_total'), 'found no place'],
          ]),
          p.perSecond,
          width=8,
          overrides=[p.colorOf('found no place', 'red')],
        ),
        p.series(
          'TIME_WAIT table',
          'Sockets in TIME_WAIT as a share of tcp_max_tw_buckets. At 100 % connections are closed without TIME_WAIT, and late segments can reach a new connection. Above the line: keep connections open longer, or raise tcp_max_tw_buckets.',
          [p.target('max(%s)' % q.deeper(q.timeWaitUsage, 2), 'used')],
          p.ratio,
          width=12,
          lines=p.limitLines(config.timeWaitTableRatio),
          softMax=1,
          table=false,
        ) + p.runbook(config, 'TimeWaitTableNearlyFull'),
        p.settings(
          'Settings that bring ports back',
          'tcp_tw_reuse: whether connect() may take a port in TIME_WAIT once it is tcp_tw_reuse_delay old. tcp_fin_timeout ends FIN_WAIT2; it does not shorten TIME_WAIT. With much TIME_WAIT towards one destination, tcp_tw_reuse=1 gives those ports back after a second, if the peers have TCP timestamps.',
          [
            [max('ephemera_tcp_time_wait_reuse'), 'tcp_tw_reuse'],
            [max('ephemera_tcp_time_wait_reuse_delay_seconds'), 'tcp_tw_reuse_delay'],
            [max('ephemera_tcp_fin_timeout_seconds'), 'tcp_fin_timeout'],
          ],
          's',
          overrides=[p.byName('tcp_tw_reuse', {
            unit: 'none',
            mappings: [p.valueMapping([['0', 'never', 'text'], ['1', 'always', 'text'], ['2', 'on loopback', 'text']])],
          })],
        ),
      ]),
      row('churn', [
        p.series(
          'Connections opened',
          'Active: this host connected; each took an ephemeral port. Passive: others connected to it; they take none. Many active ones a second, and few that stay: short connections; keep-alive or a pool takes fewer ports and less CPU time.',
          [p.target(rateBy('direction', 'ephemera_tcp_opens_total'), '{{direction}}')],
          p.perSecond,
          width=8,
        ),
        p.series(
          'Connections that failed, or were reset',
          'Failed: refused, timed out or reset before they were established. Reset: ended by a reset, without TIME_WAIT. A connect() that gets no port is not counted here. Many failures: the peer, or a firewall, refuses; look there first.',
          p.targets([
            [rate('ephemera_tcp_open_failures_total'), 'failed'],
            [rate('ephemera_tcp_established_resets_total'), 'reset'],
            [rate('ephemera_tcp_resets_sent_total'), 'resets sent'],
          ]),
          p.perSecond,
          width=8,
        ),
        p.series(
          'Connections by direction',
          'TCP sockets with a peer, TIME_WAIT included. Inbound: their local port has a listener. Only outbound ones lease an ephemeral port.',
          [p.target(sumBy('direction', 'ephemera_tcp_connections'), '{{direction}}')],
          p.number,
          width=8,
          stack=true,
          overrides=[p.colorOf('outbound', 'orange'), p.colorOf('inbound', 'blue')],
        ),
      ]),
      row('other pools', [
        p.series(
          'Pools of bind(0) and UDP',
          'Ports of the range that are taken, by local address, as a share of those that bind(ADDRESS, 0) can give. bind() without an address, and UDP without bind(), take from the wildcards 0.0.0.0 and ::. At 100 % these calls fail. Sockets that share ports still get one: UDP with SO_REUSEADDR or SO_REUSEPORT, TCP with SO_REUSEADDR and ip_autobind_reuse=1. Above the line: use more local addresses, IP_BIND_ADDRESS_NO_PORT before connect(), or a wider range.',
          [p.target(
            |||
              %s
              / on (%s) group_left ()
              clamp_min(%s, 1)
            ||| % [
              hosts.perHost('max', m('ephemera_address_ports'), ['protocol', 'address']),
              hosts.host,
              hosts.perHost('max', '%s - %s' % [m('ephemera_range_ports'), m('ephemera_range_reserved_ports')]),
            ],
            '{{protocol}} {{address}}'
          )],
          p.ratio,
          width=8,
          lines=p.limitLines(config.addressPoolRatio),
          softMax=1,
        ) + p.runbook(config, 'EphemeralPortsAddressPoolNearlyFull'),
        p.series(
          'Accept queues',
          'Connections that wait for accept(), as a share of the queue’s limit, for the fullest listeners. At 100 % the next one is dropped. Above the line: let the program accept() faster, or raise its backlog and net.core.somaxconn.',
          [p.target(
            '%s / clamp_min(%s, 1)' % ['max by (address, port) (%s)' % m('ephemera_accept_queue_sockets'), 'max by (address, port) (%s)' % m('ephemera_accept_queue_limit_sockets')],
            '{{address}} port {{port}}'
          )],
          p.ratio,
          width=8,
          lines=p.limitLines(config.acceptQueueRatio),
          softMax=1,
        ) + p.runbook(config, 'AcceptQueueFull'),
        p.series(
          'Connections that listeners dropped',
          'Overflows: they found a full accept queue. Other drops: for any other reason, memory or a full SYN queue. 0 is good; otherwise see the accept queues beside this.',
          p.targets([
            [rate('ephemera_listen_overflows_total'), 'overflows'],
            ['clamp_min(%s - %s, 0)' % [rate('ephemera_listen_drops_total'), rate('ephemera_listen_overflows_total')], 'other drops'],
          ]),
          p.perSecond,
          width=8,
          overrides=[p.colorOf('overflows', 'red'), p.colorOf('other drops', 'orange')],
        ) + p.runbook(config, 'ListenOverflows'),
      ]),
      row('the range and its settings', [
        p.table(
          'Listeners inside the range',
          'A service whose port is not reserved can be locked out: while it restarts, an outgoing connection can take its port. “no”: reserve the port with sysctl -w net.ipv4.ip_local_reserved_ports=PORT, and name the ports that are reserved already, too. Every destination has also lost the port of each listener.',
          q.orSay('max by (protocol, address, port, reserved) (%s)' % m('ephemera_range_listener_info'), 'address', 'no listener is inside the range'),
          [
            ['address', 'Address', {}],
            ['port', 'Port', p.wide(90)],
            ['protocol', 'Protocol', p.wide(90)],
            ['reserved', 'Reserved', {
              'custom.width': 100,
              'custom.cellOptions': { type: 'color-background', mode: 'basic' },
              mappings: [p.valueMapping([['true', 'yes', 'transparent'], ['false', 'no', 'blue']])],
            }],
          ],
          width=12,
          noValue='the exporter does not answer',
        ) + p.runbook(config, 'EphemeralPortsListenerInRange'),
        p.settings(
          'First and last port',
          'ip_local_port_range, how many ports it has, how many of them are in IANA’s dynamic range (49152 to 65535), and the first port that bind() gives to any user. Ports below 49152 may belong to registered services. Linux’ default is 32768 to 60999; if the range is smaller, find out why.',
          [
            [max('ephemera_range_first_port'), 'first'],
            [max('ephemera_range_last_port'), 'last'],
            [max('ephemera_range_ports'), 'ports'],
            [max('ephemera_range_iana_dynamic_ports'), 'of IANA’s range'],
            [max('ephemera_unprivileged_first_port'), 'unprivileged from'],
          ],
          'none',
        ),
      ]),
      row('sockets', [
        p.series(
          'TCP sockets by state',
          'Many in close_wait: a program does not close what its peers have closed, and leaks descriptors and ports. Many in syn_sent: a peer does not answer. Many in fin_wait2: a peer does not close.',
          [p.target(sumBy('state', 'ephemera_sockets', 'protocol="tcp"'), '{{state}}')],
          p.number,
          width=16,
          height=9,
          stack=true,
          overrides=[
            p.colorOf('established', colors.active),
            p.colorOf('time_wait', colors.timeWait),
            p.colorOf('listen', 'green'),
            p.colorOf('close_wait', 'red'),
            p.colorOf('syn_sent', 'yellow'),
            p.colorOf('fin_wait2', 'purple'),
          ],
        ),
        p.series(
          'UDP sockets',
          'Connected (established) and others (close). Steady growth is a program that does not close its sockets; each takes a port of the pool.',
          [p.target(sumBy('state', 'ephemera_sockets', 'protocol="udp"'), '{{state}}')],
          p.number,
          width=8,
          height=9,
          stack=true,
        ),
      ]),
      row('the exporter itself', [
        p.series(
          'Duration of a scrape',
          'From the first fact read to the last metric made. Keep it well below the scrape timeout (10 s unless set). It grows with the sockets of the whole machine: scrape less often, or raise the timeout.',
          [
            p.target(max('ephemera_scrape_duration_seconds'), 'whole scrape', 'A'),
            p.target('max by (listing) (%s)' % m('ephemera_scrape_listing_duration_seconds'), 'listing {{listing}}', 'B'),
          ],
          's',
          width=8,
        ),
        p.series(
          'CPU time and walks',
          'CPU time of the exporter, in seconds a second, and walks over the sockets a second. More walks than your Prometheus servers scrape: another client reads the port.',
          [
            p.target('sum(rate(%s[$__rate_interval]) and %s %s)' % [m('process_cpu_seconds_total'), q.onHost, m('ephemera_build_info')], 'CPU', 'A'),
            p.target(rate('ephemera_scrapes_total'), 'walks', 'B'),
          ],
          'percentunit',
          width=8,
          overrides=[p.byName('walks', { unit: p.perSecond, 'custom.axisPlacement': 'right' })],
        ),
        p.series(
          'Memory',
          'Resident memory of the exporter. It grows with the destinations during a scrape and goes back after it. Steady growth is a bug: please report it.',
          [p.target('max(%s and %s %s)' % [m('process_resident_memory_bytes'), q.onHost, m('ephemera_build_info')], 'resident')],
          'bytes',
          width=8,
        ),
        p.series(
          'Collectors',
          'Time that each collector took. A collector that is missing here failed: see beside this.',
          [p.target('max by (collector) (%s)' % m('ephemera_scrape_collector_duration_seconds'), '{{collector}}')],
          's',
          width=8,
        ),
        p.bars(
          'Collectors that work',
          'Red: the collector fails, and its metrics are missing. The log says why: journalctl -u ephemera.',
          [p.instant('min by (collector) (%s)' % m('ephemera_scrape_collector_success'), '{{collector}}')],
          'none',
          p.steps([['red', null], ['green', 1]]),
          width=8,
          max=1,
          mappings=[p.valueMapping([['0', 'fails', 'red'], ['1', 'works', 'green']])],
        ) + p.runbook(config, 'EphemeraCollectorFailing'),
        p.series(
          'Responses',
          'Responses a second by status code, and what a limit refused or cut off. Only 200 is good. 401: a password is wrong; 429 and 503: too many requests at a time.',
          [
            p.target(rateBy('code', 'ephemera_http_requests_total') + ' > 0 or ' + rateBy('code', 'ephemera_http_requests_total', 'code="200"'), '{{code}}', 'A'),
            p.target(rate('ephemera_http_refused_total'), 'refused or cut off', 'B'),
          ],
          p.perSecond,
          width=8,
        ),
      ]),
    ],
  )
