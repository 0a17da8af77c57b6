// SPDX-License-Identifier: Apache-2.0
// Which calls found no port, and how long ports are held: what collector exhaustion counts.
local p = import 'panels.libsonnet';

function(config, row)
  local hosts = (import 'hosts.libsonnet')(config);
  local q = (import 'queries.libsonnet')(config);
  local m = q.metric;
  local max = q.max, sumBy = q.sumBy, rate = q.rate, rateBy = q.rateBy;

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


  [
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
  ]
