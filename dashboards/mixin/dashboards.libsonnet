// SPDX-License-Identifier: Apache-2.0
// The dashboards, by the names of their files.
{
  local config = self._config,
  // Those of the alerts that this mixin makes, whatever has been added or taken away.
  // One that has two severities is there twice, one below the other.
  local alertNames = std.join('|', std.uniq([
    rule.alert
    for group in self.prometheusAlerts.groups
    for rule in group.rules
    if std.objectHas(rule, 'alert')
  ])),

  grafanaDashboards+:: {
    'ephemeral-ports-fleet.json': (import 'fleet.libsonnet')(config, alertNames),
    'ephemeral-ports-host.json': (import 'host.libsonnet')(config, alertNames),
    'ephemeral-ports-failures.json': (import 'failures.libsonnet')(config, alertNames),
    'ephemeral-ports-destination.json': (import 'destination.libsonnet')(config),
    'ephemeral-ports-owner.json': (import 'owner.libsonnet')(config),
    'ephemeral-ports-kubernetes.json': (import 'kubernetes.libsonnet')(config),
    [if config.namespaceLabels != [] then 'ephemeral-ports-namespaces.json']: (import 'namespaces.libsonnet')(config),
  },
}
