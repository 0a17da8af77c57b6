// SPDX-License-Identifier: Apache-2.0
// Of a fleet, what is looked at less: limits besides those of connect(), and the exporters.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;

  [
    p.row('Other limits', [
      p.series(
        'Fullest pool of bind(0) and UDP',
        'The ten hosts whose pool is fullest. At 100 % bind() to port 0 fails with “Address already in use”, and a UDP connect() or sendto() with “Resource temporarily unavailable”, unless the sockets share ports (SO_REUSEADDR). Above the line: open the host to see the address and the protocol. Use more local addresses, or IP_BIND_ADDRESS_NO_PORT before connect().',
        [p.target(q.top(10, q.addressUsage, hosts.perHost('max', m('ephemera_worst_address_usage_ratio') + ' @ end()')), hosts.legend + ' {{protocol}}')],
        p.ratio,
        width=12,
        lines=p.limitLines(config.addressPoolRatio),
        softMax=1,
        links=[p.hostFromLine(config)],
        table=false,
      ) + p.runbook(config, 'EphemeralPortsAddressPoolNearlyFull'),
      p.series(
        'TIME_WAIT table',
        'Sockets in TIME_WAIT as a share of tcp_max_tw_buckets, for the ten fullest hosts. At 100 % the kernel closes connections without TIME_WAIT, and late segments can reach a new connection. Above the line: keep connections open longer, or raise tcp_max_tw_buckets.',
        [p.target(q.top(10, q.deeper(q.timeWaitUsage, 0), q.deeper(q.timeWaitUsageAt(' @ end()'), 2)), hosts.legend)],
        p.ratio,
        width=12,
        lines=p.limitLines(config.timeWaitTableRatio),
        softMax=1,
        links=[p.hostFromLine(config)],
        table=false,
      ) + p.runbook(config, 'TimeWaitTableNearlyFull'),
      p.series(
        'Fullest accept queue',
        'The ten hosts with the fullest accept queue. At 100 % the next connection is dropped, and the client waits a second or more to try again. Above the line: the program does not accept() fast enough, or its backlog or somaxconn is too small.',
        [p.target(q.top(10, hosts.perHost('max', m('ephemera_worst_accept_queue_usage_ratio')), hosts.perHost('max', m('ephemera_worst_accept_queue_usage_ratio') + ' @ end()')), hosts.legend)],
        p.ratio,
        width=12,
        lines=p.limitLines(config.acceptQueueRatio),
        softMax=1,
        links=[p.hostFromLine(config)],
        table=false,
      ) + p.runbook(config, 'AcceptQueueFull'),
      p.series(
        'Ports lost to bind()',
        'Share of the range that bind() holds, on the ten worst hosts. Every destination of the host has lost these ports. Above a tenth: open the host to see the holder. Let servers listen, and clients bind, outside the range.',
        [p.target(
          |||
            %(bound)s
            / %(onHost)s
            %(range)s
            and %(onHost)s
            topk(10, %(boundAtEnd)s)
          ||| % {
            onHost: q.onHost,
            bound: hosts.perHost('sum', m('ephemera_range_bound_ports')),
            boundAtEnd: hosts.perHost('sum', m('ephemera_range_bound_ports') + ' @ end()'),
            range: hosts.perHost('max', m('ephemera_range_ports')),
          },
          hosts.legend
        )],
        p.ratio,
        width=12,
        lines=p.steps([['green', null], ['orange', 0.1]]),
        softMax=0.2,
        links=[p.hostFromLine(config)],
        table=false,
      ),
    ]),
    p.row('Exporters', [
      p.table(
        'Targets',
        'Exporters that do not answer, with the job that scrapes them. Prometheus’ page of targets shows the reason; then look at the host. It is good if all answer.',
        'topk(100,\n  %s\n)' % q.deeper(q.orSay('up{%s} == 0' % (import 'hosts.libsonnet')(config).matchers(), 'instance', 'all answer', 1), 2),
        hosts.columns + [
          ['instance', 'Host', {}],
          ['job', 'Job', {}],
          ['Value', 'State', {
            'custom.width': 120,
            'custom.cellOptions': { type: 'color-text' },
            mappings: [p.valueMapping([['0', 'does not answer', 'red'], ['1', 'fine', 'green']])],
          }],
        ],
        width=8,
        noValue='no exporter answers',
      ) + p.runbook(config, 'EphemeraExporterGone'),
      p.table(
        'Collectors that fail',
        'The metrics of such a collector are missing, and panels that need them are empty. The exporter’s log says why: `journalctl -u ephemera`.',
        'topk(100,\n  %s\n)' % q.deeper(q.orSay('%s == 0' % m('ephemera_scrape_collector_success'), 'collector', 'none fails', 1), 2),
        hosts.columns + [
          ['instance', 'Host', { links: [p.hostFromCell(config)] }],
          ['collector', 'Collector', {}],
        ],
        width=8,
        noValue='no exporter answers',
      ) + p.runbook(config, 'EphemeraCollectorFailing'),
      p.table(
        'Missing kernel features',
        'What kernels do not tell, and on how many hosts. Nothing is wrong there: docs/semantics.md says what the figures then lack. bound_inactive: sockets that only bind() (Linux 6.8). sock_diag: without it /proc/net is read. cgroup_owners: the owner of a socket (cgroup version 2, Linux 5.8); only hosts with collector owners count. Features for collectors exhaustion and snat: only hosts where they work count.',
        q.orSay(
          |||
            count by (feature) (
              %s == 0
              or
              %s == 0
              and %s
              %s == 1
              or
              %s == 0
              and %s
              %s
              or
              %s == 0
              and %s
              %s == 1
            )
          ||| % [
            m('ephemera_kernel_feature', 'feature!~"bind_before_connect|time_wait_reuse|port_exhaustion|bind_port_exhaustion|bind_conflicts|snat_lost_packets"'),
            m('ephemera_kernel_feature', 'feature=~"bind_before_connect|time_wait_reuse|port_exhaustion|bind_port_exhaustion|bind_conflicts"'),
            q.onHost,
            q.counting,
            m('ephemera_kernel_feature', 'feature="cgroup_owners"'),
            q.onHost,
            m('ephemera_scrape_collector_success', 'collector="owners"'),
            m('ephemera_kernel_feature', 'feature="snat_lost_packets"'),
            q.onHost,
            m('ephemera_scrape_collector_success', 'collector="snat"'),
          ], 'feature', 'nothing is missing'
        ),
        [
          ['feature', 'Missing', {}],
          ['Value', 'Hosts', p.tinted('none', p.told) + p.wide(90)],
        ],
        width=8,
        noValue='no exporter answers',
      ),
      p.series(
        'Slowest scrapes',
        'Time that a scrape takes, for the ten slowest hosts. Keep it well below the scrape timeout (10 s unless set). It grows with the sockets of the whole machine: scrape less often, or raise the timeout.',
        [p.target(q.top(10, hosts.perHost('max', m('ephemera_scrape_duration_seconds')), hosts.perHost('max', m('ephemera_scrape_duration_seconds') + ' @ end()')), hosts.legend)],
        's',
        width=8,
        lines=p.steps([['green', null], ['orange', 5], ['red', 10]]),
        links=[p.hostFromLine(config)],
        table=false,
      ),
      p.series(
        'Versions',
        'How many hosts run each version. More than one version for a long time: a roll-out is stuck.',
        [p.target('count by (version) (%s)' % m('ephemera_build_info'), '{{version}}')],
        'none',
        width=8,
        stack=true,
        table=false,
      ),
      p.series(
        'Refused or cut off',
        'Requests that a limit of the exporter refused, held up or cut off, by reason. 0 is good. A steady rate: too many Prometheus servers, or another client reads the port. docs/serving.md has the limits.',
        [p.target('sum by (reason) (rate(%s[$__rate_interval])) > 0\nor\n0 * sum(rate(%s[$__rate_interval]))' % [m('ephemera_http_refused_total'), m('ephemera_http_refused_total')], '{{reason}}')],
        p.perSecond,
        width=8,
        table=false,
        overrides=[p.byName('Value', { displayName: 'all' })],
      ),
    ]),
  ]
