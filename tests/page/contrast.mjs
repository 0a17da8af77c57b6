// SPDX-License-Identifier: Apache-2.0
// The contrast of each text that is seen, as WCAG 2 reckons it, with what is behind it.

/* Runs in the page. Returns [{text, ratio}], the lowest first. */
export const contrasts = (page) => page.evaluate(() => {
	const parse = (colour) => {
		const parts = colour.match(/[\d.]+/g).map(Number);
		return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
	};
	const over = (top, below) => top.rgb.map((part, i) => part * top.alpha + below[i] * (1 - top.alpha));
	const luminance = (rgb) => {
		const [r, g, b] = rgb.map((part) => part / 255)
			.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (element) => {
		const chain = [];
		for (let at = element; at; at = at.parentElement) {
			chain.unshift(parse(getComputedStyle(at).backgroundColor));
		}
		return chain.reduce((below, top) => over(top, below), [255, 255, 255]);
	};
	const found = [];
	const measure = (element, colour, text) => {
		const back = behind(element);
		const [light, dark] = [luminance(over(parse(colour), back)), luminance(back)].sort((a, b) => b - a);
		found.push({ text, ratio: (light + 0.05) / (dark + 0.05) });
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const element = walker.currentNode.parentElement;
		const text = walker.currentNode.textContent.trim();
		if (text && element.checkVisibility() && !element.closest(".unseen, noscript")) {
			measure(element, getComputedStyle(element).color, text.slice(0, 40));
		}
	}
	for (const input of document.querySelectorAll("input")) {
		if (input.checkVisibility()) {
			measure(input, getComputedStyle(input).color, "what is typed");
			measure(input, getComputedStyle(input, "::placeholder").color, "placeholder");
		}
	}
	return found.sort((one, other) => one.ratio - other.ratio);
});
