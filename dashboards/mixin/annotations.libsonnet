// SPDX-License-Identifier: Apache-2.0
// What happened to the hosts that are chosen, as marks in each graph. Grafana asks for these once a minute at most, and
// less often over days: so a change is looked for in all the time shown, and its mark is where its value says.
local p = import 'panels.libsonnet';

function(config, alertNames)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;

  local range = hosts.perHost('max', m('ephemera_range_ports'));
  local before = hosts.perHost('max', m('ephemera_range_ports') + ' offset 1m');
  [
    p.annotation(
      'The range changed',
      |||
        1000 * max_over_time(
          (
            time()
            * count_values by (%(host)s) ("now", %(range)s)
            * on (%(host)s) group_left (before)
            count_values by (%(host)s) ("before", %(before)s)
            and on (%(host)s)
            (%(range)s != %(before)s)
          )[$__range:1m]
        )
      ||| % { host: hosts.host, range: range, before: before },
      'blue',
      'The range has {{now}} ports, before {{before}}',
      hosts.legend,
      atValue=true
    ),
    p.annotation(
      'Alerts',
      'group by (%s, alertname, severity, source, destination, destination_port) (ALERTS{alertstate="firing", alertname=~"%s", %s})'
      % [hosts.host, alertNames, hosts.matchers()],
      'red',
      '{{alertname}}',
      hosts.legend + ' {{destination}} {{destination_port}}',
      tags='severity'
    ),
    p.annotation(
      'The exporter started',
      '1000 * %s' % hosts.perHost('max', '%s and %s %s' % [m('process_start_time_seconds'), q.onHost, m('ephemera_build_info')]),
      'purple',
      'The exporter started',
      hosts.legend,
      atValue=true
    ),
  ]
