// SPDX-License-Identifier: Apache-2.0
// Sentences of alerts: templates that ask Prometheus, while an alert is pending or fires. Those that may
// be empty begin with their space. Where a scrape has failed, they say what was said last.
function(config, hosts) {
  local expressions = (import 'expressions.libsonnet')(config),

  // METRIC{HOST,MATCHERS}[WINDOW] of the alert's host. matchers: { 'label=': what a template has for it }
  local series(metric, matchers={}, fixed='', window=config.missedScrapes) = {
    text: '%s{%s}[%s]' % [
      metric,
      std.join(',', [hosts.target] + [each + '%q' for each in std.objectFields(matchers)] + (if fixed == '' then [] else [fixed])),
      window,
    ],
    arguments: std.join(' ', [hosts.arguments] + [matchers[each] for each in std.objectFields(matchers)]),
  },
  // The question that an expression is, with %s for each of the series.
  local ask(expression, of) = 'printf "%s" %s | query' % [
    expression % [each.text for each in of],
    std.join(' ', [each.arguments for each in of]),
  ],
  local last(of) = ask('last_over_time(%s)', [of]),

  // A text about the answer, which is its dot: all of it, or its first series.
  local about(question, text, none='') =
    '{{ with %s }}%s%s{{ end }}' % [question, text, if none == '' then '' else '{{ else }}' + none],
  local first(question, text) = about(question, '{{ with . | first }}%s{{ end }}' % text),
  // "BEFORE 20 active, 0 time_wait"
  local each(label, before) =
    '{{ range $i, $s := . | sortByLabel "%s" }}{{ if $i }},{{ else }}%s{{ end }} {{ .Value }} {{ .Labels.%s }}{{ end }}'
    % [label, before, label],

  // The largest three of some owners: "BEFORE pod shop/orders-7d9f (26820), cgroup /system.slice/shop.service (7)".
  // A pod has its name where kube-state-metrics knows it.
  local largest(before) = |||
    {{ range $i, $o := . }}{{ if $i }}, {{ else }}%s {{ end }}
    {{ with printf "kube_pod_info{%suid!=\"\",uid=%%q}" %s.Labels.pod_uid | query }}
    {{ with . | first }}pod {{ .Labels.namespace }}/{{ .Labels.pod }}{{ end }}
    {{ else }}cgroup {{ .Labels.cgroup }}{{ end }}
     ({{ .Value | printf "%%.0f" }}){{ end }}
  ||| % [before, hosts.clusterTarget, hosts.clusterArguments],
  local owners(expression, of, before, after='.', none='') = std.strReplace(
    about(ask('topk(3, %s)' % expression, of), largest(before) + after, none), '\n', ''
  ),

  // Who holds the ports of a destination. What is active has owners. TIME_WAIT has none in the kernel, so
  // where that is most of it, who opens the connections is said, if that is counted.
  local held(matchers, peer) =
    local ports(fixed='') = series('ephemera_destination_ports', matchers, fixed);
    about(ask('sum by (state) (last_over_time(%s))', [ports()]), each('state', ' Its ports:') + '.') +
    owners(
      'sum without (source) (last_over_time(%s))',
      [series('ephemera_destination_owner_ports', matchers)],
      ' The active ones are held by',
      first(
        ask('sum(last_over_time(%s)) > 0', [series('ephemera_destination_other_owner_ports', matchers)]),
        ', others ({{ .Value }})'
      ) + '.'
    ) +
    about(
      ask(
        'sum(last_over_time(%s)) > sum(last_over_time(%s))',
        [ports('state=\\"time_wait\\"'), ports('state=\\"active\\"')]
      ),
      ' TIME_WAIT has no owner in the kernel.' + owners(
        'increase(%s) > 0',
        [series('ephemera_destination_owner_opens_total', peer, window=config.rateWindow)],
        ' In the last %s most connections to it were opened by' % config.rateWindow,
        none=' `ephemera destinations` ' + hosts.there + ' names who is connected to it now, and `ephemera trace` whose calls fail.'
      )
    ),
  local peerOf(labels) = { 'destination=': labels + '.destination', 'destination_port=': labels + '.destination_port' },
  local destinationOf(labels) = { 'source=': labels + '.source' } + peerOf(labels),

  local ofFamily = { 'source=~': '(or (and (eq $labels.family "ipv6") ".*:.*") "[^:]*")' },

  host:: hosts.name,

  // "10.0.0.5 port 443 (from 10.0.0.9)", or what is known where the list has no name for it.
  destination:: '{{ if $labels.destination }}{{ $labels.destination }} port ' +
                '{{ $labels.destination_port }} (from {{ $labels.source }})' +
                '{{ else }}its fullest {{ $labels.family }} destination{{ end }}',
  // Of an alert's destination. One that has no name is found on the host.
  ports:: '{{ if $labels.destination }}' + held(destinationOf('$labels'), peerOf('$labels')) +
          '{{ else }} `ephemera destinations` ' + hosts.there + ' names it, and who holds its ports.{{ end }}',
  // Where the alert has no source address, from all of them.
  portsFromAnywhere:: held(peerOf('$labels'), peerOf('$labels')),
  // Of the fullest one of the alert's family.
  fullest:: first(
    ask(
      'topk(1, sum without (state) (last_over_time(%s)))',
      [series('ephemera_destination_ports', ofFamily, 'state!=\\"reusable\\"')]
    ),
    '{{ $d := .Labels }} The fullest one now is {{ $d.destination }} port {{ $d.destination_port }} ' +
    '(from {{ $d.source }}).' + held(destinationOf('$d'), peerOf('$d'))
  ),
  capacity:: first(last(series('ephemera_range_usable_ports')), ' A destination can have {{ .Value }} ports.'),

  // The fullest pool of bind() to port 0: an address, or the wildcard where it is none.
  address::
    local pools(fixed) = series('ephemera_address_ports', { 'protocol=': '$labels.protocol' }, fixed);
    first(
      ask(
        'topk(1, last_over_time(%s)) or topk(1, last_over_time(%s))',
        [pools('address!~\\"0.0.0.0|::\\"'), pools('address=~\\"0.0.0.0|::\\"')]
      ),
      ' The fullest address is {{ .Labels.address }} with {{ .Value }} ports.'
    ),
  udpOwners:: '{{ if eq $labels.protocol "udp" }}' + owners(
    'last_over_time(%s)', [series('ephemera_owner_udp_ports')], ' Most UDP ports of this host are held by'
  ) + '{{ end }}',

  timeWaitLimit:: first(
    last(series('ephemera_time_wait_limit_sockets')), ' It holds {{ .Value }} (net.ipv4.tcp_max_tw_buckets).'
  ),
  fullestQueue:: first(
    ask(
      'topk(1, last_over_time(%s) / (last_over_time(%s) + 1) > 0)',
      [series('ephemera_accept_queue_sockets'), series('ephemera_accept_queue_limit_sockets')]
    ),
    ' The fullest queue now is {{ .Labels.address }} port {{ .Labels.port }} ({{ .Value | humanizePercentage }}).'
  ),

  // Of source NAT, the fullest pool of the alert's protocol and family.
  local ofPool = { 'protocol=': '$labels.protocol' },
  local fullestPool(text, none='') = about(
    ask('topk(1, last_over_time(%s))', [series('ephemera_snat_ports', ofPool + ofFamily, 'state=\\"active\\"')]),
    '{{ with . | first }}%s{{ end }}' % text,
    none
  ),
  // Only where the pool is in one.
  local inZone(labels) = '{{ with %s.zone }} in conntrack zone {{ . }}{{ end }}' % labels,
  inZone:: inZone('$labels'),
  snatPool:: fullestPool(
    '{{ .Labels.destination }} port {{ .Labels.destination_port }} (from {{ .Labels.source }}' + inZone('.Labels') + ')',
    none='its fullest {{ $labels.family }} destination'
  ),
  // The range, and of one pool its ports, the chance of loss and its clients.
  local snatRange = first(
    last(series('ephemera_snat_range_ports')),
    ' SNAT chooses from the {{ .Value }} ports from {{ .Labels.first_port }} to {{ .Labels.last_port }}.'
  ),
  local aboutPool(labels) =
    local pool(metric) = [series(metric, ofPool + destinationOf(labels) + { 'zone=': labels + '.zone' })];
    about(ask('sum by (state) (last_over_time(%s))', pool('ephemera_snat_ports')), each('state', ' Its ports:') + '.') +
    first(
      ask('last_over_time(%s) > 0', pool('ephemera_snat_loss_ratio')),
      ' A new connection finds none with a chance of {{ .Value | humanizePercentage }}.'
    ) +
    about(
      ask('topk(3, last_over_time(%s))', pool('ephemera_snat_client_ports')),
      '{{ range $i, $c := . }}{{ if $i }},{{ else }} Clients with the most:{{ end }} {{ .Labels.client }} ({{ .Value }}){{ end }}.'
    ),
  snat:: snatRange + fullestPool('{{ $d := .Labels }}' + aboutPool('$d')),
  snatLost:: snatRange + '{{ if $labels.destination }}' + aboutPool('$labels') + '{{ end }}',
  conntrackLimit:: first(
    last(series('ephemera_conntrack_limit_entries')), ' It holds {{ .Value }} entries (net.netfilter.nf_conntrack_max).'
  ),

  // Of what was counted of late, as the expressions of these alerts have it.
  times:: '{{ if lt $value 1.5 }}once{{ else }}{{ $value | printf "%.0f" }} times{{ end }}',

  // Whose calls failed. The kernel adds up all kinds of calls of an owner, so nothing is said where calls
  // of another kind failed too.
  local window = '%ds' % config.exhaustedSeconds,
  local increase = 'sum(increase(%s)) > 0',
  local binds(matchers={}) = series('ephemera_bind_port_exhaustion_errors_total', matchers, window=window),
  local connects = series('ephemera_port_exhaustion_errors_total', window=window),
  local failed =
    local host = '{%s}' % hosts.target;
    // Within a string of the template.
    local text = std.strReplace(std.strReplace(expressions.failedOf(
      'ephemera_owner_port_exhaustion_errors_total', std.join(', ', ['cgroup', 'pod_uid', 'container_id'] + config.namespaceLabels[1:3]), host
    ), '\n', ' '), '"', '\\"');
    {
      text: text,
      arguments: std.join(' ', std.repeat([hosts.arguments], std.length(std.findSubstr(hosts.target, text)))),
    },
  local failedOwners(others) = about(others, '', owners('%s', [failed], ' The calls that failed were made by')),
  connectOwners:: failedOwners(ask(increase, [binds()])),
  bindOwners:: failedOwners(ask(
    '%s or %s' % [increase, increase], [connects, binds({ 'protocol!=': '$labels.protocol' })]
  )),
}
