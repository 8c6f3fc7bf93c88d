"""From the measurements of all rounds to medians, ratios and verdicts, and the table that shows them."""

from statistics import median

from lib.results import table, verdict

FIGURES = ("cpu_us", "rate", "p50_us", "p99_us")


def summarise(scenario, rounds):
    """`rounds` is a list of {proxy name: Measurement}. The ratio is the median of each round's own:
    both proxies of a round ran within seconds of each other, so that drift cancels out."""
    names = list(dict.fromkeys(name for each in rounds for name in each))
    result = {"scenario": scenario.name, "bar": scenario.bar, "judged": scenario.judged,
              "reference": scenario.reference,
              "proxies": {name: medians([each[name] for each in rounds if name in each])
                          for name in names},
              "rounds": [{name: m.as_dict() for name, m in each.items()} for each in rounds]}
    result["valid"] = not any(m.errors for each in rounds for m in each.values())
    result["ratio"] = _ratio(scenario.judged, rounds, scenario.reference)
    result["pass"] = None if result["ratio"] is None else result["valid"] and result["ratio"] <= scenario.bar
    return result


def render(results):
    """The table: one line a proxy and scenario, then Shunt against the reference."""
    rows = [["scenario", "proxy", "CPU us/req", "req/s", "p50 ms", "p99 ms", "errors", "ratio", "bar", ""]]
    for result in results:
        for name, figures in result["proxies"].items():
            rows.append(_row(result, name, figures))
    return table(rows)


def _row(result, name, figures):
    row = [result["scenario"], name, f"{figures['cpu_us']:.1f}", f"{figures['rate']:.0f}",
           f"{figures['p50_us'] / 1000:.2f}", f"{figures['p99_us'] / 1000:.2f}", errors_text(figures["errors"])]
    if name != "shunt" or result["ratio"] is None:
        return row + ["", "", "" if not figures["errors"] else "INVALID"]
    said = verdict(result["pass"]) if result["valid"] else "INVALID"
    what = "p99" if result["judged"] == "p99_us" else "CPU"
    against = "" if result["reference"] == "haproxy" else f" (to {result['reference']})"
    return row + [f"{result['ratio']:.2f}", f"{result['bar']:.2f}", f"{what} {said}{against}"]


def errors_text(errors):
    return " ".join(f"{kind}:{n}" for kind, n in errors.items()) or "0"


def medians(measurements):
    result = {figure: median(getattr(m, figure) for m in measurements) for figure in FIGURES}
    result["errors"] = {}
    for measurement in measurements:
        for kind, n in measurement.errors.items():
            result["errors"][kind] = result["errors"].get(kind, 0) + n
    return result


def _ratio(figure, rounds, reference):
    ratios = [getattr(each["shunt"], figure) / getattr(each[reference], figure)
              for each in rounds
              if "shunt" in each and reference in each and getattr(each[reference], figure) > 0]
    return median(ratios) if ratios else None
