"""What stands in place of a term: the same guess in every process."""

import subprocess
import sys

GUESS = """
from doctorglm.translate.instead import Instead
fields = Instead()
shared = "病人说他最近感到胸口发闷而且走路时气喘吁吁夜里睡不好白天也没有精神做事"
for text in (shared, shared + "了"):
    fields.add(text, {"angina": ""})
fields.add("一切正常，没有什么不舒服。", {"hernia": ""})
print(fields.most("angina"))
"""


def test_no_order_of_a_set_decides() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", GUESS], env={"PYTHONHASHSEED": str(seed)}, check=True, capture_output=True, text=True
        ).stdout
        for seed in range(5)
    }
    assert len(said) == 1 and "'fields': 2, 'of': 2" in said.pop()
