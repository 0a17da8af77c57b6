// SPDX-License-Identifier: Apache-2.0
// One destination across the fleet: who uses it, from where, since when.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config);
  local hostsOfOwners = (import 'hosts.libsonnet')(config, named=false);
  local q = (import 'queries.libsonnet')(config);
  local owners = (import 'owners.libsonnet')(config);

  local chosen = 'destination="$destination", destination_port=~"$destination_port"';
  local m(name, more='') = q.metric(name, chosen + (if more == '' then '' else ', ' + more));
  local held(more) = m('ephemera_destination_ports', more);
  local taken = held('state!="reusable"');

  // What a row is: a host, and the address that it comes from.
  local from = ['source', 'destination_port'];
  local usage = |||
    %s
    / %s group_left ()
    clamp_min(%s, 1)
  ||| % [hosts.perHost('sum', taken, from), q.onHost, q.usable];
  local share(at) = 'sum by (%s) (%s%s)' % [hosts.host, taken, at];

  local owned = m('ephemera_destination_owner_ports');
  local opened(window) = 'rate(%s[%s])' % [m('ephemera_destination_owner_opens_total'), window];
  local failed(window) = hosts.perHost('sum', q.grownOf(m('ephemera_destination_port_exhaustion_errors_total'), window));

  p.dashboard(
    config,
    config.dashboards.destinationUid,
    'Ephemeral ports / Destination',
    'One destination across the fleet: which hosts and which services use it, from which addresses, and since when.',
    p.hostVariables(config) + [
      p.query('destination', 'Destination', 'label_values(%s, destination)' % q.metric('ephemera_destination_ports'), multi=false, all=false),
      p.query('destination_port', 'Port', 'label_values(%s, destination_port)' % q.metric('ephemera_destination_ports', 'destination="$destination"')),
    ],
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Host', 'One host in detail', config.dashboards.hostUid),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      p.row(null, [
        p.stat(
          'Fullest host',
          'The share of its ports towards this destination that the fullest host has taken. From 50 % on connect() takes about fifty times as long; at 100 % it fails with “Cannot assign requested address”. Red: the first row of the table names the host.',
          'max(\n  %s\n)' % q.deeper(usage, 2),
          p.ratio,
          p.pressure(config),
          decimals=1,
          noValue='no host shows it',
          width=5,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'Hosts using it',
          'Hosts that have ports towards this destination now. A host shows a destination from 100 ports on (--collector.destinations.minimum-ports).',
          q.orValue('count(%s)' % hosts.perHost('sum', taken)),
          'none',
          p.none,
        ),
        p.stat(
          'Ports towards it',
          'Ports of all hosts towards this destination, reusable ones left out: about as many connections does it have, or had within the last minute.',
          q.orValue('sum(%s)' % taken),
          p.number,
          p.none,
        ),
        p.stat(
          'In TIME_WAIT',
          'The share of these ports that is in TIME_WAIT. Near 100 %: its clients open and close connections all the time; keep-alive or a pool avoids that. Near 0 %: connections stay open.',
          q.orValue('sum(%s) / (sum(%s) > 0)' % [held('state="time_wait"'), taken], -1),
          p.ratio,
          p.none,
          decimals=0,
          mappings=[p.valueMapping([['-1', 'no ports', 'transparent']])],
        ),
        p.stat(
          'connect() failed',
          'How often connect() to this destination found no port in the time shown, on all hosts, counted by their kernels. Hosts without collector exhaustion are left out; “not counted”: no host has it.',
          q.orSayCounted('sum(\n  %s\n)\n' % q.deeper(failed('$__range'), 2), 'destination', 'none'),
          p.number,
          p.alarmFrom(0.5),
          decimals=0,
          noValue='not counted',
          width=7,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
      ]),
      p.row('Who uses it, from where, since when', [
        p.table(
          'Hosts',
          'The hosts that have ports towards this destination, by the address that they come from. Used: share of the ports that they can have. “Since”: when it was first seen in the time shown; with the time at which the graph begins, it is older. Click a host to open it.',
          [
            ['Used', hosts.inside('topk(100, %s)' % q.deeper(usage, 0))],
            ['Active', hosts.inside(hosts.perHost('sum', held('state="active"'), from))],
            ['TIME_WAIT', hosts.inside(hosts.perHost('sum', held('state="time_wait"'), from))],
            ['Reusable', hosts.inside(hosts.perHost('sum', held('state="reusable"'), from))],
            ['Since', hosts.inside('1000 * ' + hosts.perHost('min', 'min_over_time(timestamp(%s)[$__range:$__interval])' % held('state="active"'), from))],
          ],
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 140 }],
          ] + p.inside(config, 140) + [
            ['source', 'From', {}],
            ['destination_port', 'Port', p.wide(65)],
            ['Value #Used', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) }, 'custom.width': 160 }],
            ['Value #Active', 'Active', { unit: p.number, 'custom.width': 75 }],
            ['Value #TIME_WAIT', 'TIME_WAIT', { unit: p.number, 'custom.width': 95 }],
            ['Value #Reusable', 'Reusable', { unit: p.number, 'custom.width': 85 }],
            ['Value #Since', 'Since', { unit: 'dateTimeFromNow', 'custom.width': 120 }],
          ],
          width=24,
          height=9,
          sortBy='Used',
          noValue='no host shows it: too few ports, or no exporter answers',
        ),
        p.table(
          'Owners',
          'The services, containers and pods with the most active connections to this destination, by host. Only the largest ones of each host are shown one by one (three by default). “Opens”: connections a second, where collector exhaustion counts them; many, beside few ports: TIME_WAIT holds the rest. Click an owner for its other destinations.',
          [
            ['Ports', 'topk(100,\n  %s\n)' % q.deeper(q.orSay(owners.by(owned, hostsOfOwners.host + ', '), 'owner', 'no owner is known'), 2)],
            ['Opens', owners.by(opened('$__rate_interval'), hostsOfOwners.host + ', ')],
          ],
          hosts.columns + p.owner(config, null) + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
            ['Value #Ports', 'Ports', { unit: p.number, 'custom.width': 90 }],
            ['Value #Opens', 'Opens', { unit: p.perSecond, decimals: 1, 'custom.width': 90 }],
          ],
          width=14,
          height=10,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
        p.series(
          'Who holds its ports',
          'Ports of all hosts towards this destination by owner: the fifteen largest at the end of the time shown, all others, and TIME_WAIT, which has no owner any more. Click an area for its whole cgroup, and for its other destinations.',
          [
            p.target(owners.top(15, owned, owned + ' @ end()'), '{{owner}}', 'A'),
            p.target('sum(%s)' % m('ephemera_destination_other_owner_ports'), 'all others', 'B'),
            p.target('sum(%s)' % held('state="time_wait"'), 'TIME_WAIT', 'C'),
          ],
          p.number,
          width=10,
          height=10,
          stack=true,
          links=[p.ownerFromLine(config)],
          overrides=[p.nobody('TIME_WAIT', 'dark-orange'), p.nobody('all others', 'text')],
          noValue='no host shows it: too few ports, or no exporter answers',
        ),
        p.series(
          'Ports by host',
          'Ports of the ten hosts with the most towards this destination at the end of the time shown. One that climbs alone: a leak there, or uneven load. All at once: the destination answers slowly, or its clients have changed. Click a line to open the host.',
          [p.target(q.orSay(q.top(10, share(''), share(' @ end()')), 'instance', 'no host shows it: too few ports'), hosts.legend)],
          p.number,
          width=7,
          links=[p.hostFromLine(config)],
          table=false,
        ),
        p.series(
          'Failures by host',
          'How often connect() to this destination found no port in the interval before each point, on the hosts that count it. Click a line to open the host.',
          [p.target(q.orSayCounted('topk(15, %s)\n' % failed('$__rate_interval'), 'instance', 'none failed'), hosts.legend)],
          p.number,
          width=7,
          links=[p.hostFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
        p.series(
          'Connections opened, by owner',
          'Connections to this destination that each service, container or pod opened a second: who fills TIME_WAIT, though nobody owns it. The fifteen with the most at the end of the time shown. Keep-alive or a pool lets this fall.',
          [p.target(owners.top(15, opened('$__rate_interval'), 'rate(%s[$__range] @ end())' % m('ephemera_destination_owner_opens_total')), '{{owner}}')],
          p.perSecond,
          width=10,
          links=[p.ownerFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ),
      ], collapsed=false),
    ],
  )
