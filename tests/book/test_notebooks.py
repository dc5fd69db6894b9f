"""Every page of a chapter runs alone in a fresh kernel, top to bottom, and opens with a result."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_runs_alone_opens_with_a_result_and_writes_nothing_to_stderr(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert "text/html" in outputs[0]["data"]  # a figure, or a sentence with its verdict
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert not list(tmp_path.iterdir())
