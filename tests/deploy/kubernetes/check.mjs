// SPDX-License-Identifier: Apache-2.0
// Reads objects of Kubernetes as a JSON array on standard input; prints, for each, what is wrong with it:
// first the JSON schema of its kind, then TypeScript's types, which also know misspelt fields.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import ts from 'typescript';

const HERE = dirname(fileURLToPath(import.meta.url));
// What kinds of the core and of others are called in the packages.
const PACKAGES = {
	'monitoring.coreos.com': '@kubernetes-models/prometheus-operator/monitoring.coreos.com',
};

function moduleOf(object) {
	const [group, version] = object.apiVersion.includes('/')
		? object.apiVersion.split('/') : ['', object.apiVersion];
	const folder = PACKAGES[group] ?? (group ? `kubernetes-models/${group}` : 'kubernetes-models');
	return `${folder}/${version}/${object.kind}`;
}

async function schemaErrors(object) {
	try {
		const { [object.kind]: Model } = await import(moduleOf(object));
		new Model(object).validate();
		return [];
	} catch (error) {
		return [`schema: ${error.message}`];
	}
}

// A literal, since only in literals does TypeScript look for fields that there are not.
function typeErrors(objects) {
	const folder = mkdtempSync(join(HERE, '.types-'));
	try {
		const files = objects.map((object, index) => {
			const file = join(folder, `object${index}.ts`);
			writeFileSync(file, `import type { I${object.kind} } from '${moduleOf(object)}';\n` +
				`export const object: I${object.kind} = ${JSON.stringify(object, null, '\t')};\n`);
			return file;
		});
		const program = ts.createProgram(files, {
			strict: true, noEmit: true, skipLibCheck: true, exactOptionalPropertyTypes: true,
			types: [], lib: ['lib.es2022.d.ts'], target: ts.ScriptTarget.ES2022,
			module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
		});
		const general = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
		return files.map(file => {
			const source = program.getSourceFile(file);
			return [...general, ...program.getSyntacticDiagnostics(source),
				...program.getSemanticDiagnostics(source)].map(each => {
				const line = each.start === undefined ? '' :
					source.text.slice(0, each.start).split('\n').length;
				const message = ts.flattenDiagnosticMessageText(each.messageText, '\n');
				return `types: line ${line}: ${message}`;
			});
		});
	} finally {
		rmSync(folder, { recursive: true });
	}
}

const objects = JSON.parse(await text(process.stdin));
const types = typeErrors(objects);
const errors = [];
for (const [index, object] of objects.entries())
	errors.push([...await schemaErrors(object), ...types[index]]);
console.log(JSON.stringify(errors));
