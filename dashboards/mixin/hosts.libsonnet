// SPDX-License-Identifier: Apache-2.0
// What tells one host from another: job and instance, and with showMultiCluster the cluster too, since
// two clusters may have a node of the same name. Every variable, query, rule, text and link takes it
// from here. Rules that use `ignoring` and `without` keep the label anyway.
function(config) {
  local h = self,
  local clusters = if config.showMultiCluster then [config.clusterLabel] else [],
  local list(labels) = std.join(', ', clusters + labels),

  clustered:: config.showMultiCluster,
  cluster:: config.clusterLabel,
  labels:: clusters + ['job', 'instance'],

  // Within by (), on () and their like: a host, a job, and what only one cluster keeps apart.
  host:: list(['job', 'instance']),
  job:: list(['job']),
  within(labels):: list(labels),
  perHost(operator, expr, more=[]):: '%s by (%s) (%s)' % [operator, list(['job', 'instance'] + more), expr],

  // Matchers of a dashboard's variables; with orNone also what has no such label.
  local chosen(label, variable, orNone) = '%s=~"$%s%s"' % [label, variable, if orNone then '|' else ''],
  jobMatchers(orNone=false):: std.join(', ', [chosen(c, 'cluster', orNone) for c in clusters] + [chosen('job', 'job', orNone)]),
  matchers(orNone=false):: h.jobMatchers(orNone) + ', ' + chosen('instance', 'instance', orNone),
  // The same for metrics of others, which have another job: {cluster=~"$cluster", ...}
  others(matchers=''):: std.join(', ', [chosen(c, 'cluster', false) for c in clusters] + (if matchers == '' then [] else [matchers])),

  // Templates of annotations: "QUERY{TARGET}" ARGUMENTS, the host's name, and its part of a link.
  target:: std.join(',', ['%s=%%q' % label for label in h.labels]),
  arguments:: std.join(' ', ['$labels.' + label for label in h.labels]),
  // Of metrics of others: "QUERY{CLUSTERTARGET...}" CLUSTERARGUMENTS...
  clusterTarget:: std.join('', ['%s=%%q,' % c for c in clusters]),
  clusterArguments:: std.join('', ['$labels.%s ' % c for c in clusters]),
  name:: '{{ $labels.instance }}' + std.join('', [' in cluster {{ $labels.%s }}' % c for c in clusters]),
  jobName:: '{{ $labels.job }}' + std.join('', [' in cluster {{ $labels.%s }}' % c for c in clusters]),
  page:: std.join('&', [
    'var-%s={{ $labels.%s | urlquery }}' % [if label == config.clusterLabel then 'cluster' else label, label]
    for label in h.labels
  ]),

  // Links of dashboards: the chosen ones, the labels of a line, the fields of a row.
  choices:: (if config.showMultiCluster then '${cluster:queryparam}&' else '') + '${job:queryparam}',
  clusterOfLine:: std.join('', ['var-cluster=${__field.labels.%s}&' % c for c in clusters]),
  clusterOfRow:: std.join('', ['var-cluster=${__data.fields.%s}&' % c for c in clusters]),

  // A line's name, and columns that come before the host's.
  legend:: std.join('', ['{{%s}} ' % c for c in clusters]) + '{{instance}}',
  columns:: [[c, 'Cluster', { 'custom.width': 100 }] for c in clusters],
}
