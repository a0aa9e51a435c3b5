"""What identifies somebody is gone from every field of a conversation, and what does not stays as it is."""

from doctorglm.conversation import Conversation, Message
from doctorglm.translate.unnamed import unnamed


def test_every_field_is_masked_and_the_rest_stays() -> None:
    one = Conversation(
        id="My name is Walter Castellano.",
        messages=(
            Message("user", "My name is Walter Castellano. I have had a cough for 3 days."),
            Message("assistant", "Mr. Castellano, drink enough."),
        ),
        source="My name is Walter Castellano.",
        department="cardiology",
        meta={"rows": [3, True, None, "My mobile number is 15407667522."], "split": "train"},
    )
    plain = unnamed(one)
    assert "Castellano" not in str(plain) and "15407667522" not in str(plain)
    assert plain.messages[0].content == "My name is [name]. I have had a cough for 3 days."
    assert plain.department == "cardiology" and plain.meta["split"] == "train"
    assert plain.meta["rows"][:3] == [3, True, None]


def test_ids_that_identify_nobody_stay_and_others_stay_apart() -> None:
    ids = ["a-17", "My name is Walter Castellano.", "My name is Alice Haldane."]
    made = [unnamed(Conversation(id=i, messages=(Message("user", "Hello"),))).id for i in ids]
    assert made[0] == "a-17" and len(set(made)) == 3 and not any("name" in i for i in made[1:])


def test_an_id_of_curation_stays_whatever_its_hash_looks_like() -> None:
    own = "dialogue-428667b987bb5f93"  # which reads like the number of a record
    meta = {"cluster": own, "mobile": "15407667522"}
    one = unnamed(Conversation(id=own, messages=(Message("user", "Hello"),), meta=meta))

    assert one.id == own and one.meta["cluster"] == own
    assert one.meta["mobile"] != "15407667522"
