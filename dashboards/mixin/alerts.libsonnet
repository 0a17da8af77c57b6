// SPDX-License-Identifier: Apache-2.0
// The alerts. Each has its section in docs/runbook.md.
{
  local config = self._config,
  local expressions = (import 'expressions.libsonnet')(config),
  local hosts = expressions.hosts,
  local wait = config['for'],

  local text = (import 'texts.libsonnet')(config, hosts),
  local host = text.host,

  local alert(name, severity, expression, duration, summary, description, sticky=false, page=true) = {
    alert: name,
    expr: expression,
    [if duration != '0m' then 'for']: duration,
    [if sticky && config.keepFiringFor != '' then 'keep_firing_for']: config.keepFiringFor,
    labels: { severity: severity },
    annotations: {
      summary: summary,
      description: description,
      runbook_url: config.runbookBase + '#' + std.asciiLower(name),
      [if page then 'dashboard']: hosts.page,
    },
  },

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'ephemera-alerts',
        rules: [
          { record: expressions.heldUsageName, expr: expressions.heldUsage },
          // Of the two the warning is sent, and the information kept back: inhibit.libsonnet.
          alert(
            'EphemeralPortsHalfUsed',
            'info',
            expressions.destinationsFrom(config.halfUsedRatio),
            wait.halfUsed,
            host + ' has used {{ $value | humanizePercentage }} of its ports towards ' + text.destination,
            'Each connect() to it now has to search for a port, and takes about fifty times as long.' +
            text.capacity + text.ports,
            sticky=true
          ),
          alert(
            'EphemeralPortsHalfUsed',
            'warning',
            expressions.destinationsThatFill,
            wait.halfUsed,
            host + ' has used {{ $value | humanizePercentage }} of its ports towards ' + text.destination +
            '{{ if lt $value %g }}, and it grows{{ end }}' % config.halfUsedWarningRatio,
            'Each connect() to it now has to search for a port, and takes about fifty times as long. ' +
            'When all are used, new connections to it fail.' +
            text.capacity + text.ports,
            sticky=true
          ),
          alert(
            'EphemeralPortsNearlyFull',
            'critical',
            expressions.destinationsFrom(config.nearlyFullRatio),
            wait.nearlyFull,
            host + ' has used {{ $value | humanizePercentage }} of its ports towards ' + text.destination,
            'When all are used, new connections to it fail with "Cannot assign requested address".' +
            text.capacity + text.ports,
            sticky=true
          ),
          alert(
            'EphemeralPortsFull',
            'critical',
            expressions.destinationsFrom(1, expected=false),
            wait.full,
            host + ' has no port left towards ' + text.destination,
            'New connections to it fail with "Cannot assign requested address" (EADDRNOTAVAIL).' +
            text.capacity + text.ports,
            sticky=true
          ),
          alert(
            'EphemeralPortsExhausted',
            'critical',
            expressions.exhausted,
            wait.exhausted,
            'On ' + host + ' connect(){{ if $labels.destination }} to {{ $labels.destination }} port ' +
            '{{ $labels.destination_port }}{{ end }} failed ' + text.times + ': no port was left',
            'The kernel counted this in the last {{ humanizeDuration %d }}. ' % config.exhaustedSeconds +
            'Programs got "Cannot assign requested address" (EADDRNOTAVAIL).' +
            text.capacity + '{{ if $labels.destination }}' + text.portsFromAnywhere +
            '{{ else }} `ephemera trace` ' + hosts.there + ' shows each failure as it happens.' + text.connectOwners + '{{ end }}'
          ),
          alert(
            'EphemeralPortsBindExhausted',
            'critical',
            expressions.bindExhausted,
            wait.exhausted,
            'On ' + host + ' {{ if eq $labels.protocol "udp" }}a UDP socket{{ else }}bind() or listen() of TCP{{ end }} ' +
            'got no port (' + text.times + ')',
            'The kernel counted this in the last {{ humanizeDuration %d }}. Programs got ' % config.exhaustedSeconds +
            '{{ if eq $labels.protocol "udp" }}"Address already in use" in bind() to port 0, or "Resource ' +
            'temporarily unavailable" in connect() or sendto(). DNS look-ups fail first' +
            '{{ else }}"Address already in use". connect() without bind() is not affected{{ end }}.' +
            text.address + text.bindOwners + text.udpOwners
          ),
          alert(
            'EphemeralPortsFullSoon',
            'warning',
            expressions.fullSoon,
            wait.fullSoon,
            host + ' will have no port left towards an {{ $labels.family }} destination within ' +
            '{{ humanizeDuration %d }}' % config.predictSeconds,
            ('At the pace of the last %s that destination will need {{ $value | printf "%%.0f" }} ports by then.' % config.predictWindow) +
            text.capacity + text.fullest
          ),
          alert(
            'EphemeralPortsAddressPoolNearlyFull',
            'warning',
            expressions.addressPoolsFrom(config.addressPoolRatio),
            wait.addressPool,
            host + ' has used {{ $value | humanizePercentage }} of the {{ $labels.protocol }} ports of an address',
            'When all are used, ' +
            '{{ if eq $labels.protocol "udp" }}UDP sockets fail in bind() to port 0 with "Address already in use" ' +
            'and in connect() with "Resource temporarily unavailable". DNS look-ups fail first.' +
            '{{ else }}bind() to port 0 fails with "Address already in use"; here it has failed of late, or the ports ' +
            'that bind() holds grow. connect() without bind() still works.' +
            '{{ end }}' + text.address + text.udpOwners
          ),
          alert(
            'EphemeralPortsListenerInRange',
            'info',
            expressions.listeners,
            wait.listener,
            'A {{ $labels.protocol }} service of ' + host + ' can lose its port {{ $labels.port }} to ' +
            '{{ if eq $labels.protocol "udp" }}another socket{{ else }}an outgoing connection{{ end }}',
            'Port {{ $labels.port }} is inside the range of ephemeral ports, and is not reserved. ' +
            'While the service is down, {{ if eq $labels.protocol "udp" }}another UDP socket{{ else }}an outgoing connection{{ end }} ' +
            'can take the port. Then the service does not start: "Address already in use". `ephemera port {{ $labels.port }}` ' + hosts.there + ' names the service.'
          ),
          alert(
            'TimeWaitTableNearlyFull',
            'warning',
            expressions.timeWaitFrom(config.timeWaitTableRatio),
            wait.timeWaitTable,
            host + ' has filled {{ $value | humanizePercentage }} of its TIME_WAIT table',
            'When it is full, connections are closed without TIME_WAIT, and late packets of old connections ' +
            'can disturb new ones.' + text.timeWaitLimit
          ),
          alert(
            'TimeWaitTableOverflowing',
            'warning',
            'increase(ephemera_time_wait_overflows_total[%s]) > 0' % config.rateWindow,
            config.rateWindow,
            host + ' closes connections without TIME_WAIT: the table is full',
            ('{{ $value | printf "%%.0f" }} connections found no place in it in the last %s.' % config.rateWindow) + text.timeWaitLimit
          ),
          alert(
            'AcceptQueueFull',
            'warning',
            expressions.acceptQueuesFrom(config.acceptQueueRatio),
            wait.acceptQueue,
            'A service of ' + host + ' does not accept connections: ' +
            '{{ if $labels.port }}{{ $labels.address }} port {{ $labels.port }}{{ else }}its fullest queue{{ end }} ' +
            'is {{ $value | humanizePercentage }} full',
            'The kernel drops connections that find the queue full, and clients wait or time out.' +
            '{{ if $labels.port }} `ephemera port {{ $labels.port }}` ' + hosts.there + ' names the service.' +
            '{{ else }} `ss -ltn` ' + hosts.there + ' shows it: Recv-Q is above Send-Q.{{ end }}'
          ),
          alert(
            'ListenOverflows',
            'warning',
            'increase(ephemera_listen_overflows_total[%s]) > 0' % config.rateWindow,
            config.rateWindow,
            host + ' drops connections because a service does not accept them',
            ('{{ $value | printf "%%.0f" }} connections found a full accept queue in the last %s.' % config.rateWindow) +
            text.fullestQueue
          ),
        ] + (import 'snat_alerts.libsonnet')(config, alert, text) + [
          alert(
            'EphemeraCollectorFailing',
            'warning',
            expressions.collectorsThatFail,
            wait.collector,
            'Collector {{ $labels.collector }} of the exporter on ' + hosts.machineName + ' fails',
            'Its metrics are missing, so alerts that need them cannot fire. The log of the exporter says why.'
          ),
          alert(
            'EphemeraExporterGone',
            'critical',
            |||
              (
                up{%(selector)s} == 0
              )
              or
              (
                group by (%(job)s) (up{%(selector)s} offset %(window)s)
                unless
                group by (%(job)s) (up{%(selector)s})
              )
            ||| % { selector: config.selector, window: config.jobGoneWindow, job: hosts.job },
            wait.gone,
            '{{ if $labels.instance }}The exporter on ' + hosts.machineName + ' does not answer' +
            '{{ else }}Job ' + hosts.jobName + ' has no exporter any more{{ end }}',
            'No alert about ephemeral ports can fire for ' +
            '{{ if $labels.instance }}this host{{ else }}its hosts{{ end }}.',
            page=false
          ),
          alert(
            'EphemeraWebConfigurationWrong',
            'warning',
            expressions.configurationsThatAreWrong,
            wait.collector,
            'The exporter on ' + hosts.machineName + ' does not use its changed web configuration',
            'The previous contents stay in force until the next restart. `ephemera check-config FILE` says what is wrong. ' +
            'If nothing is, the change takes protection away, and needs a restart.',
            page=false
          ),
          alert(
            'EphemeraCertificateExpires',
            'warning',
            expressions.certificatesThatExpire,
            wait.collector,
            '{{ if gt $value 0.0 }}The certificate of the exporter on ' + hosts.machineName + ' expires in {{ $value | humanizeDuration }}' +
            '{{ else }}The certificate of the exporter on ' + hosts.machineName + ' has expired{{ end }}',
            'Prometheus cannot scrape the exporter after that. The exporter reads a new certificate by itself.',
            page=false
          ),
        ],
      },
    ],
  },
}
