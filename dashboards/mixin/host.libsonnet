// SPDX-License-Identifier: Apache-2.0
// One host: how its range is divided, towards whom it is used up, whose connections those are, and when
// ports come back. Each row is repeated for each host that is chosen, so that no legend has to name it.
// What only collector exhaustion counts is a dashboard of its own, failures.libsonnet: Grafana cannot leave out
// panels by what there is, and a host without the collector would have a dozen empty ones.
local p = import 'panels.libsonnet';

function(config, alertNames)
  local hosts = (import 'hosts.libsonnet')(config, own=true);

  local row(title, panels, collapsed=true) = p.row('$instance: ' + title, panels, collapsed=collapsed, repeat='instance');
  local sameHost = '${datasource:queryparam}&%s&${instance:queryparam}' % hosts.choices;

  p.dashboard(
    config,
    config.dashboards.hostUid,
    'Ephemeral ports / Host',
    'One host: how its range is divided, which destinations use it up, which services hold the ports, and when ports come back.',
    // Without All: each host that is chosen has rows of its own, and a fleet has too many.
    p.hostVariables(config, all=false),
    [
      p.dashboardLink(config, 'Fleet', 'All hosts', config.dashboards.fleetUid),
      p.dashboardLink(config, 'Failures', 'Which calls found no port, and how long ports are held', config.dashboards.failuresUid, sameHost),
      p.dashboardLink(config, 'Kubernetes', 'By pod', config.dashboards.kubernetesUid, sameHost),
      p.webLink('Runbook', 'What each alert means, and what to do', config.runbookBase),
    ],
    std.flattenArrays([
      (import 'host_now.libsonnet')(config, row),
      (import 'host_limits.libsonnet')(config, row),
      (import 'host_snat.libsonnet')(config, row),
      (import 'host_exporter.libsonnet')(config, row),
    ]),
    annotations=(import 'annotations.libsonnet')(config, alertNames),
  )
