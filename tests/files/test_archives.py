"""Archives are read in place: every member, no member outside, no bomb, damage named."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.files.archives import contents


def read(path: Path) -> dict[str, bytes]:
    found = {}
    for content in contents(path, path.name):
        with content.open() as stream:
            found[content.name] = stream.read()
    return found


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def tarred(path: Path, mode: str, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_plain_file_is_itself_and_gzip_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "b").write_bytes(gzip.compress(b"text" * 100_000))
    assert read(tmp_path / "a") == {"a": b"text"}
    assert read(tmp_path / "b") == {"b": b"text" * 100_000}


def test_members_are_named_after_the_archive(tmp_path: Path) -> None:
    members = [("问诊/一.csv", b"1"), ("b.json", b"2" * 1000)]
    expected = {"x/问诊/一.csv": b"1", "x/b.json": b"2" * 1000}
    assert read(zipped(tmp_path / "x", *members)) == expected
    for mode in ("w", "w:gz"):
        assert read(tarred(tmp_path / "x", mode, *members)) == expected


def test_names_that_a_chinese_windows_wrote(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x", ("aaaa.csv", b"1"))
    path.write_bytes(path.read_bytes().replace(b"aaaa", "内科".encode("gbk")))
    assert read(path) == {"x/内科.csv": b"1"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:/x"])
def test_a_member_outside_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    for path in (zipped(tmp_path / "x.zip", (name, b"1")), tarred(tmp_path / "x.tar", "w", (name, b"1"))):
        with pytest.raises(DataError, match="a member lies outside"):
            read(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tar", "x.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doctorglm.files.archives._FREE_BYTES", 1 << 16)
    bomb = bytes(1 << 22)
    with pytest.raises(DataError, match=r"x\.zip/a: unpacks to 4,194,304 bytes"):
        read(zipped(tmp_path / "x.zip", ("a", bomb)))
    (tmp_path / "x.gz").write_bytes(gzip.compress(bomb))
    with pytest.raises(DataError, match=r"x\.gz: unpacks to .* bytes and more"):
        read(tmp_path / "x.gz")


def test_damage_is_named(tmp_path: Path) -> None:
    text = "".join(f"{i} 头痛\n" for i in range(5000)).encode()
    good = gzip.compress(text)
    for damaged in (good[:-9], good[: len(good) // 2], good[:300] + b"\0\0\0\0" + good[304:]):
        (tmp_path / "x.gz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"x\.gz: the archive is damaged"):
            read(tmp_path / "x.gz")
    for path in (zipped(tmp_path / "y", ("a", text)), tarred(tmp_path / "z", "w:gz", ("a", text))):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(DataError, match=f"{path.name}: the archive is damaged"):
            read(path)


def test_a_file_that_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x: cannot be read"):
        read(tmp_path / "x")


def test_a_members_own_name_stands_beside_the_one_that_is_told(tmp_path: Path) -> None:
    for path in (
        zipped(tmp_path / "x", ("病历/0000012.xml", b"1")),
        tarred(tmp_path / "y", "w", ("病历/0000012.xml", b"1")),
    ):
        (content,) = contents(path, path.name)
        assert (content.name.endswith("0000012.xml"), content.member) == (False, "病历/0000012.xml")
    (tmp_path / "z").write_bytes(b"1")
    assert [content.member for content in contents(tmp_path / "z", "z")] == [""]
