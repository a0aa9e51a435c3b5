"""Where the conversations came from: the stream, what the sources share, leaks, licences, counts and hashes."""

from collections.abc import Mapping
from typing import Any

from doctorglm.curate.licences import terms
from doctorglm.curate.page.verdict import is_clean, kept_licence
from doctorglm.curate.page.wording import NO_LICENCE, PARTS, REASONS, UNACCOUNTED, called, in_both
from doctorglm.language import Text
from doctorglm.report.blocks import Figure, Listing, Table
from doctorglm.report.charts import Flow, Stream, matrix, sankey
from doctorglm.report.numbers import number, share_of
from doctorglm.report.wording import Wording

_SOURCE = Text(en="source", zh="来源")
_FILE = Text(en="file", zh="文件")
_READ = Text(en="read", zh="读入")
_KEPT = Text(en="kept", zh="保留")
_SHARE = Text(en="share", zh="占比")
_LICENCE = Text(en="licence", zh="许可")


def stream(record: Mapping[str, Any]) -> Figure | None:
    """From the sources to the splits; what the record does not account for is shown as that."""
    counts = record.get("counts", {})
    read, kept = counts.get("read", 0), counts.get("kept", 0)
    rejected = counts.get("rejected", {})
    missing = read - kept - sum(rejected.values())
    parts = [Stream(label=called(name, PARTS), count=n) for name, n in counts.get("splits", {}).items() if n]
    if not read or missing < 0 or (parts and sum(part.count for part in parts) != kept):
        return None
    reasons = [Stream(label=called(name, REASONS), count=n, colour="base") for name, n in rejected.items() if n]
    if missing:
        reasons.append(Stream(label=UNACCOUNTED, count=missing, colour="caution"))
    flow = Flow(sources=_streams(record, read), kept=kept, parts=parts, reasons=reasons)
    return Figure(
        title=Text(
            en=f"{share_of(kept, read)} of what was read is kept", zh=f"读入的对话中，{share_of(kept, read)} 留下"
        ),
        chart=sankey(flow),
        n=Text(en=f"n = {number(read, 0)} conversations", zh=f"n = {number(read, 0)} 段对话"),
        wide=True,
    )


def _streams(record: Mapping[str, Any], read: int) -> list[Stream]:
    """The sources, else the files; none when they do not add up to what was read."""
    of_sources = [
        Stream(label=name or NO_LICENCE, count=source.get("read", 0), kept=source.get("kept"))
        for name, source in record.get("sources", {}).items()
    ]
    of_files = [
        Stream(label=file["name"], count=file["records"], kept=file.get("kept"))
        for file in record.get("files", ())
        if file.get("records") and not file.get("damaged")
    ]
    for streams in (of_sources, of_files):
        if streams and sum(one.count for one in streams) == read and all((s.kept or 0) <= s.count for s in streams):
            return [one for one in streams if one.count]
    return []


def overlaps(record: Mapping[str, Any]) -> Figure | None:
    """Near-duplicates that several sources share."""
    shared = record.get("overlaps") or {}
    names, counts = shared.get("sources", []), shared.get("clusters", [])
    pairs = [(counts[i][j], i, j) for i in range(len(names)) for j in range(i)]
    if not any(n for n, _, _ in pairs):
        return None
    most, i, j = max(pairs)
    n = sum(1 for shared_clusters, _, _ in pairs if shared_clusters)
    return Figure(
        title=Text(
            en=f"{names[i]} and {names[j]} share {number(most, 0)} groups of copies",
            zh=f"{names[i]} 与 {names[j]} 有 {number(most, 0)} 组相同或近似的对话",
        ),
        chart=matrix(names, counts, name=_SOURCE, count=Text(en="shared groups", zh="共有的组数")),
        n=Text(en=f"{n} of {len(pairs)} pairs of sources share any", zh=f"{len(pairs)} 对来源中，{n} 对有重合"),
        note=Text(
            en="Exact and near copies, also those that were left out. Of exact copies one stays, and a group goes to "
            "one part as a whole, so none of them is both trained on and tested on.",
            zh="包括完全相同和近似的对话，含已剔除的。完全相同的只留一段，同组对话整体分入同一部分，因此不会既用于训练又用于测试。",
        ),
        wide=True,
    )


def leaks(record: Mapping[str, Any]) -> Table | None:
    """The held-out part against the rest, and the benchmarks that were looked for."""
    leak, benchmarks = record.get("leak"), record.get("decontamination")
    rows: list[list[Wording]] = []
    if leak is not None:
        part = in_both(called(leak["held_out"], PARTS))
        clean = Text(en="✓ clean", zh="✓ 无泄漏") if is_clean(leak) else Text(en="✕ too near", zh="✕ 过于相似")
        limit = number(leak["threshold"], 3)
        said = f"{number(leak['largest_similarity'], 3)} {'<' if is_clean(leak) else '≥'} {limit}"
        if not leak["largest_similarity"]:
            said = f"< {limit}"
        rows.append([Text(en=f"{part.en} against all others", zh=f"{part.zh}部分对其余部分"), said, clean])
    for name, file in ((benchmarks or {}).get("files") or {}).items():
        items, hit = number(file["items"], 0), number(file["hit"], 0)
        found = Text(en=f"{hit} of {items} items found", zh=f"{items} 题中发现 {hit} 题")
        gone = Text(en="✓ taken out", zh="✓ 已移除") if file["hit"] else Text(en="✓ none", zh="✓ 未发现")
        rows.append([name, found, gone])
    if not rows:
        return None
    stock = (benchmarks or {}).get("stock_questions_kept", 0)
    note = Text(
        en="Similarity is that of the character sets (Jaccard); a pair at the limit or above would be a leak."
        + (f" {number(stock, 0)} stock questions stay: the answer is another." if stock else ""),
        zh="相似度为字符片段集合的 Jaccard 系数，达到上限即视为泄漏。"
        + (f"另有 {number(stock, 0)} 个常见问法保留：回答不同。" if stock else ""),
    )
    columns = [Text(en="comparison", zh="比对"), Text(en="found", zh="结果"), Text(en="verdict", zh="结论")]
    return Table(title=Text(en="Leaks looked for", zh="泄漏检查"), columns=columns, rows=rows, note=note, wide=True)


