// SPDX-License-Identifier: Apache-2.0
// When ports come back, churn, other pools than that of connect(), the range and its settings, and sockets.
local p = import 'panels.libsonnet';

function(config, row)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  local max = q.max, sumBy = q.sumBy, rate = q.rate, rateBy = q.rateBy;
  local owners = (import 'owners.libsonnet')(config);

  // Ports of one kind, by owner.
  local ownedBy(kind) = [
    p.target(owners.by(m('ephemera_owner_%s_ports' % kind)), '{{owner}}', 'A'),
    p.target('sum(%s)' % m('ephemera_other_owner_%s_ports' % kind), 'all others', 'B'),
    p.target('sum(%s)' % m('ephemera_unowned_%s_ports' % kind), 'no owner', 'C'),
  ];
  local nobody = [p.nobody('all others', 'text'), p.nobody('no owner', 'dark-orange')];

  local colors = {
    worst: 'orange',
    free: 'green',
    reserved: 'blue',
    bound: 'purple',
    active: 'blue',
    timeWait: 'orange',
    reusable: 'green',
  };


  [
    row('when ports come back', [
      p.series(
        'Active, TIME_WAIT, reusable',
        'Ports of all destinations that are shown, by what holds them. Blue: open connections. Orange: TIME_WAIT that connect() cannot take yet, lost for up to 60 s. Green: TIME_WAIT that connect() may take now (tcp_tw_reuse). Much orange: keep connections open, or set tcp_tw_reuse=1 if the peers have TCP timestamps.',
        [p.target(q.orSay(sumBy('state', 'ephemera_destination_ports'), 'state', 'too few ports to be shown'), '{{state}}')],
        p.number,
        width=8,
        stack=true,
        overrides=[
          p.colorOf('active', colors.active),
          p.colorOf('time_wait', colors.timeWait),
          p.colorOf('reusable', colors.reusable),
        ],
      ),
      p.series(
        'When TIME_WAIT ends',
        'Sockets in TIME_WAIT, by the time that is left. The lowest area comes back within 15 s. Even layers are a steady pace; a thick upper layer is a burst of the last seconds, and it stays for 45 s or more.',
        // One query each: the areas lie in the order in which they end.
        p.targets([
          ['sum(%s)' % m('ephemera_time_wait_sockets', 'remaining="%s"' % each[0]), each[1]]
          for each in [['under_15s', 'within 15 s'], ['15s_to_30s', '30 s'], ['30s_to_45s', '45 s'], ['over_45s', 'later']]
        ]),
        p.number,
        width=8,
        stack=true,
        // By its last values a table would put them in another order, and the fourth out of sight.
        table=false,
        overrides=[
          p.colorOf('within 15 s', 'green'),
          p.colorOf('30 s', 'yellow'),
          p.colorOf('45 s', 'orange'),
          p.colorOf('later', 'dark-orange'),
        ],
      ),
      p.series(
        'Into TIME_WAIT, and taken over',
        'Connections that entered TIME_WAIT, and those in it that a new connection took over. “Entered” times 60 s is what TIME_WAIT holds. If “taken over” is close to “entered”, reuse works, and TIME_WAIT is not a problem.',
        p.targets([
          [rate('ephemera_time_wait_entered_total'), 'entered'],
          [rate('ephemera_time_wait_recycled_total'), 'taken over'],
          [rate('ephemera_time_wait_overflows_total'), 'found no place'],
        ]),
        p.perSecond,
        width=8,
        overrides=[p.colorOf('found no place', 'red')],
      ),
      p.series(
        'TIME_WAIT table',
        'Sockets in TIME_WAIT as a share of tcp_max_tw_buckets. At 100 % connections are closed without TIME_WAIT, and late segments can reach a new connection. Above the line: keep connections open longer, or raise tcp_max_tw_buckets.',
        [p.target('max(%s)' % q.deeper(q.timeWaitUsage, 2), 'used')],
        p.ratio,
        width=12,
        lines=p.limitLines(config.timeWaitTableRatio),
        softMax=1,
        table=false,
      ) + p.runbook(config, 'TimeWaitTableNearlyFull'),
      p.settings(
        'Settings that bring ports back',
        'tcp_tw_reuse: whether connect() may take a port in TIME_WAIT once it is tcp_tw_reuse_delay old. tcp_fin_timeout ends FIN_WAIT2; it does not shorten TIME_WAIT. With much TIME_WAIT towards one destination, tcp_tw_reuse=1 gives those ports back after a second, if the peers have TCP timestamps.',
        [
          [max('ephemera_tcp_time_wait_reuse'), 'tcp_tw_reuse'],
          [max('ephemera_tcp_time_wait_reuse_delay_seconds'), 'tcp_tw_reuse_delay'],
          [max('ephemera_tcp_fin_timeout_seconds'), 'tcp_fin_timeout'],
        ],
        's',
        overrides=[p.byName('tcp_tw_reuse', {
          unit: 'none',
          mappings: [p.valueMapping([['0', 'never', 'text'], ['1', 'always', 'text'], ['2', 'on loopback', 'text']])],
        })],
      ),
    ]),
    row('churn', [
      p.series(
        'Connections opened',
        'Active: this host connected; each took an ephemeral port. Passive: others connected to it; they take none. Many active ones a second, and few that stay: short connections; keep-alive or a pool takes fewer ports and less CPU time.',
        [p.target(rateBy('direction', 'ephemera_tcp_opens_total'), '{{direction}}')],
        p.perSecond,
        width=8,
      ),
      p.series(
        'Connections that failed, or were reset',
        'Failed: refused, timed out or reset before they were established. Reset: ended by a reset, without TIME_WAIT. A connect() that gets no port is not counted here. Many failures: the peer, or a firewall, refuses; look there first.',
        p.targets([
          [rate('ephemera_tcp_open_failures_total'), 'failed'],
          [rate('ephemera_tcp_established_resets_total'), 'reset'],
          [rate('ephemera_tcp_resets_sent_total'), 'resets sent'],
        ]),
        p.perSecond,
        width=8,
      ),
      p.series(
        'Connections by direction',
        'TCP sockets with a peer, TIME_WAIT included. Inbound: their local port has a listener. Only outbound ones lease an ephemeral port.',
        [p.target(sumBy('direction', 'ephemera_tcp_connections'), '{{direction}}')],
        p.number,
        width=8,
        stack=true,
        overrides=[p.colorOf('outbound', 'orange'), p.colorOf('inbound', 'blue')],
      ),
    ]),
    row('other pools', [
      p.series(
        'Pools of bind(0) and UDP',
        'Ports of the range that are taken, by local address, as a share of those that bind(ADDRESS, 0) can give. bind() without an address, and UDP without bind(), take from the wildcards 0.0.0.0 and ::. At 100 % these calls fail. Sockets that share ports still get one: UDP with SO_REUSEADDR or SO_REUSEPORT, TCP with SO_REUSEADDR and ip_autobind_reuse=1. Above the line: use more local addresses, IP_BIND_ADDRESS_NO_PORT before connect(), or a wider range.',
        [p.target(
          |||
            %s
            / on (%s) group_left ()
            clamp_min(%s, 1)
          ||| % [
            hosts.perHost('max', m('ephemera_address_ports'), ['protocol', 'address']),
            hosts.host,
            hosts.perHost('max', '%s - %s' % [m('ephemera_range_ports'), m('ephemera_range_reserved_ports')]),
          ],
          '{{protocol}} {{address}}'
        )],
        p.ratio,
        width=12,
        lines=p.limitLines(config.addressPoolRatio),
        softMax=1,
      ) + p.runbook(config, 'EphemeralPortsAddressPoolNearlyFull'),
      p.series(
        'Accept queues',
        'Connections that wait for accept(), as a share of the queue’s limit, for the fullest listeners. At 100 % the next one is dropped. Above the line: let the program accept() faster, or raise its backlog and net.core.somaxconn.',
        [p.target(
          '%s / clamp_min(%s, 1)' % ['max by (address, port) (%s)' % m('ephemera_accept_queue_sockets'), 'max by (address, port) (%s)' % m('ephemera_accept_queue_limit_sockets')],
          '{{address}} port {{port}}'
        )],
        p.ratio,
        width=12,
        lines=p.limitLines(config.acceptQueueRatio),
        softMax=1,
      ) + p.runbook(config, 'AcceptQueueFull'),
      p.series(
        'Who holds UDP ports',
        'Ports of the range that UDP sockets hold, by owner. Steady growth: sockets that are not closed, or a resolver with many open queries. Click an area for the whole cgroup.',
        ownedBy('udp'),
        p.number,
        width=12,
        stack=true,
        links=[p.ownerFromLine(config)],
        overrides=nobody,
      ),
      p.series(
        'Connections that listeners dropped',
        'Overflows: they found a full accept queue. Other drops: for any other reason, memory or a full SYN queue. 0 is good; otherwise see the accept queues beside this.',
        p.targets([
          [rate('ephemera_listen_overflows_total'), 'overflows'],
          ['clamp_min(%s - %s, 0)' % [rate('ephemera_listen_drops_total'), rate('ephemera_listen_overflows_total')], 'other drops'],
        ]),
        p.perSecond,
        width=12,
        overrides=[p.colorOf('overflows', 'red'), p.colorOf('other drops', 'orange')],
      ) + p.runbook(config, 'ListenOverflows'),
    ]),
    row('the range and its settings', [
      p.table(
        'Listeners inside the range',
        'A service whose port is not reserved can be locked out: while it restarts, an outgoing connection can take its port. “no”: reserve the port with sysctl -w net.ipv4.ip_local_reserved_ports=PORT, and name the ports that are reserved already, too. Every destination has also lost the port of each listener.',
        q.orSay('max by (protocol, address, port, reserved) (%s)' % m('ephemera_range_listener_info'), 'address', 'no listener is inside the range'),
        [
          ['address', 'Address', {}],
          ['port', 'Port', p.wide(90)],
          ['protocol', 'Protocol', p.wide(90)],
          ['reserved', 'Reserved', {
            'custom.width': 100,
            'custom.cellOptions': { type: 'color-background', mode: 'basic' },
            mappings: [p.valueMapping([['true', 'yes', 'transparent'], ['false', 'no', 'blue']])],
          }],
        ],
        width=12,
        noValue='the exporter does not answer',
      ) + p.runbook(config, 'EphemeralPortsListenerInRange'),
      p.settings(
        'First and last port',
        'ip_local_port_range, how many ports it has, how many of them are in IANA’s dynamic range (49152 to 65535), and the first port that bind() gives to any user. Ports below 49152 may belong to registered services. Linux’ default is 32768 to 60999; if the range is smaller, find out why.',
        [
          [max('ephemera_range_first_port'), 'first'],
          [max('ephemera_range_last_port'), 'last'],
          [max('ephemera_range_ports'), 'ports'],
          [max('ephemera_range_iana_dynamic_ports'), 'of IANA’s range'],
          [max('ephemera_unprivileged_first_port'), 'unprivileged from'],
        ],
        'none',
      ),
      p.series(
        'Who holds bound ports',
        'Ports of the range that bind() holds, by owner: listeners, and clients that bind before they connect. Every destination has lost these ports. Let servers listen outside the range; let clients use IP_BIND_ADDRESS_NO_PORT. Click an area for the whole cgroup.',
        ownedBy('bound'),
        p.number,
        width=24,
        stack=true,
        links=[p.ownerFromLine(config)],
        overrides=nobody,
      ),
    ]),
    row('sockets', [
      p.series(
        'TCP sockets by state',
        'Many in close_wait: a program does not close what its peers have closed, and leaks descriptors and ports. Many in syn_sent: a peer does not answer. Many in fin_wait2: a peer does not close.',
        [p.target(sumBy('state', 'ephemera_sockets', 'protocol="tcp"'), '{{state}}')],
        p.number,
        width=16,
        height=9,
        stack=true,
        overrides=[
          p.colorOf('established', colors.active),
          p.colorOf('time_wait', colors.timeWait),
          p.colorOf('listen', 'green'),
          p.colorOf('close_wait', 'red'),
          p.colorOf('syn_sent', 'yellow'),
          p.colorOf('fin_wait2', 'purple'),
        ],
      ),
      p.series(
        'UDP sockets',
        'Connected (established) and others (close). Steady growth is a program that does not close its sockets; each takes a port of the pool.',
        [p.target(sumBy('state', 'ephemera_sockets', 'protocol="udp"'), '{{state}}')],
        p.number,
        width=8,
        height=9,
        stack=true,
      ),
    ]),
  ]
