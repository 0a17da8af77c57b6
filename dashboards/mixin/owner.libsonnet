// SPDX-License-Identifier: Apache-2.0
// One owner across the fleet, a service or a pod: its destinations, the ports it holds, the calls that failed.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config, named=false);
  local q = (import 'queries.libsonnet')(config, named=false);

  // A pod's cgroup has those of its containers below it. \\b: where no owner can be chosen, nothing matches; "(/.*)?"
  // alone would then match all of them.
  local m(name, more='') = q.metric(name, 'cgroup=~"$owner(\\\\b/.*)?"' + (if more == '' then '' else ', ' + more));
  local held = m('ephemera_destination_owner_ports');
  local opens = m('ephemera_destination_owner_opens_total');
  local sum(metric) = q.orValue('sum(%s)' % m(metric));

  local towards = ['source', 'destination', 'destination_port'];
  local share = |||
    %s
    / %s group_left ()
    clamp_min(%s, 1)
  ||| % [hosts.perHost('sum', held, towards), q.onHost, q.usable];
  local byDestination(expr) = 'sum by (destination, destination_port) (%s)' % expr;
  local failed(window) = hosts.perHost('sum', q.grownOf(m('ephemera_owner_port_exhaustion_errors_total'), window));
  local onHosts(at) = hosts.perHost('sum', m('ephemera_owner_ports') + at);

  p.dashboard(
    config,
    config.dashboards.ownerUid,
    'Ephemeral ports / Owner',
    'One service, container or pod across the fleet: its destinations, the ports that it holds, and its calls that found none.',
    p.hostVariables(config) + [
      // Several can be chosen, and Grafana quotes what is chosen for a regular expression.
      p.query('owner', 'Owner', 'label_values(%s, cgroup)' % q.metric('ephemera_owner_ports'), all=false),
    ],
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Kubernetes', 'By pod', config.dashboards.kubernetesUid),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      p.row(null, [
        p.stat(
          'Largest share',
          'The largest share of the ports of one destination that this owner holds on one host. Red: it alone fills that destination; the first row of the table names it.',
          q.orValue('max(\n  %s\n)' % q.deeper(share, 2)),
          p.ratio,
          p.pressure(config),
          decimals=1,
          width=5,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'Leased ports',
          'Ports that its outgoing connections hold, all destinations and hosts together. A host shows the owners with the most (--collector.owners.limit).',
          sum('ephemera_owner_ports'),
          p.number,
          p.none,
        ),
        p.stat(
          'Hosts',
          'Hosts on which it holds ports now, and where it is among the owners that are shown.',
          q.orValue('count(%s)' % onHosts('')),
          'none',
          p.none,
          width=3,
        ),
        p.stat(
          'Bound ports',
          'Ports of the range that its bind() keeps from every connect() of its hosts: listeners, and clients that bind first. Many: let it listen outside the range, or use IP_BIND_ADDRESS_NO_PORT.',
          sum('ephemera_owner_bound_ports'),
          p.number,
          p.none,
        ),
        p.stat(
          'UDP ports',
          'Ports of the range that its UDP sockets hold. Steady growth: sockets that are not closed.',
          sum('ephemera_owner_udp_ports'),
          p.number,
          p.none,
        ),
        p.stat(
          'Found no port',
          'How often its connect() or bind() found no port in the time shown, counted by the kernels. Red: it fails; another owner may hold the ports. Hosts without collector exhaustion are left out; “not counted”: no host has it.',
          q.orSayCounted('sum(\n  %s\n)\n' % q.deeper(failed('$__range'), 2), 'destination', 'none'),
          p.number,
          p.alarmFrom(0.5),
          decimals=0,
          noValue='not counted',
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
      ]),
      p.row('Its destinations, its leases, its failures', [
        p.table(
          'Destinations',
          'Where its open connections go, by host and source address. “Of capacity”: the share of the ports of that destination that it holds. A destination names its largest owners only (three by default), so that one with few connections can be missing. “Opens”: connections a second from all sources, where collector exhaustion counts them. Click a destination to see who else uses it.',
          [
            ['Ports', 'topk(100,\n  %s\n)' % q.deeper(q.orSay(hosts.perHost('sum', held, towards), 'destination', 'not among the largest owners'), 2)],
            ['Share', share],
            ['Opens', hosts.perHost('sum', 'rate(%s[$__rate_interval])' % opens, ['destination', 'destination_port'])],
          ],
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 140 }],
            ['source', 'From', p.wide(120)],
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(65)],
            ['Value #Ports', 'Ports', { unit: p.number, 'custom.width': 80 }],
            ['Value #Share', 'Of capacity', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) }, 'custom.width': 170 }],
            ['Value #Opens', 'Opens', { unit: p.perSecond, decimals: 1, 'custom.width': 85 }],
          ],
          width=24,
          height=9,
          sortBy='Ports',
          noValue='no exporter answers',
        ),
        p.series(
          'Ports by destination',
          'Ports of its open connections on all hosts, for its fifteen largest destinations at the end of the time shown. A line that climbs and never falls is a leak, or a pool without a limit. Click a line to see the destination.',
          [p.target(
            |||
              %s
              and on (destination, destination_port)
              topk(15, %s)
            ||| % [byDestination(held), byDestination(held + ' @ end()')],
            '{{destination}}:{{destination_port}}'
          )],
          p.number,
          width=8,
          links=[p.destinationFromLine(config)],
          table=false,
          noValue='not among the largest owners of any destination',
        ),
        p.series(
          'What it holds',
          'Ports of the range that it holds on all hosts: leased by connect(), taken by bind(), and those of UDP.',
          p.targets([
            [sum('ephemera_owner_ports'), 'leased'],
            [sum('ephemera_owner_bound_ports'), 'bound'],
            [sum('ephemera_owner_udp_ports'), 'UDP'],
          ]),
          p.number,
          width=8,
          table=false,
        ),
        p.series(
          'Leased ports by host',
          'The ten hosts on which it holds the most ports at the end of the time shown. One alone: uneven load, or one instance that leaks. Click a line to open the host.',
          [p.target(q.orSay(q.top(10, onHosts(''), onHosts(' @ end()')), 'instance', 'it holds none'), hosts.legend)],
          p.number,
          width=8,
          links=[p.hostFromLine(config)],
          table=false,
        ),
        p.series(
          'Calls without a port',
          'How often its connect() or bind() found no port in the interval before each point, by host. Click a line to open the host.',
          [p.target(q.orSayCounted('topk(15, %s)\n' % failed('$__rate_interval'), 'instance', 'none failed'), hosts.legend)],
          p.number,
          width=8,
          links=[p.hostFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
        p.series(
          'Connections opened, by destination',
          'Connections that it opened a second, by destination, on all hosts. Much more than it holds: short connections, which leave their ports in TIME_WAIT; keep-alive or a pool avoids them.',
          [p.target(
            |||
              %s
              and on (destination, destination_port)
              topk(15, %s)
            ||| % [byDestination('rate(%s[$__rate_interval])' % opens), byDestination('rate(%s[$__range] @ end())' % opens)],
            '{{destination}}:{{destination_port}}'
          )],
          p.perSecond,
          width=8,
          links=[p.destinationFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ),
        p.series(
          'How long it holds a port',
          'How long a lease that ended held its port on average, TIME_WAIT included, by destination, on all hosts. Little more than a minute: short connections and their TIME_WAIT. Hours: connections stay open; check that there are not too many. The fifteen destinations whose leases took the most time.',
          [p.target(
            |||
              %s
              / %s
              and on (destination, destination_port)
              topk(15, %s)
            ||| % [
              byDestination('rate(%s[$__rate_interval])' % m('ephemera_destination_owner_lease_seconds_total')),
              byDestination('rate(%s[$__rate_interval]) > 0' % m('ephemera_destination_owner_leases_total')),
              byDestination('rate(%s[$__range] @ end())' % m('ephemera_destination_owner_lease_seconds_total')),
            ],
            '{{destination}}:{{destination_port}}'
          )],
          's',
          width=8,
          links=[p.destinationFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ) + p.logarithmic,
      ], collapsed=false),
    ],
  )
