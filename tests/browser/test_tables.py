"""The paper's table beside ours on a phone: its verdicts stay in sight."""

import pandas as pd

from companion.display import figures

ROW = {
    "arm": "WD 0.0001", "family": "wd", "paper_accuracy": 50.08, "paper_sd": 0.5,
    "paper_epoch": 76.0, "accuracy": 50.3, "sd": 0.4, "low": 49.9, "high": 50.7, "epoch": 71.0,
    "runs": 100, "verdict": "not reproduced",
}  # fmt: skip


def test_a_phone_keeps_the_verdict_while_the_numbers_scroll(visit, tmp_path):
    shown = tmp_path / "table.html"
    table = figures.results_table(pd.DataFrame([ROW]), caption="Made up.")
    shown.write_text(f"<!doctype html><meta charset=utf-8>{table._repr_html_()}", "utf-8")
    page = visit(shown.as_uri(), width=375)
    box = page.locator(".wis-table")
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    for scrolled in (0, 1000):
        box.evaluate("(e, left) => { e.scrollLeft = left; }", scrolled)
        verdict = page.locator(".wis-table td", has_text="not reproduced").bounding_box()
        assert verdict["x"] >= 0
        assert verdict["x"] + verdict["width"] <= 375
    paper = visit(shown.as_uri(), width=1280).locator(".wis-table td").last
    assert paper.evaluate("e => getComputedStyle(e).position") == "static"
