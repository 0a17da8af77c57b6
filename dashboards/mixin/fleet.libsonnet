// SPDX-License-Identifier: Apache-2.0
// Which host runs out, towards which destination, and when. For any number of hosts: no panel has a series for
// each, beyond a list of the first ones.
local p = import 'panels.libsonnet';

function(config, alertNames)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  // Of other network namespaces than the hosts' own, too.
  local every = {
    hosts: (import 'hosts.libsonnet')(config),
    q: (import 'queries.libsonnet')(config),
  };

  // Alerts about a job have no instance.
  local alertsOf(severity) =
    'ALERTS{alertstate="firing", alertname=~"%s", %s%s}'
    % [alertNames, every.hosts.matchers(orNone=true), if severity == null then '' else ', severity="%s"' % severity];
  local alerts = alertsOf(null);
  local listed(severity) = q.deeper(every.hosts.inside(
    'group by (%s) (%s)' % [hosts.within(['alertname', 'severity', 'instance'] + config.namespaceLabels + ['destination', 'destination_port']), alertsOf(severity)]
  ), 2);

  local hostsWhere(condition) = 'sum(%s %s)' % [q.worst, condition];
  // Ties would let topk() choose other hosts for each column: they follow the first.
  local worstHosts = 'topk(50, %s)' % q.worst;
  local ofWorst(expr) = '%s\nand %s\n%s\n' % [q.deeper(expr, 0), q.onHost, worstHosts];

  // How often connect() found no port on each host, and by destination, in the time shown.
  local failed = hosts.perHost('sum', 'increase(%s[$__range])' % m('ephemera_port_exhaustion_errors_total'));
  local failedDestinations = |||
    sum by (%s, destination, destination_port) (
      %s
    ) > 0.5
    or
    label_replace(
      %s > 0.5,
      "destination", "all others", "", ""
    )
  ||| % [
    hosts.host,
    q.deeper(q.grown('ephemera_destination_port_exhaustion_errors_total', '$__range'), 2),
    hosts.perHost('sum', 'increase(%s[$__range])' % m('ephemera_other_destination_port_exhaustion_errors_total')),
  ];

  p.dashboard(
    config,
    config.dashboards.fleetUid,
    'Ephemeral ports / Fleet',
    'Which host runs out of ephemeral ports, towards which destination, and when. Start here; click a host to open it.',
    p.hostVariables(config),
    [
      p.dashboardLink(config, 'Host', 'One host in detail', config.dashboards.hostUid),
      p.dashboardLink(config, 'Namespaces', 'Pods that have a network of their own', config.dashboards.namespacesUid),
      p.dashboardLink(config, 'Kubernetes', 'By pod', config.dashboards.kubernetesUid),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    [
      p.row(null, [
        p.stat(
          'Worst destination',
          'The fullest destination of all hosts: the share of its ports that is taken. From 50 % on connect() to it takes about fifty times as long; at 100 % it fails with “Cannot assign requested address”. Red: the first row of the table below names the host and the destination.',
          every.q.max('ephemera_worst_destination_usage_ratio'),
          p.ratio,
          p.pressure(config),
          decimals=1,
        ) + p.runbook(config, 'EphemeralPortsNearlyFull'),
        p.stat(
          'connect() failed',
          'How often connect() found no port in the time shown, on all hosts, counted by their kernels. Red: “Where connect() failed” below names host and destination. Hosts without collector exhaustion are left out; “not counted”: no host has it.',
          'sum(increase(%s[$__range]))' % m('ephemera_port_exhaustion_errors_total'),
          p.number,
          p.alarmFrom(0.5),
          decimals=0,
          noValue='not counted',
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.stat(
          'Failing hosts',
          'Hosts with a destination that has no port left, or where a connect() has just found none, counted by the kernel. Red: open the host from the table below. See whether TIME_WAIT or open connections hold the ports, and which service they belong to.',
          q.orValue(
            |||
              count(
                %s >= 1
                or
                %s
              )
            ||| % [q.worst, q.failing]
          ),
          'none',
          p.alarmFrom(1),
        ) + p.runbook(config, 'EphemeralPortsFull'),
        p.stat(
          'Slow hosts',
          'Hosts with a destination at 50 % or more. There connect() first searches half of the range in vain: CPU time and latency rise, but nothing fails yet. Orange: there is time to act; “Full first” below says when each is full.',
          hostsWhere('>= bool %g' % config.halfUsedRatio),
          'none',
          p.warnFrom(1),
          width=3,
        ) + p.runbook(config, 'EphemeralPortsHalfUsed'),
        p.stat(
          'Full in',
          'Time until the first host has a destination without ports, at the pace of the last %s or of the last %s, whichever is slower. Red: less than one hour. Find what opens more and more connections to this destination, and stop or slow it.' % [config.predictWindow, config.predictRecentWindow],
          q.orValue('min(\n  %s\n)' % q.deeper(q.untilFull, 2), -1),
          's',
          p.soon,
          decimals=1,
          mappings=[p.valueMapping([['-1', 'none fills up', 'transparent'], ['0', 'full now', 'red']])],
          width=3,
        ) + p.runbook(config, 'EphemeralPortsFullSoon'),
        p.stat(
          'Alerts',
          'Alerts of Ephemera that fire. The list below shows their hosts; the runbook (link above) explains each one. “No rules”: this Prometheus does not load dashboards/rules.',
          |||
            sum(%(alerts)s)
            or
            0 * count(instance:ephemera_destination_usage:max)
          ||| % { alerts: alerts },
          'none',
          p.steps([['transparent', null], ['orange', 1]]),
          noValue='no rules',
          width=3,
        ),
        p.stat(
          'Down',
          'Exporters of these jobs that Prometheus cannot scrape: nothing is known about their hosts. Red: check that the host is up, then run `systemctl status ephemera` on it. Prometheus’ page of targets shows the reason.',
          'sum(1 - up{%s})' % every.hosts.matchers(),
          'none',
          p.alarmFrom(1),
          width=3,
        ) + p.runbook(config, 'EphemeraExporterGone'),
      ]),
      p.row('Which host runs out, towards which destination', [
        p.table(
          'Fullest destinations',
          'The fullest destinations of all hosts: the share of their ports that is taken. Reusable ports do not count. Orange and red: click the host. More source addresses, connection pools or keep-alive help at once; the runbook says which and how. A host with no destination large enough to be shown has one row, with its worst share. Pods that have a network of their own are there with --namespaces=all.',
          every.hosts.inside(every.q.fullest(20)),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
          ] + p.inside(config, 80) + [
            ['source', 'From', p.wide(115)],
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) } }],
          ],
          width=14,
          height=10,
          sortBy='Used',
          noValue='no exporter answers',
        ),
        p.series(
          'Worst destination of each host',
          'The ten worst hosts at the end of the time shown. The dashed lines: from 50 % on connect() is slow, at 100 % it fails. A line that climbs steadily is a leak or a pool without a limit; a line that jumps is a burst of short connections. Click a line to open the host.',
          [p.target(q.top(10, q.worst, hosts.perHost('max', m('ephemera_worst_destination_usage_ratio') + ' @ end()')), hosts.legend)],
          p.ratio,
          width=10,
          height=10,
          lines=p.pressureLines(config),
          softMax=1,
          links=[p.hostFromLine(config)],
          table=false,
        ),
        p.table(
          'Hosts',
          'The fifty worst hosts. Used: share of the fullest destination. Full in: at its present pace, if it grows; a host that Prometheus has watched for less than %s has none yet. Slow: destinations from 50 %% on. Failing: destinations without a port. Failed: connect() calls that found no port in the time shown. In TIME_WAIT: what of the fullest destination’s ports is in TIME_WAIT. Pool: the fullest pool of bind(0) and UDP. Table: how full the kernel’s table of TIME_WAIT is (tcp_max_tw_buckets). At risk: listeners inside the range whose port is not reserved. –: none, or not counted. Click a host for details.' % config.predictWindow,
          [
            ['Used', worstHosts],
            ['Full in', ofWorst(q.untilFull)],
            ['Slow', ofWorst(hosts.perHost('sum', m('ephemera_destinations', 'pressure=~"half|high"')))],
            ['Failing', ofWorst(hosts.perHost('sum', m('ephemera_destinations', 'pressure="full"')))],
            ['Failed', ofWorst(failed)],
            ['In TIME_WAIT', ofWorst(q.waitingOfFullest)],
            ['Pool', ofWorst(hosts.perHost('max', q.addressUsage))],
            ['Table', ofWorst(q.timeWaitUsage)],
            ['Opens', ofWorst(hosts.perHost('sum', 'rate(%s[$__rate_interval])' % m('ephemera_tcp_opens_total', 'direction="active"')))],
            ['At risk', ofWorst(hosts.perHost('count', q.deeper(q.squatters, 0)))],
          ],
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 130 }],
            ['Value #Used', 'Used', p.bar() { thresholds: { mode: 'absolute', steps: p.pressureBar(config) } }],
            ['Value #Full in', 'Full in', p.tinted('s', p.soon) { decimals: 1, mappings+: [p.valueMapping([['0', 'full now', 'red']])], 'custom.width': 80 }],
            ['Value #Slow', 'Slow', p.tinted('none', p.warnFrom(1)) + p.wide(50)],
            ['Value #Failing', 'Failing', p.tinted('none', p.alarmFrom(1)) + p.wide(62)],
            ['Value #Failed', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0 } + p.wide(65)],
            ['Value #In TIME_WAIT', 'In TIME_WAIT', { unit: p.ratio, decimals: 0, 'custom.width': 112 }],
            ['Value #Pool', 'Pool', p.tinted(p.ratio, p.warnFrom(config.addressPoolRatio)) { decimals: 0 } + p.wide(55)],
            ['Value #Table', 'Table', p.tinted(p.ratio, p.warnFrom(config.timeWaitTableRatio)) { decimals: 0 } + p.wide(60)],
            ['Value #Opens', 'Opens', { unit: p.perSecond, decimals: 1, 'custom.width': 80 }],
            ['Value #At risk', 'At risk', p.tinted('none', p.told) + p.wide(65)],
          ],
          width=24,
          height=9,
          sortBy='Used',
          noValue='no exporter answers',
        ),
        p.table(
          'Where connect() failed',
          'Hosts and destinations where connect() found no port in the time shown, counted by the kernel. The destination may be far from full by now. Click the host to see which services failed. Hosts without collector exhaustion are left out.',
          'topk(100,\n  %s\n)' % q.deeper(q.orSayCounted(failedDestinations, 'destination', 'none failed'), 2),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
            ['destination', 'To', { links: [p.destinationFromCell(config)] }],
            ['destination_port', 'Port', p.wide(60)],
            ['Value', 'Failed', p.tinted(p.number, p.alarmFrom(0.5)) { decimals: 0, 'custom.width': 80 }],
          ],
          width=14,
          height=8,
          sortBy='Failed',
          noValue=p.uncounted,
        ) + p.runbook(config, 'EphemeralPortsExhausted'),
        p.series(
          'Failures of each host',
          'How often connect() found no port in the interval before each point, on the ten hosts with the most failures in the time shown. Bursts between two scrapes are counted, too. Click a line to open the host.',
          [p.target(q.top(10, hosts.perHost('sum', 'increase(%s[$__rate_interval])' % m('ephemera_port_exhaustion_errors_total')), hosts.perHost('sum', 'increase(%s[$__range] @ end())' % m('ephemera_port_exhaustion_errors_total'))), hosts.legend)],
          p.number,
          width=10,
          height=8,
          links=[p.hostFromLine(config)],
          table=false,
          noValue=p.uncounted,
        ) + p.whole + p.runbook(config, 'EphemeralPortsExhausted'),
        p.table(
          'Full first',
          'Time until the fullest destination of a host has no port left, at its present pace. Only hosts where it has a quarter of the range, and has grown by a tenth of the range or more in %s. Red: less than one hour. Open the host to see which service opens the connections.' % config.predictWindow,
          'bottomk(20,\n  %s\n)' % q.deeper(q.orSay(q.untilFull, 'instance', 'none fills up', -1), 2),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)] }],
            ['Value', 'Full in', p.tinted('s', p.soon) { decimals: 1, mappings: [p.valueMapping([['-1', '–', 'transparent'], ['0', 'full now', 'red']])], 'custom.width': 100 }],
          ],
          width=8,
          height=8,
          noValue='no exporter answers',
        ) + p.runbook(config, 'EphemeralPortsFullSoon'),
        p.table(
          'Alerts firing',
          'Alerts of Ephemera that fire, with host and destination. Click an alert to open the runbook: how to confirm it, what to do now, what it means.',
          |||
            sort_desc(
              3 * %(critical)s
              or
              2 * %(warning)s
              or
              %(any)s
              or
              label_replace(
                0 * count(instance:ephemera_destination_usage:max),
                "alertname", "none fires", "", ""
              ) unless on () %(alerts)s
            )
          ||| % { critical: listed('critical'), warning: listed('warning'), any: listed(null), alerts: alerts },
          hosts.columns + [
            ['alertname', 'Alert', { links: [p.link('Runbook', config.runbookBase + '#${__value.raw}') { targetBlank: true }] }],
            ['severity', 'Severity', {
              'custom.width': 75,
              'custom.cellOptions': { type: 'color-background', mode: 'basic' },
              mappings: [p.valueMapping([['critical', 'critical', 'red'], ['warning', 'warning', 'orange'], ['info', 'info', 'blue']])],
            }],
            ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
          ] + p.inside(config, 90) + [
            ['destination', 'To', p.wide(100)],
            ['destination_port', 'Port', p.wide(55)],
          ],
          width=16,
          height=8,
          noValue='This Prometheus does not load dashboards/rules',
        ),
        p.table(
          'Services that can be locked out',
          'Listeners inside the range whose port is not in ip_local_reserved_ports. While such a service restarts, an outgoing connection can take its port. Then the service does not start: “Address already in use”. Reserve the port: sysctl -w net.ipv4.ip_local_reserved_ports=PORT, and name the ports that are reserved already, too.',
          'topk(100,\n  %s\n)' % q.deeper(q.orSay(q.squatters, 'instance', 'no such service'), 2),
          hosts.columns + [
            ['instance', 'Host', { links: [p.hostFromCell(config)] }],
            ['protocol', 'Protocol', p.wide(80)],
            ['address', 'Address', p.wide(110)],
            ['port', 'Port', p.wide(80)],
          ],
          width=12,
          height=8,
          noValue='no exporter answers',
        ) + p.runbook(config, 'EphemeralPortsListenerInRange'),
        p.series(
          'Hosts by pressure',
          'How many hosts have a worst destination that is below half, half full, nearly full, or full. If many hosts turn orange at once, the application has changed, or a service that all of them call. If one host does, look at that host.',
          p.targets([
            [hostsWhere('< bool %g' % config.halfUsedRatio), 'low'],
            ['%s - %s' % [hostsWhere('>= bool %g' % config.halfUsedRatio), hostsWhere('>= bool %g' % config.nearlyFullRatio)], 'half: connect() is slow'],
            ['%s - %s' % [hostsWhere('>= bool %g' % config.nearlyFullRatio), hostsWhere('>= bool 1')], 'high'],
            [hostsWhere('>= bool 1'), 'full: connect() fails'],
          ]),
          'none',
          width=12,
          height=8,
          stack=true,
          table=false,
          overrides=[
            p.colorOf('low', 'green'),
            p.colorOf('half: connect() is slow', 'yellow'),
            p.colorOf('high', 'orange'),
            p.colorOf('full: connect() fails', 'red'),
          ],
        ),
      ], collapsed=false),
    ] + (import 'fleet_snat.libsonnet')(config) + (import 'fleet_limits.libsonnet')(config),
  )
