"""The first thing seen: what was kept, whether the held-out part is clean, what was masked, under which licence."""

from collections.abc import Iterator, Mapping
from typing import Any

from doctorglm.curate.licences import TERMS, Strictness, stated, strictest, terms
from doctorglm.curate.page.wording import NO_LICENCE
from doctorglm.language import Text
from doctorglm.report.blocks import Number, Verdict
from doctorglm.report.numbers import number, share_of
from doctorglm.report.wording import Wording


def verdict(record: Mapping[str, Any]) -> Verdict:
    """Passed when the held-out part is clean, every file could be read and identifiers were masked."""
    return Verdict(
        passed=_passed(record), sentence=_sentence(record), numbers=_numbers(record), reasons=list(_reasons(record))
    )


def kept_licence(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """The licence of the kept set ("" when none is stated) and the source that it is due to; None when not known.

    A record without it has it from its files: those that hold conversations.
    """
    if (known := record.get("licence")) is not None:
        return stated(str(known.get("kept", ""))), str(known.get("why", ""))
    of = {f["name"]: str(f.get("licence", "")) for f in record.get("files", ()) if _gives(f)}
    if not of:
        return None
    licence = strictest(of.values())
    return licence, next(name for name, other in of.items() if stated(other) == licence)


def _gives(file: Mapping[str, Any]) -> bool:
    return not file.get("skipped") and not file.get("damaged") and bool(file.get("kept", file.get("records", 1)))


def is_clean(leak: Mapping[str, Any]) -> bool:
    """Whether nothing outside the held-out part comes as near to it as the threshold."""
    return bool(leak["largest_similarity"] < leak["threshold"])


def _damaged(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [file for file in record.get("files", ()) if file.get("damaged")]


def _is_masked(record: Mapping[str, Any]) -> bool | None:
    deid = record.get("deid")
    return None if deid is None else deid.get("mode") != "none"


def _passed(record: Mapping[str, Any]) -> bool | None:
    leak = record.get("leak")
    found = [not _damaged(record), None if leak is None else is_clean(leak), _is_masked(record)]
    if False in found:
        return False
    return None if None in found else True


def _sentence(record: Mapping[str, Any]) -> Text:
    counts, leak = record.get("counts", {}), record.get("leak")
    read, kept = number(counts.get("read", 0), 0), number(counts.get("kept", 0), 0)
    en, zh = f"{kept} of {read} conversations are kept", f"读入 {read} 段对话，保留 {kept} 段"
    if leak is not None and is_clean(leak):
        en, zh = f"{en}, and none comes too near the held-out part", f"{zh}，留出部分未见泄漏"
    elif leak is not None:
        en, zh = f"{en}, but some come too near the held-out part", f"{zh}，但有对话与留出部分过于相似"
    if damaged := len(_damaged(record)):
        en, zh = f"{en}; {damaged} file{'s are' if damaged > 1 else ' is'} damaged", f"{zh}；{damaged} 个文件损坏"
    return Text(en=f"{en}.", zh=f"{zh}。")


def _numbers(record: Mapping[str, Any]) -> list[Number]:
    counts = record.get("counts", {})
    read, kept = counts.get("read", 0), counts.get("kept", 0)
    numbers = [
        Number(
            label=Text(en="Conversations kept", zh="保留的对话"),
            value=number(kept, 0),
            note=Text(
                en=f"{share_of(kept, read)} of {number(read, 0)} read",
                zh=f"占读入 {number(read, 0)} 段的 {share_of(kept, read)}",
            ),
        )
    ]
    makers = (_leak_number, _identifiers_number, _licence_number, _files_number, _duplicates_number)
    return numbers + [made for make in makers if (made := make(record)) is not None]


def _leak_number(record: Mapping[str, Any]) -> Number | None:
    if (leak := record.get("leak")) is None:
        return None
    limit = number(leak["threshold"], 3)
    return Number(
        label=Text(en="Nearest to the held-out part", zh="与留出部分的最大相似度"),
        value=number(leak["largest_similarity"], 3) if leak["largest_similarity"] else f"< {limit}",
        note=Text(
            en=f"largest similarity of any other conversation; the limit is {limit}",
            zh=f"其他任一对话与留出部分的最大相似度；上限 {limit}",
        ),
    )


def _identifiers_number(record: Mapping[str, Any]) -> Number | None:
    if (deid := record.get("deid")) is None:
        return None
    label = Text(en="Identifiers masked", zh="已去除的标识信息")
    if deid.get("mode") == "none":
        return Number(label=label, value=Text(en="none", zh="无"), note=Text(en="switched off", zh="已关闭去标识"))
    n = number(deid.get("conversations", 0), 0)
    return Number(
        label=label,
        value=number(sum(deid.get("spans", {}).values()), 0),
        note=Text(en=f"in {n} conversations", zh=f"涉及 {n} 段对话"),
    )


def _licence_number(record: Mapping[str, Any]) -> Number | None:
    if (found := kept_licence(record)) is None:
        return None
    licence, why = found
    asks = terms(licence)
    note = Text(en=f"{asks.en} ({why})", zh=f"{asks.zh}（{why}）") if why else asks
    # "research only" says itself what it asks
    if why and licence in (asks.en, asks.zh):
        note = Text(en=f"because of {why}", zh=f"因为 {why}")
    return Number(label=Text(en="Licence of the kept set", zh="保留集的许可"), value=licence or NO_LICENCE, note=note)


def _files_number(record: Mapping[str, Any]) -> Number | None:
    if not (files := record.get("files")):
        return None
    damaged, skipped = len(_damaged(record)), sum(bool(file.get("skipped")) for file in files)
    return Number(
        label=Text(en="Files", zh="文件"),
        value=number(len(files), 0),
        note=Text(
            en=f"{damaged or 'none'} damaged, {skipped or 'none'} without conversations",
            zh=f"{damaged} 个损坏，{skipped} 个不含对话",
        )
        if damaged or skipped
        else Text(en="all read to the end", zh="全部读完"),
    )


def _duplicates_number(record: Mapping[str, Any]) -> Number | None:
    if (copies := record.get("duplicates")) is None:
        return None
    exact, near = copies.get("exact", 0), copies.get("near", 0)
    return Number(
        label=Text(en="Copies left out", zh="剔除的重复"),
        value=number(exact + near, 0),
        note=Text(
            en=f"{number(exact, 0)} exact, {number(near, 0)} near",
            zh=f"完全重复 {number(exact, 0)}，近似 {number(near, 0)}",
        ),
    )


def _reasons(record: Mapping[str, Any]) -> Iterator[Wording]:
    """What keeps the set from being passed on as it is."""
    for file in _damaged(record):
        yield Text(en=file["damaged"]["en"], zh=file["damaged"]["zh"])
    if _is_masked(record) is False:
        yield Text(
            en="De-identification was switched off: the kept set holds whatever identifiers the sources hold.",
            zh="去标识已关闭：来源中的标识信息仍留在保留集里。",
        )
    if (found := kept_licence(record)) is not None and not found[0]:
        said = TERMS[Strictness.UNKNOWN]
        where_en, where_zh = (f"{found[1]}: ", f"{found[1]}：") if found[1] else ("", "")
        yield Text(en=f"{where_en}{said.en}.", zh=f"{where_zh}{said.zh}。")
