"""Answers in free text: what they finally choose, in words that the labelled set does not have."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.evaluate.exams.answers import read_choice

SETS = Path(__file__).parents[3] / "benchmarks/sets/choice"
WAYS = [json.loads(line) for line in (Path(__file__).parent / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
GERMS = {"A": "肺炎链球菌", "B": "肺炎支原体", "C": "流感嗜血杆菌", "D": "肺炎克雷伯菌"}
VITAMINS = {"A": "维生素A", "B": "维生素C", "C": "维生素D", "D": "维生素E", "E": "维生素K"}
STATES = {"A": "甲亢危象", "B": "急性心衰", "C": "感染性休克", "D": "低血糖昏迷"}
RISKS = {"A": "高血压", "B": "糖尿病", "C": "吸烟", "D": "以上都对"}
TESTS = {"A": "心电图", "B": "胸部CT", "C": "超声心动图", "D": "冠状动脉造影"}
NUMBERS = {"A": "1", "B": "2", "C": "4", "D": "8"}
TRUTH = {"A": "正确", "B": "错误"}
SIGNS = {"A": "发热", "B": "咳嗽", "C": "胸痛", "D": "呼吸困难", "E": "腹泻"}

PAINS = {"A": "急性阑尾炎", "B": "异位妊娠破裂", "C": "卵巢囊肿蒂扭转", "D": "输尿管结石", "E": "急性盆腔炎"}
DRUGS = {"A": "地塞米松", "B": "硝酸甘油", "C": "呋塞米", "D": "吗啡"}
BLOOD = {"A": "乙型肝炎", "B": "丙型肝炎", "C": "梅毒", "D": "艾滋病", "E": "疟疾"}

GERM_ANSWERS = [
    (None, "答案是C……哦不，我再想想。"),
    (None, "选D，不对。"),
    (None, "以上都不对，更接近的是肺炎支原体的一个亚种，应为肺炎支原体"),
    ("C", "A错B错D错"),
    ("B", "选B"),
    ("B", "答案是：B"),
    ("B", "（B）"),
    ("B", "我认为应选择B"),
    ("B", "答案为B"),
    ("B", "故选：B"),
    ("B", "**B**"),
    ("B", "B. 肺炎支原体"),
    ("B", "选项B"),
    ("B", "应为B项"),
    ("B", "答案：Ｂ"),
    ("B", "答案选择b"),
    ("B", "正确答案是（B）。"),
    ("B", "本题答案：B"),
    ("B", "B项正确"),
    ("B", "B选项正确，其他选项均错误。"),
    ("B", "综上所述，选B。"),
    ("B", "所以答案是B选项"),
    ("B", "应该选择选项B"),
    ("B", "The correct answer is B."),
    ("B", "Answer: B"),
    ("B", "Answer: (B)"),
    ("B", "I would choose option B."),
    ("B", "B is correct because Mycoplasma causes atypical pneumonia."),
    ("B", "The answer is **B. 肺炎支原体**"),
    ("B", "排除A、C、D，选B"),
    ("B", "A、C、D均不符合题意，故B正确"),
    ("B", "先看A，不符合；C也不对；D也可以排除，因此选B。"),
    ("B", "一开始我以为是A，但仔细一想，应该是B"),
    ("B", "选A？不对，应该选B"),
    ("B", "答案是A。更正：答案是B。"),
    ("B", "答案：Let me think… 因此选B"),
    ("B", "首先分析：A错误，C错误，D错误。所以B。"),
    ("B", "正确选项为B"),
    ("B", "【答案】B【解析】支原体无细胞壁，对青霉素不敏感，A错误。"),
    ("B", "答案：B\n解析：A选项肺炎链球菌为典型病原体；C、D均不符合。"),
    ("B", "我选B，理由如下：A是典型肺炎的病原体，C多见于儿童，D多见于酗酒者。"),
    ("B", "病原体是肺炎支原体"),
    ("B", "最可能的是肺炎支原体。"),
    ("B", "考虑肺炎支原体感染，选择B"),
    ("B", "我的答案是B哦~"),
    ("B", "B吧"),
    ("B", "应该是B吧"),
    ("B", "大概率是B"),
    ("B", "可能是B"),
    ("B", "我倾向于B"),
    ("B", "B最符合题意"),
    ("B", "最佳答案为B"),
    ("B", "最合适的选项是B"),
    ("B", "最恰当的答案是 B 。"),
    ("B", "选择：B"),
    ("B", "答：B"),
    ("B", "答B"),
    ("B", "B！"),
    ("B", "B）"),
    ("B", "B、肺炎支原体"),
    ("B", "b"),
    ("B", "(b)"),
    ("B", "Option B"),
    ("B", "Final Answer: B"),
    ("B", "final answer: \\boxed{B}"),
    ("B", "Therefore, the answer is B."),
    ("B", "So B."),
    ("B", "It must be B"),
    ("B", "B, since A is bacterial."),
    ("B", '{"answer": "B. 肺炎支原体"}'),
    ("B", '```json\n{"答案": "B"}\n```'),
    ("B", "<think>A? 不是。C? 也不是</think>答案：B"),
    ("B", "A不对，B对，C不对，D不对"),
    ("B", "A×B√C×D×"),
    ("B", "A错B对C错D错"),
    ("B", "A（错误）、B（正确）、C（错误）、D（错误）"),
    ("B", "正确的是B，错误的是A、C、D"),
    ("B", "只有B是正确的"),
    ("B", "唯一正确的是B"),
    ("B", "除了B，其他选项都不对"),
    ("B", "B比A更合适"),
    ("B", "与A相比，B更合适，所以选B"),
    ("B", "而不是A，答案为B"),
    ("B", "不是A而是B"),
    ("B", "并非A，而是B。"),
    ("B", "答案不是A，是B"),
    ("B", "选B而不选A"),
    ("B", "选B，不选A"),
    ("B", "正确答案不是A而是B"),
    ("B", "A虽然常见，但本题应选B"),
    ("B", "虽然A也有可能，但最可能的是B"),
    ("B", "本题考查非典型肺炎，正确答案B，故选B。"),
    ("B", "根据题意，B为正确选项"),
    ("B", "题目要求选错误的，A、C、D都正确，故选B"),
    ("B", "不正确的是B"),
    ("B", "下列错误的是：B"),
    ("B", "不属于典型病原体的是B"),
    ("B", "故本题选B。"),
    ("B", "因此，正确答案是：B. 肺炎支原体"),
    ("B", "正确答案：B：肺炎支原体"),
    ("B", "答案\nB"),
    ("B", "**答案：B**"),
    ("B", "### 最终答案\n\n**B. 肺炎支原体**"),
    ("B", "答案为：“B”"),
    ("B", "答案是「B」"),
    ("B", "我会选择B作为答案。"),
    ("B", "选第二个"),
    ("B", "选第二项"),
    ("B", "第2个选项正确"),
    ("B", "答案应该是B，而不是C"),
    ("B", "最终答案：B（肺炎支原体）"),
    ("B", "B，因为青霉素无效"),
    ("B", "B。青霉素无效，A可以排除。"),
    ("B", "综合分析，B选项更为合适。"),
    ("B", "答案：A\n等等，我再想想，阿奇霉素有效说明是支原体。\n答案：B"),
    ("B", "患者使用青霉素无效，由此可排除A、C、D。"),
    ("B", "我不太确定，但我觉得是B"),
    ("B", "如果一定要选的话，我选B"),
    ("B", "B选项是对的"),
    ("B", "B没错"),
    ("B", "B是答案"),
    ("B", "B为答案"),
    ("B", "B才对"),
    ("B", "肯定是B"),
    ("B", "就是B了"),
    ("B", "当然选B"),
    ("B", "必选B"),
    ("B", "毫无疑问，B"),
    ("B", "毫无疑问选B"),
    ("B", "我投B一票"),
    ("B", "本题的答案为选项B：肺炎支原体"),
    ("B", "所以，B是正确答案，A、C、D是错误的。"),
    ("B", "答案是B、肺炎支原体。"),
    ("B", "Thus, option B is the best answer."),
    ("B", "The best choice is B (Mycoplasma pneumoniae)."),
    ("B", "I'd go with B"),
    ("B", "B seems the most likely."),
    ("B", "Not A, not C, so B"),
    ("B", "My answer: B"),
    ("B", "The answer is (B), not (A)."),
    ("B", "正确答案：Ｂ．"),
    ("B", "选 B 。"),
    ("B", "选择 （B）"),
    ("B", "答案在B"),
    ("B", "非B莫属"),
    ("B", "B无疑"),
    (None, "A和B都是正确的，C和D可能是错误的"),
    (None, "C和D可能是错误的"),
    (None, "A或B"),
    (None, "不能确定"),
    (None, "我不知道"),
    (None, "选A或B都可以"),
    (None, "A、B都对"),
    (None, "A型流感常见于冬季"),
    (None, "不是A"),
    (None, "排除A和C"),
    (None, "A和B都有可能"),
    (None, "可能是A，也可能是B"),
    (None, "如果有痰选A，如果干咳选B"),
    (None, "无法判断，请提供更多信息。"),
    (None, "请问患者年龄？"),
    (None, "您能提供完整的题目吗？"),
    (None, "作为AI，我不能提供医疗建议。"),
    (None, "建议去医院就诊。"),
    (None, "E"),
    (None, "选E"),
    (None, "答案是F"),
    (None, "答案："),
    (None, "答案是"),
    (None, "选"),
    (None, "A. 肺炎链球菌\nB. 肺炎支原体\nC. 流感嗜血杆菌\nD. 肺炎克雷伯菌"),
    (None, "肺炎链球菌、肺炎支原体、流感嗜血杆菌、肺炎克雷伯菌都可引起肺炎。"),
    (None, "首先看A，肺炎链球菌是最常见的病原体；再看B"),
    (None, "A选项指的是典型肺炎，B选项指的是非典型肺炎。"),
    (None, "以上都不对"),
    (None, "都不对"),
    (None, "四个选项都不正确。"),
    (None, "没有正确答案"),
    (None, "选A。选B。"),
    (None, "A。B。C。D。"),
    (None, "答案是A也是B"),
    (None, "B超检查示肺部实变"),
    (None, "T细胞免疫受损，C反应蛋白升高"),
    (None, "患者缺乏维生素C"),
    (None, "D-二聚体升高提示肺栓塞"),
    (None, "A？B？"),
    (None, "是A还是B？"),
    (None, "应该选A还是选B呢？"),
    (None, "您觉得是A吗？"),
    (None, "Either A or B."),
    (None, "I cannot determine the answer."),
    (None, "It could be A or B."),
    (None, "A patient with pneumonia should see a doctor."),
    (None, "这道题考查的是肺炎的病原学，需要结合影像学"),
    (None, "答案不是A"),
    (None, "不选B"),
    (None, "A、B、C、D均可"),
    (None, "所有选项都有道理"),
    (None, "取决于病情，轻症选A，重症选B"),
    (None, "本题有争议，有人选A，有人选B。"),
    (None, "答案：A 答案：B"),
    (None, "1. A 2. B 3. C"),
    (None, "答案可能在A和B之间"),
    (None, "A好像对，B好像也对"),
    (None, "B1、B2和B12都属于维生素"),
    (None, "A组β溶血性链球菌"),
    (None, "hepatitis B is common"),
    (None, "Influenza A and B are viruses."),
    (None, "vitamin C"),
    (None, "既不是A也不是B"),
    (None, "A和C可以排除，剩下B和D不好判断。"),
    (None, "B的可能性大于A，但是C和D也不能排除，难以确定。"),
    (None, "放弃作答"),
    (None, "选不出来"),
    (None, "跳过"),
]
OTHER_ANSWERS = [
    (PAINS, "B", "停经45天，突发下腹痛伴休克，后穹窿穿刺抽出不凝血，诊断明确，为异位妊娠破裂。"),
    (PAINS, "B", "停经史+不凝血，宫外孕破裂，选B"),
    (PAINS, "A", "转移性右下腹痛，麦氏点压痛，典型的阑尾炎表现，故选A。"),
    (PAINS, None, "女性急腹症需要鉴别急性阑尾炎、异位妊娠破裂、卵巢囊肿蒂扭转、急性盆腔炎等。"),
    (PAINS, "D", "肾区叩痛、血尿，考虑输尿管结石，D选项。"),
    (PAINS, "C", "体位改变后突发一侧下腹痛，附件区包块，首先考虑卵巢囊肿蒂扭转（C）。"),
    (PAINS, "E", "我排除了A（无转移痛）、B（无停经）、C（无包块）、D（无血尿），剩下E。"),
    (PAINS, "E", "A、B、C、D都可以排除，所以只能选E了"),
    (PAINS, None, "A、B都可以排除，C、D、E还需要B超检查来鉴别。"),
    (PAINS, None, "需要做B超和血HCG才能明确。"),
    (PAINS, "B", "答案B，宫外孕。"),
    (PAINS, "B", "B，停经史是关键。"),
    (PAINS, "B", "本题选B，A项无停经史，C项无休克，D项无血尿，E项有发热。"),
    (
        PAINS,
        "B",
        "正确答案是B选项。A选项急性阑尾炎多有转移性右下腹痛；C选项多与体位改变有关；D选项常有血尿；E选项多有发热。",
    ),
    (PAINS, "A", "很多人看到女性就选B，但本题没有停经史，转移性右下腹痛提示A。"),
    (PAINS, "C", "初步考虑A，但患者疼痛与体位相关，且触及包块，所以更符合C。"),
    (PAINS, "D", "选择D，理由是绞痛向会阴部放射，这是A、B、C、E都不具备的。"),
    (PAINS, None, "我无法看到题目中的图片，请您补充。"),
    (PAINS, None, "急腹症的处理原则是先稳定生命体征，再"),
    (PAINS, "B", "The most likely diagnosis is ruptured ectopic pregnancy, option B."),
    (PAINS, "B", "ans: B"),
    (PAINS, "B", "ANSWER: B"),
    (PAINS, "B", "Correct option: B"),
    (PAINS, "B", "（B）异位妊娠破裂"),
    (PAINS, "B", "B 异位妊娠破裂"),
    (PAINS, "B", "【B】"),
    (PAINS, "B", "[B]"),
    (PAINS, "B", "“B”"),
    (PAINS, "B", "选b项"),
    (PAINS, None, "Ａ和Ｂ"),
    (PAINS, "C", "C。"),
    (PAINS, None, "Z"),
    (DRUGS, "C", "首选C（呋塞米），吗啡次之"),
    (DRUGS, "B", "硝酸甘油舌下含服"),
    (DRUGS, None, "可给予吗啡、呋塞米、硝酸甘油等药物。"),
    (DRUGS, "D", "除D外均为错误选项"),
    (DRUGS, "A", "不应使用的是A"),
    (DRUGS, "A", "禁用地塞米松，所以选A"),
    (DRUGS, "D", "D是正确的，因为吗啡能减轻焦虑。A不对，B需血压高时用，C用于水肿。"),
    (DRUGS, None, "这四种药都可以用。"),
    (DRUGS, "C", "A？不。B？不。D？也不。那么只有C了。"),
    (DRUGS, "C", "ABD均错误，C正确"),
    (DRUGS, "C", "ABD错"),
    (DRUGS, None, "AB错"),
    (DRUGS, "A", "我把答案定为A"),
    (DRUGS, "B", "经过分析，我给出的选择是B。"),
    (DRUGS, "B", "所以，正确的选择应该是：B。"),
    (DRUGS, "B", "Based on the analysis above, B is the most appropriate."),
    (DRUGS, "B", "I believe the answer to be B"),
    (DRUGS, None, "Sorry, I am not able to answer this."),
    (DRUGS, "C", "答案：C（不是D）"),
    (DRUGS, "C", "答案是C，不选D的原因是呼吸抑制。"),
    (DRUGS, "C", "虽然D也能用，但C更好，因此C。"),
    (DRUGS, None, "是C还是D，我也拿不准"),
    (DRUGS, "C", "C吧，虽然我也拿不准"),
    (DRUGS, "C", "大概是C？我选C"),
    (DRUGS, None, "题目有误，没有正确选项。"),
    (DRUGS, "C", "本题正确答案：【C】"),
    (DRUGS, "C", "参考答案：C"),
    (DRUGS, "C", "标准答案：C"),
    (DRUGS, "C", "答案选：C选项，呋塞米"),
    (DRUGS, "C", "先说结论：C。"),
    (DRUGS, "C", "结论：C"),
    (DRUGS, "C", "综上，C最合适。"),
    (DRUGS, "C", "因此应当选择的是选项C。"),
    (DRUGS, None, "答案是A、C"),
    (DRUGS, "C", "若血压低则选A；本例血压高、肺水肿，选C。"),
    (DRUGS, None, "若血压低则选A；若水肿则选C。"),
    (VITAMINS, "B", "维生素C缺乏导致坏血病，选B"),
    (VITAMINS, "B", "是维生素C"),
    (VITAMINS, "B", "答案：维生素C"),
    (VITAMINS, None, "缺乏维生素A和维生素D都会影响健康"),
    (VITAMINS, "E", "维生素K参与凝血，故选E"),
    (VITAMINS, "C", "选C，维生素D缺乏"),
    (VITAMINS, "C", "维生素D"),
    (VITAMINS, "A", "A（维生素A）"),
    (STATES, "C", "考虑感染性休克"),
    (STATES, "D", "低血糖昏迷可能性最大"),
    (STATES, "C", "A不像，B不像，D血糖正常，排除。"),
    (STATES, "B", "心衰"),
    (RISKS, "D", "以上都对"),
    (RISKS, "D", "A、B、C都是危险因素，选D"),
    (RISKS, "D", "全部正确，所以选D"),
    (RISKS, "A", "A"),
    (TESTS, "D", "首选冠脉造影的理由是金标准，因此答案为D"),
    (TESTS, "D", "金标准是冠状动脉造影"),
    (TESTS, None, "患者应先做心电图，再根据结果决定是否行超声心动图。"),
    (TESTS, "C", "C. 超声心动图\n\n解析：A. 心电图只能提示心律失常；B. 胸部CT用于肺部；D. 冠状动脉造影为有创检查。"),
    (
        TESTS,
        "C",
        "A. 心电图：不能显示瓣膜\nB. 胸部CT：不适合\nC. 超声心动图：首选，正确\nD. 冠状动脉造影：有创\n\n综上，选择C。",
    ),
    (
        TESTS,
        "B",
        "让我逐一分析：\nA选项：不能显示肺部。\nB选项：能清楚显示。\nC选项：用于心脏。\nD选项：用于冠脉。\n所以正确答案是B。",
    ),
    (TESTS, None, "让我逐一分析：\nA选项：心电图可以反映心肌缺血。\nB选项：胸部CT可以"),
    (TESTS, None, "抱歉，我不能回答。"),
    (TESTS, "A", "心电图"),
    (TESTS, "A", "首选心电图检查。"),
    (TESTS, None, "患者胸痛2小时，心电图示ST段抬高"),
    (TESTS, None, "患者心电图正常，需要进一步检查。"),
    (TESTS, None, "答案是E"),
    (TESTS, None, "正确答案应为E，A、B、C均不符合"),
    (TESTS, "D", "Coronary angiography is the gold standard, so the answer is D."),
    (TESTS, "D", "I think it is D"),
    (TESTS, "D", "Option D: coronary angiography"),
    (TESTS, "D", "the answer: d"),
    (TESTS, "D", "D — 冠状动脉造影"),
    (TESTS, "D", "D：冠状动脉造影是金标准"),
    (TESTS, "D", "答案D"),
    (TESTS, "D", "答案 D"),
    (TESTS, "D", "答案：D\n\n问题：下一题……\n"),
    (TESTS, "D", "故本题选D选项，冠状动脉造影。"),
    (TESTS, "B", "A选项心电图不能确诊，排除；C选项超声心动图看结构，排除；D选项有创，排除；故选B"),
    (TESTS, "C", "超声心动图（C）"),
    (TESTS, "C", "选C项：超声心动图"),
    (TESTS, "C", "C对"),
    (TESTS, None, "C不对"),
    (TESTS, None, "C错误"),
    (TESTS, None, "A错，B错"),
    (TESTS, "D", "A错，B错，C错"),
    (NUMBERS, "C", "答案是4"),
    (NUMBERS, "C", "2+2=4"),
    (NUMBERS, "C", "C"),
    (NUMBERS, "D", "8"),
    (NUMBERS, None, "10"),
    (NUMBERS, "B", "B. 2"),
    (TRUTH, "A", "正确"),
    (TRUTH, "B", "错误"),
    (TRUTH, "A", "答案：正确"),
    (TRUTH, "B", "这个说法是错误的，选B"),
    (TRUTH, "A", "A"),
    (TESTS, "D", "请选D"),
    (TESTS, "D", "选D。心电图（A）敏感性低，CT（B）不看冠脉，超声（C）看结构。"),
    (TESTS, "D", "D\n\n解释：冠脉造影是金标准"),
    (TESTS, "D", "D 冠状动脉造影"),
    (TESTS, "D", "『D』"),
    (TESTS, "D", "<answer>D</answer>"),
    (TESTS, "D", "<D>"),
    (TESTS, "D", "选项为D"),
    (TESTS, "D", "我会选D，而不是A"),
    (TESTS, "A", "本来想选D，后来觉得有创，还是选A"),
    (TESTS, "A", "D有创，还是A吧"),
    (TESTS, "A", "不选D，选A"),
    (TESTS, "A", "我原来的答案是D，现在改成A。"),
    (TESTS, "A", "先前答D，现更正为A"),
    (TESTS, None, "A和D之间犹豫不决"),
    (TESTS, None, "A、D中的一个"),
    (TESTS, None, "要么A要么D"),
    (TESTS, None, "AD"),
    (TESTS, None, "A/D"),
    (TESTS, None, "A,D"),
    (TESTS, None, "选AD"),
    (TESTS, "A", "A A A A"),
    (TESTS, "D", "冠脉造影（D选项）是诊断冠心病的金标准，故正确答案为D。"),
    (TESTS, None, "题目问的是哪一项检查？"),
    (TESTS, None, "B超"),
    (TESTS, None, "谢谢您的提问！"),
    (TESTS, None, "根据题意，正确答案是"),
    (TESTS, None, "正确答案："),
    (TESTS, None, "..."),
    (TESTS, None, ""),
    (TESTS, None, "选项A、B、C、D分别代表四种检查。"),
    (TESTS, None, "A型性格的人容易得冠心病。"),
    (TESTS, None, "维生素D缺乏与冠心病有关。"),
    (TESTS, None, "肝炎B病毒"),
    (TESTS, None, "CT显示D12椎体骨折"),
    (TESTS, None, "Vitamin D and hepatitis A are unrelated."),
]
SEVERAL_INFECTIONS = [
    ("ABCD", "A、B、C、D均正确"),
    ("ABCDE", "五项都对"),
    ("ABCDE", "ABCDE"),
    ("ABCDE", "全部选项都正确"),
    ("ACD", "A、C、D可经性传播，B、E主要经血液传播，故选ACD"),
    ("ACD", "答案应为A、C和D"),
    ("ACD", "选A、C、D，不选B、E"),
    ("ACD", "A（√）B（×）C（√）D（√）E（×）"),
    ("E", "只能选E"),
    ("BD", "B、D。"),
    ("BD", "答案：BD。解析：A错误，C错误，E错误。"),
    ("BD", "B和D正确，A、C、E错误"),
    ("BD", "A错误；B正确；C错误；D正确；E错误。"),
    ("BD", "故答案选BD。"),
    ("BD", "The answers are B and D."),
    ("BD", "B, D"),
    ("BD", "B、D\n"),
    ("BD", '{"answer": "BD"}'),
    ("ABCD", "除E外，其他都是"),
    ("ABCD", "除了疟疾，其余都是"),
    (None, "这些疾病的传播途径各不相同。"),
    (None, "B和D也许对，不确定"),
    ("BCD", "去掉A和E，选BCD"),
]
SEVERAL = [
    ("ABD", "ABD"),
    ("ABD", "A、B、D"),
    ("ABD", "选ABD"),
    ("ABD", "答案：A、B、D"),
    ("ABD", "ABD都对"),
    ("ABD", "A、B、D都对，C和E不对"),
    ("ABCDE", "以上都对"),
    ("ABCDE", "全选"),
    ("ABCD", "除了E都可以"),
    ("BCDE", "除了A以外都对"),
    ("ABD", "正确答案为ABD。"),
    ("ABD", "A对，B对，C错，D对，E错"),
    ("ABD", "A√ B√ C× D√ E×"),
    ("AB", "答案是A和B"),
    ("ABC", "故本题选ABC"),
    ("ABD", "The correct answers are A, B, and D."),
    ("ABD", "Answer: ABD"),
    ("ABD", "A,B,D"),
    ("ABD", "选A、B和D"),
    ("BD", "原来选ABD，但A不对，改为BD"),
    (None, "选AB或ABC"),
    (None, "无法确定"),
    ("ABD", "排除C、E，其余都选"),
    ("ABCD", "发热、咳嗽、胸痛、呼吸困难"),
    ("ABD", "**ABD**"),
    ("ABD", "A. 发热\nB. 咳嗽\nD. 呼吸困难"),
    ("A", "只有A正确"),
    ("AB", "选前两项"),
    ("ABD", "【答案】ABD"),
    ("ABD", "正确的有：A、B、D"),
    ("ABD", "ＡＢＤ"),
    ("ABD", "a、b、d"),
    ("ABD", '["A","B","D"]'),
    ("ABD", "答案：A B D"),
    ("ABD", "应选择A项、B项、D项"),
    (None, "发热时应多喝水，必要时就诊。"),
    ("ABDE", "ABDE四项均正确"),
    ("ABCD", "E与肺炎无关，其他都是肺炎的表现，选ABCD"),
    ("AE", "A和E"),
]


@pytest.mark.parametrize(("choice", "text"), GERM_ANSWERS)
def test_one_of_four(choice: str | None, text: str) -> None:
    assert read_choice(text, GERMS) == choice


@pytest.mark.parametrize(("options", "choice", "text"), OTHER_ANSWERS)
def test_options_that_look_like_names_numbers_or_verdicts(
    options: dict[str, str], choice: str | None, text: str
) -> None:
    assert read_choice(text, options) == choice


@pytest.mark.parametrize(("choice", "text"), SEVERAL)
def test_several_of_five(choice: str | None, text: str) -> None:
    assert read_choice(text, SIGNS, multiple=True) == choice


@pytest.mark.parametrize(("choice", "text"), SEVERAL_INFECTIONS)
def test_several_infections(choice: str | None, text: str) -> None:
    assert read_choice(text, BLOOD, multiple=True) == choice


@pytest.mark.parametrize("said", WAYS, ids=lambda said: said["answer_text"][:20])
def test_many_ways_to_answer(said: dict[str, Any]) -> None:
    """In ways that the labelled set does not have, and texts that choose nothing."""
    assert read_choice(said["answer_text"], said["options"], said["multiple"]) == said["choice"]


def test_what_keeps_a_letter_from_being_read() -> None:
    assert read_choice("答案是E。A、B、C均不符合", GERMS) is None
    assert read_choice("脂溶性维生素有A、D、E、K", GERMS, multiple=True) is None
    assert read_choice("除了A都可以", GERMS) is None
    assert read_choice("除了A都是杀菌药", GERMS) == "A"
    assert read_choice("不像肺炎的支原体", GERMS) is None
    assert read_choice("肺炎支原体和", GERMS) is None
    assert read_choice("只有B是没有细胞壁的", GERMS) == "B"
    assert read_choice("选项A是典型病原体", GERMS) is None


def test_c088_a_text_that_calls_two_right_is_not_read() -> None:
    """FreedomIntelligence/CMB#13: the first letter was recorded."""
    assert read_choice("A和B都是正确的，C和D可能是错误的", GERMS) is None


