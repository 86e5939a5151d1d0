"""Archives from outside: honest ones become folders, hostile ones are refused before a byte lies on the disk."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import ManifestError
from core.data.manifest.open import open_dataset
from core.data.prepare.archive import CONTENTS, ArchiveLimits, ArchiveRefused, is_archive, unpack
from core.data.prepare.prepare import prepare
from core.data.spec import PrepareSpec
from core.progress import Cancelled, Silent


def png(shade: int = 90, side: int = 24) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), (shade, 120, 200)).save(stream, "PNG")
    return stream.getvalue()


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the list of contents."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != CONTENTS]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def refuse(zip_path: Path, limits: ArchiveLimits = ArchiveLimits()) -> str:
    """The code of a refusal, after checking that nothing at all was left behind, inside or outside."""
    room = zip_path.parent / "room"
    room.mkdir(exist_ok=True)
    before = sorted(zip_path.parent.rglob("*"))
    with pytest.raises(ArchiveRefused) as refused:
        unpack(zip_path, room / "out", limits)
    assert sorted(zip_path.parent.rglob("*")) == before
    assert str(refused.value)
    return refused.value.code


def test_an_honest_archive_becomes_the_same_tree(tmp_path: Path) -> None:
    files = {"set/real/a.png": png(1), "set/fake/swap/a.png": png(2), "set/labels.csv": b"path,label\nreal/a.png,0\n"}
    path = pack(tmp_path / "a.bin", files)
    assert is_archive(path)
    out = unpack(path, tmp_path / "out")
    assert tree(out) == files
    contents = json.loads((out / CONTENTS).read_text())
    assert contents["files"] == 3
    assert contents["skipped"] == {}
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in out.rglob("*.png"))
    assert unpack(tmp_path / "gone.zip", out) == out, "a whole folder is not made again"


def test_what_is_no_picture_clip_or_list_is_skipped_and_named(tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.zip", {"bomb.png": png()}).read_bytes()
    files = {
        "real/a.png": png(), "real/page.png": b"<script>alert(1)</script>" * 9, "real/empty.jpg": b"",
        "real/run.exe": b"MZ", "inner.zip": inner, "renamed.png": inner, "notes.csv": b"a\0b", "x.parquet": b"text",
        "__MACOSX/real/._a.png": png(), "real/.hidden.png": png(),
    }  # fmt: skip
    out = unpack(pack(tmp_path / "a.zip", files), tmp_path / "out")
    assert set(tree(out)) == {"real/a.png"}
    contents = json.loads((out / CONTENTS).read_text())
    assert contents["files"] == 1
    assert sum(contents["skipped"].values()) == len(files) - 1 == len(contents["not_unpacked"])
    reasons = {item["file"]: item["reason"] for item in contents["not_unpacked"]}
    assert "archive inside" in reasons["inner.zip"]
    assert "by its content" in reasons["real/page.png"]
    assert "by its content" in reasons["renamed.png"]
    assert reasons["real/empty.jpg"] == "empty"


@pytest.mark.parametrize(
    "name",
    [
        "../a.png",
        "real/../../a.png",
        "/etc/a.png",
        "C:/a.png",
        "real\\..\\a.png",
        "\\a.png",
        "..",
        "__MACOSX/../../a.png",
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    assert refuse(pack(tmp_path / "a.zip", {"real/ok.png": png(), name: png()})) == "name"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("real/./a.png", "empty part"), ("real//a.png", "empty part"), ("a\nb.png", "invisible"),
     ("a\u202egnp.png", "invisible"), ("real/\u200ea.png", "invisible"),
     ("fake/\U0001f468\u200d\U0001f469.png", "invisible"), ("x" * 300 + ".png", "longer than"),
     ("d/" * 40 + "a.png", "too deep"), ("real\\a.png", "backslashes"), ("Icon\r", "by a system"),
     ("real/Icon\r", "by a system"), ("__MACOSX/real/._Icon\r", "by a system"), ("real/.git/a.png", "by a system")],
)  # fmt: skip
def test_an_odd_name_is_left_out_and_named_and_the_rest_is_taken(tmp_path: Path, name: str, reason: str) -> None:
    out = unpack(pack(tmp_path / "a.zip", {"real/ok.png": png(), name: png(2)}), tmp_path / "out")
    assert set(tree(out)) == {"real/ok.png"}
    [left] = json.loads((out / CONTENTS).read_text())["not_unpacked"]
    assert reason in left["reason"]
    assert left["file"].isprintable()


def test_an_odd_folder_takes_only_its_own_files_along(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("real/")
        archive.mkdir("real/\u200ex/")
        archive.writestr("real/\u200ex/a.png", png(2))
        archive.writestr("real/ok.png", png())
    assert set(tree(unpack(path, tmp_path / "out"))) == {"real/ok.png"}


def test_a_name_cut_by_a_null_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"real/aXb.png": png()})
    path.write_bytes(path.read_bytes().replace(b"real/aXb.png", b"real/a\0b.png"))
    assert refuse(path) in ("name", "damaged")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("real/ok.png", png())
        entry = zipfile.ZipInfo("real/link.png")
        entry.create_system, entry.external_attr = 3, mode << 16
        archive.writestr(entry, "/etc/passwd")
    assert refuse(path) == "link"


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"real/a.png": png()})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    assert refuse(path) == "encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_packings_are_refused(tmp_path: Path, method: int) -> None:
    path = pack(tmp_path / "a.zip", {"real/a.png": png()}, method)
    assert refuse(path) == "method"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("real/b.png", png(2))
    assert set(tree(unpack(path, tmp_path / "out"))) == {"real/b.png"}, "one such entry does not refuse the others"


@pytest.mark.parametrize(
    "names", [("A.png", "a.png"), ("é.png", "e\u0301.png"), ("Real/a.png", "real/b.png"), ("X.png", "x.png/b.png")]
)
def test_of_two_names_that_one_disk_would_confuse_the_first_is_taken(tmp_path: Path, names: tuple[str, str]) -> None:
    out = unpack(pack(tmp_path / "a.zip", {name: png(n) for n, name in enumerate(names)}), tmp_path / "out")
    assert tree(out) == {names[0]: png(0)}
    [left] = json.loads((out / CONTENTS).read_text())["not_unpacked"]
    assert left["file"] == names[1]
    assert "on some disks its name is the same as" in left["reason"]


@pytest.mark.parametrize("names", [("x.png", "x.png/b.png"), ("x.png/b.png", "x.png")])
def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    assert refuse(pack(tmp_path / "a.zip", {name: png() for name in names})) == "clash"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("real/a.png", png(1))
        archive.writestr("real/a.png", png(2))
    assert refuse(tmp_path / "a.zip") == "clash"


def test_bombs_of_ratio_size_and_number_are_refused(tmp_path: Path) -> None:
    assert refuse(pack(tmp_path / "ratio.zip", {"real/a.bmp": b"BM" + bytes(30 << 20)})) == "ratio"
    many = {f"real/{number}.csv": bytes(900_000) for number in range(40)}  # each one below the size that is looked at
    assert refuse(pack(tmp_path / "sum.zip", many)) == "ratio"
    log = pack(tmp_path / "log.zip", {"real/a.png": png(), "debug.log": bytes(30 << 20)})
    assert set(tree(unpack(log, tmp_path / "log"))) == {"real/a.png"}, "what is not unpacked is no bomb"
    small = ArchiveLimits(total_bytes=2000)
    assert refuse(pack(tmp_path / "total.zip", {f"{i}.csv": os.urandom(900) for i in range(3)}), small) == "too_large"
    few = ArchiveLimits(entries=10)
    assert refuse(pack(tmp_path / "few.zip", {f"{i}.csv": b"1" for i in range(11)}), few) == "too_many"


def test_a_hundred_thousand_entries_are_refused_from_the_last_bytes(tmp_path: Path) -> None:
    """The table of contents is never read: it is a run of garbage here, and the answer is about the number."""
    count = 100_000
    path = tmp_path / "a.zip"
    directory = b"PK\x01\x02" + bytes(42)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, 0xFFFFFFFF, 0, 0)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory) * count, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory) * count, 1)
    path.write_bytes(directory * count + wide + locator + end)
    assert refuse(path) == "too_many"


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """The better zip bomb: many names, one packed kernel."""
    path = pack(tmp_path / "a.zip", {"real/a.png": png(), "real/b.png": png()})
    data = bytearray(path.read_bytes())
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    data[second + 42 : second + 46] = bytes(4)  # its header is the first one's
    path.write_bytes(data)
    assert refuse(path) == "overlap"


def test_a_wrong_crc_and_every_cut_are_refused(tmp_path: Path) -> None:
    noise = os.urandom(5000)
    files = {"real/a.png": png(), "real/b.png": png()[:60] + noise}
    whole = pack(tmp_path / "whole.zip", files, zipfile.ZIP_STORED).read_bytes()
    hurt = bytearray(whole)
    hurt[whole.find(noise) + 2500] ^= 0xFF
    (tmp_path / "crc.zip").write_bytes(hurt)
    assert refuse(tmp_path / "crc.zip") == "damaged"
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        (tmp_path / "cut.zip").write_bytes(whole[:length])
        assert refuse(tmp_path / "cut.zip") == "damaged"


def test_a_size_that_lies_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"real/a.png": png() + os.urandom(3000)})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(data)
    assert refuse(path) == "damaged"


def test_an_archive_without_media_and_a_full_disk_are_refused(tmp_path: Path) -> None:
    assert refuse(pack(tmp_path / "a.zip", {"readme.md": b"hello"})) == "nothing"
    assert refuse(pack(tmp_path / "b.zip", {"a.png": png()}), ArchiveLimits(spare_bytes=1 << 60)) == "disk"


def test_a_cancelled_unpacking_leaves_nothing(tmp_path: Path) -> None:
    class Impatient(Silent):
        def progress(self, fraction: float, message: str) -> None:
            if fraction > 0.4:
                raise Cancelled

    path = pack(tmp_path / "a.zip", {f"real/{i}.png": png(i) for i in range(60)})
    with pytest.raises(Cancelled):
        unpack(path, tmp_path / "room" / "out", report=Impatient())
    assert list((tmp_path / "room").iterdir()) == []


names = st.text(st.sampled_from("ab.-/\\é \0:"), min_size=1, max_size=12)


@given(entries=st.dictionaries(names, st.integers(0, 3), max_size=6))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_names_are_nothing_lands_outside(tmp_path_factory, entries: dict[str, int]) -> None:
    """Law: after any archive the only new thing is the asked-for folder, its files are the archive's, byte for byte."""
    room = tmp_path_factory.mktemp("room")
    kinds = (png(), b"a,b\n", b"<html>", b"")
    files = {name + suffix: kinds[kind] for name, kind in entries.items() for suffix in (".png", ".csv")}
    path = room / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = entry.orig_filename = name
            archive.writestr(entry, data)
    try:
        out = unpack(path, room / "out")
    except ArchiveRefused:
        assert sorted(p.name for p in room.iterdir()) == ["a.zip"]
        return
    assert sorted(p.name for p in room.iterdir()) == ["a.zip", "out"]
    for name, data in tree(out).items():
        assert files[name] == data


