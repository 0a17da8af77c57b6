// SPDX-License-Identifier: Apache-2.0
// What is around the panels: links, rows, variables, annotations, and the dashboard itself. panels.libsonnet adds
// this to the panels, so that a dashboard imports one file.
local hosts = import 'hosts.libsonnet';
local datasource = { type: 'prometheus', uid: '${datasource}' };

{
  local p = self,

  // To the host's dashboard: from a line of a graph, and from a cell with the host's name.
  hostFromLine(config)::
    p.hostLink(config, hosts(config).clusterOfLine + 'var-job=${__field.labels.job}', '${__field.labels.instance}'),
  hostFromCell(config):: p.hostLink(config, hosts(config).clusterOfRow + '${job:queryparam}', '${__value.raw}'),
  hostLink(config, job, instance):: p.link(
    'Open this host',
    '/d/%s?${datasource:queryparam}&%s&var-instance=%s&${__url_time_range}'
    % [config.dashboards.hostUid, job, instance]
  ),
  // To the view of one network namespace of a host, from a cell.
  namespaceFromCell(config):: p.link(
    'Open this pod',
    '/d/%s?${datasource:queryparam}&%s&var-instance=${__data.fields.instance}%s&${__url_time_range}'
    % [config.dashboards.namespacesUid, hosts(config).clusterOfRow + '${job:queryparam}', hosts(config).namespaceOf('__data.fields')]
  ),
  namespaceFromLine(config):: p.link(
    'Open this pod',
    '/d/%s?${datasource:queryparam}&%s&var-instance=${__field.labels.instance}%s&${__url_time_range}'
    % [config.dashboards.namespacesUid, hosts(config).clusterOfLine + 'var-job=${__field.labels.job}', hosts(config).namespaceOf('__field.labels')]
  ),

  // To the destination, over all hosts; to the owner, over all hosts; to one host's failures. An owner's link has its
  // cgroup for a title, so that whoever points at a short name sees the whole path.
  local to(config, uid, more) = '/d/%s?${datasource:queryparam}&%s&%s&${__url_time_range}' % [uid, hosts(config).choices, more],
  local destination(config, address, port) =
    p.link('Open this destination', to(config, config.dashboards.destinationUid, 'var-destination=%s&var-destination_port=%s' % [address, port])),
  destinationFromLine(config):: destination(config, '${__field.labels.destination}', '${__field.labels.destination_port}'),
  destinationFromCell(config):: destination(config, '${__data.fields.destination}', '${__data.fields.destination_port}'),
  local owner(config, cgroup) =
    p.link('Open ${%s}' % cgroup, to(config, config.dashboards.ownerUid, 'var-owner=${%s:percentencode}' % cgroup)),
  ownerFromLine(config):: owner(config, '__field.labels.cgroup'),
  ownerFromCell(config):: owner(config, '__data.fields.cgroup'),
  failuresOfHost(config):: p.link('Which calls failed', to(config, config.dashboards.failuresUid, '${instance:queryparam}')),

  link(title, url):: { title: title, url: url, targetBlank: false },
  row(title, panels, collapsed=(title != null), repeat=null):: { title: title, collapsed: collapsed, repeat: repeat, panels: panels },

  // From left to right, as many as fit.
  local place(panels, y0, firstId) =
    std.foldl(
      function(s, panel)
        local wraps = s.x + panel.gridPos.w > 24;
        local x = if wraps then 0 else s.x;
        local y = if wraps then s.bottom else s.y;
        {
          x: x + panel.gridPos.w,
          y: y,
          bottom: std.max(s.bottom, y + panel.gridPos.h),
          id: s.id + 1,
          out: s.out + [panel { id: s.id, gridPos+: { x: x, y: y } }],
        },
      panels,
      { x: 0, y: y0, bottom: y0, id: firstId, out: [] }
    ),

  // A row without a title is panels with nothing above them.
  local layout(rows) =
    std.foldl(
      function(s, row)
        local head = if row.title == null then 0 else 1;
        local placed = place(row.panels, s.y + head, s.id + head);
        local heading = {
          type: 'row',
          id: s.id,
          title: row.title,
          collapsed: row.collapsed,
          gridPos: { h: 1, w: 24, x: 0, y: s.y },
          panels: if row.collapsed then placed.out else [],
        } + (if row.repeat == null then {} else { repeat: row.repeat });
        {
          // As if it were open: Grafana moves up what is below a collapsed row.
          y: placed.bottom,
          id: placed.id,
          out: s.out
               + (if head == 0 then [] else [heading])
               + (if row.collapsed then [] else placed.out),
        },
      rows,
      { y: 0, id: 1, out: [] }
    ).out,

  // everything: what All stands for, without it what the list has. Of jobs it is the list: `up` has
  // those of others, too. Of hosts it is .*: a fleet's names make too long a query.
  query(name, label, query, multi=true, all=true, everything='.*', description='')::
    {
      type: 'query',
      name: name,
      label: label,
      description: description,
      datasource: datasource,
      query: { query: query, refId: 'Variable' },
      regex: '',
      refresh: 2,
      sort: 1,
      multi: multi,
      includeAll: all,
      hide: 0,
      options: [],
      skipUrlSync: false,
      [if all then 'current']: { selected: true, text: ['All'], value: ['$__all'] },
    }
    + (if all && everything != null then { allValue: everything } else {}),

  // Which hosts: the cluster, where there are several, the job, and the host. A view that follows one host or another
  // has one cluster. metric, more: what those hosts have.
  hostVariables(config, all=true, metric='ephemera_build_info', more='')::
    local h = hosts(config);
    local exporters(matchers) =
      local both = std.join(', ', [each for each in [matchers, more] if each != '']);
      metric + (if both == '' then '' else '{%s}' % both);
    (if h.clustered then [
       p.query('cluster', 'Cluster', 'label_values(%s, %s)' % [exporters(''), h.cluster], multi=all, all=all),
     ] else [])
    + [
      p.query('job', 'Job', 'label_values(%s, job)' % exporters(h.others()), everything=null),
      p.query('instance', 'Host', 'label_values(%s, instance)' % exporters(h.jobMatchers()), all=all),
    ],

  datasourceVariable:: {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    description: 'The Prometheus that scrapes the exporters',
    query: 'prometheus',
    regex: '',
    refresh: 1,
    multi: false,
    includeAll: false,
    hide: 0,
    options: [],
    skipUrlSync: false,
  },

  dashboardLink(config, title, tooltip, uid, vars='${datasource:queryparam}&' + hosts(config).choices):: {
    type: 'link',
    title: title,
    tooltip: tooltip,
    icon: 'dashboard',
    url: '/d/' + uid + '?' + vars,
    tags: [],
    asDropdown: false,
    includeVars: false,
    keepTime: true,
    targetBlank: false,
  },

  // What an alert means, and what to do: a link of the panel that shows why it fires.
  runbook(config, alert):: {
    local url = config.runbookBase + '#' + std.asciiLower(alert),
    links: [p.webLink(alert, 'What this means, and what to do', url) { icon: 'external link' }],
  },

  webLink(title, tooltip, url):: p.dashboardLink(null, title, tooltip, '', '') { icon: 'doc', url: url, keepTime: false, targetBlank: true },

  // A mark in each graph for each series that is above 0; with atValue, at the time that its value is, in milliseconds.
  annotation(name, expr, color, title, text, tags='', atValue=false):: {
    name: name,
    datasource: datasource,
    enable: true,
    hide: false,
    iconColor: color,
    expr: expr,
    step: '1m',
    titleFormat: title,
    textFormat: text,
    tagKeys: tags,
    useValueForTime: atValue,
  },

  dashboard(config, uid, title, description, variables, links, rows, annotations=[]):: {
    uid: uid,
    title: title,
    description: description,
    tags: config.dashboards.tags,
    schemaVersion: 41,
    version: 1,
    id: null,
    editable: true,
    graphTooltip: 1,
    fiscalYearStartMonth: 0,
    weekStart: '',
    preload: false,
    timezone: config.dashboards.timezone,
    refresh: config.dashboards.refresh,
    time: { from: config.dashboards.timeFrom, to: 'now' },
    timepicker: { hidden: false, refresh_intervals: ['5s', '10s', '30s', '1m', '5m', '15m', '30m', '1h', '2h', '1d'] },
    annotations: { list: [{
      builtIn: 1,
      datasource: { type: 'grafana', uid: '-- Grafana --' },
      enable: true,
      hide: true,
      iconColor: 'rgba(0, 211, 255, 1)',
      name: 'Annotations & Alerts',
      type: 'dashboard',
    }] + annotations },
    templating: { list: [p.datasourceVariable] + variables },
    links: links,
    panels: layout(rows),
  },
}
