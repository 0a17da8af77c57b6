// SPDX-License-Identifier: Apache-2.0
// What several rules ask. The alerts use these and not recording.yaml, so that each of the two
// files works without the other. `ignoring` and `without`, not `on` and `by`: labels that a scrape
// configuration adds, such as a cluster, stay, and keep hosts apart.
function(config) {
  hosts:: (import 'hosts.libsonnet')(config),

  // %g of 0 is an error to jsonnet 0.18.
  local number(value) = if value == 0 then '0' else '%g' % value,

  // What was said last, where a scrape has failed.
  local held(metric) = 'last_over_time(%s[%s])' % [metric, config.missedScrapes],
  local now(metric) = metric,

  // The same of a list, in which a label's values come and go. What is not listed any more is gone, and
  // not missed: the exporter has answered, since another metric, `answer`, is there.
  local heldList(list, names, answer) = |||
    (
      %(now)s
      or
      (
        %(held)s
        unless ignoring (%(names)s)
        %(answer)s
      )
    )
  ||| % {
    now: $.indented(list(now), 2),
    held: $.indented(list(held), 4),
    names: names,
    answer: answer,
  },

  local names = 'source, destination, destination_port',
  local share(ports, usable) = |||
    sum without (state) %(ports)s
    / ignoring (%(names)s) group_left ()
    (%(usable)s > 0)
  ||| % { ports: std.rstripChars(ports, '\n'), names: names, usable: usable },

  // All ports of the range. Of another network namespace than the host's own only the usable ones are told.
  local range = '(%s or %s)' % [held('ephemera_range_ports'), held('ephemera_range_usable_ports')],

  // Share of the usable ports that each shown destination has taken. Where no port is usable there is
  // no share: the family's worst ratio, which is 1 then, says so.
  destinationUsage: share('(ephemera_destination_ports{state!="reusable"})', 'ephemera_range_usable_ports'),

  // The same through scrapes that failed, of those that are half used, with their family. Several alerts
  // ask for it, so the first rule of their group records it. Compared first: the most are below, and to
  // give each a label takes longer than all the rest.
  heldUsageName: 'destination:ephemera_usage:held',
  heldUsage: |||
    label_replace(
      label_replace(
        %s
        >= %g,
        "family", "ipv4", "source", "[^:]*"
      ),
      "family", "ipv6", "source", ".*:.*"
    )
  ||| % [
    $.indented(share(
      heldList(
        function(at) at('ephemera_destination_ports{state!="reusable"}'),
        'state, ' + names,
        'ephemera_range_usable_ports'
      ),
      held('ephemera_range_usable_ports')
    ), 4),
    config.halfUsedRatio,
  ],

  // Destinations; of a family whose fullest one is not shown, because it has less than
  // --collector.destinations.minimum-ports or the list is off, the family without a name.
  local destinations(named, worst, from) = |||
    %(named)s
    or
    (
      %(worst)s
      unless ignoring (%(names)s)
      %(held)s >= %(from)g
    )
  ||| % {
    names: names,
    named: std.rstripChars(named, '\n'),
    worst: $.indented(worst, 2),
    held: $.heldUsageName,
    from: from,
  },
  // Without those that are meant to be as full as they are.
  local unexpected(destinations) = destinations + std.join('', [
    '\nunless\n%s{%s} <= %g' % [
      $.heldUsageName,
      std.join(', ', ['%s="%s"' % [label, expected.labels[label]] for label in std.objectFields(expected.labels)]),
      expected.ratio,
    ]
    for expected in config.expectedUsage
  ]),
  local worst = held('ephemera_worst_destination_usage_ratio'),

  // Those at or above a ratio.
  destinationsFrom(ratio, expected=true):
    local named = '%s >= %g' % [$.heldUsageName, ratio];
    destinations(if expected then unexpected(named) else named, '%s >= %g' % [worst, ratio], ratio),

  // Those that are half used, and more than that: far more, or they grow.
  local fill(usage, series) = |||
    (
      %(usage)s >= %(more)g
      or
      %(usage)s >= %(half)g
      and
      deriv(%(series)s[%(window)s]) * %(seconds)d >= %(growth)g
    )
  ||| % {
    usage: usage,
    series: series,
    half: config.halfUsedRatio,
    more: config.halfUsedWarningRatio,
    window: config.predictWindow,
    seconds: config.predictSeconds,
    growth: config.halfUsedGrowth,
  },
  destinationsThatFill: destinations(
    unexpected(std.rstripChars(fill($.heldUsageName, $.heldUsageName), '\n')),
    fill(worst, 'ephemera_worst_destination_usage_ratio'),
    config.halfUsedRatio
  ),

  // Guards of every prediction: enough is taken to care, and enough of it is new.
  grows: |||
    (
      %(ports)s
      >= ignoring (family) group_left ()
      (%(ratio)s * %(usable)s)
    )
    and
    (
      (%(ports)s - min_over_time(ephemera_worst_destination_ports[%(window)s]))
      >= ignoring (family) group_left ()
      (%(growth)s * %(range)s)
    )
  ||| % {
    ports: held('ephemera_worst_destination_ports'),
    usable: held('ephemera_range_usable_ports'),
    range: range,
    ratio: number(config.predictMinimumRatio),
    growth: number(config.predictMinimumGrowth),
    window: config.predictWindow,
  },

  local reaches(window) = |||
    (
      predict_linear(ephemera_worst_destination_ports[%(window)s], %(seconds)d)
      >= ignoring (family) group_left ()
      %(usable)s
    )
  ||| % { window: window, seconds: config.predictSeconds, usable: held('ephemera_range_usable_ports') },

  // From nearly full on it is for another alert.
  fullSoon: |||
    %(paces)sand
    %(grows)sunless
    %(worst)s >= %(nearlyFull)g
  ||| % {
    paces: reaches(config.predictWindow) + 'and\n' + reaches(config.predictRecentWindow),
    grows: $.grows,
    worst: worst,
    nearlyFull: config.nearlyFullRatio,
  },

  // Hours at the slower of both paces: what stops growing leaves at once.
  local pace(window) = 'deriv(ephemera_worst_destination_ports[%s])' % window,
  hoursToFull: |||
    min without (family) (
      (
        clamp_min(
          ephemera_range_usable_ports
          - ignoring (family) group_right ()
          ephemera_worst_destination_ports,
          0
        )
        /
        (
          3600 * (
            (%(long)s <= %(recent)s)
            or
            %(recent)s
          ) > 0
        )
        <= %(hours)g
      )
      and
      %(grows)s
    )
  ||| % {
    long: pace(config.predictWindow),
    recent: pace(config.predictRecentWindow),
    hours: config.predictMaximumHours,
    grows: $.indented($.grows, 2),
  },

  local timeWait(at) = |||
    sum without (remaining) (%s)
    / (%s > 0)
  ||| % [at('ephemera_time_wait_sockets'), at('ephemera_time_wait_limit_sockets')],
  timeWaitUsage: timeWait(now),
  timeWaitFrom(ratio): '%s >= %g\n' % [std.rstripChars(timeWait(held), '\n'), ratio],

  // A queue is full once it holds one more than its limit.
  local worstQueue = 'ephemera_worst_accept_queue_usage_ratio',
  local queues = std.rstripChars(heldList(
    function(at) '%s / (%s + 1)' % [at('ephemera_accept_queue_sockets'), at('ephemera_accept_queue_limit_sockets')],
    'address, port',
    worstQueue
  ), '\n'),
  acceptQueuesFrom(ratio): |||
    %(queues)s >= %(ratio)g
    or
    (
      %(worst)s >= %(ratio)g
      unless ignoring (address, port)
      %(deeper)s >= %(ratio)g
    )
  ||| % { ratio: ratio, queues: queues, deeper: $.indented(queues, 2), worst: held(worstQueue) },

  // Listeners that an outgoing connection can lock out.
  listeners: |||
    max without (address, reserved) %s
  ||| % std.rstripChars(heldList(
    function(at) at('ephemera_range_listener_info{reserved="false"}'),
    'protocol, address, port, reserved',
    '(ephemera_range_ports or ephemera_range_usable_ports)'
  ), '\n'),

  collectorsThatFail: held('ephemera_scrape_collector_success') + ' == 0',
  configurationsThatAreWrong: held('ephemera_web_config_last_reload_successful') + ' == 0',
  certificatesThatExpire: '%s - time() < %d'
                          % [held('ephemera_web_tls_certificate_expiry_timestamp_seconds'), config.certificateSeconds],

  // Pools of bind() to port 0, both families as one: a socket that speaks both takes a port of each. Of
  // UDP everything that opens a socket needs one. That of TCP fills with outgoing connections, which
  // share its ports and break nothing: it counts where bind() needs it, since calls failed or the ports
  // that bind() holds will take the rest within predictSeconds.
  local pool(protocol) = 'max without (family) (%s)'
                         % held('ephemera_worst_address_usage_ratio{protocol="%s"}' % protocol),
  addressPoolsFrom(ratio): |||
    %(udp)s >= %(ratio)g
    or
    (
      %(tcp)s >= %(ratio)g
      and
      (
        sum without (family) (increase(%(binds)s{protocol="tcp"}[%(window)s])) > 0
        or
        (
          (
            sum without (holder) (deriv(ephemera_range_bound_ports[%(window)s])) * %(seconds)d
            / %(range)s
          )
          >= ignoring (protocol) group_right ()
          clamp_min(1 - %(tcp)s, %(least)s)
        )
      )
    )
  ||| % {
    udp: pool('udp'),
    tcp: pool('tcp'),
    ratio: ratio,
    binds: binds,
    window: config.predictWindow,
    seconds: config.predictSeconds,
    range: range,
    least: number(config.addressPoolGrowth),
  },

  // Failures that collector exhaustion counted of late: while somebody watched, or since the exporter's
  // start. increase() alone would not see what failed before the first scrape: an exporter that was
  // started of late counts from 0, so its count is it.
  local seconds = config.exhaustedSeconds,
  local failed(counted, increased, names='', host='') = |||
    (
      %(counted)s > 0
      and%(ignoring)s
      process_start_time_seconds%(host)s > time() - %(seconds)d
    )
    or
    %(increased)s > 0
  ||| % {
    counted: counted,
    host: host,
    increased: increased,
    ignoring:
      local of = if names == '' then [] else std.split(std.strReplace(names, ' ', ''), ',');
      local labels = of + [label for label in $.hosts.ofAll if !std.member(of, label)];
      if labels == [] then '' else ' ignoring (%s)' % std.join(', ', labels),
    seconds: seconds,
  },
  local increase(metric) = 'increase(%s[%ds])' % [metric, seconds],

  local connects = 'ephemera_port_exhaustion_errors_total',
  // Of another network namespace than the host's own a counter that is 0 is left out, so that it comes with what
  // it has counted. It is new if the namespace was shown without it.
  local firstOf(metric, names='') =
    local counter = metric + (if config.namespaceLabels == [] then '' else '{%s!=""}' % config.namespaceLabels[0]);
    if config.namespaceLabels == [] then '' else |||
      or
      (
        sum without (family) (last_over_time(%(counter)s[%(seconds)ds]) unless %(counter)s offset %(seconds)ds)
        and
        max without (family) (count_over_time(%(counter)s[%(seconds)ds]))
        <%(ignoring)s
        count_over_time(ephemera_range_usable_ports[%(seconds)ds])
      )
    ||| % { counter: counter, seconds: seconds, ignoring: if names == '' then '' else ' ignoring (%s) group_left ()' % names },
  local anyConnect = failed('sum without (family) (%s)' % connects, 'sum without (family) (%s)' % increase(connects)) + firstOf(connects),

  // Of a list: a counter comes into it with what it has counted since it is listed. It is new if the
  // exporter has answered without it: after a gap all of the list is new to Prometheus, and nothing
  // failed. Another network namespace than the host's own has answered if its ports are there. host: matchers in braces.
  failedOf(list, names, host=''):
    local fewer(than) = |||
      count_over_time(%(metric)s[%(seconds)ds])
      < ignoring (%(names)s) group_left ()
      %(than)s
    ||| % { metric: list + host, seconds: seconds, names: names, than: than };
    local matchers = std.join(',', [each for each in [std.stripChars(host, '{}')] if each != ''] + ['%s!=""' % config.namespaceLabels[:1]]);
    local new =
      fewer('max without (family) (count_over_time(%s%s[%ds]))' % [connects, host, seconds])
      + if config.namespaceLabels == [] then '' else 'or\n' + fewer('count_over_time(ephemera_range_usable_ports{%s}[%ds])' % [matchers, seconds]);
    |||
      %(failed)sor
      (
        last_over_time(%(metric)s[%(seconds)ds])
        unless
        %(metric)s offset %(seconds)ds
        and
        (
          %(new)s
        )
      )
    ||| % {
      failed: failed(list + host, increase(list + host), names, host),
      metric: list + host,
      new: $.indented(new, 4),
      seconds: seconds,
    },

  local peer = 'destination, destination_port',
  local named = $.failedOf('ephemera_destination_port_exhaustion_errors_total', peer),

  // Destinations towards which connect() failed, or the host without a name where none of the list
  // did. That it failed at all is for the count of the host to tell: all of the list would be new to
  // a Prometheus that is new.
  exhausted: |||
    (
      (
        %(named)s
      )
      and ignoring (%(peer)s)
      (
        %(any)s
      )
    )
    or
    (
      (
        %(any)s
      )
      unless ignoring (%(peer)s)
      (
        %(named)s
      )
    )
  ||| % { named: $.indented(named, 4), any: $.indented(anyConnect, 4), peer: peer },

  local binds = 'ephemera_bind_port_exhaustion_errors_total',
  bindExhausted: failed('sum without (family) (%s)' % binds, 'sum without (family) (%s)' % increase(binds), 'protocol') + firstOf(binds, 'protocol'),

  // A block of lines to be put behind so many spaces, without its last newline.
  indented(text, spaces): std.strReplace(
    std.rstripChars(text, '\n'), '\n', '\n' + std.repeat(' ', spaces)
  ),
}
