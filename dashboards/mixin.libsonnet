// SPDX-License-Identifier: Apache-2.0
// Everything that ./render writes out, for those who generate their own:
//
//   (import 'mixin.libsonnet') + { _config+:: { halfUsedRatio: 0.6, 'for'+: { halfUsed: '10m' } } }
//
// gives prometheusRules, prometheusAlerts and grafanaDashboards with other thresholds, and
// alertmanagerInhibitions and alertmanagerConfig: which alerts keep others back.
(import 'mixin/config.libsonnet') +
(import 'mixin/recording.libsonnet') +
(import 'mixin/alerts.libsonnet') +
(import 'mixin/inhibit.libsonnet') +
(import 'mixin/dashboards.libsonnet')
