// SPDX-License-Identifier: Apache-2.0
// What several rules ask. The alerts use these and not the recording rules, so that each of the two
// files works without the other. `ignoring` and `without`, not `on` and `by`: labels that a scrape
// configuration adds, such as a cluster, stay, and keep hosts apart.
function(config) {
  hosts:: (import 'hosts.libsonnet')(config),

  // %g of 0 is an error to jsonnet 0.18.
  local number(value) = if value == 0 then '0' else '%g' % value,

  local names = 'source, destination, destination_port',

  // Share of the usable ports that each shown destination has taken. Where no port is usable there is
  // no share: the family's worst ratio, which is 1 then, says so.
  destinationUsage: |||
    sum without (state) (ephemera_destination_ports{state!="reusable"})
    / ignoring (%(names)s) group_left ()
    (ephemera_range_usable_ports > 0)
  ||| % { names: names },

  // Those at or above a ratio, with their family. Compared first: the most are below, and to give each
  // a label takes longer than all the rest.
  local usageWithFamily(ratio) = |||
    label_replace(
      label_replace(
        %(usage)s
        >= %(ratio)g,
        "family", "ipv4", "source", "[^:]*"
      ),
      "family", "ipv6", "source", ".*:.*"
    )
  ||| % { usage: $.indented($.destinationUsage, 4), ratio: ratio },

  // Destinations at or above a ratio; of a family whose fullest one is not shown, because it has less
  // than --collector.destinations.minimum-ports or the list is off, the family without a name.
  destinationsFrom(ratio): |||
    %(usage)s
    or
    (
      ephemera_worst_destination_usage_ratio >= %(ratio)g
      unless ignoring (%(names)s)
      %(deeper)s
    )
  ||| % {
    names: names,
    ratio: ratio,
    usage: std.rstripChars(usageWithFamily(ratio), '\n'),
    deeper: $.indented(usageWithFamily(ratio), 2),
  },

  // Guards of every prediction: enough is taken to care, and enough of it is new.
  grows: |||
    (
      ephemera_worst_destination_ports
      >= ignoring (family) group_left ()
      (%(ratio)s * ephemera_range_usable_ports)
    )
    and
    (
      (ephemera_worst_destination_ports - min_over_time(ephemera_worst_destination_ports[%(window)s]))
      >= ignoring (family) group_left ()
      (%(growth)s * ephemera_range_ports)
    )
  ||| % {
    ratio: number(config.predictMinimumRatio),
    growth: number(config.predictMinimumGrowth),
    window: config.predictWindow,
  },

  local reaches(window) = |||
    (
      predict_linear(ephemera_worst_destination_ports[%(window)s], %(seconds)d)
      >= ignoring (family) group_left ()
      ephemera_range_usable_ports
    )
  ||| % { window: window, seconds: config.predictSeconds },

  fullSoon: reaches(config.predictWindow) + 'and\n' + reaches(config.predictRecentWindow) + 'and\n' + $.grows,

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

  timeWaitUsage: |||
    sum without (remaining) (ephemera_time_wait_sockets)
    / (ephemera_time_wait_limit_sockets > 0)
  |||,

  // A queue is full once it holds one more than its limit.
  acceptQueuesFrom(ratio): |||
    (
      ephemera_accept_queue_sockets / (ephemera_accept_queue_limit_sockets + 1) >= %(ratio)g
    )
    or
    (
      ephemera_worst_accept_queue_usage_ratio >= %(ratio)g
      unless ignoring (address, port)
      (ephemera_accept_queue_sockets / (ephemera_accept_queue_limit_sockets + 1) >= %(ratio)g)
    )
  ||| % { ratio: ratio },

  // Failures that collector exhaustion counted of late. increase() alone would not see what failed
  // before the first scrape: an exporter that was started of late counts from 0, so its count is it.
  local failed(counted, increased, names='') = |||
    (
      %(counted)s > 0
      and%(ignoring)s
      process_start_time_seconds > time() - %(seconds)d
    )
    or
    %(increased)s > 0
  ||| % {
    counted: counted,
    increased: increased,
    ignoring: if names == '' then '' else ' ignoring (%s)' % names,
    seconds: config.exhaustedSeconds,
  },
  local increase(metric) = 'increase(%s[%ds])' % [metric, config.exhaustedSeconds],

  local connects = 'ephemera_port_exhaustion_errors_total',
  local anyConnect = failed('sum without (family) (%s)' % connects, 'sum without (family) (%s)' % increase(connects)),

  // A destination comes into the list with what it has failed by then, and leaves it with a restart.
  local destinations = 'ephemera_destination_port_exhaustion_errors_total',
  local peer = 'destination, destination_port',
  local named = |||
    %(failed)sor
    (
      last_over_time(%(metric)s[%(seconds)ds])
      unless
      %(metric)s offset %(seconds)ds
    )
  ||| % {
    failed: failed(destinations, increase(destinations), peer),
    metric: destinations,
    seconds: config.exhaustedSeconds,
  },

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
  bindExhausted: failed(binds, increase(binds), 'protocol, family'),

  // A block of lines to be put behind so many spaces, without its last newline.
  indented(text, spaces): std.strReplace(
    std.rstripChars(text, '\n'), '\n', '\n' + std.repeat(' ', spaces)
  ),
}
