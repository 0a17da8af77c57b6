// SPDX-License-Identifier: Apache-2.0
// How full, until when, towards which destination, and who holds the ports.
local p = import 'panels.libsonnet';

function(config, row)
  local hosts = (import 'hosts.libsonnet')(config);
  local q = (import 'queries.libsonnet')(config);
  local m = q.metric;
  local max = q.max, sumBy = q.sumBy, rate = q.rate, rateBy = q.rateBy;

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
        q.orValue('max(\n  %s\n)' % q.deeper(q.waitingOfFullest, 2), -1),
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
  ]