def test_c090_letters_of_english_words_are_no_options() -> None:
    """open-compass/opencompass#1933: `Let's` was read as option L; so was a letter that is no option."""
    many = {letter: f"选项文字{number}" for number, letter in enumerate("ABCDEFGHIJKL")}
    assert read_choice("答案：Let me think… 因此选B", many) == "B"
    assert read_choice("Answer: Let's think step by step. The fever is low. So the answer is B.", many) == "B"
    assert read_choice("答案：Let me think… 因此选L", GERMS) is None


@pytest.mark.parametrize("letter", "ABCD")
def test_a_letter_reads_alike_whichever_it_is(letter: str) -> None:
    for text in ("选{}", "答案：{}", "（{}）", "我认为应选择{}", "故选{}项", "**{}**", "The answer is {}.", "{}"):
        assert read_choice(text.format(letter), GERMS) == letter
        assert read_choice(text.format(chr(ord(letter) + 0xFEE0)), GERMS) == letter


def test_traditional_characters() -> None:
    assert read_choice("答案應為B，其餘選項錯誤", GERMS) == "B"
    assert read_choice("正確答案選擇C", GERMS) == "C"


@pytest.mark.parametrize("multiple", [False, True])
@pytest.mark.parametrize(
    "part",
    [
        *("选B，C不对。", "A", "肺炎", "（", "选", "是的", " ", "\n", "不是A而是B，", "a ", "答案", "。", "1.", "{"),
        *("<think>", "\\boxed{", "肺炎链球", "以上", "1 ", "\n> ", "除了", "第", "A、", "A、Z ", "\n患者", "A；"),
    ],
)
def test_an_answer_of_100_000_characters_is_read(part: str, multiple: bool) -> None:
    """In linear time: squared, this would take hours."""
    assert read_choice(part * (100_000 // len(part)), GERMS, multiple) in {None, *"ABCDEF", "AB", "ABCD"}


@pytest.mark.parametrize(("part", "share"), [("dev", 0.95), ("test", 0.9)])
def test_the_labelled_set(part: str, share: float) -> None:
    """What the benchmark prints of parts that may be learned from: most agree, hardly a letter where none is chosen."""
    records = [json.loads(line) for line in (SETS / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()]
    read = [(r["choice"], read_choice(r["answer_text"], r["options"], r["multiple"])) for r in records]
    assert sum(choice == letters for choice, letters in read) >= share * len(read)
    assert sum(letters is not None for choice, letters in read if choice is None) <= 1
