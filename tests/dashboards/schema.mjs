// SPDX-License-Identifier: Apache-2.0
// Reads dashboards and says, as JSON, what Grafana's types have against each:
//     node schema.mjs DASHBOARD.json... -> {"DASHBOARD.json": ["panels/3 (Title) /options ...", ...]}
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator, RootlessError } from 'ts-json-schema-generator';

const here = dirname(fileURLToPath(import.meta.url));

// ajv's strict mode would refuse a schema with "type" as a list, which types like "string | number" become.
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, discriminator: false });
const generator = createGenerator({
	path: join(here, 'types.ts'), tsconfig: join(here, 'tsconfig.json'),
	// Each written out in full: Grafana has different types of one name.
	additionalProperties: false, jsDoc: 'none', expose: 'none',
});

const roots = {};

// What checks a type of types.ts, or a part of it; undefined if there is no such type.
function checker(type, part) {
	if (!(type in roots)) {
		try {
			const schema = generator.createSchema(type);
			ajv.addSchema(schema, type);
			roots[type] = schema.$ref;
		} catch (error) {
			if (error instanceof RootlessError)
				return undefined;
			throw error;
		}
	}
	return ajv.getSchema(`${type}${roots[type]}${part}`);
}

function words(errors) {
	return (errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${
		Object.values(params).flat().join(', ')}`.trim());
}

// {id: 'custom.width', value: 80} -> {custom: {width: 80}}
function asDefaults({ id, value }) {
	return id.split('.').reduceRight((inner, name) => ({ [name]: inner }), value);
}

function named(id, what) {
	return `${id?.[0]?.toUpperCase()}${id?.slice(1)}${what}`;
}

function check(type, part, value, where) {
	const validate = checker(type, part);
	if (!validate)
		return [`${where}: types.ts has no ${type}`];
	return validate(value) ? [] : words(validate.errors).map((said) => `${where}: ${said}`);
}

function checkPanels(panels, where) {
	return panels.flatMap((panel, i) => {
		const name = `${where}/${i} (${panel.title})`;
		const type = named(panel.type, 'Panel');
		const set = (panel.fieldConfig?.overrides ?? []).flatMap((override) => override.properties ?? []);
		return [...check(type, '', panel, name),
			...set.flatMap((property) => check(type, '/properties/fieldConfig/properties/defaults',
				asDefaults(property), `${name} override ${property.id}`)),
			...(panel.transformations ?? []).flatMap(({ id, options }) =>
				check(named(id, 'Options'), '', options, `${name} transformation ${id}`)),
			...checkPanels(panel.panels ?? [], `${name}/panels`)];
	});
}

const found = {};
for (const path of process.argv.slice(2)) {
	const dashboard = JSON.parse(readFileSync(path, 'utf8'));
	found[path] = [...check('Dashboard', '', dashboard, 'dashboard'), ...checkPanels(dashboard.panels ?? [], 'panels')];
}
console.log(JSON.stringify(found, null, 1));
