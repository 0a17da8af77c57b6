// SPDX-License-Identifier: Apache-2.0
// What the alerts about source NAT and connection tracking ask. The exporter knows the range of each pool, so shares are
// its own, and no rule divides by a range.
function(config) {
  local held(metric) = 'last_over_time(%s[%s])' % [metric, config.missedScrapes],
  local worst = held('ephemera_worst_snat_usage_ratio'),

  nearlyFull: '%s >= %g' % [worst, config.snatNearlyFullRatio],

  // Or less is taken, and the rest is closing: ports that the kernel gives away by chance. In a small range the chance
  // of loss is 1 with the last port, and 0 before.
  full: |||
    %(worst)s >= %(full)g
    or
    (
      %(worst)s
      and
      max without (source, destination, destination_port, zone) (
        label_replace(
          label_replace(
            ephemera_snat_loss_ratio,
            "family", "ipv4", "source", "[^:]*"
          ),
          "family", "ipv6", "source", ".*:.*"
        )
      ) >= %(loss)g
    )
  ||| % { worst: worst, full: config.snatFullRatio, loss: config.snatLossRatio },

  // Packets that the kernel counted of late, as expressions.libsonnet has failed calls. A counter comes into its list with
  // what it has by then: it is new if the exporter has answered without it, or was started of late. Where none of the
  // list has lost one, others may have: then without a destination.
  lost:
    local names = 'protocol, source, destination, destination_port, zone';
    local seconds = config.exhaustedSeconds;
    local counted(metric) = |||
      (
        %(metric)s > 0
        and ignoring (%(names)s)
        process_start_time_seconds > time() - %(seconds)d
      )
      or
      increase(%(metric)s[%(seconds)ds]) > 0
    ||| % { metric: metric, names: names, seconds: seconds };
    local indented(text) = std.strReplace(std.rstripChars(text, '\n'), '\n', '\n  ');
    local named = |||
      %(counted)sor
      (
        last_over_time(%(list)s[%(seconds)ds])
        unless
        %(list)s offset %(seconds)ds
        and
        count_over_time(%(list)s[%(seconds)ds])
        < ignoring (%(names)s) group_left ()
        count_over_time(%(others)s[%(seconds)ds])
      )
    ||| % { counted: counted(list), list: list, others: others, names: names, seconds: seconds };
    |||
      (
        %(named)s
      )
      or
      (
        (
          %(others)s
        )
        unless ignoring (%(names)s)
        (
          %(namedAgain)s
        )
      )
    ||| % {
      named: indented(named),
      others: std.strReplace(indented(counted(others)), '\n', '\n  '),
      namedAgain: std.strReplace(indented(named), '\n', '\n  '),
      names: names,
    },
  local list = 'ephemera_snat_lost_packets_total',
  local others = 'ephemera_other_snat_lost_packets_total',

  tableFrom(ratio): |||
    %s
    / (%s > 0) >= %g
  ||| % [held('ephemera_conntrack_entries'), held('ephemera_conntrack_limit_entries'), ratio],
}
