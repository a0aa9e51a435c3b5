"""Whether an answer asks the patient something: a doctor takes a history, and corpora of single turns hardly do."""

import re


def asks_back(answer: str) -> bool:
    """True when the answer asks the patient something; a polite or a rhetorical question does not count."""
    if any(word in answer for word in _REQUESTING) and _REQUEST.search(answer):
        return True
    if not any(sign in answer for sign in _ASKING):
        return False
    asked = (sentence for sentence in _SENTENCE.findall(answer) if _ENDS.search(sentence))
    return any(_TO_THE_PATIENT.search(sentence) and not _POLITE.search(sentence) for sentence in asked)


_ASKING = "？?吗呢"
_SENTENCE = re.compile(r"[^。！!？?；;\n]+[。！!？?；;]?")
_ENDS = re.compile(r"[？?]$|[吗呢][。！!；;]?$")
_TO_THE_PATIENT = re.compile(
    r"[您你].*(?:吗|没有|多[久大少长高]|几|什么时候|哪|是不是|有无|还是|什么)|有没有|有无|是否|可有|[做查吃用测]过"
    r"|多[久大长]|几[天年岁周次个月]|多少|哪[里个种些儿]|什么时候|何时|还是|是不是|[吗呢][?？。]?$|没有?[?？]"
    r"|怎么?样|(?:现在|平时|平常)[^，,]{0,8}如何|什么(?:颜色|样|性质|症状|药|病史|疾病)|好不好|疼不疼|干不干|多不多"
    r"|\b(?:do|did|does|have|has|are|is|was|were|can|any)\b.*\b(?:you|your|he|his|she|her|it|pain|fever)\b"
    r"|\bhow (?:long|old|much|many|often|severe)\b|\bwh(?:en|ere|ich|at)\b.*\b(?:you|your|he|she|it)\b"
    r"|^\W*(?:[a-z]+, )?any\b|\bproblem today\b",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"还有(?:什么|其他|别的|哪些|没有)?[^，,]{0,4}(?:问题|疑问|不明白|不清楚|想问|需要)"
    r"|(?:明白|懂|清楚|了解|理解|记住)了?[吗么没]|(?:^|[，,])[^，,]{0,4}(?:好吗|可以吗|行吗|对吗|是吗|好不好|对不对)"
    r"|知道(?!自己)|为什么|怎么(?:办|治|回事|会|能)|难道|岂|何[必不乐]|什么是|是什么|有哪些|什么(?:好|原因)"
    r"|如何(?:治|处理|预防|护理|判断|才)|什么[^，,]{0,4}帮|能[^，,]{0,2}帮[您你助]"
    r"|any (?:other|more|further)|anything else|questions\?|make sense|is that (?:clear|ok)|understand\?"
    r"|how can i help|what (?:should|can) you do|\bwhy\b|who knows|what (?:is|are)|don't you think|isn't it",
    re.IGNORECASE,
)
_REQUESTING = ("请", "麻烦", "希望", "方便", "lease", "ould you", "an you")
_REQUEST = re.compile(
    r"请问(?!还|有什么|有啥|其他|医生|药师|大夫|您的医生)"
    r"|(?<!问题，)(?<!疑问，)(?<!需要，)(?<!问题)(?:请|麻烦|希望|方便)[您你]?[再先能]?"
    r"(?:补充|描述|详细[说描介]|说明(?!书)|提供|告诉我|讲一?下|说一?下|介绍一?下)"
    r"|(?:please|could you|can you) (?:tell me|describe|let me know (?!if you have any))",
    re.IGNORECASE,
)
