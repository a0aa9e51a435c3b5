"""The words that pages and pictures share, in English and in Chinese."""

from doctorglm.language import Text

PASSED = Text(en="Passed", zh="通过")
FAILED = Text(en="Not passed", zh="未通过")

BASE = Text(en="Base", zh="基座")
TUNED = Text(en="Tuned", zh="微调")
PLACEBO = Text(en="Placebo", zh="安慰剂")
TRAINING = Text(en="Training", zh="训练")
VALIDATION = Text(en="Validation", zh="验证")
GENERAL = Text(en="General text", zh="通用文本")

STEP = Text(en="Step", zh="步")
STAGE = Text(en="Stage", zh="去向")
COUNT = Text(en="Count", zh="数量")
SHARE = Text(en="Share", zh="占比")
COMPARISON = Text(en="Comparison", zh="比较")
DIFFERENCE = Text(en="Difference", zh="差值")
INTERVAL_95 = Text(en="95\u202f% interval", zh="95\u202f% 区间")
VALUE = Text(en="Value", zh="值")
UNIT = Text(en="Unit", zh="单位")
BETTER = Text(en="better", zh="更好")

TABLE_BEHIND = Text(en="The numbers behind this picture", zh="查看图中数据")
REPRODUCE = Text(en="How to reproduce", zh="如何复现")
PATIENT = Text(en="Patient", zh="患者")
AI_ANSWER = Text(en="AI-generated", zh="AI 生成")
ORIGINAL = Text(en="English", zh="英文原文")
TRANSLATION = Text(en="Chinese", zh="中文译文")
NO_ANSWER = Text(en="(no text)", zh="（没有文字）")
MARKED = Text(
    en="Marked words are those that the first answer does not have; in the first itself, those that the next lacks.",
    zh="标出的是第一栏没有的词句；第一栏标出的，是后一栏没有的词句。",
)
LITTLE_IN_COMMON = Text(
    en="Shares too few words with the answer beside it to mark the differences.",
    zh="与旁边的回答几乎没有相同的词句，因此不标差异。",
)
LANGUAGE_SWITCH = Text(en="Language", zh="语言")
SCROLLABLE = Text(en="Table, scrolls sideways", zh="表格，可左右滚动")

SMOOTHING = Text(
    en="Thin: every value as logged. Thick: Gaussian mean with a standard deviation of {sd} steps.",
    zh="细线是逐步记录的原值，粗线是标准差为 {sd} 步的高斯平滑。",
)
SMOOTHING_THINNED = Text(
    en="Thin: the lowest and the highest of every {of} values logged. Thick: Gaussian mean with a standard deviation "
    "of {sd} steps.",
    zh="细线是每 {of} 个记录值中的最低与最高值，粗线是标准差为 {sd} 步的高斯平滑。",
)
INTERVALS = Text(
    en="A dot is the mean difference by item, the line through it the 95\u202f% interval of the paired bootstrap.",
    zh="圆点是逐项差值的均值，横线是配对自助法的 95\u202f% 区间。",
)
INTERVALS_OF_VALUES = Text(
    en="A bar and its dot are the value, the line through the dot its 95\u202f% interval.",
    zh="条和圆点是数值，横线是其 95\u202f% 区间。",
)
INTERVALS_PAIRED = Text(
    en="A dot is the difference on the same items, the line through it its 95\u202f% interval.",
    zh="圆点是相同条目上的差值，横线是其 95\u202f% 区间。",
)
HEAT = Text(en="Darker is more.", zh="颜色越深，数值越大。")
HEAT_MARKED = Text(
    en="Darker is more. The framed cell is the one that is recommended.",
    zh="颜色越深，数值越大；加框的一格为推荐设置。",
)
WIDTHS = Text(
    en="The width of a stream is its count; every branch adds up to the one before it.",
    zh="流的宽度即数量，各分支之和等于上一级。",
)

STREAMS = Text(
    en="The width of a stream is its count. Green stays, grey is left out; the smallest are gathered, and all stand in "
    "the table.",
    zh="流的宽度即数量：绿色留下，灰色剔除；最小的合并显示，全部见表。",
)
READ = Text(en="Read", zh="读入")
KEPT = Text(en="Kept", zh="保留")
REJECTED = Text(en="Rejected", zh="剔除")
OTHER_SOURCES = Text(en="{n} other sources", zh="其他 {n} 个来源")
OTHER_REASONS = Text(en="{n} other reasons", zh="其他 {n} 种原因")
OTHERS = Text(en="{n} others", zh="其他 {n} 项")
MEDIAN = Text(en="median about {value}", zh="中位数约 {value}")
ALSO_IN = Text(en="Also in", zh="也在")
MATRIX = Text(
    en="The numbers below the columns are those of the rows. Darker is more, by the logarithm.",
    zh="各列下方的编号与行的编号相同；颜色越深，数量（对数）越大。",
)
FROM = Text(en="From", zh="起")
TO_BELOW = Text(en="To below", zh="止（不含）")

HONESTY_TITLE = Text(en="Not medical advice", zh="不是医疗建议")
HONESTY = Text(
    en="Answers shown here were written by an AI and were not reviewed by a clinician. They are not a diagnosis "
    "and do not replace a doctor. The numbers say how well a model predicts text it has not seen, not whether its "
    "advice is right. In an emergency call 120 in China, or your local number, at once.",
    zh="文中的回答由 AI 生成，未经临床医生审核，不是诊断，也不能代替就医。页面中的数字只说明模型对未见过的文本"
    "预测得好不好，不说明它的建议对不对。如遇急症，请立即拨打 120。",
)


def counted(text: Text, n: int) -> Text:
    """The text with `{n}` filled in."""
    return Text(en=text.en.format(n=f"{n:,}"), zh=text.zh.format(n=f"{n:,}"))