@given(wounds=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_mutated_archive_is_a_folder_or_a_refusal(tmp_path_factory, wounds: list[tuple[float, int]]) -> None:
    room = tmp_path_factory.mktemp("room")
    data = bytearray(
        pack(room / "a.zip", {"real/a.png": png(3), "fake/b.png": png(4), "m.csv": b"path\n"}).read_bytes()
    )
    for place, value in wounds:
        data[min(int(place * len(data)), len(data) - 1)] = value
    (room / "a.zip").write_bytes(data)
    try:
        out = unpack(room / "a.zip", room / "out")
    except ArchiveRefused:
        assert sorted(p.name for p in room.iterdir()) == ["a.zip"]
        return
    assert all(path.resolve().is_relative_to(out.resolve()) for path in out.rglob("*"))


def test_a_zip_of_two_folders_is_prepared_like_the_folders(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home").create()
    files = {f"my set/{label}/{i}.png": png(9 * i + 3) for label in ("real", "fake") for i in range(8)}
    path = pack(tmp_path / "Some Faces.zip", {**files, "my set/readme.md": b"hello"})
    folder = prepare(PrepareSpec(path=str(path)), workspace, Silent())
    assert folder.name == "some-faces"
    manifest = open_dataset(folder.name, workspace)
    assert manifest.frame["label"].value_counts().to_dict() == {0: 8, 1: 8}
    card = json.loads((folder / "dataset.json").read_text())
    assert card["spec"]["path"] == str(path)
    assert card["archive"]["files"] == 16
    assert card["archive"]["not_unpacked"][0]["file"] == "my set/readme.md"
    assert card["listing"]["notes"][0].startswith("1 file of the archive not unpacked: 1 neither a picture, a clip")


def test_a_zip_with_the_longest_name_a_disk_takes_is_prepared(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home").create()
    path = pack(
        tmp_path / ("n" * 251 + ".zip"),
        {f"{label}/a{i}.png": png(9 * i + 3) for label in ("real", "fake") for i in range(8)},
    )
    folder = prepare(PrepareSpec(path=str(path), source_check=False), workspace, Silent())
    assert folder.name == "n" * 60


def test_a_zip_with_a_manifest_keeps_to_its_own_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home").create()
    rows = "".join(f"faces/{i}.png,{i % 2},g{i}\n" for i in range(8))
    files = {f"faces/{i}.png": png(i) for i in range(8)}
    honest = pack(tmp_path / "a.zip", {**files, "manifest.csv": f"path,label,group\n{rows}".encode()})
    prepared = open_dataset(prepare(PrepareSpec(path=str(honest)), workspace, Silent()).name, workspace)
    assert len(prepared) == 8
    assert all(prepared.file(p).is_relative_to(workspace.uploads) for p in prepared.frame["path"])
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    sly = pack(tmp_path / "b.zip", {**files, "manifest.csv": f"path,label\n{secret},0\nfaces/1.png,1\n".encode()})
    with pytest.raises(ManifestError, match="leads out"):
        prepare(PrepareSpec(path=str(sly)), workspace, Silent())
