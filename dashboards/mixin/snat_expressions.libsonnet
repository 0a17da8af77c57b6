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
      max without (source, destination, destination_port) (
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

  tableFrom(ratio): |||
    %s
    / (%s > 0) >= %g
  ||| % [held('ephemera_conntrack_entries'), held('ephemera_conntrack_limit_entries'), ratio],
}
