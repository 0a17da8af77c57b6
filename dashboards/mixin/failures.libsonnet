// SPDX-License-Identifier: Apache-2.0
// Which calls found no port, which bind() was refused, and how long ports are held: what collector exhaustion counts.
// Its hosts are those that run it, so that no panel is empty because a host does not.
local p = import 'panels.libsonnet';

function(config, alertNames)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local owners = (import 'owners.libsonnet')(config);
  local m = q.metric;
  local rate = q.rate;

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
  local counted(listed, first, other, window, above) = |||
    %(listed)s%(above)s
    or
    label_replace(
      sum(increase(%(other)s[%(window)s]))%(above)s,
      "%(first)s", "all others", "", ""
    )
  ||| % {
    listed: std.rstripChars(listed, '\n'),
    first: first,
    other: m(other),
    window: window,
    above: above,
  };
  local sumOf(labels, metric, window) = 'sum by (%s) (\n  %s\n)\n' % [labels, q.deeper(q.grown(metric, window), 2)];
  local countedDestinations(window, above='') = counted(
    sumOf('destination, destination_port', 'ephemera_destination_port_exhaustion_errors_total', window),
    'destination',
    'ephemera_other_destination_port_exhaustion_errors_total',
    window,
    above
  );
  local countedOwners(window, above='') = counted(
    owners.by(q.grown('ephemera_owner_port_exhaustion_errors_total', window)),
    'owner',
    'ephemera_other_owner_port_exhaustion_errors_total',
    window,
    above
  );
  local countedConflicts(window, above='') = counted(
    sumOf('protocol, port', 'ephemera_bind_conflicts_total', window),
    'port',
    'ephemera_other_bind_conflicts_total',
    window,
    above
  );

  local row(title, panels, collapsed=true) = p.row('$instance: ' + title, panels, collapsed=collapsed, repeat='instance');
  local sameHost = '${datasource:queryparam}&%s&${instance:queryparam}' % hosts.choices;
  // "All others" has no port, so the name of its line ends with a space.
  local others = [p.byRegexp(' *all others *', { color: { mode: 'fixed', fixedColor: 'text' }, links: [] })];
  local notAsked = 'not counted: collector exhaustion is off, or the kernel cannot tell';

  local rows = [
    row('failures', [
      p.series(
        'connect() without a port',
        'How often connect() found no port for its destination, in the interval before each point; the kernel counts each failure as it happens. 0 is good. No data: collector exhaustion fails, and the exporter’s log says why.',
        [p.target('sum by (family) (increase(%s[$__rate_interval]))' % m('ephemera_port_exhaustion_errors_total'), '{{family}}')],
        p.number,
        width=8,
        noValue=p.uncounted,
      ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
      p.series(
        'Failures by destination',
        'The destinations that connect() found no port for, in the interval before each point. One destination: give that client a pool, or more source addresses. Many at once: the range is small, or much of it is bound or reserved. Click a line to see the destination on all hosts.',
        [p.target(countedDestinations('$__rate_interval'), '{{destination}} {{destination_port}}')],
        p.number,
        width=8,
        noValue=p.uncounted,
        links=[p.destinationFromLine(config)],
        overrides=others,
      ) + p.whole,
      p.series(
        'Failures by owner',
        'The services, containers and pods whose connect() or bind() found no port, in the interval before each point. Another one may hold the ports: see “Who holds the ports” of the host. Click a line for its whole cgroup.',
        [p.target(countedOwners('$__rate_interval'), '{{owner}}')],
        p.number,
        width=8,
        noValue=p.uncounted,
        links=[p.ownerFromLine(config)],
        overrides=others,
      ) + p.whole,
      p.series(
        'bind() and UDP without a port',
        'How often a local address had no free port for bind() to port 0, listen(), or connect() and sendto() of UDP, in the interval before each point. UDP: name look-ups fail first. See “Other pools” of the host for the address. No data: the collector fails, or the kernel cannot tell.',
        [p.target('sum by (protocol, family) (increase(%s[$__rate_interval]))' % m('ephemera_bind_port_exhaustion_errors_total'), '{{protocol}} {{family}}')],
        p.number,
        width=8,
        table=false,
        noValue=notAsked,
      ) + p.whole + p.runbook(config, 'EphemeralPortsBindExhausted'),
      p.table(
        'Destinations without a port',
        'How often connect() failed towards each destination in the time shown. The destination may be far from full by now. “All others”: those that the exporter does not show one by one (--collector.exhaustion.destinations-limit).',
        q.orSayCounted(countedDestinations('$__range', ' > 0.5'), 'destination', 'none failed'),
        [
          ['destination', 'Destination', { links: [p.destinationFromCell(config)] }],
          ['destination_port', 'Port', p.wide(65)],
          ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
        ],
        width=8,
        sortBy='Failed',
        noValue=p.uncounted,
      ) + p.runbook(config, 'EphemeralPortsExhausted'),
      p.table(
        'Owners without a port',
        'How often connect() or bind() of each service, container or pod found no port in the time shown. Point at a name to see its whole cgroup; click it for its destinations on all hosts.',
        q.orSayCounted(countedOwners('$__range', ' > 0.5'), 'owner', 'none failed'),
        p.owner(config, null) + [
          ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
        ],
        width=8,
        sortBy='Failed',
        noValue=p.uncounted,
      ),
      p.series(
        'bind() to a port that was taken',
        'How often bind() or listen() was refused the port that it asked for by number, in the interval before each point: “Address already in use”. Again and again: a service that restarts until its port is free. `ephemera port PORT` on the host names who has it, `ephemera trace` each refusal as it happens.',
        [p.target(countedConflicts('$__rate_interval'), '{{protocol}} {{port}}')],
        p.number,
        width=16,
        noValue=notAsked,
        overrides=others,
      ) + p.whole + p.runbook(config, 'EphemeralPortsListenerInRange'),
      p.table(
        'Ports that were taken',
        'How often bind() or listen() was refused each port in the time shown. A port inside the range of ephemeral ports may have been taken by an outgoing connection: reserve it (ip_local_reserved_ports). Another one is held by a program that listens there.',
        q.orSay(
          countedConflicts('$__range', ' > 0.5'),
          'port',
          'none was refused',
          none='0 * count(%s)' % m('ephemera_other_bind_conflicts_total')
        ),
        [
          ['protocol', 'Protocol', p.wide(80)],
          ['port', 'Port', {}],
          ['Value', 'Refused', p.tinted(p.number, p.warnFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
        ],
        width=8,
        sortBy='Refused',
        noValue=notAsked,
      ),
    ], collapsed=false),
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
      p.series(
        'Connections with a range of their own',
        'Connections whose port connect() took from a smaller range that their program chose (IP_LOCAL_PORT_RANGE), and the smallest of these ranges: as many connections can it have to one destination, however free the host’s range is. The first line near the second: this program runs out.',
        p.targets([
          [q.max('ephemera_own_range_sockets'), 'connections'],
          [q.max('ephemera_narrowest_own_range_ports'), 'smallest range'],
        ]),
        p.number,
        width=8,
        noValue='not known: no host may use BPF',
      ),
      p.heatmap(
        'Ports by how long they were held',
        'Each column: the ports that came back in the interval before it, by how long they had been held. The band from 60 to 61 s is short connections with their TIME_WAIT. No data: collector exhaustion is off.',
        m('ephemera_port_lease_seconds_bucket'),
        's',
        width=8,
      ),
      p.heatmap(
        'Ports by how long they were free',
        'Each column: the ports that were lent in the interval before it, by how long they had been free. Dark below one second: the range is nearly used up. No data: collector exhaustion is off.',
        m('ephemera_port_reuse_interval_seconds_bucket'),
        's',
        width=8,
      ),
    ]),
  ];

  p.dashboard(
    config,
    config.dashboards.failuresUid,
    'Ephemeral ports / Failures',
    'Which calls of a host found no port, which bind() was refused, and how long ports are held. Only hosts that run collector exhaustion can be chosen; if there is no host to choose, none runs it.',
    p.hostVariables(config, all=false, metric='ephemera_scrape_collector_success', more='collector="exhaustion"'),
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Host', 'The rest of what is known of this host', config.dashboards.hostUid, sameHost),
      p.webLink('Count failures', 'How to turn on collector exhaustion', config.docsBase + '/exhaustion.md'),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    rows,
    annotations=(import 'annotations.libsonnet')(config, alertNames),
  )
