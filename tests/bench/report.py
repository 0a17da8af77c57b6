# SPDX-License-Identifier: Apache-2.0
"""What the figures say: summaries, tables, and the project's targets."""

import statistics

MB = 1000 * 1000
TARGET_CONNECTIONS = 450000
FIGURES = ("cpu_seconds", "wall_seconds", "peak_bytes", "rss_bytes")


def summarize(scrapes, warm_up):
    """Minimum, median and mean of each figure. Memory also counts what the scrape that
    warmed up took; time does not."""
    summary = {}
    for figure in FIGURES:
        values = [scrape[figure] for scrape in scrapes if scrape.get(figure) is not None]
        if not values:
            continue
        summary[figure] = {
            "min": min(values),
            "median": statistics.median(values),
            "mean": statistics.fmean(values),
            "max": max(values + ([warm_up[figure]] if figure.endswith("bytes") else [])),
        }
    for figure in ("sockets", "series"):
        if scrapes[-1].get(figure) is not None:
            summary[figure] = scrapes[-1][figure]
    return summary


def value(phase, tool, figure, kind):
    if phase is None or tool not in phase["tools"]:
        return None
    return phase["tools"][tool]["summary"].get(figure, {}).get(kind)


def ratio(phase, tool, other):
    """Of mean CPU seconds a scrape."""
    above, below = (value(phase, name, "cpu_seconds", "mean") for name in (tool, other))
    return above / below if above is not None and below else None


def ratios(phase):
    found = {other: ratio(phase, "ephemera", other) for other in phase["tools"]}
    return {other: found[other] for other in found if other != "ephemera" and found[other]}


def idle_ratio(results):
    seconds = results["idle"].get("cpu_seconds", {})
    if not {"ephemera", "ephemera-sock-diag"} <= set(seconds):
        return None
    return seconds["ephemera"] / seconds["ephemera-sock-diag"]


def growth(small, large):
    values = [value(phase, "ephemera", "peak_bytes", "max") for phase in (small, large)]
    return values[1] - values[0] if small is not large and None not in values else None


def targets(results):
    """The project's targets: name, measured value, limit, unit, whether met; None where
    this run did not measure it."""
    phases = [phase for phase in results["phases"] if phase["mode"] == "destination"]
    spread = next((phase for phase in results["phases"] if phase["mode"] == "spread"), None)
    full = next((p for p in phases if p["connections"] == TARGET_CONNECTIONS), None)
    wide = spread if spread and spread["connections"] == TARGET_CONNECTIONS else None
    rows = [
        ("CPU a scrape, ephemera / floor", ratio(full, "ephemera", "floor"), 0.22, "x"),
        ("CPU a scrape, ephemera / node_exporter", ratio(full, "ephemera", "node_exporter"), 0.1,
         "x"),
        ("CPU a scrape, ephemera-sock-diag / floor", ratio(full, "ephemera-sock-diag", "floor"),
         1.1, "x"),
        ("CPU a scrape with no sockets, ephemera / ephemera-sock-diag", idle_ratio(results), 2,
         "x"),
        ("peak resident memory", value(full, "ephemera", "peak_bytes", "max"), 16 * MB, "bytes"),
        ("its growth since the smallest size",
         growth(phases[0], full) if phases and full else None, 2 * MB, "bytes"),
        # By BPF: some 0.6 MB of it are the mapped buffer and what libbpf needs.
        ("resident when idle, no sockets", results["idle"].get("rss_after_scrape_bytes"), 7 * MB,
         "bytes"),
    ]
    if spread:
        rows += [
            ("distinct: CPU a scrape, ephemera / floor", ratio(wide, "ephemera", "floor"), 0.4,
             "x"),
            ("distinct: CPU a scrape, ephemera-sock-diag / floor",
             ratio(wide, "ephemera-sock-diag", "floor"), 1.3, "x"),
            ("distinct: peak resident memory", value(wide, "ephemera", "peak_bytes", "max"),
             48 * MB, "bytes"),
            ("distinct: resident after a scrape", value(wide, "ephemera", "rss_bytes", "max"),
             24 * MB, "bytes"),
            ("distinct: series, no more than with few destinations", series(wide), series(full),
             "series"),
        ]
    return [{"name": name, "value": measured, "limit": limit, "unit": unit,
             "met": None if measured is None or limit is None else measured <= limit}
            for name, measured, limit, unit in rows]


def series(phase):
    if phase is None or "ephemera" not in phase["tools"]:
        return None
    return phase["tools"]["ephemera"]["summary"].get("series")


def megabytes(count):
    return "-" if count is None else f"{count / MB:.1f}"


def amount(count, unit):
    if count is None:
        return "-"
    if unit == "bytes":
        return f"{count / MB:.2f} MB"
    return f"{count:.3f} x" if unit == "x" else f"{count:.0f}"


def show_machine(results):
    of = results["machine"]
    print(f"machine: Linux {of['kernel']} {of['architecture']}, {of['cpu_model']}, "
          f"{of['cores']} cores, {of['memory_bytes'] / MB / 1000:.1f} GB of memory")
    for name, said in results["versions"].items():
        print(f"{name}: {said}")
    print(f"dump of the still empty namespace: {results['empty_dump_cpu_seconds']:.4f} CPU seconds")


def show_phase(phase):
    places = "one destination each" if phase["mode"] == "spread" else \
        f"{phase['destinations']} destinations"
    print(f"\n{phase['connections']:,} connections, {places}; {phase['scrapes']} scrapes each\n")
    print(f"{'':19}{'CPU seconds a scrape':>27}{'wall seconds':>18}{'memory, MB':>16}")
    print(f"{'':19}{'min':>9}{'median':>9}{'mean':>9}{'median':>9}{'mean':>9}"
          f"{'peak':>8}{'after':>8}{'sockets':>10}{'series':>8}")
    for name, tool in phase["tools"].items():
        summary = tool["summary"]
        cpu, wall = summary["cpu_seconds"], summary["wall_seconds"]
        after = summary.get("rss_bytes", {}).get("max")
        print(f"{name:19}{cpu['min']:9.4f}{cpu['median']:9.4f}{cpu['mean']:9.4f}"
              f"{wall['median']:9.4f}{wall['mean']:9.4f}"
              f"{megabytes(summary['peak_bytes']['max']):>8}{megabytes(after):>8}"
              f"{summary.get('sockets', '-'):>10}{summary.get('series', '-'):>8}")
    for other, factor in phase["ratios"].items():
        print(f"  mean CPU, ephemera / {other:16}{factor:8.3f}")


def show_targets(results):
    print(f"\ntargets, at {TARGET_CONNECTIONS:,} connections ({2 * TARGET_CONNECTIONS:,} sockets)")
    for row in results["targets"]:
        verdict = {True: "met", False: "MISSED", None: "not measured"}[row["met"]]
        print(f"  {verdict:13} {row['name']:60}{amount(row['value'], row['unit']):>12}"
              f"  <= {amount(row['limit'], row['unit'])}")


def show_problems(results):
    for problem in results["problems"]:
        print(f"not measured: {problem}")
