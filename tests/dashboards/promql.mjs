// SPDX-License-Identifier: Apache-2.0
// Reads PromQL with the grammar of Prometheus' own user interface. A JSON list of expressions on
// standard input; for each, on standard output, what it selects and by which labels it groups:
//     {"errors": [...], "selectors": [{"name": ..., "matchers": [[label, operator, value]]}], "labels": [...],
//      "preferred": [what stands on the left of each "or"]}
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';

function read(text) {
	const found = { errors: [], selectors: [], labels: [], preferred: [] };
	const said = (node) => text.slice(node.from, node.to);
	const unquoted = (node) => JSON.parse(`"${said(node).slice(1, -1).replaceAll(/\\?"/g, '\\"').replaceAll("\\'", "'")}"`);

	parser.parse(text).iterate({ enter({ type, node }) {
		if (type.isError)
			found.errors.push(`not PromQL at ${node.from}: ${text.slice(Math.max(0, node.from - 20), node.to + 20)}`);
		else if (type.name === 'VectorSelector')
			found.selectors.push({ name: node.getChild('Identifier') ? said(node.getChild('Identifier')) : null, matchers: [] });
		else if (type.name === 'UnquotedLabelMatcher')
			found.selectors.at(-1).matchers.push([
				said(node.getChild('LabelName')), said(node.getChild('MatchOp')), unquoted(node.getChild('StringLiteral'))]);
		else if (type.name === 'QuotedLabelMatcher' || type.name === 'QuotedLabelName')
			found.errors.push(`a quoted name: ${said(node)}`);
		else if (type.name === 'BinaryExpr' && node.getChild('Or'))
			found.preferred.push(said(node.firstChild));
		else if (type.name === 'GroupingLabels')
			found.labels.push(...node.getChildren('LabelName').map(said));
	} });
	return found;
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)));
