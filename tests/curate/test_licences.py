"""The order of licences, their spellings, and the one that a kept set is under."""

import itertools

import pytest

from doctorglm.curate.licences import TERMS, Strictness, strictest, strictness, terms

# from the mildest to the strictest, each step in the spellings that corpora use
ORDER = [
    ["CC0 1.0", "CC0-1.0", "public domain (PRC Copyright Law art. 5)", "Unlicense", "公有领域"],
    ["MIT", "MIT License", "Apache-2.0", "Apache License 2.0", "BSD-3-Clause", "CC BY 4.0", "CC-BY-4.0", "ODC-By-1.0"],
    ["CC BY-SA 4.0", "CC-BY-SA-3.0", "Attribution-ShareAlike 4.0 International", "MPL-2.0"],
    ["ODbL-1.0", "Open Database License"],
    ["GPL-3.0-only", "GPLv3", "AGPL-3.0-or-later", "GNU General Public License v3"],
    ["CC BY-NC 4.0", "cc-by-nc-4.0", "Creative Commons Attribution-NonCommercial 4.0", "非商业使用"],
    ["CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0", "Attribution-NonCommercial-ShareAlike 4.0 International"],
    ["CC BY-NC-ND 4.0", "CC-BY-NC-ND-4.0", "Attribution-NonCommercial-NoDerivatives 4.0"],
    ["research only", "for academic use only", "仅供研究", "仅限学术研究使用"],
    ["", "  ", "none stated", "see its card", "ChatGLM-6B licence", "Permit me", "NOASSERTION"],
]
UNSTATED = ["", "  ", "none stated", "NOASSERTION"]


@pytest.mark.parametrize(("level", "name"), [(i, name) for i, names in enumerate(ORDER) for name in names])
def test_spellings(level: int, name: str) -> None:
    assert strictness(name) == Strictness(level)


def test_the_strictest_of_every_two_is_the_later() -> None:
    for (i, mild), (j, strict) in itertools.combinations(enumerate(ORDER), 2):
        assert i < j
        for a, b in itertools.product(mild, strict):
            assert strictest([a, b]) == strictest([b, a]) == ("" if b in UNSTATED else b)


def test_one_that_states_none_binds_all() -> None:
    assert strictest(["MIT", "", "CC BY-NC 4.0"]) == ""
    assert strictest(["see its card", ""]) == ""
    assert strictest(["ChatGLM-6B licence", "none stated"]) == ""
    assert strictest(["a licence that nobody knows", "unknown"]) == ""
    assert strictest(["see its card", "research only"]) == "see its card"
    assert strictest(["MIT"]) == "MIT"
    assert strictest({"Apache-2.0", "MIT"}) == strictest(["MIT", "Apache-2.0"])


def test_expressions() -> None:
    assert strictness("MIT AND CC-BY-NC-4.0") == Strictness.NON_COMMERCIAL
    assert strictness("MIT OR GPL-3.0-only") == Strictness.NOTICE
    assert strictness("CC0-1.0 OR MIT AND CC-BY-SA-4.0") == Strictness.FREE
    assert strictness("Apache-2.0 WITH LLVM-exception") == Strictness.NOTICE
    # brackets are not taken apart: the safe side
    assert strictness("(MIT OR GPL-2.0) AND CC0-1.0") == Strictness.UNKNOWN


def test_nothing_has_no_licence() -> None:
    with pytest.raises(ValueError):
        strictest([])


def test_what_it_asks_is_said() -> None:
    assert terms("").en == "no licence stated: not to be passed on"
    assert terms("").zh == "未写明许可：不得转授"
    assert "read it" in terms("ChatGLM-6B licence").en
    assert set(TERMS) == set(Strictness)
