// SPDX-License-Identifier: Apache-2.0
// Of a fleet, the gateways: ports of source NAT, and tables of connection tracking.
local p = import 'panels.libsonnet';

function(config)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  local pools(metric) = hosts.perHost('sum', metric, ['source', 'destination', 'destination_port', 'zone', 'protocol']);
  local tableAt(at) = |||
    %s
    / on (%s)
    %s
  ||| % [
    hosts.perHost('max', m('ephemera_conntrack_entries') + at),
    hosts.host,
    hosts.perHost('max', m('ephemera_conntrack_limit_entries') + at + ' > 0'),
  ];

  [
    p.row('SNAT', [
      p.series(
        'Fullest pool of SNAT',
        'Of the ten worst hosts: the share of the range that the fullest pool has taken. A pool is all ports of a SNAT address towards one destination. At 100 % the first packet of each new connection to it is dropped, and connect() waits. Above the line: open the host to see which clients have them.',
        [p.target(q.top(10, hosts.perHost('max', m('ephemera_worst_snat_usage_ratio'), ['protocol']), hosts.perHost('max', m('ephemera_worst_snat_usage_ratio') + ' @ end()')), hosts.legend + ' {{protocol}}')],
        p.ratio,
        width=10,
        lines=p.limitLines(config.snatNearlyFullRatio),
        softMax=1,
        links=[p.hostFromLine(config)],
        table=false,
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsNearlyFull'),
      p.table(
        'Pools of SNAT',
        'The twenty pools with the most active ports. Loss: the chance that the next connection finds no port, if the ports in use are spread evenly. Red: its clients wait a second or more. Open the host to see its clients.',
        [
          ['Active', 'topk(20, %s)' % pools(m('ephemera_snat_ports', 'state="active"'))],
          ['Loss', |||
            %s
            and
            topk(20, %s)
          ||| % [pools(m('ephemera_snat_loss_ratio')), pools(m('ephemera_snat_ports', 'state="active"'))]],
        ],
        hosts.columns + [
          ['instance', 'Host', { links: [p.hostFromCell(config)], 'custom.width': 120 }],
          ['source', 'From', {}],
          ['destination', 'To', {}],
          ['destination_port', 'Port', p.wide(60)],
          ['zone', 'Zone', p.wide(50)],
          ['Value #Active', 'Active', { unit: p.number } + p.wide(75)],
          ['Value #Loss', 'Loss', p.tinted(p.ratio, p.alarmFrom(config.snatLossRatio)) { decimals: 1, 'custom.width': 70 }],
        ],
        width=14,
        sortBy='Active',
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsFull'),
      p.series(
        'Packets lost to SNAT',
        'Packets that were dropped since SNAT found no port, in the interval before each point, on the ten hosts with the most in the time shown. The kernel counts each. 0 is good. Else: open the host to see towards whom, and because of which clients.',
        [p.target(q.top(10, q.lostOn('$__rate_interval'), q.lostOn('$__range', ' @ end()')), hosts.legend)],
        p.number,
        width=8,
        links=[p.hostFromLine(config)],
        table=false,
        noValue=p.unlost,
      ) + p.whole + p.runbook(config, 'SnatPacketsLost'),
      p.series(
        'Connection tracking table',
        'Entries as a share of nf_conntrack_max, for the ten fullest hosts. At 100 % packets of new connections are dropped, translated or not. Above the line: open the host; shorten timeouts, or raise nf_conntrack_max.',
        [p.target(q.top(10, q.deeper(tableAt(''), 0), q.deeper(tableAt(' @ end()'), 2)), hosts.legend)],
        p.ratio,
        width=8,
        lines=p.limitLines(config.conntrackTableRatio),
        softMax=1,
        links=[p.hostFromLine(config)],
        table=false,
        noValue=p.untranslated,
      ) + p.runbook(config, 'ConntrackTableNearlyFull'),
      p.series(
        'Drops of connection tracking',
        'Packets a second that connection tracking dropped, for want of a port for SNAT or of a place in the table, on the ten worst hosts. 0 is good. Else: see on the host whether a pool of SNAT or the table is full.',
        [p.target(q.top(10, hosts.perHost('sum', 'rate(%s[$__rate_interval])' % m('ephemera_conntrack_drops_total')), hosts.perHost('sum', 'increase(%s[$__range] @ end())' % m('ephemera_conntrack_drops_total'))), hosts.legend)],
        p.perSecond,
        width=8,
        links=[p.hostFromLine(config)],
        table=false,
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsFull'),
    ]),
  ]
