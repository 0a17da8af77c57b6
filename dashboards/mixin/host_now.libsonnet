// SPDX-License-Identifier: Apache-2.0
// How full, until when, towards which destination, and who holds the ports.
local p = import 'panels.libsonnet';

function(config, row)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  local max = q.max;
  local owners = (import 'owners.libsonnet')(config);

  // Ports of each destination, by what holds them; a row that says so where none is large enough to be shown.
  local held(state) = q.path(
    hosts.perHost('max', m('ephemera_destination_ports', 'state="%s"' % state), ['source', 'destination', 'destination_port'])
  );
  local sumOf(expr) = 'sum by (path, destination, destination_port) (\n  %s\n)\n' % q.deeper(expr, 2);

  // The ports that a destination can have; and, only where there is something to see, how many there were in
  // the time shown, and how many are lost to every connect().
  local capacity =
    local usable = m('ephemera_range_usable_ports');
    |||
      label_replace(min(%(usable)s), "is", "ports", "", "")
      or
      label_replace(
        max(max_over_time(%(usable)s[$__range])) > 1.1 * min(%(usable)s),
        "is", "before", "", ""
      )
      or
      label_replace(
        max(%(range)s - %(usable)s) > 0.2 * min(%(range)s),
        "is", "reserved or bound", "", ""
      )
    ||| % { usable: usable, range: m('ephemera_range_ports') };

  [
    row('now', [
      p.stat(
        'Worst destination',
        'Share of the ports that the fullest destination has taken. From 50 % on connect() to it takes about fifty times as long; at 100 % it fails with “Cannot assign requested address”. Red: the graph below names the destination, and “Who holds the ports” the service.',
        max('ephemera_worst_destination_usage_ratio'),
        p.ratio,
        p.pressure(config),
        decimals=1,
        width=3,
      ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
      // The only panel that needs collector exhaustion: without it, it says how to turn it on.
      p.stat(
        'connect() failed',
        'How often connect() found no port in the time shown, counted by the kernel: programs got “Cannot assign requested address”. Red: click the number to see which destinations, and which services. “Not counted”: then “Worst destination” is the only sign of a failure, and failures between two scrapes are not seen. To count them, start the exporter with --collector.exhaustion: the drop-in exhaustion.conf of systemd, or `exhaustion` in the chart. It needs CAP_BPF and CAP_PERFMON at the start; the link above says the rest. If it is on, its log says why it does not count.',
        'sum(increase(%s[$__range]))' % m('ephemera_port_exhaustion_errors_total'),
        p.number,
        p.alarmFrom(0.5),
        decimals=0,
        noValue='not counted: start with --collector.exhaustion',
        width=5,
        links=[p.failuresOfHost(config)],
      ) + p.runbook(config, 'EphemeralPortsExhausted') + {
        links+: [p.webLink('Count failures', 'How to turn on collector exhaustion', config.docsBase + '/exhaustion.md')],
      },
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
        'How many ports one destination can have: those of the range that are neither reserved nor bound. “Before”: it was more than this within the time shown; a blue mark in the graphs says when the range changed. “Reserved or bound”: a fifth or more of the range is lost to every connect(). See “The range”: reserve less, let services listen outside the range, or widen it.',
        capacity,
        p.number,
        p.none,
        legend='{{is}}',
        textMode='auto',
        width=4,
      ) + { fieldConfig+: { overrides: [p.colorOf('before', 'orange'), p.colorOf('reserved or bound', 'orange')] } },
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
        'Accept queue',
        'How full the fullest accept queue is. At 100 % the next connection is dropped, and its client waits a second or more. Orange: the program does not accept() fast enough, or its backlog is too small; “Other pools” names the listener.',
        max('ephemera_worst_accept_queue_usage_ratio'),
        p.ratio,
        p.steps([['transparent', null], ['orange', config.acceptQueueRatio], ['red', 1]]),
        decimals=1,
        width=3,
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
        links=[p.destinationFromLine(config)],
        overrides=[p.byRegexp('fullest, .*', {
          links: [],
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
        'Ports of the fullest destinations. Active: open connections; many mean a leak or a pool without a limit. TIME_WAIT: closed less than 60 s ago; many mean short connections, which keep-alive or a pool avoids. Reusable: in TIME_WAIT, but connect() may take them now; they do no harm. A host with no destination large enough to be shown has one row. Click a destination to see it on all hosts.',
        [
          ['Active', q.orSay(sumOf(held('active')), 'path', 'too few ports to be shown')],
          ['TIME_WAIT', sumOf(held('time_wait'))],
          ['Reusable', sumOf(held('reusable'))],
        ],
        [
          ['path', 'Destination', { links: [p.destinationFromCell(config)] }],
          ['Value #Active', 'Active', { unit: p.number, 'custom.width': 80 }],
          ['Value #TIME_WAIT', 'TIME_WAIT', { unit: p.number, 'custom.width': 100 }],
          ['Value #Reusable', 'Reusable', { unit: p.number, 'custom.width': 90 }],
          ['destination', 'Address', p.unseen],
          ['destination_port', 'Port', p.unseen],
        ],
        width=14,
        height=10,
        sortBy='Active',
        noValue='the exporter does not answer',
      ),
      p.series(
        'Who holds the ports',
        'Leased ports by owner: the service, container or pod that opened the connections. Click an area for its whole cgroup, and for its destinations on all hosts. No owner: mostly ports in TIME_WAIT, which belong to no process any more. Pods have their names where kube_pod_info is in the same Prometheus. Look at the largest one first.',
        [
          p.target(owners.by(m('ephemera_owner_ports')), '{{owner}}', 'A'),
          p.target('sum(%s)' % m('ephemera_other_owner_ports'), 'all others', 'B'),
          p.target('sum(%s)' % m('ephemera_unowned_ports'), 'no owner (TIME_WAIT)', 'C'),
        ],
        p.number,
        width=10,
        height=10,
        stack=true,
        links=[p.ownerFromLine(config)],
        overrides=[p.nobody('no owner (TIME_WAIT)', 'dark-orange'), p.nobody('all others', 'text')],
      ),
    ], collapsed=false),
  ]
