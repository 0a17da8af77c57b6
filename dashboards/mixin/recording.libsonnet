// SPDX-License-Identifier: Apache-2.0
// What a fleet keeps for long: a handful of series a host, whatever its traffic.
{
  local config = self._config,
  local expressions = (import 'expressions.libsonnet')(config),

  prometheusRules+:: {
    groups+: [
      {
        name: 'ephemera-recording',
        rules: [
          {
            record: 'instance:ephemera_destination_usage:max',
            expr: 'max without (family) (ephemera_worst_destination_usage_ratio)',
          },
          {
            record: 'instance:ephemera_destination_ports:max',
            expr: 'max without (family) (ephemera_worst_destination_ports)',
          },
          {
            record: 'instance:ephemera_destinations_pressed:sum',
            expr: 'sum without (family, pressure) (ephemera_destinations{pressure!="low"})',
          },
          {
            record: 'instance:ephemera_range_bound:ratio',
            expr: 'sum without (holder) (ephemera_range_bound_ports) / ephemera_range_ports',
          },
          {
            record: 'instance:ephemera_address_usage:max',
            expr: 'max without (protocol, family) (ephemera_worst_address_usage_ratio)',
          },
          {
            // There where collector exhaustion is on; so is the next one.
            record: 'instance:ephemera_port_exhaustion_errors:rate5m',
            expr: 'sum without (family) (rate(ephemera_port_exhaustion_errors_total[5m]))',
          },
          {
            record: 'instance:ephemera_bind_port_exhaustion_errors:rate5m',
            expr: 'sum without (protocol, family) (rate(ephemera_bind_port_exhaustion_errors_total[5m]))',
          },
          {
            record: 'instance:ephemera_time_wait_usage:ratio',
            expr: expressions.timeWaitUsage,
          },
          {
            // Only while a destination grows.
            record: 'instance:ephemera_destination_hours_to_full:min',
            expr: expressions.hoursToFull,
          },
          {
            // Only those that an alert may be about, so that a calm host has none.
            record: 'destination:ephemera_usage:ratio',
            expr: '%s >= %g\n' % [std.rstripChars(expressions.destinationUsage, '\n'), config.halfUsedRatio],
          },
        ],
      },
    ],
  },
}
