// SPDX-License-Identifier: Apache-2.0
// What more than one panel asks. They use what the exporter exposes and not the recording rules, so
// that no panel is empty where the rules are not loaded. Each joins by what tells hosts apart, and takes
// the maximum of the one side first: two series for one host must not fail the whole query. own: of the
// hosts' own network namespaces alone. chosen: matchers of other variables than the hosts'.
function(config, own=false, chosen='', named=true) {
  local q = self,
  local hosts = (import 'hosts.libsonnet')(config, own, named),
  local host = hosts.host,

  // With the matchers of the dashboard's variables. more: what is asked besides.
  metric(name, more=''):: '%s{%s}' % [name, std.join(', ', [each for each in [hosts.matchers(), chosen, more] if each != ''])],
  local m = q.metric,

  // Of all hosts that are chosen, as one.
  max(metric):: 'max(%s)' % m(metric),
  sumBy(label, metric, more=''):: 'sum by (%s) (%s)' % [label, m(metric, more)],
  rate(metric, more=''):: 'sum(rate(%s[$__rate_interval]))' % m(metric, more),
  rateBy(label, metric, more=''):: 'sum by (%s) (rate(%s[$__rate_interval]))' % [label, m(metric, more)],

  onHost:: 'on (%s)' % host,
  usable:: hosts.perHost('max', m('ephemera_range_usable_ports')),
  worst:: hosts.perHost('max', m('ephemera_worst_destination_usage_ratio')),

  // Ports of each shown destination that the kernel will not give again: what is reusable is not lost.
  taken:: |||
    sum by (%s, source, destination, destination_port) (
      %s
    )
  ||| % [host, m('ephemera_destination_ports', 'state!="reusable"')],

  usage:: |||
    %s/ on (%s) group_left ()
    clamp_min(%s, 1)
  ||| % [q.taken, host, q.usable],

  // What of each host's fullest destination is in TIME_WAIT.
  waitingOfFullest:: |||
    max by (%(host)s) (
      sum by (%(host)s, source, destination, destination_port) (%(waiting)s)
      / %(taken)s
      and
      topk by (%(host)s) (1, %(again)s)
    )
  ||| % {
    host: host,
    waiting: m('ephemera_destination_ports', 'state="time_wait"'),
    taken: q.deeper(q.taken, 2),
    again: q.deeper(q.taken, 2),
  },

  // The fullest destinations; of a host that shows none, because all have few ports, its worst share.
  fullest(count):: |||
    topk(%d,
      %s
      or on (%s)
      label_replace(%s, "destination", "too few ports to be shown", "", "")
    )
  ||| % [count, q.deeper(q.usage, 2), host, q.worst],

  // One label of the three: 10.0.0.1 → 10.0.0.9:5432, and IPv6 in brackets.
  path(expr):: |||
    label_join(
      label_join(
        label_replace(
          label_replace(
            %s,
            "address", "$1", "destination", "(.*)"
          ),
          "address", "[$1]", "destination", "(.*:.*)"
        ),
        "peer", ":", "address", "destination_port"
      ),
      "path", " → ", "source", "peer"
    )
  ||| % q.deeper(expr, 8),

  // Hosts where connect() finds no port, as their kernels count it. A destination at its limit gets a
  // port back and loses it again all the time: a scrape may see one free while hundreds of calls fail.
  failing:: hosts.perHost('sum', 'increase(%s[$__rate_interval])' % m('ephemera_port_exhaustion_errors_total')) + ' > 0',

  // Seconds until the fullest destination has every port, where it grows: at the slower of a long and a
  // recent pace, and only where enough is taken and enough of that is new. A host that has been watched for
  // less than the window has no long pace yet. Full is 0, and so is failing.
  untilFull:: |||
    min by (%(host)s) (
      clamp_min(
        -(
          %(worst)s
          - on (%(host)s) group_left ()
          %(usable)s
        ),
        0
      )
      / (
        (%(long)s <= %(recent)s or %(recent)s) > 0
      )
      <= %(seconds)d
      and
      %(worst)s
      >= on (%(host)s) group_left ()
      (%(ratio)g * %(usable)s)
      and
      %(worst)s - min_over_time(%(worst)s[%(window)s])
      >= on (%(host)s) group_left ()
      (%(growth)g * %(usable)s)
      and
      %(worst)s offset %(window)s
      or
      0 * (%(full)s >= 1)
      or
      0 * (%(failing)s)
    )
  ||| % {
    host: host,
    worst: m('ephemera_worst_destination_ports'),
    usable: q.usable,
    full: m('ephemera_worst_destination_usage_ratio'),
    failing: q.failing,
    long: 'deriv(%s[%s])' % [m('ephemera_worst_destination_ports'), config.predictWindow],
    recent: 'deriv(%s[%s])' % [m('ephemera_worst_destination_ports'), config.predictRecentWindow],
    ratio: config.predictMinimumRatio,
    growth: config.predictMinimumGrowth,
    window: config.predictWindow,
    seconds: config.predictMaximumHours * 3600,
  },

  addressUsage:: hosts.perHost('max', m('ephemera_worst_address_usage_ratio'), ['protocol']),

  timeWaitUsageAt(at):: |||
    %s
    / on (%s)
    %s
  ||| % [
    hosts.perHost('sum', m('ephemera_time_wait_sockets') + at),
    host,
    hosts.perHost('max', m('ephemera_time_wait_limit_sockets') + at + ' > 0'),
  ],
  timeWaitUsage:: q.timeWaitUsageAt(''),

  squatters:: |||
    max by (%s, protocol, address, port) (
      %s
    )
  ||| % [host, m('ephemera_range_listener_info', 'reserved="false"')],

  // A number that is there where exporters answer.
  constant(value)::
    '0 * count(%s)' % m(if chosen == '' then 'ephemera_range_ports' else 'ephemera_range_usable_ports')
    + (if value == 0 then '' else if value < 0 then ' - %s' % -value else ' + %s' % value),

  // What there is, with labels; or, where exporters answer and there is none of it, a row that says so.
  orSay(expr, label, text, value=0, none=q.constant(value)):: |||
    %(expr)sor
    label_replace(
      %(none)s,
      "%(label)s", "%(text)s", "", ""
    ) unless on () (
      %(again)s
    )
  ||| % {
    expr: if std.endsWith(expr, '\n') then expr else expr + '\n',
    none: none,
    label: label,
    text: text,
    again: q.deeper(expr, 2),
  },

  // The same of what collector exhaustion counts: nothing at all where it is off, or fails.
  orSayCounted(expr, label, text):: q.orSay(
    expr,
    label,
    text,
    none='0 * count(%s == 1)' % m('ephemera_scrape_collector_success', 'collector="exhaustion"')
  ),
  counting:: hosts.perHost('max', m('ephemera_scrape_collector_success', 'collector="exhaustion"')),

  // How much a counter of a list of collector exhaustion has grown. It comes into the list with what it has by then,
  // which increase() does not see. It is new there if its host was watched without it, or if the exporter was started
  // within the window: after a gap all of the list is new to Prometheus, and nothing failed. Another network namespace
  // than the host's own was watched if its ports were: what is 0 is not shown there.
  grown(name, window, more='', at='', beside='ephemera_port_exhaustion_errors_total')::
    q.grownOf(m(name, more), window, at, beside),
  // beside: what is there whenever the list is.
  local watched(window, at, beside) =
    local count(metric) = 'count_over_time(%s[%s]%s)' % [metric, window, at];
    local elsewhere = if own then [] else [count(m('ephemera_range_usable_ports', '%s!=""' % each)) for each in config.namespaceLabels[:1]];
    hosts.perHost('max', std.join(' or ', [count(m(beside))] + elsewhere)),
  grownOf(metric, window, at='', beside='ephemera_port_exhaustion_errors_total'):: |||
    (
      %(metric)s%(at)s
      unless
      %(metric)s offset %(window)s%(at)s
      and
      (
        count_over_time(%(metric)s[%(window)s]%(at)s)
        < on (%(host)s) group_left ()
        %(watched)s
        or
        %(metric)s%(at)s
        and on (%(machine)s)
        %(started)s%(at)s > scalar(min_over_time(vector(time())[%(window)s:1m]%(at)s))
      )
    )
    or
    increase(%(metric)s[%(window)s]%(at)s)
  ||| % {
    metric: metric,
    window: window,
    at: at,
    host: host,
    machine: hosts.machine,
    watched: watched(window, at, beside),
    // Told once, for all namespaces.
    started: 'process_start_time_seconds{%s}' % hosts.matchers(),
  },

  // Packets that SNAT lost: those of the list, and those of all others.
  local lostOthers = 'ephemera_other_snat_lost_packets_total',
  lostBy(labels, window):: |||
    sum by (%s) (
      %s
    )
  ||| % [labels, q.deeper(q.grown('ephemera_snat_lost_packets_total', window, beside=lostOthers), 2)],
  lostTo:: |||
    %sor
    label_replace(
      sum(increase(%s[$__rate_interval])),
      "destination", "all others", "", ""
    )
  ||| % [q.lostBy('destination, destination_port, protocol', '$__rate_interval'), m(lostOthers)],
  lostOn(window, at='')::
    hosts.perHost('sum', |||

      %s
      or
      increase(%s[%s]%s)
    ||| % [q.deeper(q.grown('ephemera_snat_lost_packets_total', window, at=at, beside=lostOthers), 2), m(lostOthers), window, at]),

  // A number without labels; or, where exporters answer and there is none, this one.
  orValue(expr, value=0):: |||
    %sor
    %s
  ||| % [if std.endsWith(expr, '\n') then expr else expr + '\n', q.constant(value)],

  // The series of those that are at the top at the end of what is shown. Without it topk() picks anew
  // at each step, and a graph over a day has a hundred series.
  top(count, expr, atEnd):: |||
    %(expr)s
    and on (%(host)s)
    topk(%(count)d, %(end)s)
  ||| % { expr: expr, host: host, count: count, end: atEnd },

  // Behind so many spaces, without the last newline. (jsonnet 0.18 takes twice as long for std.strReplace().)
  deeper(text, spaces)::
    std.join('\n' + std.repeat(' ', spaces), std.split(if std.endsWith(text, '\n') then std.substr(text, 0, std.length(text) - 1) else text, '\n')),
}
