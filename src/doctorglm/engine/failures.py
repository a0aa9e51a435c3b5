"""What went wrong with a request, in words: which of the server's failures it is, and what to do.

ModelError where no conversation would fare better, DataError where this one has no answer. What the server says is
repeated without what it may quote of a patient.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import httpx2
import openai

from doctorglm.engine.address import Address
from doctorglm.engine.reading import garbage
from doctorglm.errors import DataError, DoctorGLMError, ModelError, without_values

_LONGEST_TOLD = 200
"""Characters of a server's message that are repeated."""
_ECHO = 8
"""A message that has as many characters in a row from the conversation may quote a patient, and is not repeated."""


def failure(error: Exception, address: Address, tries: int, timeout_s: float, sent: Sequence[str]) -> DoctorGLMError:
    """The error to show for what a request ended in after so many tries; `sent` are the texts of the conversation."""
    tried_en, tried_zh = (f", tried {tries} times", f"，已尝试 {tries} 次") if tries > 1 else ("", "")
    where = address.base
    if _unreachable(error):
        said = words(str(error.__cause__ or error), sent)
        return ModelError(
            en=f"{where}: no connection{tried_en}{said}. Start the server, or correct the address.",
            zh=f"{where}：无法连接{tried_zh}{said}。请启动服务器，或检查地址。",
        )
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return DataError(
            en=f"{where}: no whole answer within {timeout_s:g} s{tried_en}. Raise timeout_s, lower concurrency or "
            "max_new_tokens.",
            zh=f"{where}：{timeout_s:g} 秒内没有得到完整回答{tried_zh}。请调大 timeout_s，或调小 concurrency、"
            "max_new_tokens。",
        )
    if isinstance(error, (openai.APIConnectionError, httpx2.TransportError)):
        return DataError(
            en=f"{where}: the connection broke off{tried_en}. Look into the server's log.",
            zh=f"{where}：连接中断{tried_zh}。请查看服务器日志。",
        )
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, address, tried_en, tried_zh, sent)
    if isinstance(error, openai.APIError):
        said = words(_message(error.body) or error.message, sent)
        return garbage(en=f"it is an error{said}", zh=f"返回的是错误{said}")
    return garbage(en="it is not JSON in UTF-8", zh="不是 UTF-8 编码的 JSON")


def _unreachable(error: Exception) -> bool:
    kinds = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol)
    return isinstance(error, kinds) or isinstance(error.__cause__, kinds)


def _of_status(
    error: openai.APIStatusError, address: Address, tried_en: str, tried_zh: str, sent: Sequence[str]
) -> DoctorGLMError:
    code, where = error.status_code, address.base
    said = words(_message(error.body), sent)
    if 300 <= code < 400:
        host = urlsplit(error.response.headers.get("location", "")).hostname or address.host
        return ModelError(
            en=f"{where}: redirects ({code}) to {host}, where nothing is sent. Give that address itself "
            "if it is meant.",
            zh=f"{where}：被重定向（{code}）到 {host}，不会向那里发送任何内容。若确需使用，请直接给出该地址。",
        )
    if code in (401, 403):
        return ModelError(
            en=f"{where}: the server refuses the key ({code}){said}. Set OPENAI_API_KEY.",
            zh=f"{where}：服务器拒绝了密钥（{code}）{said}。请设置 OPENAI_API_KEY。",
        )
    if code == 404:
        return ModelError(
            en=f"{where}: no model {address.name}, or no such path (404){said}. The address usually ends in /v1; "
            f"{where}/models lists the names.",
            zh=f"{where}：没有模型 {address.name}，或路径不存在（404）{said}。地址通常以 /v1 结尾；"
            f"{where}/models 会列出模型名。",
        )
    if code == 429 or code >= 500:
        return DataError(
            en=f"{where}: the server failed with {code}{tried_en}{said}. Look into its log, or lower concurrency.",
            zh=f"{where}：服务器返回 {code}{tried_zh}{said}。请查看服务器日志，或调小 concurrency。",
        )
    return DataError(
        en=f"{where}: the server refuses this conversation ({code}){said}. It may be too long for the model's context.",
        zh=f"{where}：服务器拒绝了这段对话（{code}）{said}。它可能超出了模型的上下文。",
    )


def _message(body: object) -> str:
    """What a body of an error says; "" for what is no message, such as a page of HTML."""
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or body.get("error")
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""


def words(message: str, sent: Sequence[str]) -> str:
    """What a server says, as `: message`, or "" where it may quote what was sent."""
    told = without_values(" ".join(message.split()))[:_LONGEST_TOLD].rstrip(". ")
    texts = [text.lower() for text in sent]
    low = told.lower()
    if any(low[start : start + _ECHO] in text for start in range(len(low) - _ECHO + 1) for text in texts):
        return ""
    return f": {told}" if told else ""
