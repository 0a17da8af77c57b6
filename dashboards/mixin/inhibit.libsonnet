// SPDX-License-Identifier: Apache-2.0
// One cause, one page: which alerts Alertmanager keeps back while another one fires. `equal` says of
// what both must be. A label that neither has is equal, so that they can stand here without a cluster and for
// a host's own network namespace.
{
  local config = self._config,
  local host = [config.clusterLabel, 'job', 'instance'] + config.namespaceLabels,
  local peer = host + ['destination', 'destination_port'],
  local destination = host + ['family', 'source', 'destination', 'destination_port'],

  local full = 'EphemeralPortsFull',
  local nearlyFull = 'EphemeralPortsNearlyFull',
  local halfUsed = 'EphemeralPortsHalfUsed',
  local fullSoon = 'EphemeralPortsFullSoon',
  local exhausted = 'EphemeralPortsExhausted',
  local addressPool = 'EphemeralPortsAddressPoolNearlyFull',

  local rule(sources, targets, equal, sourceMore={}, targetMore={}) = {
    source: { alertname: sources } + sourceMore,
    target: { alertname: targets } + targetMore,
    equal: equal,
  },
  local rules = [
    // A call that failed, a destination that is full, one that is nearly so. The failed call does not
    // tell its source address.
    rule([exhausted], [full, nearlyFull, halfUsed], peer),
    rule([full], [nearlyFull, halfUsed], destination),
    rule([nearlyFull], [halfUsed], destination),
    rule([halfUsed], [halfUsed], destination, { severity: ['warning'] }, { severity: ['info'] }),
    // It is about the fullest destination of the family, and does not name it.
    rule([full, nearlyFull], [fullSoon], host + ['family']),
    // The pool of TCP is full of the connections to that destination.
    rule([exhausted, full, nearlyFull], [addressPool], host, targetMore={ protocol: ['tcp'] }),
    rule(['EphemeralPortsBindExhausted'], [addressPool], host + ['protocol']),
    rule(['TimeWaitTableOverflowing'], ['TimeWaitTableNearlyFull'], host),
    rule(['AcceptQueueFull'], ['ListenOverflows'], host),
    rule(['SnatPacketsLost'], ['SnatPortsFull', 'SnatPortsNearlyFull'], host + ['protocol']),
    rule(['SnatPortsFull'], ['SnatPortsNearlyFull'], host + ['protocol', 'family']),
  ],

  // With =~ also where it is one name: a bare = is no text to every reader of YAML.
  local matchers(labels, of) = [of(label, std.join('|', labels[label])) for label in std.objectFields(labels)],
  local texts(labels) = matchers(labels, function(label, values) '%s =~ "%s"' % [label, values]),
  local objects(labels) = matchers(labels, function(label, values) { name: label, matchType: '=~', value: values }),

  alertmanagerInhibitions+:: {
    inhibit_rules: [
      { source_matchers: texts(each.source), target_matchers: texts(each.target), equal: each.equal }
      for each in rules
    ],
  },

  // The same for the Prometheus operator, which applies it to alerts of its namespace.
  alertmanagerConfig+:: {
    apiVersion: 'monitoring.coreos.com/v1alpha1',
    kind: 'AlertmanagerConfig',
    metadata: { name: 'ephemera' },
    spec: {
      inhibitRules: [
        { sourceMatch: objects(each.source), targetMatch: objects(each.target), equal: each.equal }
        for each in rules
      ],
    },
  },
}
