// SPDX-License-Identifier: Apache-2.0
// What the exporter costs, and whether all of it works.
local p = import 'panels.libsonnet';

function(config, row)
  local hosts = (import 'hosts.libsonnet')(config, own=true);
  local q = (import 'queries.libsonnet')(config, own=true);
  local m = q.metric;
  local max = q.max, sumBy = q.sumBy, rate = q.rate, rateBy = q.rateBy;

  [
    row('the exporter itself', [
      p.series(
        'Duration of a scrape',
        'From the first fact read to the last metric made. Keep it well below the scrape timeout (10 s unless set). It grows with the sockets of the whole machine: scrape less often, or raise the timeout.',
        [
          p.target(max('ephemera_scrape_duration_seconds'), 'whole scrape', 'A'),
          p.target('max by (listing) (%s)' % m('ephemera_scrape_listing_duration_seconds'), 'listing {{listing}}', 'B'),
        ],
        's',
        width=8,
      ),
      p.series(
        'CPU time and walks',
        'CPU time of the exporter, in seconds a second, and walks over the sockets a second. More walks than your Prometheus servers scrape: another client reads the port.',
        [
          p.target('sum(rate(%s[$__rate_interval]) and %s %s)' % [m('process_cpu_seconds_total'), q.onHost, m('ephemera_build_info')], 'CPU', 'A'),
          p.target(rate('ephemera_scrapes_total'), 'walks', 'B'),
        ],
        'percentunit',
        width=8,
        overrides=[p.byName('walks', { unit: p.perSecond, 'custom.axisPlacement': 'right' })],
      ),
      p.series(
        'Memory',
        'Resident memory of the exporter. It grows with the destinations during a scrape and goes back after it. Steady growth is a bug: please report it.',
        [p.target('max(%s and %s %s)' % [m('process_resident_memory_bytes'), q.onHost, m('ephemera_build_info')], 'resident')],
        'bytes',
        width=8,
      ),
      p.series(
        'Collectors',
        'Time that each collector took. A collector that is missing here failed: see beside this.',
        [p.target('max by (collector) (%s)' % m('ephemera_scrape_collector_duration_seconds'), '{{collector}}')],
        's',
        width=8,
      ),
      p.bars(
        'Collectors that work',
        'Red: the collector fails, and its metrics are missing. The log says why: journalctl -u ephemera.',
        [p.instant('min by (collector) (%s)' % m('ephemera_scrape_collector_success'), '{{collector}}')],
        'none',
        p.steps([['red', null], ['green', 1]]),
        width=8,
        max=1,
        mappings=[p.valueMapping([['0', 'fails', 'red'], ['1', 'works', 'green']])],
      ) + p.runbook(config, 'EphemeraCollectorFailing'),
      p.series(
        'Responses',
        'Responses a second by status code, and what a limit refused or cut off. Only 200 is good. 401: a password is wrong; 429 and 503: too many requests at a time.',
        [
          p.target(rateBy('code', 'ephemera_http_requests_total') + ' > 0 or ' + rateBy('code', 'ephemera_http_requests_total', 'code="200"'), '{{code}}', 'A'),
          p.target(rate('ephemera_http_refused_total'), 'refused or cut off', 'B'),
        ],
        p.perSecond,
        width=8,
      ),
    ]),
  ]
