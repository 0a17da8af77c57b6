// SPDX-License-Identifier: Apache-2.0
// What our dashboards may say, in Grafana's own types. Where these leave something open that a panel
// of one type does not (its options, its own settings of a field), the
// types of that panel fill it in, so that a field that nothing reads is an error.
import type * as grafana from '@grafana/schema';
import type { FieldConfig, Panel, RowPanel as Row, VariableModel }
	from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as gauge from '@grafana/schema/dist/types/raw/composable/gauge/panelcfg/x/types.gen';
import type * as heatmap from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as text from '@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// Not in @grafana/schema: a query is in @grafana/prometheus and a link in @grafana/data, which bring
// a whole user interface with them.
interface PrometheusQuery extends Omit<grafana.DataQuery, 'datasource' | 'queryType'> {
	datasource: grafana.DataSourceRef;
	editorMode?: 'code' | 'builder';
	exemplar?: boolean;
	expr: string;
	format?: 'time_series' | 'table' | 'heatmap';
	instant?: boolean;
	interval?: string;
	intervalFactor?: number;
	legendFormat?: string;
	range?: boolean;
}

interface DataLink {
	oneClick?: boolean;
	targetBlank?: boolean;
	title: string;
	url: string;
}

interface QueryOfVariable {
	qryType?: number;
	query: string;
	refId: string;
}

interface Variable extends Omit<VariableModel, 'query'> {
	query?: string | QueryOfVariable;
}

interface Common<Custom> extends Omit<FieldConfig, 'custom' | 'links'> {
	custom?: Custom;
	links?: DataLink[];
}

// schema.mjs looks at what overrides set: each as defaults in which nothing else is.
interface Override {
	matcher: { id: string; options: string | number };
	properties: Array<{ id: string; value: unknown }>;
}

interface Of<Type extends string, Options, Custom>
	extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'libraryPanel'> {
	type: Type;
	options: Options;
	fieldConfig: { defaults: Common<Partial<Custom>>; overrides: Override[] };
	targets: PrometheusQuery[];
}

type None = Record<never, never>;

export interface TimeseriesPanel extends Of<'timeseries', timeseries.Options, timeseries.FieldConfig> {}
export interface StatPanel extends Of<'stat', stat.Options, None> {}
export interface GaugePanel extends Of<'gauge', gauge.Options, None> {}
export interface BargaugePanel extends Of<'bargauge', bargauge.Options, None> {}
export interface HeatmapPanel extends Of<'heatmap', heatmap.Options, heatmap.FieldConfig> {}
// hidden: what Grafana 11 calls hideFrom.viz.
export interface TablePanel extends Of<'table', grafana.TableOptions, grafana.TableFieldOptions & { hidden?: boolean }> {}
export interface TextPanel extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'libraryPanel'> {
	type: 'text';
	options: text.Options;
}
// Their panels are checked one by one.
export interface RowPanel extends Omit<Row, 'panels'> {
	panels: unknown[];
}
// Of the Prometheus data source, in @grafana/prometheus.
interface PrometheusAnnotation extends grafana.AnnotationQuery {
	expr?: string;
	step?: string;
	tagKeys?: string;
	textFormat?: string;
	titleFormat?: string;
	useValueForTime?: boolean;
}
export interface Dashboard extends Omit<grafana.Dashboard, 'annotations' | 'panels' | 'templating' | 'snapshot'> {
	annotations: { list: PrometheusAnnotation[] };
	panels: unknown[];
	templating: { list: Variable[] };
}

// What transformations take, by their ids: in @grafana/data, which brings a user interface, too.
export interface OrganizeOptions {
	excludeByName: Record<string, boolean>;
	includeByName?: Record<string, boolean>;
	indexByName: Record<string, number>;
	renameByName: Record<string, string>;
}
interface FieldNames {
	names?: string[];
	pattern?: string;
	variable?: string;
}
export interface FilterFieldsByNameOptions {
	byVariable?: boolean;
	exclude?: FieldNames;
	include?: FieldNames;
}
export interface GroupingToMatrixOptions {
	columnField?: string;
	emptyValue?: 'true' | 'false' | 'null' | 'zero' | 'empty';
	rowField?: string;
	valueField?: string;
}
export interface SortByOptions {
	fields: Record<never, never>;
	sort: Array<{ desc?: boolean; field: string; index?: number }>;
}
export type MergeOptions = Record<never, never>;
