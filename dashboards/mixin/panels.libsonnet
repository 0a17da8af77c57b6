// SPDX-License-Identifier: Apache-2.0
// Constructors of panels, written out in full. Grafana fills in what a file leaves out, but then the same
// file looks different from one version to the next. Rows, variables and links: dashboard.libsonnet.
local datasource = { type: 'prometheus', uid: '${datasource}' };

(import 'dashboard.libsonnet') + {
  local p = self,

  // Ports and sockets are exact numbers: 3,860 says more than 3.86 K.
  number:: 'locale',
  ratio:: 'percentunit',
  perSecond:: 'cps',
  // Where panels need collector exhaustion. Nothing is wrong there, so nothing is red.
  uncounted:: 'not counted: collector exhaustion is off',
  // The same of collector snat.
  untranslated:: 'not counted: collector snat is off',
  unlost:: 'not counted: collector snat is off, or may not use BPF',
  // Of what each exporter reports, unless that collector is off or fails.
  unreported:: 'no exporter reports this',

  steps(list):: [{ color: s[0], value: s[1] } for s in list],
  // Nothing to do has no colour: what is red stands out.
  none:: p.steps([['transparent', null]]),
  plain:: p.steps([['green', null]]),
  alarmFrom(value):: p.steps([['transparent', null], ['red', value]]),
  warnFrom(value):: p.steps([['transparent', null], ['orange', value]]),

  // How full a destination is: as the colour of a number, of a bar, and as lines in a graph.
  pressure(config):: p.steps([['transparent', null], ['orange', config.halfUsedRatio], ['red', config.nearlyFullRatio]]),
  pressureBar(config):: p.steps([['green', null], ['orange', config.halfUsedRatio], ['red', config.nearlyFullRatio]]),
  pressureLines(config):: p.limitLines(config.halfUsedRatio),
  limitLines(ratio):: p.steps([['green', null], ['orange', ratio], ['red', 1]]),
  // In seconds. No data is below 0, and no alarm.
  soon:: p.steps([['transparent', null], ['red', 0], ['orange', 3600], ['yellow', 6 * 3600], ['transparent', 12 * 3600]]),

  // [[value, text, color], ...]
  valueMapping(list):: {
    type: 'value',
    options: {
      [list[i][0]]: { text: list[i][1], color: list[i][2], index: i }
      for i in std.range(0, std.length(list) - 1)
    },
  },
  // Without it an empty cell has the colour of the lowest threshold.
  emptyCell:: {
    type: 'special',
    options: { match: 'null+nan', result: { text: '–', color: 'transparent', index: 9 } },
  },

  target(expr, legend='__auto', refId='A'):: {
    refId: refId,
    datasource: datasource,
    editorMode: 'code',
    expr: expr,
    legendFormat: legend,
    format: 'time_series',
    instant: false,
    range: true,
    exemplar: false,
    hide: false,
    intervalFactor: 1,
  },
  instant(expr, legend='__auto', refId='A'):: p.target(expr, legend, refId) { instant: true, range: false },
  rows(expr, refId='A'):: p.instant(expr, '', refId) { format: 'table' },

  // [[expr, legend], ...], with refIds A, B, C ...
  targets(list):: [
    p.target(list[i][0], list[i][1], std.char(std.codepoint('A') + i))
    for i in std.range(0, std.length(list) - 1)
  ],

  byName(name, properties):: {
    matcher: { id: 'byName', options: name },
    properties: [{ id: k, value: properties[k] } for k in std.objectFields(properties)],
  },
  byRegexp(regexp, properties):: p.byName(regexp, properties) { matcher+: { id: 'byRegexp' } },
  colorOf(name, color):: p.byName(name, { color: { mode: 'fixed', fixedColor: color } }),
  // Of a line that stands for no owner, and links to none.
  nobody(name, color):: p.byName(name, { color: { mode: 'fixed', fixedColor: color }, links: [] }),

  local panel(type, title, description, targets, width, height) = {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    pluginVersion: '12.0.0',
    transparent: false,
    gridPos: { h: height, w: width, x: 0, y: 0 },
    links: [],
    transformations: [],
    targets: targets,
    fieldConfig: {
      defaults: {
        color: { mode: 'thresholds' },
        custom: {},
        links: [],
        mappings: [],
        thresholds: { mode: 'absolute', steps: p.plain },
      },
      overrides: [],
    },
  },

  local reduce = { calcs: ['lastNotNull'], fields: '', values: false },

  stat(
    title,
    description,
    expr,
    unit,
    steps,
    width=4,
    height=4,
    decimals=null,
    legend='',
    mappings=[],
    noValue=p.unreported,
    graph='none',
    textMode='value',
    links=[],
  )::
    // Instant: over a range the last value of what is gone by now would still be shown.
    panel('stat', title, description, [p.instant(expr, legend)], width, height) {
      fieldConfig+: { defaults+: {
        unit: unit,
        noValue: noValue,
        mappings: mappings,
        links: links,
        thresholds+: { steps: steps },
      } + (if decimals == null then {} else { decimals: decimals }) },
      options: {
        colorMode: 'background',
        graphMode: graph,
        justifyMode: 'auto',
        orientation: 'auto',
        percentChangeColorMode: 'standard',
        reduceOptions: reduce,
        showPercentChange: false,
        textMode: textMode,
        wideLayout: true,
      },
    },

  // Values side by side, each with its name, none of them good or bad.
  settings(title, description, list, unit, width=12, height=8, overrides=[])::
    p.stat(title, description, '', unit, p.steps([['text', null]]), width, height, textMode='value_and_name') {
      targets: [t { instant: true, range: false } for t in p.targets(list)],
      fieldConfig+: { overrides: overrides },
      options+: { colorMode: 'value', text: { titleSize: 14, valueSize: 30 } },
    },

  bars(
    title,
    description,
    targets,
    unit,
    steps,
    width=8,
    height=8,
    max=null,
    mappings=[],
    noValue=p.unreported,
    overrides=[],
    links=[],
  )::
    panel('bargauge', title, description, targets, width, height) {
      fieldConfig+: {
        defaults+: {
          unit: unit,
          noValue: noValue,
          min: 0,
          mappings: mappings,
          links: links,
          thresholds+: { steps: steps },
        } + (if max == null then {} else { max: max }),
        overrides: overrides,
      },
      options: {
        displayMode: 'basic',
        legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: false },
        maxVizHeight: 40,
        minVizHeight: 16,
        minVizWidth: 8,
        namePlacement: 'auto',
        orientation: 'horizontal',
        reduceOptions: reduce,
        showUnfilled: true,
        sizing: 'auto',
        valueMode: 'color',
      },
    },

  // lines: the thresholds drawn as dashed lines; stack: areas on top of each other.
  series(
    title,
    description,
    targets,
    unit,
    width=12,
    height=8,
    lines=null,
    stack=false,
    softMax=null,
    overrides=[],
    links=[],
    table=true,
    noValue=p.unreported,
  )::
    panel('timeseries', title, description, targets, width, height) {
      fieldConfig+: {
        defaults+: {
          unit: unit,
          min: 0,
          noValue: noValue,
          links: links,
          color: { mode: 'palette-classic' },
          thresholds+: { steps: if lines == null then p.plain else lines },
          custom: {
            axisBorderShow: false,
            axisCenteredZero: false,
            axisColorMode: 'text',
            axisLabel: '',
            axisPlacement: 'auto',
            barAlignment: 0,
            barWidthFactor: 0.6,
            drawStyle: 'line',
            fillOpacity: if stack then 70 else 0,
            gradientMode: 'none',
            hideFrom: { legend: false, tooltip: false, viz: false },
            insertNulls: false,
            lineInterpolation: 'linear',
            lineWidth: if stack then 0 else 2,
            pointSize: 5,
            scaleDistribution: { type: 'linear' },
            showPoints: 'never',
            spanNulls: false,
            stacking: { group: 'A', mode: if stack then 'normal' else 'none' },
            thresholdsStyle: { mode: if lines == null then 'off' else 'dashed' },
          } + (if softMax == null then {} else { axisSoftMax: softMax }),
        },
        overrides: overrides,
      },
      options: {
        legend: {
          calcs: if table then ['lastNotNull', 'max'] else [],
          displayMode: if table then 'table' else 'list',
          placement: 'bottom',
          showLegend: true,
        } + (if table then { sortBy: 'Last *', sortDesc: true } else {}),
        tooltip: { mode: 'multi', sort: 'desc', hideZeros: false },
      },
    },

  // expr: one query, or [[name, query], ...] whose rows are joined by the labels that they share: such a query's
  // field is "Value #name". columns: [[field, heading, properties], ...] in their order; all other fields are left out.
  table(
    title,
    description,
    expr,
    columns,
    width=12,
    height=8,
    sortBy=null,
    matrix=null,
    steps=p.none,
    noValue='none',
    links=[],
  )::
    local heads = [c[0] for c in columns];
    local joined = std.isArray(expr);
    panel('table', title, description, if joined then [p.rows(e[1], e[0]) for e in expr] else [p.rows(expr)], width, height) {
      fieldConfig+: {
        defaults+: {
          noValue: noValue,
          links: links,
          thresholds+: { steps: steps },
          // Grafana’s own least width, 150, pushes the last column out of a narrow table.
          custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: false, inspect: false, minWidth: 90 },
        },
        overrides: [
          p.byName(c[0], { displayName: c[1], noValue: '–' } + c[2])
          for c in columns
        ],
      },
      transformations:
        (if joined then [{ id: 'merge', options: {} }] else [])
        + (if matrix == null then [] else [{
             id: 'groupingToMatrix',
             options: { columnField: matrix[0], rowField: matrix[1], valueField: 'Value', emptyValue: 'null' },
           }]) + [
          // A field that no row has (say, source) must not leave the others in another order.
          { id: 'filterFieldsByName', options: { include: { names: heads } } },
          { id: 'organize', options: {
            excludeByName: {},
            includeByName: {},
            indexByName: { [heads[i]]: i for i in std.range(0, std.length(heads) - 1) },
            renameByName: {},
          } },
        ],
      options: {
        cellHeight: 'sm',
        enablePagination: false,
        frameIndex: 0,
        showHeader: true,
        sortBy: if sortBy == null then [] else [{ displayName: sortBy, desc: true }],
      },
    },

  // A histogram over time; the values of its buckets are seconds.
  heatmap(title, description, bucket, unit, width=12, height=8)::
    panel('heatmap', title, description, [
      p.target('sum by (le) (increase(%s[$__rate_interval]))' % bucket, '{{le}}') { format: 'heatmap' },
    ], width, height) {
      fieldConfig+: { defaults: {
        noValue: p.uncounted,
        custom: {
          hideFrom: { legend: false, tooltip: false, viz: false },
          scaleDistribution: { type: 'linear' },
        },
      } },
      options: {
        calculate: false,
        cellGap: 1,
        cellValues: { unit: p.number, decimals: 0 },
        color: {
          exponent: 0.5,
          fill: 'dark-orange',
          mode: 'scheme',
          reverse: false,
          scale: 'exponential',
          scheme: 'Oranges',
          steps: 64,
        },
        exemplars: { color: 'purple' },
        // A bucket that nothing fell into has no colour.
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        selectionMode: 'x',
        showValue: 'never',
        tooltip: { mode: 'single', showColorScale: false, yHistogram: true },
        yAxis: { axisPlacement: 'left', reverse: false, unit: unit },
      },
    },

  // Of what is counted in whole numbers, which increase() does not keep to.
  whole:: { fieldConfig+: { defaults+: { decimals: 0 } } },

  // Of times that are a millisecond or a day, each power of ten as high as another.
  logarithmic:: { fieldConfig+: { defaults+: {
    min:: null,
    custom+: { scaleDistribution: { type: 'log', log: 10 } },
  } } },

  // Properties of a column.
  bar(max=1):: {
    unit: p.ratio,
    decimals: 1,
    min: 0,
    max: max,
    'custom.cellOptions': { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
  },
  tinted(unit, steps):: {
    unit: unit,
    mappings: [p.emptyCell],
    thresholds: { mode: 'absolute', steps: steps },
    'custom.cellOptions': { type: 'color-background', mode: 'basic' },
  },
  wide(pixels):: { 'custom.width': pixels },
  // There for links and tooltips. Grafana 11 has the first name for it.
  unseen:: { 'custom.hidden': true, 'custom.hideFrom': { legend: false, tooltip: false, viz: true } },
  // Of what hosts.inside() has named: a pod's column, which leads to its view. Nothing has it where each host has one network
  // namespace, and Grafana leaves out a column that nothing has.
  inside(config, width):: if config.namespaceLabels == [] then [] else [
    ['inside', 'Pod', { links: [p.namespaceFromCell(config)] } + p.wide(width)],
    [config.namespaceLabels[0], 'Network namespace', p.unseen],
  ],
  // An owner's short name, which links to its view, and the whole path for whoever points at it.
  owner(config, width):: [
    ['owner', 'Owner', { links: [p.ownerFromCell(config)], 'custom.tooltip': { field: 'cgroup' } } + (if width == null then {} else p.wide(width))],
    ['cgroup', 'Cgroup', p.unseen],
  ],
  // Neither good nor bad.
  told:: p.steps([['transparent', null], ['blue', 1]]),
}
