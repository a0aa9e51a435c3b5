"""What a stage says of itself while it runs."""

import pytest

from doctorglm.language import Text
from doctorglm.report.progress import progress_line


@pytest.mark.parametrize("terminal", [False, True])
def test_a_note_is_shown_as_it_is(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets stand for what was masked in the name of a file; nothing in it is markup."""
    if terminal:
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("TERM", "xterm")
    with progress_line(Text(en="curate", zh="整理"), 1.0) as line:
        line.update(1.0, "[name] 记录.json [/bold] 12")
    assert "[name] 记录.json [/bold] 12" in capsys.readouterr().err
