"""The survey's judgements on machines that this one is not, and one survey of this one."""

from pathlib import Path

import pytest

from doctorglm import machine
from doctorglm.machine import (
    Gpu,
    Memory,
    chinese_font,
    judge_disk,
    judge_memory,
    judge_models,
    judge_packages,
    main_memory,
    survey,
)

MEMINFO = "MemTotal:       16000000 kB\nMemFree:         100 kB\nMemAvailable:   12000000 kB\n"


def test_this_machine_is_surveyed(tmp_path: Path) -> None:
    findings = survey(tmp_path)
    names = [finding.name.en for finding in findings]
    assert names[:4] == ["Python", "PyTorch", "CPU cores", "memory"]
    assert {"packages", "for curate", "for evaluate", "ChatGLM-6B, fp16"} <= set(names)
    assert "for dev" not in names
    assert all(finding.value.en and finding.value.zh for finding in findings)
    assert all(finding.remedy for finding in findings if finding.state == "missing")


def test_memory_of_a_machine_and_of_a_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(MEMINFO)
    assert main_memory(meminfo, tmp_path) == Memory(16_000_000 * 1024, 12_000_000 * 1024)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000000000\n")
    assert main_memory(meminfo, tmp_path).total == 16_000_000 * 1024
    (tmp_path / "memory.max").write_text("4000000000\n")
    assert main_memory(meminfo, tmp_path) == Memory(4e9, 3e9)
    (tmp_path / "memory.max").write_text("900000000000\n")
    assert main_memory(meminfo, tmp_path) == Memory(16_000_000 * 1024, 12_000_000 * 1024)


def test_memory_where_there_is_no_proc(tmp_path: Path) -> None:
    found = main_memory(tmp_path / "absent", tmp_path)
    assert found.total == found.available > 1e8


def test_too_little_memory_or_disk_has_a_remedy() -> None:
    assert judge_memory(Memory(2e9, 1.1e9)).state == "ok"
    low = judge_memory(Memory(2e9, 0.9e9))
    assert (low.state, low.value.en) == ("missing", "2.0 GB, 0.9 GB free")
    assert low.remedy is not None
    assert judge_disk(2e9).state == "ok"
    assert judge_disk(0.5e9).remedy is not None


@pytest.mark.parametrize(
    ("available", "gpu", "half", "full"),
    [
        (8e9, None, "does not fit: needs 13 GB, 8.0 GB free", "does not fit: needs 25 GB, 8.0 GB free"),
        (14e9, None, "fits the CPU (13 GB)", "does not fit: needs 25 GB, 14.0 GB free"),
        (30e9, None, "fits the CPU (13 GB)", "fits the CPU (25 GB)"),
        (8e9, 16e9, "fits the GPU (13 GB)", "does not fit: needs 25 GB, 16.0 GB free"),
        (30e9, 16e9, "fits the GPU (13 GB)", "fits the CPU (25 GB)"),
    ],
)
def test_what_can_be_run(available: float, gpu: float | None, half: str, full: str) -> None:
    gpus = [Gpu("small", 4e9, 4e9), Gpu("card", gpu, gpu)] if gpu else []
    _, fp16, fp32 = judge_models(Memory(64e9, available), gpus, embedded=True)
    assert (fp16.value.en, fp32.value.en) == (half, full)
    assert fp16.state == ("ok" if half.startswith("fits") else "note")


def test_the_embedded_model_may_be_missing() -> None:
    memory = Memory(8e9, 8e9)
    assert judge_models(memory, [], embedded=True)[0].state == "ok"
    assert judge_models(memory, [], embedded=False)[0].remedy is not None


def test_missing_and_old_packages_are_named_with_the_command() -> None:
    found = judge_packages(
        [
            "numpy>=1.0",
            "numpy>=999; extra == 'curate'",
            "no-such-package>=2; extra == 'report'",
            "pytest>=1; extra == 'report'",
            "no-such-package; extra == 'all'",
            "no-such-package; extra == 'dev'",
            "no-such-package; python_version < '3' and extra == 'serve'",
        ]
    )
    by_name = {finding.name.en: finding for finding in found}
    assert set(by_name) == {"packages", "for curate", "for report"}
    assert by_name["packages"].state == "ok"
    assert by_name["packages"].value.en.startswith("numpy ")
    old = by_name["for curate"]
    assert old.value.en.startswith("missing: numpy ")
    assert old.value.en.endswith("(needs >=999)")
    assert old.remedy is not None
    assert old.remedy.en == 'pip install "doctorglm[curate]"'
    assert by_name["for report"].value.en == "missing: no-such-package>=2"


def test_a_chinese_font_is_found_by_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype" / "DejaVuSans.ttf").touch()
    assert chinese_font([tmp_path, tmp_path / "absent"]) is None
    (tmp_path / "truetype" / "NotoSansCJK-Regular.ttc").touch()
    assert chinese_font([tmp_path]) == "NotoSansCJK-Regular"
