# SPDX-License-Identifier: MIT
"""Medians, spreads and ratios of the samples, and the Markdown tables made of them.

A hypervisor may move the two virtual cores closer together or apart within a run; everything
then costs up to 1.5 times as much. So each sample carries the phase it was taken in ("near" or
"far", by the one-way time between the cores before and after it), a figure is the median of
one phase, and a ratio never mixes two."""

from statistics import median

from servers import against

FAR_NS = 100            # a hop longer than this is "far": not one shared cache any more
BUSY_LIMIT = 0.9        # throughput counts only where the load generator was less busy
RATE_KEPT = 0.98        # less than this of the rate that was asked for: marked


def mark_phases(samples):
    for s in samples:
        far = {h > FAR_NS for h in s["hops_ns"]}
        s["phase"] = "moved" if len(far) > 1 else "far" if True in far else "near"


class Results:
    """The good samples of a run by server, point and phase."""

    def __init__(self, samples):
        mark_phases(samples)
        self.groups = {}
        good = [s for s in samples if s["phase"] != "moved" and not s["stalled"]]
        self.left_out = len(samples) - len(good)
        for s in good:
            key = (s["server"], s["point"], s["phase"])
            self.groups.setdefault(key, []).append(s)

    def values(self, server, point, phase, field):
        return [s[field] for s in self.groups.get((server, point, phase), ())]

    def count(self, server, point, phase):
        return len(self.groups.get((server, point, phase), ()))

    def median(self, server, point, phase, field):
        values = self.values(server, point, phase, field)
        return median(values) if values else None

    def phases(self, wanted):
        """The phases that were met, the one with most of the wanted samples first."""
        totals = {}
        for (_, _, phase), samples in self.groups.items():
            totals[phase] = totals.get(phase, 0) + min(len(samples), wanted)
        return sorted(totals, key=totals.get, reverse=True)

    def ratio(self, server, point, phase, field="server_cpu_us"):
        mine = self.median(server.name, point.name, phase, field)
        theirs = self.median(against(server, point), point.name, phase, field)
        return mine / theirs if mine and theirs else None


def cpu_cell(results, server, point, phase):
    values = results.values(server.name, point.name, phase, "server_cpu_us")
    if not values:
        return "-"
    ratio = results.ratio(server, point, phase)
    digits = 2 if median(values) >= 1 else 3
    text = f"{median(values):.{digits}f}" + (f" ({ratio:.2f})" if ratio else "")
    return f"{text} {min(values):.{digits}f}..{max(values):.{digits}f} n{len(values)}"


def rate_cell(results, server, point, phase):
    rate = results.median(server.name, point.name, phase, "per_second")
    if rate is None:
        return "-"
    busy = results.median(server.name, point.name, phase, "busy")
    tail = [results.median(server.name, point.name, phase, f) / 1000 for f in ("p50_ns", "p99_ns")]
    return f"{rate / 1000:.1f}k{'' if busy < BUSY_LIMIT else '*'} {tail[0]:.0f}/{tail[1]:.0f}"


def sends_cell(results, server, point, phase):
    """Messages in a send of the server's, and in one of the load's. As many answers as requests in
    a send: one send a connection and turn."""
    groups = results.groups.get((server.name, point.name, phase), ())
    if not groups:
        return "-"
    return " / ".join(f"{median(s['messages'] / max(s[f], 1) for s in groups):.2f}"
                      for f in ("segments", "sends"))


def latency_cell(results, server, point, phase):
    rate = results.median(server.name, point.name, phase, "per_second")
    if rate is None:
        return "-"
    asked = results.median(server.name, point.name, phase, "rate")
    tail = [results.median(server.name, point.name, phase, f) / 1000
            for f in ("p50_ns", "p99_ns", "p999_ns")]
    kept = "" if rate > RATE_KEPT * asked else "!"
    return f"{rate / 1000:.1f}k{kept} " + "/".join(f"{t:.0f}" for t in tail)


def table(title, cell, results, servers, points, phase):
    lines = [f"### {title}", "", "| server | " + " | ".join(p.name for p in points) + " |",
             "| --- |" + " ---: |" * len(points)]
    for s in servers:
        cells = [cell(results, s, p, phase) for p in points]
        if any(c != "-" for c in cells):
            lines.append(f"| {s.name} | " + " | ".join(cells) + " |")
    return lines + [""]


def quotients(results, servers, phase):
    """Throughput at 5000 connections over that at 50, where both were measured."""
    lines = []
    for s in servers:
        many = results.median(s.name, "64x5000", phase, "per_second")
        few = results.median(s.name, "64x50", phase, "per_second")
        if many and few:
            lines.append(f"{s.name} {many / few:.2f}")
    return ["Throughput at 64x5000 over 64x50: " + ", ".join(lines) + ".", ""] if lines else []


def tables(results, name, servers, points, phases):
    """One protocol's: one message in flight, several, and the fixed rates."""
    lines = []
    kinds = ((name, [p for p in points if p.depth == 1]),
             (f"{name}, several in flight", [p for p in points if p.depth > 1 and not p.share]),
             (f"{name} at a share of the reference's maximum", [p for p in points if p.share]))
    for title, at in kinds:
        for phase in phases if at else ():
            lines += table(f"{title}, cores {phase}: server CPU us per message (ratio) min..max, "
                           "samples", cpu_cell, results, servers, at, phase)
        if at and at[0].share:
            lines += table(f"{title}, cores {phases[0]}: messages per second (! not the rate asked "
                           "for), p50/p99/p99.9 us", latency_cell, results, servers, at, phases[0])
        elif at:
            lines += table(f"{title}, cores {phases[0]}: messages per second, p50/p99 us; * the load "
                           "was the limit", rate_cell, results, servers, at, phases[0])
        if at and at[0].depth > 1 and not at[0].share:
            lines += table(f"{title}, cores {phases[0]}: messages in a send of the server / of the "
                           "load", sends_cell, results, servers, at, phases[0])
    return lines + quotients(results, servers, phases[0])


def markdown(run, servers, points):
    """The report of a run, as Markdown text."""
    results = Results(run["samples"])
    lines = [f"Measured with `{run['command']}`, {run['rounds']} rounds.", ""]
    lines += ["Machine: " + ", ".join(f"{k} {v}" for k, v in run["machine"].items()) + ".", ""]
    phases = results.phases(run["reps"])
    for protocol, name in (("tcp", "TCP echo"), ("ws", "WebSocket echo")):
        mine = [s for s in servers if s.protocol == protocol]
        at = [p for p in points if p.protocol == protocol]
        if not mine or not at:
            continue
        lines += tables(results, name, mine, at, phases)
    lines += [f"Left out: {results.left_out} samples (cores moved, or the machine stood still).", ""]
    if run["idle"]:
        lines += ["### Memory", "",
                  "| server | bytes of one more idle connection | pools included |",
                  "| --- | ---: | ---: |"]
        lines += [f"| {name} | {value['more']:.0f} | {value['all']:.0f} |"
                  for name, value in run["idle"].items()] + [""]
    return "\n".join(lines)
