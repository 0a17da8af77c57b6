// SPDX-License-Identifier: Apache-2.0
// The alerts. Each has its section in docs/runbook.md.
{
  local config = self._config,
  local expressions = (import 'expressions.libsonnet')(config),
  local hosts = expressions.hosts,
  local wait = config['for'],

  local percent(ratio) = '%g %%' % (100 * ratio),

  // Texts for annotations; those that may be empty begin with their space. Their queries run only while
  // the alert is pending or fires.
  local host = hosts.name,
  local hostPage = config.grafanaBase + '/d/' + config.dashboards.hostUid +
                   '?' + hosts.page,
  local target = hosts.target,
  local arguments = hosts.arguments,

  // "10.0.0.5 port 443 (from 10.0.0.9)", or what is known where the list has no name for it.
  local destination = '{{ if $labels.destination }}{{ $labels.destination }} port ' +
                      '{{ $labels.destination_port }} (from {{ $labels.source }})' +
                      '{{ else }}its fullest {{ $labels.family }} destination{{ end }}',
  local states = '{{ if $labels.destination }} Its ports: ' +
                 '{{ range $i, $s := printf "ephemera_destination_ports{%s,source=%%q,destination=%%q,destination_port=%%q}" %s $labels.source $labels.destination $labels.destination_port | query | sortByLabel "state" }}' % [target, arguments] +
                 '{{ if $i }}, {{ end }}{{ .Value }} {{ .Labels.state }}{{ end }}.' +
                 '{{ else }} `ephemera destinations` on the host names it.{{ end }}',
  local capacity = '{{ with printf "ephemera_range_usable_ports{%s}" %s | query }}' % [target, arguments] +
                   ' A destination can have {{ . | first | value }} ports.{{ end }}',
  local owner = '{{ with printf "topk(1, ephemera_owner_ports{%s})" %s | query }}' % [target, arguments] +
                '{{ with . | first }} On this host, cgroup {{ .Labels.cgroup }} has the most ports ' +
                '({{ .Value }}).{{ end }}{{ end }}',
  local fullest = '{{ with printf "topk(1, sum without (state) (ephemera_destination_ports{%s,source=~%%q,state!=\\"reusable\\"}))" %s (or (and (eq $labels.family "ipv6") ".*:.*") "[^:]*") | query }}' % [target, arguments] +
                  '{{ with . | first }} The fullest one now is {{ .Labels.destination }} port ' +
                  '{{ .Labels.destination_port }} (from {{ .Labels.source }}) with {{ .Value }} ports.{{ end }}{{ end }}',

  local address = '{{ with printf "topk(1, ephemera_address_ports{%s,protocol=%%q,address=~%%q})" %s $labels.protocol (or (and (eq $labels.family "ipv6") ".*:.*") "[^:]*") | query }}' % [target, arguments] +
                  '{{ with . | first }} The fullest address is {{ .Labels.address }} with {{ .Value }} ports.{{ end }}{{ end }}',

  local udpOwner = '{{ if eq $labels.protocol "udp" }}{{ with printf "topk(1, ephemera_owner_udp_ports{%s})" %s | query }}' % [target, arguments] +
                   '{{ with . | first }} On this host, cgroup {{ .Labels.cgroup }} has the most UDP ports ({{ .Value }}).' +
                   '{{ end }}{{ end }}{{ end }}',

  // Of what was counted of late, as the expressions of these alerts have it.
  local times = '{{ if lt $value 1.5 }}once{{ else }}{{ $value | printf "%.0f" }} times{{ end }}',
  local heldThere = '{{ range $i, $s := printf "sum by (state) (ephemera_destination_ports{%s,destination=%%q,destination_port=%%q})" %s $labels.destination $labels.destination_port | query | sortByLabel "state" }}' % [target, arguments] +
                    '{{ if $i }}, {{ else }} Ports towards it: {{ end }}{{ .Value }} {{ .Labels.state }}{{ end }}' +
                    '{{ with printf "ephemera_destination_ports{%s,destination=%%q,destination_port=%%q}" %s $labels.destination $labels.destination_port | query }}.{{ end }}' % [target, arguments],
  local failedOwner =
    local m = 'ephemera_owner_port_exhaustion_errors_total{%s}' % target;
    '{{ with printf "topk(1, increase(%s[%ds]) > 0 or (last_over_time(%s[%ds]) unless %s offset %ds))" %s %s %s | query }}' % [m, config.exhaustedSeconds, m, config.exhaustedSeconds, m, config.exhaustedSeconds, arguments, arguments, arguments] +
    '{{ with . | first }} On this host, cgroup {{ .Labels.cgroup }} recently had the most failures ' +
    '({{ .Value | printf "%.0f" }}).{{ end }}{{ end }}',

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
      [if page then 'dashboard']: hostPage,
    },
  },

  prometheusAlerts+:: {
    groups+: [
      {
        name: 'ephemera-alerts',
        rules: [
          alert(
            'EphemeralPortsHalfUsed',
            'warning',
            expressions.destinationsFrom(config.halfUsedRatio),
            wait.halfUsed,
            host + ' has used {{ $value | humanizePercentage }} of its ports towards ' + destination,
            'Each connect() to it now has to search for a port, and takes about fifty times as long.' +
            capacity + states + owner,
            sticky=true
          ),
          alert(
            'EphemeralPortsNearlyFull',
            'critical',
            expressions.destinationsFrom(config.nearlyFullRatio),
            wait.nearlyFull,
            host + ' has used {{ $value | humanizePercentage }} of its ports towards ' + destination,
            'When all are used, new connections to it fail with "Cannot assign requested address".' +
            capacity + states + owner,
            sticky=true
          ),
          alert(
            'EphemeralPortsFull',
            'critical',
            expressions.destinationsFrom(1),
            wait.full,
            host + ' has no port left towards ' + destination,
            'New connections to it fail with "Cannot assign requested address" (EADDRNOTAVAIL).' +
            capacity + states + owner,
            sticky=true
          ),
          alert(
            'EphemeralPortsExhausted',
            'critical',
            expressions.exhausted,
            wait.exhausted,
            'On ' + host + ' connect(){{ if $labels.destination }} to {{ $labels.destination }} port ' +
            '{{ $labels.destination_port }}{{ end }} failed ' + times + ': no port was left',
            'The kernel counted this in the last {{ humanizeDuration %d }}. ' % config.exhaustedSeconds +
            'Programs got "Cannot assign requested address" (EADDRNOTAVAIL).' +
            capacity + '{{ if $labels.destination }}' + heldThere +
            '{{ else }} `ephemera trace` on the host shows each failure as it happens.{{ end }}' + failedOwner
          ),
          alert(
            'EphemeralPortsBindExhausted',
            'critical',
            expressions.bindExhausted,
            wait.exhausted,
            'On ' + host + ' {{ if eq $labels.protocol "udp" }}a UDP socket{{ else }}bind() or listen() of TCP{{ end }} ' +
            'got no {{ $labels.family }} port (' + times + ')',
            'The kernel counted this. Programs got ' +
            '{{ if eq $labels.protocol "udp" }}"Address already in use" in bind() to port 0, or "Resource ' +
            'temporarily unavailable" in connect() or sendto(). DNS look-ups fail first' +
            '{{ else }}"Address already in use". connect() without bind() is not affected{{ end }}.' + address +
            failedOwner
          ),
          alert(
            'EphemeralPortsFullSoon',
            'warning',
            expressions.fullSoon,
            wait.fullSoon,
            host + ' will have no port left towards an {{ $labels.family }} destination within ' +
            '{{ humanizeDuration %d }}' % config.predictSeconds,
            ('At the pace of the last %s that destination will need {{ $value | printf "%%.0f" }} ports by then.' % config.predictWindow) +
            capacity + fullest + owner
          ),
          alert(
            'EphemeralPortsAddressPoolNearlyFull',
            'warning',
            'ephemera_worst_address_usage_ratio >= %g' % config.addressPoolRatio,
            wait.addressPool,
            host + ' has used {{ $value | humanizePercentage }} of the {{ $labels.protocol }} ports of ' +
            'an {{ $labels.family }} address',
            'When all are used, ' +
            '{{ if eq $labels.protocol "udp" }}UDP sockets fail in bind() to port 0 with "Address already in use" ' +
            'and in connect() with "Resource temporarily unavailable". DNS look-ups fail first.' +
            '{{ else }}bind() to port 0 fails with "Address already in use". connect() without bind() still works.' +
            '{{ end }}' + address + udpOwner
          ),
          alert(
            'EphemeralPortsListenerInRange',
            'info',
            'max without (address, reserved) (ephemera_range_listener_info{reserved="false"})',
            wait.listener,
            'A {{ $labels.protocol }} service of ' + host + ' can lose its port {{ $labels.port }} to ' +
            '{{ if eq $labels.protocol "udp" }}another socket{{ else }}an outgoing connection{{ end }}',
            'Port {{ $labels.port }} is inside the range of ephemeral ports, and is not reserved. ' +
            'While the service is down, {{ if eq $labels.protocol "udp" }}another UDP socket{{ else }}an outgoing connection{{ end }} ' +
            'can take the port. Then the service does not start: "Address already in use". `ephemera port {{ $labels.port }}` on the host names the service.'
          ),
          alert(
            'TimeWaitTableNearlyFull',
            'warning',
            '%s >= %g\n' % [std.rstripChars(expressions.timeWaitUsage, '\n'), config.timeWaitTableRatio],
            wait.timeWaitTable,
            host + ' has filled {{ $value | humanizePercentage }} of its TIME_WAIT table',
            'When it is full, connections are closed without TIME_WAIT, and late packets of old connections ' +
            'can disturb new ones.' +
            '{{ with printf "ephemera_time_wait_limit_sockets{%s}" %s | query }}' % [target, arguments] +
            ' It holds {{ . | first | value }} (net.ipv4.tcp_max_tw_buckets).{{ end }}'
          ),
          alert(
            'TimeWaitTableOverflowing',
            'warning',
            'increase(ephemera_time_wait_overflows_total[%s]) > 0' % config.rateWindow,
            config.rateWindow,
            host + ' closes connections without TIME_WAIT: the table is full',
            ('{{ $value | printf "%%.0f" }} connections found no place in it in the last %s.' % config.rateWindow) +
            '{{ with printf "ephemera_time_wait_limit_sockets{%s}" %s | query }}' % [target, arguments] +
            ' It holds {{ . | first | value }} (net.ipv4.tcp_max_tw_buckets).{{ end }}'
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
            '{{ if $labels.port }} `ephemera port {{ $labels.port }}` on the host names the service.' +
            '{{ else }} `ss -ltn` on the host shows it: Recv-Q is above Send-Q.{{ end }}'
          ),
          alert(
            'ListenOverflows',
            'warning',
            'increase(ephemera_listen_overflows_total[%s]) > 0' % config.rateWindow,
            config.rateWindow,
            host + ' drops connections because a service does not accept them',
            ('{{ $value | printf "%%.0f" }} connections found a full accept queue in the last %s.' % config.rateWindow) +
            '{{ with printf "topk(1, ephemera_accept_queue_sockets{%s} / (ephemera_accept_queue_limit_sockets{%s} + 1) > 0)" %s %s | query }}' % [target, target, arguments, arguments] +
            '{{ with . | first }} The fullest queue now is {{ .Labels.address }} port {{ .Labels.port }} ' +
            '({{ .Value | humanizePercentage }}).{{ end }}{{ end }}'
          ),
          alert(
            'EphemeraCollectorFailing',
            'warning',
            'ephemera_scrape_collector_success == 0',
            wait.collector,
            'Collector {{ $labels.collector }} of the exporter on ' + host + ' fails',
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
            '{{ if $labels.instance }}The exporter on ' + host + ' does not answer' +
            '{{ else }}Job ' + hosts.jobName + ' has no exporter any more{{ end }}',
            'No alert about ephemeral ports can fire for ' +
            '{{ if $labels.instance }}this host{{ else }}its hosts{{ end }}.',
            page=false
          ),
          alert(
            'EphemeraWebConfigurationWrong',
            'warning',
            'ephemera_web_config_last_reload_successful == 0',
            wait.collector,
            'The web configuration of the exporter on ' + host + ' is wrong',
            'The previous contents stay in force until the next restart. Then the exporter does not start. ' +
            '`ephemera check-config FILE` says what is wrong.',
            page=false
          ),
          alert(
            'EphemeraCertificateExpires',
            'warning',
            'ephemera_web_tls_certificate_expiry_timestamp_seconds - time() < %d' % config.certificateSeconds,
            wait.collector,
            '{{ if gt $value 0.0 }}The certificate of the exporter on ' + host + ' expires in {{ $value | humanizeDuration }}' +
            '{{ else }}The certificate of the exporter on ' + host + ' has expired{{ end }}',
            'Prometheus cannot scrape the exporter after that. The exporter reads a new certificate by itself.',
            page=false
          ),
        ],
      },
    ],
  },
}
