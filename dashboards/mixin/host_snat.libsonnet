// SPDX-License-Identifier: Apache-2.0
// Of one host, the ports of source NAT, and the table of connection tracking.
local p = import 'panels.libsonnet';

function(config, row)
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  local pool = 'protocol, source, destination, destination_port, zone';

  [
    row('SNAT', [
      p.series(
        'Fullest pool of SNAT',
        'Share of the range that the fullest pool has taken, closing connections left out. A pool is all ports of a SNAT address towards one destination. At 100 % the first packet of each new connection to it is dropped, and connect() waits; with more than 128 ports some are dropped before. Above the line: see the pools and their clients beside and below this.',
        [p.target('max by (protocol, family) (%s)' % m('ephemera_worst_snat_usage_ratio'), '{{protocol}} {{family}}')],
        p.ratio,
        width=8,
        lines=p.limitLines(config.snatNearlyFullRatio),
        softMax=1,
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsNearlyFull'),
      p.table(
        'Pools of SNAT',
        'The fullest pools: which SNAT address, towards whom, in which conntrack zone if in one. Closing: in TIME_WAIT or CLOSE; since Linux 6.5 the kernel may give such ports away. Loss: the chance that the next connection finds no port, if the ports in use are spread evenly. Red: its clients wait. Add SNAT addresses, or widen the range.',
        [
          ['Active', q.sumBy(pool, 'ephemera_snat_ports', 'state="active"')],
          ['Closing', q.sumBy(pool, 'ephemera_snat_ports', 'state="closing"')],
          ['Loss', 'max by (%s) (%s)' % [pool, m('ephemera_snat_loss_ratio')]],
        ],
        [
          ['protocol', 'Protocol', p.wide(75)],
          ['source', 'From', {}],
          ['destination', 'To', {}],
          ['destination_port', 'Port', p.wide(60)],
          ['zone', 'Zone', p.wide(60)],
          ['Value #Active', 'Active', { unit: p.number } + p.wide(80)],
          ['Value #Closing', 'Closing', { unit: p.number } + p.wide(80)],
          ['Value #Loss', 'Loss', p.tinted(p.ratio, p.alarmFrom(config.snatLossRatio)) { decimals: 1, 'custom.width': 75 }],
        ],
        width=16,
        sortBy='Active',
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsFull'),
      p.table(
        'Clients of SNAT',
        'Of each pool that is shown, the clients with the most active ports, by their address before SNAT, such as a pod’s. One with most of them: look whether it closes its connections. Many with about as many: there are that many connections; add SNAT addresses.',
        'sum by (client, %s) (%s)' % [pool, m('ephemera_snat_client_ports')],
        [
          ['client', 'Client', {}],
          ['destination', 'To', {}],
          ['destination_port', 'Port', p.wide(60)],
          ['Value', 'Ports', { unit: p.number } + p.wide(75)],
        ],
        width=10,
        sortBy='Ports',
        noValue=p.untranslated,
      ),
      p.series(
        'Chance of loss',
        'The chance that the next connection finds no port in the worst of the shown pools, if the ports in use are spread evenly. Up to 128 ports it is 0 until the last one is taken. 1 %: one client in a hundred waits a second. Above the line: add SNAT addresses, or widen the range.',
        [p.target('round(max by (protocol) (%s), 0.0001)' % m('ephemera_snat_loss_ratio'), '{{protocol}}')],
        p.ratio,
        width=7,
        lines=p.steps([['green', null], ['red', config.snatLossRatio]]),
        noValue=p.untranslated,
      ) + p.runbook(config, 'SnatPortsFull'),
      p.series(
        'Packets lost to SNAT',
        'Packets that were dropped since SNAT found no port, in the interval before each point, by destination; the kernel counts each. 0 is good. Else: its clients wait a second or more. Add SNAT addresses, or widen the range.',
        [p.target(q.lostTo, '{{protocol}} {{destination}} {{destination_port}}')],
        p.number,
        width=7,
        noValue=p.unlost,
      ) + p.whole + p.runbook(config, 'SnatPacketsLost'),
      p.settings(
        'Ranges of SNAT',
        'Ports that SNAT chooses from, as the exporter has them (--collector.snat.ports). Only ports within count. If your rules name other ports, the shares above are wrong: set the flag.',
        [['max by (first_port, last_port) (%s)' % m('ephemera_snat_range_ports'), '{{first_port}} to {{last_port}}']],
        p.number,
        width=6,
      ) + { fieldConfig+: { defaults+: { noValue: p.untranslated } } },
      p.series(
        'Connection tracking table',
        'Entries as a share of nf_conntrack_max. At 100 % packets of new connections are dropped, translated or not. Above the line: find the clients with the most connections, shorten timeouts, or raise nf_conntrack_max.',
        [p.target('max(%s) / max(%s > 0)' % [m('ephemera_conntrack_entries'), m('ephemera_conntrack_limit_entries')], 'used')],
        p.ratio,
        width=9,
        lines=p.limitLines(config.conntrackTableRatio),
        softMax=1,
        table=false,
        noValue=p.untranslated,
      ) + p.runbook(config, 'ConntrackTableNearlyFull'),
      p.series(
        'Drops of connection tracking',
        'Packets and entries a second. Insert failed: another connection had the same addresses and ports, or SNAT found no port. Dropped: packets, for want of a port or of a place in the table. Early drop: entries that made room for others in a full table. 0 is good.',
        p.targets([
          [q.rate('ephemera_conntrack_insert_failed_total'), 'insert failed'],
          [q.rate('ephemera_conntrack_drops_total'), 'dropped'],
          [q.rate('ephemera_conntrack_early_drops_total'), 'early drop'],
        ]),
        p.perSecond,
        width=9,
        noValue=p.untranslated,
        overrides=[p.colorOf('dropped', 'red')],
      ),
    ]),
  ]
