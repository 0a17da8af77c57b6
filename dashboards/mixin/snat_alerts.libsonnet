// SPDX-License-Identifier: Apache-2.0
// The alerts about source NAT and connection tracking. alert: makes one; text: sentences.
function(config, alert, text)
  local expressions = (import 'snat_expressions.libsonnet')(config);
  local wait = config['for'];

  [
    alert(
      'SnatPortsNearlyFull',
      'warning',
      expressions.nearlyFull,
      wait.snatNearlyFull,
      text.host + ' has used {{ $value | humanizePercentage }} of its {{ $labels.protocol }} ports for SNAT towards ' + text.snatPool,
      'When all are used, the kernel drops the first packet of each new connection to it. Then connect() waits, and no ' +
      'error says why.' + text.snat,
      sticky=true
    ),
    alert(
      'SnatPortsFull',
      'critical',
      expressions.full,
      wait.snatFull,
      text.host + ' has {{ if ge $value 1.0 }}no{{ else }}hardly a{{ end }} {{ $labels.protocol }} port left for SNAT towards ' +
      text.snatPool,
      'The kernel drops the first packet of {{ if lt $value 1.0 }}some {{ end }}new connections to it. Then connect() waits 1 s or ' +
      'more, or fails with “Connection timed out”.' + text.snat,
      sticky=true
    ),
    alert(
      'SnatPacketsLost',
      'critical',
      expressions.lost,
      wait.snatLost,
      text.host + ' lost {{ if lt $value 1.5 }}a packet{{ else }}{{ $value | printf "%.0f" }} packets{{ end }}: SNAT found no ' +
      '{{ if $labels.destination }}{{ $labels.protocol }} port towards {{ $labels.destination }} port {{ $labels.destination_port }} ' +
      '(from {{ $labels.source }}' + text.inZone + '){{ else }}port{{ end }}',
      'The kernel counted this in the last {{ humanizeDuration %d }}. ' % config.exhaustedSeconds +
      'Each was the first packet of a new connection. A TCP client sends it again after 1 s, and may time out.' + text.snatLost
    ),
    alert(
      'ConntrackTableNearlyFull',
      'warning',
      expressions.tableFrom(config.conntrackTableRatio),
      wait.conntrackTable,
      text.host + ' has filled {{ $value | humanizePercentage }} of its table of connection tracking',
      'When it is full, the kernel drops the packets of new connections, also of those that are not translated.' +
      text.conntrackLimit
    ),
  ]
