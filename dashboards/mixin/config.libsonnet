// SPDX-License-Identifier: Apache-2.0
// What may be set. Shares are of the ports that one destination can have, unless said otherwise.
{
  _config+:: {
    // Which `up` series are exporters. What is named ephemera_* needs no selector.
    selector: 'job=~".*ephemera.*"',

    // From half on connect() searches in vain first: it is a fact of the kernel, no matter of taste.
    halfUsedRatio: 0.5,
    nearlyFullRatio: 0.9,
    timeWaitTableRatio: 0.8,
    acceptQueueRatio: 0.9,
    addressPoolRatio: 0.9,

    // Full soon: the line through predictWindow, and the one through predictRecentWindow, both reach
    // the capacity within predictSeconds. Keep predictRecentWindow no longer than for.fullSoon: then
    // one step up that stays where it is has left that window before the alert could fire.
    predictWindow: '30m',
    predictRecentWindow: '10m',
    predictSeconds: 3600,
    predictMinimumRatio: 0.25,
    // Of the range, within predictWindow.
    predictMinimumGrowth: 0.1,
    // What is further away is not worth a number: the line is no longer than half an hour.
    predictMaximumHours: 24,

    // How long a condition must hold.
    'for': {
      halfUsed: '5m',
      nearlyFull: '1m',
      full: '0m',
      fullSoon: '10m',
      listener: '15m',
      timeWaitTable: '5m',
      acceptQueue: '2m',
      addressPool: '5m',
      exhausted: '0m',
      collector: '10m',
      gone: '5m',
    },
    // How long an alert about a destination stays after its condition went away. A destination at
    // its limit gets a port back and loses it again all the time; without this each of these would
    // be an alert that ends and one that begins. Needs Prometheus 2.42; '' leaves it out.
    keepFiringFor: '5m',

    // Counters of rare events must grow again and again for this long; one burst is no alert.
    rateWindow: '5m',
    // A failure for want of a port is told at once, and for this long after the last one. Keep it at
    // four scrapes or more.
    exhaustedSeconds: 300,
    // A job that had targets so long ago and has none now is gone.
    jobGoneWindow: '1h',
    certificateSeconds: 7 * 24 * 3600,

    runbookBase: 'https://github.com/ephemera-exporter/ephemera/blob/main/docs/runbook.md',
    // In front of the path of a dashboard in annotations, such as https://grafana.example.com.
    grafanaBase: '',

    dashboards: {
      fleetUid: 'ephemera-fleet',
      hostUid: 'ephemera-host',
      kubernetesUid: 'ephemera-kubernetes',
      tags: ['ephemera'],
      refresh: '30s',
      timeFrom: 'now-1h',
      timezone: 'browser',
    },
  },
}
