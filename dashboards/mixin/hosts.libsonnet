// SPDX-License-Identifier: Apache-2.0
// What tells one host from another: job and instance, and with showMultiCluster the cluster too, since
// two clusters may have a node of the same name. With --namespaces=all a host has several network namespaces,
// each a place where ports run out. Every variable, query, rule, text and link takes it from here. Rules that
// use `ignoring` and `without` keep the labels anyway. own: of the host's own network namespace alone. named: without it
// the first of the namespace's labels alone tells it apart, as owners have to: their namespace and pod are the owner's.
function(config, own=false, named=true) {
  local h = self,
  local clusters = if config.showMultiCluster then [config.clusterLabel] else [],
  local namespaces = config.namespaceLabels,
  local netns = if namespaces == [] then null else namespaces[0],
  local list(labels) = std.join(', ', clusters + labels),

  clustered:: config.showMultiCluster,
  cluster:: config.clusterLabel,
  local only(labels) = if named then labels else labels[:1],
  local place = ['job', 'instance'] + (if own then [] else only(namespaces)),

  // Within by (), on () and their like: a host's network namespace, a job, and what only one cluster keeps apart.
  host:: list(place),
  machine:: list(['job', 'instance']),
  job:: list(['job']),
  within(labels):: list(labels),
  perHost(operator, expr, more=[]):: '%s by (%s) (%s)' % [operator, list(place + more), expr],
  // What the exporter says once, for all network namespaces.
  ofAll:: namespaces + (if namespaces == [] then [] else ['container']),

  // Matchers of a dashboard's variables; with orNone also what has no such label.
  local chosen(label, variable, orNone) = '%s=~"$%s%s"' % [label, variable, if orNone then '|' else ''],
  jobMatchers(orNone=false):: std.join(', ', [chosen(c, 'cluster', orNone) for c in clusters] + [chosen('job', 'job', orNone)]),
  matchers(orNone=false)::
    h.jobMatchers(orNone) + ', ' + chosen('instance', 'instance', orNone) + (if own && netns != null then ', %s=""' % netns else ''),
  // The same for metrics of others, which have another job: {cluster=~"$cluster", ...}
  others(matchers=''):: std.join(', ', [chosen(c, 'cluster', false) for c in clusters] + (if matchers == '' then [] else [matchers])),

  // Templates of annotations: "QUERY{TARGET}" ARGUMENTS, the host's name, and its part of a link.
  local told = clusters + ['job', 'instance'] + namespaces[:1],
  target:: std.join(',', ['%s=%%q' % label for label in told]),
  arguments:: std.join(' ', ['$labels.' + label for label in told]),
  // Of metrics of others: "QUERY{CLUSTERTARGET...}" CLUSTERARGUMENTS...
  clusterTarget:: std.join('', ['%s=%%q,' % c for c in clusters]),
  clusterArguments:: std.join('', ['$labels.%s ' % c for c in clusters]),
  // "lb-1", or "pod shop/orders-7d9f of lb-1". An exporter that runs in a pod has that pod's labels on what has none.
  local elsewhere(text, here='') =
    if netns == null then here
    else '{{ if $labels.%s }}%s%s{{ end }}' % [netns, text, if here == '' then '' else '{{ else }}' + here],
  name:: elsewhere('{{ if $labels.pod_uid }}pod {{ $labels.namespace }}/{{ $labels.pod }}{{ else }}network namespace {{ $labels.%s }}{{ end }} of ' % netns)
         + h.machineName,
  machineName:: '{{ $labels.instance }}' + std.join('', [' in cluster {{ $labels.%s }}' % c for c in clusters]),
  // Where to run a command.
  there:: elsewhere('in that network namespace', 'on the host'),
  jobName:: '{{ $labels.job }}' + std.join('', [' in cluster {{ $labels.%s }}' % c for c in clusters]),
  local choose(labels) = std.join('&', [
    'var-%s={{ $labels.%s | urlquery }}' % [if label == config.clusterLabel then 'cluster' else label, label]
    for label in labels
  ]),
  // The host's page; of another network namespace its own.
  page::
    local to(uid, labels) = '%s/d/%s?%s' % [config.grafanaBase, uid, choose(clusters + labels)];
    elsewhere(to(config.dashboards.namespacesUid, ['job', 'instance'] + namespaces[:3]), to(config.dashboards.hostUid, ['job', 'instance'])),

  // Links of dashboards: the chosen ones, the labels of a line, the fields of a row.
  choices:: (if config.showMultiCluster then '${cluster:queryparam}&' else '') + '${job:queryparam}',
  clusterOfLine:: std.join('', ['var-cluster=${__field.labels.%s}&' % c for c in clusters]),
  clusterOfRow:: std.join('', ['var-cluster=${__data.fields.%s}&' % c for c in clusters]),
  namespaceOf(labels):: if netns == null then '' else '&var-%s=${%s.%s}' % [netns, labels, netns],

  // A line's name, and columns that come before the host's.
  legend:: std.join('', ['{{%s}} ' % c for c in clusters]) + '{{instance}}' + (if own then '' else std.join('', [' {{%s}}' % label for label in namespaces[:3]])),

  // With a label for people: NAMESPACE/POD, or the number or name of a network namespace that is no pod's. The host's own has none.
  inside(expr):: if namespaces == [] then expr else |||
    label_replace(
      label_replace(
        label_replace(
          label_join(
            %s,
            "inside", "/", "%s"
          ),
          "inside", "", "inside", "/.*"
        ),
        "inside", "$1", "inside", "([^/]+)/.*/"
      ),
      "inside", "$1", "inside", "[^/]+/([^/]+/[^/]+)/[^/]+"
    )
  ||| % [h.indented(expr, 8), std.join('", "', namespaces)],
  indented(text, spaces)::
    std.join('\n' + std.repeat(' ', spaces), std.split(if std.endsWith(text, '\n') then std.substr(text, 0, std.length(text) - 1) else text, '\n')),
  columns:: [[c, 'Cluster', { 'custom.width': 100 }] for c in clusters],
}
