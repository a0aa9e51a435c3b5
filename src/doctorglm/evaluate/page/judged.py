"""What a judge said, behind what its trial showed: a table that nobody reads before knowing whether to believe it."""

from collections.abc import Mapping
from typing import Any

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Table
from doctorglm.report.numbers import number, percent
from doctorglm.report.wording import Wording

_COLUMNS = (Text(en="what", zh="项目"), strings.VALUE, strings.INTERVAL_95, "n")
_TRUSTED = Text(
    en="This judge told a question's own answer from another question's; its verdicts say something.",
    zh="该评判模型能分辨某个问题自己的回答与别的问题的回答，其结论有参考价值。",
)
_NOT_TRUSTED = Text(
    en="This judge did not tell a question's own answer from another's: what it says is shown and means nothing.",
    zh="该评判模型未能分辨某个问题自己的回答与别的问题的回答：以下结果仅供查看，不能说明问题。",
)
_UNTRIED = Text(
    en="This judge was not tried: nobody knows whether what follows says anything.",
    zh="该评判模型未经检验：以下结果是否可信不得而知。",
)


def judged(found: Mapping[str, Any] | None) -> Table | None:
    """The table of a `judge.json`; None where no judge was asked."""
    if not found:
        return None
    name, control = str(found.get("judge", "–")), found.get("control")
    trusted = _UNTRIED if control is None else _TRUSTED if found.get("trusted") else _NOT_TRUSTED
    rows = _control(control) if control else []
    rows += _pairs(found["pairs"]) if found.get("pairs") else _rubrics(found.get("rubrics") or {})
    return Table(
        title=Text(en=f"What {name} says as a judge", zh=f"{name} 作为评判的结论"),
        columns=_COLUMNS,
        rows=rows,
        note=Text(
            en=f"{trusted.en} Nothing in the gate depends on a judge.",
            zh=f"{trusted.zh}门槛的任何条件都不取决于评判模型。",
        ),
    )


def _control(findings: Mapping[str, Any]) -> list[list[Wording]]:
    return [
        _row(Text(en="trial: prefers a question's own answer", zh="检验：偏好该问题自己的回答"), findings["win_rate"]),
        *_habits(findings, Text(en="trial: ", zh="检验：")),
    ]


def _pairs(pairs: Mapping[str, Any]) -> list[list[Wording]]:
    findings = pairs["judges"][0]
    won = f"{findings['wins']} : {findings['ties']} : {findings['losses']}"
    return [
        _row(Text(en="prefers the tuned model, ties half", zh="偏好微调后的模型（平局记一半）"), findings["win_rate"]),
        [Text(en="wins : ties : losses", zh="胜 : 平 : 负"), won, "–", number(pairs["pairs"], 0)],
        *_habits(findings, Text(en="", zh="")),
        [Text(en="pairs without a readable verdict", zh="结论不可读的对数"),
         number(len(findings["unjudged"]), 0), "–", number(pairs["pairs"], 0)],
    ]  # fmt: skip


def _habits(findings: Mapping[str, Any], when: Text) -> list[list[Wording]]:
    """What a judge does whatever it reads."""
    named = {
        "self_agreement": Text(en="says the same in both orders", zh="两种次序下结论相同"),
        "first_place": Text(en="votes for what stands first", zh="偏向排在前面的回答"),
        "longer_wins": Text(en="lets the longer answer win", zh="较长的回答获胜"),
    }
    return [
        _row(Text(en=when.en + label.en, zh=when.zh + label.zh), findings[name])
        for name, label in named.items()
        if findings.get(name)
    ]


def _rubrics(rubrics: Mapping[str, Any]) -> list[list[Wording]]:
    rows: list[list[Wording]] = []
    for system in rubrics.get("systems", ()):
        rows.append(_row(Text(en="score by the criteria", zh="按评分标准的得分"), system["score"]))
        rows += [_row(Text(en=f"meets `{name}`", zh=f"符合 `{name}`"), met) for name, met in system["met"].items()]
        unread = number(len(system["unjudged"]), 0)
        rows.append([Text(en="answers without a readable verdict", zh="结论不可读的回答数"), unread, "–",
                     number(rubrics["items"], 0)])  # fmt: skip
    return rows


def _row(name: Text, interval: Mapping[str, Any] | None) -> list[Wording]:
    if not interval:
        return [name, "–", "–", "0"]
    ends = f"[{percent(interval['low'], 0)}, {percent(interval['high'], 0)}]"
    return [name, percent(interval["value"], 0), ends, number(interval["n"], 0)]