def by_source(record: Mapping[str, Any]) -> Table | None:
    """Counts and licence of every source, the strictest named first in the note."""
    sources = record.get("sources") or {}
    if not sources:
        return None
    rows: list[list[Wording]] = []
    binding = (kept_licence(record) or ("", ""))[1]
    for name, source in sorted(sources.items(), key=lambda item: -item[1].get("read", 0)):
        read, kept, licence = source.get("read", 0), source.get("kept", 0), str(source.get("licence", ""))
        rejected = source.get("rejected") or {}
        main = max(rejected, key=lambda reason: rejected[reason]) if rejected else ""
        why: Wording = called(main, REASONS) if main else "–"
        rows.append(
            [
                name,
                number(read, 0),
                number(kept, 0),
                share_of(kept, read),
                why,
                licence or NO_LICENCE,
                _asks(licence, name == binding),
            ]
        )
    columns = [
        _SOURCE,
        _READ,
        _KEPT,
        _SHARE,
        Text(en="mostly left out for", zh="主要剔除原因"),
        _LICENCE,
        Text(en="which asks", zh="要求"),
    ]
    return Table(
        title=Text(en="Sources and their licences", zh="来源与许可"),
        columns=columns,
        rows=rows,
        note=_whole(record),
        wide=True,
    )


def _asks(licence: str, binds: bool) -> Text:
    asks = terms(licence)
    return Text(en=f"{asks.en} (binds the kept set)", zh=f"{asks.zh}（决定保留集的许可）") if binds else asks


def _whole(record: Mapping[str, Any]) -> Text | None:
    if (found := kept_licence(record)) is None:
        return None
    licence, why = found
    asks = terms(licence)
    name = licence or NO_LICENCE.en, licence or NO_LICENCE.zh
    same = licence in (asks.en, asks.zh)
    due = (f", that of {why}", f"（来自 {why}）") if why else ("", "")
    return Text(
        en=f"The kept set is under its strictest source's licence: {name[0]}{due[0]}{'' if same else f'; {asks.en}'}.",
        zh=f"保留集适用最严格来源的许可：{name[1]}{due[1]}{'' if same else f'；{asks.zh}'}。",
    )


def by_file(record: Mapping[str, Any]) -> Table | None:
    """What each file turned out to be; one without conversations or with damage says so."""
    files = record.get("files") or []
    if not files:
        return None
    rows: list[list[Wording]] = [
        [
            file["name"],
            " · ".join(part for part in (file.get("form", ""), file.get("encoding", "")) if part) or "–",
            _bytes(file.get("bytes")),
            number(file.get("records", 0), 0),
            "–" if file.get("kept") is None else number(file["kept"], 0),
            file.get("licence") or NO_LICENCE,
            _state(file),
        ]
        for file in sorted(files, key=lambda file: not file.get("damaged"))
    ]
    columns = [
        _FILE,
        Text(en="form", zh="格式"),
        Text(en="size", zh="大小"),
        _READ,
        _KEPT,
        _LICENCE,
        Text(en="state", zh="状态"),
    ]
    return Table(title=Text(en="Files", zh="文件"), columns=columns, rows=rows, wide=True)


def hashes(record: Mapping[str, Any]) -> Listing | None:
    """What `sha256sum --check` reads."""
    of = {file["name"]: file["sha256"] for file in record.get("files", ()) if file.get("sha256")} or record.get(
        "inputs", {}
    )
    if not of:
        return None
    return Listing(
        title=Text(en="Hashes", zh="校验值"),
        summary=Text(en=f"SHA-256 of {len(of)} file{'s' * (len(of) != 1)}", zh=f"{len(of)} 个文件的 SHA-256"),
        lines=[f"{digest}  {name}" for name, digest in of.items()],
        note=Text(en="To be checked with sha256sum --check.", zh="可用 sha256sum --check 核对。"),
    )


def _state(file: Mapping[str, Any]) -> Wording:
    if file.get("damaged"):
        return Text(en="✕ damaged", zh="✕ 损坏")
    if file.get("skipped"):
        return Text(en=f"skipped: {file['skipped']}", zh=f"跳过：{file['skipped']}")
    return Text(en="✓ read", zh="✓ 已读")


def _bytes(size: int | None) -> str:
    if size is None:
        return "–"
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{number(value, 0 if unit == 'B' or value >= 100 else 1)}\u202f{unit}"
