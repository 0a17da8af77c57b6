// SPDX-License-Identifier: Apache-2.0
// The settings. A ratio is a share of the ports that one destination can have, unless it says otherwise.
{
  _config+:: {
    // Which `up` series are exporters. Metrics named ephemera_* need no selector.
    selector: 'job=~".*ephemera.*"',

    // For a Prometheus, Thanos or Mimir that has several clusters: the label that tells them apart, as in
    // kubernetes-mixin. Then the same host name in two clusters is two hosts.
    showMultiCluster: false,
    clusterLabel: 'cluster',

    // What tells network namespaces of a host apart, with --namespaces=all: every rule and query of more than
    // the host's own keeps these labels. The first is there for each but the host's own, the last where the two
    // before it are the namespace's: Prometheus adds those of the exporter's pod to what has none.
    namespaceLabels: ['netns', 'namespace', 'pod', 'pod_uid'],

    // From half on connect() searches in vain first: a fact of the kernel. Do not raise it. That is for
    // information; from halfUsedWarningRatio on, or while the destination grows, it is a warning.
    halfUsedRatio: 0.5,
    halfUsedWarningRatio: 0.7,
    // A share of the ports, within predictSeconds at the pace of predictWindow.
    halfUsedGrowth: 0.2,
    // Destinations that are meant to be this full: HalfUsed and NearlyFull say nothing of them up to and
    // with that ratio. Labels of ephemera_destination_ports choose them:
    //   { labels: { destination: '10.0.0.5', destination_port: '443' }, ratio: 0.8 }
    expectedUsage: [],
    nearlyFullRatio: 0.9,
    timeWaitTableRatio: 0.8,
    acceptQueueRatio: 0.9,
    addressPoolRatio: 0.9,
    // Ports that bind() holds grow if they take the rest of the pool within predictSeconds, and at least
    // this share of the range.
    addressPoolGrowth: 0.01,

    // Source NAT: shares of a pool's ports. From snatFullRatio on, a range of more than 128 ports loses packets, and so
    // does any where the chance that a new connection finds no port is snatLossRatio.
    snatNearlyFullRatio: 0.9,
    snatFullRatio: 0.97,
    snatLossRatio: 0.1,
    conntrackTableRatio: 0.8,

    // Full soon: the trend of predictWindow and the trend of predictRecentWindow both reach the capacity
    // within predictSeconds. Keep predictRecentWindow no longer than for.fullSoon: then a single step
    // upwards has left that window before the alert can fire.
    predictWindow: '30m',
    predictRecentWindow: '10m',
    predictSeconds: 3600,
    predictMinimumRatio: 0.25,
    // A share of the range, within predictWindow.
    predictMinimumGrowth: 0.1,
    // A time further away is not shown: the trend is only half an hour long.
    predictMaximumHours: 24,

    // A scrape that fails does not end a condition: for so long, what was said last still holds. At
    // least two scrapes.
    missedScrapes: '2m',

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
      // A small range has one port between nine tenths and the first packet that is lost.
      snatNearlyFull: '0m',
      snatFull: '0m',
      snatLost: '0m',
      conntrackTable: '5m',
      collector: '10m',
      gone: '5m',
    },
    // How long an alert about a destination stays after its condition is gone. A destination at its
    // limit gets ports back and loses them again all the time; without this the alert would end and
    // begin each time. Needs Prometheus 2.42; '' leaves it out.
    keepFiringFor: '5m',

    // Counters of rare events must grow again and again for this long; one burst is no alert.
    rateWindow: '5m',
    // An alert about a failed call fires at once, and stays this long after the last failure. Keep it
    // at four scrapes or more.
    exhaustedSeconds: 300,
    // A job is gone if it had targets this long ago and has none now.
    jobGoneWindow: '1h',
    certificateSeconds: 7 * 24 * 3600,

    docsBase: 'https://github.com/ephemera-exporter/ephemera/blob/main/docs',
    runbookBase: self.docsBase + '/runbook.md',
    // Put before the path of a dashboard in annotations, such as https://grafana.example.com.
    grafanaBase: '',

    dashboards: {
      fleetUid: 'ephemera-fleet',
      hostUid: 'ephemera-host',
      failuresUid: 'ephemera-failures',
      destinationUid: 'ephemera-destination',
      ownerUid: 'ephemera-owner',
      kubernetesUid: 'ephemera-kubernetes',
      namespacesUid: 'ephemera-namespaces',
      tags: ['ephemera'],
      refresh: '30s',
      timeFrom: 'now-1h',
      timezone: 'browser',
    },
  },
}
